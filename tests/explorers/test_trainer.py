"""Protects the trainer's Python side: the images that the page trains on are those of the package and are kept nowhere,
the page needs few bytes, and a file that is no trained model is refused."""

import gzip
import json
from base64 import b64decode

import numpy as np
import pytest

from companion import data, explorers
from companion.errors import BadInput
from companion.explorers import recording, widget
from companion.explorers.recording import Recorded, supplied
from companion.explorers.supplies import images_of
from companion.explorers.trained_here import NAMES, load_trained, variables_of

HEAVIEST_ON_THE_WIRE = 120_000


def test_the_page_gets_every_image_and_label_of_the_package():
    small = data.load("digits_8x8")
    given = images_of("digits_8x8")
    bits = np.frombuffer(b64decode(given["images"]), "uint8").reshape(-1, 8)
    images = np.unpackbits(bits, axis=1).reshape(-1, 8, 8, 1)
    np.testing.assert_array_equal(images, np.concatenate([small.x_train, small.x_test]))
    assert [int(label) for label in given["labels"]] == [*small.y_train, *small.y_test]
    assert given["train"] == len(small.x_train)
    assert recording.read("trainer").facts["shown"].items() >= given.items()


def test_no_image_lies_in_the_repository():
    kept = json.loads((recording.folder() / "trainer" / recording.FACTS).read_text(encoding="utf-8"))
    assert kept["shown"]["data"] == "digits_8x8"
    assert not {"images", "labels"} & set(kept["shown"])
    as_it_is = Recorded("other", {"shown": {"limits": [0, 1]}}, b"", b"")
    assert supplied(as_it_is) is as_it_is


def test_front_end_and_data_together_are_light_on_the_wire():
    parts = (widget.book_script(), widget.book_file("trainer"))
    assert sum(len(gzip.compress(part.encode(), mtime=0)) for part in parts) <= HEAVIEST_ON_THE_WIRE


def arrays(hidden: int = 5, latent_dim: int = 3) -> dict[str, np.ndarray]:
    shapes = {
        "encoder_hidden": (64, hidden),
        "z_mean": (hidden, latent_dim),
        "raw_log_var": (hidden, latent_dim),
        "decoder_hidden": (latent_dim, hidden),
        "pixels": (hidden, 64),
    }
    draws = np.random.default_rng(0)
    both = {f"{layer}_kernel": draws.normal(size=shape) for layer, shape in shapes.items()}
    both |= {f"{layer}_bias": draws.normal(size=shape[1]) for layer, shape in shapes.items()}
    return {name: array.astype("float32") for name, array in both.items()}


def test_a_saved_model_is_a_vae_with_these_weights(tmp_path):
    from companion.vae import VAE

    given = arrays()
    np.savez(tmp_path / "model.npz", **given, beta=np.float32(4))
    model = load_trained(tmp_path / "model.npz")
    assert type(model) is VAE
    assert (model.image_shape, model.latent_dim) == ((8, 8, 1), 3)
    assert set(variables_of(model)) == set(NAMES) == set(given)
    images = data.load("digits_8x8").x_test[:4]
    hidden = np.maximum(
        images.reshape(4, 64) @ given["encoder_hidden_kernel"] + given["encoder_hidden_bias"], 0
    )
    z_mean, z_log_var, _ = (np.asarray(each) for each in model.encode(images))
    np.testing.assert_allclose(
        z_mean, hidden @ given["z_mean_kernel"] + given["z_mean_bias"], rtol=1e-4, atol=1e-4
    )
    raw = hidden @ given["raw_log_var_kernel"] + given["raw_log_var_bias"]
    np.testing.assert_allclose(z_log_var, 10 * np.tanh(raw / 10), rtol=1e-4, atol=1e-4)
    units = np.maximum(z_mean @ given["decoder_hidden_kernel"] + given["decoder_hidden_bias"], 0)
    pixels = 1 / (1 + np.exp(-(units @ given["pixels_kernel"] + given["pixels_bias"])))
    np.testing.assert_allclose(np.asarray(model.decode(z_mean)).reshape(4, 64), pixels, rtol=1e-4, atol=1e-4)
    # What the file says of the training does not change what is reported.
    terms = model.elbo_terms(images)
    np.testing.assert_allclose(terms["elbo"], terms["log_likelihood"] - terms["kl"], rtol=1e-5)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"pixels_bias": None}, "but no pixels_bias: expected the file of a trained model; download"),
        ({"z_mean_kernel": np.ones((4, 3), "float32")}, r"z_mean_kernel is float32 of shape \(4, 3\)"),
        ({"pixels_bias": np.full(64, np.nan, "float32")}, "pixels_bias holds numbers that are not finite"),
        ({"pixels_bias": np.full(64, "a")}, "pixels_bias is <U1 of shape"),
        (
            {"encoder_hidden_kernel": np.ones((784, 5), "float32")},
            r"expected real numbers of shape \(64, 5\)",
        ),
    ],
    ids=["missing", "shape", "nan", "text", "larger images"],
)
def test_a_file_that_is_no_trained_model_is_refused(tmp_path, change, message):
    given = {name: array for name, array in (arrays() | change).items() if array is not None}
    np.savez(tmp_path / "model.npz", **given)
    with pytest.raises(BadInput, match=message):
        load_trained(tmp_path / "model.npz")


def test_a_path_without_a_file_and_a_file_of_another_kind_are_refused(tmp_path):
    with pytest.raises(BadInput, match="is not a file: expected the .npz file"):
        load_trained(tmp_path / "nowhere.npz")
    (tmp_path / "text.npz").write_text("weights", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be read as .npz"):
        load_trained(tmp_path / "text.npz")


def test_the_trainer_starts_as_it_is_asked_to():
    assert explorers.trainer(beta=4.0, latent=8).state["beta"] == 4.0
    with pytest.raises(BadInput, match="got price: expected some of z, beta"):
        explorers.trainer(price=1)
