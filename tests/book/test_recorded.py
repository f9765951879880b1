"""Protects the Results page: it shows the declared experiments, the outcomes' own figures and the verdicts on all
claims, and a file that cannot be read stops the build.
"""

import sys
from pathlib import Path

import pytest
from sphinx.errors import ExtensionError

from companion import evidence
from companion.experiments import declaration, outcome
from tests.experiments.declared import declare

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import recorded  # noqa: E402

COMMIT = {"commit": "abc", "versions": {"python": "3.11.7", "jax": "0.8.0"}, "device": "CPU"}


@pytest.fixture
def shift(tmp_path):
    """A declaration whose short budget was run with three seeds, and its outcome."""
    results = declare(tmp_path)
    declared, made = declaration.read("shift", results), outcome.read("shift", results)
    for run in declared.runs():
        height = 2.0 * (run.arm == "raised") + 0.01 * run.seed * (1 + (run.arm == "raised"))
        figures = {"height": height, "depth": height}
        made = made.with_run(run, declared.settings_of("short", run.arm), figures, 60.0, COMMIT)
    return declared, made


def test_a_claim_is_shown_with_what_decides_it(shift):
    declared, made = shift
    holds, differs, long = (recorded.claim_row(claim, declared, made) for claim in declared.claims)
    assert holds[0] == "the shift raises the height"
    assert holds[1] == "height[raised] > height[flat]"
    assert holds[2].startswith("2.010 [1.985, 2.035], 3 seeds, 95%")
    assert (holds[3], differs[3], long[3]) == (recorded.HOLDS, recorded.NOT_SHOWN, recorded.NOT_RUN)
    assert long[2] == recorded.MISSING


def test_what_was_run_and_what_it_took_is_said(shift):
    words = recorded.circumstances_in_words(*shift)
    assert words == "6 runs, 6 minutes in all; 6 not run yet; Python 3.11.7, JAX 0.8.0; CPU."
    declared, _ = shift
    nothing = outcome.Outcome("shift", {}, (), {})
    assert recorded.circumstances_in_words(declared, nothing) == "0 runs, 0 minutes in all; 12 not run yet."


def test_figures_have_true_minus_signs_and_dashes():
    assert recorded.figure(-1234.5) == "−1,234.50"
    assert recorded.figure(-12) == "−12"
    assert recorded.figure(None) == recorded.MISSING


def test_unreadable_file_is_named(tmp_path):
    path = tmp_path / "broken" / "benchmarks.json"
    path.parent.mkdir()
    path.write_text('{"model": ', encoding="utf-8")
    with pytest.raises(ExtensionError, match=r"broken/benchmarks\.json"):
        recorded.read_json(path)


@pytest.mark.xdist_group("book")
def test_page_shows_exactly_the_recorded_experiments(book):
    page = book.pages["book/results.html"]
    sections = {
        section.select_one("h3").get_text().rstrip("#"): section
        for section in page.select("section.experiment")
    }
    assert list(sections) == declaration.names(ROOT / "results")
    for name, section in sections.items():
        declared, made = declaration.read(name), outcome.read(name)
        shown = [
            row
            for budget in declared.budgets
            if made.figures(budget)
            for row in evidence.table_of(declared, made, budget).rows
        ]
        assert table_rows(section, "arms") == shown
        claims = [list(recorded.claim_row(claim, declared, made)) for claim in declared.claims]
        assert table_rows(section, "claims") == claims
        assert declared.question in straight(section.get_text())
        assert f"python -m companion experiment {name}" in section.get_text()


def straight(text: str) -> str:
    """Sphinx bends the apostrophes of what it prints."""
    return text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")


def table_rows(page, kind: str) -> list[list[str]]:
    return [
        [straight(cell.get_text(strip=True)) for cell in row.find_all("td")]
        for row in page.select(f"table.{kind} tbody tr")
    ]
