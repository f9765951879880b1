"""Chapter 02's networks on equal terms: dense or convolutional, pixels in order or not, widths shared or not.

Arms of one seed have the same order of batches, the same noise in the codes and, where shapes agree, the same first
weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def trained(
    network: str, seed: int, epochs: int = 12, shuffled: bool = False, widths: str = "own"
) -> dict[str, float]:
    """Figures of one VAE with two latent numbers, trained on the digits; ``network`` is ``dense`` or ``conv``.

    ``shuffled`` puts the pixels of all images into one random order; ``widths="shared"`` replaces the head of the log
    variances by two trained numbers. ``neg_elbo``, ``reconstruction`` and ``kl`` (nats per image, on test images);
    ``last_fifth`` is by how much ``neg_elbo`` fell in the last fifth of the epochs; ``narrow``, ``middle`` and ``wide``
    are the 5th, 50th and 95th percentile of the standard deviations of test images; ``cost`` is what one width for all
    images would cost in the quadratic approximation of the chapter, from these standard deviations.
    """
    import keras

    from companion import data
    from companion.vae import VAE

    digits = data.digits()
    images, unseen = digits.x_train, digits.x_test
    if shuffled:
        order = np.random.default_rng(seed).permutation(images[0].size)
        images, unseen = (x.reshape(len(x), -1)[:, order].reshape(x.shape) for x in (images, unseen))
    vae = VAE(*pair(network, images.shape[1:], seed, widths))
    keras.utils.set_random_seed(seed)
    vae.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    history = vae.fit(images, batch_size=32, epochs=epochs, validation_data=unseen, verbose=0).history[
        "val_neg_elbo"
    ]
    scores = vae.evaluate(unseen, verbose=0, return_dict=True)
    deviations = np.exp(0.5 * vae.encode(unseen)[1].astype("float64"))
    narrow, middle, wide = np.quantile(deviations, (0.05, 0.5, 0.95))
    return {
        "neg_elbo": float(scores["neg_elbo"]),
        "reconstruction": float(scores["reconstruction_loss"]),
        "kl": float(scores["kl_loss"]),
        "last_fifth": float(history[epochs - epochs // 5 - 1] - history[-1]),
        "narrow": float(narrow),
        "middle": float(middle),
        "wide": float(wide),
        "shared": float(np.mean(np.mean(deviations**-2, axis=0) ** -0.5)),
        "cost": round(cost_of_sharing(deviations), 6),
    }


def pair(network: str, shape: tuple[int, ...], seed: int, widths: str) -> tuple[Any, Any]:
    """Encoder and decoder with two latent numbers, by their first weights' seed."""
    from companion import networks

    if network == "conv":
        encoder = networks.build_conv_encoder(shape, 2, seed=2 * seed)
        return encoder, networks.build_conv_decoder(2, shape, seed=2 * seed + 1)
    encoder = networks.build_encoder(shape, 2, seed=2 * seed)
    if widths == "shared":
        encoder = with_one_width(encoder)
    return encoder, networks.build_decoder(2, shape, seed=2 * seed + 1)


def with_one_width(encoder: Any) -> Any:
    """``encoder`` with its second head replaced by trained numbers, one for each coordinate, equal for all images."""
    import keras
    from keras import layers, ops

    mean = encoder.get_layer("z_mean")
    # Sixteen ones, not one: the shared width then learns about as fast as a head does.
    ones = ops.ones_like(mean.input[:, :16])
    log_var = layers.Dense(2, kernel_initializer="zeros", name="shared_log_var")(ones)
    draw = type(encoder.get_layer("z"))(seed=encoder.get_layer("z").get_config()["seed"], name="z")
    return keras.Model(encoder.input, [mean.output, log_var, draw([mean.output, log_var])])


def cost_of_sharing(deviations: np.ndarray) -> float:
    """Nats per image that one width per coordinate costs; ``deviations`` ``(n, latent_dim)`` are each image's best."""
    precisions = deviations**-2
    return float(np.sum(0.5 * (np.log(np.mean(precisions, axis=0)) - np.mean(np.log(precisions), axis=0))))
