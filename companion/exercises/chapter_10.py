"""The exercises of chapter 10: bounds from many draws, why they rise, and their gradients."""

from typing import Any

import numpy as np

from companion.exercises.exercise import Case, Exercise, Mistake, the_number
from companion.exercises.gradients import value_and_gradient
from companion.exercises.inputs import log_weights_of_unlike_images
from companion.exercises.own_draws import worth_of_draws

bound_of_three = Exercise(
    name="bound_of_three",
    chapter="10",
    kind="compute",
    title="Three draws, one bound",
    cases=the_number(-104.74963),
    unit="one number, in nats",
    rtol=5e-5,  # two decimals
    mistakes=(
        Mistake(
            lambda: -105.33333,
            "That is the mean of the logarithms, the ELBO; the bound is the logarithm of the mean.",
        ),
        Mistake(
            lambda: -103.65102,
            "That is the logarithm of the sum; the mean divides by three, which is log 3 in nats.",
        ),
        Mistake(
            lambda: -104.0,
            "That is the largest of the three, which the bound approaches when one draw has all the weight.",
        ),
        Mistake(lambda: -104.36485, "That is a weighted mean of the logarithms, which bounds nothing."),
        Mistake(lambda: -106.06, "The weights are logarithms; their exponentials are averaged."),
    ),
    hints=(
        "Take -104 out of the sum before you take exp.",
        "The logarithm of (exp(-1) + 1 + exp(-3)) / 3 is what is left.",
    ),
)


def _weights_of_draws() -> list[Case]:
    from companion.objectives import log_mean_exp

    made = []
    for seed, (k, n, level) in enumerate([(4, 3, 0.0), (3, 2, -800.0)]):
        log_weights = level + 3 * np.random.default_rng(seed).normal(size=(k, n))
        made.append((f"log_weights of shape {(k, n)}, near {level:g}", log_weights.astype("float32")))
    unlike = log_weights_of_unlike_images(4).astype("float32")
    made.append(("log_weights of shape (4, 3), near -60, -450 and -900", unlike))
    return [Case(says, (w,), np.stack([log_mean_exp(w[: j + 1]) for j in range(len(w))])) for says, w in made]


def _running_sum(w: Any) -> Any:
    return np.logaddexp.accumulate(w.astype("float64"), axis=0)


def _counts(w: Any) -> Any:
    return np.arange(1, len(w) + 1)[:, None]


def _softmax(w: Any, axis: int = 0) -> Any:
    shares = np.exp(w - w.max(axis, keepdims=True))
    return shares / shares.sum(axis, keepdims=True)


@np.errstate(all="ignore")
def _one_maximum_for_all(w: Any) -> Any:
    return w.max() + np.log(np.cumsum(np.exp(w - w.max()), axis=0) / _counts(w))


iwae_bound = Exercise(
    name="iwae_bound",
    chapter="10",
    kind="code",
    title="All bounds from one set of draws",
    cases=_weights_of_draws,
    rtol=1e-5,  # near -800 the usual 1e-3 would be most of a nat
    mistakes=(
        Mistake(
            _running_sum,
            "The logarithm of the count is missing: a mean of j weights is their sum divided by j.",
        ),
        Mistake(
            lambda w: _running_sum(w) - np.log(len(w)),
            "Each row has a count of its own: the j-th bound divides by j, not by k.",
        ),
        Mistake(
            lambda w: np.cumsum(w, 0) / _counts(w),
            "Those are means of logarithms, which stay at the ELBO however many draws there are.",
        ),
        Mistake(
            lambda w: _running_sum(w.T).T - np.log(np.arange(1, w.shape[1] + 1)),
            "The mean ran over images; the draws of one image lie along the first axis.",
        ),
        Mistake(
            lambda w: np.stack([(_softmax(w[:j]) * w[:j]).sum(0) for j in range(1, len(w) + 1)]),
            "A mean of log weights, weighted by the weights, lies above the bound and bounds nothing.",
        ),
        Mistake(
            lambda w: _running_sum(w)[-1] - np.log(len(w)),
            "That is the last bound alone; return one row for each number of draws.",
        ),
        Mistake(
            _one_maximum_for_all,
            "One shift serves all images, and those far below it are left with log 0; each needs its own.",
        ),
    ),
    hints=(
        "Row j is the bound with the first j draws.",
        "Subtract each image's largest log weight before exp, and add it again after log.",
    ),
)


def _weights_alone() -> list[Case]:
    import tensorflow  # noqa: F401  # before the clock of the check starts

    made = []
    for seed, (k, n, level) in enumerate([(3, 2, 0.0), (5, 3, 0.0), (4, 2, -110.0)]):
        w = (level + np.random.default_rng(seed).normal(size=(k, n))).astype("float32")
        says = f"log_weights of shape {(k, n)}, near {level:g}; the gradient of the sum over images"
        made.append(Case(says, (w,), _softmax(w)))
    return made


def _gradient(answer: Any, log_weights: Any) -> Any:
    return value_and_gradient(answer, log_weights)[1]


def _leaking(w: Any) -> Any:
    """The gradient of the shares themselves, times the log weights."""
    shares = _softmax(w)
    return shares * (w - (shares * w).sum(0))


shares_held_fixed = Exercise(
    name="shares_held_fixed",
    chapter="10",
    kind="mend",
    title="Shares that must not learn",
    cases=_weights_alone,
    measure=_gradient,
    seconds=30.0,  # the first call of a tensor library takes its time
    mistakes=(
        Mistake(
            lambda w: _softmax(w) + _leaking(w),
            untouched=True,
        ),
        Mistake(_leaking, "The wrong factor was hidden: the log weights learn, the shares do not."),
        Mistake(
            lambda w: np.full(w.shape, 1 / len(w)),
            "That is the gradient of the ELBO: every draw counts the same.",
        ),
        Mistake(lambda w: np.zeros(w.shape), "No gradient is left; only the shares are to be hidden."),
        Mistake(
            lambda w: _softmax(w, 1),
            "The shares were taken over images; those of one image add up to one over its draws.",
        ),
    ),
    hints=(
        "The shares depend on the weights and were differentiated, too; hide them with stop_gradient.",
        "Differentiate the product by hand: which of its two parts should be there?",
        "keras.ops.stop_gradient(shares).",
    ),
)


def _weights_of_one_more() -> list[Case]:
    made = []
    for seed, (k, n, level) in enumerate([(3, 2, 0.0), (5, 3, -800.0)]):
        w = level + 2 * np.random.default_rng(seed).normal(size=(k, n))
        made.append((f"log_weights of shape {(k, n)}, near {level:g}", w))
    says = "log_weights of shape (4, 3), near -60, -450 and -900, one draw far above its others"
    made.append((says, log_weights_of_unlike_images(4)))
    return [
        Case(says, (w,), np.stack([_mean_weight(w), _left_out(w, len(w) - 1).mean(0)])) for says, w in made
    ]


def _mean_weight(w: Any) -> Any:
    return np.logaddexp.reduce(w, axis=0) - np.log(len(w))


def _left_out(w: Any, divide_by: int) -> Any:
    sums = np.stack([np.logaddexp.reduce(np.delete(w, i, axis=0), axis=0) for i in range(len(w))])
    return sums - np.log(divide_by)


@np.errstate(all="ignore")
def _taken_away(w: Any) -> Any:
    weights = np.exp(w - w.max(0))
    others = (weights.sum(0) - weights) / (len(w) - 1)
    return w.max(0) + np.stack([np.log(weights.mean(0)), np.log(others).mean(0)])


one_draw_less = Exercise(
    name="one_draw_less",
    chapter="10",
    kind="code",
    title="Why the bound rises with k",
    cases=_weights_of_one_more,
    rtol=1e-5,  # near -800 the usual 1e-3 would be most of a nat
    mistakes=(
        Mistake(
            lambda w: np.stack([_left_out(w, len(w)).mean(0), _mean_weight(w)]),
            "The two rows have changed places, and each set of k - 1 weights is divided by k - 1.",
        ),
        Mistake(
            lambda w: np.stack([_left_out(w, len(w) - 1).mean(0), _mean_weight(w)]),
            "The two rows have changed places: the log of the mean comes first and is the larger one.",
        ),
        Mistake(
            lambda w: np.stack([_mean_weight(w), _left_out(w, len(w)).mean(0)]),
            "With one draw left out there are k - 1 weights to average, so divide by k - 1.",
        ),
        Mistake(
            lambda w: np.stack([_mean_weight(w), _mean_weight(_left_out(w, len(w) - 1))]),
            "That takes the log last in both rows, so they are equal: in the second row average the logs.",
        ),
        Mistake(
            lambda w: np.stack([_mean_weight(w), w.mean(0)]),
            "The second row leaves all draws but one out; leave out one at a time.",
        ),
        Mistake(
            _taken_away,
            "Where one draw has nearly all the weight, taking it away from the sum leaves 0; add up the others.",
        ),
    ),
    hints=(
        "Row 0 is the bound's estimate with all k draws.",
        "For row 1 make k sets of k - 1 draws, estimate the bound from each, and average the k estimates.",
    ),
)


EXERCISES = (bound_of_three, iwae_bound, one_draw_less, shares_held_fixed, worth_of_draws)
