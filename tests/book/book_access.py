"""Protects what screen readers are told, as far as the pages' text alone shows it: names, languages, headings in order,
headers of tables, drawings that have a name or are hidden, and a theme that cannot undo the mends in silence.
"""

import re
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import accessible_theme  # noqa: E402

pytestmark = pytest.mark.xdist_group("book")


def of_all_readable(book, selector: str):
    """(page, element) for every element of every readable page that the selector finds."""
    return [(name, found) for name in book.readable for found in book.pages[name].select(selector)]


def test_every_page_names_its_language_and_itself(book):
    titles = Counter(book.pages[name].title.get_text() for name in book.readable)
    assert [name for name in book.readable if book.pages[name].html.get("lang") != "en"] == []
    assert [title for title, count in titles.items() if count > 1 or len(title) < 5] == []


def test_headings_descend_one_level_at_a_time(book):
    bad = []
    for name in book.readable:
        # The line that is printed over a page repeats its title.
        levels = [
            int(heading.name[1]) for heading in book.pages[name].select("article :is(h1, h2, h3, h4, h5, h6)")
        ]
        steps = [after - before for before, after in pairwise(levels)]
        if levels and (levels[0] != 1 or levels.count(1) != 1 or max(steps, default=0) > 1):
            bad.append(f"{name}: {levels}")
    assert bad == []


def test_no_name_within_a_page_is_given_twice(book):
    bad = {}
    for name in book.readable:
        counted = Counter(tag["id"] for tag in book.pages[name].find_all(id=True))
        if twice := [id_ for id_, count in counted.items() if count > 1]:
            bad[name] = twice
    assert bad == {}


def test_headers_of_tables_say_what_they_head(book):
    headers = of_all_readable(book, "article table th")
    assert len(headers) > 20
    assert [f"{name}: {th}" for name, th in headers if th.get("scope") not in {"col", "row"}] == []


def test_drawings_have_a_name_or_are_hidden(book):
    drawings = of_all_readable(book, "svg")
    assert len(drawings) > 50
    bad = [
        f"{name}: {str(svg)[:80]}"
        for name, svg in drawings
        if svg.get("aria-hidden") != "true"
        and not (svg.get("role") == "img" and (svg.get("aria-label") or svg.find("title")))
        and not svg.find_parent(attrs={"aria-hidden": "true"})
    ]
    assert bad == []


def test_buttons_and_links_have_a_text_that_is_read(book):
    bad = []
    for name, control in of_all_readable(book, "button, summary, a[href]"):
        pictures = " ".join(image.get("alt") or "" for image in control.select("img"))
        text = control.get("aria-label") or control.get_text() + pictures
        if not re.search(r"\S", text):
            bad.append(f"{name}: {str(control)[:100]}")
    assert bad == []


def test_formulas_are_read_and_their_drawings_are_not(book):
    formulas = of_all_readable(book, ".drawn-math, .drawn-equation-body")
    assert len(formulas) > 50
    for name, formula in formulas:
        assert formula.select_one(":scope > svg")["aria-hidden"] == "true", name
        assert formula.select_one(".spoken-math > math").get_text(strip=True), name


def test_icon_script_and_search_index_are_not_loaded_by_every_page(book):
    for name in book.readable:
        scripts = " ".join(script.get("src", "") for script in book.pages[name].select("script"))
        assert "fontawesome" not in scripts, name
        assert ("searchindex" in scripts) == (name == "search.html"), name


def test_a_theme_that_changed_stops_the_build():
    with pytest.raises(ExtensionError, match=r"cannot mend the icon script"):
        accessible_theme.mend_head("<head></head>")
    with pytest.raises(ExtensionError, match=r"cannot mend the target of the skip link"):
        accessible_theme.mend_content("<main></main>")
