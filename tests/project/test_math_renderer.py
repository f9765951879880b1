"""Protects the drawing of formulas: each comes out whole, on its line, in the colour of the text, numbered, and
readable aloud; and one that cannot be drawn stops the build instead of reaching a reader as raw LaTeX.
"""

import re
import sys
from io import StringIO
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

EXTENSIONS = Path(__file__).resolve().parents[2] / "book" / "_ext"
sys.path.insert(0, str(EXTENSIONS))

from drawn_math import CannotDraw, draw, expand_macros, read_macros  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402
from sphinx.errors import ExtensionError  # noqa: E402

MACROS = {
    "E": r"\mathbb{E}",
    "N": r"\mathcal{N}",
    "KL": [r"\operatorname{KL}\left(#1\,\middle\|\,#2\right)", 2],
}
CONFIG = f"""
extensions = ["myst_parser", "drawn_math"]
html_math_renderer = "drawn"
html_theme = "basic"
math_eqref_format = "({{number}})"
myst_enable_extensions = ["dollarmath"]
drawn_math_macros = {MACROS!r}
"""
PAGE = r"""# A page

Inline $z \sim \N(0, I)$ and $q_\phi(z \mid x)$, see {eq}`bound`.

$$ \log p(x) \ge \E[w] - \KL{q(z)}{p(z)} $$ (bound)

$$ a &= b \\ &= c $$
"""


@pytest.fixture
def build(tmp_path):
    """A function that builds a one-page book from Markdown and returns the page."""

    def build(text: str) -> BeautifulSoup:
        source = tmp_path / "source"
        source.mkdir()
        (source / "conf.py").write_text(CONFIG, encoding="utf-8")
        (source / "index.md").write_text(text, encoding="utf-8")
        out = tmp_path / "out"
        app = Sphinx(source, source, out, tmp_path / "trees", "html", status=None, warning=StringIO())
        app.build()
        return BeautifulSoup((out / "index.html").read_text(encoding="utf-8"), "html.parser")

    return build


@pytest.fixture
def page(build):
    return build(PAGE)


@pytest.mark.slow
def test_every_formula_is_drawn(page):
    assert len(page.select(".drawn-math > svg")) == 2
    assert len(page.select(".drawn-equation .drawn-equation-body > svg")) == 2
    assert all(svg.select("path") for svg in page.select("svg"))


def test_equation_has_its_number_and_the_reference_leads_to_it(page):
    numbered = page.select_one("#equation-bound")
    assert numbered.select_one(".eqno").get_text().startswith("(1)")
    reference = page.select_one('a[href="#equation-bound"]:not(.headerlink)')
    assert reference.get_text() == "(1)"


def test_equation_without_label_has_no_number(page):
    assert page.select(".drawn-equation")[1].select_one(".eqno") is None


def test_inline_formula_sits_on_the_line(page):
    offsets = [
        re.fullmatch(r"vertical-align:-([\d.]+)em", node["style"])[1] for node in page.select(".drawn-math")
    ]
    assert all(0 < float(offset) < 1 for offset in offsets)
    deep, flat = draw("q_x", False).depth, draw("x", False).depth
    assert deep > flat + 0.1


@pytest.mark.parametrize("display", [False, True])
def test_colour_is_that_of_the_text(display):
    svg = draw(r"\frac{\sqrt{x}}{2}", display).svg
    assert 'fill="currentColor"' in svg
    assert "black" not in svg


def test_size_follows_the_text(page):
    for svg in page.select("svg"):
        assert svg["width"].endswith("em")
        assert svg["height"].endswith("em")


def test_mathml_is_read_aloud_and_the_picture_is_not(page):
    for svg in page.select("svg"):
        assert svg["aria-hidden"] == "true"
        assert svg.parent.select_one(".spoken-math > math") is not None
    spoken = page.select_one("#equation-bound math").get_text()
    assert "KL" in spoken
    assert "\\" not in spoken


def test_macros_with_and_without_arguments():
    macros = read_macros(MACROS)
    assert expand_macros(r"\E x", macros) == r"\mathbb{E} x"
    assert expand_macros(r"x_\E", macros) == r"x_{\mathbb{E}}"
    nested = expand_macros(r"\KL{q(\frac{a}{b})}{\N}", macros)
    assert nested == r"\operatorname{KL}\left(q(\frac{a}{b})\,\middle\|\,\mathcal{N}\right)"
    assert expand_macros(r"\Ex", macros) == r"\Ex"


def test_a_letter_after_a_macro_stays_a_letter():
    macros = read_macros({"eps": r"\varepsilon", "t": r"\theta"})
    assert expand_macros(r"\eps{}x\t y", macros) == r"\varepsilon{}x\theta y"


def test_the_same_formula_is_drawn_once():
    draw.cache_clear()
    draw(r"a + b", False)
    draw(r"a + b", False)
    assert draw.cache_info().hits == 1


@pytest.mark.parametrize(
    ("latex", "reason"),
    [
        (r"\undefinedmacro{x}", "undefinedmacro"),
        (r"\frac{1}{2", "braces"),
        (r"a}", "braces"),
        (r"\left( a", "ExtraLeft"),
        (r"a_b_c", "DoubleSubscripts"),
        (r"\begin{foo} 1 \end{foo}", "foo"),
        (r"\begin{aligned} a", "MissingEnd"),
        (r"\tag{1} a", "tag"),
        (r"\label{a} b", "label"),
        (r"\operatorname*{arg\,max}_x", "operatorname"),
        (r"\text{z\_mean}", "unknown"),
        ("日", "no sign"),
        (r"\KL{q}", "2 arguments"),
        ("  ", "empty"),
    ],
)
def test_what_cannot_be_drawn_is_refused(latex, reason):
    with pytest.raises(CannotDraw, match=reason):
        draw(latex, True, read_macros(MACROS))


def test_macros_without_end_are_refused():
    with pytest.raises(CannotDraw, match="without end"):
        draw(r"\a", False, read_macros({"a": r"\a x"}))


@pytest.mark.parametrize("text", ["# A page\n\nInline $\\nosuch x$.\n", "# A page\n\n$$\n\\nosuch x\n$$\n"])
def test_build_stops_and_names_page_and_formula(build, text):
    with pytest.raises(ExtensionError) as caught:
        build(text)
    assert "index" in str(caught.value)
    assert r"\nosuch x" in str(caught.value)
