"""The exercises of chapter 04: the two terms of the ELBO, their units, and bounds from many draws."""

from itertools import pairwise
from typing import Any

import numpy as np

from companion.exercises.exercise import (
    Case,
    Demand,
    Exercise,
    Mistake,
    OpenExercise,
    reason_of,
    the_number,
)

cost_of_a_code = Exercise(
    name="cost_of_a_code",
    chapter="04",
    kind="compute",
    title="The KL of a code of two coordinates",
    cases=the_number(2.818147),
    unit="one number, in nats",
    mistakes=(
        Mistake(lambda: 1.409074, "That is the mean over coordinates; the KL is their sum."),
        Mistake(lambda: 5.636294, "The factor of one half is missing."),
        Mistake(lambda: 2.471574, "The logarithm is that of the variance, twice the logarithm of sigma."),
        Mistake(lambda: 3.318147, "The -1 belongs to every coordinate, not once to the sum."),
        Mistake(lambda: 2.596574, "0.5 and 1 are standard deviations; square them for the variances."),
        Mistake(
            lambda: 2.933502, "0.5 and 1 are standard deviations; they stood where log variances belong."
        ),
        Mistake(lambda: -2.818147, "A KL is never negative; look at the sign in front of the sum."),
    ),
    hints=(
        "Work out one coordinate after the other and add them.",
        "Of a coordinate with sigma = 1 only the mean is left.",
    ),
)


def _two_normals() -> list[Case]:
    from companion.distributions import DiagonalNormal

    made = []
    for seed, shape in enumerate([(3, 2), (2, 5)]):
        parameters = tuple(np.random.default_rng(seed).normal(size=(4, *shape)).astype("float32"))
        right = DiagonalNormal(*parameters[:2]).kl(DiagonalNormal(*parameters[2:]))
        made.append(Case(f"four arrays of shape {shape}", parameters, right.numpy()))
    return made


def _kl(qm: Any, qv: Any, pm: Any, pv: Any, log: float = 1.0) -> Any:
    """The KL per coordinate in terms of log variances; ``log`` is a weight of the logarithms."""
    return ((qm - pm) ** 2 / np.exp(pv) + np.exp(qv - pv) - 1 + log * (pv - qv)) / 2


kl_between = Exercise(
    name="kl_between",
    chapter="04",
    kind="code",
    title="The KL between two normals",
    cases=_two_normals,
    mistakes=(
        Mistake(
            lambda qm, qv, pm, pv: _kl(pm, pv, qm, qv).sum(1),
            "That is KL(p || q): the expectation is over q, whose variance stands in the numerator.",
        ),
        Mistake(lambda *a: _kl(*a).mean(1), "That is the mean over coordinates; the KL is their sum."),
        Mistake(lambda *a: _kl(*a).sum(), "That is one number for all images; keep one for each."),
        Mistake(lambda *a: _kl(*a).sum(0), "The sum ran over the images; sum over the last axis."),
        Mistake(
            lambda qm, qv, pm, pv: _kl(qm, qv, pm, pv, 2.0).sum(1),
            "The half is missing in front of the logarithms.",
        ),
        Mistake(
            lambda qm, qv, pm, pv: _kl(qm, qv, 0 * pm, 0 * pv).sum(1),
            "The second normal is not used; that is the KL to the standard normal.",
        ),
        Mistake(
            lambda qm, qv, pm, pv: _kl(qm, 2 * qv, pm, 2 * pv).sum(1),
            "The arguments are log variances; there they were read as log standard deviations.",
        ),
    ),
    hints=(
        "Write log q(z) - log p(z) and take the expectation over q, term by term.",
        "E_q (z - p_mean)^2 is the variance of q plus the squared distance of the means.",
    ),
)


def _images_and_codes() -> list[Case]:
    from companion.objectives import elbo_terms, kl_to_standard_normal

    made = []
    for seed, (n, side, d) in enumerate([(3, 4, 2), (2, 5, 3)]):
        rng = np.random.default_rng(seed)
        images = (rng.uniform(size=(n, side, side, 1)) < 0.5).astype("float32")
        chance = rng.uniform(0.1, 0.9, size=images.shape).astype("float32")
        mean, log_var = rng.normal(size=(2, n, d)).astype("float32")
        log_likelihood = np.log(np.where(images > 0, chance, 1 - chance)).reshape(n, -1).sum(1)
        right = -elbo_terms(log_likelihood, kl_to_standard_normal(mean, log_var).numpy())["elbo"]
        says = f"images of shape {images.shape}, codes of shape {mean.shape}"
        made.append(Case(says, (images, chance, mean, log_var), right))
    return made


def _pixels_and_units(x: Any, chance: Any, mean: Any, log_var: Any) -> tuple[Any, Any]:
    pixels = -np.log(np.where(x > 0, chance, 1 - chance)).reshape(len(x), -1)
    return pixels, _kl(mean, log_var, 0.0, 0.0 * log_var)


def _mixed(mix: Any) -> Any:
    return lambda *arguments: mix(*_pixels_and_units(*arguments))


negative_elbo = Exercise(
    name="negative_elbo",
    chapter="04",
    kind="mend",
    title="A loss under which the code collapses",
    cases=_images_and_codes,
    mistakes=(
        Mistake(
            _mixed(lambda p, u: p.mean(1) + u.sum(1)),
            "A mean over pixels next to a sum over coordinates gives the KL a weight equal to the number of pixels.",
            untouched=True,
        ),
        Mistake(
            _mixed(lambda p, u: p.mean(1) + u.mean(1)),
            "Two means: there are more pixels than coordinates, so the two terms are divided by different numbers.",
        ),
        Mistake(
            _mixed(lambda p, u: p.sum(1) + u.mean(1)),
            "Now the mean is over the coordinates, so the KL has too little weight.",
        ),
        Mistake(_mixed(lambda p, u: p.sum(1) - u.sum(1)), "The sign of the KL: the negative ELBO adds it."),
        Mistake(
            _mixed(lambda p, u: (p.sum(1) + u.sum(1)).mean()),
            "Return one value for each image and leave the mean over the batch to the model.",
        ),
    ),
    hints=(
        "Which axes are averaged, and which are summed?",
        "Every axis but the first is summed, in both terms.",
    ),
)

noise_of_a_mean = Exercise(
    name="noise_of_a_mean",
    chapter="04",
    kind="compute",
    title="The noise that a mean squared error assumes",
    cases=the_number(39.1918),
    unit="one number, the standard deviation s of a colour value",
    mistakes=(
        Mistake(lambda: 1536.0, "That is the variance; the question is its root."),
        Mistake(lambda: 55.4256, "In the likelihood the squared error is divided by 2 s^2, not by s^2."),
        Mistake(lambda: 22.6274, "An image has three channels, and the mean runs over them as well."),
        Mistake(
            lambda: 0.707107, "That belongs to the sum; the mean divides by the number of values besides."
        ),
        Mistake(
            lambda: 19.7990, "That is chapter 04's figure for 784 pixels; count the values of a colour image."
        ),
    ),
    hints=("How many values does the mean run over?", "Set 1 / (2 s^2) equal to one over that number."),
)


def _pairs(answer: Any) -> list[tuple[int, float]]:
    return [(int(k), float(bound)) for k, bound in answer["bounds"].items()]


how_many_draws = OpenExercise(
    name="how_many_draws",
    chapter="04",
    kind="open",
    title="How many draws are enough?",
    cases=list,
    demands=(
        Demand(
            lambda answer: len(_pairs(answer)) >= 3 and 1 in dict(_pairs(answer)),
            "under 'bounds', the bound for at least three k, 1 among them, such as {1: ..., 10: ..., 100: ...}",
            "Call log_likelihood(model, images, k).mean() for several k, beginning with 1.",
        ),
        Demand(
            lambda answer: all(bound < 0 for _, bound in _pairs(answer)),
            "bounds under Bernoulli pixels, which are negative",
            "Those look like losses; the bound is minus the loss.",
        ),
        Demand(
            lambda answer: all(bound < -10 for _, bound in _pairs(answer)),
            "nats per image, on the digits below -10",
            "That looks like a mean over pixels; the bound of an image sums over them.",
        ),
        Demand(
            lambda answer: all(b >= a - 0.5 for (_, a), (_, b) in _neighbours(answer)),
            "a bound that does not fall as k grows, up to half a nat of noise",
            "A bound that falls was taken over other images, or over draws of different images.",
        ),
        reason_of(),
    ),
    hints=("Use the same images for every k, and a model that was trained for a while.",),
)


def _neighbours(answer: Any) -> Any:
    ordered = sorted(_pairs(answer))
    return pairwise(ordered)


EXERCISES = (cost_of_a_code, kl_between, negative_elbo, noise_of_a_mean, how_many_draws)
