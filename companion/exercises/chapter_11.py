"""The exercises of chapter 11: where a unit collapses, what free bits charge, and who learns from which loss."""

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

kl_of_four_directions = Exercise(
    name="kl_of_four_directions",
    chapter="11",
    kind="compute",
    title="Four directions, one noise",
    cases=the_number(2.170602),
    unit="one number, in nats per image",
    rtol=2e-3,
    mistakes=(
        Mistake(
            lambda: 1.712457,
            "A direction below the threshold has collapsed: its KL is zero, not the negative logarithm.",
        ),
        Mistake(lambda: 4.341205, "The KL of a unit is half of that logarithm."),
        Mistake(
            lambda: 1.386294,
            "Variances are compared with the variance of the noise, which is the square of 0.5.",
        ),
        Mistake(lambda: 3.131517, "That is in bits; nats take the natural logarithm."),
    ),
    hints=(
        "Compare each variance with 0.25. Which directions are above it?",
        "Each of those adds half the logarithm of its variance over 0.25.",
    ),
)


def _kls() -> list[Case]:
    made = []
    for seed, (n, units, least) in enumerate([(6, 3, 0.5), (4, 5, 0.2), (1, 4, 1.0)]):
        kl = np.random.default_rng(seed).gamma(0.5, 1.0, (n, units)).astype("float32")
        made.append(Case(f"kl of shape {(n, units)}, least={least}", (kl, least), _charged(kl, least)))
    return made


def _charged(kl: Any, least: float) -> Any:
    return float(sum(max(least, unit) for unit in kl.mean(axis=0)))


free_bits_of_units = Exercise(
    name="free_bits_of_units",
    chapter="11",
    kind="code",
    title="What free bits charge",
    cases=_kls,
    mistakes=(
        Mistake(
            lambda kl, least: np.maximum(least, kl).sum(axis=1).mean(),
            "The maximum came before the mean over images: every image must then pay, even where the unit is in use.",
        ),
        Mistake(
            lambda kl, least: max(least, kl.sum(axis=1).mean()),
            "The maximum was taken of the total; one unit could use it all up while the others collapse.",
        ),
        Mistake(
            lambda kl, least: max(least * kl.shape[1], kl.sum(axis=1).mean()),
            "That gives the units a common allowance; each has its own, so take the maximum before the sum over units.",
        ),
        Mistake(
            lambda kl, least: np.maximum(least, kl.mean(axis=0)).mean(),
            "The KL is a sum over units, not their mean.",
        ),
        Mistake(
            lambda kl, least: np.maximum(0, kl.mean(axis=0) - least).sum(),
            "That subtracts the free nats; its gradient is the same, its value is not the one asked for.",
        ),
        Mistake(lambda kl, least: kl.sum(axis=1).mean(), "No unit was given anything for free."),
    ),
    hints=(
        "Three steps: a mean over images, a maximum for each unit, a sum over units.",
        "kl.mean(axis=0) has one number per unit.",
    ),
)


def _directions() -> list[Case]:
    made = []
    for variances, scale in (([4.0, 1.0, 0.3, 0.1], 0.5), ([2.0, 0.5, 0.49, 1.5], 0.7), ([0.2, 3.0], 1.0)):
        given = np.array(variances)
        says = f"variances {variances}, scale {scale}"
        made.append(Case(says, (given, scale), _threshold(given, scale**2)))
    return made


def _threshold(variances: Any, noise: float) -> Any:
    slope = 0.5 / noise * (1 - variances / noise)
    kl = 0.5 * np.log(np.maximum(variances / noise, 1))
    return np.stack([slope, np.maximum(variances - noise, 0), kl])


def _with_rows(**changed: Any) -> Any:
    """The right rows but for those in ``changed``, functions of the variances and the variance of the noise."""
    place = {"slope": 0, "best": 1, "kl": 2}

    def rows(variances: Any, scale: float) -> Any:
        right = _threshold(variances, scale**2)
        for name, function in changed.items():
            right[place[name]] = function(variances, scale**2)
        return right

    return rows


where_a_unit_collapses = Exercise(
    name="where_a_unit_collapses",
    chapter="11",
    kind="code",
    title="Where a unit collapses",
    cases=_directions,
    mistakes=(
        Mistake(
            lambda v, scale: _threshold(v, scale),
            "The scale is a standard deviation; the noise in the loss is its square.",
        ),
        Mistake(
            _with_rows(best=lambda v, noise: v - noise),
            "A squared length cannot be negative: where the slope at 0 is positive, the best length is 0.",
        ),
        Mistake(
            _with_rows(slope=lambda v, noise: 0.5 / noise * (v / noise - 1)),
            "The slope has the wrong sign: the first term of the loss rises with the length, the second falls.",
        ),
        Mistake(
            _with_rows(slope=lambda v, noise: 0 * v),
            "The loss is a function of the squared length u; by w itself every slope at 0 is zero, by u it is not.",
        ),
        Mistake(
            _with_rows(kl=lambda v, noise: 0.5 * np.log(v / noise)),
            "At length 0 the posterior is the prior, and its KL is zero.",
        ),
        Mistake(
            _with_rows(kl=lambda v, noise: np.log(np.maximum(v / noise, 1))),
            "The KL is half of that logarithm.",
        ),
    ),
    hints=(
        "Write u for the squared length. The loss is half of log(u + noise) + variance / (u + noise).",
        "Differentiate by u and set u = 0 for the first row; set the derivative to zero for the second.",
        "At the best u the posterior has variance noise / (u + noise), and the mean KL is half the log of its inverse.",
    ),
)


def _games() -> list[Case]:
    import tensorflow  # noqa: F401  # before the clock of the check starts

    made = []
    for seed, (n, d) in enumerate([(3, 2), (5, 4)]):
        rng = np.random.default_rng(seed)
        codes, prior = rng.normal(size=(2, n, d)).astype("float32")
        weights = rng.normal(size=d).astype("float32")
        says = f"{n} codes of {d} numbers; the gradient for the codes, then that for the weights"
        made.append(Case(says, (codes, prior, weights), _gradients(codes, prior, weights)))
    return made


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _gradients(
    codes: Any,
    prior: Any,
    weights: Any,
    leaks: tuple[bool, bool] = (False, False),
    learns: tuple[bool, bool] = (True, True),
    saturating: bool = False,
) -> Any:
    """Gradients of the sum of both losses for codes and weights, in a row.

    ``leaks``: codes learn from the judge's loss, weights from the encoder's; ``learns``: they learn from their own.
    """
    fake, real, n = codes @ weights, prior @ weights, len(codes)
    of_judge = _sigmoid(fake) / n
    of_encoder = (-_sigmoid(fake) if saturating else -_sigmoid(-fake)) / n
    for_codes = (learns[0] * of_encoder + leaks[0] * of_judge)[:, None] * weights
    own = of_judge @ codes - (_sigmoid(-real) / n) @ prior
    for_weights = learns[1] * own + leaks[1] * (of_encoder @ codes)
    return np.concatenate([for_codes.ravel(), for_weights])


def _both_gradients(answer: Any, codes: Any, prior: Any, weights: Any) -> Any:
    import tensorflow as tf

    watched = [tf.Variable(codes), tf.Variable(weights)]
    with tf.GradientTape() as tape:
        total = answer(watched[0].read_value(), tf.constant(prior), watched[1].read_value())
    found = tape.gradient(total, watched, unconnected_gradients="zero")
    return np.concatenate([np.ravel(gradient) for gradient in found])


each_learns_its_own = Exercise(
    name="each_learns_its_own",
    chapter="11",
    kind="mend",
    title="Each learns from its own loss",
    cases=_games,
    measure=_both_gradients,
    seconds=30.0,  # the first call of a tensor library takes its time
    mistakes=(
        Mistake(lambda c, p, w: _gradients(c, p, w, leaks=(True, True)), untouched=True),
        Mistake(
            lambda c, p, w: _gradients(c, p, w, leaks=(False, True)),
            "The codes are safe now, but the judge's weights still learn from the encoder's loss.",
        ),
        Mistake(
            lambda c, p, w: _gradients(c, p, w, leaks=(True, False)),
            "The weights are safe now, but the codes still learn to help the judge.",
        ),
        Mistake(
            lambda c, p, w: _gradients(c, p, w, learns=(False, True)),
            "The codes learn nothing any more: in the encoder's loss it is the weights that are constant.",
        ),
        Mistake(
            lambda c, p, w: _gradients(c, p, w, learns=(True, False)),
            "The judge learns nothing any more: in its own loss it is the codes that are constant.",
        ),
        Mistake(
            lambda c, p, w: _gradients(c, p, w, saturating=True),
            "That encoder minimises log(1 - D), whose gradient vanishes where the judge is sure; keep softplus(-fake).",
        ),
        Mistake(
            lambda c, p, w: _gradients(c, p, w, leaks=(True, True), learns=(False, False)),
            "The two are exchanged: the codes are constant for the judge, the weights for the encoder.",
        ),
    ),
    hints=(
        "The score of the codes enters both losses; compute it twice, each time with another part constant.",
        "For the judge: keras.ops.stop_gradient(codes). For the encoder: keras.ops.stop_gradient(weights).",
    ),
)


def _pairs(answer: Any) -> tuple[list[float], list[float]]:
    return [float(value) for value in answer["without"]], [float(value) for value in answer["with"]]


a_technique_measured = OpenExercise(
    name="a_technique_measured",
    chapter="11",
    kind="open",
    title="Does it help on your images?",
    cases=list,
    demands=(
        Demand(
            lambda answer: len(_pairs(answer)[0]) >= 3 and len(_pairs(answer)[0]) == len(_pairs(answer)[1]),
            "negative ELBOs 'without' and 'with' a technique, in nats per image, for the same three seeds or more",
            "Train both arms with each of at least three seeds, and give the figures in the order of the seeds.",
        ),
        Demand(
            lambda answer: all(0 < value < 1e5 for part in _pairs(answer) for value in part),
            "negative ELBOs in nats per image, sums over pixels",
            "A negative ELBO of black and white pixels is positive: give neg_elbo of evaluate, not the loss.",
        ),
        Demand(
            lambda answer: all(len(set(part)) == len(part) for part in _pairs(answer)),
            "figures that differ from seed to seed",
            "Equal figures for several seeds: was the seed passed to the networks and to the model?",
        ),
        reason_of(),
    ),
    hints=("Change one thing only: same networks, images, epochs and seeds in both arms.",),
)

EXERCISES = (
    kl_of_four_directions,
    free_bits_of_units,
    where_a_unit_collapses,
    each_learns_its_own,
    a_technique_measured,
)
