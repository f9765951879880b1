"""Protects whoever teaches with a copy of their own: it is published, two chapters are taken out, one of them the most
linked to, two are exchanged, and one is added by ``make chapter``. Then the whole book builds without a warning and
leads to nothing that is gone, it can be packed, and the project's tests of contents, links, exercises, editions and
first cells are green. ``make instructors`` asks for the tests after each of these steps, and for every edition.
"""

import subprocess
import sys
import zipfile

import pytest

from tests.book.building import build
from tests.book.instructor import GONE, HERE, NEW, STEPS, copy_of_the_project, in_the, take
from tools import archive

pytestmark = pytest.mark.slow

#: The tests that an instructor's changes concern, without those that train or build.
TESTS = (
    "tests/project/test_first_cell.py",
    "tests/project/test_editions.py",
    "tests/chapters/test_chapters.py",
    "tests/exercises/test_exercises.py",
    "tests/explorers/test_training_control.py",
    "tests/test_voice.py",
)
CONCERNED = (
    f"contents or links or kind or stub or one_control or first_cell or student or instructor or {NEW}"
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the project in which an instructor has taken every step."""
    copy = copy_of_the_project(tmp_path_factory.mktemp("other_book") / "source")
    for step in STEPS:
        take(step, copy)
    return copy


@pytest.fixture(scope="module")
def other_book(source):
    return build(source.parent, source)


def test_it_builds_without_a_warning(other_book):
    assert other_book.returncode == 0, other_book.log[-3000:]


def test_the_chapters_are_those_of_the_contents_in_their_order(other_book):
    links = other_book.pages["book/intro.html"].select("#pst-primary-sidebar a[href*='chapters/']")
    numbers = [link.get_text(strip=True)[:2] for link in links]
    assert numbers == [
        "00",
        "01",
        "02",
        "03",
        "05",
        "06",
        "08",
        "10",
        "09",
        "11",
        "12",
        "13",
        "14",
        "15",
        "16",
        NEW[:2],
    ]


def test_the_cards_of_the_front_page_are_those_chapters(other_book):
    links = other_book.pages["book/intro.html"].select("#pst-primary-sidebar a[href*='chapters/']")
    cards = other_book.pages["book/intro.html"].select(".chapter-cards .sd-card")
    assert [card.select_one("a")["href"] for card in cards] == [link["href"] for link in links]
    assert [bool(card.select("img")) for card in cards[:-1]] == [True] * len(links[:-1])


def test_links_to_a_chapter_that_is_gone_are_left_as_words(other_book):
    for name, page in other_book.pages.items():
        targets = [link["href"] for link in page.select("a[href]")]
        assert not [target for target in targets if any(gone in target for gone in GONE)], name
    words = other_book.pages["chapters/05_latent_space.html"].select_one("article").get_text()
    assert "chapter 04" in words.lower()


def test_its_chapters_open_in_colab_from_its_own_address(other_book):
    page = other_book.pages[f"chapters/{NEW}.html"]
    assert page.select_one(".open-in-colab a")["href"].startswith(
        "https://colab.research.google.com/github/ann/"
    )
    assert f"git+{HERE}" in page.select_one("article").get_text()


def test_it_can_be_packed(other_book, tmp_path):
    assert archive.main([str(other_book.html), str(tmp_path / "book.zip")]) == 0
    with zipfile.ZipFile(tmp_path / "book.zip") as packed:
        names = packed.namelist()
    assert any(name.endswith(f"chapters/{NEW}.html") for name in names)
    assert not [name for name in names if any(gone in name for gone in GONE)]


def test_the_project_s_own_tests_stay_green(source):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-m",
            "not slow",
            "-k",
            CONCERNED,
            *TESTS,
        ],
        cwd=source,
        env=in_the(source),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
