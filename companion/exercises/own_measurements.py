"""The open exercises of chapters 03 to 05: a function, a bound or a score that the learner measures."""

import math
from itertools import pairwise
from typing import Any

import numpy as np

from companion.exercises.exercise import Demand, OpenExercise
from companion.exercises.reasons import in_own_words
from companion.exercises.values import as_values

_AT = np.linspace(-2.0, 2.0, 401)
_BESIDE = np.random.default_rng(1).uniform(-4.5, 4.5, 1000)  # where draws of N(0, 1) may lie, off the grid


def _errors_of_slope(answer: Any, at: np.ndarray, step: float) -> tuple[np.ndarray, float]:
    """By how much the slope misses the differences of the function, and by how much it may."""
    function, slope = answer
    by_difference = (as_values(function(at + step)) - as_values(function(at - step))) / (2 * step)
    steepest, largest = np.abs(by_difference).max(), np.abs(as_values(function(at))).max()
    allowed = min(0.05 * max(1.0, steepest), 0.05 * steepest + 1e-3 * largest)
    return np.abs(by_difference - as_values(slope(at))), allowed


def _has_that_slope(answer: Any) -> bool:
    """On a grid everywhere, and between and beyond it nearly everywhere: a function may have corners."""
    errors, allowed = _errors_of_slope(answer, _AT, 1e-3)
    beside, allowed_beside = _errors_of_slope(answer, _BESIDE, 2e-4)
    return bool(errors.max() < allowed and np.mean(beside < allowed_beside) > 0.95)


def _score_varies_less(answer: Any) -> bool:
    function, slope = answer
    z = np.random.default_rng(0).normal(size=20_000)
    return bool(np.var(as_values(function(z)) * z) < np.var(as_values(slope(z))))


rough_function = OpenExercise(
    name="rough_function",
    chapter="03",
    kind="open",
    title="Where the score function wins",
    cases=list,
    demands=(
        Demand(
            lambda answer: (
                len(answer) == 2
                and as_values(answer[0](_AT)).shape == as_values(answer[1](_AT)).shape == _AT.shape
            ),
            "a pair of functions, each taking an array of z and returning as many values",
            "Hand in (f, slope), two functions of an array.",
        ),
        Demand(
            _has_that_slope,
            "a slope that is the derivative of f",
            "Compare the slope with (f(z + h) - f(z - h)) / (2 h).",
        ),
        Demand(
            _score_varies_less,
            "with z ~ N(0, 1), a smaller variance of f(z) z than of the slope at z",
            "The pathwise estimate still varies less here: small values and steep slopes would turn it round.",
        ),
    ),
    hints=("The score function sees values of f only, the path sees slopes only.", "Think of a fast wave."),
)


def _pairs(answer: Any) -> list[tuple[int, float]]:
    """The numbers of draws and their bounds, from the fewest draws to the most."""
    if any(float(k) != int(k) or int(k) < 1 for k in answer["bounds"]):
        raise ValueError("a number of draws is a whole number from 1")
    return sorted((int(k), float(bound)) for k, bound in answer["bounds"].items())


def _ends(answer: Any) -> tuple[float, float]:
    return _pairs(answer)[0][1], _pairs(answer)[-1][1]


how_many_draws = OpenExercise(
    name="how_many_draws",
    chapter="04",
    kind="open",
    title="How many draws are enough?",
    cases=list,
    demands=(
        Demand(
            lambda answer: len(dict(_pairs(answer))) >= 3 and 1 in dict(_pairs(answer)),
            "under 'bounds', the bound for at least three k, 1 among them, such as {1: ..., 10: ..., 100: ...}",
            "Call log_likelihood(model, images, k).mean() for several k, beginning with 1.",
        ),
        Demand(
            lambda answer: all(math.isfinite(bound) for _, bound in _pairs(answer)),
            "finite bounds",
            "A bound that is NaN or infinite comes from a training that broke down; train the model again.",
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
            lambda answer: all(b >= a - 0.5 for (_, a), (_, b) in pairwise(_pairs(answer))),
            "a bound that does not fall as k grows, up to half a nat of noise",
            "A bound that falls was taken over other images, or over draws of different images.",
        ),
        Demand(
            lambda answer: _ends(answer)[1] > _ends(answer)[0],
            "a higher bound with the most draws than with one",
            "More draws bring the bound nearer to log p(x). Take the same images each time, and a trained model.",
        ),
        Demand(
            lambda answer: _ends(answer)[1] - _ends(answer)[0] < 0.5 * abs(_ends(answer)[0]),
            "bounds of one and the same model",
            "That rise is larger than half of the bound. Were all bounds measured on the same trained model?",
        ),
        *in_own_words(
            "How many draws does a good estimate of log p(x) take? Measure the bound of a VAE of your own for at "
            "least three k, 1 among them. Hand in the bounds and a sentence: which k would you report, and why not "
            "ten times as many?",
            "a number of draws, or how far the bound still moves",
            r"\d",
            "ten",
            "hundred",
            "thousand",
            "error",
            "noise",
            "varia",
            "spread",
            "deviat",
            "nat",
            "gain",
            "time",
        ),
    ),
    hints=("Use the same images for every k, and a model that was trained for a while.",),
)


def _three(answer: Any, model: str) -> list[float]:
    return [float(score) for score in answer[model]]


def _what_follows(answer: Any) -> str:
    plain, variational = _three(answer, "autoencoder"), _three(answer, "vae")
    if min(variational) > max(plain):
        return "yes"
    return "no" if max(variational) < min(plain) else "cannot tell"


def _seeds_differ(answer: Any) -> bool:
    plain, variational = _three(answer, "autoencoder"), _three(answer, "vae")
    return len(set(plain)) > 1 and len(set(variational)) > 1 and sorted(plain) != sorted(variational)


clearer_groups = OpenExercise(
    name="clearer_groups",
    chapter="05",
    kind="open",
    title="Are the groups of a VAE clearer?",
    cases=list,
    demands=(
        Demand(
            lambda answer: min(len(_three(answer, "autoencoder")), len(_three(answer, "vae"))) >= 3,
            "under 'autoencoder' and 'vae', the same score for at least three seeds each",
            "One seed is one draw: train each model with at least three.",
        ),
        Demand(
            lambda answer: all(
                -1 <= each <= 1 for model in ("autoencoder", "vae") for each in _three(answer, model)
            ),
            "scores between -1 and 1, as class_separation gives them",
            "Hand in the silhouette or the share that nearest neighbours get right, not a count or a percentage.",
        ),
        Demand(
            _seeds_differ,
            "scores that differ from seed to seed and from model to model",
            "Equal scores come from one training. Give every seed and model its own, with three decimals.",
        ),
        Demand(
            lambda answer: answer["claim"] in ("yes", "no", "cannot tell"),
            "'yes', 'no' or 'cannot tell' under 'claim'",
            "Answer the question that the title asks with one of the three.",
        ),
        Demand(
            lambda answer: answer["claim"] == _what_follows(answer),
            "the claim that your numbers allow",
            "Where the ranges of the two overlap, nobody can tell; where they do not, the order decides.",
        ),
        *in_own_words(
            "A VAE groups the classes more clearly than an autoencoder. Choose one score, measure it for both models "
            "with at least three seeds each, and hand in the scores, whether the claim holds, yes, no or cannot tell, "
            "and a sentence that says what would convince you.",
            "scores, seeds or a difference",
            r"\d",
            "score",
            "seed",
            "range",
            "overlap",
            "differ",
            "gap",
            "spread",
            "varia",
            "interval",
            "run",
            "more",
            "silhouette",
            "neighbo",
        ),
    ),
    hints=("evaluation.class_separation(codes, labels, new_codes, new_labels) gives both scores.",),
)
