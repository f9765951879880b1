"""The common look of the book's figures: figure class, colours and type sizes.

Every picture of the book is a :class:`BookFigure`. It is made without pyplot, so it is in no global list of figures and
a notebook shows it once, where the cell returns it; and it has an alt text for readers who cannot see it.
"""

from base64 import b64encode
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from companion.errors import BadInput

#: Inches of the widest figure and dots per inch: 7.5 x 120 = 900 pixels, the widest picture of the book.
PAGE_WIDTH = 7.5
DPI = 120

#: Type sizes in points. A page may shrink 900 pixels to 700, so the smallest type is well above 8.
SMALL, BASE, TITLE = 9.0, 10.0, 11.0

CARD = "#ffffff"  # the figure's own background: opaque, so that dark ink stays legible on a dark page
INK = "#1a1a1a"
MUTED = "#595959"  # 7:1 against the card
HAIRLINE = "#d4d4d4"

#: Lines, at most seven: Okabe and Ito, "Color Universal Design" (2008), without yellow, which is faint on white.
LINE_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00", "#56b4e9")
LINE_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))

#: Classes, at most ten: Petroff, "Accessible Color Sequences for Data Visualization" (2021,
#: arXiv:2107.02270).
CLASS_COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)

#: Grey images are ink on paper: 0 is white, 1 is black, never stretched to what an image holds.
GREY: dict[str, Any] = {"cmap": "gray_r", "vmin": 0.0, "vmax": 1.0}

#: Words over points: a white outline keeps them legible.
HALO = [withStroke(linewidth=3, foreground=CARD)]

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a page looks the same wherever it was drawn
    "font.size": BASE,
    "axes.titlesize": TITLE,
    "axes.titlelocation": "left",
    "axes.labelsize": BASE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "figure.facecolor": CARD,
    "savefig.facecolor": CARD,
    "axes.facecolor": CARD,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "grid.color": HAIRLINE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "svg.hashsalt": "companion",  # an SVG drawn twice is the same file
}


def book_style() -> AbstractContextManager[None]:
    """Return a context in which Matplotlib draws as the book does, whatever the reader's own settings are."""
    return matplotlib.style.context(["default", STYLE])


class _WholeFigureCanvas(FigureCanvasAgg):
    """A canvas that always prints the whole figure.

    A notebook's inline backend asks for ``bbox_inches="tight"``, which would change the size of every picture.
    """

    def print_figure(self, filename: Any, *args: Any, bbox_inches: Any = None, **options: Any) -> Any:
        with book_style():
            return super().print_figure(filename, *args, bbox_inches=None, **options)


class BookFigure(Figure):
    """A Matplotlib figure, at most 900 pixels wide, with an alt text.

    ``width`` and ``height`` are in inches of 120 pixels; ``alt_text`` is a sentence that says what the figure shows. As
    the last line of a notebook cell the figure is shown, with ``alt_text`` as its plain-text form.

    Raises :class:`~companion.errors.BadInput` for a width above 7.5 inches, a size that is not positive, and an empty
    ``alt_text``. Taught in chapter 05, latent space.
    """

    def __init__(self, width: float = PAGE_WIDTH, height: float = 4.0, *, alt_text: str) -> None:
        if not 0 < width <= PAGE_WIDTH or not height > 0:
            raise BadInput(
                f"a figure of {width:g} by {height:g} inches: expected a positive size, at most {PAGE_WIDTH:g} inches "
                f"({PAGE_WIDTH * DPI:.0f} pixels) wide; pass width={PAGE_WIDTH:g} or less."
            )
        if not isinstance(alt_text, str) or not alt_text.strip():
            raise BadInput(
                f"alt_text={alt_text!r}: expected a sentence that says what the figure shows; pass alt_text='...'."
            )
        with book_style():
            layout = ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.08)
            super().__init__(figsize=(width, height), dpi=DPI, facecolor=CARD, layout=layout)
            _WholeFigureCanvas(self)
        self.alt_text = " ".join(alt_text.split())

    def image_bytes(self, kind: str = "png") -> bytes:
        """Return the figure as the bytes of a ``"png"`` or ``"svg"`` file, with the alt text in its metadata."""
        metadata: dict[str, Any] = {"Title": "A figure", "Description": self.alt_text}
        metadata |= {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        buffer = BytesIO()
        self.canvas.print_figure(buffer, format=kind, dpi=DPI, facecolor=CARD, metadata=metadata)
        return _in_fewest_bytes(buffer.getvalue()) if kind == "png" else buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the figure to ``path``, a name ending in ``.png`` or ``.svg``, and return the path.

        Raises :class:`~companion.errors.BadInput` for another ending and for a path that cannot be written.
        """
        target = Path(path)
        kind = target.suffix.lower().removeprefix(".")
        if kind not in ("png", "svg"):
            raise BadInput(
                f"path={str(target)!r}: expected a file name ending in .png or .svg; pass for example 'figure.png'."
            )
        content = self.image_bytes(kind)
        try:
            target.write_bytes(content)
        except OSError as error:
            raise BadInput(
                f"path={str(target)!r} cannot be written ({error.strerror}): expected a name in an existing folder "
                "that you may write to; make the folder or pass another path."
            ) from error
        return target

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook stores: the picture in base64, which every version of IPython takes, and its alt text."""
        return {"image/png": b64encode(self.image_bytes()).decode("ascii"), "text/plain": self.alt_text}


def _in_fewest_bytes(png: bytes) -> bytes:
    """The same pixels and words: a card has nothing transparent, and few colours are smaller as a palette."""
    with Image.open(BytesIO(png)) as picture:
        words = PngInfo()
        for name, text in picture.info.items():
            if isinstance(text, str):
                words.add_itxt(str(name), text)
        dpi, opaque = picture.info.get("dpi", (DPI, DPI)), picture.convert("RGB")
    forms = [opaque]
    if colours := opaque.getcolors(256):
        palette = opaque.quantize(len(colours))
        forms += [palette] if palette.convert("RGB").tobytes() == opaque.tobytes() else []
    sizes = [png]
    for form in forms:
        buffer = BytesIO()
        form.save(buffer, "PNG", optimize=True, pnginfo=words, dpi=dpi)
        sizes.append(buffer.getvalue())
    return min(sizes, key=len)


def trim_height(figure: BookFigure) -> None:
    """Make ``figure`` as high as what it shows: images keep their shape and would leave a white band."""
    figure.draw_without_rendering()
    shown = figure.get_tightbbox()
    figure.set_figheight(shown.height + 0.16)


def set_title(figure: Figure, axes: Axes, title: str | None, left: float = 0.0) -> None:
    """Write ``title`` above ``axes``, which begin ``left`` inches from the left, in lines that fit."""
    if title:
        axes.set_title(fill(title, width=max(12, int((figure.get_figwidth() - left) * 11))))
