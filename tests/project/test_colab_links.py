"""Protects the way from the pages to Colab: each chapter at its own address, and no link while there is no address."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[2]
HERE = "https://github.com/owner/name"
COLAB = "https://colab.research.google.com/github/owner/name/blob/student/chapters"
URL = re.compile(r"^repository:\n  url: .*\n  branch: .*$", flags=re.MULTILINE)
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.ipynb"))


@pytest.fixture(scope="module")
def small_book(tmp_path_factory) -> Path:
    """The book's configuration, extensions and style over the heads of its chapters: quick to build."""
    folder = tmp_path_factory.mktemp("published")
    for part in ("book/_ext", "book/_templates", "book/assets", "tools"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("book/references.bib", "CITATION.cff", "pyproject.toml"):
        shutil.copy(ROOT / part, folder / part)
    (folder / "chapters").mkdir()
    for name in CHAPTERS:
        chapter = nbformat.read(ROOT / "chapters" / f"{name}.ipynb", as_version=4)
        title = chapter.cells[0].source.splitlines()[0]
        chapter.cells = [nbformat.v4.new_markdown_cell(f"{title}\n\nThe first words.")]
        nbformat.write(chapter, folder / "chapters" / f"{name}.ipynb")
    (folder / "book" / "intro.md").write_text("# A small book\n\nIt has chapters.\n")
    listed = "".join(f"  - file: chapters/{name}\n" for name in CHAPTERS)
    (folder / "_toc.yml").write_text(f"format: jb-book\nroot: book/intro\nchapters:\n{listed}")
    return folder


def pages(folder: Path, url: str, branch: str = "main") -> dict[str, BeautifulSoup]:
    """The pages of the book in ``folder``, built with ``url`` in the one place that knows it."""
    config, count = URL.subn(
        f'repository:\n  url: "{url}"\n  branch: {branch}', (ROOT / "_config.yml").read_text(encoding="utf-8")
    )
    assert count == 1, "the address stands in one place"
    (folder / "_config.yml").write_text(config, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", "-W", "-q", "."]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        command, cwd=folder, env=os.environ | quiet, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    html = folder / "_build" / "html"
    found = [path for path in html.rglob("*.html") if "_static" not in path.parts]
    return {
        path.relative_to(html).with_suffix("").as_posix(): BeautifulSoup(
            path.read_text("utf-8"), "html.parser"
        )
        for path in found
    }


def links(page: BeautifulSoup, to: str) -> list[str]:
    return [link["href"] for link in page.select("a[href]") if to in link["href"]]


@pytest.mark.slow
def test_one_address_gives_every_chapter_its_button_and_its_badge(small_book):
    unpublished = pages(small_book, "")
    assert {name: links(page, "colab") for name, page in unpublished.items() if links(page, "colab")} == {}
    assert not any(page.select(".open-in-colab, .dropdown-launch-buttons") for page in unpublished.values())
    assert not any(links(page, HERE) for page in unpublished.values())

    published = pages(small_book, HERE, "student")
    assert CHAPTERS
    for name in CHAPTERS:
        page = published[f"chapters/{name}"]
        address = f"{COLAB}/{name}.ipynb"
        assert [link["href"] for link in page.select(".open-in-colab a")] == [address]
        assert [link["href"] for link in page.select(".dropdown-launch-buttons a")] == [address]
        assert set(links(page, "colab")) == {address}
        assert HERE in links(page, HERE)
    assert links(published["book/intro"], "colab") == []
    assert HERE in links(published["book/intro"], HERE)


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "book/_ext"))
    import colab_links

    return colab_links


def configuration(url: str) -> SimpleNamespace:
    return SimpleNamespace(html_theme_options={"repository_url": url, "repository_branch": "main"})


@pytest.mark.parametrize(
    "url, button, colab",
    [
        ("", False, ""),
        (HERE, True, "https://colab.research.google.com"),
        ("https://gitlab.com/owner/name", True, ""),
        ("https://git.example.org/owner/name", False, ""),
    ],
)
def test_buttons_are_those_that_lead_somewhere(extension, url, button, colab):
    config = configuration(url)
    extension.set_buttons(None, config)
    options = config.html_theme_options
    assert options["use_repository_button"] is button
    assert options["repository_url"] == (url if button else "")
    assert options["launch_buttons"]["colab_url"] == colab


def test_no_address_stops_the_build_with_an_example(extension):
    with pytest.raises(ExtensionError, match="expected an address such as https://github.com/owner/name"):
        extension.set_buttons(None, configuration("github.com/owner/name"))


def test_only_notebooks_get_a_badge(extension):
    env = SimpleNamespace(doc2path=lambda page: f"{page}.md")
    tree = nodes.document(None, None, nodes.section("", nodes.title(text="Notation")))
    extension.add_badge(SimpleNamespace(config=configuration(HERE), env=env), tree, "book/notation")
    assert not list(tree.findall(nodes.reference))
