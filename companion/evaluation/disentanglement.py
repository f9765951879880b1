"""Five scores of how well the coordinates of a code separate the factors that generated the images. Chapter 06.

All take ``codes`` ``(n, latent_dim)``, the posterior means of a model, and ``factors`` ``(n, num_factors)``, the step
of each factor (``data.shapes(...).factors``). None trains or calls the model. They agree on codes whose coordinates
copy one factor each and on codes that are independent of the factors; in between each measures something else, so name
the score that you report.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, mutual_info_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from companion.errors import BadInput, check_codes, check_whole_number

BINS = 20
TREES = 10


def higgins_score(codes: Any, factors: Any, *, points: int = 1000, pairs: int = 64, seed: int = 0) -> float:
    """The accuracy with which a linear classifier names the factor that pairs of images share; chance 1 / num_factors.

    A point is the mean of \\|z1 - z2\\| over ``pairs`` pairs of images, shape ``(latent_dim,)``. The two images of a
    pair share the value of one factor: the factor is drawn for each point, the value for each pair. Half of the
    ``points`` train a logistic regression on standardised coordinates, the other half score it. The classifier must be
    linear: a stronger one could do the disentangling itself.

    Raises :class:`~companion.errors.BadInput` as :func:`mig`, and for fewer than 20 points.
    Source: Higgins et al. (2017). Taught in chapter 06.
    """
    codes, factors = _checked(codes, factors)
    check_whole_number("points", points, at_least=20)
    check_whole_number("pairs", pairs)
    rng = np.random.default_rng(check_whole_number("seed", seed, at_least=0))
    shared = _shared_factors(points, factors.shape[1], rng)
    drawn = [_pairs_sharing_values(factors[:, factor], pairs, rng) for factor in shared]
    differences = [np.abs(codes[first] - codes[second]).mean(axis=0) for first, second in drawn]
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return _held_out_accuracy(classifier, np.stack(differences), shared)


def factor_vae_score(codes: Any, factors: Any, *, votes: int = 1000, group: int = 64, seed: int = 0) -> float:
    """The accuracy with which the least varying coordinate names the factor that a group shares; chance 1/num_factors.

    A vote comes from ``group`` images that share the value of one factor: it is the coordinate with the smallest
    variance within the group, relative to its variance over all ``codes``. Half of the ``votes`` decide by majority
    which factor each coordinate stands for; the other half are counted right or wrong. Coordinates that never vary are
    left out.
    Raises :class:`~companion.errors.BadInput` as :func:`mig`, and for fewer than 20 votes.
    Source: Kim & Mnih (2018). Taught in chapter 06.
    """
    codes, factors = _checked(codes, factors)
    check_whole_number("votes", votes, at_least=20)
    check_whole_number("group", group, at_least=2)
    rng = np.random.default_rng(check_whole_number("seed", seed, at_least=0))
    varying = codes[:, codes.std(axis=0) > 0]
    if not varying.shape[1]:
        return 1 / factors.shape[1]
    scaled = varying / varying.std(axis=0)
    shared = _shared_factors(votes, factors.shape[1], rng)
    groups = (scaled[_sharing_a_value(factors[:, factor], group, rng)] for factor in shared)
    steadiest = np.array([rows.var(axis=0).argmin() for rows in groups])
    counts = np.zeros((scaled.shape[1], factors.shape[1]), int)
    half = votes // 2
    np.add.at(counts, (steadiest[:half], shared[:half]), 1)
    return float((counts.argmax(axis=1)[steadiest[half:]] == shared[half:]).mean())


def above_chance(accuracy: float, num_factors: int) -> float:
    """An accuracy among ``num_factors`` rescaled so that chance is 0 and always right is 1."""
    chance = 1 / check_whole_number("num_factors", num_factors, at_least=2)
    return (accuracy - chance) / (1 - chance)


def mutual_information(codes: Any, factors: Any, *, bins: int = BINS) -> np.ndarray:
    """I(z_j; v_k) in nats of each coordinate and each factor: shape ``(latent_dim, num_factors)``.

    Coordinates are cut into ``bins`` bins of equal width between their smallest and largest value. From n images even a
    coordinate that is independent of a factor gets about (bins - 1) (steps - 1) / (2 n) nats. Raises as :func:`mig`.
    """
    codes, factors = _checked(codes, factors)
    binned = [_binned(coordinate, check_whole_number("bins", bins, at_least=2)) for coordinate in codes.T]
    return np.array([[mutual_info_score(steps, b) for steps in factors.T] for b in binned])


def mig(codes: Any, factors: Any, *, bins: int = BINS) -> float:
    """The mutual information gap: 1 where one coordinate alone determines a factor, 0 where two know it equally well.

    For each factor, the largest mutual information of a coordinate with it minus the second largest, divided by the
    entropy of the factor; then the mean over factors. ``bins`` as in :func:`mutual_information`; scores with different
    bins cannot be compared.
    Raises :class:`~companion.errors.BadInput` for codes and factors that are not finite numbers of shapes
    ``(n, latent_dim)`` and ``(n, num_factors)``, for a factor with a single value, and for one with a different value
    in most images, which must be cut into steps first.
    Source: Chen et al. (2018). Taught in chapter 06.
    """
    information = mutual_information(codes, factors, bins=bins)
    entropies = [mutual_info_score(steps, steps) for steps in _checked(codes, factors)[1].T]
    return float((_gap(information) / entropies).mean())


def sap(codes: Any, factors: Any, *, categorical: Sequence[int] = (), seed: int = 0) -> float:
    """The separated attribute predictability: how much better the best coordinate predicts a factor than the second.

    A prediction is linear and uses one coordinate: R squared for factors whose steps are in order; for the columns
    named in ``categorical`` the balanced accuracy of a logistic regression on a held-out half. The score is the mean
    over factors of the best minus the second best prediction.
    Raises :class:`~companion.errors.BadInput` as :func:`mig`, and for a column that does not exist.
    Source: Kumar et al. (2018). Taught in chapter 06.
    """
    codes, factors = _checked(codes, factors)
    foreign = [column for column in categorical if column not in range(factors.shape[1])]
    if foreign:
        raise BadInput(
            f"categorical={tuple(categorical)}: expected columns from 0 to {factors.shape[1] - 1}; pass for example "
            f"categorical=(0,)."
        )
    check_whole_number("seed", seed, at_least=0)
    scores = np.zeros((codes.shape[1], factors.shape[1]))
    for j, k in np.ndindex(scores.shape):
        if codes[:, j].std() > 0:
            predict = _accuracy_of_one if k in categorical else _r_squared
            scores[j, k] = predict(codes[:, j], factors[:, k], seed)
    return float(_gap(scores).mean())


def dci(codes: Any, factors: Any, *, seed: int = 0) -> tuple[float, float, float]:
    """Disentanglement, completeness and informativeness, from forests that predict each factor from the whole code.

    Disentanglement: 1 where each coordinate is used for one factor only, a mean over coordinates weighted by their
    importance. Completeness: 1 where each factor is predicted from one coordinate only. Both are one minus the entropy
    of the forests' importances. Informativeness: the mean accuracy on a held-out half, which is above 0 by chance. The
    forests have 10 trees that see all coordinates at every split, with at least 5 images in a leaf.
    Raises :class:`~companion.errors.BadInput` as :func:`mig`.
    Source: Eastwood & Williams (2018). Taught in chapter 06.
    """
    codes, factors = _checked(codes, factors)
    check_whole_number("seed", seed, at_least=0)
    importances, accuracies = [], []
    for steps in factors.T:
        forest = RandomForestClassifier(TREES, max_features=None, min_samples_leaf=5, random_state=seed)
        accuracies.append(_held_out_accuracy(forest, codes, steps, seed))
        importances.append(forest.feature_importances_)
    matrix = np.array(importances).T  # (latent_dim, num_factors)
    weights = matrix.sum(axis=1) / max(matrix.sum(), 1e-12)
    return (
        float(weights @ _concentration(matrix)),
        float(_concentration(matrix.T).mean()),
        float(np.mean(accuracies)),
    )


def _shared_factors(count: int, num_factors: int, rng: np.random.Generator) -> np.ndarray:
    """Which factor each of ``count`` groups shares: each equally often in both halves, up to a remainder."""
    return np.concatenate([rng.permutation(half) % num_factors for half in (count // 2, count - count // 2)])


def _sharing_a_value(steps: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` images, drawn with replacement, whose factor has the step of an image that is drawn first."""
    return rng.choice(np.flatnonzero(steps == steps[rng.integers(len(steps))]), count)


def _pairs_sharing_values(
    steps: np.ndarray, pairs: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Two rows of ``pairs`` images: each first one is any image, the second beside it any with the same step."""
    first = rng.integers(len(steps), size=pairs)
    by_step, counts = np.argsort(steps, kind="stable"), np.bincount(steps)
    begins = np.cumsum(counts) - counts  # where the images of each step begin in by_step
    step = steps[first]
    return first, by_step[begins[step] + rng.integers(counts[step])]


def _held_out_accuracy(
    classifier: Any, inputs: np.ndarray, classes: np.ndarray, seed: int | None = None
) -> float:
    """Fit on one half and score on the other: the first and second half in order, or split at random by ``seed``."""
    split = {"shuffle": False} if seed is None else {"random_state": seed}
    x, x_test, y, y_test = train_test_split(inputs, classes, test_size=0.5, **split)
    return float(classifier.fit(x, y).score(x_test, y_test))


def _accuracy_of_one(coordinate: np.ndarray, steps: np.ndarray, seed: int) -> float:
    """The balanced accuracy with which one coordinate predicts a categorical factor on a held-out half."""
    x, x_test, y, y_test = train_test_split(coordinate[:, None], steps, test_size=0.5, random_state=seed)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, class_weight="balanced"))
    return float(balanced_accuracy_score(y_test, classifier.fit(x, y).predict(x_test)))


def _r_squared(coordinate: np.ndarray, steps: np.ndarray, seed: int) -> float:
    """The squared correlation, which needs no seed."""
    return float(np.corrcoef(coordinate, steps)[0, 1] ** 2)


def _gap(scores: np.ndarray) -> np.ndarray:
    """The best score minus the second best for each factor; with a single coordinate the second is 0."""
    ordered = np.sort(np.concatenate([np.zeros((1, scores.shape[1])), scores]), axis=0)
    return ordered[-1] - ordered[-2]


def _concentration(importances: np.ndarray) -> np.ndarray:
    """One minus the entropy of each row, divided by its largest possible value; 0 for a row of zeros."""
    if importances.shape[1] == 1:
        return np.ones(len(importances))
    shares = importances / np.maximum(importances.sum(axis=1, keepdims=True), 1e-12)
    logs = np.log(np.where(shares > 0, shares, 1.0))
    entropies = -(shares * logs).sum(axis=1) / np.log(importances.shape[1])
    return np.where(importances.sum(axis=1) > 0, 1 - entropies, 0.0)


def _binned(coordinate: np.ndarray, bins: int) -> np.ndarray:
    edges = np.histogram_bin_edges(coordinate, bins)
    return np.digitize(coordinate, edges[1:-1])


def _checked(codes: Any, factors: Any) -> tuple[np.ndarray, np.ndarray]:
    """Codes as float64 and the steps of factors as whole numbers from 0, one row per image in both."""
    codes = np.asarray(codes)
    codes = check_codes(codes, codes.shape[-1] if codes.ndim == 2 else 1).astype("float64")
    factors = np.asarray(factors)
    if factors.ndim != 2 or len(factors) != len(codes) or factors.dtype.kind not in "fiub":
        raise BadInput(
            f"factors have shape {factors.shape} and dtype {factors.dtype} for {len(codes)} codes: expected "
            f"({len(codes)}, num_factors) numbers; pass data.shapes(n).factors of these very images."
        )
    steps = np.stack([np.unique(column, return_inverse=True)[1] for column in factors.T], axis=1)
    for column, values in enumerate(steps.max(axis=0) + 1):
        if not 2 <= values <= len(codes) / 2:
            raise BadInput(
                f"factor {column} has {values} different values in {len(codes)} images: expected at least 2 values, "
                f"with two images per value on average; leave the factor out, or cut it into steps with np.digitize."
            )
    return codes, steps
