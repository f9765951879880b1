"""Protects how own files reach a report: by two paths or by an upload on Colab; slips are told in a line."""

import sys
from types import ModuleType

import numpy as np
import pytest

from companion.errors import BadInput
from companion.own_model import own_arrays, own_files

IMAGES = np.arange(12.0).reshape(3, 2, 2)


@pytest.fixture
def colab(monkeypatch):
    """Colab, where a reader chooses the files of this list."""
    chosen: list[str] = []
    files = ModuleType("google.colab.files")
    files.upload = lambda: dict.fromkeys(chosen, b"...")
    for name, module in {
        "google": ModuleType("google"),
        "google.colab": ModuleType("google.colab"),
        "google.colab.files": files,
    }.items():
        monkeypatch.setitem(sys.modules, name, module)
    return chosen


def test_two_paths_are_taken_as_they_are_and_none_is_no_fault():
    assert own_files("a.keras", "b.npz") == ("a.keras", "b.npz")
    assert own_files() is None


def test_on_colab_both_files_are_asked_for(colab):
    colab += ["images (1).npz", "my_model.keras"]
    assert own_files(upload=True) == ("my_model.keras", "images (1).npz")


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ([], "nothing was uploaded"),
        (["a.keras"], "a.keras was uploaded: expected one .keras file and one .npz file"),
        (["a.keras", "b.keras", "c.npz"], "a.keras, b.keras, c.npz was uploaded"),
    ],
)
def test_an_upload_without_both_files_is_answered_in_a_line(colab, chosen, said):
    colab += chosen
    with pytest.raises(BadInput) as error:
        own_files(upload=True)
    assert str(error.value).startswith(said) and "\n" not in str(error.value)


def test_elsewhere_an_upload_leads_to_the_paths(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab.files", None)
    with pytest.raises(BadInput, match="expected Colab.*pass the paths of both files"):
        own_files(upload=True)


@pytest.mark.parametrize("paths", [("a.keras", ""), ("", "b.npz")])
def test_one_path_alone_is_answered(paths):
    with pytest.raises(BadInput, match="expected both paths or none"):
        own_files(*paths)


def test_the_arrays_are_named_as_diagnose_names_them(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=IMAGES, x_test=IMAGES[:2], y_train=[0, 1, 2])
    found = own_arrays(str(tmp_path / "a.npz"))
    assert list(found) == ["images", "validation"]
    np.testing.assert_array_equal(found["validation"], IMAGES[:2])
    assert list(own_arrays(str(tmp_path / "a.npz"), labels=True)["labels"]) == [0, 1, 2]
    np.savez(tmp_path / "b.npz", images=IMAGES)
    np.testing.assert_array_equal(own_arrays(str(tmp_path / "b.npz"))["images"], IMAGES)
    assert list(own_arrays(str(tmp_path / "b.npz"))) == ["images"]


def test_a_file_without_images_or_labels_is_answered(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES)
    with pytest.raises(BadInput, match="expected an array labels or y_train"):
        own_arrays(str(tmp_path / "a.npz"), labels=True)
    with pytest.raises(BadInput, match="cannot be read"):
        own_arrays(str(tmp_path / "none.npz"))
