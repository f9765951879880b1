"""Record the explorer of chapter 07: a small conditional VAE of the digits with a code of two numbers."""

from pathlib import Path
from typing import Any

import numpy as np

from companion.explorers.recording import CHECKED_CODES, Draft, write
from companion.plots.figure import GREY, PAGE_WIDTH, BookFigure, book_style

NAME = "condition"
SETTINGS: dict[str, Any] = {
    "dataset": "digits",
    "hidden": [64, 128],
    "latent_dim": 2,
    "learning_rate": 3e-3,
    "batch_size": 100,
    "epochs": 60,
    "seed": 0,
    "kept_as": "int8",
}
REACH = 3.0


def record(out: Path, settings: dict[str, Any] | None = None) -> None:
    """Train the model, half a minute on two cores, and write the explorer into the folder ``out``."""
    import keras

    from companion import data
    from companion.conditional_vae import ConditionalVAE

    chosen = SETTINGS | (settings or {})
    digits = data.load(chosen["dataset"])
    keras.utils.set_random_seed(chosen["seed"])
    networks = ConditionalVAE.build_networks(
        digits.image_shape,
        chosen["latent_dim"],
        hidden=chosen["hidden"][::-1],
        seed=chosen["seed"],
        num_classes=digits.num_classes,
    )
    model = ConditionalVAE(**networks, num_classes=digits.num_classes, seed=chosen["seed"])
    model.compile(keras.optimizers.Adam(chosen["learning_rate"]), steps_per_execution=15)
    model.fit(
        [digits.x_train, digits.y_train], batch_size=chosen["batch_size"], epochs=chosen["epochs"], verbose=0
    )
    draws = np.random.default_rng(chosen["seed"])
    labels = draws.integers(digits.num_classes, size=CHECKED_CODES)
    draft = Draft(NAME, "One style for every label", chosen)
    draft.add_decoder(
        "VAE",
        model.decoder,
        draws.uniform(-REACH, REACH, (CHECKED_CODES, 2)),
        np.eye(digits.num_classes)[labels],
    )
    draft.shown = {"classes": [str(i) for i in range(digits.num_classes)], "range": [-REACH, REACH]}
    draft.start = {"z": [0.8, -0.6], "label": 3}
    write(draft, out, _still(model, draft), chosen["kept_as"])


def _still(model: Any, draft: Draft) -> BookFigure:
    """The first code of the explorer, decoded with every label."""
    classes, z = draft.shown["classes"], np.array(draft.start["z"])
    pictures = model.decode(np.repeat(z[None], len(classes), axis=0), np.arange(len(classes)))
    alt = (
        f"{len(classes)} decoded images in a row, one for every label from {classes[0]} to {classes[-1]}, all of the "
        f"same style: the code is ({z[0]:g}, {z[1]:g}) each time, and only the label differs."
    )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 1.1, alt_text=alt)
        for axes, pixels, name in zip(figure.subplots(1, len(classes)), pictures, classes, strict=True):
            axes.imshow(pixels[..., 0], **GREY)
            axes.set(title=name, xticks=[], yticks=[])
    return figure
