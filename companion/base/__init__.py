"""What every model shares besides its mathematics: checked input, and networks that fit each other."""

from companion.base.checked_model import CheckedModel
from companion.base.endings import check_gives_logits
from companion.base.family import Family, check_one_layer, prior_without_images
from companion.base.networks import (
    check_decoder,
    check_is_built,
    check_latent_outputs,
    in_order,
    output_of,
    takes,
)
from companion.base.pair import build_pair, seeds_of_networks

__all__ = [
    "CheckedModel",
    "Family",
    "build_pair",
    "check_decoder",
    "check_gives_logits",
    "check_is_built",
    "check_latent_outputs",
    "check_one_layer",
    "in_order",
    "output_of",
    "prior_without_images",
    "seeds_of_networks",
    "takes",
]
