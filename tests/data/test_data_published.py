"""Protects the published sets: MNIST and Fashion-MNIST are used only if they are, byte for byte, what was published.

A truncated, tampered or half-downloaded copy is refused with a message that says what to do, and without a network
the message names both ways out. No test here goes to the network or imports Keras: a stand-in takes its place.
"""

import gzip
import hashlib
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from companion import data
from companion.data import standard
from companion.errors import BadInput

ROOT = Path(__file__).resolve().parents[2]
DATA_DIR = Path(os.environ.get("COMPANION_DATA_DIR") or ROOT.parent / "shared" / "data")
needs_mnist = pytest.mark.skipif(
    not (DATA_DIR / "mnist.npz").exists(), reason="no mnist.npz in COMPANION_DATA_DIR"
)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path):
    """No variable of the person who runs the tests changes what they test, and Keras's real cache is left alone."""
    monkeypatch.delenv("DATASET", raising=False)
    monkeypatch.delenv("COMPANION_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def stand_in_for_keras(monkeypatch, load_data):
    """Put a Keras in place whose data loaders are ``load_data``: no test goes to the network."""
    loader = types.SimpleNamespace(load_data=load_data)
    datasets = types.SimpleNamespace(mnist=loader, fashion_mnist=loader)
    monkeypatch.setitem(sys.modules, "keras", types.SimpleNamespace(datasets=datasets))


def look_alike(spec=standard.MNIST):
    """Black images with the right shapes, types and class counts: everything is right but the pixels."""
    counts = spec.class_counts
    y_train, y_test = (np.repeat(np.arange(10, dtype="uint8"), counts[key]) for key in ("y_train", "y_test"))
    x_train, x_test = (np.zeros((len(y), 28, 28), "uint8") for y in (y_train, y_test))
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


# --- MNIST and Fashion-MNIST ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mnist_arrays():
    with np.load(DATA_DIR / "mnist.npz") as archive:
        return dict(archive)


@pytest.mark.slow
@needs_mnist
def test_mnist_from_a_folder_is_the_published_set(monkeypatch):
    monkeypatch.setenv("COMPANION_DATA_DIR", str(DATA_DIR))
    mnist = data.load("mnist")
    assert (mnist.x_train.shape, mnist.x_test.shape) == ((60000, 28, 28, 1), (10000, 28, 28, 1))
    assert (mnist.x_train.dtype, mnist.y_train.dtype) == (np.float32, np.int64)
    # The means that are published with the set.
    assert mnist.x_train.mean() == pytest.approx(0.1307, abs=1e-4)
    assert mnist.x_test.mean() == pytest.approx(0.1325, abs=1e-4)
    assert mnist.source == "mnist.npz in COMPANION_DATA_DIR"


@needs_mnist
@pytest.mark.parametrize("key", ["x_train", "x_test", "y_train"])
def test_one_changed_value_of_mnist_is_noticed(mnist_arrays, key):
    changed = mnist_arrays[key].copy()
    if key == "y_train":
        changed[[0, 1]] = changed[[1, 0]]  # The class counts stay as they were.
    else:
        changed[1234, 14, 14] ^= 1
    with pytest.raises(BadInput, match=f"mnist.npz: array {key} has SHA-256 .* so it is not mnist"):
        standard.check_standard(standard.MNIST, {**mnist_arrays, key: changed}, "mnist.npz", "get it again")


@needs_mnist
def test_a_tampered_mnist_file_is_refused(monkeypatch, tmp_path, mnist_arrays):
    changed = mnist_arrays["x_train"].copy()
    changed[0, 0, 0] = 1
    monkeypatch.setenv("COMPANION_DATA_DIR", str(tmp_path))
    np.savez(tmp_path / "mnist.npz", **{**mnist_arrays, "x_train": changed})
    with pytest.raises(BadInput, match=r"mnist\.npz: array x_train has SHA-256"):
        data.load("mnist")


@needs_mnist
def test_a_half_copied_mnist_file_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_DATA_DIR", str(tmp_path))
    (tmp_path / "mnist.npz").write_bytes((DATA_DIR / "mnist.npz").read_bytes()[:6_000_000])
    with pytest.raises(BadInput, match=r"mnist\.npz cannot be read as \.npz"):
        data.mnist()


@needs_mnist
def test_mnist_through_keras_is_the_same_data(monkeypatch, mnist_arrays):
    pairs = [(mnist_arrays[f"x_{part}"], mnist_arrays[f"y_{part}"]) for part in ("train", "test")]
    stand_in_for_keras(monkeypatch, lambda: pairs)
    assert data.load("mnist").source == "keras.datasets"


def _without(arrays, key):
    return {name: array for name, array in arrays.items() if name != key}


STANDARD_CASES = {
    "missing-array": (lambda a: _without(a, "y_test"), "has x_test, x_train, y_train, but no y_test"),
    "one-image-short": (
        lambda a: {**a, "x_train": a["x_train"][1:]},
        r"x_train is uint8 of shape \(59999, 28, 28\)",
    ),
    "floats": (lambda a: {**a, "x_test": a["x_test"] / 255}, r"x_test is float64 of shape .* expected uint8"),
    "class-counts": (
        lambda a: {**a, "y_test": a["y_test"] * 0},
        r"y_test has class counts \(10000, 0.* expected \(980",
    ),
    "other-pixels": (lambda a: a, "array x_train has SHA-256"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("change", "message"), STANDARD_CASES.values(), ids=STANDARD_CASES)
def test_arrays_that_are_not_mnist_are_refused(monkeypatch, tmp_path, change, message):
    monkeypatch.setenv("COMPANION_DATA_DIR", str(tmp_path))
    np.savez_compressed(tmp_path / "mnist.npz", **change(look_alike()))
    with pytest.raises(BadInput, match=message) as refusal:
        data.load("mnist")
    assert str(tmp_path / "mnist.npz") in str(refusal.value)


def test_what_keras_hands_over_is_checked_too(monkeypatch):
    arrays = look_alike(standard.FASHION_MNIST)
    pairs = [(arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in ("train", "test")]
    stand_in_for_keras(monkeypatch, lambda: pairs)
    with pytest.raises(
        BadInput, match=r"keras\.datasets: array x_train has SHA-256 .*delete .*fashion-mnist and load"
    ):
        data.load("fashion_mnist")


def test_digests_are_those_of_the_uncompressed_idx_files():
    array = np.arange(6, dtype="uint8").reshape(1, 2, 3)
    idx = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 2, 3, 4, 5])
    assert standard.idx_digest(array) == hashlib.sha256(idx).hexdigest()


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_no_network_names_both_ways_out(monkeypatch, name):
    def no_network():
        raise Exception("URL fetch failure on https://host/set.npz: None -- [Errno -3] Temporary failure")

    stand_in_for_keras(monkeypatch, no_network)
    ways_out = (
        rf"{name} could not be downloaded .*put {name}\.npz .*set COMPANION_DATA_DIR .*or use DATASET=digits"
    )
    with pytest.raises(BadInput, match=ways_out):
        data.load(name)


@pytest.mark.parametrize(
    "error", [EOFError("ended before the end"), gzip.BadGzipFile("CRC"), ValueError("Incomplete")]
)
def test_a_half_finished_download_of_keras_is_refused(monkeypatch, tmp_path, error):
    def damaged():
        raise error

    stand_in_for_keras(monkeypatch, damaged)
    with pytest.raises(BadInput, match="copy of fashion_mnist is damaged") as refusal:
        data.load("fashion_mnist")
    assert f"delete {tmp_path / 'keras' / 'datasets' / 'fashion-mnist'}" in str(refusal.value)


def test_an_error_that_is_nobodys_input_is_not_swallowed(monkeypatch):
    def bug():
        raise RuntimeError("a bug")

    stand_in_for_keras(monkeypatch, bug)
    with pytest.raises(RuntimeError, match="a bug"):
        data.load("mnist")


def test_a_data_folder_that_is_no_folder_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPANION_DATA_DIR", str(tmp_path / "absent"))
    with pytest.raises(BadInput, match=r"COMPANION_DATA_DIR=.*absent is not a folder"):
        data.load("mnist")
    assert data.load("digits").name == "digits"


# --- the list of sources ----------------------------------------------------------------------------------------------


def test_sources_follow_the_folder_the_cache_and_the_network(monkeypatch, tmp_path):
    assert [row.name for row in data.sources()] == list(data.NAMES)
    assert [row.present for row in data.sources()] == [True, True, False, False, True]
    monkeypatch.setenv("COMPANION_DATA_DIR", str(tmp_path))
    (tmp_path / "mnist.npz").touch()
    cache = tmp_path / "keras" / "datasets" / "fashion-mnist"
    cache.mkdir(parents=True)
    (cache / "train-labels-idx1-ubyte.gz").touch()
    rows = {row.name: row for row in data.sources()}
    assert rows["mnist"].origin == f"{tmp_path / 'mnist.npz'} (COMPANION_DATA_DIR)"
    assert not rows["fashion_mnist"].present, "one of four files is not the set"
    for part in ("train-images-idx3", "t10k-labels-idx1", "t10k-images-idx3"):
        (cache / f"{part}-ubyte.gz").touch()
    assert {row.name: row for row in data.sources()}["fashion_mnist"].origin == f"{cache} (Keras's cache)"
    assert all(row.licence and row.what and row.images for row in data.sources())
