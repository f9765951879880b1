"""Recorded runs: a training with its settings, figures and checkpoints in one folder, resumable after any stop.

Nothing here imports Keras before a run trains or a model is loaded.
"""

from companion.experiments.runs import load, run, settings_of
from companion.experiments.settings import LIKELIHOODS, MODELS, NETWORKS, Family, Settings

__all__ = ["LIKELIHOODS", "MODELS", "NETWORKS", "Family", "Settings", "load", "run", "settings_of"]
