"""How little an image fits a model: scores, what they are worth, and thresholds for them. Chapter 13.

Every score is in nats per image, and a larger score means a less fitting image. A score ranks images; a threshold turns
it into a decision, and is chosen on normal images that were not trained on, never on anomalies.
"""

import math
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from keras import ops, random
from keras.random import SeedGenerator
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from companion.batching import batches, count
from companion.distributions import reparameterize
from companion.errors import BadInput, check_choice, check_images, check_whole_number
from companion.evaluation.likelihood import is_binary, log_likelihood
from companion.hierarchical_vae import HierarchicalVAE
from companion.hierarchical_vae.layers import moments
from companion.vae import VAE

SCORES = ("reconstruction", "neg_elbo", "likelihood", "complexity", "ratio")
ELBO_DRAWS = 10
DECODED_AT_ONCE = 5000
LEVEL = 0.95


class Detection(NamedTuple):
    """``auroc`` and ``average_precision``, each between 0 and 1, and ``stderr``, the standard error of the first."""

    auroc: float
    average_precision: float
    stderr: float


class Interval(NamedTuple):
    """A ``mean`` with the ends ``low`` and ``high`` of its interval."""

    mean: float
    low: float
    high: float


def anomaly_scores(
    model: VAE, images: Any, score: str = "likelihood", *, k: int = 100, seed: int = 0
) -> np.ndarray:
    """The score of each image, ``(n,)``, in nats; larger means less fitting. ``score`` is one of

    - ``"reconstruction"``: -log p(x|z) at the mean code, the reconstruction error alone;
    - ``"neg_elbo"``: the negative ELBO, which adds the KL, averaged over ten draws;
    - ``"likelihood"``: minus the bound on log p(x) with ``k`` draws;
    - ``"complexity"``: the same less the length of the compressed image, :func:`complexity`;
    - ``"ratio"``: for a model with several layers of codes, :func:`likelihood_ratio` with ``k`` draws.

    Raises :class:`~companion.errors.BadInput` for another name, a model that does not have the score and images that
    do not fit. It also refuses ``"complexity"`` with a Bernoulli decoder on grey pixels, whose cross-entropy is no
    length of a code (chapter 04). Sources: Serrà et al. (2020); Havtorn et al. (2021). Taught in chapter 13.
    """
    check_choice("score", score, SCORES)
    check_scores_images(model, score)
    images, k = model.checked(images), check_whole_number("k", k)
    seed = check_whole_number("seed", seed, at_least=0)
    if score == "reconstruction":
        return -model.elbo_terms(images, np.zeros((count(images), model.noise_dim)))["log_likelihood"]
    if score == "neg_elbo":
        noises = [model.noise(count(images), ELBO_DRAWS * seed + each) for each in range(ELBO_DRAWS)]
        return -np.mean([model.elbo_terms(images, noise)["elbo"] for noise in noises], axis=0)
    if score == "ratio":
        return likelihood_ratio(model, images, k=k, seed=seed)
    surprise = -log_likelihood(model, images, k, seed=seed)
    if score == "likelihood":
        return surprise
    if model.likelihood.family == "bernoulli" and not is_binary(images):
        raise BadInput(
            "score='complexity' of grey images under a Bernoulli decoder: expected a probability of the pixels; train "
            "with likelihood='discretized_logistic', or on binarised images."
        )
    return surprise - complexity(images)


def check_scores_images(model: Any, score: str) -> None:
    """Raise :class:`~companion.errors.BadInput` unless ``model`` takes images alone and has ``score``."""
    if not isinstance(model, VAE) or model.takes_pairs:
        raise BadInput(
            f"model is a {type(model).__name__}: expected one of images alone, with an ELBO; pass a VAE, an IWAE, a "
            f"hierarchical VAE or another family without conditions."
        )
    if score == "ratio" and not (isinstance(model, HierarchicalVAE) and len(model.latent_dims) > 1):
        raise BadInput(
            f"score='ratio' of a {type(model).__name__} with one layer of codes: expected several; train a "
            f"HierarchicalVAE, or pass score='likelihood'."
        )


def complexity(images: Any) -> np.ndarray:
    """The length of each image ``(n, ...)`` after lossless compression, in nats: ``(n,)``.

    Pixels in [0, 1] are rounded to 256 levels. They are compressed by zlib as they are, and as differences along rows
    and along columns, as in the filters of PNG; the shortest counts. Smooth and simple images are short.
    Source: Serrà et al. (2020). Taught in chapter 13.
    """
    levels = np.round(255 * check_images(images, np.shape(images)[1:])).astype("uint8")
    return np.array([_compressed_bytes(image) for image in levels]) * 8 * math.log(2)


def likelihood_ratio(
    model: HierarchicalVAE, images: Any, *, replaced: int = 1, k: int = 100, seed: int = 0
) -> np.ndarray:
    """The ELBO less the ELBO in which the lowest layers come from the prior, for each image: ``(n,)``, in nats.

    The second bound infers the layers above the ``replaced`` lowest ones from the image, and draws the lower ones from
    p(z1|z2) and so on, not from the image. So it measures what the upper layers alone know of the image: where they
    describe it badly, the difference is large. Both are means over the same ``k`` draws.
    Raises :class:`~companion.errors.BadInput` for a ``replaced`` that leaves no layer.
    Source: Havtorn et al. (2021), with LLR^{>k} for k = ``replaced``. Taught in chapter 13.
    """
    images, k = model.checked(images), check_whole_number("k", k)
    if not 1 <= check_whole_number("replaced", replaced) < len(model.latent_dims):
        raise BadInput(
            f"replaced={replaced} of {len(model.latent_dims)} layers: expected at least 1 and less than all; pass "
            f"replaced=1."
        )
    generator = SeedGenerator(check_whole_number("seed", seed, at_least=0))
    walk = batches(images, batch_size=max(1, DECODED_AT_ONCE // k))
    return np.concatenate([_ratio_of_a_batch(model, batch, replaced, k, generator) for (batch,) in walk])


def detection(normal: Any, anomalous: Any) -> Detection:
    """How well scores tell ``anomalous`` images ``(m,)`` from ``normal`` ones ``(n,)``, whatever the threshold.

    ``auroc`` is the probability that an anomaly has a larger score than a normal image, ties counting one half.
    ``average_precision`` is the area under precision against recall; by chance it is the share of anomalies.
    ``stderr`` is the standard error of ``auroc`` over the sampling of both sets of images.
    Raises :class:`~companion.errors.BadInput` for scores that are not finite, ``(n,)``, and at least two.
    Source: DeLong et al. (1988). Taught in chapter 13.
    """
    normal, anomalous = _as_scores("normal", normal), _as_scores("anomalous", anomalous)
    labels = np.repeat([0, 1], [len(normal), len(anomalous)])
    together = np.concatenate([normal, anomalous])
    below = anomalous[:, None] > normal  # (m, n)
    won = below + 0.5 * (anomalous[:, None] == normal)
    variance = won.mean(axis=1).var(ddof=1) / len(anomalous) + won.mean(axis=0).var(ddof=1) / len(normal)
    return Detection(
        float(roc_auc_score(labels, together)),
        float(average_precision_score(labels, together)),
        float(np.sqrt(variance)),
    )


def interval_with_images(
    figures: Sequence[float], stderrs: Sequence[float], level: float = LEVEL
) -> Interval:
    """The mean of ``figures`` over seeds, with an interval that includes the sampling of the test images.

    Under all seeds the test images are the same. So their part of the variance, the mean of ``stderrs`` squared, does
    not shrink with the number of seeds. The interval is mean ± t sqrt(s² / n + stderr²), with Student's t of n - 1
    degrees of freedom.
    Raises :class:`~companion.errors.BadInput` for fewer than two seeds or unequal counts.
    """
    values, errors = np.asarray(figures, float), np.asarray(stderrs, float)
    if values.ndim != 1 or len(values) < 2 or values.shape != errors.shape:
        raise BadInput(
            f"figures have shape {values.shape} and stderrs {errors.shape}: expected (n,) for both, n >= 2 seeds; pass "
            f"one figure and one standard error per seed."
        )
    spread = math.sqrt(values.var(ddof=1) / len(values) + float(np.mean(errors**2)))
    half = float(stats.t.ppf(0.5 + level / 2, len(values) - 1)) * spread
    return Interval(float(values.mean()), float(values.mean()) - half, float(values.mean()) + half)


def threshold(normal: Any, false_positive_rate: float = 0.05) -> float:
    """The threshold that at most a share ``false_positive_rate`` of new normal images exceeds, on average.

    ``normal`` ``(n,)`` are the scores of normal images that were not trained on. The result is the m-th largest of
    them, with m = floor((n + 1) * false_positive_rate), and an image whose score exceeds it is flagged. If a new normal
    image is one more draw like those, that happens with a probability of at most m / (n + 1), whatever the
    distribution of scores.
    Raises :class:`~companion.errors.BadInput` for a rate outside (0, 1) and for fewer images than it needs, 1 / rate -
    1. Source: Bates et al. (2023). Taught in chapter 13.
    """
    scores = np.sort(_as_scores("normal", normal, at_least=1))
    return float(scores[-check_rate(len(scores), false_positive_rate)])


def rate_interval(n: int, false_positive_rate: float = 0.05, level: float = LEVEL) -> Interval:
    """The false-positive rate that :func:`threshold` of ``n`` normal images will meet: its mean and its interval.

    With m = floor((n + 1) rate), the rate met is Beta(m, n + 1 - m) distributed over draws of the n images, for scores
    without ties. Raises as :func:`threshold`. Taught in chapter 13.
    """
    m = check_rate(check_whole_number("n", n), false_positive_rate)
    met = stats.beta(m, n + 1 - m)
    return Interval(m / (n + 1), float(met.ppf(0.5 - level / 2)), float(met.ppf(0.5 + level / 2)))


def check_rate(n: int, rate: float) -> int:
    """How many of ``n`` normal images reach the threshold for a false-positive ``rate``."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < 1:
        raise BadInput(
            f"false_positive_rate={rate!r}: expected a number between 0 and 1; pass false_positive_rate=0.05."
        )
    m = math.floor((n + 1) * rate + 1e-9)
    if m < 1:
        raise BadInput(
            f"normal has {n} images, too few for false_positive_rate={rate:g}: expected at least "
            f"{math.ceil(1 / rate - 1 - 1e-9)}; pass more normal images or a larger rate."
        )
    return m


def _as_scores(what: str, given: Any, at_least: int = 2) -> np.ndarray:
    scores = np.asarray(given, "float64")
    if scores.ndim != 1 or len(scores) < at_least or not np.isfinite(scores).all():
        raise BadInput(
            f"{what} has shape {scores.shape}: expected finite scores (n,), n >= {at_least}; pass "
            f"anomaly_scores(model, images)."
        )
    return scores


def _compressed_bytes(image: np.ndarray) -> int:
    filtered = (image, np.diff(image, axis=0, prepend=0), np.diff(image, axis=1, prepend=0))  # modulo 256
    return min(len(zlib.compress(each.astype("uint8").tobytes(), 9)) for each in filtered)


def _ratio_of_a_batch(
    model: HierarchicalVAE, images: Any, replaced: int, k: int, generator: SeedGenerator
) -> np.ndarray:
    noise = random.normal((k, count(images), model.noise_dim), seed=generator)
    layers = model.layers_of(ops.convert_to_tensor(images), noise)  # each (k, batch, latent_dims[l])
    of_layers = [layer.prior.log_prob(layer.z) - layer.posterior.log_prob(layer.z) for layer in layers]
    z = layers[replaced].z
    for part in model.prior_parts[:replaced][::-1]:
        mean, log_var = moments(part, z)
        z = reparameterize(mean, log_var, random.normal(ops.shape(mean), dtype=mean.dtype, seed=generator))
    inferred, generated = (
        model.likelihood_of(model.logits_of(codes, images)).log_prob(images) for codes in (layers[0].z, z)
    )
    lower = sum(of_layers[1:replaced], of_layers[0])
    return ops.convert_to_numpy(ops.mean(inferred - generated + lower, axis=0)).astype("float64")
