"""Protects schedules: values at each step, what is refused, and a trip through a model's configuration."""

import keras
import pytest

from companion import schedules
from companion.errors import BadInput


def value_at(schedule, step):
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.iterations.assign(step)
    return float(schedules.value_now(schedule, optimizer))


@pytest.mark.parametrize(("step", "value"), [(0, 0.5), (5, 1.25), (10, 2.0), (1000, 2.0)])
def test_a_warm_up_is_a_straight_line_and_then_stays(step, value):
    assert value_at(schedules.warm_up(10, 2.0, first=0.5), step) == pytest.approx(value)


def test_a_number_is_worth_itself_and_a_schedule_without_an_optimizer_its_beginning():
    assert schedules.value_now(4.0, None) == 4.0
    assert float(schedules.value_now(schedules.warm_up(10, first=0.25), None)) == pytest.approx(0.25)


def test_configurations_come_back():
    assert schedules.from_config(schedules.to_config(3.5)) == 3.5
    back = schedules.from_config(schedules.to_config(schedules.warm_up(10, 2.0)))
    assert value_at(back, 5) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("step", "value"),
    [
        (0, 0),
        (5, 1),
        (10, 2),
        (15, 2),
        (19, 2),
        (20, 0),
        (25, 1),
        (30, 2),
        (39, 2),
        (40, 2),
        (47, 2),
        (1000, 2),
    ],
)
def test_a_cyclical_schedule_climbs_in_each_cycle_and_then_stays(step, value):
    assert value_at(schedules.Cyclical(40, 2.0, cycles=2, rising=0.5), step) == pytest.approx(value, abs=1e-5)


def test_with_one_cycle_it_is_a_warm_up():
    cyclical, linear = schedules.Cyclical(40, 3.0, cycles=1, rising=0.25), schedules.warm_up(10, 3.0)
    for step in (0, 3, 9, 10, 39, 40, 41):
        assert value_at(cyclical, step) == pytest.approx(value_at(linear, step), abs=1e-5)


def test_a_cyclical_schedule_has_four_cycles_of_which_half_climb_and_comes_back_from_its_configuration():
    schedule = schedules.Cyclical(80)
    assert schedule.get_config() == {"steps": 80, "last": 1.0, "cycles": 4, "rising": 0.5}
    back = schedules.from_config(schedules.to_config(schedules.Cyclical(80, 2.0, cycles=8, rising=1.0)))
    assert value_at(back, 5) == pytest.approx(1.0) and back.get_config()["cycles"] == 8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: schedules.warm_up(0), "steps=0: expected a whole number of at least 1"),
        (lambda: schedules.warm_up(10, -1), "last=-1: expected a finite number of at least 0"),
        (
            lambda: schedules.warm_up(10, first=float("nan")),
            "first=nan: expected a finite number of at least 0",
        ),
        (lambda: schedules.check_number("beta", True), "beta=True: expected a finite number of at least 0"),
        (
            lambda: schedules.check_number("t", 0, above=0),
            "t=0: expected a finite number above 0; pass for example",
        ),
        (lambda: schedules.check_schedule("beta", "much"), "beta='much': expected a finite number"),
        (lambda: schedules.Cyclical(3), "steps=3: expected a whole number of at least 4"),
        (lambda: schedules.Cyclical(3, cycles=0), "cycles=0: expected a whole number of at least 1"),
        (lambda: schedules.Cyclical(9, rising=0), "rising=0: expected a finite number above 0"),
        (lambda: schedules.Cyclical(9, rising=1.01), "rising=1.01: expected a share above 0 and at most 1"),
        (lambda: schedules.Cyclical(9, -1.0), "last=-1.0: expected a finite number of at least 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()


def test_a_schedule_passes_as_it_is():
    schedule = schedules.warm_up(10)
    assert schedules.check_schedule("beta", schedule) is schedule
    assert schedules.check_schedule("beta", 0) == 0.0
