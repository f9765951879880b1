"""The exercises of chapter 08: two normals for one code, the KL of a lower layer, and layers that meet."""

from typing import Any

import numpy as np

from companion.exercises.exercise import Case, Exercise, Mistake, the_number
from companion.exercises.linear_models import LinearNetworks
from companion.exercises.own_codes import use_of_the_top

merged_mean = Exercise(
    name="merged_mean",
    chapter="08",
    kind="compute",
    title="Two normals for one coordinate",
    cases=the_number(1.6),
    unit="one number, the mean of the merged normal",
    mistakes=(
        Mistake(lambda: 1.0, "That is the plain mean; the more precise of the two has more weight."),
        Mistake(lambda: 0.4, "The weights are the wrong way round: a large variance has a small weight."),
        Mistake(
            lambda: 1.333333, "The weights are one over the variance, not one over the standard deviation."
        ),
        Mistake(lambda: 2.0, "The prior has a weight, too, though a smaller one."),
        Mistake(lambda: 0.8, "That is the merged variance."),
    ),
    hints=(
        "Precision is one over variance, and precisions add up.",
        "Each mean weighs as much as its precision.",
    ),
)


def _drawn_layers() -> list[Case]:
    from companion.distributions import DiagonalNormal

    made = []
    for seed, (n, d, narrow) in enumerate([(3, 2, 0.0), (2, 4, 0.0), (2, 3, 7.0)]):
        z, qm, qv, pm, pv = np.random.default_rng(seed).normal(size=(5, n, d)).astype("float32")
        pv = pv - np.float32(narrow)
        right = DiagonalNormal(qm, qv).log_prob(z) - DiagonalNormal(pm, pv).log_prob(z)
        says = f"five arrays of shape {(n, d)}" + ", log variances of p near -7" * bool(narrow)
        made.append(Case(says, (z, qm, qv, pm, pv), np.asarray(right)))
    return made


def _squared(z: Any, mean: Any, log_var: Any) -> Any:
    return (z - mean) ** 2 / np.exp(log_var) / 2


def _closed_form(z: Any, qm: Any, qv: Any, pm: Any, pv: Any) -> Any:
    return (_squared(qm, pm, pv) + (np.exp(qv - pv) - 1 + pv - qv) / 2).sum(1)


def _ratio(z: Any, qm: Any, qv: Any, pm: Any, pv: Any) -> Any:
    return _squared(z, pm, pv) - _squared(z, qm, qv) + (pv - qv) / 2


cost_of_the_draw = Exercise(
    name="cost_of_the_draw",
    chapter="08",
    kind="code",
    title="The KL term of layer 1 at the draw",
    cases=_drawn_layers,
    mistakes=(
        Mistake(
            _closed_form,
            "That is the closed form, which forgets which z1 was drawn; evaluate both densities at the draw.",
        ),
        Mistake(lambda *a: -_ratio(*a).sum(1), "The sign: the term is log q minus log p."),
        Mistake(
            lambda *a: _ratio(*a).mean(1),
            "That is the mean over coordinates; log densities of coordinates add up.",
        ),
        Mistake(
            lambda z, qm, qv, pm, pv: (_squared(z, pm, pv) - _squared(z, qm, qv)).sum(1),
            "The widths are missing: each density has a factor 1 / sigma.",
        ),
        Mistake(
            lambda z, qm, qv, pm, pv: _ratio(z, qm, qv, 0 * pm, 0 * pv).sum(1),
            "The prior of layer 1 is p(z1 | z2), not the standard normal.",
        ),
        Mistake(
            lambda z, qm, qv, pm, pv: _ratio(z, qm, 2 * qv, pm, 2 * pv).sum(1),
            "The arguments are log variances; there they were read as log standard deviations.",
        ),
    ),
    hints=(
        "Write the log density of a normal at z1 twice, and subtract.",
        "The constants with pi cancel; the log variances do not.",
    ),
)


def _gap_steps(m: float, v: float, c: float, t: float, a: float, s2: float) -> np.ndarray:
    """Every variable as its coefficients of 1 and of three independent standard normals."""
    z1 = np.array([m, np.sqrt(v), 0.0, 0.0])
    z2 = c * z1 + [0.0, 0.0, np.sqrt(t), 0.0]
    apart = np.array([c * m, 0.0, np.sqrt(t), c * np.sqrt(v)])  # distributed as z2, independent of z1
    joint, independent = np.sum((z1 - a * z2) ** 2), np.sum((z1 - a * apart) ** 2)
    return np.array([z1[1:] @ z2[1:], joint, independent, (independent - joint) / (2 * s2)])


def _linear_layers() -> list[Case]:
    given = [
        (1.0, 0.5, 0.6, 0.3, 0.8, 0.4),
        (-2.0, 1.5, 0.2, 0.9, 1.1, 0.7),
        (0.5, 0.8, -0.7, 0.4, 0.9, 0.5),
    ]
    return [Case(f"m, v, c, t, a, s2 = {each}", each, _gap_steps(*each)) for each in given]


gap_of_the_closed_form = Exercise(
    name="gap_of_the_closed_form",
    chapter="08",
    kind="code",
    title="Derive: what the closed form misses",
    cases=_linear_layers,
    mistakes=(
        Mistake(
            lambda *given: np.array([given[2], *_gap_steps(*given)[1:]]),
            "Step 1: the slope c alone is no covariance; it is multiplied by the variance of z1.",
        ),
        Mistake(
            lambda m, *given: _gap_steps(0.0, *given),
            "Steps 2 and 3: those are variances; a mean of squares also has the squared mean.",
        ),
        Mistake(
            lambda *given: _gap_steps(*given) * [1, 1, 1, -1],
            "Step 4, the sign: the closed form is too large, and the bound with it too small.",
        ),
        Mistake(
            lambda *given: _gap_steps(*given) * [1, 1, 1, 2],
            "Step 4: -log p(z1 | z2) holds the square divided by twice the variance.",
        ),
        Mistake(
            lambda *given: np.append(_gap_steps(*given)[:3], np.abs(_gap_steps(*given)[3])),
            "Step 4 keeps its sign: the gap can be negative, and then the closed form is too small.",
        ),
    ),
    hints=(
        "Write z2 = c z1 + noise. In step 2 the same z1 stands in both places; in step 3 it does not.",
        "The two squares differ by 2 a times the covariance of step 1.",
    ),
)


def _followed(z1_of: Any) -> Any:
    """The result of an answer that decodes ``z1_of`` the encoder's z1 and of z2."""

    def pictures(x: Any, noise_1: Any, noise_2: Any) -> Any:
        z1 = 2.0 * x + 0.5 * noise_1
        return LinearNetworks().p_x(z1_of(x, z1, 0.5 * z1 + noise_2, noise_1))

    return pictures


def _images_and_noise() -> list[Case]:
    x, noise_1, noise_2 = np.random.default_rng(0).normal(size=(3, 4, 2)).round(2)
    return [
        Case(
            "linear networks, x and two noises of shape (4, 2)",
            (x, noise_1, noise_2),
            6.0 * x + 1.5 * noise_1 + 1.0,
        )
    ]


layers_that_meet = Exercise(
    name="layers_that_meet",
    chapter="08",
    kind="mend",
    title="Two layers that never meet",
    cases=_images_and_noise,
    measure=lambda answer, *arguments: answer(LinearNetworks(), *arguments),
    mistakes=(
        Mistake(
            _followed(lambda x, z1, z2, e: -z2 + 2.0 * e),
            untouched=True,
        ),
        Mistake(
            _followed(lambda x, z1, z2, e: -z2),
            "The decoder saw the mean of p(z1 | z2), still not what the encoder drew.",
        ),
        Mistake(
            _followed(lambda x, z1, z2, e: 2.0 * x),
            "The decoder saw the mean of q(z1 | x); the bound is about the draw.",
        ),
        Mistake(_followed(lambda x, z1, z2, e: z2), "The decoder saw z2; the pixels depend on z1 alone."),
    ),
    hints=(
        "Which variable do q(z1 | x) and p(x | z1) share? Here the decoder sees another draw from p(z1 | z2).",
        "p(z1 | z2) enters the loss, not the reconstruction.",
    ),
)

EXERCISES = (merged_mean, cost_of_the_draw, gap_of_the_closed_form, layers_that_meet, use_of_the_top)
