"""Protects the pair of optimizers: each moves its own weights with its own settings, and both survive a file."""

import keras
import numpy as np
import pytest
from keras.optimizers import SGD, Adam, LossScaleOptimizer

from companion.adversarial import VAEGAN, OptimizerPerPlayer
from companion.errors import BadInput


def weights():
    return [keras.Variable(np.ones(2), name=name) for name in ("main", "other", "third")]


def pair(main, discriminator):
    variables = weights()
    return OptimizerPerPlayer(main, discriminator, variables[1:2]), variables


def test_each_weight_is_moved_by_its_own_optimizer():
    both, variables = pair(SGD(0.1), SGD(0.5))
    both.apply([np.ones(2), np.ones(2), 2 * np.ones(2)], variables)
    np.testing.assert_allclose(np.array([v.numpy() for v in variables]), [[0.9] * 2, [0.5] * 2, [0.8] * 2])
    assert [int(o.iterations) for o in (both, both.main, both.discriminator)] == [1, 1, 1]
    assert both.built  # by the first step, as every optimizer of Keras


def test_a_step_does_not_build_it_again():
    both, variables = pair(Adam(0.01), Adam(0.01))
    both.build(variables)
    count = len(both.variables)
    both.apply([np.ones(2)] * 3, variables)
    assert len(both.variables) == count


def test_adam_takes_its_fast_step_on_tensorflow():
    both, _ = pair(Adam(0.01), SGD(0.1))
    fast = keras.backend.backend() == "tensorflow"
    assert ("update_step" in vars(both.main)) == fast and "update_step" not in vars(both.discriminator)


def test_without_variables_those_it_was_built_with_are_moved():
    both, variables = pair(SGD(0.1), SGD(0.5))
    both.build(variables)
    both.apply([np.ones(2)] * 3)
    np.testing.assert_allclose(variables[1].numpy(), 0.5)


def test_it_does_what_two_optimizers_do():
    both, variables = pair(Adam(0.01), Adam(0.1, clipnorm=0.5))
    apart = weights()
    main, other = Adam(0.01), Adam(0.1, clipnorm=0.5)
    for step in range(3):
        gradients = [np.array([1.0, -step]), np.array([step, 2.0]), np.array([0.5, 0.1])]
        both.apply(gradients, variables)
        main.apply([gradients[0], gradients[2]], [apart[0], apart[2]])
        other.apply([gradients[1]], [apart[1]])
    for one, two in zip(variables, apart, strict=True):
        np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-5)


def test_its_learning_rate_is_that_of_the_main_one():
    both, _ = pair(SGD(0.1), SGD(0.5))
    assert float(both.learning_rate) == pytest.approx(0.1)
    both.learning_rate = 0.2
    assert float(both.main.learning_rate) == pytest.approx(0.2)
    assert float(both.discriminator.learning_rate) == pytest.approx(0.5)


def test_averages_take_the_place_of_the_weights_in_the_end():
    both, variables = pair(SGD(0.1, use_ema=True, ema_momentum=0.5), SGD(0.5))
    for _ in range(2):
        both.apply([np.ones(2)] * 3, variables)
    both.finalize_variable_values(variables)
    np.testing.assert_allclose(variables[0].numpy(), 0.5 * 0.9 + 0.5 * 0.8, rtol=1e-5)
    np.testing.assert_allclose(variables[1].numpy(), 0.0, atol=1e-6)


def test_it_lists_the_variables_of_both():
    both, variables = pair(Adam(0.01), SGD(0.1, momentum=0.9))
    both.build(variables)
    # Its own step and rate; step, rate and two moments for each of two; step, rate and one momentum.
    assert len(both.variables) == 2 + (2 + 4) + (2 + 1)


def test_a_configuration_comes_back():
    both, _ = pair(Adam(0.01, clipnorm=1.0), SGD(0.1))
    back = OptimizerPerPlayer.from_config(both.get_config())
    assert isinstance(back.main, Adam) and back.main.clipnorm == 1.0
    assert isinstance(back.discriminator, SGD) and float(back.discriminator.learning_rate) == pytest.approx(
        0.1
    )
    assert back.name == both.name


def test_names_are_taken_for_optimizers():
    both = OptimizerPerPlayer("adam", "sgd")
    assert isinstance(both.main, Adam) and isinstance(both.discriminator, SGD)


@pytest.mark.parametrize(
    "bad", [lambda: LossScaleOptimizer(SGD(0.1)), lambda: SGD(0.1, loss_scale_factor=8.0)]
)
def test_an_optimizer_that_scales_the_loss_is_refused(bad):
    with pytest.raises(BadInput, match="scales the loss: expected an optimizer that does not"):
        OptimizerPerPlayer(bad(), "adam")
    with pytest.raises(BadInput, match="scales the loss"):
        OptimizerPerPlayer("adam", bad())


@pytest.mark.slow
def test_no_weight_moves_before_every_loss_is_known():
    """The encoder's and the decoder's feature loss see one reconstruction; they part where a decoder has moved."""
    model = VAEGAN(**VAEGAN.build_networks((8, 8, 1), 2, hidden=(8,), seed=0), seed=0)
    model.compile(keras.optimizers.Adam(1e-2), steps_per_execution=1)
    images = np.random.default_rng(0).random((24, 8, 8, 1)).astype("float32")
    history = model.fit(images, batch_size=8, epochs=60, verbose=0).history
    np.testing.assert_allclose(history["encoder_loss"], history["decoder_loss"], rtol=1e-5)
