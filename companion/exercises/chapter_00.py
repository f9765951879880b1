"""The exercises of chapter 00: what each of the two terms can gain, where they balance, and the draw between them."""

from typing import Any

import numpy as np

from companion.exercises.exercise import Case, Exercise, Mistake, the_number
from companion.exercises.own_training import two_terms_by_size

most_that_pays = Exercise(
    name="most_that_pays",
    chapter="00",
    kind="compute",
    title="The largest KL that can pay off under a mean over pixels",
    cases=the_number(0.1253255),
    unit="one number, in nats per image",
    mistakes=(
        Mistake(
            lambda: 385.0,
            "That is what the code can gain in sum; this loss divides it by the number of values.",
        ),
        Mistake(lambda: 0.3759766, "A colour image has three values per pixel, and the mean runs over all."),
        Mistake(
            lambda: 0.6917318,
            "That is the whole loss without a code. A code cannot gain what lies below the floor.",
        ),
        Mistake(lambda: 0.5664063, "That is the floor, which no code can go below; what is left above it?"),
    ),
    hints=(
        "How far can the first term fall, at most, once it is divided?",
        "At the lowest loss, the KL cannot be larger than what it saves in the first term.",
    ),
)


def _resting(x: Any, scale: Any) -> Any:
    """Mean and variance, ``(n, 2)``, with the lowest loss, found by Newton's method on its two slopes."""
    mean, variance = np.zeros_like(x), np.full_like(x, 0.5)
    for _ in range(60):
        mean = mean - ((mean - x) / scale**2 + mean) / (1 / scale**2 + 1)
        slope = 0.5 / scale**2 + 0.5 - 0.5 / variance
        variance = np.maximum(variance - slope / (0.5 / variance**2), 1e-3 * variance)
    return np.stack([mean, variance], axis=1)


def _observed() -> list[Case]:
    made = []
    for seed, count in enumerate((3, 4)):
        rng = np.random.default_rng(seed)
        made.append((rng.normal(0, 2, count), rng.uniform(0.3, 1.5, count)))
    made.append((np.array([0.0, -8.0, 25.0]), np.array([0.5, 4.0, 0.2])))
    made.append((np.array([0.3]), np.array([0.05])))
    return [Case(f"x and s of shape {x.shape}", (x, scale), _resting(x, scale)) for x, scale in made]


def _pair(mean: Any, variance: Any) -> Any:
    return np.stack([mean + 0 * variance, variance + 0 * mean], axis=1)


where_they_rest = Exercise(
    name="where_they_rest",
    chapter="00",
    kind="code",
    title="Derive where the two terms balance",
    cases=_observed,
    mistakes=(
        Mistake(
            lambda x, s: _pair(x, 0 * s),
            "That is where reconstruction alone would end: a point on x. Add the slopes of the KL.",
        ),
        Mistake(
            lambda x, s: _pair(0 * x, 1 + 0 * s),
            "That is where the KL alone would end: N(0, 1). Add the slopes of the reconstruction.",
        ),
        Mistake(
            lambda x, s: _pair(x / (1 + s**2), s / np.sqrt(1 + s**2)),
            "The mean is right; the second number is the standard deviation, and the variance was asked for.",
        ),
        Mistake(
            lambda x, s: _pair(x / (1 + s), s / (1 + s)),
            "s is a standard deviation; the loss holds its square.",
        ),
        Mistake(
            lambda x, s: _pair(x / (1 + s**2), s**2),
            "The mean is right. For the variance, the KL has a slope of its own: one half of 1 - 1 / v.",
        ),
        Mistake(
            lambda x, s: _pair(x / (1 + s**2), s**2 / (1 + s**2)).T,
            "Stack mean and variance along the last axis: one row per observation.",
        ),
    ),
    hints=(
        "Differentiate the loss by m and set the slope to zero; then do the same by v.",
        "By v the slopes are 1 / (2 s^2) from the first term and (1 - 1 / v) / 2 from the second.",
    ),
)


def _clouds() -> list[Case]:
    made = []
    for seed, (shape, log_var) in enumerate(
        [((3, 2), None), ((4, 3), None), ((2, 2), 24.0), ((2, 2), -24.0)]
    ):
        mean, some, noise = np.random.default_rng(seed).normal(size=(3, *shape)).astype("float32")
        if log_var is not None:  # very wide clouds, or very narrow ones around the origin
            mean, some = mean * (log_var > 0), np.full_like(some, log_var)
        drawn = mean + np.sqrt(np.exp(some)) * noise
        says = f"three arrays of shape {shape}" + (f", z_log_var = {log_var:g}" if log_var else "")
        made.append(Case(says, (mean, some, noise), drawn))
    return made


cloud_of_an_image = Exercise(
    name="cloud_of_an_image",
    chapter="00",
    kind="mend",
    title="A cloud of the wrong width",
    cases=_clouds,
    mistakes=(
        Mistake(
            lambda m, v, e: m + np.exp(v) * e,
            untouched=True,
        ),
        Mistake(lambda m, v, e: m + v * e, "The encoder gives the logarithm of the variance; undo it first."),
        Mistake(
            lambda m, v, e: m + 0.5 * np.exp(v) * e,
            "Half of the variance is not its root; the half belongs inside the exponent.",
        ),
        Mistake(lambda m, v, e: m + np.exp(2 * v) * e, "That squares the variance; its root was asked for."),
        Mistake(lambda m, v, e: m, "Without noise every draw is the mean, and the cloud is a point."),
    ),
    hints=(
        "Compare the spread of the draws with the standard deviation that was asked for.",
        "Which power of e gives a standard deviation?",
        "The root of exp(v) is exp(v / 2).",
    ),
)


EXERCISES = (most_that_pays, where_they_rest, cloud_of_an_image, two_terms_by_size)
