"""The semi-supervised VAE, model M2: a label is one more latent variable, known for some images. Chapter 12."""

import math
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from companion.base import check_is_built
from companion.base.streams import is_stream
from companion.batching import map_batches
from companion.conditional_vae import ConditionalVAE
from companion.data import Batches
from companion.distributions import reparameterize
from companion.errors import BadInput
from companion.objectives import elbo_terms
from companion.schedules import check_number
from companion.semi_supervised.labels import NO_LABEL, check_partial_labels, check_some_label
from companion.semi_supervised.networks import build_classifier, check_classifier
from companion.tensors import Seed, Tensor
from companion.vae import VAE, Terms

Shape = Sequence[int]


@keras.saving.register_keras_serializable(package="companion")
class SemiSupervisedVAE(ConditionalVAE):
    """A VAE of images with a class, of which most are unknown: model M2 of Kingma et al. (2014).

    The networks are those of a :class:`~companion.conditional_vae.ConditionalVAE` and a ``classifier`` q(y|x), from
    images to logits ``(batch, num_classes)``. After ``compile("adam")``, ``fit([images, labels])``: labels are whole
    numbers ``(n,)``, -1 where an image has none. With a label the model maximises a bound on log p(x, y), without one
    a bound on log p(x) in which the class is summed out; every image goes through encoder and decoder once per class.
    ``alpha`` is the weight of the cross-entropy of the classifier on each labelled image, ``labelled_weight`` that of
    the bound of a labelled image.

    History and ``evaluate`` report, besides what a VAE reports, ``classifier_loss``, the cross-entropy in nats, and
    ``accuracy``, both over labelled images; they are 0 where there are none. The KL includes that of the class, log
    ``num_classes`` for a label that is known.
    Raises :class:`~companion.errors.BadInput` for networks, images and labels that do not fit, and for weights below 0.
    Source: Kingma et al. (2014). Taught in chapter 12.
    """

    takes_vectors = False  # a label is a whole number

    def __init__(
        self,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        classifier: keras.Model | None = None,
        *,
        num_classes: int | None = None,
        alpha: float = 10.0,
        labelled_weight: float = 1.0,
        **kwargs: Any,
    ):
        self.alpha = check_number("alpha", alpha)
        self.labelled_weight = check_number("labelled_weight", labelled_weight)
        if kwargs.get("condition_shape") is not None:
            raise BadInput(
                f"condition_shape={kwargs['condition_shape']!r}: expected classes, which can be counted; pass "
                f"num_classes, or use a ConditionalVAE."
            )
        super().__init__(encoder, decoder, num_classes=num_classes, **kwargs)
        check_is_built("classifier", classifier)
        if classifier is None:
            classifier = build_classifier(self.image_shape, self.classes, seed=_seed_of_classifier(self.seed))
        check_classifier(classifier, self.image_shape, self.classes)
        self.classifier = classifier
        self.classifier_tracker = keras.metrics.Mean(name="classifier_loss")
        self.accuracy_tracker = keras.metrics.Mean(name="accuracy")

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.num_classes or 0)

    def call(self, x: Any, training: bool | None = None) -> dict[str, Tensor]:
        """``log_q``; and what a VAE's ``call`` returns, for every class: all of shape ``(batch, num_classes, ...)``."""
        images = ops.convert_to_tensor(self.images_of(x))
        y_pred = super().call(self.with_each_class(images), training=training)  # (batch * num_classes, ...)
        return {**self._by_class(y_pred), "log_q": self.log_q_of(images, training=training)}

    def with_each_class(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Each of the ``images`` once per class, ``(batch * num_classes, ...)``, and those classes, one-hot."""
        classes = ops.tile(ops.eye(self.classes), (ops.shape(images)[0], 1))
        return ops.repeat(images, self.classes, axis=0), classes

    def log_q_of(self, images: Tensor, training: bool | None = None) -> Tensor:
        """log q(y|x) of every class: ``(batch, num_classes)``, in nats."""
        return ops.log_softmax(ops.cast(self.classifier(images, training=training), "float32"), axis=-1)

    def terms(self, x: Any, y_pred: dict[str, Tensor]) -> Terms:
        """The terms of the bound, and ``labelled``, ``cross_entropy`` and ``correct`` of the label: each ``(batch,)``.

        The bound is on log p(x, y) where the label is known, and on log p(x) where it is not.
        """
        known = self.condition_of(x)  # (batch, num_classes): one-hot, or zeros where there is no label
        log_q = y_pred["log_q"]  # (batch, num_classes)
        each = self._terms_of_each_class(x, y_pred)  # (batch, num_classes)
        weights = self.class_weights(known, log_q)  # (batch, num_classes), which add up to 1
        log_likelihood = ops.sum(weights * each["log_likelihood"], axis=-1)  # (batch,)
        kl = ops.sum(weights * each["kl"], axis=-1) + self.kl_of_class(known, log_q)  # (batch,)
        return {**elbo_terms(log_likelihood, kl), **_of_label(known, log_q)}

    def class_weights(self, known: Tensor, log_q: Tensor) -> Tensor:
        """How much each class counts, ``(batch, num_classes)``: the label where it is known, else q(y|x)."""
        return known + (1.0 - _is_labelled(known))[:, None] * ops.exp(log_q)

    def kl_of_class(self, known: Tensor, log_q: Tensor) -> Tensor:
        """KL of the class to p(y), all classes being equally likely: log ``num_classes`` - H(q), ``(batch,)``, in nats.

        The entropy H of a known label is 0.
        """
        entropy = -ops.sum(ops.exp(log_q) * log_q, axis=-1)  # (batch,)
        return math.log(self.classes) - (1.0 - _is_labelled(known)) * entropy

    def objective(self, terms: Terms) -> Tensor:
        """What is minimised for each image, ``(batch,)``: the negative bound, and the cross-entropy of its label."""
        weight = 1.0 + terms["labelled"] * (self.labelled_weight - 1.0)
        return -weight * terms["elbo"] + self.alpha * terms["cross_entropy"]

    def track(self, terms: Terms, sample_weight: Tensor) -> None:
        super().track(terms, sample_weight)
        labelled = terms["labelled"]
        weight = labelled if sample_weight is None else labelled * ops.reshape(sample_weight, (-1,))
        self.classifier_tracker.update_state(terms["cross_entropy"], weight)
        self.accuracy_tracker.update_state(terms["correct"], weight)

    def classify(self, images: Any) -> np.ndarray:
        """q(y|x), the probability of each class, of images without labels: ``(n, num_classes)``, rows add up to 1.

        Raises :class:`~companion.errors.BadInput` for images that do not fit.
        """
        images = VAE.checked(self, images)
        return map_batches(lambda batch: ops.exp(self.log_q_of(batch)), images)

    def encode(self, x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``z_mean``, ``z_log_var`` and a draw ``z``, ``(n, latent_dim)``, of images with their label.

        An image without a label is encoded with its most probable class.
        """
        images, labels = self.completed(x)
        classes = np.eye(self.classes, dtype="float32")[labels]
        return tuple(map_batches(lambda *pair: tuple(self.encoder(list(pair))), images, classes))

    def reconstruct(self, x: Any) -> np.ndarray:
        """Images decoded from ``z_mean`` and their label, or their most probable class: ``(n, *image_shape)``."""
        x = self.completed(x)
        return self.decode(self.encode(x)[0], x[1])

    def completed(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """The pair ``x``, checked, with the most probable class in place of each label that is missing."""
        images, labels = self.checked(x)
        return images, np.where(labels == NO_LABEL, self.classify(images).argmax(axis=1), labels)

    def draw_log_weights(self, x: Any, num_samples: int, seed: Seed) -> Tensor:
        """Log weights ``(num_samples, n)`` of log p(x), or of log p(x, y) for a known label, one draw of z per class.

        The class is summed out exactly, not drawn, so q(y|x) has no part in them.
        """
        each = self.with_each_class(ops.convert_to_tensor(self.images_of(x)))
        z_mean, z_log_var, _ = self.encoder(each)
        given_class = self.log_weights_from(each, z_mean, z_log_var, num_samples, seed)
        joint = ops.reshape(given_class, (num_samples, -1, self.classes)) - math.log(self.classes)
        known = self.condition_of(x)  # (n, num_classes)
        possible = (known > 0) | (_is_labelled(known) < 1)[:, None]
        return ops.logsumexp(ops.where(possible, joint, -math.inf), axis=-1)

    def own_scores(self, x: Any) -> dict[str, Any]:
        """``accuracy`` of the most probable class over the images in ``x`` that have a label."""
        images, labels = self.checked(x)
        known = labels != NO_LABEL
        right = self.classify(images[known]).argmax(axis=1) == labels[known] if known.any() else []
        return {"accuracy": float(np.mean(right))} if known.any() else {}

    def fit(self, x: Any = None, y: Any = None, *more: Any, **kwargs: Any) -> keras.callbacks.History:
        """The ``fit`` of every family, on ``[images, labels]`` of which at least one is not -1."""
        pair = isinstance(x, (tuple, list)) and len(x) == 2
        if (pair and not is_stream(x)) or isinstance(x, Batches):
            check_some_label(x[1] if pair else x.labels, self.classes)
        return super().fit(x, y, *more, **kwargs)

    def checked_labels(self, labels: Any) -> np.ndarray:
        """Labels ``(n,)``, int32, -1 where there is none; raises ``BadInput`` for others."""
        return check_partial_labels(labels, self.classes)

    def get_config(self) -> dict[str, Any]:
        own = {"alpha": self.alpha, "labelled_weight": self.labelled_weight}
        classifier = keras.saving.serialize_keras_object(self.classifier)
        return {**super().get_config(), **own, "classifier": classifier}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        classifier = keras.saving.deserialize_keras_object(config["classifier"])
        return super().from_config({**config, "classifier": classifier}, custom_objects)

    @classmethod
    def build_networks(cls, input_shape: Shape, latent_dim: int, **how: Any) -> dict[str, keras.Model]:
        """``encoder``, ``decoder`` and ``classifier``, whose hidden layers are those of the encoder."""
        pair = super().build_networks(input_shape, latent_dim, **how)
        own = {name: how[name] for name in ("network", "hidden") if how.get(name) is not None}
        seed = _seed_of_classifier(how.get("seed"))
        classes = pair["decoder"].inputs[1].shape[-1]
        return {**pair, "classifier": build_classifier(input_shape, classes, **own, seed=seed)}

    def _terms_of_each_class(self, x: Any, y_pred: dict[str, Tensor]) -> Terms:
        """log p(x|y, z) and the KL of z for every class y: each ``(batch, num_classes)``."""
        each = self.with_each_class(ops.convert_to_tensor(self.images_of(x)))
        names = ("logits", "z_mean", "z_log_var")
        flat = {name: ops.reshape(y_pred[name], (-1, *y_pred[name].shape[2:])) for name in names}
        return self._by_class(super().terms(each, flat))

    def _by_class(self, parts: dict[str, Tensor]) -> dict[str, Tensor]:
        """Tensors ``(batch * num_classes, ...)`` as ``(batch, num_classes, ...)``."""
        return {name: ops.reshape(part, (-1, self.classes, *part.shape[1:])) for name, part in parts.items()}

    def _terms_with_noise(self, x: Any, epsilon: Tensor) -> Terms:
        images = ops.convert_to_tensor(self.images_of(x))
        each = self.with_each_class(images)
        z_mean, z_log_var, _ = self.encoder(each)
        epsilon = ops.cast(ops.repeat(epsilon, self.classes, axis=0), z_mean.dtype)
        z = reparameterize(z_mean, z_log_var, epsilon)
        y_pred = {"logits": self.logits_of(z, each), "z_mean": z_mean, "z_log_var": z_log_var}
        return self.terms(x, {**self._by_class(y_pred), "log_q": self.log_q_of(images)})


def _is_labelled(known: Tensor) -> Tensor:
    """1 where a row of ``known`` is a one-hot label, 0 where it is all zeros: ``(batch,)``."""
    return ops.sum(known, axis=-1)


def _of_label(known: Tensor, log_q: Tensor) -> Terms:
    """Whether an image has a label, the cross-entropy of that label and whether the classifier names it: ``(batch,)``.

    Where there is no label all three are 0.
    """
    correct = ops.take_along_axis(known, ops.argmax(log_q, axis=-1)[:, None], axis=-1)  # (batch, 1)
    cross_entropy = -ops.sum(known * log_q, axis=-1)
    return {"labelled": _is_labelled(known), "cross_entropy": cross_entropy, "correct": correct[:, 0]}


def _seed_of_classifier(seed: int | None) -> int | None:
    """After those of the encoder, the decoder and a learned prior."""
    return None if seed is None else 2 * seed + 3
