"""Protects the glossary and the links to it from first uses: every chapter has them, once a term and in running text,
and no term stands there that no chapter uses.
"""

import re

import pytest
from bs4 import BeautifulSoup

pytestmark = pytest.mark.xdist_group("book")
GLOSSARY = "book/glossary.html"


def chapters_of(book) -> dict[str, BeautifulSoup]:
    return {name: page for name, page in book.pages.items() if name.startswith("chapters/")}


def first_uses_on(page: BeautifulSoup) -> list:
    return page.select("a.first-use")


def test_every_chapter_links_its_first_uses_once_each(book):
    for name, page in chapters_of(book).items():
        anchors = [link["href"] for link in first_uses_on(page)]
        assert len(anchors) >= 5, name
        assert len(set(anchors)) == len(anchors), name


def test_first_uses_are_ordinary_links_in_running_text(book):
    for name, page in chapters_of(book).items():
        for link in first_uses_on(page):
            assert link.get("href") and link.get("tabindex") is None and link.get_text(strip=True), name
            apart = ["h1", "h2", "h3", "pre", "code", "figcaption", "table", "math"]
            assert link.find_parent(apart) is None and link.find_parent(class_="cell") is None, (
                f"{name}: {link}"
            )
            assert link.find_parent("p") is not None, f"{name}: {link}"


def glossary_entries(book) -> list[tuple[list[str], BeautifulSoup]]:
    """The anchors of each entry and its definition."""
    entries, anchors = [], []
    for tag in book.pages[GLOSSARY].select_one("dl.glossary").find_all(["dt", "dd"], recursive=False):
        if tag.name == "dt":
            anchors.append(tag["id"])
        else:
            entries.append((anchors, tag))
            anchors = []
    return entries


def test_every_term_is_used_in_a_chapter_or_by_another_term(book):
    used = {
        link["href"].partition("#")[2] for page in chapters_of(book).values() for link in first_uses_on(page)
    }
    entries = glossary_entries(book)
    assert len(entries) >= 45
    unused = []
    for anchors, definition in entries:
        elsewhere = {
            a["href"].partition("#")[2] for own, other in entries if own != anchors for a in other.select("a")
        }
        to_come = re.findall(r"chapter (\d\d)", "".join(definition.find_all(string=not_in_a_link)))
        if not set(anchors) & (used | elsewhere) and not to_come:
            unused.append(anchors[0])
    assert unused == [], (
        "use the term in the chapter that teaches it, or declare the form in which it is used"
    )


def not_in_a_link(text) -> bool:
    return text.find_parent("a") is None


def test_every_definition_says_where_the_term_is_taught_in_a_few_sentences(book):
    for anchors, definition in glossary_entries(book):
        words = definition.get_text(" ")
        assert re.search(r"chapter \d\d", words), f"{anchors[0]} names no chapter"
        assert len(words.split()) < 90, anchors[0]


def test_the_glossary_shows_no_list_of_forms(book):
    assert "forms" not in book.pages[GLOSSARY].select_one("article").get_text()
