"""Rows of chapter 05: the notebook's printed scale, its validation figures and its two claims."""

import keras
import numpy as np
from keras import ops
from sklearn.metrics import silhouette_score
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from companion import data
from companion.autoencoder import Autoencoder
from companion.vae import VAE
from tools.errata import SEED, Figures, erratum

PRINTED_RECONSTRUCTION, PRINTED_KL = 123.03, 5.674  # the notebook's training figures after 30 epochs


@erratum("05_latent_space")
def five_hundred_means() -> Figures:
    """500 times the mean over 32 x 32 pixels, as the notebook counts, beside the sum; and its figures in nats."""
    digits = data.digits().x_test
    images = np.pad(digits, ((0, 0), (2, 2), (2, 2), (0, 0)))
    vae = VAE(input_shape=(32, 32, 1), seed=SEED)
    without_noise = np.zeros((len(images), 2))
    summed = -float(np.mean(vae.elbo_terms(images, without_noise)["log_likelihood"]))
    printed = 500 * float(np.mean(keras.losses.binary_crossentropy(images, vae.reconstruct(images))))
    nats = PRINTED_RECONSTRUCTION * summed / printed
    return {
        "summed": summed,
        "printed": printed,
        "ratio": summed / printed,
        "notebook_reconstruction": nats,
        "notebook_neg_elbo": nats + PRINTED_KL,
    }


class RawFigures(VAE):
    """A VAE whose test step returns the figures of one batch instead of trackers that keep the mean."""

    def test_step(self, x):  # type: ignore[no-untyped-def]
        """The batch's own KL and nothing else."""
        return {"kl_loss": ops.mean(self.terms(x, self(x))["kl"])}


@erratum("05_latent_space")
def a_validation_of_the_last_batch() -> Figures:
    """What `evaluate` reports as KL where the test step returns raw numbers, and what the images say."""
    images = data.digits().x_test[:290]
    raw, tracked = RawFigures(seed=SEED), VAE(seed=SEED)
    raw.compile()
    tracked.compile()
    kl = raw.elbo_terms(images)["kl"]

    def reported(model: VAE) -> float:
        return float(model.evaluate(images, batch_size=10, verbose=0, return_dict=True)["kl_loss"])

    return {
        "reported": reported(raw),
        "last_10_images": float(np.mean(kl[-10:])),
        "all_images": float(np.mean(kl)),
        "reported_by_the_package": reported(tracked),
    }


def _silhouette(codes: np.ndarray, labels: np.ndarray) -> float:
    return float(silhouette_score(codes, labels))


def _neighbours(codes: np.ndarray, labels: np.ndarray) -> float:
    """How often the nine nearest codes name a code's class, five-fold."""
    return float(np.mean(cross_val_score(KNeighborsClassifier(9), codes, labels, cv=5)))


@erratum("05_latent_space", tolerance=0.3)
def range_and_groups() -> Figures:
    """Largest code, and two measures of how far classes lie apart, for the autoencoder and the VAE: three seeds."""
    digits, seeds = data.digits(), range(3)
    labels = np.asarray(digits.y_test)
    codes: dict[str, list[np.ndarray]] = {"ae": [], "vae": [], "vae_drawn": []}
    for seed in seeds:
        ae, vae = Autoencoder(seed=seed), VAE(seed=seed)
        for model in (ae, vae):
            model.compile("adam")
            model.fit(digits.x_train, epochs=45, batch_size=64, verbose=0)
        codes["ae"].append(ae.encode(digits.x_test))
        z_mean, _, z = vae.encode(digits.x_test)
        codes["vae"].append(z_mean)
        codes["vae_drawn"].append(z)
    found: Figures = {}
    for name, of_seeds in codes.items():
        found[f"largest_{name}"] = float(np.mean([np.abs(z).max() for z in of_seeds]))
        for measure in (_silhouette, _neighbours):
            scores = [measure(z, labels) for z in of_seeds]
            found[f"least{measure.__name__}_{name}"] = min(scores)
            found[f"most{measure.__name__}_{name}"] = max(scores)
    return found
