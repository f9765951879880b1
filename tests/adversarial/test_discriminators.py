"""Protects the discriminators: their shapes, weights of their own, and what is refused."""

import keras
import numpy as np
import pytest

from companion.adversarial import AAE, VAEGAN, build_code_discriminator, build_image_discriminator
from companion.adversarial.networks import SLOPE
from companion.errors import BadInput

SHAPE = (4, 4, 1)


def test_codes_go_to_a_logit():
    network = build_code_discriminator(3, hidden=(5, 4), seed=0)
    assert network(np.zeros((7, 3))).shape == (7, 1)
    assert network.count_params() == 3 * 5 + 5 + 5 * 4 + 4 + 4 + 1


def test_images_go_to_a_logit_and_the_features_before_it():
    network = build_image_discriminator(SHAPE, hidden=(6, 5), seed=0)
    logits, features = network(np.random.default_rng(0).random((7, *SHAPE)))
    assert logits.shape == (7, 1) and features.shape == (7, 5)
    last = network.get_layer("logit")
    np.testing.assert_allclose(logits, features @ last.kernel + last.bias, rtol=1e-5, atol=1e-6)


def test_defaults():
    assert build_code_discriminator().input_shape == (None, 2)
    assert [layer.units for layer in build_code_discriminator().layers if hasattr(layer, "units")] == [
        128,
        128,
        1,
    ]
    default = build_image_discriminator()
    assert default.input_shape == (None, 28, 28, 1)
    assert [layer.units for layer in default.layers if hasattr(layer, "units")] == [256, 128, 1]


def test_below_zero_a_unit_still_passes_a_part():
    network = build_code_discriminator(1, hidden=(1,), seed=0)
    slopes = [float(layer.negative_slope) for layer in network.layers if hasattr(layer, "negative_slope")]
    assert slopes == [SLOPE] and 0 < SLOPE < 1


def test_a_seed_fixes_the_weights_and_layers_of_one_shape_differ():
    first, again = (build_code_discriminator(4, hidden=(4, 4), seed=3) for _ in range(2))
    other = build_code_discriminator(4, hidden=(4, 4), seed=4)
    kernels = [layer.kernel.numpy() for layer in first.layers if hasattr(layer, "kernel")]
    same = [layer.kernel.numpy() for layer in again.layers if hasattr(layer, "kernel")]
    for a, b in zip(kernels, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.abs(kernels[0] - kernels[1]).max() > 0.01
    rest = [layer.kernel.numpy() for layer in other.layers if hasattr(layer, "kernel")]
    assert all(np.abs(a - b).max() > 0.01 for a, b in zip(kernels, rest, strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: build_code_discriminator(0), "latent_dim=0: expected a whole number of at least 1"),
        (lambda: build_code_discriminator(2, hidden=()), r"hidden=\(\): expected one whole number per layer"),
        (lambda: build_code_discriminator(2, hidden=8), "hidden=8: expected one whole number per layer"),
        (lambda: build_code_discriminator(2, hidden=(0,)), "hidden=0: expected a whole number of at least 1"),
        (lambda: build_code_discriminator(2, seed=-1), "seed=-1: expected a whole number of at least 0"),
        (lambda: build_image_discriminator((4, 0, 1)), "input_shape=0: expected a whole number"),
        (
            lambda: AAE(input_shape=SHAPE, discriminator=build_code_discriminator(3)),
            r"maps \(3,\) to \[\(1,\)\]: expected \(2,\) to one logit.*build_code_discriminator\(2\)",
        ),
        (
            lambda: AAE(input_shape=SHAPE, discriminator=build_image_discriminator(SHAPE)),
            r"expected \(2,\) to one logit",
        ),
        (
            lambda: VAEGAN(input_shape=SHAPE, discriminator=build_code_discriminator(2)),
            r"expected \(4, 4, 1\) to \[logit, features\].*build_image_discriminator",
        ),
        (lambda: VAEGAN(input_shape=SHAPE, discriminator="strict"), "discriminator has type str"),
        (
            lambda: VAEGAN(input_shape=SHAPE, discriminator=_two_maps()),
            r"expected \(4, 4, 1\) to \[logit, features\]",
        ),
        (lambda: AAE(input_shape=SHAPE, discriminator=_wide()), r"maps \(2,\) to \[\(2,\)\]"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()


def _two_maps():
    x = keras.Input(SHAPE)
    return keras.Model(x, [keras.layers.Dense(1)(keras.layers.Flatten()(x)), x])


def _wide():
    x = keras.Input((2,))
    return keras.Model(x, keras.layers.Dense(2)(x))
