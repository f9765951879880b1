"""Plausible wrong answers to chapter 10 that its exercises do not foresee, each with what is wrong about it."""

import numpy as np
from keras import ops
from scipy.special import logsumexp


def counts(w):
    return np.arange(1, len(w) + 1)[:, None]


def bounds(w):
    return np.logaddexp.accumulate(w.astype("float64"), axis=0) - np.log(counts(w))


def one_maximum_for_all(log_weights):
    largest = log_weights.max()
    running = np.cumsum(np.exp(log_weights - largest), axis=0)
    return largest + np.log(running / counts(log_weights))


def exp_as_it_is(log_weights):
    return np.log(np.cumsum(np.exp(log_weights), axis=0) / counts(log_weights))


def eight_hundred_added(log_weights):
    return np.log(np.cumsum(np.exp(log_weights + 800), axis=0) / counts(log_weights)) - 800


def against_a_zero(log_weights):
    return np.log(np.cumsum(np.exp(log_weights), axis=0) / counts(log_weights) + 1e-12)


def halved_at_each_step(log_weights):
    rows = [log_weights[0]]
    for row in log_weights[1:]:
        rows.append(np.logaddexp(rows[-1], row) - np.log(2))
    return np.stack(rows)


def mean_log_weight(w):
    return logsumexp(w, axis=0) - np.log(len(w))


def left_out(w):
    return np.stack([mean_log_weight(np.delete(w, i, axis=0)) for i in range(len(w))])


def two_rows(second):
    return lambda w: np.stack([mean_log_weight(w), second(w)])


def taken_away_from_the_sum(log_weights):
    largest = log_weights.max(axis=0)
    weights = np.exp(log_weights - largest)
    others = (weights.sum(axis=0) - weights) / (len(weights) - 1)
    return largest + np.stack([np.log(weights.mean(axis=0)), np.log(others).mean(axis=0)])


def one_maximum_for_both_rows(log_weights):
    largest = log_weights.max()
    weights = np.exp(log_weights - largest)
    others = np.stack([np.delete(weights, i, axis=0).mean(axis=0) for i in range(len(weights))])
    return largest + np.stack([np.log(weights.mean(axis=0)), np.log(others).mean(axis=0)])


def jackknife(w):
    return len(w) * mean_log_weight(w) - (len(w) - 1) * left_out(w).mean(axis=0)


def without_the_largest(w):
    return mean_log_weight(np.sort(w, axis=0)[:-1])


def pairs(w):
    return (np.logaddexp(w, np.roll(w, 1, axis=0)) - np.log(2)).mean(axis=0)


def weighted(share_of):
    return lambda w: ops.sum(ops.stop_gradient(share_of(w)) * w, axis=0)


def exp_before_the_shares(w):
    weights = ops.exp(w)
    return weights / ops.sum(weights, axis=0)


def best_draw_alone(w):
    return ops.cast(w == ops.max(w, axis=0), "float32")


def square_root_of_the_shares(w):
    roots = ops.sqrt(ops.softmax(w, axis=0))
    return roots / ops.sum(roots, axis=0)


REASON = "I would report the bound at the largest k that still raises it."
WORTH = {5: 2.2, 50: 7.0, 500: 24.0}

WRONG = {
    "bound_of_three": {
        "cut off after two decimals": -104.74,
        "rounded away from the larger": -104.76,
        "rounded to one decimal": -104.7,
        "shift not added back": -0.74963,
        "shift added with the other sign": 104 - 0.74963,
        "sign": 104.74963,
        "divided by two draws": -103.65102 - np.log(2),
        "in bits": -104.74963 / np.log(2),
        "median": -105.0,
        "least of the three": -107.0,
        "one draw forgotten": logsumexp([-105, -104]) - np.log(2),
        "log of the count added": -103.65102 + np.log(3),
        "decimal logarithm of the count": -103.65102 - np.log10(3),
        "count outside the logarithm": -103.65102 / 3,
    },
    "iwae_bound": {
        "one maximum for all images": one_maximum_for_all,
        "exp of the log weights as they are": exp_as_it_is,
        "800 added and taken away": eight_hundred_added,
        "a small number against log 0": against_a_zero,
        "halved at each step": halved_at_each_step,
        "largest so far": lambda w: np.maximum.accumulate(w, axis=0),
        "last row first": lambda w: bounds(w)[::-1],
        "draws from the last one on": lambda w: bounds(w[::-1]),
        "draws sorted": lambda w: bounds(np.sort(w, axis=0)),
        "counted from zero": lambda w: bounds(w) + np.log(counts(w)) - np.log(np.maximum(counts(w) - 1, 1)),
        "counted from two": lambda w: bounds(w) + np.log(counts(w)) - np.log(counts(w) + 1),
        "decimal logarithm of the count": lambda w: bounds(w) + np.log(counts(w)) - np.log10(counts(w)),
        "in bits": lambda w: bounds(w) / np.log(2),
        "mean over images": lambda w: bounds(w).mean(axis=1),
        "mean of the bounds so far": lambda w: np.cumsum(bounds(w), axis=0) / counts(w),
        "shift not added back": lambda w: bounds(w) - w.max(axis=0),
        "images first": lambda w: bounds(w).T,
        "pairs of neighbours": lambda w: np.concatenate([w[:1], np.logaddexp(w[1:], w[:-1]) - np.log(2)]),
    },
    "one_draw_less": {
        "weight taken away from the sum": taken_away_from_the_sum,
        "one maximum for all images": one_maximum_for_both_rows,
        "last draw left out": two_rows(lambda w: mean_log_weight(w[:-1])),
        "first draw left out": two_rows(lambda w: mean_log_weight(w[1:])),
        "largest draw left out": two_rows(without_the_largest),
        "least draw left out": two_rows(lambda w: mean_log_weight(np.sort(w, axis=0)[1:])),
        "sum of the k logs": two_rows(lambda w: left_out(w).sum(axis=0)),
        "divided by k - 1": two_rows(lambda w: left_out(w).sum(axis=0) / (len(w) - 1)),
        "median of the k logs": two_rows(lambda w: np.median(left_out(w), axis=0)),
        "largest of the k logs": two_rows(lambda w: left_out(w).max(axis=0)),
        "least of the k logs": two_rows(lambda w: left_out(w).min(axis=0)),
        "jackknife": two_rows(jackknife),
        "pairs": two_rows(pairs),
        "gap of the rows": two_rows(lambda w: mean_log_weight(w) - left_out(w).mean(axis=0)),
        "sum for the mean in both": lambda w: np.stack([logsumexp(w, axis=0), left_out(w).mean(axis=0)]),
        "exp of the log weights as they are": lambda w: np.log(np.stack([np.exp(w).mean(axis=0)] * 2)),
        "images first": lambda w: two_rows(lambda w: left_out(w).mean(axis=0))(w).T,
    },
    "shares_held_fixed": {
        "exp before the shares": weighted(exp_before_the_shares),
        "shares squared": weighted(lambda w: ops.softmax(w, axis=0) ** 2),
        "squares and their sum": weighted(lambda w: ops.softmax(2 * w, axis=0)),
        "shares of half the log weights": weighted(lambda w: ops.softmax(w / 2, axis=0)),
        "best draw alone": weighted(best_draw_alone),
        "square roots of the shares": weighted(lambda w: ops.sqrt(ops.softmax(w, axis=0))),
        "shares over all draws of all images": weighted(
            lambda w: ops.reshape(ops.softmax(ops.reshape(w, (-1,))), w.shape)
        ),
        "shares added up": weighted(lambda w: ops.softmax(w, axis=0) * 0 + 1),
        "sign": lambda w: -ops.sum(ops.stop_gradient(ops.softmax(w, axis=0)) * w, axis=0),
        "mean for sum": lambda w: ops.mean(ops.stop_gradient(ops.softmax(w, axis=0)) * w, axis=0),
        "mean over images": lambda w: ops.mean(ops.logsumexp(w, axis=0)),
        "weights themselves": weighted(ops.exp),
        "normalised log weights": weighted(lambda w: w / ops.sum(w, axis=0)),
        "sigmoids": weighted(ops.sigmoid),
        "complements": weighted(lambda w: 1 - ops.softmax(w, axis=0)),
        "half from each": lambda w: ops.sum(
            (ops.softmax(w, axis=0) + ops.stop_gradient(ops.softmax(w, axis=0))) / 2 * w, axis=0
        ),
        "logarithm of the sum of squares": lambda w: ops.logsumexp(2 * w, axis=0),
    },
    "worth_of_draws": {
        "every draw worth one": {"worth": {5: 5, 50: 50, 500: 500}, "because": REASON},
        "one draw alone": {"worth": {5: 1, 50: 1, 500: 1}, "because": REASON},
        "the same worth for all": {"worth": {5: 3.0, 50: 3.0, 500: 3.0}, "because": REASON},
        "worth that outgrows k": {"worth": {5: 1.1, 50: 45.0, 500: 499.0}, "because": REASON},
        "one k three times": {"worth": {5: 2.2, 5.2: 2.2, 5.4: 2.3}, "because": REASON},
        "one k as number and as text": {"worth": {5: 2.2, "5": 2.3, "50": 7.0}, "because": REASON},
        "k of one half": {"worth": {1.5: 1.0, 2.5: 1.9, 3.5: 2.4}, "because": REASON},
        "shares of k": {"worth": {5: 0.44, 50: 0.14, 500: 0.05}, "because": REASON},
        "percent of k": {"worth": {5: 44, 50: 14, 500: 5}, "because": REASON},
        "bounds instead": {"worth": {5: -101.2, 50: -99.8, 500: -99.1}, "because": REASON},
        "NaN": {"worth": {**WORTH, 5000: float("nan")}, "because": REASON},
        "a list": {"worth": [2.2, 7.0, 24.0], "because": REASON},
        "nothing measured": {"worth": {}, "because": REASON},
        "one word as a reason": {"worth": WORTH, "because": "draws " * 8},
        "the task as a reason": {
            "worth": WORTH,
            "because": "how would you choose k for a figure that you report?",
        },
        "numbers as a reason": {"worth": WORTH, "because": "5 2.2 50 7.0 500 24.0 5000 80"},
        "no reason": {"worth": WORTH, "because": "enough"},
    },
}
