"""Protects whoever brings images of their own: every chapter runs to its end on them, or says why not before it trains.

Three of seven sets meet a chapter each, others every day, in a rehearsal; ``OWN_DATA=all`` in the environment
rehearses every chapter on every set (`make own-data`).
"""

import datetime
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from companion import data
from companion.errors import BadInput
from tests.own_data import sets

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted(path.stem for path in (ROOT / "chapters").glob("*.ipynb"))
SETS_A_DAY = 3
#: Sets that a chapter may refuse, and words of the one line in which it does so.
REFUSED = {
    ("00_one_page", "colour"): "needs images of 28x28x1",
    ("00_one_page", "oblong"): "needs images of 28x28x1",
    **{
        (name, "tiny"): "images: "
        for name in CHAPTERS
        if name[:2] in ("01", "05", "07", "10", "12", "13", "15")
    },
}


def of_the_day(day: int) -> list[tuple[str, str]]:
    """Pairs of a set and a chapter: three sets a day, a chapter each, every pair in turn."""
    names = list(sets.SETS)
    turns = (divmod(turn, len(names)) for turn in range(SETS_A_DAY * day, SETS_A_DAY * (day + 1)))
    return [(names[position], CHAPTERS[round_ % len(CHAPTERS)]) for round_, position in turns]


def chosen() -> list[tuple[str, str]]:
    if os.environ.get("OWN_DATA") == "all":
        return [(name, chapter) for name in sets.SETS for chapter in CHAPTERS]
    return of_the_day(datetime.date.today().toordinal())


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    """The report on a chapter, from one process per set."""
    folder = tmp_path_factory.mktemp("own")

    @cache
    def reports(name: str) -> dict[str, dict]:
        chapters = [chapter for of, chapter in chosen() if of == name]
        command = [sys.executable, "-W", "ignore", "-m", "tests.own_data.rehearsal"]
        done = subprocess.run(
            [*command, sets.write(name, folder), *chapters], cwd=ROOT, capture_output=True, text=True
        )
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"chapter"')]
        assert len(lines) == len(chapters), done.stderr[-2000:]
        return {line["chapter"]: line for line in lines}

    return lambda name, chapter: reports(name)[chapter]


@pytest.mark.slow
@pytest.mark.xdist_group("own_data")
@pytest.mark.parametrize(("name", "chapter"), chosen())
def test_the_chapter_runs_to_its_end_or_says_why_not_before_it_trains(name, chapter, rehearsed):
    report = rehearsed(name, chapter)
    if (chapter, name) in REFUSED:
        assert report.get("error") == "DoesNotFit", report
        assert REFUSED[chapter, name] in report["message"] and "\n" not in report["message"]
        assert report["fits"] == [] and report["cell"] <= 2
    else:
        assert "error" not in report, f"code cell {report['cell']} `{report['code']}`: {report['message']}"
        assert "nan" not in report["printed"].lower().split()


def test_every_pair_has_its_day():
    days = len(sets.SETS) * len(CHAPTERS)
    met = {pair for day in range(days) for pair in of_the_day(day)}
    assert met == {(name, each) for name in sets.SETS for each in CHAPTERS}
    assert all(len({name for name, _ in of_the_day(day)}) == SETS_A_DAY for day in range(days))


def own(name: str = "mine", **arrays) -> data.Dataset:
    return data.from_arrays(arrays, name=name)


def pictures(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(0).random((n, *shape), dtype="float32")


UNFIT = {
    "mine has images of 5x4x1; resize": (pictures(9, 5, 4), {"image_shape": (28, 28, 1)}),
    "at least 40 images: it counts. mine has 9 images; add images": (pictures(9, 5, 4), {"images": 40}),
    "mine has 4 channels; leave out the transparency with": (pictures(9, 5, 4, 4), {}),
    "mine has 2 channels; choose one": (pictures(9, 5, 4, 2), {}),
}


@pytest.mark.parametrize("words", UNFIT)
def test_what_does_not_fit_is_told_in_one_line(words):
    images, needs = UNFIT[words]
    with pytest.raises(BadInput, match=words) as error:
        data.check_fits(own(images=images), "it counts", **needs)
    assert error.value._render_traceback_() == [str(error.value)] and "\n" not in str(error.value)


def test_the_advice_on_transparency_works():
    images = pictures(9, 5, 4, 4)
    data.check_fits(own(images=images[..., :3]), "it counts")


def test_a_class_without_images_is_named():
    labels = np.repeat([3, 7], [11, 1])
    with pytest.raises(
        data.DoesNotFit, match="3 training and 1 test image of every class: .* of class 7; add"
    ):
        data.check_fits(own(images=pictures(12, 5, 4), labels=labels), "it counts", each_class=3)


@pytest.mark.parametrize("labels", [{}, {"labels": np.full(12, 5)}])
def test_images_without_classes_are_sorted_by_their_ink(labels, capsys):
    dataset = own(images=pictures(12, 5, 4), **labels)
    sorted_ = data.in_classes(dataset)
    assert "sorts its images by their ink into two, light and dark" in capsys.readouterr().out
    assert sorted_.class_names == ("light", "dark") and np.bincount(sorted_.y_train).tolist() == [5, 5]
    ink = sorted_.x_train.mean(axis=(1, 2, 3))
    assert ink[sorted_.y_train == 1].min() > ink[sorted_.y_train == 0].max()


def test_classes_that_are_there_stay(capsys):
    digits = data.digits()
    assert data.in_classes(digits) is digits and capsys.readouterr().out == ""


@pytest.mark.parametrize(("n", "epochs"), [(1500, 30), (20_000, 2), (10, 300), (50_000, 2)])
def test_a_training_sees_about_as_many_images_whatever_the_set(n, epochs):
    assert data.epochs_for(np.zeros(n), seen=45_000) == epochs


def test_labels_that_are_missing_or_too_many_are_left_out():
    labels = np.arange(11)
    assert data.first(None, 3) is None and data.first(labels, 3).tolist() == [0, 1, 2]
    assert data.few_classes(None) is None and data.few_classes(labels) is None
    assert data.few_classes(labels[:10]).tolist() == list(range(10))


@pytest.mark.parametrize(("wanted", "says"), [("/a/mine.npz", "DATASET=mine.npz"), ("digits", ""), ("", "")])
def test_a_set_that_a_chapter_does_not_use_is_named(wanted, says, capsys, monkeypatch):
    monkeypatch.setenv("DATASET", wanted)
    data.set_aside("it draws its own")
    assert (says in (told := capsys.readouterr().out)) and bool(told) == bool(says)
