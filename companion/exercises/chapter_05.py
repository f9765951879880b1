"""The exercises of chapter 05: lengths, arcs, quantiles, the shell of the prior and what a scatter plot proves."""

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import chi, norm

from companion.exercises.exercise import Case, Exercise, Mistake, the_number
from companion.exercises.own_measurements import clearer_groups
from companion.exercises.values import as_values

length_of_a_midpoint = Exercise(
    name="length_of_a_midpoint",
    chapter="05",
    kind="compute",
    title="How far from the origin lies a midpoint?",
    cases=the_number(8.0),
    unit="one number, a mean squared length",
    mistakes=(
        Mistake(
            lambda: 16.0,
            "That is the squared length of the ends. Half of a sum has less variance than one term.",
        ),
        Mistake(lambda: 4.0, "The half counts squared for each of two draws, and both of them add up."),
        Mistake(lambda: 2.828427, "That is a length; the question is its square."),
        Mistake(
            lambda: 32.0, "That is the sum of both; the midpoint is half of it, and a half counts squared."
        ),
    ),
    hints=(
        "What is the variance of one coordinate of the midpoint?",
        "Sixteen coordinates, each of variance one half.",
    ),
)


def _on_a_circle() -> list[Case]:
    """Both ends and all points between are placed on a circle, so that what is right needs no formula here."""
    made, whole, parts = [], np.array([0.0, 0.25, 0.5, 1.0]), np.array([0.3, 0.9, 0.6])
    circles = [(2, 1.0, np.pi / 2, whole), (16, 4.0, 2.0, whole), (3, 2.5, 0.4, parts)]
    for seed, (d, radius, angle, share) in enumerate(circles):
        u, v = np.linalg.qr(np.random.default_rng(seed).normal(size=(d, 2)))[0].T
        *points, a, b = (radius * (np.cos(s * angle) * u + np.sin(s * angle) * v) for s in (*share, 0.0, 1.0))
        arguments = a.astype("float32"), b.astype("float32"), share
        made.append(Case(f"two codes of {d} coordinates, t={share.tolist()}", arguments, np.stack(points)))
    return made


def _straight(a: Any, b: Any, t: Any) -> Any:
    return a + t[:, None] * (b - a)


def _pulled_out(a: Any, b: Any, t: Any) -> Any:
    line = _straight(a, b, t)
    return line / np.linalg.norm(line, axis=1, keepdims=True) * np.linalg.norm(a)


def _angle(a: Any, b: Any) -> Any:
    return np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))


def _without_its_sine(a: Any, b: Any, t: Any) -> Any:
    angle = _angle(a, b)
    return np.sin((1 - t) * angle)[:, None] * a + np.sin(t * angle)[:, None] * b


arc_between = Exercise(
    name="arc_between",
    chapter="05",
    kind="code",
    title="Walk on an arc with steps of equal length",
    cases=_on_a_circle,
    mistakes=(
        Mistake(
            _straight, "That is the straight line, whose middle lies nearer to the origin than its ends."
        ),
        Mistake(
            _pulled_out,
            "That is the line pulled out to the arc: the distance is right, but the steps are not equal.",
        ),
        Mistake(lambda a, b, t: _straight(b, a, t), "That is the straight line, from the wrong end."),
        Mistake(
            _without_its_sine,
            "The weights do not add up to an end of the arc; divide by the sine of the whole angle.",
        ),
    ),
    hints=(
        "Turn a towards b by the share t of the angle between them.",
        "At t the weight of a is sin((1 - t) w) / sin(w).",
    ),
)


def _count(n: int) -> Case:
    return Case(f"n={n}; shares of the prior below each value", (n,), (np.arange(n) + 0.5) / n)


values_of_a_grid = Exercise(
    name="values_of_a_grid",
    chapter="05",
    kind="mend",
    title="A grid that shows what will be sampled",
    cases=lambda: [_count(n) for n in (5, 8, 1, 50)],
    # Judged by the share of the prior below each value, so that the check does not hold the answer.
    measure=lambda answer, n: norm.cdf(as_values(answer(n))),
    mistakes=(
        Mistake(
            lambda n: norm.cdf(np.linspace(-1, 1, n)),
            untouched=True,
        ),
        Mistake(
            lambda n: norm.cdf(np.linspace(-3, 3, n)),
            "Wider, but at equal steps: most of the prior falls between a few values in the middle.",
        ),
        Mistake(
            lambda n: norm.cdf(np.linspace(-2, 2, n)),
            "Still equal steps. Equal shares of the prior are narrow in the middle and wide outside.",
        ),
        Mistake(
            lambda n: np.linspace(0, 1, n),
            "The first and the last value lie at infinity; take the middle of each share.",
        ),
        Mistake(
            lambda n: norm.cdf((np.arange(n) + 0.5) / n),
            "Those are the shares themselves; the quantile function turns each into a value of z.",
        ),
        Mistake(
            lambda n: np.arange(1, n + 1) / (n + 1),
            "These values cut the prior into n + 1 shares; you need the middles of n shares.",
        ),
    ),
    hints=(
        "From -1 to 1 lie two thirds of the prior, and at equal steps they are not equal shares.",
        "Cut the prior into n equal shares. Which share of it lies below the middle of each?",
        "scipy.stats.norm.ppf is the quantile function.",
    ),
)


def _lengths() -> list[Case]:
    """The logarithm of the density is differentiated numerically, so that what is right needs no formula here."""
    made = []
    for d, length in ((2, 0.5), (16, 3.0), (64, 9.0), (6, 2.3), (150, 13.0)):

        def log_density(r: float, d: int = d) -> float:
            return float(chi.logpdf(r, d))

        step = 1e-4
        slope = (log_density(length + step) - log_density(length - step)) / (2 * step)
        peak = minimize_scalar(lambda r: -log_density(r), bounds=(1e-3, 2 * np.sqrt(d)), method="bounded").x
        made.append(Case(f"r={length}, d={d}", (length, d), np.array([slope, float(peak)])))
    return made


shell_of_the_prior = Exercise(
    name="shell_of_the_prior",
    chapter="05",
    kind="code",
    title="Derive the radius of the shell",
    cases=_lengths,
    rtol=1e-3,
    mistakes=(
        Mistake(
            lambda r, d: np.array([-r, 0.0]),
            "That is the density of a point. A length r also has a surface to lie on, which grows with r.",
        ),
        Mistake(
            lambda r, d: np.array([d / r - r, np.sqrt(d)]),
            "The surface of a ball in d dimensions grows as the power d - 1 of its radius.",
        ),
        Mistake(
            lambda r, d: np.array([(d - 1) / r - r / 2, np.sqrt(2 * (d - 1))]),
            "The derivative of r squared over 2 is r.",
        ),
        Mistake(
            lambda r, d: np.array([(d - 1) / r - r, d - 1.0]),
            "The slope is right. It vanishes where r squared is d - 1.",
        ),
    ),
    hints=(
        "The density of the length is a constant times r^(d - 1) exp(-r^2 / 2). Take its logarithm first.",
        "Set the derivative to zero and solve for r.",
    ),
)


EXERCISES = (length_of_a_midpoint, arc_between, shell_of_the_prior, values_of_a_grid, clearer_groups)
