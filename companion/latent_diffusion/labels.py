"""Input that is images, or pairs of images and labels where a model was built with classes. Chapter 16."""

from typing import Any

from keras import ops

from companion.conditional_vae.conditions import as_pair, check_conditions, check_equally_many
from companion.errors import BadInput
from companion.tensors import Tensor


class MayHaveLabels:
    """For a VAE with ``num_classes`` (None: images alone), listed before its base class."""

    num_classes: int | None

    @property
    def takes_pairs(self) -> bool:
        """Whether an input is a pair of images and labels."""
        return self.num_classes is not None

    @property
    def condition_shape(self) -> tuple[int, ...]:
        """The shape of a label inside: one-hot."""
        return (self.num_classes or 0,)

    def images_of(self, x: Any) -> Tensor:
        """The images in an input: ``x`` itself, or the first part of a pair with labels."""
        return as_pair(x)[0] if self.takes_pairs else x

    def condition_of(self, x: Any) -> Tensor:
        """The labels of the pair ``x``, one-hot ``(batch, num_classes)``; None for a model without classes."""
        if not self.takes_pairs:
            return None
        labels = as_pair(x)[1]
        if len(labels.shape) == 1:
            return ops.one_hot(ops.cast(labels, "int32"), self.num_classes, dtype="float32")
        return ops.cast(labels, "float32")

    def checked(self, x: Any, what: str = "images") -> Any:
        """Images, or the pair of images and one-hot labels, as this model takes them; raises ``BadInput``."""
        if not self.takes_pairs:
            return super().checked(x, what)  # type: ignore[misc] # the VAE's
        images, labels = as_pair(x)
        images = super().checked(images, what)  # type: ignore[misc]
        condition = check_conditions(labels, self.num_classes, self.condition_shape)
        check_equally_many(what, len(images), "labels", condition)
        return images, condition

    def _unpacked(self, validation: Any) -> tuple[Any, Any, Any]:
        """A pair without a tuple around it is the input, not images and targets."""
        pair = isinstance(validation, (tuple, list)) and len(validation) == 2
        if self.takes_pairs and pair and not isinstance(validation[0], (tuple, list)):
            return tuple(validation), None, None
        return super()._unpacked(validation)  # type: ignore[misc]

    def _training_input(self, x: Any, y: Any, weights: Any = None, what: str = "images") -> tuple[Any, Any]:
        if y is not None and self.takes_pairs:
            raise BadInput(
                f"got a y of type {type(y).__name__}: {type(self).__name__} has no targets, and its labels are part of "
                f"the input; call fit([images, labels])."
            )
        return super()._training_input(x, y, weights, what)  # type: ignore[misc]
