"""Protects what stands around the chapters on the built pages: errata and run times as they are recorded, the page on
citing, the licences, and the edition at the foot of every page.
"""

import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from packaging.utils import canonicalize_name

import companion

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import cite_this  # noqa: E402
import errata_rows  # noqa: E402
import patient_rows  # noqa: E402
import times  # noqa: E402

pytestmark = pytest.mark.xdist_group("book")


# ---- Errata and run times


def test_errata_page_and_record_have_the_same_rows(book):
    record = errata_rows.read_record(ROOT)
    named = re.findall(
        r"^```\{erratum\} (\S+)$", (ROOT / "book/errata.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert sorted(named) == sorted(record["rows"])
    shown = book.pages["book/errata.html"].select("div.erratum")
    assert len(shown) == len(named)
    for name, row in zip(named, shown, strict=True):
        code = row.select_one("details pre").get_text()
        assert f"def {name}() -> Figures:" in code, "the function stands in the fold"
        recorded = json.loads(row.select("details pre")[1].get_text())
        assert recorded == record["rows"][name]["figures"]


def test_every_erratum_says_where_it_stands_and_shows_a_recorded_figure(book):
    record = errata_rows.read_record(ROOT)["rows"]
    source = (ROOT / "book/errata.md").read_text(encoding="utf-8")
    for name, body in re.findall(r"^```\{erratum\} (\S+)\n(.*?)^```$", source, re.MULTILINE | re.DOTALL):
        assert re.match(r":where: \S", body), name
        used = re.findall(r"\{measured\}`(\w+)", body)
        assert used and set(used) <= set(record[name]["figures"]), name


def table_rows(page, kind: str) -> list[list[str]]:
    rows = page.select(f"table.{kind} tbody tr")
    return [[cell.get_text(strip=True) for cell in row.find_all("td")] for row in rows]


def test_page_shows_exactly_the_run_times(book):
    page, record = book.pages["book/run_times.html"], times.read_times(ROOT)
    assert [tuple(row) for row in table_rows(page, "run-times")] == times.rows_of(record)
    words = " ".join(page.select_one("article").get_text(" ").split())
    assert times.conditions(record) in words and times.whole_run(record) in words


def test_page_shows_the_patients_as_recorded(book):
    record, page = patient_rows.read_record(ROOT), book.pages["book/diagnosis.html"]
    names = re.findall(
        r"^```\{patient\} (.+)$", (ROOT / "book/diagnosis.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    shown = page.select("div.patient")
    assert len(shown) == len(names) > 30
    for name, body in zip(names, shown, strict=True):
        row = {**record["sick"], **record["healthy"]}[name]
        # Sphinx sets quotes and dots as a printer does.
        words = " ".join(body.get_text().split()).replace("\u2019", "'").replace("\u2026", "...")
        finding = row["findings"][0]
        assert finding["name"] in words and row["call"] in words
        assert patient_rows.true_minus(" ".join(finding["figure"].split())) in words
        assert bool(body.select("img")) == (name in record["pictures"])
    rows = [tuple(row) for row in table_rows(page, "patients")]
    assert rows == patient_rows.patients.matrix(record)


# ---- Citing and licences


def test_the_page_on_citing_says_what_the_citation_file_says(book):
    citation = cite_this.read_citation(ROOT)
    article = book.pages["book/cite.html"].select_one("article")
    assert (
        citation["title"] in article.get_text() and f"version {companion.__version__}" in article.get_text()
    )
    entry = article.select_one("pre").get_text()
    assert entry.strip() == cite_this.bibtex(citation)
    assert str(citation["version"]) == companion.__version__


def licence_table(book, first_column: str) -> dict[str, str]:
    """The tables of the licences page whose first column is so named: first cell to last cell."""
    found = {}
    for table in book.pages["book/licences.html"].select("article table"):
        if table.th and table.th.get_text(strip=True) == first_column:
            cells = [
                [cell.get_text(" ", strip=True) for cell in row.select("td")]
                for row in table.select("tbody tr")
            ]
            found |= {row[0]: row[-1] for row in cells}
    return found


def needed_software() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = [*project["project"]["dependencies"], *project["dependency-groups"]["book"], "tensorflow"]
    return {re.match(r"[\w-]+", line).group() for line in lines}


def loaded_by_the_book() -> set[str]:
    """The distributions to which the extensions belong that _config.yml names."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
    owners = metadata.packages_distributions()
    modules = {name.split(".")[0] for name in config["extensions"]} - {
        "sphinxcontrib"
    }  # a folder that many share
    return {owner for module in modules for owner in owners.get(module, [])}


def test_all_software_is_listed_with_a_licence(book):
    listed = {canonicalize_name(name) for name in licence_table(book, "Software")}
    needed = {canonicalize_name(name) for name in needed_software() | loaded_by_the_book()}
    assert len(needed) > 15
    assert needed - listed == set()


def declared_licence(package: str) -> str:
    about = metadata.metadata({"tensorflow": "tensorflow-cpu"}.get(package, package))
    classes = [line for line in about.get_all("Classifier") or [] if line.startswith("License")]
    return " ".join([about.get("License-Expression") or "", about.get("License") or "", *classes])


WORDS = {
    "Apache-2.0": r"Apache",
    "BSD-3-Clause": r"BSD",
    "BSD-2-Clause": r"BSD",
    "MIT": r"MIT",
    "MPL-2.0": r"MPL",
}


def test_the_licences_are_those_that_the_packages_declare(book):
    checked = 0
    for package, licence in licence_table(book, "Software").items():
        try:
            declared = declared_licence(package)
        except metadata.PackageNotFoundError:
            continue  # another system's name for the same thing
        for name in re.findall("|".join(WORDS), licence):
            checked += 1
            assert re.search(WORDS[name], declared), (
                f"{package}: the page says {licence}, the package {declared[:60]}"
            )
    assert checked > 20


# Made or drawn anew by this build, or small parts of Sphinx that the page counts as "and others".
NOT_BY_NAME = {
    "documentation_options.js",
    "webpack-macros.html",
    "sbt-webpack-macros.html",
    "copybutton_funcs.js",
}
NOT_BY_NAME |= {"sphinx_highlight.js", "file.png", "minus.png", "plus.png"}


def test_every_file_of_others_in_the_pages_is_accounted_for(book):
    named = set(re.findall(r"[\w./-]+", " ".join(licence_table(book, "In the built pages"))))
    ours = {path.name for path in (ROOT / "book" / "assets").iterdir()}
    explorers = {path.parent.name for path in (ROOT / "results" / "explorers").glob("*/explorer.json")}
    ours |= {f"{name}.js" for name in {"front_end", "answers", *explorers}}
    static = book.html / "_static"
    files = [path.relative_to(static) for path in sorted(static.rglob("*")) if path.is_file()]
    assert len(files) > 20
    missing = []
    for file in files:
        if file.name in ours | NOT_BY_NAME or file.name.endswith((".map", ".LICENSE.txt")):
            continue
        known_as = {
            file.as_posix(),
            file.name,
            file.name.split(".")[0],
            *(up.as_posix() for up in file.parents),
        }
        if not known_as & named:
            missing.append(file.as_posix())
    assert missing == []


# ---- Edition


def test_every_page_says_which_edition_it_is(book):
    editions = {
        str(page.select_one(".edition")) for name, page in book.pages.items() if name in book.readable
    }
    assert len(editions) == 1
    line = BeautifulSoup(editions.pop(), "html.parser").get_text()
    assert line.startswith(f"Version {companion.__version__}")
