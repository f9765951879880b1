"""Two pictures of the ELBO, computed exactly: what its two terms want, and what a Gaussian posterior cannot follow."""

from dataclasses import dataclass
from math import exp, log, pi

import numpy as np
from matplotlib.patches import Circle
from scipy.optimize import minimize

from companion.errors import BadInput
from companion.plots.diagrams import EDGES, TINTS
from companion.plots.figure import INK, LINE_COLOURS, MUTED, BookFigure, book_style
from companion.plots.sketch import GRADIENT, HEADING, WORDS, Sketch
from companion.plots.words import number, on_paper

_CORNERS = 1.3 * np.array([[-1, 1], [1, 1], [-1, -1], [1, -1]])  # four images of two pixels
_KL_COLOUR = LINE_COLOURS[0]
_Z = np.linspace(-6, 6, 4001)


@dataclass(frozen=True)
class Cloud:
    """The posterior N(mean, sigma^2 I) of an image of two pixels, with its two terms in nats."""

    mean: np.ndarray
    sigma: float
    reconstruction: float
    kl: float

    @property
    def total(self) -> float:
        """What the negative ELBO is but for a constant."""
        return self.reconstruction + self.kl


def cloud(image: np.ndarray, share: float, sigma: float, noise: float) -> Cloud:
    """The cloud around ``share * image`` in the toy model p(z) = N(0, I), p(x|z) = N(z, noise^2 I).

    The reconstruction error leaves out its constant, so that it is 0 for a point on the image itself.
    """
    mean = share * image
    error = (float((image - mean) @ (image - mean)) + 2 * sigma**2) / (2 * noise**2)
    kl = 0.5 * float(mean @ mean) + sigma**2 - 1 - 2 * log(sigma) if sigma else float("inf")
    return Cloud(mean, sigma, error, kl)


def tug_of_war(noise: float = 0.6) -> BookFigure:
    """Draw what the two terms of the ELBO do to the posteriors of four images, and where they come to rest.

    The model is small enough for an exact answer: an image has two pixels, p(z) = N(0, I), and the decoder returns the
    code itself with normal noise of standard deviation ``noise`` per pixel. Reconstruction alone makes each posterior a
    point on its image, the KL term alone makes all of them N(0, I); their sum is smallest at the mean x / (1 + noise^2)
    and the variance noise^2 / (1 + noise^2).

    Raises :class:`~companion.errors.BadInput` for noise outside 0.2 to 1. Taught in chapter 00, one page.
    """
    if not 0.2 <= noise <= 1:
        raise BadInput(f"noise={noise!r}: expected a number from 0.2 to 1; pass for example noise=0.6.")
    share = 1 / (1 + noise**2)
    settings = {"apart": (1.0, 0.0), "together": (0.0, 1.0), "balance": (share, noise * share**0.5)}
    clouds = {
        name: [cloud(image, *setting, noise) for image in _CORNERS] for name, setting in settings.items()
    }
    with book_style():
        sketch = Sketch(70, _tug_words(clouds))
        _panel(sketch, 13.5, 16.5, clouds["apart"], "reconstruction alone", out=True)
        _panel(sketch, 40.5, 16.5, clouds["together"], "KL alone", into=True)
        _panel(sketch, 13.5, 51, clouds["balance"], "both", out=True, into=True)
        _key(sketch)
    return sketch.figure


def _tug_words(clouds: dict[str, list[Cloud]]) -> str:
    apart, together, balance = (clouds[name][0] for name in ("apart", "together", "balance"))
    return (
        "Three panels of a plane with the posteriors of 4 images as clouds. Reconstruction alone: each cloud is a "
        f"point on its own image, {number(float(np.hypot(*apart.mean)))} from the origin. The reconstruction error is "
        "0 and the KL grows without bound. KL alone: all 4 clouds lie on each other at the origin with standard "
        f"deviation 1. The KL is 0 and the reconstruction error {number(together.reconstruction)} nats per image. Both "
        f"together: 4 clouds {number(float(np.hypot(*balance.mean)))} from the origin with standard deviation "
        f"{number(balance.sigma)}. The error is {number(balance.reconstruction)} and the KL {number(balance.kl)}, in "
        f"all {number(balance.total)} nats per image. Solid arrows of the reconstruction point outwards, dashed arrows "
        "of the KL inwards."
    )


def _panel(
    sketch: Sketch, x: float, y: float, clouds: list[Cloud], title: str, out: bool = False, into: bool = False
) -> None:
    """One plane around ``(x, y)``: a cloud is drawn out to one and, paler, to two standard deviations."""
    scale, middle = 5.2, np.array([x, y])
    sketch.heading(x, y - 14, title)
    sketch.frame(x - 12, y - 12, 24, 24)
    sketch.axes.plot(x, y, marker="+", color=MUTED, markersize=10)
    for each, image in zip(clouds, _CORNERS, strict=True):
        place, target = middle + scale * each.mean * (1, -1), middle + scale * image * (1, -1)
        for deviations, alpha in ((2, 0.25), (1, 0.6)):
            radius = deviations * each.sigma * scale
            look = {"facecolor": TINTS["code"], "edgecolor": EDGES["code"], "alpha": alpha, "zorder": 0.5}
            sketch.axes.add_patch(Circle(tuple(place), radius, **look))
        sketch.axes.plot(*place, marker="o", color=EDGES["code"], markersize=5)
        sketch.axes.plot(*target, marker="x", color=INK, markersize=7, markeredgewidth=1.6)
        outwards = (target - middle) / np.linalg.norm(target - middle)
        if out:
            start, end = (middle + 1.2 * outwards, target - outwards) if not into else (place, target)
            sketch.route([tuple(start), tuple(end)], "out", "solid", GRADIENT)
        if into:
            start = place if out else target - 0.8 * outwards
            sketch.route([tuple(start), tuple(middle + 1.2 * outwards)], "in", "dashed", _KL_COLOUR)
    first = clouds[0]
    kl, total = (f"{value:.1f}" if np.isfinite(value) else "\u221e" for value in (first.kl, first.total))
    sketch.words(x, y + 14, f"error {first.reconstruction:.1f} + KL {kl} = {total}")


def _key(sketch: Sketch) -> None:
    sketch.axes.plot(30.5, 41, marker="x", color=INK, markersize=7, markeredgewidth=1.6)
    sketch.words(34, 41, "an image", ha="left")
    sketch.axes.plot(30.5, 45.6, marker="o", color=EDGES["code"], markersize=7)
    sketch.words(34, 45.6, "its posterior, drawn\nto 1 and 2 sigma", ha="left")
    sketch.route([(29, 52), (32.6, 52)], "key", "solid", GRADIENT)
    sketch.words(34, 52, "reconstruction:\napart and thin", ha="left")
    sketch.route([(29, 58.4), (32.6, 58.4)], "key", "dashed", _KL_COLOUR)
    sketch.words(34, 58.4, "KL: to the origin\nand wide", ha="left")
    sketch.words(34, 64.8, "below each panel:\nnats per image", ha="left")


@dataclass(frozen=True)
class Approximation:
    """The exact posterior of z on a grid, its best Gaussian approximation, and log p(x) with the best ELBO."""

    z: np.ndarray
    posterior: np.ndarray
    mean: float
    sigma: float
    log_evidence: float
    elbo: float


def best_gaussian(x: float, noise: float) -> Approximation:
    """Fit the Gaussian with the highest ELBO in the toy model p(z) = N(0, 1), p(x|z) = N(z^2, noise^2)."""
    log_joint = -0.5 * _Z**2 - 0.5 * ((x - _Z**2) / noise) ** 2 - log(2 * pi * noise)
    step = _Z[1] - _Z[0]
    top = log_joint.max()
    log_evidence = float(top + np.log(np.exp(log_joint - top).sum() * step))

    def neg_elbo(guess: np.ndarray) -> float:
        """In closed form: z^2 and z^4 have the moments m^2 + s^2 and m^4 + 6 m^2 s^2 + 3 s^4."""
        m, s2 = guess[0], exp(2 * guess[1])
        square, fourth = m**2 + s2, m**4 + 6 * m**2 * s2 + 3 * s2**2
        error = (x**2 - 2 * x * square + fourth) / (2 * noise**2)
        return float(0.5 * square + error + log(2 * pi * noise) - 0.5 * (1 + log(2 * pi)) - guess[1])

    starts = [(m, log(s)) for m in (0.0, 0.5, 1.0, 1.5) for s in (0.2, 0.7)]
    found = min(
        (minimize(neg_elbo, start, method="BFGS") for start in starts), key=lambda each: float(each.fun)
    )
    mean, sigma = abs(float(found.x[0])), exp(float(found.x[1]))
    return Approximation(_Z, np.exp(log_joint - log_evidence), mean, sigma, log_evidence, -float(found.fun))


def gaussian_approximation(x: float = 1.5, noise: float = 0.5) -> BookFigure:
    """Draw an exact posterior and the Gaussian closest to it in KL(q, p), with the gap between log p(x) and the ELBO.

    The toy model is p(z) = N(0, 1) and p(x|z) = N(z^2, noise^2), so that z and -z explain an observation ``x`` equally
    well. For x well above 0 the posterior has two modes and the best Gaussian lies on one of them. The posterior is
    computed on a grid of 4,001 points, the ELBO in closed form.

    Raises :class:`~companion.errors.BadInput` for x outside -1 to 4 and noise outside 0.2 to 2. Taught in chapter 04,
    objectives.
    """
    for name, value, low, high in (("x", x, -1, 4), ("noise", noise, 0.2, 2)):
        if not low <= value <= high:
            raise BadInput(
                f"{name}={value!r}: expected a number from {low} to {high}; pass for example {name}=0.5."
            )
    fit = best_gaussian(x, noise)
    q = np.exp(-0.5 * ((fit.z - fit.mean) / fit.sigma) ** 2) / (fit.sigma * (2 * pi) ** 0.5)
    gap = fit.log_evidence - fit.elbo
    modes = int(((np.diff(fit.posterior)[:-1] > 0) & (np.diff(fit.posterior)[1:] <= 0)).sum())
    alt = (
        f"Two densities over z for the observation x = {number(x)} in the model p(z) = N(0, 1), p(x | z) = N(z "
        f"squared, {number(noise)} squared). The exact posterior has {modes} mode{'s' if modes > 1 else ''}; its best "
        f"Gaussian approximation, dashed, has mean {number(fit.mean)} and standard deviation {number(fit.sigma)}. log "
        f"p(x) is {number(fit.log_evidence)}, the best ELBO {number(fit.elbo)}, the gap {number(gap)} nats."
    )
    with book_style():
        figure = BookFigure(5.4, 4.4, alt_text=alt)
        axes = figure.subplots()
        axes.fill_between(fit.z, fit.posterior, color=LINE_COLOURS[0], alpha=0.25, linewidth=0)
        axes.plot(
            fit.z, fit.posterior, color=LINE_COLOURS[0], linewidth=2.2, label="exact posterior $p(z \\mid x)$"
        )
        axes.plot(
            fit.z,
            q,
            color=LINE_COLOURS[1],
            linestyle=(0, (5, 1.6)),
            linewidth=2.2,
            label="best Gaussian $q(z)$",
        )
        axes.set(xlim=(-3, 3), ylim=(0, 1.08 * max(q.max(), fit.posterior.max())))
        axes.set_xlabel("z", fontsize=HEADING)
        axes.set_ylabel("density", fontsize=HEADING)
        axes.tick_params(labelsize=WORDS)
        figure.legend(loc="outside upper left", fontsize=WORDS)
        sums = f"log p(x) {fit.log_evidence:.2f}     ELBO {fit.elbo:.2f}     gap {gap:.2f} nats"
        axes.set_title(on_paper(sums), fontsize=WORDS, color=INK, loc="left")
    return figure
