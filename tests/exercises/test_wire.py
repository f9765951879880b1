"""Protects the way of answers to the judge: data arrives as it was, and nothing else arrives.

It also protects what a judge needs of every exercise: that its inputs are data, or that its measure runs beside the
learner's function; and that this measure brings no expected result along.
"""

import json
import os
import sys

import numpy as np
import pytest

from companion.exercises import measures
from companion.exercises.exercise import call
from companion.exercises.judging import Function
from companion.exercises.registry import all_exercises
from companion.exercises.submission import HandedIn, Judge, stand_in
from companion.exercises.wire import packed, unpacked

ALL = list(all_exercises().values())
each_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda each: each.name)


def there_and_back(value, functions=None):
    return unpacked(json.loads(json.dumps(packed(value, functions))), Function)


VALUES = (
    *(None, ..., True, 7, -2.5, "a sentence", (1, [2.0, "x"]), {1: (0.5, 2), "because": ...}),
    *(np.float32(0.1), np.arange(6).reshape(2, 3), np.array([]), np.array([np.nan, -np.inf])),
    *(np.linspace(0, 1, 7, dtype="float16"), np.array([True, False]), np.array([2**63], dtype="uint64")),
)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_data_arrives_as_it_was(value):
    came = there_and_back(value)
    assert type(came) is type(value) and repr(came) == repr(value)
    if isinstance(value, np.ndarray):
        assert came.dtype == value.dtype and came.shape == value.shape


def test_a_function_travels_as_a_number_and_an_object_as_a_text():
    functions = []
    assert there_and_back((abs, len), functions) == (Function(0), Function(1)) and functions == [abs, len]
    came = there_and_back(1j)
    assert type(came).__name__ == "complex" and repr(came) == "1j" and not hasattr(came, "real")
    assert type(there_and_back(abs)).__name__ == "builtin_function_or_method"
    nested = []
    nested.append(nested)
    assert "too deep" in json.dumps(packed(nested))


FORGED = (
    *(
        None,
        [],
        ["no such kind", 1],
        ["list"],
        ["list", 3],
        ["dict", [1]],
        ["dict", [[["list", []], 1]]],
        {"a": 1},
    ),
    *(["array", "object", [1], [1]], ["array", "float64", [2], [1]], ["array", "float64", [-1], [1]]),
    *(["array", "float64", [1], ["1"]], ["array", "uint8", [1], [1000]], ["array", "float64", [10**12], []]),
    *(["function", -1], ["function", "os"], ["nothing", "else"], ["array", "float64", "1", [1]]),
)


@pytest.mark.parametrize("tree", FORGED, ids=repr)
def test_another_form_is_refused(tree):
    with pytest.raises(ValueError, match="."):
        unpacked(tree, Function)


@each_exercise
def test_inputs_are_data_or_stay_with_the_measure(exercise):
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        pytest.skip("the inputs of several exercises are made with TensorFlow")
    for case in exercise.cases():
        for argument in case.arguments:
            came = there_and_back(argument)
            assert type(came) is type(argument) and np.array_equal(came, argument)
            assert getattr(came, "dtype", None) == getattr(argument, "dtype", None)


@pytest.fixture
def modules(monkeypatch):
    """Measures as a learner's process has them; afterwards everything is as it was."""
    before = {name: module for name, module in sys.modules.items() if name.startswith("companion.exercises")}
    contents = {name: dict(vars(module)) for name, module in before.items()}
    known = all_exercises().copy()
    yield
    sys.modules.update(before)
    for name, module in before.items():
        vars(module).update(contents[name])
    all_exercises().update(known)


def test_a_measure_brings_no_expected_result(modules):
    names = [each.name for each in ALL if each.measure is not call]
    found = measures.measures_of(names)
    assert set(found) == set(names) and len(names) >= 6
    assert not [name for name in sys.modules if name.startswith("companion.exercises.chapter")]
    for name in names:
        left = found[name].function.__globals__
        assert not {"EXERCISES", name} & set(left), name
        assert not [
            each for each in left.values() if type(each).__name__ in ("Exercise", "OpenExercise", "Case")
        ]
    answer = found["values_of_a_grid"].function(lambda n: np.zeros(n), 3)
    assert np.allclose(answer, 0.5), "what the measure needs is still there"
    assert found["same_hand"].function(
        lambda model, image: model.decode(image, [0]), np.ones((1, 2))
    ).shape == (1, 2)
    assert found["hard_choice"].imports == ("tensorflow",)


def test_what_stands_for_an_exercise_knows_no_inputs_and_no_results():
    judge = Judge(lambda message: None, lambda: {"verdict": "unheard"}, {})
    module = stand_in(["first", "second"], ["00", "01"], judge)
    assert module.names() == ["first", "second"] and module.names(1) == ["second"]
    assert isinstance(module.first, HandedIn) and module.of_chapter("01") == [module.second]
    assert module.first.hint() is module.first.solution() is module.progress("00") is None
    module.first.check(3)
    assert not module.first.passed
    for name in ("cases", "mistakes", "measure", "demands", "judge"):
        assert not hasattr(module.first, name)
