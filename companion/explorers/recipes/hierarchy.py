"""Record the explorer of chapter 08: a small VAE of two layers, whose top layer is kept in use by free bits."""

from pathlib import Path
from typing import Any

import numpy as np

from companion.explorers.recording import CHECKED_CODES, Draft, rounded, write
from companion.plots.figure import CLASS_COLOURS, GREY, PAGE_WIDTH, BookFigure, book_style

NAME = "hierarchy"
SETTINGS: dict[str, Any] = {
    "dataset": "digits",
    "binarized": "threshold",
    "hidden": [128, 64],
    "latent_dims": [8, 2],
    "inference": "bottom_up",
    "free_bits": 2.0,
    "learning_rate": 2e-3,
    "batch_size": 64,
    "epochs": 40,
    "seed": 0,
    "kept_as": "float16",
}
REACH = 3.0
DRAWS = 8


def record(out: Path, settings: dict[str, Any] | None = None) -> None:
    """Train the model, a minute on two cores, and write the explorer into the folder ``out``."""
    from companion import data

    chosen = SETTINGS | (settings or {})
    digits = data.load(chosen["dataset"])
    train, test = (data.binarize(images, chosen["binarized"]) for images in (digits.x_train, digits.x_test))
    model = _trained(train, chosen)
    draws = np.random.default_rng(chosen["seed"])
    draft = Draft(NAME, "Hold the top layer", chosen)
    _add_generators(draft, model, draws)
    terms = model.elbo_terms(test, model.noise(len(test), seed=0))
    draft.shown = {
        "codes": rounded(model.encode_layers(test)[1][0], 2),
        "labels": [int(label) for label in np.asarray(digits.y_test)],
        "colours": CLASS_COLOURS,
        "range": [-REACH, REACH],
        "draws": DRAWS,
        "kl": [rounded(np.mean(terms[name]), 1) for name in ("kl_1", "kl_2")],
    }
    draft.start = {"z2": [1.0, 0.5], "seed": 0, "keep": True}
    write(draft, out, _still(model, draft, draws), chosen["kept_as"], colours=200)


def _trained(images: np.ndarray, chosen: dict[str, Any]) -> Any:
    import keras

    from companion.hierarchical_vae import HierarchicalVAE

    keras.utils.set_random_seed(chosen["seed"])
    how = {"latent_dims": tuple(chosen["latent_dims"]), "inference": chosen["inference"]}
    networks = HierarchicalVAE.build_networks(
        images.shape[1:], hidden=tuple(chosen["hidden"]), seed=chosen["seed"], **how
    )
    model = HierarchicalVAE(
        **networks, inference=chosen["inference"], free_bits=chosen["free_bits"], seed=chosen["seed"]
    )
    model.compile(keras.optimizers.Adam(chosen["learning_rate"]), steps_per_execution=20)
    model.fit(images, batch_size=chosen["batch_size"], epochs=chosen["epochs"], verbose=0)
    return model


def _add_generators(draft: Draft, model: Any, draws: np.random.Generator) -> None:
    """Add mean and log variance of p(z1|z2) and the decoder p(x|z1), with test inputs and outputs of all three."""
    import keras

    prior = model.prior_parts[0]
    tops = draws.uniform(-REACH, REACH, (CHECKED_CODES, model.latent_dims[1]))
    noise = draws.normal(size=(CHECKED_CODES, model.latent_dims[0]))
    mean, log_var, _ = prior.outputs
    draft.add_network("mean of z1", keras.Model(prior.input, mean), tops)
    draft.add_network("log variance of z1", keras.Model(prior.input, log_var), tops)
    lower = _lower(model, tops, noise)
    draft.add_decoder("pixels", model.pixels_part, lower)
    # For the test in which the page combines the three.
    draft.decoded["pixels: z2"] = tops.astype("float32")
    draft.decoded["pixels: noise"] = noise.astype("float32")


def _lower(model: Any, tops: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Draws of z1 from p(z1|z2) with given ``noise``."""
    mean, log_var, _ = (np.asarray(part) for part in model.prior_parts[0](np.asarray(tops, "float32")))
    return mean + np.exp(log_var / 2) * noise


def _still(model: Any, draft: Draft, draws: np.random.Generator) -> BookFigure:
    """The plane of z2 with the first point of the explorer, and images from draws of the lower layer for it."""
    shown, z2 = draft.shown, np.array(draft.start["z2"])
    tops = np.repeat(z2[None], DRAWS, axis=0)
    pictures = model.decode(_lower(model, tops, draws.normal(size=(DRAWS, model.latent_dims[0]))))
    alt = (
        f"A plane with the top codes of {len(shown['labels'])} digits, coloured by class, and a point marked at "
        f"({z2[0]:g}, {z2[1]:g}); beside it {DRAWS} decoded pictures, all with this top code and each with a lower "
        f"code of its own."
    )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 3.2, alt_text=alt)
        names = "".join(str(i) for i in range(DRAWS))
        half = DRAWS // 2
        panels = figure.subplot_mosaic(f"ppp{names[:half]}\nppp{names[half:]}")
        axes = panels["p"]
        first, second = np.array(shown["codes"]).T
        axes.scatter(first, second, s=6, c=[CLASS_COLOURS[label] for label in shown["labels"]])
        axes.scatter(z2[0], z2[1], s=90, color="#000000", edgecolors="#ffffff", zorder=3)
        axes.set(title="top layer", xlim=shown["range"], ylim=shown["range"], aspect="equal")
        axes.set(xlabel="first coordinate of z2", ylabel="second coordinate")
        for name, pixels in zip(names, pictures, strict=True):
            panels[name].imshow(pixels[..., 0], **GREY)
            panels[name].set(xticks=[], yticks=[])
    return figure
