"""From the outputs of a decoder to a distribution over pixels, p(x|z). Chapter 04 compares the four families."""

import math
from numbers import Real
from typing import Any, cast

import keras
from keras import ops

from companion.distributions import Bernoulli, ContinuousBernoulli, DiscretizedLogistic, Distribution, Normal
from companion.errors import BadInput, check_choice
from companion.tensors import Tensor

FAMILIES: dict[str, type[Distribution]] = {
    "bernoulli": Bernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "normal": Normal,
    "discretized_logistic": DiscretizedLogistic,
}
WITH_SCALE = ("normal", "discretized_logistic")
LINKS = ("sigmoid", "identity")
FIRST_SCALE = {"normal": 0.1, "discretized_logistic": 0.05}  # close to the final scale for images in [0, 1]
# Adam moves each weight by about its learning rate per step, too slow for a scale that must follow the error of the
# first epochs. So the weight is the log scale divided by PACE.
PACE = 10.0


@keras.saving.register_keras_serializable(package="companion")
class Likelihood(keras.layers.Layer):
    """The family of p(x|z) and its settings.

    ``family`` is a name (bernoulli, continuous_bernoulli, normal, discretized_logistic) or the class itself. ``scale``
    belongs to the last two: a number > 0 fixes it, None learns one scale for all pixels together with the weights. For
    a normal the learned scale tends to the root of the mean squared error (Rybkin et al., 2021). Decoder outputs are
    logits; the sigmoid that brings them into [0, 1] is applied here. With ``link="identity"`` the outputs are the mean
    itself, for data outside [0, 1] or a linear model.

    Raises :class:`~companion.errors.BadInput` for an unknown family or link, a scale that is not positive, and
    a scale or link where the family has none. Taught in chapter 04.
    """

    def __init__(
        self,
        family: str | type[Distribution] = "bernoulli",
        scale: float | None = None,
        link: str = "sigmoid",
        **kwargs: Any,
    ):
        # Sums over hundreds of pixels need float32, whatever precision the networks compute in.
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.family = check_choice("likelihood", _name_of(family), FAMILIES)
        self.scale = _check_scale(self.family, scale)
        self.link = _check_link(self.family, link)
        self.raw_scale = None
        if self.family in WITH_SCALE and scale is None:
            first = keras.initializers.Constant(math.log(FIRST_SCALE[self.family]) / PACE)
            self.raw_scale = self.add_weight(name="raw_scale", shape=(), initializer=first)
        self.built = True

    def given(self, outputs: Tensor, event_ndims: int = 3) -> Distribution:
        """p(x|z) for decoder ``outputs`` (logits) whose last ``event_ndims`` axes are one image."""
        outputs = ops.cast(outputs, "float32")
        if self.family not in WITH_SCALE:
            return FAMILIES[self.family](outputs, event_ndims=event_ndims)
        scale = self.current_scale()
        mean = ops.sigmoid(outputs) if self.link == "sigmoid" else outputs
        return FAMILIES[self.family](mean, scale, event_ndims=event_ndims)

    def current_scale(self) -> Tensor:
        """The current scale, fixed or learned; None for a family without one."""
        return self.scale if self.raw_scale is None else ops.exp(PACE * self.raw_scale)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "family": self.family, "scale": self.scale, "link": self.link}


def as_likelihood(likelihood: "str | type[Distribution] | Likelihood") -> Likelihood:
    """A :class:`Likelihood` from one, from a name or from a class of ``companion.distributions``."""
    if isinstance(likelihood, Likelihood):
        return cast(Likelihood, likelihood)
    return Likelihood(likelihood)


def _name_of(family: Any) -> Any:
    """The name under which a class is listed; anything else is returned unchanged, for the error message to show."""
    return next((name for name, listed in FAMILIES.items() if listed is family), family)


def _check_scale(family: str, scale: float | None) -> float | None:
    if scale is None:
        return None
    if family not in WITH_SCALE:
        raise BadInput(f"scale={scale!r} with likelihood {family!r}, which has no scale; leave scale out.")
    if isinstance(scale, bool) or not isinstance(scale, Real) or not 0 < scale < float("inf"):
        raise BadInput(
            f"scale={scale!r}: expected a number > 0; pass for example scale=0.1, or None to learn it."
        )
    return float(scale)


def _check_link(family: str, link: str) -> str:
    if family not in WITH_SCALE and link != "sigmoid":
        raise BadInput(f"link={link!r} with likelihood {family!r}, whose outputs are logits; leave link out.")
    return check_choice("link", link, LINKS)
