"""The two pulls of the loss of chapter 00, measured: both terms, one of them alone, and one averaged over pixels."""

from __future__ import annotations

from typing import Any

import numpy as np


def pulls(reconstruction: float, kl: float, seed: int, epochs: int = 30) -> dict[str, float]:
    """What training on ``reconstruction`` times the first term plus ``kl`` times the second makes of the digits.

    Gives for the test images, in nats per image, ``reconstruction``, ``kl`` and their sum ``neg_elbo``, all without
    weights; the mean standard deviation of q(z|x) over images and coordinates, ``width``; and the root mean square
    of the distance between its mean and the origin, ``reach``. One seed gives every arm the same weights to begin
    with, the same batches and the same noise.
    """
    import keras
    from keras import ops

    from companion import data
    from companion.one_page import OnePageVAE

    class Weighted(OnePageVAE):
        """The model of the page with a weight on each of its terms."""

        def compute_loss(
            self,
            x: Any,
            y: Any = None,
            y_pred: Any = None,
            sample_weight: Any = None,
            training: bool = True,
        ) -> Any:
            super().compute_loss(x, y, y_pred)  # what is reported has no weights
            first, second = self.terms(x, y_pred)
            return ops.mean(reconstruction * first + kl * second)

    keras.utils.set_random_seed(seed)
    digits = data.load("digits")
    vae = Weighted()
    vae.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
    vae.fit(digits.x_train, batch_size=32, epochs=epochs, verbose=0)
    reported = vae.evaluate(digits.x_test, verbose=0, return_dict=True)
    z_mean, z_log_var = (np.array(each, "float64") for each in vae.encode(digits.x_test))
    return {
        "reconstruction": reported["reconstruction_loss"],
        "kl": reported["kl_loss"],
        "neg_elbo": reported["reconstruction_loss"] + reported["kl_loss"],
        "width": float(np.exp(0.5 * z_log_var).mean()),
        "reach": float(np.sqrt((z_mean**2).sum(axis=1).mean())),
    }
