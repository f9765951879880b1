"""Conditional VAEs of the digits: what was asked for and what came, and half an image given the other half.

Everything is trained as in chapter 07: grey pixels, codes of two coordinates, batches of 64, 20 epochs of Adam.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from companion import data
from companion.conditional_vae import ConditionalVAE
from companion.evaluation.judge import named_classes, train_judge
from companion.evaluation.quality import diversity_within
from companion.layers import Sampling
from companion.vae import VAE

EPOCHS, BATCH, RATE = 20, 64, 2e-3
ASKED = 2000  # pictures that are asked for, all classes equally often
DRAWS = 10  # of the code of each test image


def asked_for(
    seed: int,
    labels: bool = True,
    latent_dim: int = 2,
    prior: str = "standard",
    without: str = "",
    scale: float = 1.0,
) -> dict[str, float]:
    """``neg_elbo``, ``kl``, ``asked``, ``diversity`` and ``class_in_code`` of a model trained on the digits.

    ``labels=False`` trains a plain VAE, which draws whatever it draws. ``without`` names the network, ``encoder`` or
    ``decoder``, that does not get the label; ``scale`` multiplies the one-hot label. ``asked`` is the share of pictures
    that the judge names as asked, ``diversity`` the mean distance of two pictures of one class among these alone.
    """
    digits, judge = data.load("digits"), _judge(seed)
    given = scale * np.eye(digits.num_classes, dtype="float32")
    train: Any = digits.x_train
    test: Any = np.repeat(digits.x_test, DRAWS, axis=0)
    model: Any
    if labels:
        train = [train, given[digits.y_train]]
        test = [test, given[np.repeat(np.asarray(digits.y_test), DRAWS)]]
        model = _model(digits.image_shape, digits.num_classes, latent_dim, prior, without, seed)
    else:
        model = VAE(input_shape=digits.image_shape, latent_dim=latent_dim, seed=seed)
    _fit(model, train, seed)
    terms = model.elbo_terms(test, _noise(model, len(digits.x_test), seed))
    asked = np.arange(ASKED) % digits.num_classes
    pictures = model.generate(given[asked], seed=seed) if labels else model.sample(ASKED, seed=seed)
    hits = named_classes(judge, pictures) == asked
    neighbours = KNeighborsClassifier(10).fit(model.encode(train)[0], digits.y_train)
    return {
        "neg_elbo": float(-np.mean(terms["elbo"])),
        "kl": float(np.mean(terms["kl"])),
        "asked": float(np.mean(hits)),
        "diversity": diversity_within(pictures[hits], asked[hits]),
        "class_in_code": float(neighbours.score(model.encode(test)[0][::DRAWS], digits.y_test)),
    }


def lower_half(seed: int, given: str = "upper half") -> dict[str, float]:
    """Scores of a model of the lower halves of the digits, ``given`` the ``upper half`` or ``nothing``.

    With ``one guess`` the model has the upper half and no use of its code: q is the prior for every image, so that the
    decoder learns a single answer. ``encoded`` and ``drawn`` are the negative log likelihoods of the true lower half
    with codes from q(z|x, y), as in training, and from the prior, as in generation; ``spread`` is the standard
    deviation of a pixel over draws from the prior.
    """
    digits = data.load("digits")
    half = digits.image_shape[0] // 2
    shape = (half, *digits.image_shape[1:])
    train: Any = digits.x_train[:, half:]
    test: Any = np.repeat(digits.x_test[:, half:], DRAWS, axis=0)
    model: Any
    if given == "nothing":
        model = VAE(input_shape=shape, seed=seed)
    else:
        model = ConditionalVAE(input_shape=shape, condition_shape=shape, seed=seed)
        if given == "one guess":
            model = ConditionalVAE(
                _prior_as_encoder(model.encoder, seed), model.decoder, condition_shape=shape, seed=seed
            )
        train = [train, digits.x_train[:, :half]]
        test = [test, np.repeat(digits.x_test[:, :half], DRAWS, axis=0)]
    _fit(model, train, seed)
    terms = model.elbo_terms(test, _noise(model, len(digits.x_test), seed))
    pictures, pixels = _drawn(model, test, seed)
    return {
        "neg_elbo": float(-np.mean(terms["elbo"])),
        "kl": float(np.mean(terms["kl"])),
        "encoded": float(-np.mean(terms["log_likelihood"])),
        "drawn": float(-np.mean(pixels)),
        "spread": float(pictures.reshape(-1, DRAWS, half * shape[1]).std(axis=1).mean()),
    }


@cache
def _judge(seed: int) -> keras.Model:
    digits = data.load("digits")
    keras.utils.set_random_seed(seed)
    return train_judge(digits.x_train, digits.y_train, seed=seed)


def without_label(network: keras.Model) -> keras.Model:
    """``network`` of two inputs, an image or a code and a label, in which the label has no effect."""
    first, label = network.inputs
    return keras.Model(network.inputs, network([first, 0 * label]))


def _model(
    shape: tuple[int, ...], classes: int, latent_dim: int, prior: str, without: str, seed: int
) -> ConditionalVAE:
    how: dict[str, Any] = {"num_classes": classes, "prior": prior, "seed": seed}
    model = ConditionalVAE(input_shape=shape, latent_dim=latent_dim, **how)
    if not without:
        return model
    networks = {"encoder": model.encoder, "decoder": model.decoder}
    networks[without] = without_label(networks[without])
    return ConditionalVAE(networks["encoder"], networks["decoder"], **how)


def _prior_as_encoder(encoder: keras.Model, seed: int) -> keras.Model:
    """An encoder that gives mean 0, log variance 0 and a draw from N(0, I) for every image."""
    mean, log_var = (0 * part for part in encoder.output[:2])
    return keras.Model(encoder.inputs, [mean, log_var, Sampling(seed=seed)([mean, log_var])])


def _fit(model: Any, train: Any, seed: int) -> None:
    # The order of the images comes from here, and is the same for every arm.
    keras.utils.set_random_seed(seed)
    model.compile(keras.optimizers.Adam(RATE), jit_compile=False)
    model.fit(train, batch_size=BATCH, epochs=EPOCHS, verbose=0)


def _noise(model: Any, images: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(images * DRAWS, model.noise_dim)).astype("float32")


def _drawn(model: Any, test: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture for each row of ``test`` with a code from the prior, and log p of the true pixels under it."""
    conditional = isinstance(test, list)
    true = test[0] if conditional else test
    pictures = model.generate(test[1], seed=seed) if conditional else model.sample(len(true), seed=seed)
    sharp = np.clip(pictures.astype("float64"), 1e-7, 1 - 1e-7)
    log_p = true * np.log(sharp) + (1 - true) * np.log(1 - sharp)
    return pictures, log_p.reshape(len(true), -1).sum(axis=1)
