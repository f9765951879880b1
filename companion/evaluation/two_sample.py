"""Do two sets of points come from one distribution? A classifier that tries to tell them apart. Chapter 11."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm

from companion.errors import BadInput, check_whole_number

UNITS = 20  # of the only hidden layer, as in the paper
STEPS = 500  # iterations of the fit


class TwoSampleTest(NamedTuple):
    """``accuracy`` of the classifier on points it has not seen, 1/2 by guessing, and its one-sided ``p_value``."""

    accuracy: float
    p_value: float


def classifier_two_sample_test(first: Any, second: Any, *, seed: int = 0) -> TwoSampleTest:
    """How well a small network tells ``first`` from ``second``: points ``(n, d)`` each, equally many.

    Half of each set trains the network (one hidden layer of 20 units, on standardised coordinates), the other half is
    judged. Where both sets come from one distribution the number of right answers is binomial with probability 1/2;
    ``p_value`` is the probability of at least this accuracy then, by its normal approximation. ``seed`` fixes the
    halves and the first weights. For example codes of images against draws of the prior: does the aggregated posterior
    match it? Raises :class:`~companion.errors.BadInput` for sets of other shapes and for fewer than 20 points each.
    Source: Lopez-Paz & Oquab (2017), section 3. Taught in chapter 11.
    """
    first, second = np.asarray(first, "float64"), np.asarray(second, "float64")
    fits = first.ndim == 2 and first.shape == second.shape and len(first) >= 20
    if not fits or not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise BadInput(
            f"points have shapes {first.shape} and {second.shape}: expected (n, d) twice, finite, n >= 20; pass for "
            f"example model.encode(x)[2] and model.draw_from_prior(len(x))."
        )
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(check_whole_number("seed", seed, at_least=0))
    halves = [points[rng.permutation(len(points))] for points in (first, second)]
    cut = len(first) // 2
    labels = np.repeat([0, 1], cut)
    network = MLPClassifier((UNITS,), max_iter=STEPS, tol=0.0, n_iter_no_change=STEPS, random_state=seed)
    classifier = make_pipeline(StandardScaler(), network)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the number of iterations is fixed, so that it has not converged is no news
        classifier.fit(np.concatenate([points[:cut] for points in halves]), labels)
    unseen = np.concatenate([points[cut : 2 * cut] for points in halves])
    accuracy = float(np.mean(classifier.predict(unseen) == labels))
    return TwoSampleTest(accuracy, float(norm.sf((accuracy - 0.5) * 2 * np.sqrt(len(unseen)))))
