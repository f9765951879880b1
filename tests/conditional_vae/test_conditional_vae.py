"""Protects the conditional VAE: that the condition reaches both networks and a prior that is learned; that every
term, weight and sample equals what NumPy makes of the same weights and noise; that labels, vectors and streams take one
path."""

import keras
import numpy as np
import pytest
from scipy.special import logsumexp

from companion import evaluation
from companion.conditional_vae import ConditionalVAE, cvae_loss
from companion.conditional_vae import model as module
from companion.conditional_vae.networks import build_cvae_decoder, build_cvae_encoder, build_cvae_prior
from companion.data import Batches
from companion.errors import BadInput

SHAPE = (4, 4, 1)
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, size=20)
EPSILON = RNG.normal(size=(20, 2)).astype("float32")
UPPER = (2, 4, 1)  # the shape of a condition that is half an image
HOW = {"batch_size": 8, "shuffle": False, "verbose": 0}


def one_hot(labels, classes=3):
    return np.eye(classes, dtype="float32")[labels]


def make(prior="learned", seed=0, **kwargs):
    """A small model whose prior, if it is learned, is no longer the standard normal it begins as."""
    given = {"condition_shape": UPPER} if kwargs.pop("halves", False) else {"num_classes": 3}
    encoder = build_cvae_encoder(SHAPE, 2, **given, hidden=(8, 6), seed=2 * seed)
    decoder = build_cvae_decoder(2, SHAPE, **given, hidden=(6, 8), seed=2 * seed + 1)
    model = ConditionalVAE(encoder, decoder, prior=prior, seed=seed, **given, **kwargs)
    if model.prior_network is not None:
        for weight in model.prior_network.trainable_variables:
            weight.assign(np.random.default_rng(len(weight.shape)).normal(scale=0.3, size=weight.shape))
    return model


def compiled(model):
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    return model


# --- The same in NumPy, from the weights alone -----------------------------------------------------------------------


def weights_of(network):
    return [np.asarray(weight, "float64") for weight in network.get_weights()]


def dense(network, name, h):
    kernel, bias = (np.asarray(weight, "float64") for weight in network.get_layer(name).get_weights())
    return h @ kernel + bias


def last_hidden(network, first, condition=None):
    """The last hidden layer of a dense network, whose condition joins after the first."""
    hidden = [
        layer.name for layer in network.layers if getattr(layer, "activation", None) is keras.activations.relu
    ]
    h = np.asarray(first, "float64").reshape(len(first), -1)
    for position, name in enumerate(hidden):
        h = np.maximum(dense(network, name, h), 0)
        if position == 0 and condition is not None:
            flat = np.asarray(condition, "float64").reshape(len(h), -1)
            length = (
                1 if flat.shape[1] == 3 else np.sqrt(flat.shape[1])
            )  # one-hot labels, or as many numbers about 1
            h = np.concatenate([h, np.sqrt(h.shape[1]) / length * flat], axis=1)
    return h


def heads(network, h):
    return dense(network, "z_mean", h), 10 * np.tanh(dense(network, "raw_log_var", h) / 10)


def encoded(model, images, condition):
    return heads(model.encoder, last_hidden(model.encoder, images, condition))


def decoded_logits(model, z, condition):
    return dense(model.decoder, "pixels", last_hidden(model.decoder, z, condition)).reshape(-1, *SHAPE)


def prior_parameters(model, condition):
    if model.prior == "standard":
        return np.zeros((len(condition), 2)), np.zeros((len(condition), 2))
    return heads(model.prior_network, last_hidden(model.prior_network, condition))


def log_bernoulli(images, logits):
    return (images * logits - np.logaddexp(0, logits)).reshape(len(images), -1).sum(1)


def log_normal(z, mean, log_var):
    return -0.5 * (np.log(2 * np.pi) + log_var + (z - mean) ** 2 / np.exp(log_var)).sum(-1)


def log_weights(model, images, condition, epsilon):
    """log p(x|y, z) + log p(z|y) - log q(z|x, y) of one draw per image."""
    mean, log_var = encoded(model, images, condition)
    z = mean + np.exp(log_var / 2) * epsilon
    log_prior = log_normal(z, *prior_parameters(model, condition))
    log_likelihood = log_bernoulli(images, decoded_logits(model, z, condition))
    return log_likelihood + log_prior - log_normal(z, mean, log_var)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


# --- The networks ----------------------------------------------------------------------------------------------------


def test_the_sizes_of_the_sources():
    encoder, decoder = build_cvae_encoder(), build_cvae_decoder()
    assert [tuple(part.shape) for part in encoder.inputs] == [(None, 784), (None, 10)]
    assert [tuple(part.shape) for part in decoder.inputs] == [(None, 2), (None, 10)]
    assert [tuple(part.shape) for part in encoder.outputs] == 3 * [(None, 2)]
    # Ten further inputs to the second layer of each; the plain pair has 534,276 and 534,544.
    assert encoder.count_params() == 534_276 + 10 * 256 == 536_836
    assert decoder.count_params() == 534_544 + 10 * 512 == 539_664


@pytest.mark.parametrize("network", ["dense", "conv"])
def test_the_condition_reaches_both_networks(images, network):
    parts = ConditionalVAE.build_networks(SHAPE, 2, network=network, num_classes=3, seed=0)
    given, nothing = one_hot(LABELS), np.zeros((20, 3), "float32")
    assert parts["encoder"].name == ("encoder" if network == "dense" else "conv_encoder")
    for name, first in (("encoder", images), ("decoder", EPSILON)):
        answers = [
            parts[name]([first, condition]) for condition in (given, nothing, one_hot((LABELS + 1) % 3))
        ]
        outputs = [np.asarray(answer[0] if name == "encoder" else answer) for answer in answers]
        assert outputs[0].shape == ((20, 2) if name == "encoder" else (20, *SHAPE))
        for other in outputs[1:]:  # in every image, by more than rounding
            assert (np.abs(other - outputs[0]).reshape(20, -1).max(axis=1) > 1e-3).all()


def test_a_map_of_features_gets_one_constant_plane_for_each_number(images):
    encoder = build_cvae_encoder(SHAPE, 2, 3, network="conv")
    joined = next(layer for layer in encoder.layers if isinstance(layer, keras.layers.Concatenate))
    planes = keras.Model(encoder.inputs, joined.output)([images, one_hot(LABELS)])[..., -3:]
    assert planes.shape == (20, 4, 4, 3)
    expected = np.sqrt(32) * one_hot(LABELS)[:, None, None]  # the map has 32 channels
    np.testing.assert_allclose(planes, np.broadcast_to(expected, planes.shape), rtol=1e-6)


def test_a_condition_weighs_as_much_as_the_layer_it_joins():
    for given, condition in (
        ({"num_classes": 3}, one_hot(LABELS)),
        ({"condition_shape": UPPER}, np.ones((20, *UPPER))),
    ):
        for network in (
            build_cvae_encoder(SHAPE, 2, **given, hidden=(9, 6)),
            build_cvae_decoder(2, SHAPE, **given, hidden=(9, 6)),
        ):
            scale = next(layer for layer in network.layers if isinstance(layer, keras.layers.Rescaling))
            scaled = np.asarray(scale(condition.reshape(20, -1).astype("float32")))
            np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), np.sqrt(9), rtol=1e-6)


def test_the_prior_begins_as_the_standard_normal():
    for parameter in build_cvae_prior(2, 3, seed=0)(one_hot(LABELS)):
        np.testing.assert_array_equal(parameter, np.zeros((20, 2)))


def test_the_usual_prior_is_one_layer_of_64_units():
    prior = build_cvae_prior()
    assert (prior.input_shape, prior.output_shape) == ((None, 10), [(None, 2), (None, 2)])
    assert prior.count_params() == (10 * 64 + 64) + 2 * (64 * 2 + 2)
    assert ConditionalVAE(input_shape=SHAPE).prior == "standard"


def test_networks_are_built_to_fit_one_that_is_given():
    encoder = build_cvae_encoder((8, 8, 1), 5, condition_shape=(4,), hidden=(8,))
    model = ConditionalVAE(encoder, condition_shape=(4,))
    assert (model.image_shape, model.latent_dim, model.num_classes) == ((8, 8, 1), 5, None)
    decoder = build_cvae_decoder(3, (8, 8, 1), condition_shape=(4,), hidden=(8,))
    model = ConditionalVAE(decoder=decoder, condition_shape=(4,), prior="learned")
    assert (model.image_shape, model.latent_dim) == ((8, 8, 1), 3)
    assert model.prior_network.output_shape == [(None, 3), (None, 3)]


def test_seeds_repeat_and_no_two_networks_share_theirs():
    def first_weights(seed):
        model = ConditionalVAE(input_shape=SHAPE, prior="learned", seed=seed)
        parts = ConditionalVAE.build_networks(SHAPE, 2, num_classes=10, seed=seed)
        for name in ("encoder", "decoder"):
            for built, given in zip(weights_of(getattr(model, name)), weights_of(parts[name]), strict=True):
                np.testing.assert_array_equal(built, given)
        own = build_cvae_prior(2, 10, seed=2 * seed + 2)  # after the seeds of the two networks
        np.testing.assert_array_equal(weights_of(model.prior_network)[0], weights_of(own)[0])
        return [weights_of(part)[0] for part in (model.encoder, model.decoder, model.prior_network)]

    for once, again, other in zip(first_weights(1), first_weights(1), first_weights(2), strict=True):
        np.testing.assert_array_equal(once, again)
        assert not np.allclose(once, other)


# --- The objective ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", ["standard", "learned"])
@pytest.mark.parametrize("halves", [False, True])
def test_terms_equal_those_of_numpy(images, prior, halves):
    model = make(prior, halves=halves)
    given, condition = (images[:, :2],) * 2 if halves else (LABELS, one_hot(LABELS))
    mean, log_var = encoded(model, images, condition)
    p_mean, p_log_var = prior_parameters(model, condition)
    shift = (mean - p_mean) ** 2 / np.exp(p_log_var)
    kl = 0.5 * (np.exp(log_var - p_log_var) + shift - 1 + p_log_var - log_var).sum(1)
    logits = decoded_logits(model, mean + np.exp(log_var / 2) * EPSILON, condition)
    terms = model.elbo_terms((images, given), EPSILON)
    np.testing.assert_allclose(terms["log_likelihood"], log_bernoulli(images, logits), rtol=1e-5)
    np.testing.assert_allclose(terms["kl"], kl, rtol=1e-4)
    np.testing.assert_allclose(terms["elbo"], log_bernoulli(images, logits) - kl, rtol=1e-5)
    assert terms["kl"].shape == (20,)
    if prior == "learned":
        assert np.abs(p_mean).max() > 0.1  # else this would test the standard prior twice


@pytest.mark.parametrize("prior", ["standard", "learned"])
def test_log_weights_refer_to_the_prior(images, prior):
    model, k = make(prior), 5
    noise = np.asarray(keras.random.normal((k, 20, 2), seed=7), "float64")
    expected = np.stack([log_weights(model, images, one_hot(LABELS), draw) for draw in noise])
    np.testing.assert_allclose(model.log_weights((images, LABELS), k, seed=7), expected, rtol=1e-5)
    noise = np.asarray(keras.random.normal((k, 20, 2), seed=keras.random.SeedGenerator(3)), "float64")
    expected = np.stack([log_weights(model, images, one_hot(LABELS), draw) for draw in noise])
    bound = evaluation.log_likelihood(model, (images, LABELS), k, seed=3)
    np.testing.assert_allclose(bound, logsumexp(expected, axis=0) - np.log(k), rtol=1e-5)


def test_the_bound_lies_above_the_elbo(images):
    scores = evaluation.score(make(), (images, LABELS), k=200)
    assert -scores["neg_elbo"] < scores["cross_entropy_bound"]
    assert scores["neg_elbo"] == pytest.approx(scores["reconstruction"] + scores["kl"])
    assert (scores["n_images"], scores["units"]) == (20, 2)


def test_the_model_minimises_the_loss_of_that_name(images, monkeypatch):
    np.testing.assert_allclose(cvae_loss(np.array([-3.0, -1.0]), np.array([2.0, 0.5])), [5.0, 1.5])
    with pytest.raises(BadInput, match=r"shape \(2,\) and kl \(2, 1\)"):
        cvae_loss(np.zeros(2), np.zeros((2, 1)))
    model = compiled(make())
    model.fit([images, LABELS], **HOW)
    scores = model.evaluate([images, LABELS], verbose=0, return_dict=True)
    assert scores["loss"] == pytest.approx(scores["neg_elbo"], rel=1e-5)
    assert scores["neg_elbo"] == pytest.approx(scores["reconstruction_loss"] + scores["kl_loss"], rel=1e-5)
    monkeypatch.setattr(module, "cvae_loss", lambda log_likelihood, kl: 0 * kl + 17)
    assert float(model.compute_loss((images, LABELS), y_pred=model((images, LABELS)))) == 17


@pytest.mark.slow
def test_every_image_has_its_own_term_in_any_batch(images):
    model, order = make(), np.random.default_rng(2).permutation(20)
    together = model.elbo_terms((images, LABELS), EPSILON)
    shuffled = model.elbo_terms((images[order], LABELS[order]), EPSILON[order])
    for name, values in together.items():
        np.testing.assert_allclose(shuffled[name], values[order], rtol=1e-5)
        for size in (1, 7):
            slices = [slice(i, i + size) for i in range(0, 20, size)]
            parts = [model.elbo_terms((images[s], LABELS[s]), EPSILON[s])[name] for s in slices]
            np.testing.assert_allclose(np.concatenate(parts), values, rtol=1e-5)


@pytest.mark.slow
def test_training_moves_all_three_networks(images):
    model = compiled(make())
    parts = (model.encoder, model.decoder, model.prior_network)
    before = [weights_of(part) for part in parts]
    history = model.fit([images, LABELS], epochs=40, **HOW).history
    assert history["loss"][-1] < history["loss"][0] - 0.3
    for part, old in zip(parts, before, strict=True):
        assert len(old) >= 6
        assert all(np.abs(new - was).max() > 1e-4 for new, was in zip(weights_of(part), old, strict=True))


# --- Pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prior", ["standard", "learned"])
@pytest.mark.parametrize("halves", [False, True])
def test_generated_images_equal_those_of_numpy(images, prior, halves):
    model = make(prior, halves=halves)
    given, condition = (images[:6, :2],) * 2 if halves else (LABELS[:6], one_hot(LABELS[:6]))
    noise = np.asarray(keras.random.normal((6, 2), seed=4))
    mean, log_var = prior_parameters(model, condition)
    expected = sigmoid(decoded_logits(model, mean + np.exp(log_var / 2) * noise, condition))
    np.testing.assert_allclose(model.generate(given, seed=4), expected, rtol=1e-4)
    np.testing.assert_allclose(model.sample(6, 4, labels=given), expected, rtol=1e-4)
    assert not np.allclose(model.generate(given), model.generate(given))


def test_reconstructions_come_from_the_mean_and_the_own_label(images):
    model = make()
    mean, _ = encoded(model, images, one_hot(LABELS))
    np.testing.assert_allclose(model.encode((images, LABELS))[0], mean, rtol=1e-4, atol=1e-5)
    expected = sigmoid(decoded_logits(model, mean, one_hot(LABELS)))
    np.testing.assert_allclose(model.reconstruct([images, LABELS]), expected, rtol=1e-4)
    np.testing.assert_allclose(model.decode(mean, LABELS), expected, rtol=1e-4)


def test_samples_are_of_all_classes_alike(monkeypatch):
    model, asked = make(), []
    monkeypatch.setattr(
        model,
        "generate",
        lambda labels, seed: (asked.append(labels), type(model).generate(model, labels, seed))[1],
    )
    assert model.sample(300, seed=5).shape == (300, *SHAPE)
    assert np.bincount(asked[0], minlength=3).min() > 70
    np.testing.assert_array_equal(model.sample(7, seed=5), model.sample(7, seed=5))
    assert not np.allclose(model.sample(7), model.sample(7))
    generator = keras.random.SeedGenerator(5)
    np.testing.assert_array_equal(model.sample(7, generator), model.sample(7, seed=5))


def test_many_draws_an_image_keep_their_own_condition(images):
    model = make(halves=True)
    z = np.random.default_rng(3).normal(size=(4, 20, 2)).astype("float32")
    logits = model.logits_of(z, (images, images[:, :2]))
    assert logits.shape == (4, 20, *SHAPE)
    for draw, row in zip(z, logits, strict=True):
        np.testing.assert_allclose(row, decoded_logits(model, draw, images[:, :2]), rtol=1e-3, atol=1e-5)


# --- One path for labels, vectors and streams ------------------------------------------------------------------------


def test_labels_of_any_integer_type_and_vectors_are_one_condition(images):
    model = make()
    checked = model.checked((images, LABELS))
    assert [part.dtype for part in checked] == ["float32", "float32"]
    for same in (LABELS.astype("uint8"), LABELS.tolist(), one_hot(LABELS), checked[1]):
        np.testing.assert_array_equal(model.checked([images, same])[1], one_hot(LABELS))
    for given in (LABELS, LABELS.astype("int32"), one_hot(LABELS).astype("float64")):
        np.testing.assert_array_equal(
            model.condition_of((images, keras.ops.convert_to_tensor(given))), one_hot(LABELS)
        )
    assert model.condition_of((images, LABELS)).dtype == "float32"


def test_a_stream_of_labelled_batches_is_trained_on(images):
    model = make()
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
    history = model.fit(Batches(images, 8, labels=LABELS), epochs=6, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] - 0.2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("validation", "weights"),
    [
        (lambda x, y: [x, y], None),
        (lambda x, y: (x, y), None),
        (lambda x, y: ([x, y],), None),
        (lambda x, y: ((x, y), None), None),
        (lambda x, y: ([x, y], None, np.arange(20.0)), np.arange(20.0)),
    ],
)
def test_validation_data_of_any_form_reaches_keras_as_one_pair(images, monkeypatch, validation, weights):
    reached = {}
    monkeypatch.setattr(keras.Model, "fit", lambda self, x, y, **kwargs: reached.update(kwargs, x=x, y=y))
    make().fit([images, LABELS.tolist()], validation_data=validation(images, LABELS))
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(reached["validation_data"])
    for pair in (reached["x"], x):
        assert isinstance(pair, tuple)
        np.testing.assert_array_equal(pair[0], images)
        np.testing.assert_array_equal(pair[1], one_hot(LABELS))
    assert reached["y"] is None
    np.testing.assert_array_equal(sample_weight, weights)
    assert np.shape(y) == (() if weights is None else images.shape)


def test_a_stream_for_validation_goes_to_keras_as_it_is(images, monkeypatch):
    reached, stream = {}, Batches(images, 8, labels=LABELS)
    monkeypatch.setattr(keras.Model, "fit", lambda self, x, y, **kwargs: reached.update(kwargs))
    make().fit([images, LABELS], validation_data=stream)
    assert reached["validation_data"] is stream


def test_validation_and_weights_of_images(images):
    model, weights = make(), np.zeros(20)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    weights[:10] = 2
    first = (images[:10], LABELS[:10])
    validation = ([images, LABELS], None, weights)
    history = model.fit([images, LABELS], validation_data=validation, sample_weight=weights, **HOW).history
    expected = -model.elbo_terms(tuple(np.repeat(part, 100, axis=0) for part in first))["elbo"].mean()
    for name in (
        "loss",
        "val_loss",
        "neg_elbo",
    ):  # ten images of weight two, ten of none; the noise is another
        assert history[name][0] == pytest.approx(expected, abs=0.4), name
