"""The open exercises of chapters 07 and 10: pictures that are judged, and draws that are weighed."""

from itertools import pairwise
from typing import Any

import numpy as np

from companion.exercises.consistency import is_count, is_share_of, is_worth_less_per_draw
from companion.exercises.exercise import Demand, OpenExercise
from companion.exercises.reasons import in_own_words

asked_and_got = OpenExercise(
    name="asked_and_got",
    chapter="07",
    kind="open",
    title="How often comes what was asked for?",
    cases=list,
    demands=(
        Demand(
            lambda answer: int(answer["pictures"]) >= 200,
            "at least 200 'pictures'",
            "A rate of few pictures is mostly chance; generate more.",
        ),
        Demand(
            lambda answer: is_count(answer["pictures"]),
            "a whole number of 'pictures'",
            "Pictures come whole; hand in how many were drawn.",
        ),
        Demand(
            lambda answer: 0 <= float(answer["agreed"]) <= 1 and 0 < float(answer["judge"]) <= 1,
            "under 'agreed' the share judged as asked, under 'judge' the judge's accuracy on real test images",
            "Both are shares between 0 and 1. A verdict is worth what its judge is worth on real images.",
        ),
        Demand(
            lambda answer: float(answer["judge"]) >= 0.5,
            "a judge that is right on at least half of the real images",
            "A judge that is mostly wrong on real images says nothing about drawn ones; train it for longer.",
        ),
        Demand(
            lambda answer: float(answer["agreed"]) > 0,
            "an 'agreed' above 0",
            "Not one hit is less than chance gives: are asked and judged labels in the same order?",
        ),
        Demand(
            lambda answer: is_share_of(answer["agreed"], int(answer["pictures"])),
            "an 'agreed' that is some number of hits divided by 'pictures'",
            "No whole number of hits gives this share: do it and 'pictures' belong to one run?",
        ),
        Demand(
            # Half a thousandth, since it may be rounded to three decimals.
            lambda answer: (
                abs(float(answer["stderr"]) - _standard_error(answer)) < 5e-4 + 0.05 * _standard_error(answer)
                and (float(answer["stderr"]) > 0 or float(answer["agreed"]) == 1)
            ),
            "under 'stderr', the standard error of that share",
            "The standard error of a share p of n pictures is sqrt(p (1 - p) / n).",
        ),
        *in_own_words(
            "Train a conditional VAE with settings of your own and measure how often a judge names the digit that was "
            "asked for. Hand in the number of pictures, the share that agreed, its standard error, the accuracy of the "
            "judge on real test images, and a sentence on what the rate does not prove.",
            "the judge, the rate or what it leaves open",
            r"judge|rate|share|divers|vari|quality|accura|class|error|same|real|train|picture|image|digit|style|blur",
        ),
    ),
    hints=("judge.agreement(judge, model.generate(labels), labels) gives the share.",),
)


def _standard_error(answer: Any) -> float:
    share = float(answer["agreed"])
    return float(np.sqrt(share * (1 - share) / int(answer["pictures"])))


def _sizes(answer: Any) -> list[tuple[int, float]]:
    return sorted((int(k), float(size)) for k, size in answer["worth"].items())


worth_of_draws = OpenExercise(
    name="worth_of_draws",
    chapter="10",
    kind="open",
    title="What are your draws worth?",
    cases=list,
    demands=(
        Demand(
            lambda answer: len(dict(_sizes(answer))) >= 3,
            "mean effective sample sizes for at least three k under 'worth', such as {5: ..., 50: ..., 500: ...}",
            "Call effective_sample_size(model.log_weights(images, k)) for several k.",
        ),
        Demand(
            lambda answer: all(map(is_count, answer["worth"])),
            "whole numbers of draws as keys of 'worth'",
            "There is no half draw; measure with three different whole k.",
        ),
        Demand(
            lambda answer: all(1 <= size <= k for k, size in _sizes(answer)),
            "sizes between 1 and k",
            "k draws are worth at least one and at most k: were shares squared and added up, and one divided by that?",
        ),
        Demand(
            lambda answer: all(b >= 0.9 * a for (_, a), (_, b) in _neighbours(answer)),
            "a worth that does not shrink as k grows",
            "More draws are not worth less: take the same images and model for every k.",
        ),
        Demand(
            lambda answer: all(1 < size < k for k, size in _sizes(answer) if k > 1),
            "sizes above 1 and below k for every k above 1",
            "Only from the exact posterior are k draws worth k, and never exactly 1: measure a trained model.",
        ),
        Demand(
            lambda answer: _sizes(answer)[-1][1] > _sizes(answer)[0][1],
            "a larger size at the largest k than at the smallest",
            "Is this one measurement handed in several times? Draw anew with each k.",
        ),
        Demand(
            lambda answer: is_worth_less_per_draw(_sizes(answer)),
            "sizes that do not grow faster than k",
            "The worth divided by k falls as k grows, for any model: are these sizes of one model and k each?",
        ),
        *in_own_words(
            "What are the draws of a model of your own worth? Measure the mean effective sample size over test images "
            "for at least three k, and a sentence: how would you choose k for a figure that you report?",
            "draws, their number or the bound",
            r"k$|draw|sampl|worth|bound|weight|effect|size|time|cost|nat",
        ),
    ),
    hints=("Use a trained model of yours, and the same test images for each k.",),
)


def _neighbours(answer: Any) -> Any:
    return pairwise(_sizes(answer))
