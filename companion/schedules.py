"""Numbers that change during training: warm-ups and decays, as Keras's own learning-rate schedules.

A weight such as beta may be a number or any ``keras.optimizers.schedules.LearningRateSchedule``. These are saved with
the model and depend on the optimizer's count of steps, so that a resumed training continues the schedule.
"""

from numbers import Real
from typing import Any

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule as Schedule
from keras.optimizers.schedules import PolynomialDecay

from companion.errors import BadInput, check_whole_number
from companion.unsaved import Unsaved


def warm_up(steps: int, last: float = 1.0, *, first: float = 0.0) -> Schedule:
    """A linear schedule from ``first`` to ``last`` over ``steps`` steps of the optimizer, then constant.

    Raises :class:`~companion.errors.BadInput` for fewer than one step and for ends that are not finite numbers >= 0.
    Source: Bowman et al. (2016); Sønderby et al. (2016). Taught in chapters 06 and 08.
    """
    return PolynomialDecay(
        check_number("first", first), check_whole_number("steps", steps), check_number("last", last)
    )


@keras.saving.register_keras_serializable(package="companion")
class Cyclical(Schedule):
    """A schedule that climbs from 0 to ``last`` again and again: ``cycles`` times in ``steps`` steps of the optimizer.

    In each cycle it climbs linearly for the share ``rising`` of the steps and then stays at ``last``; after the last
    cycle it stays there, too. With one cycle it is a linear warm-up over ``rising * steps`` steps.
    Raises :class:`~companion.errors.BadInput` for fewer steps than cycles, a ``rising`` outside (0, 1] and a ``last``
    that is not a finite number >= 0. Source: Fu et al. (2019), equation 6. Taught in chapter 11.
    """

    def __init__(self, steps: int, last: float = 1.0, *, cycles: int = 4, rising: float = 0.5):
        self.cycles = check_whole_number("cycles", cycles)
        self.steps = check_whole_number("steps", steps, at_least=self.cycles)
        self.last, self.rising = check_number("last", last), check_number("rising", rising, above=0)
        if self.rising > 1:
            raise BadInput(
                f"rising={rising!r}: expected a share above 0 and at most 1; pass for example rising=0.5."
            )

    def __call__(self, step: Any) -> Any:
        """The value at ``step``, a scalar."""
        cycles_done = ops.cast(step, "float32") * (self.cycles / self.steps)
        height = ops.minimum((cycles_done - ops.floor(cycles_done)) / self.rising, 1.0)
        return self.last * ops.where(cycles_done < self.cycles, height, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("steps", "last", "cycles", "rising")}


def check_number(name: str, value: Any, *, above: float | None = None) -> float:
    """``value`` as a float; ``BadInput`` unless it is finite and at least 0, or with ``above`` larger than that."""
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else float("nan")
    if not (0 <= number < float("inf") if above is None else above < number < float("inf")):
        wanted = "a finite number of at least 0" if above is None else f"a finite number above {above:g}"
        raise BadInput(f"{name}={value!r}: expected {wanted}; pass for example {name}=1.0.")
    return number


def check_schedule(name: str, value: Any, *, above: float | None = None) -> float | Schedule:
    """A number, checked by :func:`check_number`, or a Keras schedule unchanged."""
    return value if isinstance(value, Schedule) else check_number(name, value, above=above)


def value_now(value: float | Schedule, optimizer: keras.optimizers.Optimizer | None) -> Any:
    """The value of a number or schedule at the current step of ``optimizer``, a scalar; without one, at step 0."""
    if not isinstance(value, Schedule):
        return value
    return value(0 if optimizer is None else optimizer.iterations)


class FollowsSchedules:
    """For a model with schedules, listed before its base class: :meth:`now` gives their values.

    On JAX the loss cannot read the optimizer's count of steps. There the model counts its steps itself, and copies the
    optimizer's count whenever a training or an evaluation begins.
    """

    optimizer: Any

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.steps_taken = Unsaved(dtype="int32") if keras.backend.backend() == "jax" else None

    def now(self, value: float | Schedule) -> Any:
        """What a number or a schedule is worth at the step that the optimizer has reached: a scalar."""
        optimizer = getattr(self, "optimizer", None)
        if self.steps_taken is None or optimizer is None or not isinstance(value, Schedule):
            return value_now(value, optimizer)
        return value(self.steps_taken.value // _steps_per_update(optimizer))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The loss of the model's base; in training the step counts as taken after it."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)  # type: ignore[misc] # the model's
        if training and self.steps_taken is not None:
            self.steps_taken.value.assign_add(1)
        return loss

    def make_train_function(self, force: bool = False) -> None:
        """Keras's; every way of training calls it first."""
        self._copy_count()
        super().make_train_function(force)  # type: ignore[misc]

    def make_test_function(self, force: bool = False) -> None:
        """Keras's; every way of evaluating calls it first."""
        self._copy_count()
        super().make_test_function(force)  # type: ignore[misc]

    def _copy_count(self) -> None:
        optimizer = getattr(self, "optimizer", None)
        if self.steps_taken is None or optimizer is None:
            return
        steps, per_update = self.steps_taken.value, _steps_per_update(optimizer)
        # With gradient accumulation an update takes several steps, and the optimizer tells only the updates.
        if int(steps) // per_update != int(optimizer.iterations):
            steps.assign(int(optimizer.iterations) * per_update)


def _steps_per_update(optimizer: keras.optimizers.Optimizer) -> int:
    return getattr(optimizer, "gradient_accumulation_steps", None) or 1


def to_config(value: float | Schedule) -> Any:
    """A number or schedule as stored by a model's ``get_config``."""
    return keras.saving.serialize_keras_object(value) if isinstance(value, Schedule) else value


def from_config(value: Any) -> float | Schedule:
    """The number or schedule that :func:`to_config` stored."""
    return keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
