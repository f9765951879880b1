"""``diagnose``: what is wrong with a VAE, measured on the model itself, whoever wrote it.

A report lists findings in the order in which they have to be mended: data, loss, sampling, learning, codes, evaluation.
"""

from companion.diagnosis.diagnose import diagnose
from companion.diagnosis.patient import Draw, Observation, Patient
from companion.diagnosis.report import Finding, Missing, Report

__all__ = ["Draw", "Finding", "Missing", "Observation", "Patient", "Report", "diagnose"]
