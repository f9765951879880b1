"""Record the explorer of chapter 16: a diffusion over codes of two numbers, and the VAE whose decoder draws them."""

from pathlib import Path
from typing import Any

import numpy as np

from companion.explorers.recording import CHECKED_CODES, Draft, rounded, write
from companion.plots.figure import CLASS_COLOURS, GREY, PAGE_WIDTH, BookFigure, book_style

NAME = "probability_flow"
SETTINGS: dict[str, Any] = {
    "dataset": "digits",
    "hidden": [48, 96],
    "latent_dim": 2,
    "units": [64, 64],
    "learning_rate": 3e-3,
    "batch_size": 100,
    "epochs": 60,
    "diffusion_epochs": 400,
    "seed": 0,
    "kept_as": "float16",
}
REACH = 3.0  # of the plane, in units of the spread of all codes
STEPS = (1, 2, 5, 10, 20, 50)
STARTS = np.array([[-2.0, -1.2], [-1.0, 1.6], [0.0, -0.4], [0.9, 1.1], [1.8, -1.4]])


def record(out: Path, settings: dict[str, Any] | None = None) -> None:
    """Train both stages, a minute on two cores, and write the explorer into the folder ``out``."""
    from companion import data
    from companion.latent_diffusion.process import CLEANEST, FREQUENCIES, NOISIEST

    chosen = SETTINGS | (settings or {})
    digits = data.load(chosen["dataset"])
    model = _trained(digits, chosen)
    codes = np.asarray(model.standardized(model.encode((digits.x_test, digits.y_test))[0]))
    draft = Draft(NAME, "From noise to a digit", chosen)
    draws = np.random.default_rng(chosen["seed"])
    draft.add_decoder("VAE", model.decoder, draws.normal(0, 1.5, (CHECKED_CODES, 2)))
    inputs = draws.uniform(-1, 1, (CHECKED_CODES, model.denoiser.input_shape[-1]))
    draft.add_network("network", model.denoiser, inputs)
    starts = draws.uniform(-2, 2, (CHECKED_CODES, 2)).astype("float32")
    draft.decoded["path: starts"] = starts
    draft.decoded["path: ends"] = np.asarray(_path(model, starts, label=3, steps=20)[-1], "float32")
    draft.shown = {
        "codes": rounded(codes, 2),
        "labels": [int(label) for label in np.asarray(digits.y_test)],
        "colours": CLASS_COLOURS,
        "classes": [str(kind) for kind in range(digits.num_classes)],
        "range": [-REACH, REACH],
        "center": rounded(model.center.numpy(), 5),
        "spread": rounded(model.spread.numpy(), 5),
        "steps": list(STEPS),
        "log_snr": [NOISIEST, CLEANEST],
        "frequencies": list(FREQUENCIES),
    }
    draft.start = {"start": [-1.0, 1.6], "steps": 20, "label": -1, "guidance": 0.0}
    write(draft, out, _still(model, draft), chosen["kept_as"])


def _trained(digits: Any, chosen: dict[str, Any]) -> Any:
    """The diffusion over the codes of a VAE that was trained first."""
    import keras

    from companion.latent_diffusion import LatentDiffusion
    from companion.vae import VAE

    seed, shape = chosen["seed"], digits.x_train.shape[1:]
    keras.utils.set_random_seed(seed)
    pair = VAE.build_networks(shape, chosen["latent_dim"], hidden=chosen["hidden"][::-1], seed=seed)
    vae = VAE(**pair, seed=seed)
    vae.compile(keras.optimizers.Adam(chosen["learning_rate"]), steps_per_execution=15, jit_compile=False)
    vae.fit(digits.x_train, batch_size=chosen["batch_size"], epochs=chosen["epochs"], verbose=0)
    model = LatentDiffusion(
        vae.encoder, vae.decoder, num_classes=digits.num_classes, units=chosen["units"], seed=seed
    )
    both = (digits.x_train, digits.y_train)
    model.adapt(both)
    model.compile(keras.optimizers.Adam(chosen["learning_rate"]), steps_per_execution=15, jit_compile=False)
    model.fit(both, batch_size=chosen["batch_size"], epochs=chosen["diffusion_epochs"], verbose=0)
    return model


def _path(model: Any, starts: np.ndarray, label: int | None, steps: int) -> list[np.ndarray]:
    """The points of the way from each of ``starts``, in units of the spread of all codes."""
    from companion.latent_diffusion import reverse_path

    condition = None
    if label is not None:
        condition = np.tile(np.eye(model.num_classes, dtype="float32")[label], (len(starts), 1))
    return [np.asarray(z) for z in reverse_path(model.guided(condition), starts.astype("float32"), steps)]


def _still(model: Any, draft: Draft) -> BookFigure:
    """The codes with the ways of five noise points, and what the decoder makes of their ends."""
    shown = draft.shown
    ways = np.stack(_path(model, STARTS, None, 50), axis=1)  # (starts, points, 2)
    pictures = model.decode(ways[:, -1] * model.spread.numpy() + model.center.numpy())
    alt = (
        f"A plane with the codes of {len(shown['labels'])} digits, coloured by class, and the ways of five noise "
        f"points to codes, as curves that end in dots; beside it the five digits that the decoder makes of the ends."
    )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 3.2, alt_text=alt)
        panels = figure.subplot_mosaic([["plane", *"01234"]], width_ratios=[4, 1, 1, 1, 1, 1])
        plane = panels["plane"]
        plane.scatter(
            *np.array(shown["codes"]).T, s=5, c=[CLASS_COLOURS[label] for label in shown["labels"]], alpha=0.6
        )
        for number, way in enumerate(ways):
            plane.plot(*way.T, color="#000000", linewidth=1.2)
            plane.scatter(*way[-1], s=40, color="#000000", edgecolors="#ffffff", zorder=3)
            plane.annotate(str(number + 1), way[0], fontsize=9, ha="center", va="center")
            image = panels[str(number)]
            image.imshow(pictures[number, ..., 0], **GREY)
            image.set(title=str(number + 1), xticks=[], yticks=[])
        plane.set(xlim=shown["range"], ylim=shown["range"], aspect="equal", xlabel="z1", ylabel="z2")
    return figure
