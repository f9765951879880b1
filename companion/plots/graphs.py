"""Diagrams of where values and gradients flow: through a random draw, and through a quantiser."""

from itertools import pairwise

import numpy as np

from companion.plots.diagrams import EDGES
from companion.plots.figure import CARD, INK, MUTED, BookFigure, book_style
from companion.plots.sketch import GRADIENT, Node, Sketch
from companion.plots.words import number, spoken_list

# Of the sketch of the quantiser: a feature and five code vectors, in the plane.
_FEATURE = np.array([0.3, 0.1])
_CODES = np.array([[-1.6, 1.2], [1.1, 0.7], [1.7, -1.3], [-0.5, -1.5], [-0.2, 1.7]])


def reparameterization_graphs() -> BookFigure:
    """Draw the computational graph of a VAE before and after reparameterization, with the way of the gradient.

    Before, z is a random node between the encoder and the loss, and backpropagation stops there. After, z is computed
    from the encoder's outputs and from noise that enters from outside, and the gradient reaches the encoder.

    Source: Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), section 2.4. Taught in chapter 03,
    reparameterization.
    """
    alt = (
        "Two computational graphs of 5 nodes each, from top to bottom: the encoder, its outputs mu and sigma, the code "
        "z, the decoder, the loss. Before reparameterization z is a random node, drawn from N(mu, sigma squared). The "
        "gradient, dashed, runs from the loss up to z and stops there at a cross. After reparameterization z is "
        "computed as mu + sigma times epsilon. The random node is epsilon, drawn from N(0, 1), an input from the side. "
        "The gradient runs from the loss through z up to the encoder."
    )
    with book_style():
        sketch = Sketch(67, alt)
        sketch.heading(13, 2.6, "before")
        sketch.heading(37, 2.6, "after")
        drawn = sketch.disc("z", 13, 29.5, "$z$", "code", 3.4)
        computed = sketch.block("z", 37, 29.5, (11, 4.6), "$z = \\mu + \\sigma\\epsilon$", "code")
        noise = sketch.disc("epsilon", 49, 29.5, "$\\epsilon$", radius=2.8)
        for middle, code in ((13, drawn), (37, computed)):
            _chain(sketch, middle, code)
        sketch.link(noise, computed)
        sketch.words(17.2, 29.5, "$\\sim N(\\mu, \\sigma^2)$", ha="left")
        sketch.words(49, 34.6, "$\\sim N(0, 1)$")
        sketch.cross(11.6, 24.2)
        sketch.words(9.8, 24.2, "stops", ha="right")
        sketch.words(27, 61, "discs are random, boxes are computed")
        sketch.words(27, 64.2, "solid: values    dashed: gradient of the loss")
    return sketch.figure


def _chain(sketch: Sketch, x: float, code: Node) -> None:
    """The nodes around ``code``, the values downwards and the gradient upwards; it passes a code that is computed."""
    size = (11, 4.6)
    encoder = sketch.block("encoder", x, 8.5, size, "encoder $\\phi$", "encoder")
    outputs = sketch.block("outputs", x, 19, size, "$\\mu,\\; \\sigma$", "encoder")
    decoder = sketch.block("decoder", x, 41, size, "decoder $\\theta$", "decoder")
    loss = sketch.block("loss", x, 52.5, size, "loss")
    nodes = [encoder, outputs, code, decoder, loss]
    for above, below in pairwise(nodes):
        sketch.link(above, below, aside=(1.4, 0))
        if code.is_round and below is code:
            top = code.border((x - 1.4, code.y), (x - 1.4, 0))
            sketch.route([top, (x - 1.4, 24.6)], "z -> stop", "dashed", GRADIENT)
        elif not (code.is_round and below is outputs):
            sketch.link(below, above, "dashed", GRADIENT, aside=(-1.4, 0))


def quantizer_path() -> BookFigure:
    """Draw how a vector quantiser replaces a feature by the nearest code vector, and how the gradient passes it.

    The feature and the five code vectors are points of a plane; their distances are computed, and the nearest wins.

    Source: van den Oord et al., "Neural Discrete Representation Learning" (2017), section 3. Taught in chapter 09,
    VQ-VAE.
    """
    distances = np.linalg.norm(_CODES - _FEATURE, axis=1)
    nearest = int(distances.argmin())
    measured = [f"{number(distance)} to e{i}" for i, distance in enumerate(distances, start=1)]
    alt = (
        "Diagram of a vector quantiser. The encoder makes a feature z_e of an image x. In a plane, the distance of z_e "
        f"is {spoken_list(measured)}. So the nearest code vector, e{nearest + 1}, becomes z_q, from which the decoder "
        "makes an image. The gradient, dashed, runs from the decoder to z_q, then straight through from z_q to z_e. It "
        "goes past the choice of the nearest code vector and on to the encoder."
    )
    with book_style():
        sketch = Sketch(68, alt)
        size = (11, 4.6)
        nodes = [
            sketch.disc("x", 13, 5, "$x$", "observed", 2.8),
            sketch.block("encoder", 13, 14, size, "encoder", "encoder"),
            sketch.block("z_e", 13, 23.5, size, "feature $z_e$", "code"),
            sketch.block("nearest", 13, 33.5, (11, 6), "nearest\ncode vector"),
            sketch.block("z_q", 13, 43.5, size, f"$z_q = e_{nearest + 1}$", "code"),
            sketch.block("decoder", 13, 53, size, "decoder", "decoder"),
        ]
        for above, below in pairwise(nodes):
            sketch.link(above, below)
        for below, above in ((nodes[5], nodes[4]), (nodes[2], nodes[1])):
            sketch.link(below, above, "dashed", GRADIENT, aside=(-3, 0))
        sketch.route([(7.5, 43.5), (3.5, 43.5), (3.5, 23.5), (7.5, 23.5)], "z_q -> z_e", "dashed", GRADIENT)
        _plane(sketch, distances, nearest)
        sketch.words(27, 60.5, "solid: values    dashed: gradient of the loss")
        sketch.words(27, 63.8, "straight through: $z_e$ gets the gradient of $z_q$")
    return sketch.figure


def _plane(sketch: Sketch, distances: np.ndarray, nearest: int) -> None:
    """The feature, the code vectors and their distances, in a frame on the right."""
    left, top, side = 22.5, 17.5, 30.0
    sketch.words(left + side / 2, 14.8, "distance to each code vector")
    sketch.frame(left, top, side, side)
    scale, middle = 6.4, np.array([left + side / 2 + 0.5, top + side / 2])
    feature = middle + scale * _FEATURE * (1, -1)
    for i, (code, distance) in enumerate(zip(middle + scale * _CODES * (1, -1), distances, strict=True)):
        best = i == nearest
        sketch.axes.plot(
            *zip(feature, code, strict=True),
            color=INK if best else MUTED,
            linewidth=2.6 if best else 1.0,
            zorder=1,
        )
        sketch.axes.plot(*code, marker="s", color=EDGES["code"], markersize=9)
        away = (code - feature) / np.linalg.norm(code - feature)
        at_x, at_y = code + 2.4 * away
        sketch.words(at_x, at_y, f"$e_{i + 1}$")
        aside = (
            2.4 * np.array([-away[1], away[0]]) if best else 0
        )  # its line is short: the number stands beside it
        at_x, at_y = feature + 0.55 * (code - feature) + aside
        look = {"facecolor": CARD, "edgecolor": "none", "pad": 1.0}
        sketch.words(at_x, at_y, f"{distance:.2f}", bbox=look, fontweight="bold" if best else "normal")
    sketch.axes.plot(*feature, marker="o", color=INK, markersize=9)
    sketch.words(feature[0] - 3.2, feature[1] - 1.0, "$z_e$")
