"""Record the latent plane of chapter 05: two models, the codes of unseen images, a walk between digits."""

from pathlib import Path
from typing import Any

import numpy as np

from companion.explorers.recording import CHECKED_CODES, Draft, rounded, write
from companion.plots.figure import CLASS_COLOURS, GREY, PAGE_WIDTH, BookFigure, book_style

NAME = "latent_plane"
SETTINGS: dict[str, Any] = {
    "dataset": "digits",
    "hidden": [64, 128],
    "latent_dim": 2,
    "learning_rate": 5e-3,
    "batch_size": 100,
    "epochs": 60,
    "seed": 0,
    "kept_as": "int8",
}


def record(out: Path, settings: dict[str, Any] | None = None) -> None:
    """Train both models, half a minute on two cores, and write the explorer into the folder ``out``."""
    from companion import data
    from companion.autoencoder import Autoencoder
    from companion.vae import VAE

    chosen = SETTINGS | (settings or {})
    digits = data.load(chosen["dataset"])
    models = {
        name: _trained(kind, digits.x_train, chosen)
        for name, kind in (("autoencoder", Autoencoder), ("VAE", VAE))
    }
    codes = {
        name: np.asarray(model.encode(digits.x_test)[0] if name == "VAE" else model.encode(digits.x_test))
        for name, model in models.items()
    }
    draft = Draft(NAME, "The latent plane", chosen)
    reach = {name: float(np.ceil(np.abs(cloud).max())) for name, cloud in codes.items()}
    places = np.random.default_rng(chosen["seed"]).uniform(-1, 1, (CHECKED_CODES, 2))
    for name, model in models.items():
        draft.add_decoder(name, model.decoder, places * reach[name])
    labels = np.asarray(digits.y_test)
    kinds = sorted({int(label) for label in labels})
    draft.shown = {
        "models": {
            name: {"codes": rounded(cloud, 2), "range": [-reach[name], reach[name]]}
            for name, cloud in codes.items()
        },
        "labels": [int(label) for label in labels],
        "colours": CLASS_COLOURS,
        "walk": {"digits": kinds, "images": [_typical(codes["VAE"], labels, kind) for kind in kinds]},
    }
    draft.start = {"mode": "point", "z": [1.0, 0.5], "first": 3, "last": 6, "part": 0.5}
    write(draft, out, _still(models, draft), chosen["kept_as"])


def _trained(kind: Any, images: np.ndarray, chosen: dict[str, Any]) -> Any:
    import keras

    from companion.networks import build_decoder, build_encoder
    from companion.vae import VAE

    seed, hidden = 2 * chosen["seed"], chosen["hidden"]
    keras.utils.set_random_seed(chosen["seed"])
    encoder = build_encoder(
        images.shape[1:], 2, hidden=hidden[::-1], variational=issubclass(kind, VAE), seed=seed
    )
    model = kind(encoder, build_decoder(2, images.shape[1:], hidden=hidden, seed=seed + 1))
    model.compile(keras.optimizers.Adam(chosen["learning_rate"]), steps_per_execution=15)
    model.fit(images, batch_size=chosen["batch_size"], epochs=chosen["epochs"], verbose=0)
    return model


def _typical(codes: np.ndarray, labels: np.ndarray, kind: int) -> int:
    """The image of class ``kind`` whose code is nearest to the median of its class."""
    own = np.flatnonzero(labels == kind)
    return int(own[np.argmin(np.abs(codes[own] - np.median(codes[own], axis=0)).sum(axis=1))])


def _still(models: dict[str, Any], draft: Draft) -> BookFigure:
    """Both planes with the first point of the explorer, and what each model decodes there."""
    shown, start = draft.shown, np.array(draft.start["z"])
    alt = (
        f"Two planes with the codes of {len(shown['labels'])} digits, coloured by class: of an autoencoder and of a "
        f"VAE. A point is marked at the same place of both, ({start[0]:g}, {start[1]:g}) on the VAE's; beside each "
        f"plane stands the digit decoded there."
    )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 3.0, alt_text=alt)
        panels = figure.subplots(1, 4, width_ratios=[3, 1, 3, 1])
        for (name, model), axes, image in zip(
            shown["models"].items(), panels[::2], panels[1::2], strict=True
        ):
            z = start * model["range"][1] / shown["models"]["VAE"]["range"][1]
            axes.scatter(
                *np.array(model["codes"]).T, s=6, c=[CLASS_COLOURS[label] for label in shown["labels"]]
            )
            axes.scatter(*z, s=90, color="#000000", edgecolors="#ffffff", zorder=3)
            axes.set(
                title=name, xlim=model["range"], ylim=model["range"], aspect="equal", xlabel="z1", ylabel="z2"
            )
            image.imshow(models[name].decode(z[None])[0, ..., 0], **GREY)
            image.set(title="decoded", xticks=[], yticks=[])
    return figure
