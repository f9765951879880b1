"""Protects export: every family becomes a SavedModel that gives the same figures, trained or not, loaded or not, and a
whole model is saved in Keras's own format alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from companion.errors import BadInput
from tests.backends.families import CASES, HOW, IMAGES, LABELS, SHAPE, data_for, new_model

# One of each family: what of an output is the same at every call.
WITHOUT_NOISE = {
    "autoencoder": ("logits", "z"),
    "vae": ("z_mean", "z_log_var"),
    "beta_vae with warm-up": ("z_mean", "z_log_var"),
    "conditional_vae with a learned prior": ("z_mean", "z_log_var"),
    "hierarchical_vae": ("z_mean", "z_log_var"),
    "vq_vae": ("logits", "codes", "encoded", "embedded"),
    "discrete_vae": ("log_q",),
    "iwae": ("z_mean", "z_log_var"),
    "aae": ("z_mean", "z_log_var"),
    "vae_gan": ("z_mean", "z_log_var"),
    "pixel_vae": ("z_mean", "z_log_var"),
    "semi_supervised_vae": ("z_mean", "z_log_var", "log_q"),
    "miwae": ("z_mean", "z_log_var"),
    "prior_vae": ("z_mean", "z_log_var"),
    "iaf_vae": ("z_mean", "z_log_var"),
    "fsq_vae": ("logits", "codes", "encoded", "embedded"),
    "residual_vq_vae": ("logits", "codes", "encoded", "embedded"),
    "latent_diffusion": ("z_mean", "z_log_var"),
}


def served(model, folder):
    model.export(folder, verbose=False)
    return tf.saved_model.load(folder)  # its functions live as long as it does


def compare(model, exported, case):
    x = data_for(case)
    given = model(tuple(x) if isinstance(x, list) else x, training=False)
    out = exported.serve(x)
    for name in WITHOUT_NOISE[case]:
        np.testing.assert_allclose(out[name], given[name], rtol=1e-5, atol=1e-5, err_msg=name)
    # The decoder, too, is the model's: it decodes the codes that were drawn.
    if "logits" not in WITHOUT_NOISE[case]:
        z = out["z"]
        y = tuple(x) if isinstance(x, list) else x
        if case == "semi_supervised_vae":  # whose codes are those of every class
            z, y = keras.ops.reshape(z, (-1, 2)), model.with_each_class(IMAGES)
            np.testing.assert_array_equal(np.shape(out["logits"]), (24, 3, *SHAPE))
            out = {**out, "logits": np.reshape(out["logits"], (-1, *SHAPE))}
        np.testing.assert_allclose(out["logits"], model.logits_of(z, y), rtol=1e-4, atol=1e-4)
        assert not np.allclose(out["z"], exported.serve(x)["z"])


@pytest.mark.slow
@pytest.mark.parametrize("case", WITHOUT_NOISE)
def test_an_untrained_model_is_exported(case, tmp_path):
    model = new_model(case)
    compare(model, served(model, str(tmp_path / "model")), case)


@pytest.mark.slow
@pytest.mark.parametrize("case", WITHOUT_NOISE)
def test_a_model_is_exported_after_training_and_after_loading(case, tmp_path):
    model = new_model(case)
    model.fit(data_for(case), epochs=1, **HOW)
    compare(model, served(model, str(tmp_path / "model")), case)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    compare(loaded, served(loaded, str(tmp_path / "loaded")), case)


def test_every_family_is_among_these():
    assert {CASES[case][0] for case in WITHOUT_NOISE} == {family for family, _ in CASES.values()}


def test_keras_takes_an_export_as_a_layer(tmp_path):
    model = new_model("vae")
    model.export(tmp_path / "model", verbose=False)
    layer = keras.layers.TFSMLayer(str(tmp_path / "model"), call_endpoint="serving_default")
    np.testing.assert_allclose(layer(IMAGES)["z_mean"], model(IMAGES)["z_mean"], rtol=1e-5)


@pytest.mark.slow
def test_layers_of_codes_have_names_of_their_own(tmp_path):
    exported = served(new_model("hierarchical_vae"), str(tmp_path / "model"))
    out = exported.serve(IMAGES)
    assert out["layer_1_z"].shape == (24, 3) and out["layer_2_z_mean"].shape == (24, 2)
    np.testing.assert_array_equal(out["layer_1_z"], out["z"])


def test_another_signature_is_taken_as_it_is(tmp_path):
    model = new_model("conditional_vae")
    pair = [
        keras.InputSpec(shape=(None, *SHAPE), dtype="float32"),
        keras.InputSpec(shape=(None, 3), dtype="float32"),
    ]
    model.export(tmp_path / "model", verbose=False, input_signature=[pair])
    exported = tf.saved_model.load(str(tmp_path / "model"))
    out = exported.serve([IMAGES, np.eye(3, dtype="float32")[LABELS]])
    np.testing.assert_allclose(out["z_mean"], model((IMAGES, LABELS))["z_mean"], rtol=1e-5, atol=1e-6)


def test_conditions_that_are_no_classes_keep_their_shape(tmp_path):
    from companion.conditional_vae import ConditionalVAE

    model = ConditionalVAE(input_shape=SHAPE, condition_shape=(2, 2), seed=0)
    conditions = np.random.default_rng(1).uniform(size=(24, 2, 2)).astype("float32")
    exported = served(model, str(tmp_path / "model"))
    out = exported.serve([IMAGES, conditions])
    np.testing.assert_allclose(out["z_mean"], model((IMAGES, conditions))["z_mean"], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["autoencoder"])
def test_a_model_that_draws_nothing_becomes_a_tflite_file(case, tmp_path):
    model, path = new_model(case), str(tmp_path / "model.tflite")
    model.export(path, format="tflite", verbose=False)
    np.testing.assert_allclose(
        from_tflite(path, IMAGES[:1]), model(IMAGES[:1])["logits"], rtol=1e-4, atol=1e-4
    )


@pytest.mark.slow
def test_the_decoder_of_a_model_that_draws_becomes_a_tflite_file(tmp_path):
    model, path = new_model("vae"), str(tmp_path / "decoder.tflite")
    model.decoder.export(path, format="litert", verbose=False)
    z = np.ones((1, 2), "float32")
    np.testing.assert_allclose(from_tflite(path, z), model.decoder(z), rtol=1e-4, atol=1e-4)


def from_tflite(path, x):
    """What a TensorFlow Lite file computes: its output with the shape of an image."""
    interpreter = tf.lite.Interpreter(model_path=path)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]
    return next(out for out in outputs if out.shape[1:] == SHAPE)


@pytest.mark.parametrize("name", ["model.h5", "model.hdf5", "model.weights.h5", "model", "model.tf"])
def test_a_model_is_saved_in_kerass_own_format_alone(name, tmp_path):
    with pytest.raises(
        BadInput, match=r"expected a path that ends in .keras.*call model.save\('model.keras'\)"
    ):
        new_model("vae").save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_the_calls_that_the_refusal_names_work(tmp_path):
    model = new_model("vae")
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    model.save(tmp_path / "folder", zipped=False)
    assert len(list(tmp_path.iterdir())) == 3
