"""Record the explorer of chapter 09: a small VQ-VAE of the digits, whose map of codes can be painted."""

from colorsys import hls_to_rgb
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap

from companion.explorers.recording import CHECKED_CODES, Draft, rounded, write
from companion.plots.figure import GREY, PAGE_WIDTH, BookFigure, book_style

NAME = "codebook"
SETTINGS: dict[str, Any] = {
    "dataset": "digits",
    "num_embeddings": 16,
    "embedding_dim": 8,
    "filters": [16, 32],
    "learning_rate": 3e-3,
    "batch_size": 50,
    "epochs": 25,
    "seed": 0,
    "kept_as": "float16",
}
# A step of this part of the colour circle keeps neighbours in the list far apart in hue.
TURN = 0.382
START = 4


def record(out: Path, settings: dict[str, Any] | None = None) -> None:
    """Train the model, half a minute on two cores, and write the explorer into the folder ``out``."""
    import keras

    from companion import data
    from companion.vq_vae import VQVAE

    chosen = SETTINGS | (settings or {})
    digits = data.load(chosen["dataset"])
    keras.utils.set_random_seed(chosen["seed"])
    networks = VQVAE.build_networks(
        digits.image_shape,
        embedding_dim=chosen["embedding_dim"],
        filters=tuple(chosen["filters"]),
        seed=chosen["seed"],
    )
    model = VQVAE(**networks, num_embeddings=chosen["num_embeddings"], seed=chosen["seed"])
    model.compile(keras.optimizers.Adam(chosen["learning_rate"]), steps_per_execution=15)
    model.fit(digits.x_train, batch_size=chosen["batch_size"], epochs=chosen["epochs"], verbose=0)
    codebook, codes = _lightest_first(model, _first_of_each(digits))
    draws = np.random.default_rng(chosen["seed"])
    maps = draws.integers(len(codebook), size=(CHECKED_CODES, *codes.shape[1:]))
    draft = Draft(NAME, "Paint with codes", chosen)
    draft.add_decoder("image", model.decoder, codebook[maps])
    draft.shown = {
        "entries": rounded(codebook, 4),
        "colours": _colours(len(codebook)),
        "size": codes.shape[1],
        "digits": codes.tolist(),
    }
    draft.start = {"codes": codes[START].tolist(), "digit": START, "brush": 14, "at": 0}
    write(draft, out, _still(model, codebook, draft), chosen["kept_as"])


def _first_of_each(digits: Any) -> np.ndarray:
    """The first test image of each digit, 0 to 9."""
    labels = np.asarray(digits.y_test)
    return digits.x_test[[int(np.flatnonzero(labels == label)[0]) for label in range(digits.num_classes)]]


def _lightest_first(model: Any, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codebook sorted by how dark a map of a single entry is, and the codes of ``images`` in that order.

    The order of a trained codebook has no meaning; in this order a larger number means more ink.
    """
    count = model.num_embeddings
    full = np.broadcast_to(np.arange(count)[:, None, None], (count, *model.grid_shape))
    order = np.argsort(model.decode(full).mean(axis=(1, 2, 3)))
    return np.asarray(model.quantizer.embeddings)[order], np.argsort(order)[np.asarray(model.encode(images))]


def _colours(count: int) -> list[str]:
    """One colour per entry, later ones darker, all light enough for black numbers."""
    colours = [hls_to_rgb(i * TURN % 1, 0.92 - 0.27 * i / max(count - 1, 1), 0.6) for i in range(count)]
    return ["#" + "".join(f"{round(255 * part):02x}" for part in colour) for colour in colours]


def _still(model: Any, codebook: np.ndarray, draft: Draft) -> BookFigure:
    """A map of codes, its numbers written in its cells, beside the image that it decodes to."""
    codes, colours = np.array(draft.start["codes"]), draft.shown["colours"]
    logits = np.asarray(model.decoder(codebook[codes][None]), "float64")[0, ..., 0]
    size = len(codes)
    alt = (
        f"A map of {size} by {size} codes of a handwritten {draft.start['digit']}, each cell with the number and the "
        f"colour of its code, {len(np.unique(codes))} different ones; beside it the image that the decoder makes of "
        f"the map."
    )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 3.0, alt_text=alt)
        left, right = figure.subplots(1, 2)
        left.imshow(codes, cmap=ListedColormap(colours), vmin=-0.5, vmax=len(colours) - 0.5)
        for (line, place), code in np.ndenumerate(codes):
            left.text(place, line, str(code), ha="center", va="center", color="#000000")
        right.imshow(1 / (1 + np.exp(-logits)), **GREY)
        for axes, title in ((left, "map of codes"), (right, "decoded")):
            axes.set(title=title, xticks=[], yticks=[])
    return figure
