"""Scores of a trained model: likelihood bounds, units in use, how codes are arranged, and how good samples are."""

from companion.evaluation.annealing import annealed_log_likelihood
from companion.evaluation.likelihood import (
    active_units,
    active_units_per_layer,
    code_variances,
    is_binary,
    log_likelihood,
    score,
)
from companion.evaluation.quality import (
    Quality,
    blurred,
    class_means,
    diversity_within,
    judge_features,
    mean_confidence,
    precision_recall,
    thresholded,
)
from companion.evaluation.separation import class_separation, distance_to_nearest
from companion.evaluation.two_sample import TwoSampleTest, classifier_two_sample_test

__all__ = [
    "Quality",
    "TwoSampleTest",
    "active_units",
    "active_units_per_layer",
    "annealed_log_likelihood",
    "blurred",
    "class_means",
    "class_separation",
    "classifier_two_sample_test",
    "code_variances",
    "distance_to_nearest",
    "diversity_within",
    "is_binary",
    "judge_features",
    "log_likelihood",
    "mean_confidence",
    "precision_recall",
    "score",
    "thresholded",
]
