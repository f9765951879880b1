"""Semi-supervised learning: a model of images and labels that also learns from images without labels. Chapter 12."""

from companion.semi_supervised.labels import NO_LABEL, check_partial_labels, keep_labels, repeat_labelled
from companion.semi_supervised.model import SemiSupervisedVAE
from companion.semi_supervised.networks import build_classifier
from companion.semi_supervised.training import fit_in_phases, self_train, train_classifier

__all__ = [
    "NO_LABEL",
    "SemiSupervisedVAE",
    "build_classifier",
    "check_partial_labels",
    "fit_in_phases",
    "keep_labels",
    "repeat_labelled",
    "self_train",
    "train_classifier",
]
