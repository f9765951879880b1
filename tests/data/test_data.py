"""Protects the data that every figure of the book rests on.

The digits are the same 1,797 images for everybody, need no network, and load without Keras; one's own file is read
without pickle and split by seed; and every file or name that cannot be used is refused with a message that says what
to do. (The published sets: test_data_published.py.)
"""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import zoom

from companion import data
from companion.data.uci_digits import enlarge
from companion.errors import BadInput

ROOT = Path(__file__).resolve().parents[2]
GREY = np.random.default_rng(0).integers(0, 256, (12, 5, 4)).astype("uint8")
LABELS = np.arange(12) % 3


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path):
    """No variable of the person who runs the tests changes what they test, and Keras's real cache is left alone."""
    monkeypatch.delenv("DATASET", raising=False)
    monkeypatch.delenv("COMPANION_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


# --- the digits -------------------------------------------------------------------------------------------------------


def test_digits_have_the_promised_shape_type_range_and_split():
    digits = data.load("digits")
    assert digits.x_train.shape == (1500, 28, 28, 1)
    assert digits.x_test.shape == (297, 28, 28, 1)
    assert digits.x_train.dtype == digits.x_test.dtype == np.float32
    assert digits.y_train.dtype == digits.y_test.dtype == np.int64
    assert digits.x_train.min() == 0
    assert digits.x_train.max() == 1
    assert digits.class_names == tuple("0123456789")
    assert set(digits.y_train) == set(range(10))
    assert (digits.image_shape, digits.num_classes) == ((28, 28, 1), 10)


def test_digits_hold_every_image_of_scikit_learn_once_with_its_own_label():
    from sklearn.datasets import load_digits

    raw, digits = load_digits(), data.load("digits")
    expected = enlarge(raw.images / 16.0)
    got = np.concatenate([digits.x_train, digits.x_test])
    labels = np.concatenate([digits.y_train, digits.y_test])
    original = {image.tobytes(): label for image, label in zip(expected, raw.target, strict=True)}
    assert sorted(image.tobytes() for image in got) == sorted(image.tobytes() for image in expected)
    assert all(original[image.tobytes()] == label for image, label in zip(got, labels, strict=True))


def test_small_digits_are_the_same_digits_in_black_and_white_at_their_own_size():
    from sklearn.datasets import load_digits

    raw, digits, small = load_digits(), data.load("digits"), data.load("digits_8x8")
    assert (small.name, small.image_shape, small.num_classes) == ("digits_8x8", (8, 8, 1), 10)
    assert small.x_train.dtype == small.x_test.dtype == np.float32
    large = {image.tobytes(): number for number, image in enumerate(enlarge(raw.images / 16.0))}
    for part in ("train", "test"):
        images, labels = getattr(small, f"x_{part}"), getattr(small, f"y_{part}")
        assert set(np.unique(images)) == {0.0, 1.0}
        # The n-th small digit is the n-th large one, as scikit-learn has it, with 8 of 16 grey levels and more as ink.
        numbers = [large[image.tobytes()] for image in getattr(digits, f"x_{part}")]
        np.testing.assert_array_equal(images[..., 0], raw.images[numbers] >= 8)
        np.testing.assert_array_equal(labels, raw.target[numbers])
    assert data.digits_8x8() is data.load("digits_8x8")
    assert not np.array_equal(data.load("digits_8x8", seed=1).x_test, small.x_test)


def test_enlarging_by_matrix_is_cubic_zoom_of_each_padded_image():
    images = np.random.default_rng(1).random((5, 8, 8))
    one_by_one = [np.clip(zoom(np.pad(image, 1), 2.8, order=3), 0, 1) for image in images]
    np.testing.assert_allclose(enlarge(images)[..., 0], one_by_one, atol=1e-6)


def test_the_seed_decides_the_split_and_nothing_else():
    first, again, other = data.digits(seed=1), data.digits(seed=1), data.digits(seed=2)
    np.testing.assert_array_equal(first.x_test, again.x_test)
    assert not np.array_equal(first.x_test, other.x_test)
    assert sorted(x.tobytes() for x in [*first.x_train, *first.x_test]) == sorted(
        x.tobytes() for x in [*other.x_train, *other.x_test]
    )


def test_a_second_call_returns_the_kept_digits_and_nobody_can_change_them():
    digits = data.load("digits")
    assert data.load() is digits
    with pytest.raises(ValueError, match="read-only"):
        digits.x_train[0] = 0


@pytest.mark.slow
def test_digits_load_without_keras():
    code = (
        "import sys, companion.data as d; d.load('digits'); d.binarize([[.5]], 'static'); d.sources(); "
        "loaded = {'keras', 'tensorflow'} & set(sys.modules); sys.exit(str(loaded) if loaded else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr


# --- a data set's own manners -----------------------------------------------------------------------------------------


def test_a_data_set_says_in_one_line_what_it_is():
    assert repr(data.load("digits")) == (
        "Dataset digits: 1,500 training and 297 test images of 28x28x1, 10 classes, from scikit-learn"
    )


def test_a_subset_is_the_first_images_and_their_labels():
    digits = data.load("digits")
    small = digits.subset(10, 4)
    np.testing.assert_array_equal(small.x_train, digits.x_train[:10])
    np.testing.assert_array_equal(small.y_test, digits.y_test[:4])
    assert (len(small.y_train), len(small.x_test)) == (10, 4)
    assert len(digits.subset(n_test=5).x_train) == 1500


def test_the_environment_names_the_data(monkeypatch, tmp_path):
    monkeypatch.setenv("DATASET", str(save(tmp_path / "mine.npz", images=GREY)))
    assert data.load().name == "mine"
    monkeypatch.setenv("DATASET", "")
    assert data.load().name == "digits"


# --- one's own file ---------------------------------------------------------------------------------------------------


def test_own_images_are_scaled_given_a_channel_and_split_with_their_labels(tmp_path):
    mine = data.load(save(tmp_path / "mine.npz", images=GREY, labels=LABELS + 7), seed=3)
    assert (mine.x_train.shape, mine.x_test.shape) == ((10, 5, 4, 1), (2, 5, 4, 1))
    assert mine.class_names == ("7", "8", "9")
    label_of = {
        (image / np.float32(255)).astype("float32").tobytes(): label
        for image, label in zip(GREY, LABELS, strict=True)
    }
    for images, labels in ((mine.x_train, mine.y_train), (mine.x_test, mine.y_test)):
        assert [label_of[image.tobytes()] for image in images] == labels.tolist()


def test_own_images_need_no_labels(tmp_path):
    mine = data.load(save(tmp_path / "mine.npz", images=GREY / 255))
    assert mine.y_train is mine.y_test is None
    assert mine.num_classes == 0
    assert repr(mine) == "Dataset mine: 10 training and 2 test images of 5x4x1, no labels, from mine.npz"
    assert mine.subset(3, 1).y_train is None


def test_a_given_split_is_kept_in_its_order(tmp_path):
    colour = np.random.default_rng(0).random((6, 4, 4, 3))
    path = save(
        tmp_path / "mine.npz", x_train=colour[:4], y_train=[5, 2, 5, 2], x_test=colour[4:], y_test=[2, 9]
    )
    mine = data.load(str(path))
    np.testing.assert_allclose(mine.x_train, colour[:4].astype("float32"))
    assert mine.class_names == ("2", "5", "9")
    assert (mine.y_train.tolist(), mine.y_test.tolist()) == ([1, 0, 1, 0], [0, 2])
    assert mine.image_shape == (4, 4, 3)


@pytest.mark.slow
@given(n=st.integers(2, 40), seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_a_seeded_split_loses_no_image_and_keeps_about_a_sixth_for_the_test(n, seed):
    images = np.linspace(0, 1, n, dtype="float32")[:, None, None] * np.ones((1, 2, 2), "float32")
    mine = data.from_arrays({"images": images}, seed=seed)
    together = np.concatenate([mine.x_train, mine.x_test])[:, 0, 0, 0]
    np.testing.assert_array_equal(np.sort(together), images[:, 0, 0])
    assert len(mine.x_test) == max(1, round(n / 6))


OWN_FILE_CASES = {
    "wrong-dtype": (
        {"images": GREY.astype("int64")},
        r"bad\.npz: array images has dtype int64.*pass images / 255",
    ),
    "text-pixels": ({"images": np.full((3, 4, 4), "a")}, "array images has dtype <U1"),
    "pickled-objects": (
        {"images": np.array([{}, None], dtype=object)},
        "array images holds pickled Python objects",
    ),
    "pickled-labels": (
        {"images": GREY, "labels": np.array([{}] * 12)},
        "array labels holds pickled Python objects",
    ),
    "nan": ({"images": np.full((3, 4, 4), np.nan)}, "array images hold 48 values that are NaN or infinite"),
    "empty": (
        {"images": np.zeros((0, 28, 28), "uint8")},
        r"array images has shape \(0, 28, 28\), which is empty",
    ),
    "no-pixels": ({"images": np.zeros((5, 0, 28))}, "which is empty"),
    "one-image": ({"images": GREY[:1]}, "array images holds 1 image: expected 2 or more"),
    "floats-above-one": ({"images": GREY.astype("float32")}, r"values from 0 to 255.*pass images / 255"),
    "floats-below-zero": (
        {"images": GREY / 127.5 - 1},
        r"values from -1 to 1: expected pixels in \[0, 1\]; pass \(images \+ 1\) / 2",
    ),
    "binary-as-bytes": (
        {"images": (GREY > 127).astype("uint8")},
        r"uint8 but no value exceeds 1.*astype\('float32'\)",
    ),
    "flat-images": (
        {"images": GREY.reshape(12, 20)},
        r"shape \(12, 20\): expected \(n, height, width\).*reshape",
    ),
    "five-axes": ({"images": GREY[..., None, None]}, r"shape \(12, 5, 4, 1, 1\)"),
    "labels-of-another-length": (
        {"images": GREY, "labels": LABELS[:5]},
        r"labels has shape \(5,\): expected \(12,\)",
    ),
    "labels-one-hot": (
        {"images": GREY, "labels": np.eye(3, dtype=int)[LABELS]},
        r"labels has dtype int64 and shape \(12, 3\).*pass np.argmax\(labels, axis=1\)",
    ),
    "negative-labels": (
        {"images": GREY, "labels": LABELS - 1},
        "array labels holds -1: expected labels of at least 0",
    ),
    "float-labels": (
        {"images": GREY, "labels": LABELS / 2},
        r"labels has dtype float64.*pass np.unique\(labels",
    ),
    "missing-arrays": ({"pictures": GREY}, r"bad\.npz has pictures \(neither layout\): expected images"),
    "no-arrays": ({}, r"bad\.npz has no array at all"),
    "x-test-missing": ({"x_train": GREY, "y_train": LABELS}, r"has x_train, y_train \(neither layout\)"),
    "both-layouts": ({"images": GREY, "x_train": GREY, "x_test": GREY}, "both layouts at once"),
    "y-test-missing": ({"x_train": GREY, "y_train": LABELS, "x_test": GREY}, "has y_train without y_test"),
    "y-train-missing": ({"x_train": GREY, "x_test": GREY, "y_test": LABELS}, "has y_test without y_train"),
    "two-image-sizes": (
        {"x_train": GREY, "x_test": GREY[:, :4]},
        r"x_train has images of shape \(5, 4, 1\) and x_test of",
    ),
    "test-labels-short": (
        {"x_train": GREY, "y_train": LABELS, "x_test": GREY, "y_test": LABELS[1:]},
        r"array y_test has shape \(11,\): expected \(12,\)",
    ),
}


@pytest.mark.parametrize(("arrays", "message"), OWN_FILE_CASES.values(), ids=OWN_FILE_CASES)
def test_own_arrays_that_cannot_be_used_are_refused(tmp_path, arrays, message):
    path = save(tmp_path / "bad.npz", **arrays)
    with pytest.raises(BadInput, match=message) as refusal:
        data.load(path)
    assert str(path) in str(refusal.value)


def truncated() -> bytes:
    whole = io.BytesIO()
    np.savez(whole, images=GREY)
    return whole.getvalue()[:-60]


def flipped_byte() -> bytes:
    whole = io.BytesIO()
    np.savez_compressed(whole, images=np.tile(GREY, (20, 1, 1)))
    changed = bytearray(whole.getvalue())
    changed[len(changed) // 2] ^= 0xFF
    return bytes(changed)


def bare_npy() -> bytes:
    whole = io.BytesIO()
    np.save(whole, GREY)
    return whole.getvalue()


FILE_CASES = {
    "truncated": (truncated(), r"bad\.npz cannot be read as \.npz .*truncated"),
    "damaged-inside": (flipped_byte(), r"bad\.npz: array images is damaged"),
    "text-file": (b"images,labels\n1,2\n", r"bad\.npz cannot be read as \.npz"),
    "empty-file": (b"", r"bad\.npz cannot be read as \.npz"),
    "bare-npy": (bare_npy(), r"bad\.npz is a single array"),
}


@pytest.mark.parametrize(("content", "message"), FILE_CASES.values(), ids=FILE_CASES)
def test_files_that_are_no_sound_npz_are_refused(tmp_path, content, message):
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=message):
        data.load(path)


NAME_CASES = {
    "unknown-data-set": (
        "minst",
        r"'minst' is neither.*digits, digits_8x8, mnist, fashion_mnist, shapes, or the path",
    ),
    "absent-file": ("absent.npz", r"'absent\.npz' is neither a known data set nor an existing file"),
    "empty-name": ("", "'' is neither"),
    "a-number": (5, "name_or_path=5: expected one of digits"),
    "a-directory": (".", "is a folder: expected a .npz file"),
}


@pytest.mark.parametrize(("name", "message"), NAME_CASES.values(), ids=NAME_CASES)
def test_names_that_mean_nothing_are_refused(monkeypatch, tmp_path, name, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=message):
        data.load(name)


def test_an_unknown_name_in_the_environment_is_refused_by_that_name(monkeypatch):
    monkeypatch.setenv("DATASET", "minst")
    with pytest.raises(BadInput, match="DATASET='minst' is neither"):
        data.load()


@pytest.mark.parametrize("seed", [-1, 0.5, "0", None, True])
def test_seeds_that_are_not_whole_numbers_are_refused(seed):
    with pytest.raises(BadInput, match=r"seed=.*whole number of at least 0"):
        data.load("digits", seed=seed)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [((0, 1), "n_train=0"), ((1501, 1), "n_train=1501: expected at most the 1500"), ((1, 298), "n_test=298")],
    ids=["none", "too-many-to-train", "too-many-to-test"],
)
def test_subsets_larger_than_the_set_are_refused(sizes, message):
    with pytest.raises(BadInput, match=message):
        data.load("digits").subset(*sizes)
