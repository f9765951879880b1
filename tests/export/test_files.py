"""Protects the parts of a VAE in files: each gives Keras's figures after a round trip through each format, and what
cannot be exported is refused with the way that works."""

import keras
import numpy as np
import pytest

from companion import export
from companion.errors import BadInput
from tests.backends.families import CASES, IMAGES, new_model

NOISE = np.random.default_rng(1).normal(size=(24, 2)).astype("float32")
GIVEN = {"images": IMAGES, "codes": NOISE, "noise": NOISE}
ENDINGS = ("", ".onnx", ".tflite")


@pytest.fixture(scope="module")
def vae():
    return new_model("vae")


def inputs_of(part):
    return {name: GIVEN[name] for name in part.takes}


def from_keras(part):
    values = list(inputs_of(part).values())
    return {name: np.asarray(each) for name, each in part(values if len(values) > 1 else values[0]).items()}


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", export.PARTS)
def test_a_part_gives_the_same_after_a_round_trip(vae, name, ending, tmp_path):
    part = export.as_part(vae, name)
    function = export.load_part(export.save_part(vae, name, tmp_path / f"{name}{ending}"))
    found, wanted = function(**inputs_of(part)), from_keras(part)
    assert set(found) == set(wanted)
    for output, value in wanted.items():
        assert found[output].shape == value.shape
        np.testing.assert_allclose(found[output], value, rtol=1e-4, atol=1e-4, err_msg=output)
    # The number of rows is not fixed.
    fewer = function(**{each: array[:3] for each, array in inputs_of(part).items()})
    for output, value in wanted.items():
        np.testing.assert_allclose(fewer[output], value[:3], rtol=1e-4, atol=1e-4)


def test_the_parts_are_those_of_the_model(vae):
    z_mean, z_log_var = vae.encode(IMAGES)[:2]
    encoder = from_keras(export.as_part(vae, "encoder"))
    np.testing.assert_allclose(encoder["z_mean"], z_mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(encoder["z_log_var"], z_log_var, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        from_keras(export.as_part(vae, "decoder"))["images"], vae.decode(NOISE), rtol=1e-5
    )
    # The prior is the standard normal, so that noise is a code.
    np.testing.assert_allclose(
        from_keras(export.as_part(vae, "sampler"))["images"], vae.decode(NOISE), rtol=1e-5
    )
    scores, wanted = from_keras(export.as_part(vae, "scorer")), vae.elbo_terms(IMAGES, NOISE)
    for name in ("log_likelihood", "kl", "elbo"):
        np.testing.assert_allclose(scores[name], wanted[name], rtol=1e-5, atol=1e-4)


def test_the_sampler_draws_from_the_prior_of_the_model(vae):
    from companion.distributions import DiagonalNormal
    from companion.vae import VAE

    class Shifted(VAE):
        def prior_of(self, x):
            return DiagonalNormal(keras.ops.full((2,), 3.0), keras.ops.full((2,), np.log(4.0)))

    model = Shifted(vae.encoder, vae.decoder, seed=0)
    images = from_keras(export.as_part(model, "sampler"))["images"]
    np.testing.assert_allclose(images, vae.decode(3.0 + 2.0 * NOISE), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "case",
    ["conditional_vae", "hierarchical_vae", "vq_vae", "discrete_vae", "autoencoder", "prior_vae", "iaf_vae"],
)
def test_other_codes_are_refused_with_the_way_that_works(case):
    with pytest.raises(BadInput, match=r"call model.export\('folder'\)"):
        export.as_part(new_model(case), "encoder")


@pytest.mark.parametrize("case", ["beta_vae", "iwae", "miwae"])
def test_families_with_the_codes_of_a_vae_are_taken(case):
    assert case in CASES
    assert from_keras(export.as_part(new_model(case), "encoder"))["z_mean"].shape == (24, 2)


def test_other_names_and_endings_are_refused(vae, tmp_path):
    with pytest.raises(BadInput, match="expected one of encoder, decoder, sampler, scorer"):
        export.as_part(vae, "whole")
    with pytest.raises(BadInput, match="an ending of .onnx or .tflite"):
        export.save_part(vae, "encoder", tmp_path / "encoder.h5")
    with pytest.raises(BadInput, match="what save_part wrote"):
        export.load_part(tmp_path / "nowhere.onnx")


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr("companion.export.files.find_spec", lambda name: None if name == "tf2onnx" else name)
    with pytest.raises(BadInput, match=r"needs tf2onnx: .*pip install '.\[export\]'"):
        export.format_of("encoder.onnx")
    assert export.format_of("encoder.tflite") == "litert"


def test_a_file_that_its_engine_does_not_open_is_refused(vae, monkeypatch, tmp_path):
    """Converters only log an operation that they do not know."""
    whole = export.as_part(vae, "encoder")
    monkeypatch.setattr(whole, "call", lambda x: {"z": vae.encoder(x)[2]})  # which draws
    monkeypatch.setattr("companion.export.files.as_part", lambda *_: whole)
    with pytest.raises(BadInput, match="its engine does not open the encoder"):
        export.save_part(vae, "encoder", tmp_path / "encoder.onnx")
