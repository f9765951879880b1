"""Draw the book's mathematics while the book is built: SVG for the eye, MathML for the ear.

A page needs no script and no font to show a formula. What cannot be drawn stops the build, with the page and the
formula named; the usual way, in the reader's browser, would show the raw LaTeX instead and tell nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from xml.etree import ElementTree

import ziamath
from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.locale import _
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html import HTML5Translator
from ziamath.tex import tex2mml

# Coordinates in the SVG are units; 20 of them are one em of the surrounding text, a little enlarged because the
# letters of the mathematical font are smaller than those of the text.
UNITS_PER_EM = 20.0
ENLARGED = 1.12
# A formula in a line of text that is wider than this may scroll by itself, so that a phone's page does not.
WIDE_EMS = 14.0

LINED_UP = frozenset({"align", "align*", "aligned", "split", "cases", "array"})
MATRICES = frozenset({"matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix"})
ENVIRONMENTS = LINED_UP | MATRICES
# Numbers belong to the page's own labels, `$$ ... $$ (label)`; these would be drawn wrongly or not at all.
REFUSED = (r"\tag", r"\label", r"\nonumber", r"\notag", r"\color", r"\operatorname*", r"\mathtt")
MAX_MACRO_DEPTH = 20
ROW_SPACING = "0.7em"
# What the converter writes for these is drawn as another sign than the one a mathematician expects: a tilde that sits
# too high, and an upright phi and epsilon among slanted letters.
BETTER_SIGNS = {r"\sim": "\N{TILDE OPERATOR}", r"\phi": "\N{MATHEMATICAL ITALIC PHI SYMBOL}"}
BETTER_SIGNS[r"\epsilon"] = "\N{MATHEMATICAL ITALIC EPSILON SYMBOL}"

Macros = tuple[tuple[str, str, int], ...]


class CannotDraw(ValueError):
    """A formula that the renderer does not understand; the message says what it stumbled over."""


@dataclass(frozen=True)
class Drawing:
    """A drawn formula: its SVG, its MathML, its width and the part below the baseline, both in em."""

    svg: str
    mathml: str
    width: float
    depth: float


def read_macros(config: dict[str, object]) -> Macros:
    """Turn ``{"E": "\\\\mathbb{E}", "KL": ["... #1 ... #2", 2]}`` into (name, body, number of arguments) rows."""
    rows = []
    for name, value in sorted(config.items()):
        body, count = (value, 0) if isinstance(value, str) else (value[0], value[1])  # type: ignore[index]
        rows.append((name, str(body), int(count)))
    return tuple(rows)


def expand_macros(latex: str, macros: Macros) -> str:
    """Replace the book's own macros, with their arguments in braces, until none is left."""
    for _depth in range(MAX_MACRO_DEPTH):
        before = latex
        for name, body, count in macros:
            latex = _expand_one(latex, name, body, count)
        if latex == before:
            return latex
    raise CannotDraw("its macros expand without end")


def _expand_one(latex: str, name: str, body: str, count: int) -> str:
    pieces, rest = [], latex
    while found := re.search(rf"\\{re.escape(name)}(?![A-Za-z])", rest):
        pieces.append(rest[: found.start()])
        # A macro that stands as an index, x_\E, is one thing and needs its braces; elsewhere they would only
        # spoil the spacing around an operator.
        is_script = pieces[-1].rstrip().endswith(("_", "^"))
        rest, filled = rest[found.end() :], body
        for position in range(1, count + 1):
            argument, rest = _take_argument(rest, name, count)
            filled = filled.replace(f"#{position}", argument)
        pieces.append(f"{{{filled}}}" if is_script else filled)
        # The blank keeps "\E x" from becoming one longer command name.
        if rest[:1].isalpha() and re.search(r"\\[A-Za-z]+$", filled):
            pieces.append(" ")
    return "".join(pieces) + rest


def _take_argument(text: str, name: str, count: int) -> tuple[str, str]:
    """Split ``{argument}rest`` at the brace that closes the first one."""
    text = text.lstrip()
    depth = 0
    if text.startswith("{"):
        for position, sign in enumerate(_without_escapes(text)):
            depth += {"{": 1, "}": -1}.get(sign, 0)
            if depth == 0:
                return text[1:position], text[position + 1 :]
    raise CannotDraw(f"\\{name} takes {count} arguments in braces")


def _without_escapes(latex: str) -> str:
    """The same text with every escaped brace blanked out, so that braces can be counted."""
    return re.sub(r"\\[\\{}]", "  ", latex)


def _check_source(latex: str) -> None:
    """Refuse what the drawing library would pass over in silence and draw as something else."""
    bare = _without_escapes(latex)
    if not latex.strip():
        raise CannotDraw("it is empty")
    if bare.count("{") != bare.count("}"):
        raise CannotDraw("its braces do not balance")
    for command in REFUSED:
        if re.search(rf"{re.escape(command)}(?![A-Za-z*])", latex):
            raise CannotDraw(f"{command} is not used in this book")
    for environment in re.findall(r"\\begin\s*\{([^}]*)\}", latex):
        if environment not in ENVIRONMENTS:
            raise CannotDraw(
                f"the environment {environment!r} is not one of {', '.join(sorted(ENVIRONMENTS))}"
            )


def _check_mathml(tree: ElementTree.Element) -> None:
    """An unknown command survives the conversion as text; a sign the font lacks would be drawn as an empty box."""
    for text in filter(None, (element.text for element in tree.iter())):
        if "\\" in text:
            raise CannotDraw(f"the command {text.strip()} is unknown")
        for sign in text:
            # The script and double-struck letters come from the same font, by another number.
            if not sign.isspace() and ord(sign) > 127 and not _math_font().glyphindex(sign):
                raise CannotDraw(f"the font has no sign {sign!r}")


@lru_cache(maxsize=1)
def _math_font():  # type: ignore[no-untyped-def]
    return ziamath.Latex("x").font


@lru_cache(maxsize=4096)
def draw(latex: str, display: bool, macros: Macros = ()) -> Drawing:
    """Draw one formula; raise :class:`CannotDraw` where any part of it is not understood."""
    # Two-part paths instead of <use>: a page would otherwise hold the same id many times.
    ziamath.config.svg2 = False
    ziamath.config.precision = 2
    source = expand_macros(latex, macros)
    _check_source(source)
    source = _prefer_better_signs(source)
    try:
        mathml = convert(source, display="block" if display else "inline")
        _check_mathml(ElementTree.fromstring(mathml))
        equation = ziamath.Math(_with_air(tex2mml(source, inline=not display)), size=UNITS_PER_EM, margin=1.0)
        svg = equation.svg()
    except CannotDraw:
        raise
    except Exception as error:  # each of the two libraries has a dozen kinds of its own
        raise CannotDraw(f"{type(error).__name__} {error}".strip()) from error
    width, height = (float(re.search(rf'{side}="([\d.]+)"', svg)[1]) for side in ("width", "height"))  # type: ignore[index]
    depth = 1.0 - equation.getyofst()
    return Drawing(_tidy(svg, width, height), mathml, _ems(width), _ems(depth))


def _prefer_better_signs(latex: str) -> str:
    """Write ``align*``, which the converter knows, for ``aligned``, and the signs of ``BETTER_SIGNS``."""
    latex = re.sub(r"\\(begin|end)\s*\{aligned\}", r"\\\1{align*}", latex)
    for command, sign in BETTER_SIGNS.items():
        # A bold letter keeps its command: the font has no bold form of a letter that is already slanted.
        latex = re.sub(rf"(?<!boldsymbol\{{)(?<!bm\{{){re.escape(command)}(?![A-Za-z])", f"{sign} ", latex)
    return latex


def _with_air(mathml: str) -> str:
    """Set the lines of aligned equations and cases further apart than the library would; matrices stay close."""
    mathml = re.sub(r'(<mtable[^>]*) rowspacing="[^"]*"', r"\1", mathml)
    return re.sub(r"<mtable([^>]*><mtr><mtd columnalign=)", rf'<mtable rowspacing="{ROW_SPACING}"\1', mathml)


def _ems(units: float) -> float:
    return round(units / UNITS_PER_EM * ENLARGED, 3)


def _tidy(svg: str, width: float, height: float) -> str:
    """Size the picture in em, let it take the text's colour, and leave out what a page does not need."""
    svg = svg.replace(' fill="black"', "").replace("black", "currentColor")
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(
        r' width="[\d.]+" height="[\d.]+"',
        f' width="{_ems(width)}em" height="{_ems(height)}em"',
        svg,
        count=1,
    )
    svg = re.sub(r" ?([MLQCZ]) ?", r"\1", svg) if "<text" not in svg else svg
    return svg.replace("<svg", '<svg aria-hidden="true" focusable="false" fill="currentColor"', 1)


def _draw_node(translator: HTML5Translator, node: nodes.Element, display: bool) -> Drawing:
    latex = node.astext().strip()
    if display and "\\\\" in latex and "\\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    try:
        return draw(latex, display, read_macros(translator.config.drawn_math_macros))
    except CannotDraw as error:
        page = getattr(translator.builder, "current_docname", None) or node.source
        raise ExtensionError(f"{page}: cannot draw this formula, because {error}: {latex}") from error


def _spoken(drawing: Drawing) -> str:
    return f'<span class="spoken-math">{drawing.mathml}</span>'


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula that stands in a line of text, its baseline on the line's."""
    drawing = _draw_node(translator, node, display=False)
    wide = " wide-math" if drawing.width > WIDE_EMS else ""
    translator.body.append(
        f'<span class="drawn-math{wide}" style="vertical-align:-{drawing.depth:.3f}em">'
        f"{drawing.svg}{_spoken(drawing)}</span>"
    )
    raise nodes.SkipNode


def visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a displayed formula, with its number and a link to it where it has one."""
    drawing = _draw_node(translator, node, display=True)
    body = translator.body
    body.append(translator.starttag(node, "div", CLASS="drawn-equation"))
    body.append(f'<div class="drawn-equation-body">{drawing.svg}{_spoken(drawing)}</div>')
    if node["number"]:
        body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, _("Link to this equation"))
        body.append("</span>")
    body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, object]:
    """Register the renderer under the name ``drawn``."""
    app.add_config_value("drawn_math_macros", {}, "env")
    app.add_html_math_renderer("drawn", (visit_inline, None), (visit_block, None))
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
