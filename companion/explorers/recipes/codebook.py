"""Record the explorer of chapter 09: a small VQ-VAE of the digits, whose map of codes can be painted."""

from pathlib import Path
from typing import Any

import numpy as np

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
    "epochs": 20,
    "seed": 0,
    "kept_as": "float16",
}


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
    codebook = np.asarray(model.quantizer.embeddings)
    draft = Draft(NAME, "Paint with codes", chosen)
    random_maps = np.random.default_rng(chosen["seed"]).integers(len(codebook), size=(CHECKED_CODES, 7, 7))
    draft.add_decoder("image", model.decoder, codebook[random_maps])
    draft.shown = {"entries": rounded(codebook, 4), "size": 7, "images": _maps(model, digits)}
    draft.start = {"codes": draft.shown["images"][0]["codes"], "image": 0, "brush": 0, "at": 24}
    write(draft, out, _still(model, draft), chosen["kept_as"])


def _maps(model: Any, digits: Any) -> list[dict[str, Any]]:
    """The map of codes of the first test image of each digit."""
    firsts = [int(np.flatnonzero(digits.y_test == label)[0]) for label in range(digits.num_classes)]
    codes = np.asarray(model.encode(digits.x_test[firsts]))
    return [{"name": f"a {label}", "codes": codes[label].tolist()} for label in range(digits.num_classes)]


def _still(model: Any, draft: Draft) -> BookFigure:
    """A map of codes, its numbers written in its cells, beside the image that it decodes to."""
    codes = np.array(draft.shown["images"][0]["codes"], int)
    pixels = model.decode(codes[None])[0, ..., 0]
    alt = (
        f"A map of 7 by 7 codes of a handwritten 0, each cell with the number of its entry, {len(np.unique(codes))} "
        f"different ones; beside it the image that the decoder makes of the map."
    )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 3.0, alt_text=alt)
        left, right = figure.subplots(1, 2)
        left.imshow(codes, cmap="Pastel1", interpolation="nearest")
        for (line, place), entry in np.ndenumerate(codes):
            left.text(place, line, str(entry), ha="center", va="center")
        right.imshow(pixels, **GREY)
        for axes, title in ((left, "map of codes"), (right, "decoded")):
            axes.set(title=title, xticks=[], yticks=[])
    return figure
