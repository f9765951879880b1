"""Sample quality in two numbers: fidelity, whether single images look real, and coverage, whether all kinds occur.

One number cannot tell a model that draws the same ten perfect digits again and again from one that draws every digit a
little blurred. So report a pair, with its controls beside it: real images that were not used before, blurred ones,
class means. Distances are Euclidean, between pixels or between the features of a judge (:func:`judge_features`).
"""

from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage
from sklearn.neighbors import NearestNeighbors

from companion.batching import map_batches
from companion.errors import BadInput, check_images, check_whole_number

NEIGHBOURS = 3
BLUR = 1.5  # pixels, the standard deviation of a Gaussian


class Quality(NamedTuple):
    """``fidelity`` and ``coverage``, each between 0 and 1."""

    fidelity: float
    coverage: float


def precision_recall(real: Any, generated: Any, *, neighbours: int = NEIGHBOURS) -> Quality:
    """k-NN precision and recall of ``generated`` against ``real``: images, or features ``(n, d)``.

    A point is covered by a set where it lies no further from one of its members than this member's ``neighbours``-th
    nearest neighbour in the set. ``fidelity`` is the share of generated points that the real set covers (precision),
    ``coverage`` the share of real points that the generated set covers (recall). Both change with the number of
    points, so the two sets must have equally many.

    Raises :class:`~companion.errors.BadInput` for sets of other sizes or shapes, and for no more than ``neighbours``
    points. Source: Kynkäänniemi et al. (2019), equations 1 and 2. Taught in chapter 05.
    """
    first, second = _as_points("real", real), _as_points("generated", generated)
    if first.shape != second.shape:
        raise BadInput(
            f"real has shape {np.shape(real)} and generated {np.shape(generated)}: expected equally many rows of the "
            f"same shape, since both figures depend on their number; pass for example real[:{len(second)}]."
        )
    if len(first) <= check_whole_number("neighbours", neighbours):
        raise BadInput(
            f"neighbours={neighbours} with {len(first)} points: expected fewer than points; pass neighbours=1."
        )
    return Quality(_covered(second, first, neighbours), _covered(first, second, neighbours))


def judge_features(judge: Any, images: Any) -> np.ndarray:
    """What the judge computes before its logits, for ``images`` ``(n, ...)`` in [0, 1]: ``(n, units)``."""
    import keras

    images = check_images(images, judge.input_shape[1:])
    return map_batches(keras.Model(judge.inputs[0], judge.layers[-1].input), images)


def mean_confidence(judge: Any, images: Any) -> float:
    """The mean probability that the judge gives to the class that it names, between 1 / classes and 1.

    A classifier may be sure of an image that shows nothing: this is fidelity in the judge's eyes, and no more.
    Taught in chapter 05.
    """
    images = check_images(images, judge.input_shape[1:])
    logits = map_batches(judge, images).astype("float64")
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))  # the largest of each row is 1
    return float(np.mean(1.0 / shifted.sum(axis=1)))


def diversity_within(images: Any, classes: Any) -> float:
    """The mean Euclidean distance of two different ``images`` of one class, the mean over classes that have two.

    ``images`` are images or features ``(n, ...)``, ``classes`` whole numbers ``(n,)``. Compare it with that of real
    images: a model of ten fixed digits has 0. Raises :class:`~companion.errors.BadInput` where no class has two images.
    Taught in chapter 07.
    """
    points, classes = _as_points("images", images), np.asarray(classes)
    if classes.shape != (len(points),):
        raise BadInput(
            f"classes have shape {classes.shape} for {len(points)} images: expected one class per image; pass the "
            f"labels, or named_classes(judge, images)."
        )
    by_class = [points[classes == each] for each in np.unique(classes)]
    spreads = [_mean_distance(members) for members in by_class if len(members) > 1]
    if not spreads:
        raise BadInput("no class has two images: expected at least one that has; pass more images.")
    return float(np.mean(spreads))


def blurred(images: Any, sigma: float = BLUR) -> np.ndarray:
    """A control: ``images`` ``(n, height, width, channels)`` after a Gaussian blur of ``sigma`` pixels."""
    array = np.asarray(images, "float32")
    return ndimage.gaussian_filter(array, (0, sigma, sigma, *([0] * (array.ndim - 3))))


def class_means(images: Any, labels: Any, n: int) -> np.ndarray:
    """A control: ``n`` images ``(n, ...)``, which are the mean of each class over and over."""
    array, labels = np.asarray(images, "float32"), np.asarray(labels)
    means = np.stack([array[labels == each].mean(axis=0) for each in np.unique(labels)])
    return means[np.arange(check_whole_number("n", n)) % len(means)]


def thresholded(images: Any) -> np.ndarray:
    """A control: every pixel of ``images`` above 0.5 becomes 1, every other 0."""
    return (np.asarray(images) > 0.5).astype("float32")


def _as_points(what: str, given: Any) -> np.ndarray:
    array = np.asarray(given, "float32")
    if array.ndim < 2 or not len(array) or not np.isfinite(array).all():
        raise BadInput(
            f"{what} has shape {array.shape}: expected finite rows, images or features (n, d), n >= 1; pass an array "
            f"of them."
        )
    return array.reshape(len(array), -1)


def _covered(points: np.ndarray, by: np.ndarray, neighbours: int) -> float:
    """The share of ``points`` that lie in one of the balls around ``by``."""
    # A point of the set is its own nearest, so that one more is asked for.
    radii = NearestNeighbors(n_neighbors=neighbours + 1).fit(by).kneighbors(by)[0][:, -1]
    covered = np.zeros(len(points), bool)
    for start in range(0, len(points), 1000):
        block = points[start : start + 1000]
        distances = np.sqrt(np.maximum(_squared(block, by), 0.0))
        covered[start : start + 1000] = (distances <= radii[None]).any(axis=1)
    return float(np.mean(covered))


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances of all pairs: ``(len(a), len(b))``; in double precision, since small ones are differences."""
    first, second = a.astype("float64"), b.astype("float64")
    return (first**2).sum(axis=1)[:, None] - 2 * first @ second.T + (second**2).sum(axis=1)[None]


def _mean_distance(points: np.ndarray) -> float:
    """The mean distance of two different rows."""
    n = len(points)
    distances = np.sqrt(np.maximum(_squared(points, points), 0.0))
    return float((distances.sum() - np.trace(distances)) / (n * (n - 1)))
