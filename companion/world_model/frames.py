"""The cart and its pole as a picture, drawn by NumPy from the state; no window and no game library. Chapter 14."""

from typing import Any

import numpy as np

from companion.errors import BadInput

HEIGHT, WIDTH = 20, 40
TRACK = 2.4  # an episode ends where the cart's place passes it, to the left or the right
LENGTH = 11.0  # of the pole, in pixels
SLANT = 3.0  # how many times its true angle the pole leans in the picture
GROUND, HALF_CART, HALF_POLE = 16.0, 2.5, 0.6


def draw(states: Any) -> np.ndarray:
    """Frames ``(n, 20, 40, 1)`` in [0, 1] of ``states`` ``(n, 4)``: place, speed, angle and its rate of change.

    A frame shows the place and the angle, and neither of the two speeds. The pole leans three times its true angle,
    since an episode ends at 12 degrees, which 20 rows of pixels would hardly show. Edges are soft, so that a cart that
    moves by a tenth of a pixel changes the frame. Raises :class:`~companion.errors.BadInput` for another shape.
    Taught in chapter 14.
    """
    states = np.asarray(states, "float32")
    if states.ndim != 2 or states.shape[1] != 4:
        raise BadInput(
            f"states have shape {states.shape}: expected (n, 4), rows of place, speed, angle and its rate; pass "
            f"state[None] for a single one."
        )
    rows = np.arange(HEIGHT, dtype="float32")[None, :, None]
    columns = np.arange(WIDTH, dtype="float32")[None, None, :]
    middle = ((states[:, 0] / TRACK + 1) * (WIDTH - 1) / 2)[:, None, None]  # (n, 1, 1)
    cart = _soft(HALF_CART - np.abs(columns - middle)) * _soft(
        1.0 - np.abs(rows - GROUND)
    )  # (n, height, width)
    angle = SLANT * states[:, 2][:, None, None]
    right, up = columns - middle, GROUND - rows  # from the foot of the pole
    along = right * np.sin(angle) + up * np.cos(angle)
    across = right * np.cos(angle) - up * np.sin(angle)
    pole = _soft(HALF_POLE - np.abs(across)) * _soft(along) * _soft(LENGTH - along)
    return np.maximum(cart, pole)[..., None].astype("float32")


def _soft(inside: np.ndarray) -> np.ndarray:
    """1 inside a shape and 0 outside, with half a pixel in between on either side of the edge."""
    return np.clip(inside + 0.5, 0.0, 1.0)
