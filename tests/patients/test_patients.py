"""Protects the diagnosis: each sick model's own fault comes first in its report, of two faults both are found, and
healthy models get no fault.

All of them take minutes, so `make test` examines a few, others each day; PATIENTS=all examines every one, and so does
`make patients`, which records what was found.
"""

import os
from datetime import UTC, date, datetime

import pytest

from companion.diagnosis import diagnose
from tests.patients.healthy import HEALTHY
from tests.patients.pairs import PAIRS
from tests.patients.public import PUBLIC
from tests.patients.sick import SICK

WITH_ONE_FAULT = SICK | PUBLIC
A_DAY = 6  # of each kind
PAIRS_A_DAY = 2


def today(names, count=A_DAY):
    """All of ``names``, or the few whose turn it is."""
    if os.environ.get("PATIENTS") == "all":
        return names
    return of_day(names, datetime.now(UTC).date().toordinal(), count)


def of_day(names, day, count=A_DAY):
    """A few of ``names``: in turn, so that every one is examined within some days."""
    return [names[(count * day + i) % len(names)] for i in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("name", today(list(WITH_ONE_FAULT)))
def test_the_fault_comes_first(name):
    expected, build = WITH_ONE_FAULT[name]
    model, images, more = build()
    report = diagnose(model, images, **more)
    assert report.findings, str(report)
    assert report.findings[0].name == expected, f"{report}\n{report.measured}"
    assert not report.is_healthy


@pytest.mark.slow
@pytest.mark.parametrize("name", today(list(PAIRS), PAIRS_A_DAY))
def test_of_two_faults_both_are_found(name):
    expected, build = PAIRS[name]
    model, images, more = build()
    report = diagnose(model, images, **more)
    assert set(expected) <= {finding.name for finding in report}, f"{report}\n{report.measured}"


@pytest.mark.slow
@pytest.mark.parametrize("name", today(list(HEALTHY)))
def test_a_healthy_model_has_no_fault(name):
    model, images, more = HEALTHY[name]()
    report = diagnose(model, images, **more)
    assert report.is_healthy, f"{report}\n{report.measured}"


@pytest.mark.parametrize(("kind", "count"), [(WITH_ONE_FAULT, A_DAY), (HEALTHY, A_DAY), (PAIRS, PAIRS_A_DAY)])
def test_every_one_has_its_turn(kind, count):
    names, first = list(kind), date(2026, 1, 1).toordinal()
    assert {name for day in range(len(names)) for name in of_day(names, first + day, count)} == set(names)
