"""Diagrams of what is drawn from what: plates, and the wiring of a VAE with two layers of codes."""

from companion.errors import BadInput
from companion.plots.figure import BookFigure, book_style
from companion.plots.sketch import Sketch

_LONGEST_NAME = 2


def plate_diagram(
    latent: str = "z", observed: str = "x", *, condition: str | None = None, images: str = "N"
) -> BookFigure:
    """Draw a VAE as plates: on the left how an image is generated, on the right how its code is inferred.

    ``latent``, ``observed`` and ``condition`` are the letters of the code, of the image and of what is given besides,
    such as a label (default: nothing); each has at most two letters. ``images`` is the number of images, as a letter. A
    shaded disc is observed, a white one is not; what stands in the frame exists once per image. Solid arrows
    generate and dashed ones infer.

    Raises :class:`~companion.errors.BadInput` for a name that is empty or too long. Source: Kingma and Welling,
    "Auto-Encoding Variational Bayes" (2014), figure 1. Taught in chapters 00, one page, and 07, conditional VAE.
    """
    names = {"latent": latent, "observed": observed, "images": images}
    if condition is not None:
        names["condition"] = condition
    for what, name in names.items():
        if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
            raise BadInput(
                f"{what}={name!r}: expected a name of one or two letters; pass for example {what}='z'."
            )
    z, x, n = (f"${name}$" for name in (latent, observed, images))
    given = "" if condition is None else f", {condition}"
    with book_style():
        sketch = Sketch(43.5, _plate_words(latent, observed, condition, images))
        for left, title, formula in (
            (0, "generative model", rf"$p({latent})\; p_\theta({observed} \mid {latent}{given})$"),
            (27, "inference network", rf"$q_\phi({latent} \mid {observed}{given})$"),
        ):
            generates = left == 0
            line = "solid" if generates else "dashed"
            sketch.heading(left + 13.5, 2.6, title)
            sketch.words(left + 13.5, 6.4, formula)
            sketch.frame(left + 7.5, 9.5, 17.5, 25)
            sketch.words(left + 16.25, 32.5, f"{n} images")
            middle = left + (16.25 if condition is None else 20)
            code = sketch.disc(latent, middle, 14, z)
            image = sketch.disc(observed, middle, 27, x, "observed")
            source, target = (code, image) if generates else (image, code)
            sketch.link(source, target, line)
            weights = r"$\theta$" if generates else r"$\phi$"
            sketch.link(sketch.block("weights", left + 3.2, target.y, (3.6, 3.6), weights), target, line)
            if condition is not None:
                label = sketch.disc(condition, left + 11.7, 20.5, f"${condition}$", "observed", 2.6)
                sketch.link(label, target, line)
        sketch.words(27, 37.3, "shaded: observed    white: not observed")
        sketch.words(27, 40.5, "weights outside the frame: shared by all images")
    return sketch.figure


def _plate_words(latent: str, observed: str, condition: str | None, images: str) -> str:
    given = "" if condition is None else f", {condition}"
    words = (
        f"Plate diagrams of the 2 parts of a variational autoencoder, repeated over {images} images. Generative model: "
        f"the code {latent} points to the shaded, observed image {observed}, which is drawn from "
        f"p({observed} | {latent}{given}). Inference network, dashed: {observed} points back to {latent}, which is "
        f"drawn from q({latent} | {observed}{given}). "
    )
    if condition is not None:
        words += f"The shaded condition {condition} points to {observed} on the left and to {latent} on the right. "
    return words + (
        f"The weights theta, which point to {observed}, and phi, which point to {latent}, stand outside the plates: "
        "all images share them."
    )


def ladder_wiring() -> BookFigure:
    """Draw the two ways to infer two layers of codes side by side: bottom-up and top-down.

    Solid arrows generate and dashed ones infer; beside each code stands when it is drawn, and from what.

    Source: Sønderby et al., "Ladder Variational Autoencoders" (2016), figure 1. Taught in chapter 08, hierarchical VAE.
    """
    alt = (
        "Two diagrams of a VAE with 2 layers of codes. In both, z2 generates z1, and z1 generates the image x. "
        "Bottom-up inference: x leads to z1, drawn first from q(z1 | x), and z1 to z2, drawn second from q(z2 | z1). "
        "Top-down inference: x leads to the features h1, and h1 to h2, neither of them drawn. The code z2 is drawn "
        "first, from q(z2 | h2). The code z1 is drawn second, from q(z1 | h1, z2), which uses the generative arrow "
        "from z2 to z1 again."
    )
    with book_style():
        sketch = Sketch(53, alt)
        _bottom_up(sketch)
        _top_down(sketch)
        sketch.words(27, 47.5, "solid arrows generate, dashed arrows infer")
        sketch.words(27, 50.6, "discs are drawn at random, boxes are computed")
    return sketch.figure


def _bottom_up(sketch: Sketch) -> None:
    sketch.heading(12, 2.6, "bottom-up")
    z2, z1 = (sketch.disc(f"z{i}", 8, y, f"$z_{i}$", "code") for i, y in ((2, 11), (1, 25)))
    x = sketch.disc("x", 8, 39, "$x$", "observed")
    for below, above in ((x, z1), (z1, z2)):
        sketch.link(below, above, "dashed", aside=(-1.2, 0))
        sketch.link(above, below, aside=(1.2, 0))
    sketch.words(12, 11, "drawn second\n$q(z_2 \\mid z_1)$", ha="left")
    sketch.words(12, 25, "drawn first\n$q(z_1 \\mid x)$", ha="left")


def _top_down(sketch: Sketch) -> None:
    sketch.heading(38.5, 2.6, "top-down")
    h2, h1 = (sketch.block(f"h{i}", 27.5, y, (5, 4), f"$h_{i}$", "encoder") for i, y in ((2, 11), (1, 25)))
    z2, z1 = (sketch.disc(f"z{i}", 37.5, y, f"$z_{i}$", "code") for i, y in ((2, 11), (1, 25)))
    x = sketch.disc("x", 32.5, 39, "$x$", "observed")
    for first, second in ((x, h1), (h1, h2), (h2, z2), (h1, z1)):
        sketch.link(first, second, "dashed")
    sketch.link(z2, z1)
    sketch.link(z1, x)
    sketch.words(41.2, 11, "drawn first\n$q(z_2 \\mid h_2)$", ha="left")
    sketch.words(41.2, 25, "drawn second\n$q(z_1 \\mid h_1, z_2)$", ha="left")
