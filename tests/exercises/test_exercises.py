"""Protects the exercises: a stub fails, a solution passes, and typical wrong answers get the hint that is theirs.

The stubs are those of the notebooks; solutions are in companion/solutions, wrong answers in tests/exercises/answers.
A check has to take every right form of an answer and to survive every wrong one.
"""

import ast
import re
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import nbformat
import numpy as np
import pytest

from companion import exercises
from companion.exercises import solution
from companion.exercises.exercise import KINDS, Case, Exercise, Mistake, OpenExercise, reason_of, the_number
from companion.exercises.registry import CHAPTERS, all_exercises, of_chapter

ROOT = Path(__file__).resolve().parents[2]
ALL = list(all_exercises().values())
each_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda each: each.name)


def wrong_answers(exercise):
    return import_module(f"tests.exercises.answers.chapter_{exercise.chapter}").WRONG[exercise.name]


def exercise_cells(chapter):
    (path,) = (ROOT / "chapters").glob(f"{chapter}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]


def checked(cell):
    """The exercise that a cell checks and the name of what it hands in; None for another cell."""
    if cell.cell_type != "code" or ".check(" not in cell.source:
        return None
    call = ast.parse(cell.source).body[0].value
    return call.func.value.attr, call.args[0].id


def stub_of(exercise):
    cells = exercise_cells(exercise.chapter)
    for before, cell in pairwise(cells):
        if (found := checked(cell)) and found[0] == exercise.name:
            names = {"np": np}
            exec(compile(before.source, exercise.name, "exec"), names)
            return names[found[1]]
    raise AssertionError(f"no cell of chapter {exercise.chapter} checks {exercise.name}")


@each_exercise
def test_the_stub_of_the_notebook_runs_and_fails(exercise):
    verdict = exercise.judge(stub_of(exercise))
    assert not verdict.passed
    assert not verdict.is_attempt, f"an untouched stub must not count as an attempt: {verdict.text}"


@each_exercise
def test_the_solution_passes(exercise):
    verdict = exercise.judge(solution.solving_answer(exercise))
    assert verdict.passed, verdict.text


@pytest.mark.slow
@each_exercise
def test_wrong_answers_fail_with_the_hints_that_are_theirs(exercise):
    own_hints = {mistake.hint for mistake in exercise.mistakes}
    if isinstance(exercise, OpenExercise):
        own_hints = {demand.hint for demand in exercise.demands}
    given = set()
    for answer, words in wrong_answers(exercise):
        verdict = exercise.judge(answer)
        assert not verdict.passed and verdict.hint in own_hints, verdict.text
        # What equals the code that was handed out gets no hint, only the words that say so.
        assert words in (verdict.hint or verdict.text), verdict.text
        given.add(verdict.hint)
    assert len(given) >= 2, "at least two wrong answers with hints of their own"


@each_exercise
def test_no_two_mistakes_share_a_hint_and_no_mistake_is_right(exercise):
    hints = [mistake.hint for mistake in exercise.mistakes]
    assert len(set(hints)) == len(hints)
    for mistake in exercise.mistakes:
        cases = exercise.cases()
        came = [exercise_values(mistake.gives(*case.arguments)) for case in cases]
        right = [exercise_values(case.expected) for case in cases]
        from companion.exercises.values import close

        assert not all(map(close, came, right)), mistake.hint


def exercise_values(value):
    from companion.exercises.values import as_values

    return as_values(value)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_every_kind_and_its_notebook_every_exercise(chapter):
    own = of_chapter(chapter)
    assert {each.kind for each in own} == set(KINDS)
    assert 3 <= len(own) <= 5
    found = [checked(cell) for cell in exercise_cells(chapter)]
    assert [name for name, _ in filter(None, found)] == [each.name for each in own]


def test_nothing_after_the_exercises_depends_on_an_answer():
    for path in (ROOT / "chapters").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        tagged = ["exercise" in cell.metadata.get("tags", []) for cell in notebook.cells]
        if any(tagged):
            after = notebook.cells[len(tagged) - tagged[::-1].index(True) :]
            assert not [cell for cell in after if cell.cell_type == "code"], path.name


DOUBLED = [Case("1, 2 and 3", (np.arange(1.0, 4.0, dtype="float32"),), [2.0, 4.0, 6.0])]


def doubling(**settings):
    mistakes = (Mistake(lambda x: x / 2, "Twice, not half."), Mistake(lambda x: x, untouched=True))
    own = {"mistakes": mistakes, "hints": ("Add it to itself.", "2 * x"), "seconds": 10.0, **settings}
    return Exercise("doubling", "01", "code", "Twice", lambda: DOUBLED, **own)


def with_keras(x):
    from keras import ops

    return 2 * ops.convert_to_tensor(x)


def with_tensorflow(x):
    import tensorflow as tf

    return [tf.constant(value) * 2 for value in x]


FORMS = {
    "numpy": lambda x: 2 * x,
    "double precision": lambda x: 2 * x.astype("float64"),
    "half precision": lambda x: (2 * x).astype("float16"),
    "whole numbers": lambda x: (2 * x).astype("int64"),
    "a loop": lambda x: [float(each) + float(each) for each in x],
    "a tuple": lambda x: tuple(2 * each for each in x),
    "keras": with_keras,
    "tensorflow, a list of tensors": with_tensorflow,
}


@pytest.mark.parametrize("form", FORMS)
def test_any_right_form_passes(form):
    verdict = doubling().judge(FORMS[form])
    assert verdict.passed, verdict.text


@pytest.mark.parametrize("number", [2.5, np.float32(2.5), np.array(2.5), [2.5], np.array([[2.5]])], ids=repr)
def test_any_form_of_a_number_passes(number):
    asked = Exercise("number", "01", "compute", "", the_number(2.5), unit="one number")
    assert asked.judge(number).passed
    assert not asked.judge(np.asarray(number) + 0.1).passed


class Hostile:
    """Raises in whatever Python may ask of an object."""

    def __init__(self, *given):
        self.given = given

    def _raises(self, *args, **kwargs):
        raise RuntimeError("hands off")

    __repr__ = __str__ = __eq__ = __len__ = __iter__ = __array__ = __float__ = __bool__ = __getattr__ = (
        _raises
    )
    __hash__ = object.__hash__


def endless_list():
    own = []
    own.append(own)
    return own


SQUARE = [Case("two rows", (np.array([[1.0, 2.0], [3.0, 4.0]]),), [[1.0, 4.0], [9.0, 16.0]])]
THIRDS = [Case("1 and 2", (np.array([1.0, 2.0]),), [1 / 3, 2 / 3])]
RECOGNISED = {
    "axes": (SQUARE, lambda x: x.T**2, "`exercises.asked.hint()` gives one."),
    "swapped": (
        [Case("", (np.arange(6.0).reshape(2, 3),), np.arange(6.0).reshape(2, 3))],
        np.transpose,
        "swapped",
    ),
    "rounded to 2": (THIRDS, lambda x: np.round(x / 3, 2), "rounded to 2 decimals"),
    "rounded to 1": (THIRDS, lambda x: np.round(x / 3, 1), "rounded to 1 decimals"),
    "zeros": (THIRDS, lambda x: 0 * x, "`exercises.asked.hint()` gives one."),
}


@pytest.mark.parametrize("what", RECOGNISED)
def test_shape_and_rounding_have_hints_of_their_own(what):
    cases, answer, words = RECOGNISED[what]
    verdict = Exercise("asked", "01", "code", "", lambda: cases).judge(answer)
    assert not verdict.passed and words in verdict.hint, verdict.text


NUMBERS = {
    "as typed": (330020, "came:     330020"),
    "rounded": (2.8, "This looks rounded too much."),
    "text": ("330,040", "This is text. Give the number itself"),
    "the other sign": (-2.834, "The size is right and the sign is not."),
    "two numbers": ([2.834, 1.0], "Return one number; yours is shape (2,)."),
    "something else": (7.5, "`exercises.asked.hint()` gives one."),
}


@pytest.mark.parametrize("what", NUMBERS)
def test_a_number_is_told_what_is_wrong_with_it(what):
    given, words = NUMBERS[what]
    verdict = Exercise("asked", "01", "compute", "", the_number(2.834), unit="one number").judge(given)
    assert not verdict.passed and words in verdict.text, verdict.text


def test_what_came_and_what_was_expected_never_look_alike():
    asked = Exercise("asked", "01", "code", "", lambda: [Case("", (), 330040.6)], rtol=1e-7)
    assert "330045.6" in (text := asked.judge(lambda: 330045.6).text) and "330040.6" in text


@pytest.mark.parametrize(
    "answer", [Hostile, lambda: {"a": Hostile()}, endless_list], ids=["object", "dict", "list"]
)
def test_an_open_check_survives_any_object(answer):
    asked = OpenExercise("asked", "01", "open", "", list, demands=(reason_of(),), seconds=2.0)
    verdict = asked.judge(answer())
    assert not verdict.passed and verdict.is_attempt and "asked: not yet." in verdict.text


def endless(x):
    while True:
        pass


def endless_and_deaf(x):
    while True:
        try:
            sum(range(1000))
        except Exception:
            continue


def raises(x):
    raise ValueError("some words\non two lines")


def leaves(x):
    raise SystemExit(3)


def without_end(x):
    return without_end(x)


def in_place(x):
    x *= 2
    return x / 2


def forgets_return(x):
    doubled = 2 * x
    doubled + 0


SURVIVED = {
    "exception": (raises, "ValueError: some words on two lines, in line"),
    "exit": (leaves, "SystemExit: 3"),
    "recursion": (without_end, "RecursionError"),
    "wrong number of arguments": (lambda: 1, "TypeError"),
    "shape": (lambda x: np.ones((3, 2)), "Return shape (3,); yours is shape (3, 2)"),
    "one number": (lambda x: 1.0, "Return shape (3,); yours is one number"),
    "NaN": (lambda x: x * np.nan, "NaN or an infinity"),
    "infinity": (lambda x: x / 0, "NaN or an infinity"),
    "text": (lambda x: "twice", "'twice' (str) holds no real numbers"),
    "ragged rows": (lambda x: [[1.0], [1.0, 2.0]], "no real numbers, or rows of unequal length"),
    "an object": (lambda x: object(), "holds no real numbers"),
    "complex numbers": (lambda x: x * 1j, "holds no real numbers"),
    "no function": (3.0, "Pass the function's name"),
    "in place": (in_place, "`exercises.doubling.hint()` gives one."),
    "no return": (forgets_return, "Your function returned None; is a `return` missing?"),
    "prints": (lambda x: print(end=""), "Your function returned None; is a `return` missing?"),
    "a right number as text": (lambda x: "2, 4, 6", "This is text. Give the number itself"),
    "a generator": (lambda x: (2 * each for each in x), "put list(...) around it"),
    "the other sign": (lambda x: -2 * x, "The size is right and the sign is not."),
    "an object without repr": (lambda x: Hostile(), "a value of type Hostile holds no real numbers"),
    "an object that fails": (lambda x: Hostile(x), "a value of type Hostile holds no real numbers"),
}


@pytest.mark.parametrize("what", SURVIVED)
def test_a_check_survives(what, capsys):
    answer, words = SURVIVED[what]
    asked = doubling(mistakes=())
    asked.check(answer)
    said = capsys.readouterr()
    assert words in said.out, said.out
    assert said.out.startswith("doubling: not yet.") and "Traceback" not in said.out + said.err
    assert asked.attempts == 1 and not asked.passed


def test_an_answer_that_works_in_place_does_not_spoil_the_next_check():
    def doubles_in_place(x):
        x *= 2
        return x

    asked = doubling()
    assert asked.judge(doubles_in_place).passed and asked.judge(doubles_in_place).passed


@pytest.mark.parametrize("loop", [endless, endless_and_deaf], ids=["endless", "endless and deaf"])
def test_an_endless_loop_is_ended_and_gone(loop):
    import threading

    before = threading.active_count()
    verdict = doubling(seconds=0.3).judge(loop)
    assert "nothing within 0.3 s" in verdict.text and "loop that never ends" in verdict.hint
    assert threading.active_count() == before, "the loop goes on behind the learner's back"


def test_a_call_that_cannot_be_ended_is_left_behind():
    import time

    assert "nothing within 0.2 s" in doubling(seconds=0.2).judge(lambda x: time.sleep(2)).text


def test_a_traceback_names_the_learner_s_own_line():
    def broken(x):
        y = x + 1
        return y.no_such_thing

    said = doubling().judge(broken).text
    assert "AttributeError" in said and "`return y.no_such_thing`" in said


STUBS = {"None": None, "...": ..., "returns None": lambda x: None, "returns ...": lambda x: ...}


@pytest.mark.parametrize("stub", STUBS.values(), ids=STUBS.keys())
def test_a_stub_is_no_attempt(stub):
    verdict = doubling().judge(stub)
    assert "nothing to check yet" in verdict.text and not verdict.is_attempt


def test_what_the_notebook_hands_out_to_mend_is_no_attempt():
    verdict = doubling().judge(lambda x: x)
    assert verdict.text == (
        "doubling: not yet. This is the code as it was handed out; `exercises.doubling.hint()` gives a first hint."
    )
    assert not verdict.is_attempt


def test_a_wrong_answer_is_told_the_input_what_came_and_what_was_expected(capsys):
    doubling().check(lambda x: x / 2)
    assert capsys.readouterr().out.splitlines() == [
        "doubling: not yet.",
        "  input:    1, 2 and 3",
        "  came:     [0.5, 1, 1.5]",
        "  expected: [2, 4, 6]",
        "  hint:     Twice, not half.",
    ]


@each_exercise
def test_a_wrong_number_is_not_told_the_right_one(exercise):
    if exercise.kind != "compute":
        return
    assert exercise.unit and not re.search(r"\d\.\d", exercise.unit)
    for answer, _ in wrong_answers(exercise):
        told = exercise.judge(answer).text.splitlines()
        assert [line.split(":")[0].strip() for line in told[1:]] == ["came", "expected", "hint"]
        assert told[2].endswith(exercise.unit)


def test_hints_come_one_by_one(capsys):
    asked = doubling()
    for _ in range(3):
        asked.hint()
    first, second, third = capsys.readouterr().out.splitlines()
    assert "hint 1 of 2: Add it to itself." in first and "hint 2 of 2: 2 * x" in second
    assert "no hint is left" in third


def test_a_hint_stands_only_where_the_mistake_was_recognised(capsys):
    asked = doubling()
    asked.check(lambda x: 7.0 * x)
    asked.hint()
    came, first = capsys.readouterr().out.rsplit("doubling, ", 1)
    assert "`exercises.doubling.hint()` gives one." in came and "Add it to itself." not in came
    assert first.startswith("hint 1 of 2: Add it to itself.")


def test_a_solution_is_shown_after_an_attempt_only(capsys, monkeypatch):
    asked = exercises.nearest_other
    monkeypatch.setattr(asked, "attempts", 0)
    assert asked.solution() is None
    assert "try it first" in capsys.readouterr().out
    asked.check(lambda codes: codes[:, 0])
    assert "fill_diagonal" in str(asked.solution())


def test_without_the_solutions_the_instructor_keeps_them(capsys, monkeypatch):
    asked = exercises.nearest_other
    monkeypatch.setattr(asked, "attempts", 1)
    monkeypatch.setattr(solution, "PACKAGE", "companion.no_such_room")
    assert asked.solution() is None
    assert "the instructor keeps the solutions" in capsys.readouterr().out


def test_progress_in_words_and_as_a_bar(capsys, monkeypatch):
    from companion.exercises import registry
    from companion.exercises.progress_bar import _bars, _new_bar, in_words

    own = doubling()
    monkeypatch.setattr(registry, "_all", {**all_exercises(), "doubling": own})
    count = len(of_chapter("01"))
    before = sum(each.passed for each in of_chapter("01"))
    exercises.progress(1)
    assert f"{before} of {count} exercises passed; still open: " in capsys.readouterr().out
    monkeypatch.setattr("companion.exercises.progress_bar._in_notebook", lambda: True)
    monkeypatch.delenv("COMPANION_QUIET", raising=False)
    bar = _new_bar("01")
    monkeypatch.setitem(_bars, "01", [bar])
    own.check(lambda x: 2 * x)
    assert bar.children[0].value == before + 1 and bar.children[0].max == count
    assert in_words("01") == bar.children[1].value
    monkeypatch.setenv("COMPANION_QUIET", "1")
    assert _new_bar("01") is None


def test_names_complete_and_a_wrong_name_is_answered():
    assert set(exercises.names()) <= set(dir(exercises))
    with pytest.raises(AttributeError, match="did you mean .*image_loss"):
        _ = exercises.image_los
    with pytest.raises(ValueError, match="expected one of 00"):
        exercises.progress(99)
