"""A Keras model that checks its input in every method that takes data, before any training."""

from typing import Any

import keras
import numpy as np

from companion.base import keras_arguments, speed, whole_epochs
from companion.base.batch import check_call
from companion.base.divergence import RefusesAfterDivergence, with_warning
from companion.base.exporting import Exports
from companion.base.streams import after_arrival, checked_stream, is_stream, refusals_as_raised
from companion.batching import count
from companion.errors import BadInput
from companion.memory import keep_freed_memory
from companion.tensors import Tensor


class CheckedModel(RefusesAfterDivergence, Exports, keras.Model):
    """Keras's methods for a model that learns from images alone, with their input checked first.

    A subclass defines in :meth:`checked` what its input is; every method here calls it before Keras gets the data. Each
    method raises :class:`~companion.errors.BadInput` for bad input and leaves the model as it was.
    """

    takes_pairs = False  # whether an input is a pair of images and conditions
    takes_vectors = True  # whether a condition may be a vector, not only a label
    _chooses_steps = False  # whether fit chooses how many steps one call of the engine takes
    image_shape: tuple[int, ...]
    likelihood: Any
    steps_per_execution: int

    @property
    def in_unit_interval(self) -> bool:
        """Whether pixels have to lie in [0, 1]."""
        return self.likelihood.link == "sigmoid"

    def checked(self, x: Any, what: str = "images") -> Any:
        """Input ``x`` as this model takes it, float32; raises :class:`~companion.errors.BadInput` for others."""
        raise NotImplementedError

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        **how: Any,
    ) -> None:
        """Keras's ``compile``, without loss and metrics: the model has its own."""
        unused = {"loss": loss, "loss_weights": loss_weights}
        unused |= {"metrics": metrics, "weighted_metrics": weighted_metrics}
        keras_arguments.check_compile(self, unused, how)
        self._chooses_steps = how.get("steps_per_execution") is None
        super().compile(optimizer, **{**how, "steps_per_execution": how.get("steps_per_execution") or 1})
        speed.fuse(self.optimizer)

    def get_compile_config(self) -> dict[str, Any]:
        """Keras's own, in which steps per execution that ``fit`` chooses are left open."""
        config = super().get_compile_config()
        return {**config, "steps_per_execution": None} if config and self._chooses_steps else config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """What Keras does on loading, which it leaves out for a model with a ``compile`` of its own."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self._build_optimizer()

    def fit(self, x: Any = None, y: Any = None, *more: Any, **kwargs: Any) -> keras.callbacks.History:
        """Keras's ``fit`` on images alone, checked first: arrays ``(n, *image_shape)`` with values in [0, 1].

        ``sample_weight`` of shape ``(n,)`` multiplies the loss of each image. ``validation_data`` (images, or a tuple
        that begins with them) is checked in the same way, before any training. The batches of a ``tf.data.Dataset``,
        ``PyDataset``, ``DataLoader`` or generator are checked as they come; each item is ``(images,)``, or ``(images,
        images, weights)``. Warns once where training diverges.
        """
        kwargs |= keras_arguments.by_name(super().fit, more)
        keras_arguments.check_fit(x, kwargs)
        validation = kwargs.get("validation_data")
        if validation is not None and not is_stream(validation):
            images, labels, weights = self._unpacked(validation)
            images, labels = self._training_input(images, labels, weights, "validation images")
            # In a tuple, or Keras would take the second part of an input that is a pair for targets.
            kwargs["validation_data"] = (images,) if weights is None else (images, labels, weights)
        elif validation is not None:
            kwargs["validation_data"] = checked_stream(self, validation, "validation images", peek=True)
        x, y = self._training_input(x, y, kwargs.get("sample_weight"))
        self._build_optimizer()
        keep_freed_memory()
        if is_stream(x) and not isinstance(x, keras.utils.PyDataset):
            kwargs.setdefault("shuffle", False)  # which Keras could not do, and would warn of
        self._choose_steps(x, kwargs)
        kwargs["callbacks"] = with_warning(kwargs.get("callbacks"), self)
        if whole_epochs.suits(x, self, kwargs):
            # First, so that the callbacks of the user find the batches at the next epoch.
            kwargs["callbacks"] = [whole_epochs.CountEpochs(x), *kwargs["callbacks"]]
            kwargs["shuffle"], x = False, whole_epochs.as_dataset(x)
        with refusals_as_raised(self):
            return super().fit(x, y, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, *more: Any, **kwargs: Any) -> Any:
        """Keras's ``evaluate`` on images alone, checked as in :meth:`fit`."""
        if kwargs.get("_use_cached_eval_dataset"):  # with it fit calls, on data that it has checked
            return super().evaluate(x, y, **kwargs)
        kwargs |= keras_arguments.by_name(super().evaluate, more)
        keras_arguments.check_walk(x, kwargs, "steps", "sample_weight")
        self._one_step_where_counted(kwargs)
        x, y = self._training_input(x, y, kwargs.get("sample_weight"))
        with refusals_as_raised(self):
            return super().evaluate(x, y, **kwargs)

    def predict(self, x: Any, *more: Any, **kwargs: Any) -> Any:
        """What ``call`` returns for images, checked as in :meth:`fit`, as arrays."""
        kwargs |= keras_arguments.by_name(super().predict, more, after=1)
        keras_arguments.check_walk(x, kwargs, "steps")
        self._one_step_where_counted(kwargs)
        x = checked_stream(self, x) if is_stream(x) else self.checked(x)
        with refusals_as_raised(self):
            return super().predict(x, **kwargs)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Keras's ``train_on_batch`` on images alone, checked as in :meth:`fit`."""
        keras_arguments.check_no_class_weight(class_weight)
        x, y = self._training_input(x, y, sample_weight)
        self._build_optimizer()
        return super().train_on_batch(x, y, sample_weight, return_dict=return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Keras's ``test_on_batch`` on images alone, checked as in :meth:`fit`."""
        x, y = self._training_input(x, y, sample_weight)
        return super().test_on_batch(x, y, sample_weight, return_dict=return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Keras's ``predict_on_batch``, checked as in :meth:`fit`."""
        return super().predict_on_batch(self.checked(x))

    def train_step(self, *data: Any) -> Any:
        """Keras's step, none of whose parts runs before the batch is there: one that is refused must change nothing."""
        with after_arrival(data):
            return super().train_step(*data)

    def test_step(self, *data: Any) -> Any:
        """Keras's step, which waits for its batch as that of training does."""
        with after_arrival(data):
            return super().test_step(*data)

    def __call__(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """``call`` of a batch, checked; inside a traced function, which has no values yet, by its shape."""
        check_call(self, x)
        return super().__call__(x, *args, **kwargs)

    def _unpacked(self, validation: Any) -> tuple[Any, Any, Any]:
        """Images, targets and weights of ``validation_data`` that is no stream."""
        return keras.utils.unpack_x_y_sample_weight(validation)

    def _build_optimizer(self) -> None:
        """Make the optimizer's variables now; inside the traced step, where Keras makes them, it takes longer."""
        if self.compiled and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def _choose_steps(self, x: Any, how: dict[str, Any]) -> None:
        """Set the steps per execution for a ``fit`` with the arguments ``how``, unless ``compile`` was given them."""
        if not self._chooses_steps:
            return
        batch_size = how.get("batch_size") or getattr(x, "batch_size", None) or 32
        n = None if is_stream(x) else count(x)
        steps = how.get("steps_per_epoch") or speed.batches_per_epoch(x, n, batch_size)
        epochs = how.get("epochs", 1) - how.get("initial_epoch", 0)
        asked = [how[name] for name in ("steps_per_epoch", "validation_steps") if how.get(name)]
        self._set_steps(
            speed.steps_per_execution(self, steps, batch_size, epochs, how.get("callbacks"), asked)
        )

    def _one_step_where_counted(self, how: dict[str, Any]) -> None:
        """With ``steps`` in ``how``, one step per execution: Keras would round them up to whole executions."""
        if self._chooses_steps and how.get("steps"):
            self._set_steps(1)

    def _set_steps(self, steps_per_execution: int) -> None:
        if steps_per_execution != self.steps_per_execution:
            self.steps_per_execution = steps_per_execution
            # They were traced for another number of steps.
            self.train_function = self.test_function = self.predict_function = None

    def _training_input(
        self, x: Any, y: Any, weights: Any = None, what: str = "images"
    ) -> tuple[Any, Tensor | None]:
        """Checked images, and the targets to give to Keras: none, or the images again where there are weights."""
        if y is not None:
            raise BadInput(
                f"got a y of type {type(y).__name__}: {type(self).__name__} learns from images alone; call "
                f"fit(images) or evaluate(images)."
            )
        if is_stream(x):
            return checked_stream(self, x, what, peek=what != "images"), None
        images = self.checked(x, what)
        if weights is None:
            return images, None
        check_weights(weights, count(images))
        # Keras ignores the weights of data without targets, and counts them twice where the targets are a pair.
        return images, images[0] if isinstance(images, tuple) else images


def check_weights(weights: Any, n: int) -> None:
    """Raise :class:`~companion.errors.BadInput` unless there is one finite weight >= 0 for each of ``n`` images."""
    array = np.asarray(weights)
    if array.shape != (n,) or array.dtype.kind not in "fiub" or not (np.isfinite(array) & (array >= 0)).all():
        raise BadInput(
            f"sample_weight has shape {array.shape} and dtype {array.dtype}: expected ({n},) finite numbers >= 0, "
            f"one per image; pass for example np.ones({n})."
        )
