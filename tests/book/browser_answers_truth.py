"""Protects learners from two verdicts: what a page of the book says of a number is what Python says of it, for every
recorded answer, for numbers at the edges of every tolerance, and for whatever else may stand in the field."""

import functools
import hashlib
import random
from contextlib import suppress
from importlib import import_module

import numpy as np
import pytest

from companion.exercises.answer_box import book_script, facts_of, front_end
from companion.exercises.regions import Grid
from companion.exercises.registry import all_exercises
from companion.exercises.solution import solving_answer
from companion.exercises.values import how_to_give_numbers

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

COMPUTE = [each for each in all_exercises().values() if each.kind == "compute"]
each_compute = pytest.mark.parametrize("exercise", COMPUTE, ids=lambda each: each.name)
DIGESTS = "([source, texts]) => texts.map(new Function(source + '; return sha256;')())"
JUDGED = """([source, facts, texts]) => {
    const judge = new Function(source + '; return makeJudge;')()(facts);
    return texts.map(judge).map(({ verdict, hint }) => [verdict, hint ?? null]);
}"""


@pytest.fixture
def on_the_page(tab):
    """A function that gives the page's verdicts on texts, each as ``passed`` or ``wrong`` and its hint."""
    return lambda exercise, texts: tab.evaluate(JUDGED, [front_end(), facts(exercise.name), texts])


@functools.cache
def facts(name: str) -> dict:
    return facts_of(all_exercises()[name])


def in_python(exercise, number: float) -> list:
    """The verdict of Python in the page's terms, which says nothing where Python says where to find a hint."""
    verdict = exercise.judge(number)
    assert verdict.is_attempt
    if verdict.passed:
        return ["passed", None]
    return ["wrong", None if verdict.hint == exercise.no_hint else verdict.hint]


def recorded(exercise) -> list[float]:
    """Every wrong answer that is recorded for the exercise, foreseen or only plausible, as numbers."""
    chapter = exercise.chapter
    found = [
        answer
        for answer, _ in import_module(f"tests.exercises.answers.chapter_{chapter}").WRONG[exercise.name]
    ]
    with suppress(ModuleNotFoundError):  # the later chapters have none yet
        found += import_module(f"tests.exercises.plausible.chapter_{chapter}").WRONG[exercise.name].values()
    return [float(answer) for answer in found]


def test_digests_are_those_of_python(tab):
    texts = ["", "abc", "é" * 40, *("a" * length for length in range(50, 130)), "long " * 1000]
    expected = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    assert tab.evaluate(DIGESTS, [front_end(), texts]) == expected


@each_compute
def test_page_and_python_agree_on_every_recorded_answer(exercise, on_the_page):
    answer = solving_answer(exercise)
    wrong = recorded(exercise)
    numbers = [*wrong, *(float(mistake.gives()) for mistake in exercise.mistakes), float(answer)]
    seen = on_the_page(exercise, [repr(number) for number in numbers])
    assert seen == [in_python(exercise, number) for number in numbers]
    assert seen[-1] == ["passed", None]
    assert len(wrong) >= 2 and len({hint for _, hint in seen[: len(wrong)]} - {None}) >= 2


def steps_to_try(grid, regions) -> list[int]:
    """Steps at the edges of all intervals, inside them, around them and anywhere."""
    draws = random.Random(0)
    steps = {edge + by for each in regions for edge in (each.low, each.high) for by in (-1, 0, 1)}
    steps |= {draws.randint(each.low, each.high) for each in regions for _ in range(3)}
    wide = regions[0].high - regions[0].low
    steps |= {draws.randint(each.low - wide, each.high + wide) for each in regions for _ in range(3)}
    return sorted(steps | {round(draws.choice([-1, 1]) * 10 ** draws.uniform(0, 12)) for _ in range(40)})


@each_compute
def test_they_agree_at_every_edge_and_wherever_else_a_number_lies(exercise, on_the_page):
    grid = Grid(exercise)
    regions = grid.regions()
    steps = steps_to_try(grid, regions)
    hints = [grid.hint(step) for step in steps]
    shown = [
        ["passed", None] if hint is None else ["wrong", None if hint == exercise.no_hint else hint]
        for hint in hints
    ]
    assert on_the_page(exercise, [repr(step / 10**grid.decimals) for step in steps]) == shown
    # What lies between two steps of the grid has the verdict of both, where these agree.
    points = {each.low for each in regions if each.low == each.high}
    same = [
        i for i, step in enumerate(steps) if not points & {step, step + 1} and hints[i] == grid.hint(step + 1)
    ]
    between = [half_beyond(steps[i], grid.decimals) for i in same]
    assert len(between) > 30
    assert on_the_page(exercise, between) == [shown[i] for i in same]


def half_beyond(step: int, decimals: int) -> str:
    """The number half a step above ``step``."""
    return f"{10 * step + 5}e-{decimals + 1}"


def test_a_rounding_is_told_from_a_number_just_beside_it(on_the_page):
    exercise = all_exercises()["cost_of_a_code"]
    ((_, rounded), (_, beside)) = on_the_page(exercise, ["2.8", "2.80000001"])
    assert "rounded too much" in rounded and beside is None


FORMS = {
    "{}": "passed",
    "  {} ": "passed",
    "+{}": "passed",
    "{}0000000000000000000": "passed",
    "0{}e0": "passed",
    "{}E+000": "passed",
    "-{}": "wrong",
    "\N{MINUS SIGN}{}": "wrong",
    "{}e-400": "wrong",
    "{}e300": "wrong",
    "": "nothing",
    "   ": "nothing",
}


def test_a_number_is_read_in_every_form(on_the_page):
    exercise = all_exercises()["cost_of_a_code"]
    right = repr(float(exercise.cases()[0].expected))
    texts = [form.format(right) for form in FORMS]
    assert [verdict for verdict, _ in on_the_page(exercise, texts)] == list(FORMS.values())


@pytest.mark.parametrize(
    "text", ["330,040", "two", ".", "-", "1e", "1/2", "0x10", "1 2", "1e1.5", "--1", "…", "1n"]
)
def test_what_is_no_number_is_told_so(text, on_the_page):
    for exercise in COMPUTE[:3]:
        assert on_the_page(exercise, [text]) == [["wrong", how_to_give_numbers(text)]]


@pytest.mark.parametrize("text", ["nan", "-inf", "Infinity"])
def test_what_is_not_finite_has_its_own_hint(text, on_the_page):
    exercise = COMPUTE[0]
    assert on_the_page(exercise, [text]) == [in_python(exercise, float(text))]
    assert np.isnan(float(text)) or np.isinf(float(text))


def test_the_script_of_the_book_is_one_that_runs(tab):
    tab.evaluate("source => { new Function(source)(); }", book_script(COMPUTE))
