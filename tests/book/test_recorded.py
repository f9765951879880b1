"""Protects the tables of recorded runs: they show the recorded files' own figures, name each figure for what it
is, and stop the build over a file that cannot be read.
"""

import json
import sys
from pathlib import Path

import pytest
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import recorded  # noqa: E402

RUN = {
    "model": "vae",
    "dataset": "mnist",
    "binarization": "none",
    "likelihood": "bernoulli",
    "settings": {"latent_dim": 2},
    "epochs_done": 30,
    "complete": True,
    "test": {
        "neg_elbo": 138.9123,
        "reconstruction": 132.2,
        "kl": 6.7123,
        "log_likelihood": None,
        "cross_entropy_bound": -137.128,
        "k": 5000,
        "stderr": 0.345,
        "active_units": 2,
    },
    "seconds": {"train": 176.4},
}


def test_row_shows_the_run():
    cells = dict(zip(recorded.run_columns(RUN), recorded.run_row("vae-mnist-2", RUN), strict=True))
    cells = {
        column.replace("\u00ad", ""): cell.replace("\N{NO-BREAK SPACE}", " ")
        for column, cell in cells.items()
    }
    assert cells == {
        "Run": "vae-mnist-2",
        "Model": "vae",
        "Latent": "2",
        "Epochs": "30",
        "−ELBO": "138.91 ± 0.34",
        "Reconstruction": "132.20",
        "KL": "6.71",
        "Cross-entropy bound": "−137.13 (k = 5,000)",
        "Active units": "2",
        "Training, s": "176",
    }


def test_the_size_of_a_code_that_is_no_single_vector():
    layers = {"latent_dim": None, "options": {"latent_dims": [50, 10]}}
    assert recorded.latent_figure(layers) == "50 + 10"
    choices = {"latent_dim": None, "options": {"num_latents": 30, "num_categories": 10}}
    assert recorded.latent_figure(choices) == "30\N{NO-BREAK SPACE}of\N{NO-BREAK SPACE}10"
    assert recorded.latent_figure({"latent_dim": None, "options": {}}) == recorded.MISSING


def test_the_command_makes_the_same_settings_again():
    settings = {
        "model": "hierarchical_vae",
        "dataset": "mnist",
        "latent_dim": None,
        "hidden": [200, 100],
        "options": {"latent_dims": [5, 2], "free_bits": 0.5},
    }
    assert recorded.command(settings) == (
        "python -m companion run hierarchical_vae --dataset mnist --hidden 200,100 --latent-dims 5,2 --free-bits 0.5"
    )


def test_every_recorded_command_gives_the_recorded_settings():
    from companion.__main__ import _parser, _settings

    for name, run in recorded.read_runs(ROOT / "results").items():
        arguments = [*recorded.command(run["settings"]).split()[4:], "--out", f"results/{name}"]
        again = _settings(_parser().parse_args(["run", *arguments])).recorded()
        again = json.loads(json.dumps(again))
        assert {key: again[key] for key in run["settings"]} == run["settings"], name


def test_own_figures_are_those_that_no_other_family_has():
    test = RUN["test"] | {"codes_used": 64, "kl_per_layer": [20.5, 1.25]}
    assert recorded.own_rows("some", RUN | {"test": test}) == [
        ("some", "codes used", "64"),
        ("some", "kl per layer", "20.50, 1.25"),
    ]
    assert recorded.own_rows("some", RUN) == []


def test_likelihood_is_named_only_where_it_is_one():
    test = RUN["test"] | {"log_likelihood": -90.5, "cross_entropy_bound": None}
    assert recorded.LOG_LIKELIHOOD in recorded.run_columns(RUN | {"test": test})
    assert recorded.bound_figure(test).startswith("−90.50")
    assert recorded.LOG_LIKELIHOOD not in recorded.run_columns(RUN)


def test_different_pixels_are_never_in_one_table():
    headings = {
        recorded.heading(RUN | {"binarization": how}) for how in ("none", "threshold", "static", "dynamic")
    }
    assert len(headings) == 4


def test_a_run_without_figures_shows_dashes():
    cells = recorded.run_row("started", {"model": "vae", "complete": False, "epochs_done": 3})
    assert cells[3] == "3 (stopped early)"
    assert set(cells[4:]) == {recorded.MISSING}


def test_no_runs_at_all(tmp_path):
    assert recorded.read_runs(tmp_path / "results") == {}


def test_unreadable_run_is_named(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text('{"model": ', encoding="utf-8")
    with pytest.raises(ExtensionError, match=r"broken/run\.json"):
        recorded.read_runs(tmp_path)


@pytest.mark.xdist_group("book")
def test_page_shows_exactly_the_recorded_runs(book):
    rows = table_rows(book.pages["book/results.html"], "recorded-runs")
    runs = recorded.read_runs(ROOT / "results")
    assert sorted(rows) == sorted(list(recorded.run_row(name, run)) for name, run in runs.items())
    for name, run in runs.items():
        shown = next(row for row in rows if row[0] == name)
        assert (
            shown[4].replace("−", "-").replace(",", "")
            == f"{run['test']['neg_elbo']:.2f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{run['test']['stderr']:.2f}"
        )


def table_rows(page, kind: str) -> list[list[str]]:
    return [
        [cell.get_text(strip=True) for cell in row.find_all("td")]
        for row in page.select(f"table.{kind} tbody tr")
    ]
