"""Protects the diagnosis: each sick model's own fault comes first in its report, and healthy models get no fault."""

import pytest

from companion.diagnosis import diagnose
from tests.patients.healthy import HEALTHY
from tests.patients.sick import SICK


@pytest.mark.parametrize("name", SICK)
def test_the_fault_comes_first(name):
    expected, build = SICK[name]
    model, images, more = build()
    report = diagnose(model, images, **more)
    assert report.findings, str(report)
    assert report.findings[0].name == expected, str(report) + str(report.measured)
    assert not report.is_healthy


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_model_has_no_fault(name):
    model, images, more = HEALTHY[name]()
    report = diagnose(model, images, **more)
    assert report.is_healthy, str(report) + str(report.measured)
