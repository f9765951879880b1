"""Plausible wrong answers to chapter 07 that its exercises do not foresee, each with what is wrong about it."""

import numpy as np


def shares(scores):
    weights = np.exp(scores)
    return weights / weights.sum(axis=1, keepdims=True)


def one_maximum_for_all(bounds, prior):
    weights = np.exp(bounds - bounds.max()) * prior
    return weights / weights.sum(axis=1, keepdims=True)


def against_a_division_by_zero(bounds, prior):
    weights = (np.exp(bounds) + 1e-8) * prior
    return weights / weights.sum(axis=1, keepdims=True)


def winner_alone(bounds, prior):
    return np.eye(len(prior))[(bounds + np.log(prior)).argmax(axis=1)]


def of_unit_length(bounds, prior):
    weights = np.exp(bounds - bounds.max(axis=1, keepdims=True)) * prior
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


def log_shares(bounds, prior):
    scores = bounds + np.log(prior)
    largest = scores.max(axis=1, keepdims=True)
    return scores - largest - np.log(np.exp(scores - largest).sum(axis=1, keepdims=True))


def right_shares(bounds, prior, scale=1.0, power=1.0):
    scores = scale * bounds + power * np.log(prior)
    return shares(scores - scores.max(axis=1, keepdims=True))


def steps(mean, log_var):
    return np.stack([mean, log_var, 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var)])


def width(log_var):
    return np.exp(0.5 * log_var)


def with_another_third(third):
    def answer(qm, qv, pm, pv):
        mean, log_var = (qm - pm) / width(pv), qv - pv
        return np.stack([mean, log_var, third(mean, log_var, qm, qv, pm, pv)])

    return answer


def other_kl(mean, log_var, qm, qv, pm, pv):
    return 0.5 * (np.exp(-log_var) * (1 + mean**2) - 1 + log_var)


def untouched_where_equal(model, image, label, new_label):
    drawn = model.decode(model.encode((image, label))[0], new_label)
    return np.where((label == new_label)[:, None], image, drawn)


def edited(model, image, label, new_label):
    style = model.encode((image, label))[0]
    return image + model.decode(style, new_label) - model.decode(style, label)


def twice_encoded(model, image, label, new_label):
    first = model.decode(model.encode((image, label))[0], new_label)
    return model.decode(model.encode((first, new_label))[0], new_label)


def clipped(model, image, label, new_label):
    return np.clip(model.decode(model.encode((image, label))[0], new_label), 0, 1)


def code_alone(model, image, label, new_label):
    return model.encode((image, label))[0]


def mean_and_log_variance(model, image, label, new_label):
    mean, log_var, _ = model.encode((image, label))
    return model.decode(mean + log_var, new_label)


REASON = "The judge saw the same training images, so both may share a fault."
ANSWER = {"pictures": 2000, "agreed": 0.98, "judge": 0.99, "stderr": 0.0031, "because": REASON}

WRONG = {
    "cost_under_a_learned_prior": {
        "in bits": 0.318147 / np.log(2),
        "sign": -0.318147,
        "logarithm of the widths alone": np.log(2),
        "variance not halved": np.log(2) + 0.25 - 0.5,
        "nothing, since the means agree": 0.0,
        "half of the variance alone": 0.125,
        "distance of the widths": 0.5,
        "decimal logarithm": 0.5 * (0.25 - 1 - np.log10(0.25)),
        "rounded to two decimals": 0.32,
        "squared means counted twice": 1.318147,
        "without the logarithm": 0.375,
    },
    "label_from_bounds": {
        "one maximum for all images": one_maximum_for_all,
        "1000 added to every bound": lambda b, p: shares(b + 1000 + np.log(p)),
        "least subtracted": lambda b, p: shares(b - b.min(axis=1, keepdims=True) + np.log(p)),
        "exp of the bounds as they are": lambda b, p: shares(b + np.log(p)),
        "a small number against 0 / 0": against_a_division_by_zero,
        "the likeliest label alone": winner_alone,
        "length one instead of sum one": of_unit_length,
        "logarithms of the shares": log_shares,
        "bounds halved": lambda b, p: right_shares(b, p, scale=0.5),
        "prior divided out": lambda b, p: right_shares(b, p, power=-1.0),
        "prior counted twice": lambda b, p: right_shares(b, p, power=2.0),
        "powers of two": lambda b, p: right_shares(b, p, scale=np.log(2)),
        "bounds divided by their sum": lambda b, p: b * p / (b * p).sum(axis=1, keepdims=True),
        "not divided by the sum": lambda b, p: np.exp(b - b.max(axis=1, keepdims=True)) * p,
        "labels in reverse": lambda b, p: right_shares(b, p)[:, ::-1],
    },
    "standardized_code": {
        "prior minus posterior": lambda qm, qv, pm, pv: steps((pm - qm) / width(pv), qv - pv),
        "mean added": lambda qm, qv, pm, pv: steps((qm + pm) / width(pv), qv - pv),
        "mean subtracted after the division": lambda qm, qv, pm, pv: steps(qm / width(pv) - pm, qv - pv),
        "width of the posterior": lambda qm, qv, pm, pv: steps((qm - pm) / width(qv), qv - pv),
        "times the width": lambda qm, qv, pm, pv: steps((qm - pm) * width(pv), qv - pv),
        "log variances added": lambda qm, qv, pm, pv: steps((qm - pm) / width(pv), qv + pv),
        "ratio of the logarithms": lambda qm, qv, pm, pv: steps((qm - pm) / width(pv), qv / pv),
        "log standard deviation": lambda qm, qv, pm, pv: steps((qm - pm) / width(pv), (qv - pv) / 2),
        "the variance itself": lambda qm, qv, pm, pv: np.stack(
            [(qm - pm) / width(pv), np.exp(qv - pv), steps((qm - pm) / width(pv), qv - pv)[2]]
        ),
        "KL the other way round": with_another_third(other_kl),
        "KL without the minus one": with_another_third(lambda m, lv, *_: 0.5 * (np.exp(lv) + m**2 - lv)),
        "KL with the mean not squared": with_another_third(
            lambda m, lv, *_: 0.5 * (np.exp(lv) + np.abs(m) - 1 - lv)
        ),
        "KL with the old width": with_another_third(
            lambda m, lv, qm, qv, pm, pv: 0.5 * (np.exp(qv) + m**2 - 1 - qv)
        ),
        "KL of the whole code in every place": with_another_third(
            lambda m, lv, *_: 0 * m + (0.5 * (np.exp(lv) + m**2 - 1 - lv)).sum(1, keepdims=True)
        ),
        "steps along the last axis": lambda qm, qv, pm, pv: np.moveaxis(
            steps((qm - pm) / width(pv), qv - pv), 0, -1
        ),
    },
    "same_hand": {
        "image left alone where the labels agree": untouched_where_equal,
        "change added to the image": edited,
        "encoded a second time": twice_encoded,
        "clipped to [0, 1]": clipped,
        "the code instead of a picture": code_alone,
        "mean plus log variance": mean_and_log_variance,
        "log variance as style": lambda m, x, y, new: m.decode(m.encode((x, y))[1], new),
        "image as style": lambda m, x, y, new: m.decode(x, new),
        "style of zeros": lambda m, x, y, new: m.decode(np.zeros_like(x), new),
        "style of the batch": lambda m, x, y, new: m.decode(0 * x + m.encode((x, y))[0].mean(axis=0), new),
        "difference of the labels": lambda m, x, y, new: m.decode(m.encode((x, y))[0], new - y),
        "first new label for all": lambda m, x, y, new: m.decode(m.encode((x, y))[0], 0 * new + new[0]),
        "labels of the next image": lambda m, x, y, new: m.decode(m.encode((x, np.roll(y, 1)))[0], new),
        "half way between both labels": lambda m, x, y, new: m.decode(m.encode((x, (y + new) / 2))[0], new),
    },
    "asked_and_got": {
        "all zeros": {"pictures": 200, "agreed": 0.0, "judge": 0.99, "stderr": 0.0, "because": REASON},
        "True in the place of shares": {**ANSWER, "agreed": True, "judge": True, "stderr": 0},
        "no error at all": {**ANSWER, "agreed": 0.998, "stderr": 0.0},
        "variance for the standard error": {**ANSWER, "agreed": 0.998, "stderr": 0.998 * 0.002 / 2000},
        "two standard errors": {**ANSWER, "agreed": 0.998, "stderr": 1.96 * 0.001},
        "deviation of one picture": {**ANSWER, "agreed": 0.9985, "stderr": 0.0387},
        "a third of the error missing": {**ANSWER, "stderr": 0.0021},
        "a judge that guesses": {**ANSWER, "judge": 0.1},
        "accuracy of the judge in percent": {**ANSWER, "judge": 99},
        "a share that no count gives": {**ANSWER, "pictures": 200, "agreed": 0.98765, "stderr": 0.0078},
        "half a picture": {**ANSWER, "pictures": 2000.5},
        "no number": {**ANSWER, "agreed": float("nan")},
        "the task as a reason": {**ANSWER, "because": "a sentence on what the rate does not prove"},
        "one word as a reason": {**ANSWER, "because": "proof " * 8},
        "numbers as a reason": {**ANSWER, "because": "1 2 3 4 5 6 7 8 9"},
        "nothing but a reason": {"because": REASON},
    },
}
