"""Typical wrong answers to chapter 12, each with words of the hint that belongs to it."""

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

BOUNDS, Q = np.array([-90.0, -92.0, -97.0]), np.array([0.7, 0.2, 0.1])


def no_entropy(bounds, logits):
    return (softmax(logits, axis=1) * bounds).sum(axis=1)


def entropy_subtracted(bounds, logits):
    return (softmax(logits, axis=1) * (bounds + log_softmax(logits, axis=1))).sum(axis=1)


def named_class(bounds, logits):
    return np.take_along_axis(bounds, logits.argmax(axis=1)[:, None], axis=1)[:, 0]


def raw_logits(bounds, logits):
    return (softmax(logits, axis=1) * (bounds - logits)).sum(axis=1)


def _three(bounds, q):
    best = logsumexp(bounds, axis=1)
    under_q = (q * (bounds - np.log(q))).sum(axis=1)
    return [best, under_q, best - under_q]


def largest(bounds, q):
    return [bounds.max(axis=1), *_three(bounds, q)[1:]]


def mean_of_classes(bounds, q):
    return [_three(bounds, q)[0] - np.log(bounds.shape[1]), *_three(bounds, q)[1:]]


def turned_kl(bounds, q):
    best = softmax(bounds, axis=1)
    return [*_three(bounds, q)[:2], (best * np.log(best / q)).sum(axis=1)]


def divided_by_all(log_q, labels):
    known = labels >= 0
    return -log_q[known, labels[known]].sum() / len(labels)


def class_zero(log_q, labels):
    return -np.mean(log_q[np.arange(len(labels)), np.where(labels < 0, 0, labels)])


def the_others(log_q, labels):
    return -np.mean(log_q[labels < 0][:, -1])


REASON = "With few labels the images help most, and with many they hardly help at all."

WRONG = {
    "bound_without_label": [
        (np.sum(Q * BOUNDS), "entropy of q(y|x) is missing"),
        (np.sum(Q * (BOUNDS + np.log(Q))), "entropy was subtracted"),
        (logsumexp(BOUNDS), "under the best q"),
        (BOUNDS.mean(), "plain mean"),
        (np.sum(Q * (BOUNDS - np.log(Q))) - np.log(3), "hold log p(y) already"),
        (np.sum(Q * (BOUNDS - np.log2(Q))), "in bits"),
    ],
    "unlabelled_bound": [
        (no_entropy, "entropy of q(y|x) is missing"),
        (entropy_subtracted, "wrong sign"),
        (named_class, "the classifier names"),
        (raw_logits, "logits are not log q"),
    ],
    "best_class_posterior": [
        (largest, "spreads over all classes"),
        (mean_of_classes, "a sum over the classes"),
        (turned_kl, "the other way round"),
    ],
    "missing_label": [
        (divided_by_all, "the divisor is not"),
        (class_zero, "count as class 0"),
        (the_others, "keep the others"),
    ],
    "worth_of_images": [
        ({"errors": {3: (25.0, 17.0)}, "because": REASON}, "several n"),
        ({"errors": {3: (0.25, 0.17), 10: (0.12, 0.1), 30: (0.07, 0.06)}, "because": REASON}, "by 100"),
        ({"errors": {3: (7.0, 6.0), 10: (12.0, 9.0), 30: (25.0, 17.0)}, "because": REASON}, "err less"),
    ],
}
