"""Protects what stands around the chapters: the edition at the foot of a page, the base path, the page on citing, and
the tables of times and errata, each against a record made up for the purpose.
"""

import sys
from pathlib import Path

import pytest
import yaml
from sphinx.errors import ExtensionError

from companion.machine import Checkout

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import base_path  # noqa: E402
import cite_this  # noqa: E402
import edition  # noqa: E402
import errata_rows  # noqa: E402
import times  # noqa: E402

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_the_edition_names_version_commit_and_the_commit_s_own_date():
    clean = edition.describe("1.2.3", Checkout(COMMIT, "2026-02-03", changed=False))
    assert clean == (
        '<p class="edition">Version 1.2.3, commit <code>0123456</code> of '
        '<time datetime="2026-02-03">3 February 2026</time>.</p>'
    )
    assert "with changes that are not in it" in edition.describe(
        "1.2.3", Checkout(COMMIT, "2026-02-03", changed=True)
    )
    assert edition.describe("1.2.3", None) == '<p class="edition">Version 1.2.3.</p>'


@pytest.mark.parametrize(
    "address, path",
    [
        ("", "/"),
        ("/", "/"),
        ("/course", "/course/"),
        ("/a/b/", "/a/b/"),
        ("https://name.example", "/"),
        ("https://name.example/course/", "/course/"),
        ("http://name.example:8000/a/b", "/a/b/"),
    ],
)
def test_the_base_path_of_an_address(address, path):
    assert base_path.base_path(address) == path


@pytest.mark.parametrize(
    "address", ["course/", "name.example/course", "ftp://a/b", "https:///x", "/a?b=c", "/a#b"]
)
def test_what_is_no_address_stops_the_build(address):
    with pytest.raises(ExtensionError, match=r"expected an address or a path.*BASE_URL=/course/"):
        base_path.base_path(address)


CITATION = {
    "title": "A Book",
    "version": "1.2.3",
    "license": "MIT",
    "authors": [{"name": "The authors of A Book"}],
}


def test_bibtex_and_sentence_say_what_the_file_says():
    assert cite_this.sentence(CITATION) == "The authors of A Book, A Book, version 1.2.3, unreleased."
    assert cite_this.bibtex(CITATION).splitlines() == [
        "@misc{a_book,",
        "  title  = {{A Book}},",
        "  author = {{The authors of A Book}},",
        "  note   = {Version 1.2.3, unreleased},",
        "}",
    ]


def test_people_years_and_addresses_are_cited_once_they_are_known():
    people = [{"family-names": "Roe", "given-names": "Jane"}, {"name": "A, B and C"}]
    later = CITATION | {"authors": people, "date-released": "2027-01-31", "url": "https://name.example/book/"}
    entry = cite_this.bibtex(later)
    assert "author = {Roe, Jane and {A, B and C}}," in entry and "year   = {2027}," in entry
    assert "url    = {https://name.example/book/}," in entry and "unreleased" not in entry
    assert cite_this.sentence(later).endswith("version 1.2.3, 2027. https://name.example/book/.")


def test_a_citation_file_that_lacks_a_field_is_named(tmp_path):
    (tmp_path / "CITATION.cff").write_text(yaml.safe_dump(CITATION | {"version": "", "authors": []}))
    with pytest.raises(ExtensionError, match=r"CITATION\.cff has no version, authors"):
        cite_this.read_citation(tmp_path)
    with pytest.raises(ExtensionError, match=r"CITATION\.cff cannot be read"):
        cite_this.read_citation(tmp_path / "elsewhere")


TIMES = {
    "chapters": {
        "04_objectives": {"seconds": 47.9, "peak_memory_mb": 1252},
        "01_autoencoder": {"seconds": 1069.1, "peak_memory_mb": None},
    },
    "tests": {"seconds": 1275.4, "passed": 1500, "failed": 2, "skipped": 1, "workers": 2},
    "machine": {"cores": 2, "processor": "Fast One", "system": "Linux"},
    "versions": {"python": "3.11.7", "keras": "3.15.1", "tensorflow": None, "companion": "0.1.0"},
    "commit": f"{COMMIT}-dirty",
}


def test_run_times_are_in_the_order_of_the_chapters():
    assert times.rows_of(TIMES) == [("01_autoencoder", "1,069", "–"), ("04_objectives", "48", "1,252")]


def test_the_page_says_on_what_and_in_which_run_times_were_taken():
    assert times.conditions(TIMES) == (
        "Taken on 2 cores of a processor of the kind Fast One (Linux), with Python 3.11.7, Keras 3.15.1. "
        "Commit 0123456, with changes that are not in it."
    )
    assert "Commit" not in times.conditions(TIMES | {"commit": None})
    assert times.whole_run(TIMES) == (
        "The chapters together take 1,117 seconds. The test run of which they were a part made 1,502 checks in 2 "
        "processes side by side and took 1,275 seconds."
    )


def test_no_times_yet(tmp_path):
    assert times.read_times(tmp_path) == {}


def test_the_source_of_a_row_is_found_with_its_decorator(tmp_path):
    (tmp_path / "tools" / "errata").mkdir(parents=True)
    code = '@erratum("04_objectives")\ndef one():\n    return {"a": 1}'
    more = "\n\n\ndef two():\n    return {}\n"
    (tmp_path / "tools" / "errata" / "objectives.py").write_text(f"import x\n\n\n{code}{more}")
    file, source = errata_rows.source_of(tmp_path, "one")
    assert file == "tools/errata/objectives.py"
    assert source == code
    with pytest.raises(ExtensionError, match="is named three, as a row of the errata is"):
        errata_rows.source_of(tmp_path, "three")


FIGURES = [
    (-0.0741, ".3f", "−0.074"),
    (21952, ",", "21,952"),
    (0.54, ".0%", "54%"),
    ("KeyError", "", "KeyError"),
]


@pytest.mark.parametrize("value, form, written", FIGURES)
def test_a_figure_is_written_in_the_asked_form(value, form, written):
    assert errata_rows.write_figure(value, form) == written
