"""Protects the diagnosis of PyTorch models: handed over as functions, a sick one's own fault comes first, and a healthy
one has none. PyTorch is in the environment that `make backends` makes for it, and nowhere else."""

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed here; make backends BACKEND=torch runs this")

from companion.diagnosis import diagnose
from tests.backends.pytorch_patients import HEALTHY, IMAGES, SICK


@pytest.mark.parametrize("name", SICK)
def test_the_fault_of_a_pytorch_model_comes_first(name):
    expected, build = SICK[name]
    report = diagnose(build(), IMAGES)
    assert report.findings and report.findings[0].name == expected, f"{report}\n{report.measured}"
    assert not report.is_healthy


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_pytorch_model_has_no_fault(name):
    report = diagnose(HEALTHY[name](), IMAGES)
    assert report.is_healthy, f"{report}\n{report.measured}"
