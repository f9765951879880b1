"""Protects reading images a chunk at a time: the same pixels and the same refusals as for a whole file, damage found at
the latest at its end, and memory that does not grow with the number of images."""

import tracemalloc
import zipfile

import numpy as np
import pytest

from companion.data import from_arrays
from companion.data.chunks import ImageChunks
from companion.errors import BadInput

RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, size=(10, 5, 4), dtype="uint8")


def saved(tmp_path, compressed=True, **arrays):
    path = tmp_path / "my.npz"
    (np.savez_compressed if compressed else np.savez)(path, **arrays)
    return path


@pytest.mark.parametrize("size", [1, 3, 10, 256])
@pytest.mark.parametrize("compressed", [True, False])
def test_chunks_are_the_pixels_of_the_whole(tmp_path, size, compressed):
    floats = RNG.uniform(size=(10, 5, 4, 3)).astype("float64")
    for images in (BYTES, floats, floats.astype("float32"), floats.astype("float16"), floats > 0.5):
        path = saved(tmp_path, compressed, images=images)
        chunks = ImageChunks(path, size=size)
        assert len(chunks) == 10 and chunks.image_shape == (5, 4, images.shape[3] if images.ndim == 4 else 1)
        parts = list(chunks)
        assert [len(part) for part in parts] == [min(size, 10 - at) for at in range(0, 10, size)]
        assert all(part.dtype == "float32" for part in parts)
        whole = from_arrays({"x_train": images, "x_test": images}).x_train
        np.testing.assert_array_equal(np.concatenate(parts), whole)
        np.testing.assert_array_equal(np.concatenate(list(chunks)), whole)  # they can be read again


def test_which_array_is_read(tmp_path):
    path = saved(tmp_path, images=BYTES, other=BYTES[:3])
    assert len(ImageChunks(path)) == 10 and len(ImageChunks(path, array="other")) == 3
    assert len(ImageChunks(saved(tmp_path, pictures=BYTES[:4]))) == 4
    with pytest.raises(BadInput, match="has images, other, and no third: expected an array of images"):
        ImageChunks(saved(tmp_path, images=BYTES, other=BYTES), array="third")
    with pytest.raises(BadInput, match="has a, b, and no images"):
        ImageChunks(saved(tmp_path, a=BYTES, b=BYTES))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    """Files of 1 and of 40 megabytes; the peak of both is that of a few chunks."""
    peaks = []
    for n in (1_280, 51_200):
        path = saved(
            tmp_path, images=np.tile(RNG.integers(0, 256, (64, 28, 28), dtype="uint8"), (n // 64, 1, 1))
        )
        chunks, seen = ImageChunks(path, size=64), 0
        tracemalloc.start()
        for part in chunks:
            seen += len(part)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert seen == n
    assert peaks[1] < 1.2 * peaks[0] + 100_000
    assert peaks[1] < 3_000_000


def refused(path, **how):
    with pytest.raises(BadInput) as error:
        list(ImageChunks(path, **how))
    assert "\n" not in str(error.value)
    return str(error.value)


def test_arrays_that_hold_no_images_are_refused_as_in_a_whole_file(tmp_path):
    cases = {
        "expected (n, height, width) or": BYTES.reshape(10, 20),
        "(n, height, width, channels); use images.reshape": np.stack([np.stack([BYTES, BYTES], -1)] * 2, -1),
        "expected at least one image": BYTES[:0],
        "hold values from 0 to 7": np.linspace(0, 7, 40).reshape(2, 5, 4),
        "NaN or infinite": np.full((2, 5, 4), np.nan),
        "has dtype int64": BYTES.astype("int64"),
        "uint8 but no value exceeds 1": (BYTES > 100).astype("uint8"),
        "has dtype <U1": np.full((2, 5, 4), "a"),
        "has dtype complex128": BYTES * 1j,
    }
    for message, images in cases.items():
        path = saved(tmp_path, images=images)
        said = refused(path)
        assert message in said and "array images" in said and str(path) in said
    assert "pickled Python objects" in refused(saved(tmp_path, images=np.array([BYTES, None], dtype=object)))
    assert "np.ascontiguousarray(images)" in refused(saved(tmp_path, images=np.asfortranarray(BYTES)))


def test_a_bad_pixel_late_in_the_file_is_found(tmp_path):
    images = RNG.uniform(size=(100, 5, 4))
    images[97, 0, 0] = 1.5
    assert "hold values from" in refused(saved(tmp_path, images=images), size=8)


def test_binary_bytes_are_refused_at_the_end_even_where_one_chunk_is_black(tmp_path):
    images = np.zeros((20, 5, 4), "uint8")
    images[19] = 200  # every chunk but the last is black: these are bytes from 0 to 255
    assert len(list(ImageChunks(saved(tmp_path, images=images), size=5))) == 4


def test_bytes_up_to_two_are_levels_of_255(tmp_path):
    images = np.full((2, 5, 4), 2, "uint8")
    (only,) = ImageChunks(saved(tmp_path, images=images))
    np.testing.assert_allclose(only, 2 / 255)


def test_the_second_form_of_npy_is_read_too(tmp_path):
    path = tmp_path / "my.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("images.npy", "w") as member:
        np.lib.format.write_array(member, BYTES, version=(2, 0))
    np.testing.assert_allclose(np.concatenate(list(ImageChunks(path)))[..., 0], BYTES / 255, rtol=1e-6)


def test_files_that_are_missing_or_damaged(tmp_path):
    assert "is no file: expected an .npz file" in refused(tmp_path / "none.npz")
    assert "is no file" in refused(tmp_path)
    text = tmp_path / "text.npz"
    text.write_text("not a zip")
    assert "text.npz cannot be read as .npz" in refused(text)
    path = saved(tmp_path, compressed=False, images=np.tile(BYTES, (50, 1, 1)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refused(path)
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF  # one bit pattern in the middle of the pixels
    path.write_bytes(bytes(damaged))
    assert "array images cannot be read" in refused(path)


def test_an_array_that_is_shorter_or_longer_than_its_header(tmp_path):
    path = saved(tmp_path, compressed=False, images=BYTES)
    with zipfile.ZipFile(path) as archive:
        content = archive.read("images.npy")
    for changed, said in ((content[:-7], "truncated"), (content + b"abc", "longer than its header says")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", changed)
        assert said in refused(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x09\x00" + content[8:])
    assert "cannot be read as .npz" in refused(path)
    with pytest.raises(BadInput, match="size=0"):
        ImageChunks(path, size=0)
