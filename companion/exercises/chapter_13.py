"""The exercises of chapter 13: decibels, weighted guesses at missing pixels, a chain's fixed point, thresholds."""

import math
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

decibels_of_two = Exercise(
    name="decibels_of_two",
    chapter="13",
    kind="compute",
    title="Two pictures in decibels",
    cases=the_number(25.0),
    unit="one number, in decibels",
    rtol=1e-3,
    mistakes=(
        Mistake(
            lambda: 22.596373, "That is the PSNR of the mean error; take the PSNR of each picture first."
        ),
        Mistake(lambda: -25.0, "The sign is turned: a smaller error is more decibels."),
        Mistake(
            lambda: 50.0, "The factor 20 belongs to the root of the error; for the squared error it is 10."
        ),
        Mistake(lambda: 57.564627, "That is the natural logarithm; decibels use that to the base of ten."),
        Mistake(lambda: 2.5, "The factor of ten is missing: ten decibels are a factor of ten in the error."),
    ),
    hints=(
        "The PSNR of one picture is -10 log10 of its mean squared error.",
        "An error of 0.01 is 20 dB and one of 0.001 is 30 dB; now average these two.",
    ),
)


def _weights_and_guesses() -> list[Case]:
    made = []
    for seed, (k, n, d, level) in enumerate([(4, 2, 3, 0.0), (3, 3, 2, -800.0)]):
        rng = np.random.default_rng(seed)
        log_weights, means = level + 2 * rng.normal(size=(k, n)), rng.uniform(size=(k, n, d))
        says = f"log_weights of shape {(k, n)}, near {level:g}, means of shape {(k, n, d)}"
        made.append(Case(says, (log_weights, means), _averaged(_shares(log_weights), means)))
    return made


def _shares(log_weights: Any, axis: int = 0) -> Any:
    shares = np.exp(log_weights - log_weights.max(axis, keepdims=True))
    return shares / shares.sum(axis, keepdims=True)


def _averaged(shares: Any, means: Any) -> Any:
    return (shares[..., None] * means).sum(0)


def _of_the_heaviest(log_weights: Any, means: Any) -> Any:
    return means[log_weights.argmax(0), np.arange(means.shape[1])]


weighted_guess = Exercise(
    name="weighted_guess",
    chapter="13",
    kind="code",
    title="The weighted guess at missing pixels",
    cases=_weights_and_guesses,
    mistakes=(
        Mistake(lambda w, m: m.mean(0), "Every draw counts the same there; use the weights."),
        Mistake(_of_the_heaviest, "That is the guess of the heaviest draw alone; average over all of them."),
        Mistake(
            lambda w, m: _averaged(_shares(w, 1), m),
            "The shares were taken over images; those of one image add up to one over its draws.",
        ),
        Mistake(
            lambda w, m: _averaged(_shares(w), m) / len(w),
            "The shares add up to one already; do not divide by k as well.",
        ),
        Mistake(
            lambda w, m: _averaged(w / w.sum(0), m),
            "Those are shares of the logarithms; the weights are their exponentials.",
        ),
    ),
    hints=(
        "Give each draw its share: its weight over the sum of the k weights of the same image.",
        "Subtract the largest log weight of each image before exp, or all weights near exp(-800) are 0.",
    ),
)


def _one_step(w_seen: float, w_missing: float, scale: float, x: float, prior: float = 1.0) -> list[float]:
    """Intercept and slope of a step, its fixed point, and the exact mean; ``prior`` is the precision of z."""
    noise = prior * scale**2
    start, factor = np.array([w_seen * x, w_missing]) * w_missing / (noise + w_seen**2 + w_missing**2)
    direct = w_missing * w_seen * x / (noise + w_seen**2)
    return [float(start), float(factor), float(start / (1 - factor)), direct]


def _two_pixels() -> list[Case]:
    given = [(0.5, 0.8, 0.3, 1.0), (-1.0, 0.4, 0.5, 0.6), (2.0, 1.0, 1.0, -0.7)]
    return [
        Case(f"w_seen, w_missing, scale, x = {', '.join(map(str, each))}", each, _one_step(*each))
        for each in given
    ]


fixed_point_of_the_chain = Exercise(
    name="fixed_point_of_the_chain",
    chapter="13",
    kind="code",
    title="Derive: where the chain comes to rest",
    cases=_two_pixels,
    mistakes=(
        Mistake(
            lambda a, b, s, x: _one_step(a, b, s, x, prior=0.0),
            "The prior is missing: z ~ N(0, 1) adds 1 to the precision, so scale^2 to every denominator here.",
        ),
        Mistake(
            lambda a, b, s, x: _one_step(a, b, math.sqrt(abs(s)), x),
            "The noise enters with its variance, scale squared, not with its standard deviation.",
        ),
        Mistake(
            lambda a, b, s, x: [
                *_one_step(a, b, s, x)[:2],
                _one_step(a, b, s, x)[0],
                _one_step(a, b, s, x)[3],
            ],
            "The third number is the result of one step from 0; at the fixed point m = a + b m, so solve for m.",
        ),
        Mistake(
            lambda a, b, s, x: [*_one_step(a, b, s, x)[:3], _one_step(a, b, s, x)[0]],
            "Given the seen pixel alone, the missing one adds no precision: its weight leaves the last denominator.",
        ),
        Mistake(
            lambda a, b, s, x: [value / b for value in _one_step(a, b, s, x)],
            "Those are values of the code; the decoder multiplies it by w_missing.",
        ),
    ),
    hints=(
        "Given both pixels, z has the mean (w_seen x + w_missing m) / (scale^2 + w_seen^2 + w_missing^2).",
        "Multiply by w_missing, then sort the result into a part without m and a factor of m.",
        "The fixed point is a / (1 - b). Write both fractions out: it equals the exact mean.",
    ),
)


def _scores_and_rates() -> list[Case]:
    made = []
    for seed, (n, rate) in enumerate([(19, 0.1), (99, 0.05), (50, 0.2)]):
        rng = np.random.default_rng(seed)
        normal, anomalous = rng.normal(size=n).round(3), rng.normal(3.0, 1.0, size=20).round(3)
        says = f"{n} normal scores, 20 scores of anomalies, rate {rate}"
        made.append(Case(says, (normal, anomalous, rate), _order_statistic(normal, rate)))
    return made


def _order_statistic(normal: Any, rate: float, shift: int = 0) -> float:
    return float(np.sort(normal)[-(math.floor((len(normal) + 1) * rate + 1e-9) + shift)])


threshold_from_normals = Exercise(
    name="threshold_from_normals",
    chapter="13",
    kind="mend",
    title="A threshold that has seen the anomalies",
    cases=_scores_and_rates,
    mistakes=(
        Mistake(
            lambda normal, anomalous, rate: float(np.quantile(np.append(normal, anomalous), 1 - rate)),
            untouched=True,
        ),
        Mistake(
            lambda normal, anomalous, rate: float(np.quantile(normal, 1 - rate)),
            "The anomalies are out. A quantile interpolates; the promise is about one of the scores: sort them, count.",
        ),
        Mistake(
            lambda normal, anomalous, rate: _order_statistic(normal, rate, 1),
            "One place too low: the m-th largest score itself is the threshold.",
        ),
        Mistake(
            lambda normal, anomalous, rate: float(
                np.sort(normal)[math.floor((len(normal) + 1) * rate + 1e-9) - 1]
            ),
            "That is the lower end: large scores are the unusual ones.",
        ),
        Mistake(
            lambda normal, anomalous, rate: _order_statistic(np.append(normal, anomalous), rate),
            "The anomalies still take part in the count; a threshold may know normal images alone.",
        ),
    ),
    hints=(
        "Which images may a threshold know before it is used?",
        "Sort the normal scores. With m = floor((n + 1) * rate), the threshold is the m-th largest.",
    ),
)


def _by_class(answer: Any) -> list[tuple[float, float, float]]:
    return [tuple(map(float, each)) for each in answer["auroc"].values()]  # type: ignore[misc]


own_anomalies = OpenExercise(
    name="own_anomalies",
    chapter="13",
    kind="open",
    title="Find the odd ones among your images",
    cases=list,
    demands=(
        Demand(
            lambda answer: len(_by_class(answer)) >= 2,
            "under 'auroc' at least two kinds of anomalies, each with (mean, low, high)",
            "Say for each kind of anomaly how well it is found; an average over kinds hides the one that is missed.",
        ),
        Demand(
            lambda answer: all(low < mean < high and 0 <= mean <= 1 for mean, low, high in _by_class(answer)),
            "a mean between 0 and 1 inside its interval",
            "Train with at least two seeds and take interval_with_images of their AUROCs and standard errors.",
        ),
        Demand(
            lambda answer: 0 < float(answer["promised"]) < 1 and 0 <= float(answer["met"]) <= 1,
            "the false-positive rates 'promised' and 'met', between 0 and 1",
            "Choose the threshold on normal images that were not trained on, and count false positives on others.",
        ),
        reason_of(),
    ),
    hints=("Hold out one class of a data set of yours, and use blurred images as a second kind.",),
)

EXERCISES = (
    decibels_of_two,
    weighted_guess,
    fixed_point_of_the_chain,
    threshold_from_normals,
    own_anomalies,
)
