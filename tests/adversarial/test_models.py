"""Protects the adversarial families: which loss trains which network, values of the losses, optimizers, files."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from companion.adversarial import (
    AAE,
    VAEGAN,
    build_code_discriminator,
    build_image_discriminator,
    gradient_flow,
)
from companion.adversarial.losses import discriminator_loss, generator_loss
from companion.distributions import DiagonalNormal
from companion.errors import BadInput
from companion.vae import VAE

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).random((12, *SHAPE)).astype("float32")
NETWORKS = ("encoder", "decoder", "discriminator")
# The networks that each loss trains; it must not reach any other.
TRAINS = {
    AAE: {
        "reconstruction_loss": {"encoder", "decoder"},
        "encoder_loss": {"encoder"},
        "discriminator_loss": {"discriminator"},
    },
    VAEGAN: {
        "kl_loss": {"encoder"},
        "encoder_loss": {"encoder"},
        "decoder_loss": {"decoder"},
        "judged_loss": {"decoder"},
        "discriminator_loss": {"discriminator"},
    },
}
each_family = pytest.mark.parametrize("family", TRAINS)


def small(family, seed=0, **own):
    networks = family.build_networks(SHAPE, 2, hidden=(8,), seed=seed)
    build = build_code_discriminator if issubclass(family, AAE) else build_image_discriminator
    discriminator = build(2 if issubclass(family, AAE) else SHAPE, hidden=(6, 5), seed=9)
    return family(**networks, discriminator=discriminator, seed=seed, **own)


def losses_of(model, images=IMAGES, training=True):
    x = ops.convert_to_tensor(images)
    y_pred = model(x, training=training)
    y_pred["z_prior"] = model.draw_like(y_pred["z"], x)
    return y_pred, model.losses_of(x, y_pred, model.terms(x, y_pred), training)


@each_family
def test_every_loss_trains_its_networks_and_no_other(family):
    flow = gradient_flow(small(family), IMAGES)
    reached = {loss: {part for part, length in row.items() if length > 0} for loss, row in flow.items()}
    assert reached == TRAINS[family]


@each_family
def test_the_flow_is_the_length_of_the_gradient_of_the_mean(family):
    model = small(family)
    state = np.array(model.seed_generator.state), np.array(_sampling(model).seed_generator.state)
    flow = gradient_flow(model, IMAGES)
    model.seed_generator.state.assign(state[0])
    _sampling(model).seed_generator.state.assign(state[1])
    with tf.GradientTape() as tape:
        _, losses = losses_of(model)
        mean = ops.mean(losses["discriminator_loss"])
    gradients = tape.gradient(mean, model.discriminator.trainable_variables)
    expected = np.sqrt(sum(np.sum(np.square(g)) for g in gradients))
    assert flow["discriminator_loss"]["discriminator"] == pytest.approx(expected, rel=1e-4)


def _sampling(model):
    return model.encoder.get_layer("z")


def test_a_leak_is_seen():
    class Leaky(AAE):
        def losses_of(self, x, y_pred, terms, training):
            losses = super().losses_of(x, y_pred, terms, training)
            return {**losses, "encoder_loss": generator_loss(self.discriminator(y_pred["z"]))}

    assert gradient_flow(small(Leaky), IMAGES)["encoder_loss"]["discriminator"] > 0


def test_the_losses_of_an_aae_by_hand():
    model = small(AAE)
    y_pred, losses = losses_of(model)
    of_codes, of_prior = model.discriminator(y_pred["z"]), model.discriminator(y_pred["z_prior"])
    np.testing.assert_allclose(losses["encoder_loss"], generator_loss(of_codes), rtol=1e-5)
    np.testing.assert_allclose(
        losses["discriminator_loss"], discriminator_loss(of_prior, of_codes), rtol=1e-5
    )
    log_likelihood = model.likelihood_of(y_pred["logits"]).log_prob(IMAGES)
    np.testing.assert_allclose(losses["reconstruction_loss"], -log_likelihood, rtol=1e-5)
    assert all(loss.shape == (12,) for loss in losses.values())


def test_the_losses_of_a_vae_gan_by_hand():
    model = small(VAEGAN, feature_scale=0.5)
    y_pred, losses = losses_of(model)
    rebuilt = model.likelihood_of(model.decoder(y_pred["z"])).mean()
    drawn = model.likelihood_of(model.decoder(y_pred["z_prior"])).mean()
    real_logit, real = model.discriminator(IMAGES)
    rebuilt_logit, features = model.discriminator(rebuilt)
    drawn_logit, _ = model.discriminator(drawn)
    distance = 0.5 * np.sum(np.square((np.asarray(real) - np.asarray(features)) / 0.5), axis=1)
    np.testing.assert_allclose(losses["encoder_loss"], distance, rtol=1e-4)
    np.testing.assert_allclose(losses["decoder_loss"], distance, rtol=1e-4)
    np.testing.assert_allclose(losses["judged_loss"], generator_loss(rebuilt_logit, drawn_logit), rtol=1e-5)
    expected = discriminator_loss(real_logit, rebuilt_logit, drawn_logit)
    np.testing.assert_allclose(losses["discriminator_loss"], expected, rtol=1e-5)
    kl = DiagonalNormal(y_pred["z_mean"], y_pred["z_log_var"]).kl(DiagonalNormal(0.0, 0.0))
    np.testing.assert_allclose(losses["kl_loss"], kl, rtol=1e-4)


@pytest.mark.parametrize(
    ("family", "own", "weighted"),
    [
        (AAE, {"adversarial_weight": 3.0}, "encoder_loss"),
        (VAEGAN, {"feature_weight": 0.25, "feature_scale": 0.7}, "decoder_loss"),
    ],
)
def test_the_loss_is_the_weighted_sum_and_every_loss_is_reported(family, own, weighted):
    model = small(family, **own)
    model.compile("adam")
    scores = model.evaluate(IMAGES, verbose=0, return_dict=True)
    assert set(model.loss_names) | {"loss", "neg_elbo"} <= set(scores)
    weight = next(iter(own.values()))
    total = sum(scores[name] * (weight if name == weighted else 1.0) for name in model.loss_names)
    assert scores["loss"] == pytest.approx(total, rel=1e-4)
    assert scores["neg_elbo"] == pytest.approx(scores["reconstruction_loss"] + scores["kl_loss"], rel=1e-4)


@pytest.mark.slow
@each_family
def test_weights_of_images_weigh_every_loss(family):
    model = small(family)
    model.compile("adam")
    once = np.r_[np.ones(6), np.zeros(6)]
    for name, value in model.test_on_batch(IMAGES, sample_weight=once, return_dict=True).items():
        assert np.isfinite(value), name
    model.compile(keras.optimizers.SGD(1.0))
    before = [w.numpy() for w in model.weights]
    model.train_on_batch(IMAGES, sample_weight=np.zeros(12))
    for weight, value in zip(model.trainable_weights, before, strict=False):
        np.testing.assert_array_equal(weight.numpy(), value)


@each_family
def test_one_training_step_moves_each_network_at_its_own_rate(family):
    model = small(family)
    model.compile(keras.optimizers.SGD(0.0), discriminator_optimizer=keras.optimizers.SGD(0.1))
    before = {part: getattr(model, part).get_weights() for part in NETWORKS}
    model.train_on_batch(IMAGES)
    moved = {
        part: any(
            (a != b).any() for a, b in zip(before[part], getattr(model, part).get_weights(), strict=True)
        )
        for part in NETWORKS
    }
    assert moved == {"encoder": False, "decoder": False, "discriminator": True}


def test_without_a_second_optimizer_the_discriminator_gets_a_copy_of_the_first_at_its_pace():
    model = small(VAEGAN)
    model.compile(keras.optimizers.Adam(3e-3, clipnorm=2.0))
    first, second = model.optimizer.main, model.optimizer.discriminator
    assert first is not second and type(second) is type(first)
    assert second.clipnorm == 2.0 and float(second.learning_rate) == pytest.approx(3e-4)
    assert float(first.learning_rate) == pytest.approx(3e-3)
    even = small(AAE)
    even.compile(keras.optimizers.Adam(3e-3))
    assert float(even.optimizer.discriminator.learning_rate) == pytest.approx(3e-3)
    decay = keras.optimizers.schedules.CosineDecay(0.1, 10)
    model.compile(keras.optimizers.SGD(decay))
    assert float(model.optimizer.discriminator.learning_rate) == pytest.approx(0.1)


@each_family
def test_the_prior_of_a_subclass_is_what_codes_are_compared_with(family):
    class Shifted(family):
        def prior_of(self, x):
            return DiagonalNormal(8.0 * ops.ones(2), -4.0 * ops.ones(2))

    y_pred, _ = losses_of(small(Shifted))
    assert np.abs(np.mean(y_pred["z_prior"]) - 8) < 0.2 and np.std(y_pred["z_prior"]) < 0.5


@pytest.mark.slow
@each_family
def test_training_stands_in_a_file_and_goes_on_as_without_a_stop(family, tmp_path):
    def train(model, epochs):
        return model.fit(IMAGES, batch_size=4, shuffle=False, epochs=epochs, verbose=0).history["loss"]

    straight, stopped = small(family), small(family)
    for model in (straight, stopped):
        # Small steps: two networks that work against each other enlarge the rounding of sums in another order.
        model.compile("adam", discriminator_optimizer=keras.optimizers.SGD(0.005, momentum=0.9))
    whole = train(straight, 4)
    half = train(stopped, 2)
    stopped.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is family
    assert type(loaded.optimizer.discriminator) is keras.optimizers.SGD
    assert int(loaded.optimizer.iterations) == 6
    np.testing.assert_allclose(loaded.reconstruct(IMAGES), stopped.reconstruct(IMAGES), rtol=1e-5)
    resumed = keras.models.load_model(
        tmp_path / "model.keras"
    )  # reconstruct has moved the noise of the other one
    np.testing.assert_allclose([*half, *train(resumed, 2)], whole, rtol=1e-3)


@pytest.mark.slow
@each_family
def test_each_side_learns_while_the_other_stands_still(family):
    still, learns = keras.optimizers.SGD(0.0), keras.optimizers.Adam(1e-2)
    how = {"batch_size": 12, "epochs": 40, "verbose": 0}
    against_a_fixed_judge, judge_alone = small(family), small(family)
    against_a_fixed_judge.compile(learns, discriminator_optimizer=still)
    falling = "reconstruction_loss" if family is AAE else "encoder_loss"
    history = against_a_fixed_judge.fit(np.round(IMAGES), **how).history
    assert history[falling][-1] < 0.9 * history[falling][0]
    assert history[{AAE: "encoder_loss", VAEGAN: "judged_loss"}[family]][-1] < 1.5
    judge_alone.compile(keras.optimizers.SGD(0.0), discriminator_optimizer=keras.optimizers.Adam(1e-2))
    losses = judge_alone.fit(np.round(IMAGES), **{**how, "epochs": 150}).history["discriminator_loss"]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: AAE(input_shape=SHAPE, adversarial_weight=-1),
            "adversarial_weight=-1: expected a finite number",
        ),
        (
            lambda: VAEGAN(input_shape=SHAPE, feature_weight="much"),
            "feature_weight='much': expected a finite",
        ),
        (
            lambda: VAEGAN(input_shape=SHAPE, feature_scale=0),
            "feature_scale=0: expected a finite number above 0",
        ),
        (lambda: small(AAE).compile("adam", "mse"), "AAE computes its own loss"),
        (lambda: gradient_flow(VAE(input_shape=SHAPE), IMAGES), "VAE has no losses of its own"),
        (lambda: gradient_flow(small(AAE), IMAGES * 255), "expected pixels in"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()


def test_the_flow_needs_tensorflow(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(BadInput, match="gradient_flow on jax: expected TensorFlow"):
        gradient_flow(small(AAE), IMAGES)


def test_networks_that_are_left_out_are_built_and_differ_in_their_weights():
    aae, vae_gan = AAE(input_shape=SHAPE, latent_dim=3, seed=1), VAEGAN(input_shape=SHAPE, seed=1)
    assert aae.discriminator.input_shape == (None, 3) and aae.adversarial_weight == 3.0
    assert vae_gan.discriminator.input_shape == (None, *SHAPE) and vae_gan.feature_weight == 1.0
    assert vae_gan.feature_scale == 0.1
    again, other = AAE(input_shape=SHAPE, latent_dim=3, seed=1), AAE(input_shape=SHAPE, latent_dim=3, seed=2)
    kernels = [model.discriminator.layers[1].kernel.numpy() for model in (aae, again, other)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert np.abs(kernels[0] - kernels[2]).max() > 0.01
    AAE(input_shape=SHAPE)  # without a seed
