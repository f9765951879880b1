"""Protects the book's pictures: WebP in the place of PNG, with the very same pixels, and only where it saves bytes."""

import base64
import io
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import light_pictures  # noqa: E402

CHAPTER = "chapters/04_objectives"


def pixels(picture: Path | io.BytesIO) -> np.ndarray:
    with Image.open(picture) as opened:
        return np.asarray(opened.convert("RGBA"))


def files_shown(page) -> list[str]:
    """The files of the pictures on a page, its lead picture first; a control's still lies within the page itself."""
    sources = [picture["src"] for picture in page.select("article img")]
    return [source for source in sources if not source.startswith("data:")]


@pytest.mark.parametrize("channels", [3, 4])
def test_pixels_stay_as_they_are(tmp_path, channels):
    drawn = np.random.default_rng(0).integers(0, 256, size=(40, 30, channels), dtype=np.uint8)
    Image.fromarray(drawn).save(tmp_path / "drawn.png")
    light_pictures.is_smaller(tmp_path / "drawn.png", tmp_path / "drawn.webp")
    after, before = pixels(tmp_path / "drawn.webp"), pixels(tmp_path / "drawn.png")
    # What lies behind a pixel that nobody can see may change.
    visible = before[..., 3] > 0
    np.testing.assert_array_equal(after[visible], before[visible])
    np.testing.assert_array_equal(after[..., 3], before[..., 3])


def test_a_drawing_gets_smaller(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 300).astype(np.uint8), (200, 1))
    Image.fromarray(np.dstack([ramp] * 3 + [np.full_like(ramp, 255)])).save(tmp_path / "ramp.png")
    assert light_pictures.is_smaller(tmp_path / "ramp.png", tmp_path / "ramp.webp")


def test_a_picture_that_would_grow_stays(tmp_path, monkeypatch):
    Image.new("RGB", (4, 4)).save(tmp_path / "dot.png", optimize=True)
    monkeypatch.setattr(
        Image.Image, "save", lambda self, path, *args, **options: Path(path).write_bytes(bytes(10_000))
    )
    assert not light_pictures.is_smaller(tmp_path / "dot.png", tmp_path / "dot.webp")


@pytest.mark.xdist_group("book")
def test_page_shows_the_pixels_of_the_notebook(book):
    notebook = nbformat.read(ROOT / f"{CHAPTER}.ipynb", as_version=4)
    stored = [
        pixels(io.BytesIO(base64.b64decode(output.data["image/png"])))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    page = book.html / f"{CHAPTER}.html"
    lead, *sources = files_shown(book.pages[f"{CHAPTER}.html"])
    assert lead in sources
    shown = [pixels(page.parent / source) for source in sources]
    assert len(shown) == len(stored) > 3
    for one, other in zip(shown, stored, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.xdist_group("book")
def test_no_picture_is_stored_twice(book):
    names = [path.name for path in (book.html / "_images").iterdir()]
    used = {Path(source).name for page in book.pages.values() for source in files_shown(page)}
    assert sorted(names) == sorted(used)
    assert all(name.endswith((".webp", ".svg")) for name in names)
