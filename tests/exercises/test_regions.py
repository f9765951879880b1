"""Protects what the book's pages hold of the *compute* exercises: every number has the verdict of its exercise, digests
open for the numbers of an interval and no other, and no right number can be read.
"""

import json
import re
from base64 import b64decode
from itertools import pairwise

import pytest

from companion.exercises.answer_box import facts_of, html_of
from companion.exercises.digests import BYTES, LEVELS, blocks, digest, sealed
from companion.exercises.exercise import Exercise, Mistake, the_number
from companion.exercises.regions import Grid
from companion.exercises.registry import all_exercises
from companion.exercises.whole_number import WholeNumber

COMPUTE = [each for each in all_exercises().values() if each.kind == "compute"]
WIDE = 2 ** (LEVELS + 1)


def asked(value: float, kind: type[Exercise] = Exercise, **settings) -> Exercise:
    mistakes = (Mistake(lambda: 2 * value, "Twice."), Mistake(lambda: value + 1, "One more."))
    return kind("asked", "01", "compute", "", the_number(value), mistakes, unit="one number", **settings)


def verdicts(exercise: Exercise) -> dict[str, list[tuple[float, float]]]:
    """The intervals of each hint, "" for those that pass, as numbers."""
    grid = Grid(exercise)
    found: dict[str, list[tuple[float, float]]] = {}
    for region in grid.regions():
        ends = region.low / 10**grid.decimals, region.high / 10**grid.decimals
        found.setdefault(region.hint or "", []).append(ends)
    return found


def test_an_exercise_is_cut_where_its_verdict_changes():
    found = verdicts(asked(2.5))
    ((low, high),) = found.pop("")
    assert (low, high) == pytest.approx((2.4975 - 2.5e-5, 2.5025 + 2.5e-5), abs=2e-6)
    ((low, high),) = found.pop("Twice.")
    assert low < 5.0 < high and high - low == pytest.approx(0.0101, abs=1e-5)
    assert set(found) == {"One more.", *(hint for hint in found if "sign" in hint or "rounded" in hint)}
    assert [ends for hint, ends in found.items() if "rounded too much" in hint] == [[(2.0, 2.0)]]


def test_a_count_passes_at_one_number_only_and_is_told_when_it_is_near():
    found = verdicts(asked(330040, WholeNumber, rtol=1e-6))
    assert found[""] == [(330040, 330040)]
    (near,) = [ends for hint, ends in found.items() if "a count is exact" in hint]
    assert len(near) == 2 and near[0][1] < 330040 < near[1][0]


@pytest.mark.slow
@pytest.mark.parametrize("exercise", COMPUTE, ids=lambda each: each.name)
def test_every_mistake_has_an_interval_and_no_number_has_two(exercise):
    regions = sorted(Grid(exercise).regions(), key=lambda each: each.low)
    assert all(before.high < after.low for before, after in pairwise(regions))
    hints = {each.hint for each in regions}
    assert {None, *(mistake.hint for mistake in exercise.mistakes)} <= hints
    assert exercise.no_hint not in hints


@pytest.mark.parametrize("low, high", [(0, 0), (-3, 5), (7, 1000), (-1000, -7), (1, WIDE), (-WIDE, WIDE + 3)])
def test_blocks_hold_an_interval_and_nothing_else(low, high):
    spans = sorted((place << level, (place + 1 << level) - 1) for level, place in blocks(low, high))
    assert spans[0][0] == low and spans[-1][1] == high
    assert all(after[0] == before[1] + 1 for before, after in pairwise(spans))
    assert all(0 <= level < LEVELS for level, _ in blocks(low, high))


def test_digests_depend_on_salt_length_and_place_and_come_in_no_order():
    assert len({digest(*each) for each in (("a", 0, 1), ("b", 0, 1), ("a", 1, 1), ("a", 0, 2))}) == 4
    content = b64decode(sealed("a", 3, 900))
    parts = [content[at : at + BYTES] for at in range(0, len(content), BYTES)]
    assert parts == sorted(parts) and set(parts) == {digest("a", *each) for each in blocks(3, 900)}


def texts_in(facts: dict) -> str:
    """Whatever of the facts a person can read: all of it but digests."""
    readable = facts | {"found": [each["hint"] for each in facts["found"]]}
    return json.dumps(readable)


@pytest.mark.slow
@pytest.mark.parametrize("exercise", COMPUTE, ids=lambda each: each.name)
def test_no_number_on_the_page_is_a_right_answer(exercise):
    facts = facts_of(exercise)
    numbers = {float(text) for text in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", texts_in(facts))}
    numbers |= {-number for number in numbers}
    assert [number for number in numbers if exercise.judge(number).passed] == []
    assert len(html_of(exercise).encode()) < 4000


def test_a_declaration_that_gives_its_answer_away_is_seen():
    telling = asked(2.5, hints=("It is 2.5.",))
    with pytest.raises(AssertionError):
        test_no_number_on_the_page_is_a_right_answer(telling)


def test_no_text_ends_the_page_s_script():
    html = html_of(asked(2.5, hints=("a </script> b",)))
    assert html.count("</script>") == 1
