"""Checks of data that comes batch by batch: every batch of a stream gets the checks, and the messages, of an array.

The checks run in the stream, before the model gets a batch, so that they are not part of a training step.
"""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain
from typing import Any

import keras
from keras import tree

from companion.base.batch import Batch, no_batches
from companion.base.tf_dataset import of_tf_dataset
from companion.data.batches import Batches
from companion.errors import BadInput


def is_stream(x: Any) -> bool:
    """Whether ``x`` gives batches: a PyDataset, a generator, a tf.data.Dataset or a torch DataLoader."""
    return isinstance(x, keras.utils.PyDataset) or any(
        hasattr(x, name) for name in ("__next__", "element_spec", "collate_fn")
    )


def never_ends(stream: Any) -> bool:
    """Whether ``stream`` is known to repeat forever."""
    if isinstance(stream, keras.utils.PyDataset):
        return stream.num_batches is None
    return callable(getattr(stream, "cardinality", None)) and int(stream.cardinality()) == -1


def checked_stream(model: Any, stream: Any, what: str = "images", *, peek: bool = False) -> Any:
    """The batches of ``stream``, checked as ``model.checked`` does, as ``(x,)`` or, with weights, ``(x, x, weights)``.

    Raises :class:`~companion.errors.BadInput` at once for what is known before the first batch; with ``peek``, or for a
    generator, for the first batch, too. Later batches raise it when they come.
    """
    batch = Batch(model, what, _name_of(stream))
    if isinstance(stream, keras.utils.PyDataset):
        return _of_py_dataset(stream, batch, peek)
    if hasattr(stream, "__next__"):
        return _of_generator(stream, batch)
    if hasattr(stream, "collate_fn"):
        return _of_data_loader(stream, batch, peek)
    # A set that is spread over several machines has no map.
    return of_tf_dataset(stream, batch, peek) if hasattr(stream, "map") else stream


@contextmanager
def refusals_as_raised(model: keras.Model) -> Iterator[None]:
    """Raise as :class:`~companion.errors.BadInput` what TensorFlow or a worker process has wrapped in its own error.

    Whatever the error is, the weights are in their place afterwards.
    """
    held = _values_on_jax(model)
    try:
        yield
    except Exception as error:
        _give_back(model, held)
        message = None if isinstance(error, BadInput) else re.search(r"BadInput: (.*)", str(error))
        if message is None:
            raise
        raise BadInput(message[1]) from None


def _values_on_jax(model: keras.Model) -> list[tuple[Any, Any]]:
    """All variables with their values: on JAX, Keras takes these away while it trains or evaluates."""
    if keras.backend.backend() != "jax":
        return []
    optimizer = getattr(model, "optimizer", None)
    return [(v, v.value) for v in (*model.variables, *(optimizer.variables if optimizer else ()))]


def _give_back(model: Any, held: list[tuple[Any, Any]]) -> None:
    """The values of the last step that was done, or, where there was none, those from before."""
    if held:
        model.jax_state_sync()
    for variable, value in held:
        if variable._value is None:
            variable.assign(value)


def _name_of(stream: Any) -> str:
    if hasattr(stream, "element_spec") and not hasattr(stream, "__next__"):
        return "tf.data.Dataset"
    return type(stream).__name__


def _of_generator(stream: Any, batch: Batch) -> Iterator[Any]:
    """The first item is taken and checked now, and comes first again."""
    first = next(stream, None)
    if first is None:
        raise no_batches(batch.kind)
    return (
        item for item in chain([batch(first)], map(batch, stream))
    )  # Keras takes a generator, but no chain


def after_arrival(data: Any) -> Any:
    """A context in which TensorFlow runs nothing before ``data`` has arrived.

    Without it what does not need the data, such as counting the step, runs beside an error in the stream. The other
    backends have the data before they begin.
    """
    if keras.backend.backend() != "tensorflow":
        return nullcontext()
    import tensorflow as tf

    return tf.control_dependencies([part for part in tree.flatten(data) if tf.is_tensor(part)])


class CheckedPyDataset(keras.utils.PyDataset):
    """The items of another PyDataset, checked."""

    def __init__(self, data: keras.utils.PyDataset, batch: Batch) -> None:
        names = ("workers", "use_multiprocessing", "max_queue_size")
        super().__init__(**{name: getattr(data, name) for name in names})
        self.data, self.batch = data, batch

    @property
    def num_batches(self) -> int | None:
        return self.data.num_batches

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self.batch(self.data[index])

    def on_epoch_begin(self) -> None:
        self.data.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.data.on_epoch_end()


def _of_py_dataset(data: keras.utils.PyDataset, batch: Batch, peek: bool) -> keras.utils.PyDataset:
    if data.num_batches == 0:
        raise no_batches(batch.kind)
    if type(data) is Batches:  # which holds arrays, and checked the pixels when it was made
        first = (part[: data.batch_size] for part in (data.images, data.labels) if part is not None)
        batch((next(first),) if data.labels is None else (tuple(first),))
        return data
    checked = CheckedPyDataset(data, batch)
    if peek:
        checked[0]
    return checked


def _of_data_loader(loader: Any, batch: Batch, peek: bool) -> Any:
    """A copy of a torch DataLoader that gives checked tensors, of a class that Keras still takes for a DataLoader."""
    import torch

    plain = type(loader).__iter__

    def walk(self: Any) -> Iterator[Any]:
        for item in plain(self):
            # Keras reads a bare tensor as a tuple of its rows.
            yield tree.map_structure(torch.as_tensor, batch((item,) if torch.is_tensor(item) else item))

    kind = type(
        type(loader).__name__, (type(loader),), {"__iter__": walk, "__module__": type(loader).__module__}
    )
    checked = copy.copy(loader)
    checked.__class__ = kind
    if peek and next(iter(checked), None) is None:
        raise no_batches(batch.kind)
    return checked
