"""What can be chosen before a training in a chapter: the values that are offered, the model, figures and picture.

A row of :data:`CHOICES` is one control. Its functions import Keras when they are called, so that the table can be read
without it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from companion.plots import BookFigure, condition_grid, originals_and_reconstructions, samples

#: The settings of every training that a row of the table does not change.
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
ESTIMATORS = {"pathwise": 1, "score function, 1 draw": 1, "score function, 10 draws": 10}
Settings = Mapping[str, Any]
Figures = dict[str, float]


def _elbo(model: Any, x: Any) -> Figures:
    """The negative ELBO and its two terms, means over images in nats, under noise that is the same every time."""
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
    """One thing to choose: its ``label``, the ``values`` that are offered, and the one that stands there at first.

    ``build(value, shape, settings)`` makes the model, ``inputs(value, images, labels)`` what it is trained and measured
    on, ``measure(model, x)`` the figures that ``sentence`` reports, and ``draw(model, x)`` the picture.
    """

    chapter: str
    label: str
    values: tuple[Any, ...]
    first: Any
    sentence: str
    build: Callable[[Any, tuple[int, ...], Settings], Any]
    measure: Callable[[Any, Any], Figures] = _elbo
    draw: Callable[[Any, Any], BookFigure] = _reconstructed
    inputs: Callable[[Any, np.ndarray, np.ndarray], Any] = lambda value, images, labels: images
    own: Settings = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of its trainings."""
        return {**COMMON, **self.own}


ELBO = (
    "reconstruction {reconstruction:.1f} + KL {kl:.1f} = negative ELBO {neg_elbo:.1f} nats per unseen image"
)


def _networks(kind: Any, shape: tuple[int, ...], settings: Settings, **changed: Any) -> dict[str, Any]:
    """The pair for a model of the class ``kind``, and the seed of its noise."""
    how = {**settings, **changed}
    pair = kind.build_networks(shape, how["latent_dim"], hidden=tuple(how["hidden"]), seed=how["seed"])
    return {**pair, "seed": how["seed"]}


def _autoencoder(value: int, shape: tuple[int, ...], settings: Settings) -> Any:
    from companion.autoencoder import Autoencoder

    return Autoencoder(**_networks(Autoencoder, shape, settings, latent_dim=value))


def _cross_entropy(model: Any, x: Any) -> Figures:
    return {"loss": float(model.evaluate(x, verbose=0))}


def _width(value: int, shape: tuple[int, ...], settings: Settings) -> Any:
    from companion.vae import VAE

    return VAE(**_networks(VAE, shape, settings, hidden=[value]))


def _with_size(model: Any, x: Any) -> Figures:
    parameters = sum(network.count_params() for network in (model.encoder, model.decoder))
    return {**_elbo(model, x), "parameters": parameters}


def _estimator(value: str, shape: tuple[int, ...], settings: Settings) -> Any:
    from companion.explorers.score_function import ScoreFunctionVAE
    from companion.vae import VAE

    if value == "pathwise":
        return VAE(**_networks(VAE, shape, settings))
    return ScoreFunctionVAE(**_networks(VAE, shape, settings), num_samples=ESTIMATORS[value])


def _normal_pixels(value: float, shape: tuple[int, ...], settings: Settings) -> Any:
    from companion.likelihoods import Likelihood
    from companion.vae import VAE

    return VAE(**_networks(VAE, shape, settings), likelihood=Likelihood("normal", scale=value))


def _with_error(model: Any, x: Any) -> Figures:
    error = np.sqrt(np.mean(np.square(model.reconstruct(x) - x)))
    return {**_elbo(model, x), "error": float(error)}


def _latent_dim(value: int, shape: tuple[int, ...], settings: Settings) -> Any:
    from companion.vae import VAE

    return VAE(**_networks(VAE, shape, settings, latent_dim=value))


def _with_units(model: Any, x: Any) -> Figures:
    from companion.evaluation import active_units

    return {**_elbo(model, x), "active": active_units(model, x)}


def _sampled(model: Any, x: Any) -> BookFigure:
    return samples(model.sample(2 * SHOWN_IMAGES, seed=0), columns=SHOWN_IMAGES)


def _beta(value: float, shape: tuple[int, ...], settings: Settings) -> Any:
    from companion.beta_vae import BetaVAE

    return BetaVAE(**_networks(BetaVAE, shape, settings), beta=value)


def _labels(value: int, shape: tuple[int, ...], settings: Settings) -> Any:
    from companion.conditional_vae import ConditionalVAE

    seed = settings["seed"]
    pair = ConditionalVAE.build_networks(
        shape, settings["latent_dim"], hidden=tuple(settings["hidden"]), seed=seed, num_classes=value
    )
    return ConditionalVAE(**pair, num_classes=value, seed=seed)


def _told(value: int, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images with ``value`` labels: the first digits under their own, all others under the last."""
    return images, np.minimum(labels, value - 1)


def _label_grid(model: Any, x: Any) -> BookFigure:
    codes = np.random.default_rng(0).normal(size=(2, model.latent_dim))
    last = model.num_classes - 1
    rest = "9" if last == 9 else f"{last} to 9"
    return condition_grid(model, codes, range(last + 1), label_names=[*map(str, range(last)), rest])


def _free_bits(value: float, shape: tuple[int, ...], settings: Settings) -> Any:
    from companion.hierarchical_vae import HierarchicalVAE

    how = {"latent_dims": tuple(settings["latent_dims"]), "seed": settings["seed"]}
    pair = HierarchicalVAE.build_networks(shape, hidden=tuple(settings["hidden"]), **how)
    return HierarchicalVAE(**pair, **how, free_bits=value)


def _black_and_white(value: float, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    from companion.data import binarize

    return binarize(images, "threshold")


def _rows_of_one_top(model: Any, x: Any) -> BookFigure:
    """Three rows, each with one z2, and z1 drawn again for every image."""
    tops = np.array([[-1.5, 0.0], [0.0, 0.0], [1.5, 0.0]])
    held = {2: np.repeat(tops, SHOWN_IMAGES, axis=0)}
    codes = model.sample_layers(len(held[2]), seed=3, held=held)[0]
    return samples(model.decode(codes), columns=SHOWN_IMAGES)


def _codebook(value: int, shape: tuple[int, ...], settings: Settings) -> Any:
    from companion.vq_vae import VQVAE

    filters = tuple(settings["filters"])
    return VQVAE(num_embeddings=value, filters=filters, input_shape=shape, seed=settings["seed"])


def _with_use(model: Any, x: Any) -> Figures:
    from companion.code_use import code_counts, perplexity

    counts = code_counts(model.encode(x), model.num_embeddings)
    return {**_elbo(model, x), "perplexity": perplexity(counts)}


def _draws(value: int, shape: tuple[int, ...], settings: Settings) -> Any:
    from companion.iwae import IWAE

    return IWAE(**_networks(IWAE, shape, settings), num_samples=value)


def _with_bound(model: Any, x: Any) -> Figures:
    from companion.evaluation import log_likelihood

    bound = float(-np.mean(log_likelihood(model, x, k=100)))
    width = float(np.median(np.exp(0.5 * model.encode(x)[1])))
    return {**_elbo(model, x), "bound": bound, "width": width}


def _decoded_draws(model: Any, x: Any) -> BookFigure:
    """What two draws from q make of each image."""
    shown = x[:SHOWN_IMAGES]
    z_mean, z_log_var, _ = model.encode(shown)
    noise = np.random.default_rng(0).normal(size=(2, *z_mean.shape))
    draws = {
        f"draw {number}": model.decode(z_mean + np.exp(0.5 * z_log_var) * epsilon)
        for number, epsilon in enumerate(noise, start=1)
    }
    return originals_and_reconstructions(shown, draws)


#: Every control by the name of its choice, in the order of the chapters.
CHOICES: Mapping[str, Choice] = {
    "code_size": Choice(
        "01", "numbers in a code", (1, 2, 4, 8, 16), 2,
        "loss {loss:.1f} nats per unseen image",
        _autoencoder, _cross_entropy,
    ),
    "hidden_units": Choice(
        "02", "units in the hidden layers", (16, 64, 256), 64,
        f"{{parameters:,}} parameters; {ELBO}",
        _width, _with_size,
    ),
    "estimator": Choice(
        "03", "estimator of the encoder's gradient", tuple(ESTIMATORS), "score function, 1 draw",
        ELBO,
        _estimator,
    ),
    "sigma": Choice(
        "04", "sigma of a normal pixel", (0.05, 0.1, 0.2, 0.5, 1.0), 0.2,
        f"{ELBO} (densities, which may lie below 0); root mean squared error of a pixel {{error:.3f}}",
        _normal_pixels, _with_error,
    ),
    "latent_dim": Choice(
        "05", "coordinates of the code", (1, 2, 4, 8, 16, 32), 8,
        f"{ELBO}; {{active}} active units",
        _latent_dim, _with_units, _sampled,
    ),
    "beta": Choice("06", "beta, the price of the code", (0.5, 1, 2, 4, 8, 16), 4, ELBO, _beta),
    "num_labels": Choice(
        "07", "labels that are told apart", (2, 3, 5, 10), 5,
        ELBO,
        _labels, draw=_label_grid, inputs=_told, own={"latent_dim": 2},
    ),
    "free_bits": Choice(
        "08", "nats that are free in the top layer", (0, 0.5, 1, 2), 2,
        "KL {kl_1:.1f} in layer 1 and {kl_2:.1f} in layer 2; negative ELBO {neg_elbo:.1f} nats per unseen image",
        _free_bits, draw=_rows_of_one_top, inputs=_black_and_white, own={"latent_dims": [8, 2]},
    ),
    "num_codes": Choice(
        "09", "entries of the codebook", (8, 16, 32, 64), 16,
        "pixels {reconstruction:.1f} + codes {kl:.1f} = {neg_elbo:.1f} nats per unseen image; perplexity {perplexity:.1f}",
        _codebook, _with_use, own={"hidden": [], "filters": [16, 32], "epochs": 5},
    ),
    "k": Choice(
        "10", "k, draws an image", (1, 2, 5, 10, 20), 5,
        "negative ELBO {neg_elbo:.1f} and with 100 draws {bound:.1f} nats per unseen image; "
        "median standard deviation of q {width:.2f}",
        _draws, _with_bound, _decoded_draws,
    ),
}  # fmt: skip
