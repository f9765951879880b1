"""Scores of a trained model: likelihood bounds, units in use, and how codes are arranged."""

from companion.evaluation.likelihood import (
    active_units,
    active_units_per_layer,
    code_variances,
    is_binary,
    log_likelihood,
    score,
)
from companion.evaluation.separation import class_separation, distance_to_nearest

__all__ = [
    "active_units",
    "active_units_per_layer",
    "class_separation",
    "code_variances",
    "distance_to_nearest",
    "is_binary",
    "log_likelihood",
    "score",
]
