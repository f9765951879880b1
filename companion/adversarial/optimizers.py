"""One optimizer for the discriminator and one for the rest, which Keras sees as one. Chapter 11."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Self

import keras

from companion.base.speed import fuse
from companion.errors import BadInput


@keras.saving.register_keras_serializable(package="companion")
class OptimizerPerPlayer(keras.optimizers.Optimizer):
    """Two optimizers side by side: ``main`` for encoder and decoder, ``discriminator`` for ``variables``.

    Every step gives each weight's gradient to the optimizer that the weight belongs to, with its own learning rate,
    clipping, averaging and state. It is built, saved, restored and run on every backend like any optimizer of Keras.
    ``learning_rate`` is that of ``main``.

    Raises :class:`~companion.errors.BadInput` for optimizers that scale the loss, which only a single optimizer can do.
    Taught in chapter 11.
    """

    def __init__(
        self, main: Any, discriminator: Any, variables: Sequence[Any] = (), *, name: str | None = None
    ):
        super().__init__(learning_rate=0.0, name=name)
        self.main, self.discriminator = keras.optimizers.get(main), keras.optimizers.get(discriminator)
        for optimizer in (self.main, self.discriminator):
            if hasattr(optimizer, "inner_optimizer") or optimizer.loss_scale_factor:
                raise BadInput(
                    f"{type(optimizer).__name__} scales the loss: expected an optimizer that does not, since two share "
                    f"one loss; pass for example keras.optimizers.Adam(1e-3)."
                )
            fuse(optimizer)
        self.of_discriminator = frozenset(id(variable) for variable in variables)

    def build(self, variables: Sequence[Any]) -> None:
        """Make the variables of both."""
        super().build(variables)
        for optimizer, own in zip((self.main, self.discriminator), self._shared_out(variables), strict=True):
            optimizer.build(own)

    @property
    def variables(self) -> list[Any]:
        """The step count, and all variables of both."""
        return [*super().variables, *self.main.variables, *self.discriminator.variables]

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Each optimizer takes one step with the gradients of its own weights."""
        variables = list(self._trainable_variables if trainable_variables is None else trainable_variables)
        if not self.built:
            self.build(variables)
        of = {id(variable): gradient for variable, gradient in zip(variables, grads, strict=True)}
        with _once_known(grads):
            for optimizer, own in zip(
                (self.main, self.discriminator), self._shared_out(variables), strict=True
            ):
                optimizer.apply([of[id(variable)] for variable in own], own)
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """At the end of ``fit``: an optimizer that averages weights puts the averages in their place."""
        for optimizer, own in zip((self.main, self.discriminator), self._shared_out(var_list), strict=True):
            optimizer.finalize_variable_values(own)

    @property
    def learning_rate(self) -> Any:
        return self.main.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> None:
        self.main.learning_rate = learning_rate

    def get_config(self) -> dict[str, Any]:
        parts = {"main": self.main, "discriminator": self.discriminator}
        serialized = {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}
        return {"name": self.name, **serialized}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        parts = ("main", "discriminator")
        restored = {name: keras.saving.deserialize_keras_object(config[name]) for name in parts}
        return cls(**{**config, **restored})

    def _shared_out(self, variables: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        """The ``variables`` of the main networks, and those of the discriminator."""
        mine = [id(variable) in self.of_discriminator for variable in variables]
        main = [variable for variable, is_its in zip(variables, mine, strict=True) if not is_its]
        return main, [variable for variable, is_its in zip(variables, mine, strict=True) if is_its]


def _once_known(grads: Sequence[Any]) -> AbstractContextManager[Any]:
    """Lets TensorFlow move no weight before every gradient is there.

    Some gradients come through a frozen copy of another player's network, and its optimizer does not wait for them:
    with oneDNN on several threads, some steps saw a decoder that had already moved.
    """
    if keras.backend.backend() != "tensorflow":
        return nullcontext()
    import tensorflow as tf

    return tf.control_dependencies([gradient for gradient in grads if gradient is not None])
