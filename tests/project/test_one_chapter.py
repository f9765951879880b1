"""Protects `make test CHAPTER=NAME`: of all tests it runs those that concern one chapter, and no others."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from companion.exercises.registry import of_chapter
from tests.one_chapter import Concern

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"


def item(path, **params):
    return SimpleNamespace(path=path, callspec=SimpleNamespace(params=params))


IN = {
    "its notebook": item(ROOT / "chapters" / "09_vq_vae.ipynb"),
    "its path": item(TESTS / "chapters" / "test_chapters.py", chapter=Path("09_vq_vae.ipynb")),
    "its name": item(TESTS / "book" / "book_pages.py", name="09_vq_vae"),
    "its number": item(TESTS / "exercises" / "test_exercises.py", chapter="09"),
    "an exercise": item(TESTS / "exercises" / "test_exercises.py", exercise=of_chapter("09")[0]),
    "its family": item(TESTS / "vq_vae" / "test_pixel_cnn.py"),
    "its other model": item(TESTS / "test_discrete_vae.py"),
}
OUT = {
    "another notebook": item(ROOT / "chapters" / "08_hierarchical_vae.ipynb"),
    "another path": item(TESTS / "chapters" / "test_chapters.py", chapter=Path("08_hierarchical_vae.ipynb")),
    "another exercise": item(TESTS / "exercises" / "test_exercises.py", exercise=of_chapter("08")[0]),
    "another family": item(TESTS / "conditional_vae" / "test_conditional_vae.py"),
    "another module": item(TESTS / "test_vae.py"),
    "what concerns all": item(TESTS / "project" / "test_project.py"),
}


@pytest.mark.parametrize("what", IN)
def test_what_concerns_the_chapter_runs(what):
    assert Concern(ROOT, "09_vq_vae").item(IN[what])


@pytest.mark.parametrize("what", OUT)
def test_the_rest_does_not(what):
    assert not Concern(ROOT, "09_vq_vae").item(OUT[what])


def test_a_folder_that_the_head_names_is_tested_whole():
    concern = Concern(ROOT, "05_latent_space")
    assert concern.item(item(TESTS / "plots" / "test_scatter.py"))
    assert concern.item(item(TESTS / "test_vae.py"))
    assert not concern.item(item(TESTS / "vq_vae" / "test_quantizer.py"))


def test_every_chapter_has_tests_of_its_modules():
    files = [*TESTS.glob("test_*.py"), *TESTS.glob("*/test_*.py")]
    for notebook in (ROOT / "chapters").glob("*.ipynb"):
        concern = Concern(ROOT, notebook.stem)
        assert any(map(concern.tests_a_module, files)), notebook.stem


def test_a_chapter_that_does_not_exist_is_answered():
    with pytest.raises(pytest.UsageError, match="CHAPTER=99_none: expected one of 00_one_page, "):
        Concern(ROOT, "99_none")
