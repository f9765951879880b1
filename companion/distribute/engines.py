"""Two engines that train on several replicas: Keras's own distribution on JAX, a loop on TensorFlow's strategies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras

from companion.distribute.cutting import Parts
from companion.distribute.plan import Plan, make_devices
from companion.errors import BadInput


class OnJax:
    """Data parallel training by ``keras.distribution``: one program that sees the whole batch, cut over the devices.

    So noise, running means of a codebook and means of metrics are those of one device. ``fit`` is Keras's own.
    """

    def __init__(self, plan: Plan) -> None:
        import jax

        self.plan = plan
        devices = [f"{each.platform}:{each.id}" for each in jax.devices()]
        _check_devices(plan, len(devices))
        self.distribution = keras.distribution.DataParallel(
            devices=devices[: plan.in_sync], auto_shard_dataset=False
        )
        keras.distribution.set_distribution(self.distribution)

    def scope(self) -> AbstractContextManager[Any]:
        """Where the model is made: nothing is needed."""
        return nullcontext()

    def fit(self, model: Any, batches: Any, *, initial_epoch: int, epochs: int, callbacks: list[Any]) -> None:
        """Keras's ``fit`` on this process's part of each batch."""
        model.fit(
            Parts(batches, self.plan),
            initial_epoch=initial_epoch,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )

    def end(self) -> None:
        """Compute on one device again."""
        keras.distribution.set_distribution(None)


class OnTensorFlow:
    """Training by a loop on ``tf.distribute``: every replica computes the loss of its part, and gradients are added.

    Keras's ``fit`` stops under ``MultiWorkerMirroredStrategy`` (keras issue 20585), and under ``MirroredStrategy`` it
    would add the gradients of means that a model with a ``compute_loss`` of its own has not divided.
    """

    def __init__(self, plan: Plan) -> None:
        import tensorflow as tf

        self.plan = plan
        if plan.strategy == "multiworker":
            self.strategy = tf.distribute.MultiWorkerMirroredStrategy()
        else:
            kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
            devices = [each.name for each in tf.config.list_logical_devices(kind)]
            _check_devices(plan, len(devices))
            self.strategy = tf.distribute.MirroredStrategy(devices[: plan.replicas])

    def scope(self) -> AbstractContextManager[Any]:
        """Where the model, its optimizer and its metrics have to be made."""
        return self.strategy.scope()

    def fit(self, model: Any, batches: Any, *, initial_epoch: int, epochs: int, callbacks: list[Any]) -> None:
        """The epochs from ``initial_epoch`` to ``epochs``, with Keras's callbacks."""
        from companion.distribute.loop import fit

        fit(self.strategy, model, batches, initial_epoch=initial_epoch, epochs=epochs, callbacks=callbacks)

    def end(self) -> None:
        """Nothing is to be undone."""


Engine = OnJax | OnTensorFlow


@contextlib.contextmanager
def started(plan: Plan | None) -> Iterator[Engine | None]:
    """The engine for ``plan`` on the backend of Keras, with its devices made; None where there is no plan.

    Raises :class:`~companion.errors.BadInput` where there are fewer devices than replicas.
    """
    if plan is None:
        yield None
        return
    backend = keras.backend.backend()
    make_devices(plan, backend)
    engine: Engine = OnJax(plan) if backend == "jax" else OnTensorFlow(plan)
    try:
        yield engine
    finally:
        engine.end()


def _check_devices(plan: Plan, found: int) -> None:
    if found < plan.in_sync:
        raise BadInput(
            f"replicas={plan.in_sync}, and there are {found} devices: expected at most as many; pass "
            f"replicas={found}."
        )
