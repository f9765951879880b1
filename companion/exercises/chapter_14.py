"""The exercises of chapter 14: expected improvement, log mixtures, validity, a drifting dream, a model of one's own."""

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

#: E[max(y - 0.7, 0)] for y normal with mean 0.6 and standard deviation 0.1: -0.1 Phi(-1) + 0.1 phi(-1).
IMPROVEMENT = 0.00833155

improvement_by_hand = Exercise(
    name="improvement_by_hand",
    chapter="14",
    kind="compute",
    title="What a trial gains on average",
    cases=the_number(IMPROVEMENT),
    unit="one number, the expected improvement",
    rtol=5e-3,
    mistakes=(
        Mistake(
            lambda: -0.1,
            "That is the mean minus the best; a trial that is worse than the best loses nothing.",
        ),
        Mistake(lambda: 0.0, "A trial whose mean is below the best may still turn out above it."),
        Mistake(
            lambda: 0.15865525, "That is the probability of an improvement; weigh it by how large it is."
        ),
        Mistake(lambda: 0.02419707, "The first of the two terms is missing: (mean - best) times Phi."),
        Mistake(lambda: 0.04006259, "The sign of the first term is turned: mean - best is -0.1."),
        Mistake(lambda: 0.10833155, "That is the gain for a mean of 0.8; here the mean lies below the best."),
    ),
    hints=(
        "With u = (mean - best) / std = -1 it is std times (u Phi(u) + phi(u)).",
        "Phi(-1) = 0.1587 and phi(-1) = 0.2420.",
    ),
)


def _normal(z: Any, means: Any, scales: Any) -> Any:
    return np.sum(-0.5 * ((z - means) / scales) ** 2 - np.log(scales) - 0.5 * math.log(2 * math.pi), axis=-1)


def _log_sum(terms: Any) -> Any:
    top = terms.max()
    return top + np.log(np.exp(terms - top).sum())


def _mixture(z: Any, shares: Any, means: Any, scales: Any) -> Any:
    return _log_sum(np.log(shares) + _normal(z, means, scales))


def _mixtures() -> list[Case]:
    made = []
    for seed, (k, d, away) in enumerate([(2, 1, 0.0), (3, 2, 0.0), (3, 4, 60.0)]):
        rng = np.random.default_rng(seed)
        shares = rng.dirichlet(np.ones(k))
        given = (rng.normal(size=d) + away, shares, rng.normal(size=(k, d)), rng.uniform(0.5, 2, size=(k, d)))
        made.append(
            Case(
                f"z of {d} numbers, {k} components" + (", far away" if away else ""), given, _mixture(*given)
            )
        )
    return made


mixture_density = Exercise(
    name="mixture_density",
    chapter="14",
    kind="code",
    title="The log density of a mixture",
    cases=_mixtures,
    mistakes=(
        Mistake(
            lambda z, shares, means, scales: float(np.sum(shares * _normal(z, means, scales))),
            "That averages the log densities; the mixture is an average of densities, and the logarithm comes last.",
        ),
        Mistake(
            lambda z, shares, means, scales: _log_sum(_normal(z, means, scales)),
            "The shares are missing: each component counts by its own.",
        ),
        Mistake(
            lambda z, shares, means, scales: float(np.max(np.log(shares) + _normal(z, means, scales))),
            "That is the likeliest component alone; add up all of them.",
        ),
        Mistake(
            lambda z, shares, means, scales: _mixture(z, shares, means, np.sqrt(scales)),
            "The scales are standard deviations already, not variances.",
        ),
        Mistake(
            lambda z, shares, means, scales: float(
                np.log(np.sum(shares * np.exp(_normal(z, means, scales)))) if abs(z).max() < 30 else -np.inf
            ),
            "Far away every density rounds to 0. Take the largest log term out before exp.",
        ),
    ),
    hints=(
        "One number per component: the log of its share plus the sum over coordinates of the normal log densities.",
        "Subtract the largest of these numbers, take exp, add up, take log, and add the largest again.",
    ),
)


def _drift(error: float, factor: float, steps: float) -> list[float]:
    limit = error / (1 - factor)
    return [limit * (1 - factor**steps), limit, math.log(0.5) / math.log(factor)]


def _dreams() -> list[Case]:
    given = [(0.1, 0.5, 3), (0.02, 0.9, 10), (1.0, 0.2, 1)]
    return [
        Case(f"error, factor, steps = {', '.join(map(str, each))}", each, _drift(*each)) for each in given
    ]


drift_of_a_dream = Exercise(
    name="drift_of_a_dream",
    chapter="14",
    kind="code",
    title="Derive: how far a dream drifts",
    cases=_dreams,
    mistakes=(
        Mistake(
            lambda error, factor, steps: [error * steps, error / (1 - factor), math.log(0.5) / math.log(factor)],
            "Errors do not simply add up: by each later step an old error has shrunk by the factor.",
        ),
        Mistake(
            lambda error, factor, steps: [
                error * factor**steps, error / (1 - factor), math.log(0.5) / math.log(factor)
            ],
            "That is what is left of one error; a new one is made at every step.",
        ),
        Mistake(
            lambda error, factor, steps: [
                error * (1 - factor ** (steps + 1)) / (1 - factor), error / (1 - factor),
                math.log(0.5) / math.log(factor),
            ],
            "There is one error too many: after t steps there are t of them.",
        ),
        Mistake(
            lambda error, factor, steps: [*_drift(error, factor, steps)[:2], 0.5 / (1 - factor)],
            "Half of the way is not half of the time: solve 1 - b**t = 1/2 for t.",
        ),
    ),
    hints=(
        "Write out three steps: e, e + b e, e + b e + b**2 e.",
        "It is a geometric series: e (1 - b**t) / (1 - b).",
        "1 - b**t = 1/2 where t = log(1/2) / log(b).",
    ),
)  # fmt: skip


def _shares_of(found: list[Any], known: list[str]) -> list[float]:
    valid = [each for each in found if each is not None]
    distinct = set(valid)
    return [
        len(valid) / len(found), len(distinct) / max(len(valid), 1),
        len(distinct - set(known)) / max(len(distinct), 1),
    ]  # fmt: skip


def _broken_shares(found: list[Any], known: list[str]) -> list[float]:
    distinct = set(found)
    return [len(distinct) / len(found), len(distinct) / len(found), len(distinct - set(known)) / len(found)]


def _generated() -> list[Case]:
    return [
        Case("five strings, one of which is no molecule", (["C", "CC", None, "C", "CO"], ["CC"]), [0.8, 0.75, 2 / 3]),
        Case("six strings, two are no molecules", ([None, *"CCC", None, "N"], ["C", "N"]), [4 / 6, 0.5, 0.0]),
        Case("no molecule at all", ([None, None], ["C"]), [0.0, 0.0, 0.0]),
    ]  # fmt: skip


scores_of_molecules = Exercise(
    name="scores_of_molecules",
    chapter="14",
    kind="mend",
    title="Break and mend: three scores",
    cases=_generated,
    mistakes=(
        Mistake(_broken_shares, untouched=True),
        Mistake(
            lambda found, known: [
                _shares_of(found, known)[0], len(set(found) - {None}) / len(found), _shares_of(found, known)[2]
            ],
            "Distinct molecules are counted per valid one, or each invalid string lowers two scores.",
        ),
        Mistake(
            lambda found, known: [
                *_shares_of(found, known)[:2],
                sum(each not in known for each in found if each is not None)
                / max(sum(each is not None for each in found), 1),
            ],
            "Novelty is a share of the distinct molecules: one that was drawn ten times counts once.",
        ),
        Mistake(
            lambda found, known: [
                *_shares_of(found, known)[:2], len(set(found) - set(known)) / max(len(set(found)), 1)
            ],
            "None is no molecule, so it cannot be a new one.",
        ),
    ),
    hints=(
        "Take out what is None first; it counts in the first score alone.",
        "Then distinct per valid, then new per distinct; with nothing to divide by, a share is 0.",
    ),
)  # fmt: skip


def _interval(answer: Any, name: str) -> tuple[float, float, float]:
    mean, low, high = map(float, answer[name])
    return mean, low, high


own_world = OpenExercise(
    name="own_world",
    chapter="14",
    kind="open",
    title="Another world, or other molecules",
    cases=list,
    demands=(
        Demand(
            lambda answer: all(
                low < mean < high for mean, low, high in (_interval(answer, n) for n in ("code", "control"))
            ),
            "under 'code' and 'control' (mean, low, high) each, the mean inside its interval",
            "Repeat both with at least two seeds, and give each as a mean with an interval.",
        ),
        Demand(
            lambda answer: int(answer["seeds"]) >= 2,
            "at least two seeds under 'seeds'",
            "One training of each says little; repeat both with another seed.",
        ),
        Demand(
            lambda answer: float(answer["budget"]) > 0,
            "the budget that both had, under 'budget'",
            "Give both the same number of steps, or of evaluations, and say how many.",
        ),
        reason_of(),
    ),
    hints=("Keep everything but the features, or everything but the search, the same in both.",),
)

EXERCISES = (improvement_by_hand, mixture_density, drift_of_a_dream, scores_of_molecules, own_world)
