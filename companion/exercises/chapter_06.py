"""The exercises of chapter 06: the weight of the KL, its three parts, free bits, and votes for factors."""

from typing import Any

import numpy as np
from scipy.stats import multivariate_normal, norm

from companion.exercises.exercise import Case, Exercise, Mistake, the_number
from companion.exercises.inputs import groups_of_known_variance
from companion.exercises.own_codes import price_curve

hidden_price = Exercise(
    name="hidden_price",
    chapter="06",
    kind="compute",
    title="The beta behind a hand-picked constant",
    cases=the_number(2.56),
    unit="one number, the beta of a loss that sums over pixels",
    mistakes=(
        Mistake(
            lambda: 0.390625, "That is the weight of the pixels relative to the KL; beta is its inverse."
        ),
        Mistake(lambda: 400.0, "400 weighs a mean. What weighs the sum over pixels?"),
        Mistake(lambda: 1024.0, "That would be right without the factor 400."),
        Mistake(lambda: 1.96, "The mean ran over the padded image of 32 by 32."),
    ),
    hints=(
        "Divide the whole loss so that the sum over pixels has weight one.",
        "A mean over D pixels is the sum divided by D.",
    ),
)


def _groups() -> list[Case]:
    """Groups in which one coordinate varies little for its size, while another varies less but is small altogether."""
    made = []
    for seed, (winners, n, scale) in enumerate(
        [((2, 0, 1, 2), 50, (1.0, 0.1, 5.0)), ((3, 3, 0), 40, (2.0, 0.2, 1.0, 8.0))]
    ):
        noise = np.random.default_rng(seed).normal(size=(len(winners), n, len(scale)))
        for row, winner in enumerate(winners):
            noise[row, :, winner] *= 0.3
        groups = (noise * scale).astype("float32")
        says = f"groups of shape {groups.shape}, spread of shape ({len(scale)},)"
        made.append(Case(says, (groups, np.array(scale, "float32")), np.array(winners)))
    groups, spread, votes = groups_of_known_variance()
    says = f"groups of shape {groups.shape} whose means differ, some with rare far values"
    return [*made, Case(says, (groups, spread), votes)]


quietest_unit = Exercise(
    name="quietest_unit",
    chapter="06",
    kind="code",
    title="Which coordinate varies least?",
    cases=_groups,
    mistakes=(
        Mistake(
            lambda g, s: g.var(1).argmin(1),
            "A coordinate that is small altogether always varies least; divide by its spread over the data.",
        ),
        Mistake(lambda g, s: (g.var(1) / s**2).argmax(1), "That is the coordinate that moves most."),
        Mistake(
            lambda g, s: (g.var(1) / s).argmin(1),
            "A variance has the unit of the spread squared; divide by its square.",
        ),
        Mistake(
            lambda g, s: (g.var(0) / s**2).argmin(1),
            "The variance is taken within each group, over its images.",
        ),
        Mistake(
            lambda g, s: (g.var(1) / s**2).min(1),
            "That is its variance; the question is which coordinate it is.",
        ),
        Mistake(
            lambda g, s: ((g**2).mean(1) / s**2).argmin(1),
            "That is the mean square; the variance of a group is taken around the group's own mean.",
        ),
        Mistake(
            lambda g, s: (g.var(1) / g.var((0, 1))).argmin(1),
            "The spread over these groups is not that over the whole data set, which is handed in.",
        ),
    ),
    hints=(
        "One variance for each group and coordinate first.",
        "Then make the coordinates comparable, and take argmin.",
    ),
)


def _gaussian_codes() -> list[Case]:
    """The KL is that of chapter 04; the parts come from the densities of q(z) and of its coordinates."""
    made = []
    for covariance, variance in (([[1.0, 0.6], [0.6, 0.8]], 0.25), ([[0.5, -0.2], [-0.2, 2.0]], 0.1)):
        spread = np.array(covariance)
        aggregate = spread + variance * np.eye(2)
        entropy = multivariate_normal([0, 0], aggregate).entropy()
        of_coordinates = sum(norm(scale=np.sqrt(each)).entropy() for each in np.diag(aggregate))
        of_posterior = 2 * norm(scale=np.sqrt(variance)).entropy()
        # minus the mean of log p(z) under q(z)
        to_the_prior = np.log(2 * np.pi) + 0.5 * np.trace(aggregate)
        parts = [entropy - of_posterior, of_coordinates - entropy, to_the_prior - of_coordinates]
        says = f"covariance={covariance}, variance={variance}"
        made.append(Case(says, (spread, variance), np.array([sum(parts), *parts])))
    return made


def _all_four(aggregate: Any, variance: float, information: float | None = None) -> Any:
    """KL and its parts for any aggregate, so that mistakes can be made in it."""
    widths, volume = np.sqrt(np.diag(aggregate)), np.sqrt(np.linalg.eigvalsh(aggregate)).prod()
    if information is None:
        information = np.log(volume / variance)
    correlation = np.log(widths.prod() / volume)
    each = 0.5 * (widths**2 - 1).sum() - np.log(widths.prod())
    return np.array([information + correlation + each, information, correlation, each])


def _right(covariance: Any, variance: float) -> Any:
    return _all_four(covariance + variance * np.eye(2), variance)


parts_of_the_kl = Exercise(
    name="parts_of_the_kl",
    chapter="06",
    kind="code",
    title="Derive the three parts of the KL",
    cases=_gaussian_codes,
    rtol=1e-4,
    mistakes=(
        Mistake(
            lambda c, v: _all_four(c, v),
            "q(z) is wider than the means: add the variance of a posterior to their covariance.",
        ),
        Mistake(
            lambda c, v: _right(c, v) * 2,
            "The log density of a normal has a factor of one half.",
        ),
        Mistake(
            lambda c, v: _right(c, v)[[0, 2, 1, 3]],
            "The order is KL, mutual information, total correlation, dimension-wise KL.",
        ),
        Mistake(
            lambda c, v: _right(c, v) * np.array([1, 1, -1, 1]),
            "The total correlation is a KL, from q(z) to the product of its coordinates, and never negative.",
        ),
    ),
    hints=(
        "What is q(z), the mean of N(m, s I) over means m drawn from N(0, S)? Begin with its covariance.",
        "Mutual information: half of log det(S + s I) - d log s. Then do the same for the two other ratios.",
    ),
)


def _kl_of_units() -> list[Case]:
    from companion.objectives import free_bits

    made = []
    for seed, (n, d, least) in enumerate([(4, 3, 0.5), (6, 2, 1.0)]):
        rng = np.random.default_rng(seed)
        kl = (rng.gamma(1.0, size=(n, d)) * np.linspace(0.1, 2.0, d)).astype("float32")
        made.append(
            Case(
                f"kl_per_unit of shape {(n, d)}, least={least}", (kl, least), np.asarray(free_bits(kl, least))
            )
        )
    return made


free_of_charge = Exercise(
    name="free_of_charge",
    chapter="06",
    kind="mend",
    title="Free bits for each unit",
    cases=_kl_of_units,
    mistakes=(
        Mistake(
            lambda kl, least: np.maximum(least, kl.mean(0).sum()),
            untouched=True,
        ),
        Mistake(
            lambda kl, least: np.maximum(least, kl).sum(1).mean(),
            "The maximum was taken for each image; take the mean over the batch first.",
        ),
        Mistake(
            lambda kl, least: np.maximum(kl.mean(0) - least, 0).sum(),
            "That subtracts `least`; free bits take the larger of `least` and the KL instead.",
        ),
        Mistake(
            lambda kl, least: np.maximum(kl.shape[1] * least, kl.mean(0).sum()),
            "A larger minimum for all units together is still used up by a unit with a large KL.",
        ),
        Mistake(
            lambda kl, least: np.minimum(least, kl.mean(0)).sum(),
            "That caps the KL of a unit; free bits replace a small KL by `least`.",
        ),
    ),
    hints=(
        "One minimum for all units together: a unit with a large KL uses it up, and the others get nothing.",
        "In which order do mean, maximum and sum come?",
        "Mean over the batch, maximum for each unit, sum over units.",
    ),
)


EXERCISES = (hidden_price, quietest_unit, parts_of_the_kl, free_of_charge, price_curve)
