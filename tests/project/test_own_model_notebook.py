"""Protects the notebook *Bring your own model*: it is run wherever chapters are, opens in Colab, and examines what a
reader names. The rules of chapters that concern a page's form hold for it; those of their course do not."""

from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from docutils import nodes

from tests.chapters import chapter_rules as rules
from tools import execute

ROOT = Path(__file__).resolve().parents[2]
NAME = "bring_your_own_model"
NOTEBOOK = ROOT / "book" / f"{NAME}.ipynb"
OF_FORM = (
    *(rules.headings_begin_cells, rules.common_mathematics, rules.executed_in_order),
    *(rules.clean_outputs, rules.honest_tags, rules.folded),
)


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.mark.parametrize("rule", OF_FORM, ids=lambda rule: rule.__name__)
def test_the_notebook_keeps_the_rules_of_form(rule, notebook):
    assert list(rule(notebook)) == []


def test_it_is_run_with_the_chapters_and_is_none(notebook):
    nbformat.validate(notebook)
    assert execute.notebooks(ROOT)[NAME] == NOTEBOOK
    assert "tests chapters \\\n\t\tbook/bring_your_own_model.ipynb" in (ROOT / "Makefile").read_text("utf-8")
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert f"- file: book/diagnosis\n      - file: book/{NAME}\n" in contents
    assert f"{{doc}}`{NAME}`" in (ROOT / "book" / "diagnosis.md").read_text(encoding="utf-8")


def test_its_report_names_the_fault_of_the_example(notebook):
    (output,) = notebook.cells[-2].outputs
    assert "OwnVAE: 1 thing to mend" in output.text
    assert "1. reconstruction averaged over pixels (loss; certain)" in output.text


def test_it_opens_in_colab_like_a_chapter(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    import colab_links

    options = {"repository_url": "https://github.com/owner/name", "repository_branch": "main"}
    env = SimpleNamespace(doc2path=lambda page: f"{page}.ipynb")
    app = SimpleNamespace(config=SimpleNamespace(html_theme_options=options), env=env)
    tree = nodes.document(None, None, "", nodes.section("", nodes.title(text="Bring your own model")))
    colab_links.add_badge(app, tree, f"book/{NAME}")
    (link,) = tree.findall(nodes.reference)
    assert link["refuri"] == (
        f"https://colab.research.google.com/github/owner/name/blob/main/book/{NAME}.ipynb"
    )


@pytest.mark.slow
def test_a_reader_s_own_files_are_examined(notebook, tmp_path, capsys):
    from companion.vae import VAE

    model = VAE(input_shape=(8, 8, 1), seed=0)
    model.compile("adam")
    model.save(tmp_path / "mine.keras")
    np.savez(tmp_path / "mine.npz", images=np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1)))
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"][1:]
    paths = f'MODEL, DATA = "{tmp_path / "mine.keras"}", "{tmp_path / "mine.npz"}"'
    assert cells[0].count('MODEL, DATA = "", ""') == 1
    space = {"__name__": "__main__"}
    for source in [cells[0].replace('MODEL, DATA = "", ""', paths), *cells[1:]]:
        exec(source, space)
    said = capsys.readouterr().out
    assert said.startswith("VAE: ") and "1. pixels outside 0 to 1 (data; certain)" in said
