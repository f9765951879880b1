"""The exercises of chapter 04: the two terms of the ELBO, their units, and bounds from many draws."""

from typing import Any

import numpy as np

from companion.exercises.exercise import Case, Exercise, Mistake, the_number
from companion.exercises.own_measurements import how_many_draws
from companion.exercises.values import as_values

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


def _kl(mean: Any, log_var: Any) -> Any:
    """The KL of each unit to the standard normal."""
    return (mean**2 + np.exp(log_var) - 1 - log_var) / 2


def _waiting_times() -> list[Case]:
    return [Case(f"s={s}", (s,), _by_integration(s)) for s in (0.5, 2.0, 3.5, 0.05, 20.0)]


def _by_integration(s: float) -> list[float]:
    """The four steps by sums over nodes that are exact for polynomials, with which exp(-z) is weighed."""
    node, weight = np.polynomial.laguerre.laggauss(20)
    z = s * node  # weight belongs to the density exp(-z / s) / s
    log_q, log_p = -z / s - np.log(s), -z
    kl = np.sum(weight * (log_q - log_p))
    # The score of q for s is z / s^2 - 1 / s; the mean of score * 1 vanishes.
    slope = np.sum(weight * (z / s**2 - 1 / s) * (log_q - log_p))
    return [np.sum(weight * log_q), np.sum(weight * log_p), kl, slope]


def _wrong_in(step: int, value: Any) -> Any:
    """All steps right but one."""

    def gives(s: float) -> list[float]:
        steps = _by_integration(s)
        steps[step] = float(value(s))
        return steps

    return gives


exponential_code = Exercise(
    name="exponential_code",
    chapter="04",
    kind="code",
    title="Derive: the KL of a code that is exponential",
    cases=_waiting_times,
    mistakes=(
        Mistake(
            _wrong_in(0, lambda s: 1 + np.log(s)),
            "Step (a): that is the entropy, minus the average of log q.",
        ),
        Mistake(
            _wrong_in(0, lambda s: np.log(s) - 1),
            "Step (a): the sign of the logarithm. The density exp(-z / s) / s holds 1 / s.",
        ),
        Mistake(
            _wrong_in(1, lambda s: -1.0),
            "Step (b): the expectation is over q, and the mean of z under q is s.",
        ),
        Mistake(
            _wrong_in(2, lambda s: 1 / s - 1 + np.log(s)),
            "Step (c): that is KL(p || q); subtract (b) from (a).",
        ),
        Mistake(
            _wrong_in(3, lambda s: 1 + 1 / s),
            "Step (d): the logarithm enters (c) with a minus sign.",
        ),
    ),
    hints=(
        "Both log densities are linear in z, so the mean of z under q is all you need.",
        "log q(z) = -z / s - log s.",
        "(c) is the difference of (a) and (b); (d) must vanish where q equals p.",
    ),
)


def _images_and_codes() -> list[Case]:
    from companion.objectives import elbo_terms, kl_to_standard_normal

    made = []
    shapes = [(3, 4, 4, 1), (2, 5, 5, 1), (2, 3, 5, 3), (2, 1, 3, 1)]
    for seed, (shape, d) in enumerate(zip(shapes, (2, 3, 2, 2), strict=True)):
        n, rng = shape[0], np.random.default_rng(seed)
        images = (rng.uniform(size=shape) < 0.5).astype("float32")
        chance = rng.uniform(0.1, 0.9, size=images.shape).astype("float32")
        mean, log_var = rng.normal(size=(2, n, d)).astype("float32")
        if seed == 2:
            log_var[0, 0] = -12.0
        if seed == 3:  # a code that is the prior, and a white pixel that was held to be black
            mean[0], log_var[0], images[1, 0, 0], chance[1, 0, 0] = 0.0, 0.0, 1.0, 1e-9
        log_likelihood = np.log(np.where(images > 0, chance, 1 - chance)).reshape(n, -1).sum(1)
        right = -elbo_terms(log_likelihood, as_values(kl_to_standard_normal(mean, log_var)))["elbo"]
        says = f"images of shape {images.shape}, codes of shape {mean.shape}"
        made.append(Case(says, (images, chance, mean, log_var), right))
    return made


def _pixels_and_units(x: Any, chance: Any, mean: Any, log_var: Any) -> tuple[Any, Any]:
    pixels = -np.log(np.where(x > 0, chance, 1 - chance)).reshape(len(x), -1)
    return pixels, _kl(mean, log_var)


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
        Mistake(
            lambda x, p, m, v: _mixed(lambda p, u: p.sum(1) + u.sum(1))(x, np.clip(p, 1e-7, 1 - 1e-7), m, v),
            "A clipped probability caps the loss of a pixel near 16 nats; here none of them is 0 or 1.",
        ),
        Mistake(_mixed(lambda p, u: p.sum(1) - u.sum(1)), "The sign of the KL: the negative ELBO adds it."),
        Mistake(
            _mixed(lambda p, u: (p.sum(1) + u.sum(1)).mean()),
            "Return one value for each image and leave the mean over the batch to the model.",
        ),
    ),
    hints=(
        "By how much does this loss weigh the KL against the pixels?",
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


EXERCISES = (cost_of_a_code, exponential_code, negative_elbo, noise_of_a_mean, how_many_draws)
