"""Diagrams of the models, drawn from their sizes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon

from companion.errors import BadInput, check_choice
from companion.plots.arguments import as_images
from companion.plots.figure import (
    BASE,
    CARD,
    INK,
    LINE_COLOURS,
    MUTED,
    PAGE_WIDTH,
    SMALL,
    BookFigure,
    book_style,
)
from companion.plots.images import draw_image
from companion.plots.words import spoken_list

TINTS = {
    "encoder": "#dcecf7",
    "decoder": "#fbe6d8",
    "code": "#dff2eb",
}  # pale forms of the first three line colours
_LONGEST_SIZE = 9  # letters that fit into the shortest bar
EDGES = dict(zip(("encoder", "decoder", "code"), LINE_COLOURS, strict=False))


def model_diagram(
    kind: str,
    sizes: Sequence[Any] = ("28x28x1", "512", "256", "2"),
    *,
    image: Any = None,
    reconstruction: Any = None,
) -> BookFigure:
    """Draw how an image passes through an ``"autoencoder"`` or a ``"vae"``.

    ``sizes`` are those of the image, of up to four hidden layers of the encoder, and of the code; the decoder mirrors
    them. ``image`` and ``reconstruction``, each ``(height, width)`` or ``(height, width, channels)`` in [0, 1], are
    drawn at the two ends if given.

    Raises :class:`~companion.errors.BadInput` for an unknown kind, another number of sizes and images of a wrong shape.
    Source of the VAE: Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), section 2.4. Taught in chapters 01,
    autoencoder, and 03, reparameterization.
    """
    check_choice("kind", kind, ("autoencoder", "vae"))
    if isinstance(sizes, str) or not 3 <= len(sizes) <= 6:
        raise BadInput(
            f"sizes={sizes!r}: expected the image, 1 to 4 hidden layers and the code; pass for example "
            "('28x28x1', '512', '256', '2')."
        )
    size_of_image, *hidden, size_of_code = [str(size).replace("x", "\u00d7") for size in sizes]
    if any(len(size) > _LONGEST_SIZE for size in (size_of_image, *hidden, size_of_code)):
        raise BadInput(
            f"sizes={sizes!r}: expected at most {_LONGEST_SIZE} letters each; shorten them, as in '16x16x32'."
        )
    pictures = [
        None if given is None else as_images([given], "image")[0] for given in (image, reconstruction)
    ]
    random = kind == "vae"
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 2.6, alt_text=_words(random, size_of_image, hidden, size_of_code))
        figure.set_layout_engine("none")  # one drawing that fills the figure: nothing is left to arrange
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 75), ylim=(26, 0), aspect="equal")  # tenths of an inch, y downwards as in images
        axes.set_axis_off()
        _picture(axes, 0.8, pictures[0], f"image\n{size_of_image}")
        _network(axes, 11.5, "encoder", hidden, narrowing=True)
        _network(axes, 48.5, "decoder", hidden[::-1], narrowing=False)
        _picture(axes, 66.2, pictures[1], f"image\n{size_of_image}")
        arrow(axes, (8.8, 13), (11.5, 13))
        arrow(axes, (63.5, 13), (66.2, 13))
        (_random_code if random else _plain_code)(axes, size_of_code)
    return figure


def _words(random: bool, image: str, hidden: list[str], code: str) -> str:
    model = "variational autoencoder" if random else "plain autoencoder"
    words = f"Diagram of a {model}: an image of {image} passes through an encoder with layers of "
    words += f"{spoken_list(hidden)} to "
    if random:
        words += (
            f"z_mean and z_log_var, {code} each; the code z is z_mean + exp(z_log_var / 2) times epsilon, "
        )
        words += "epsilon drawn from N(0, I); "
    else:
        words += f"a code z of {code}; "
    return f"{words}a decoder with layers of {spoken_list(hidden[::-1])} makes an image of {image} from z."


def _picture(axes: Axes, x: float, picture: np.ndarray | None, words: str) -> None:
    if picture is None:
        axes.add_patch(box(x, 9, 8, 8, CARD, MUTED))
        axes.text(
            x + 4, 13, "x" if x < 30 else "x\u0302", ha="center", va="center", fontsize=14, fontstyle="italic"
        )
    else:
        draw_image(axes, picture, x, 9, 8, 8)
        axes.set(xlim=(0, 75), ylim=(26, 0))
    axes.text(x + 4, 18, words, ha="center", va="top", fontsize=SMALL, linespacing=1.3)


def _network(axes: Axes, x: float, name: str, layers: list[str], narrowing: bool) -> None:
    """A trapezoid that narrows towards the code, with a bar and its size inside for each layer."""
    width, outer, inner = 15.0, 8.5, 4.5
    left, right = (outer, inner) if narrowing else (inner, outer)
    corners = [(x, 13 - left), (x + width, 13 - right), (x + width, 13 + right), (x, 13 + left)]
    axes.add_patch(
        Polygon(corners, facecolor=TINTS[name], edgecolor=EDGES[name], linewidth=1.2, joinstyle="round")
    )
    for i, layer in enumerate(layers):
        part = (i + 1) / (len(layers) + 1)
        half = left + (right - left) * part - 1.2
        axes.add_patch(box(x + width * part - 1.1, 13 - half, 2.2, 2 * half, CARD, EDGES[name], round_by=0.4))
        axes.text(x + width * part, 13, layer, ha="center", va="center", rotation=90, fontsize=SMALL)
    axes.text(x + width / 2, 23.8, name, ha="center", va="center", fontsize=BASE, fontweight="bold")


def _plain_code(axes: Axes, size: str) -> None:
    arrow(axes, (26.5, 13), (33.5, 13))
    _label_box(axes, 33.5, 10.5, 8, 5, f"code z\n{size}")
    arrow(axes, (41.5, 13), (48.5, 13))


def _random_code(axes: Axes, size: str) -> None:
    arrow(axes, (26.5, 11.5), (28.3, 9.2))
    arrow(axes, (26.5, 14.5), (28.3, 16.8))
    _label_box(axes, 28.3, 6.2, 8.2, 5, f"z_mean\n{size}")
    _label_box(axes, 28.3, 14.8, 8.2, 5, f"z_log_var\n{size}")
    arrow(axes, (36.5, 9.2), (39.3, 11.8))
    arrow(axes, (36.5, 16.8), (39.3, 14.2))
    _label_box(axes, 39.3, 10.5, 6.2, 5, f"z\n{size}")
    arrow(axes, (45.5, 13), (48.5, 13))
    axes.text(42.4, 3.6, "\u03b5 ~ N(0, I)", ha="center", va="center", fontsize=BASE)
    arrow(axes, (42.4, 5.0), (42.4, 10.5), dashed=True)
    axes.text(
        37.5, 23.8, "z = z_mean + exp(z_log_var / 2) \u00b7 \u03b5", ha="center", va="center", fontsize=BASE
    )


def _label_box(axes: Axes, x: float, y: float, width: float, height: float, words: str) -> None:
    axes.add_patch(box(x, y, width, height, TINTS["code"], EDGES["code"]))
    axes.text(
        x + width / 2, y + height / 2, words, ha="center", va="center", fontsize=SMALL, linespacing=1.25
    )


def box(
    x: float, y: float, width: float, height: float, face: str, edge: str, round_by: float = 0.6
) -> FancyBboxPatch:
    """A box with round corners whose upper left corner is at ``x`` and ``y``."""
    shape = f"round,pad=0,rounding_size={round_by}"
    return FancyBboxPatch(
        (x, y), width, height, boxstyle=shape, facecolor=face, edgecolor=edge, linewidth=1.2
    )


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], dashed: bool = False) -> None:
    """Draw an arrow from ``start`` to ``end``."""
    look: dict[str, Any] = {
        "arrowstyle": "-|>",
        "mutation_scale": 11,
        "shrinkA": 0,
        "shrinkB": 0,
        "linewidth": 1.3,
    }
    axes.add_patch(FancyArrowPatch(start, end, color=INK, linestyle=(0, (3, 2)) if dashed else "-", **look))
