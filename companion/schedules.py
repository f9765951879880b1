"""Numbers that change while a model trains: warm-ups and decays, as Keras's own learning-rate schedules.

A weight such as beta may be a number or any ``keras.optimizers.schedules.LearningRateSchedule``: those are tested, save
with the model and count the optimizer's steps, so that a resumed training goes on where the schedule stood.
"""

from numbers import Real
from typing import Any

import keras
from keras.optimizers.schedules import LearningRateSchedule as Schedule
from keras.optimizers.schedules import PolynomialDecay

from companion.errors import BadInput, check_whole_number


def warm_up(steps: int, last: float = 1.0, *, first: float = 0.0) -> Schedule:
    """A straight line from ``first`` to ``last`` over ``steps`` steps of the optimizer, ``last`` ever after.

    Raises :class:`~companion.errors.BadInput` for fewer than one step and for ends that are no finite numbers >= 0.
    Source: Bowman et al. (2016); Sønderby et al. (2016). Taught in chapters 06 and 08.
    """
    return PolynomialDecay(
        check_number("first", first), check_whole_number("steps", steps), check_number("last", last)
    )


def check_number(name: str, value: Any, *, above: float | None = None) -> float:
    """``value`` as a float; BadInput unless it is finite and at least 0, or over ``above``."""
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else float("nan")
    if not (0 <= number < float("inf") if above is None else above < number < float("inf")):
        wanted = "a finite number of at least 0" if above is None else f"a finite number above {above:g}"
        raise BadInput(f"{name}={value!r}: expected {wanted}; pass for example {name}=1.0.")
    return number


def check_schedule(name: str, value: Any, *, above: float | None = None) -> float | Schedule:
    """A number as :func:`check_number` takes it, or a schedule of Keras as it is."""
    return value if isinstance(value, Schedule) else check_number(name, value, above=above)


def value_now(value: float | Schedule, optimizer: keras.optimizers.Optimizer | None) -> Any:
    """What a number or schedule is worth at the step ``optimizer`` has reached: a scalar; without one, at step 0."""
    if not isinstance(value, Schedule):
        return value
    return value(0 if optimizer is None else optimizer.iterations)


def to_config(value: float | Schedule) -> Any:
    """A number or schedule as a model's ``get_config`` keeps it."""
    return keras.saving.serialize_keras_object(value) if isinstance(value, Schedule) else value


def from_config(value: Any) -> float | Schedule:
    """What :func:`to_config` was given."""
    return keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
