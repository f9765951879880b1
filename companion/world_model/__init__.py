"""A world model of a pole on a cart: frames drawn by the package, a code for each, a recurrent model of codes, and
linear controllers that learn in the world or in the model's dream. Needs the package gymnasium. Chapter 14."""

from companion.world_model.controllers import (
    Found,
    Linear,
    cross_entropy_search,
    in_new_episodes,
    in_reality,
    num_weights,
)
from companion.world_model.dream import Dream
from companion.world_model.episodes import Episode, record, returns
from companion.world_model.eyes import Eye, eye_of, mean_codes
from companion.world_model.frames import draw
from companion.world_model.memory import MixtureRNN, mixture_log_prob, sequences_of

__all__ = [
    "Dream",
    "Episode",
    "Eye",
    "Found",
    "Linear",
    "MixtureRNN",
    "cross_entropy_search",
    "draw",
    "eye_of",
    "in_new_episodes",
    "in_reality",
    "mean_codes",
    "mixture_log_prob",
    "num_weights",
    "record",
    "returns",
    "sequences_of",
]
