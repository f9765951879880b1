"""Model M2 with one of its terms left out: the rows of the table of chapter 12."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops, random

from companion.semi_supervised import SemiSupervisedVAE
from companion.tensors import Tensor


@keras.saving.register_keras_serializable(package="tools")
class WithoutEntropy(SemiSupervisedVAE):
    """The average over classes without the entropy of q(y|x)."""

    def kl_of_class(self, known: Tensor, log_q: Tensor) -> Tensor:
        return ops.full_like(log_q[:, 0], math.log(self.classes))


@keras.saving.register_keras_serializable(package="tools")
class SampledClass(SemiSupervisedVAE):
    """One class per image, drawn from q(y|x), in place of the sum over all; gradients by the score function."""

    def terms(self, x: Any, y_pred: dict[str, Tensor]) -> dict[str, Tensor]:
        known, log_q = self.condition_of(x), y_pred["log_q"]
        drawn = ops.one_hot(random.categorical(log_q, 1, seed=self.seed_generator)[:, 0], self.classes)
        is_labelled = ops.sum(known, axis=-1)
        chosen = known + (1.0 - is_labelled)[:, None] * drawn
        log_q_chosen = (1.0 - is_labelled) * ops.sum(chosen * log_q, axis=-1)  # 0 for a known label
        each = self._terms_of_each_class(x, y_pred)
        log_likelihood, kl = (ops.sum(chosen * each[name], axis=-1) for name in ("log_likelihood", "kl"))
        kl = kl + math.log(self.classes) + ops.stop_gradient(log_q_chosen)
        # Its value is 0 and its gradient that of the score function: bound times the gradient of log q.
        bound = ops.stop_gradient(log_likelihood - kl)
        score = bound * (log_q_chosen - ops.stop_gradient(log_q_chosen))
        whole = super().terms(x, y_pred)
        return {**whole, "log_likelihood": log_likelihood, "kl": kl, "elbo": log_likelihood - kl + score}


@keras.saving.register_keras_serializable(package="tools")
class WithoutLabelledBound(SemiSupervisedVAE):
    """Labels train the classifier alone: the bound of a labelled image has the weight 0."""

    def __init__(self, *networks: Any, **kwargs: Any):
        super().__init__(*networks, **{**kwargs, "labelled_weight": 0.0})


@keras.saving.register_keras_serializable(package="tools")
class WithoutClassifierLoss(SemiSupervisedVAE):
    """Labels enter the bound alone: alpha is 0."""

    def __init__(self, *networks: Any, **kwargs: Any):
        super().__init__(*networks, **{**kwargs, "alpha": 0.0})


LEFT_OUT = {
    "nothing": SemiSupervisedVAE,
    "entropy": WithoutEntropy,
    "sum": SampledClass,
    "labelled_bound": WithoutLabelledBound,
    "classifier_loss": WithoutClassifierLoss,
}
