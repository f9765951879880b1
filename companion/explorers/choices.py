"""The training controls of the chapters: the values that are offered, and the model, figures and picture of each.

A row of :data:`CHOICES` is one control. Its functions import Keras when they are called, so that the table can be read
without it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from companion.explorers import chosen_models as models
from companion.explorers.chosen_models import ESTIMATORS, Settings
from companion.plots import BookFigure, condition_grid, originals_and_reconstructions, samples

#: The settings of every training, unless a row of the table changes them.
COMMON: Mapping[str, Any] = {
    "dataset": "digits",
    "hidden": [128],
    "latent_dim": 8,
    "learning_rate": 3e-3,
    "batch_size": 50,
    "epochs": 20,
    "seed": 0,
}
SHOWN_IMAGES = 12
TEST_NOISE = 0.4  # standard deviation of the noise that the images to restore have
#: Codes of two coordinates, one per row of a picture.
THREE_CODES = np.array([[-1.5, 0.0], [0.0, 0.0], [1.5, 0.0]])
Figures = dict[str, float]


def _elbo(model: Any, x: Any) -> Figures:
    """The negative ELBO and its two terms, means over images in nats, with the same noise every time."""
    n = len(x[0] if isinstance(x, tuple) else x)
    terms = model.elbo_terms(x, model.noise(n, seed=0))
    means = {name: float(np.mean(values)) for name, values in terms.items()}
    layers = {name: mean for name, mean in means.items() if name.startswith("kl_")}
    return {
        "neg_elbo": -means["elbo"], "reconstruction": -means["log_likelihood"], "kl": means["kl"], **layers
    }  # fmt: skip


def _reconstructed(model: Any, x: Any) -> BookFigure:
    shown = x[:SHOWN_IMAGES]
    return originals_and_reconstructions(shown, {"reconstructed": model.reconstruct(shown)})


@dataclass(frozen=True)
class Choice:
    """One thing to choose: its ``label``, the ``values`` that are offered, and the ``first`` one shown.

    ``build(value, shape, settings)`` makes the model, ``inputs(value, images, labels)`` its training and test inputs,
    ``measure(model, x)`` the figures that ``sentence`` reports, and ``draw(model, x)`` the picture.
    """

    chapter: str
    label: str
    values: tuple[Any, ...]
    first: Any
    sentence: str
    build: Callable[[Any, tuple[int, ...], Settings], Any]
    measure: Callable[[Any, Any], Figures] = _elbo
    draw: Callable[[Any, Any], BookFigure] = _reconstructed
    inputs: Callable[[Any, np.ndarray, Any], Any] = lambda value, images, labels: images
    own: Settings = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of its trainings, without the common ones that ``own`` sets to None."""
        return {name: value for name, value in {**COMMON, **self.own}.items() if value is not None}


ELBO = (
    "reconstruction {reconstruction:.1f} + KL {kl:.1f} = negative ELBO {neg_elbo:.1f} nats per unseen image"
)


def _cross_entropy(model: Any, x: Any) -> Figures:
    return {"loss": float(model.evaluate(x, verbose=0))}


def _with_size(model: Any, x: Any) -> Figures:
    parameters = sum(network.count_params() for network in (model.encoder, model.decoder))
    return {**_elbo(model, x), "parameters": parameters}


def _with_error(model: Any, x: Any) -> Figures:
    error = np.sqrt(np.mean(np.square(model.reconstruct(x) - x)))
    return {**_elbo(model, x), "error": float(error)}


def _with_units(model: Any, x: Any) -> Figures:
    from companion.evaluation import active_units

    return {**_elbo(model, x), "active": active_units(model, x)}


def _sampled(model: Any, x: Any) -> BookFigure:
    return samples(model.sample(2 * SHOWN_IMAGES, seed=0), columns=SHOWN_IMAGES)


def _label_grid(model: Any, x: Any) -> BookFigure:
    last = model.num_classes - 1
    rest = "9" if last == 9 else f"{last} to 9"
    return condition_grid(model, THREE_CODES, range(last + 1), label_names=[*map(str, range(last)), rest])


def _rows_of_one_top(model: Any, x: Any) -> BookFigure:
    """Three rows of images, each for one z2, with a new draw of z1 for every image."""
    held = {2: np.repeat(THREE_CODES, SHOWN_IMAGES, axis=0)}
    codes = model.sample_layers(len(held[2]), seed=3, held=held)[0]
    return samples(model.decode(codes), columns=SHOWN_IMAGES)


def _with_use(model: Any, x: Any) -> Figures:
    from companion.code_use import code_counts, perplexity

    counts = code_counts(model.encode(x), model.num_embeddings)
    return {**_elbo(model, x), "perplexity": perplexity(counts)}


def _with_bound(model: Any, x: Any) -> Figures:
    from companion.evaluation import log_likelihood

    bound = float(-np.mean(log_likelihood(model, x, k=100)))
    width = float(np.median(np.exp(0.5 * model.encode(x)[1])))
    return {**_elbo(model, x), "bound": bound, "width": width}


def _with_test(model: Any, x: Any) -> Figures:
    from companion.evaluation import classifier_two_sample_test

    prior = model.draw_from_prior(len(x), seed=1)
    return {**_elbo(model, x), "told": classifier_two_sample_test(model.encode(x)[2], prior).accuracy}


def _decoded_draws(model: Any, x: Any) -> BookFigure:
    """Two images decoded from draws of q for each image."""
    shown = x[:SHOWN_IMAGES]
    z_mean, z_log_var, _ = model.encode(shown)
    noise = np.random.default_rng(0).normal(size=(2, *z_mean.shape))
    draws = {
        f"draw {number}": model.decode(z_mean + np.exp(0.5 * z_log_var) * epsilon)
        for number, epsilon in enumerate(noise, start=1)
    }
    return originals_and_reconstructions(shown, draws)


def _with_wrong(model: Any, x: Any) -> Figures:
    """Without labels the bound is one on log p(x); the share of wrong classes needs those of all unseen images."""
    from companion import data

    images, labels = x[0], data.load(str(COMMON["dataset"])).y_test
    named = model.classify(images).argmax(axis=1)
    return {
        **_elbo(model, (images, np.full(len(images), -1))),
        "wrong": 100 * float(np.mean(named != labels)),
    }


def _with_noise(x: Any) -> np.ndarray:
    from companion.denoising import add_noise

    return add_noise(x, TEST_NOISE, seed=0)


def _restored_decibels(model: Any, x: Any) -> Figures:
    from companion.denoising import psnr

    noisy = _with_noise(x)
    decibels = {"before": noisy, "after": model.reconstruct(noisy)}
    return {**_elbo(model, x), **{name: float(psnr(shown, x).mean()) for name, shown in decibels.items()}}


def _restored(model: Any, x: Any) -> BookFigure:
    shown = x[:8]  # noise makes a heavy picture
    noisy = _with_noise(shown)
    return originals_and_reconstructions(shown, {"with noise": noisy, "restored": model.reconstruct(noisy)})


#: Every control by the name of its choice, in the order of the chapters.
CHOICES: Mapping[str, Choice] = {
    "code_size": Choice(
        "01", "numbers in a code", (1, 2, 4, 8, 16), 2,
        "loss {loss:.1f} nats per unseen image",
        models.autoencoder, _cross_entropy, own={"latent_dim": None},
    ),
    "hidden_units": Choice(
        "02", "units in the hidden layers", (16, 64, 256), 64,
        f"{{parameters:,}} parameters; {ELBO}",
        models.vae_of_width, _with_size, own={"hidden": None},
    ),
    "estimator": Choice(
        "03", "estimator of the encoder's gradient", tuple(ESTIMATORS), "score function, 1 draw",
        ELBO,
        models.vae_by_estimator,
    ),
    "sigma": Choice(
        "04", "sigma of a normal pixel", (0.05, 0.1, 0.2, 0.5, 1.0), 0.2,
        f"{ELBO} (minus log densities, which may lie below 0); root mean squared error of a pixel {{error:.3f}}",
        models.vae_of_normal_pixels, _with_error,
    ),
    "latent_dim": Choice(
        "05", "coordinates of the code", (1, 2, 4, 8, 16, 32), 8,
        f"{ELBO}; {{active}} active units",
        models.vae_of_size, _with_units, _sampled, own={"latent_dim": None},
    ),
    "beta": Choice("06", "beta, the weight of the KL", (0.5, 1, 2, 4, 8, 16), 4, ELBO, models.beta_vae),
    "num_labels": Choice(
        "07", "labels that are told apart", (2, 3, 5, 10), 5,
        ELBO,
        models.conditional_vae, draw=_label_grid, inputs=models.told_apart, own={"latent_dim": 2},
    ),
    "free_bits": Choice(
        "08", "nats that are free in the top layer", (0, 0.5, 1, 2), 2,
        "KL {kl_1:.1f} in layer 1 and {kl_2:.1f} in layer 2; negative ELBO {neg_elbo:.1f} nats per unseen image",
        models.hierarchical_vae, draw=_rows_of_one_top, inputs=models.black_and_white,
        own={"latent_dim": None, "latent_dims": [8, 2]},
    ),
    "num_codes": Choice(
        "09", "entries of the codebook", (8, 16, 32, 64), 16,
        "pixels {reconstruction:.1f} + codes {kl:.1f} = {neg_elbo:.1f} nats per unseen image; "
        "perplexity {perplexity:.1f}",
        models.vq_vae, _with_use,
        own={"hidden": None, "latent_dim": None, "filters": [16, 32], "epochs": 5},
    ),
    "k": Choice(
        "10", "k, draws per image", (1, 2, 5, 10, 20), 5,
        "negative ELBO {neg_elbo:.1f} and with 100 draws {bound:.1f} nats per unseen image; "
        "median standard deviation of q {width:.2f}",
        models.iwae, _with_bound, _decoded_draws, inputs=models.black_and_white,
    ),
    "objective": Choice(
        "11", "what the model minimises", tuple(models.OBJECTIVES), "AAE",
        f"{ELBO}; a small classifier tells {{told:.0%}} of codes from draws of the prior",
        models.by_objective, _with_test, _sampled, own={"learning_rate": 1e-3, "epochs": 30},
    ),
    "alpha": Choice(
        "12", "alpha, the weight of the labels' cross-entropy", (0, 1, 10, 100), 10,
        "{wrong:.1f} % of unseen images named wrongly; bound on −log p(x) {neg_elbo:.1f} nats per unseen image",
        models.semi_supervised_vae, _with_wrong, _label_grid, inputs=models.few_labels,
        own={"latent_dim": 2},
    ),
    "noise": Choice(
        "13", "largest noise in training", (0, 0.2, 0.4, 0.8), 0.4,
        "images with noise of 0.4 at {before:.1f} dB, restored {after:.1f} dB; clean, the negative ELBO is "
        "{neg_elbo:.1f} nats per unseen image",
        models.denoising_vae, _restored_decibels, _restored,
    ),
    "frame_code": Choice(
        "14", "numbers in the code of a frame", (1, 2, 4, 8), 2,
        ELBO,
        models.vae_of_frames, inputs=models.frames_of_poles, own={"latent_dim": None},
    ),
    "precision": Choice(
        "15", "precision of the layers", ("float32", "mixed_bfloat16", "mixed_float16"), "float32",
        ELBO,
        models.vae_in_precision,
    ),
    "prior": Choice(
        "16", "prior, learned together with the networks", ("standard", "mixture", "vamp", "flow"), "vamp",
        ELBO,
        models.vae_with_prior, draw=_sampled, own={"epochs": 30},
    ),
}  # fmt: skip
