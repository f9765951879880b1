"""Protects the diagnosis: each sick model's own fault comes first in its report, and healthy models get no fault.

All of them take minutes, so `make test` examines a few, others each day; `make patients` sets PATIENTS=all and examines
every one.
"""

import os
from datetime import UTC, date, datetime

import pytest

from companion.diagnosis import diagnose
from tests.patients.healthy import HEALTHY
from tests.patients.sick import SICK

A_DAY = 6  # of each kind


def today(names):
    """All of ``names``, or the few whose turn it is."""
    return (
        names if os.environ.get("PATIENTS") == "all" else of_day(names, datetime.now(UTC).date().toordinal())
    )


def of_day(names, day):
    """A few of ``names``: in turn, so that every one is examined within some days."""
    return [names[(A_DAY * day + i) % len(names)] for i in range(A_DAY)]


@pytest.mark.slow
@pytest.mark.parametrize("name", today(list(SICK)))
def test_the_fault_comes_first(name):
    expected, build = SICK[name]
    model, images, more = build()
    report = diagnose(model, images, **more)
    assert report.findings, str(report)
    assert report.findings[0].name == expected, f"{report}\n{report.measured}"
    assert not report.is_healthy


@pytest.mark.slow
@pytest.mark.parametrize("name", today(list(HEALTHY)))
def test_a_healthy_model_has_no_fault(name):
    model, images, more = HEALTHY[name]()
    report = diagnose(model, images, **more)
    assert report.is_healthy, f"{report}\n{report.measured}"


def test_every_one_has_its_turn(monkeypatch):
    monkeypatch.delenv("PATIENTS", raising=False)
    names = list(SICK)
    seen = {name for day in range(len(names)) for name in of_day(names, date(2026, 1, 1).toordinal() + day)}
    assert seen == set(names)
