"""Distances between points: to the nearest image or code, and between classes in latent space. Chapter 05."""

from typing import Any

import numpy as np
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from companion.errors import BadInput, check_codes, check_whole_number

MOST_PAIRED = 3000  # a silhouette needs the distances of all pairs


def distance_to_nearest(points: Any, references: Any) -> np.ndarray:
    """Euclidean distance from each of ``points`` to the nearest of ``references``: shape ``(n,)``.

    Both are arrays of codes ``(n, latent_dim)``, or of images of the same shape, which are flattened. For example the
    distance of a decoded image to the nearest real one.
    Raises :class:`~companion.errors.BadInput` where their rows differ in shape, or where either is empty. Taught in
    chapter 01.
    """
    points, references = np.asarray(points, "float32"), np.asarray(references, "float32")
    if not len(points) or not len(references) or points.shape[1:] != references.shape[1:]:
        raise BadInput(
            f"points have shape {points.shape} and references {references.shape}: expected rows of the same shape and "
            f"at least one row each; pass two arrays of codes or two arrays of images."
        )
    search = NearestNeighbors(n_neighbors=1).fit(references.reshape(len(references), -1))
    return search.kneighbors(points.reshape(len(points), -1))[0][:, 0]


def class_separation(
    codes: Any, labels: Any, new_codes: Any, new_labels: Any, *, neighbours: int = 10
) -> dict[str, float]:
    """How well classes keep apart in latent space: ``silhouette`` and ``knn_accuracy``.

    ``codes`` ``(n, latent_dim)`` with ``labels`` ``(n,)`` are those of the training images, ``new_codes`` and
    ``new_labels`` those of other images. ``silhouette``, between -1 and 1, is the mean over ``codes`` (the first 3,000)
    of (b - a) / max(a, b), where a is the mean distance of a code to its own class and b that to the nearest other
    class. ``knn_accuracy``, between 0 and 1, is the share of ``new_codes`` whose label is that of the majority of their
    ``neighbours`` nearest ``codes``; it depends on the order of distances only.

    Raises :class:`~companion.errors.BadInput` for unequal counts, codes of different lengths, fewer than two classes or
    more than half as many classes as codes, and fewer codes than ``neighbours``.
    Source: Rousseeuw (1987); Cover & Hart (1967). Taught in chapter 05.
    """
    codes, labels = _labelled_codes("codes", codes, labels)
    new_codes, new_labels = _labelled_codes("new_codes", new_codes, new_labels)
    if codes.shape[1] != new_codes.shape[1]:
        raise BadInput(
            f"codes have {codes.shape[1]} coordinates and new_codes {new_codes.shape[1]}: expected codes of one "
            f"model; pass model.encode(x_train)[0] and model.encode(x_test)[0]."
        )
    found = len(np.unique(labels[:MOST_PAIRED]))
    if not 2 <= found <= len(labels[:MOST_PAIRED]) / 2:
        raise BadInput(
            f"labels have {found} different values for {len(labels)} codes: expected at least 2 classes, with 2 codes "
            f"or more each on average; pass the labels of the classes."
        )
    if check_whole_number("neighbours", neighbours) > len(codes):
        raise BadInput(
            f"neighbours={neighbours} with {len(codes)} codes: expected at most {len(codes)}; pass for example "
            f"neighbours=1."
        )
    nearest = KNeighborsClassifier(neighbours).fit(codes, labels)
    return {
        "silhouette": float(silhouette_score(codes[:MOST_PAIRED], labels[:MOST_PAIRED])),
        "knn_accuracy": float(np.mean(nearest.predict(new_codes) == new_labels)),
    }


def _labelled_codes(what: str, codes: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    codes, labels = np.asarray(codes), np.asarray(labels)
    if codes.ndim != 2 or labels.shape != codes.shape[:1] or not len(codes):
        raise BadInput(
            f"{what} have shape {codes.shape} and their labels {labels.shape}: expected (n, latent_dim) and (n,), "
            f"n >= 1; of a VAE's encode pass the first part, z_mean."
        )
    return check_codes(codes, codes.shape[1]), labels
