"""Record the explorer of chapter 06: beta-VAEs of drawn shapes with five betas, and the KL of each coordinate."""

from pathlib import Path
from typing import Any

import numpy as np

from companion.explorers.recording import CHECKED_CODES, Draft, rounded, write
from companion.plots.figure import GREY, PAGE_WIDTH, BookFigure, book_style

NAME = "beta"
SETTINGS: dict[str, Any] = {
    "dataset": "shapes",
    "images": 4000,
    "test_images": 500,
    "hidden": [96],
    "latent_dim": 6,
    "betas": [1, 2, 4, 8, 16],
    "learning_rate": 5e-3,
    "batch_size": 100,
    "epochs": 20,
    "seed": 0,
    "kept_as": "int8",
}
VALUES = [-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0]
SHOWN_IMAGES = 4


def record(out: Path, settings: dict[str, Any] | None = None) -> None:
    """Train a model per beta, a minute on two cores, and write the explorer into the folder ``out``."""
    from companion import data

    chosen = SETTINGS | (settings or {})
    images = data.shapes(chosen["images"] + chosen["test_images"]).images
    train, test = np.split(images, [chosen["images"]])
    draft = Draft(NAME, "The weight of the KL", chosen)
    codes = np.random.default_rng(chosen["seed"]).normal(size=(CHECKED_CODES, chosen["latent_dim"]))
    models, facts = {}, []
    for beta in chosen["betas"]:
        models[beta] = _trained(beta, train, chosen)
        draft.add_decoder(f"beta {beta}", models[beta].decoder, codes)
        facts.append({"beta": beta} | _measured(models[beta], test))
    draft.shown = {
        "models": facts,
        "values": VALUES,
        "images": [f"number {i + 1}" for i in range(SHOWN_IMAGES)],
        "shape": list(images.shape[1:3]),
    }
    draft.start = {"beta": chosen["betas"][0], "image": 0}
    write(draft, out, _still(models, draft), chosen["kept_as"])


def _trained(beta: float, images: np.ndarray, chosen: dict[str, Any]) -> Any:
    import keras

    from companion.beta_vae import BetaVAE

    keras.utils.set_random_seed(chosen["seed"])
    networks = BetaVAE.build_networks(
        images.shape[1:], chosen["latent_dim"], hidden=tuple(chosen["hidden"]), seed=chosen["seed"]
    )
    model = BetaVAE(**networks, beta=beta, seed=chosen["seed"])
    model.compile(keras.optimizers.Adam(chosen["learning_rate"]), steps_per_execution=20)
    model.fit(images, batch_size=chosen["batch_size"], epochs=chosen["epochs"], verbose=0)
    return model


def _measured(model: Any, test: np.ndarray) -> dict[str, Any]:
    """Rate, distortion and the KL of each coordinate, in nats per image, and the codes of the images that are shown."""
    from companion.objectives import kl_per_unit

    z_mean, z_log_var, _ = model.encode(test)
    terms = model.elbo_terms(test)
    return {
        "rate": rounded(np.mean(terms["kl"])),
        "distortion": rounded(-np.mean(terms["log_likelihood"])),
        "kl": rounded(np.mean(kl_per_unit(z_mean, z_log_var), axis=0)),
        "codes": rounded(z_mean[:SHOWN_IMAGES]),
    }


def _still(models: dict[float, Any], draft: Draft) -> BookFigure:
    """Traversals of the coordinate with the largest KL, for the first image and three values of beta."""
    betas, facts = list(models), draft.shown["models"]
    rows = [0, len(betas) // 2, len(betas) - 1]
    alt = (
        "Three rows of decoded shapes in which the most costly coordinate of one code goes from -2 to 2. "
        + " ".join(
            f"At beta {betas[i]} the rate is {facts[i]['rate']:.1f} nats, the distortion {facts[i]['distortion']:.1f}."
            for i in rows
        )
    )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 2.8, alt_text=alt)
        for axes, i in zip(figure.subplots(len(rows), 1), rows, strict=True):
            codes = np.repeat([facts[i]["codes"][0]], len(VALUES), axis=0)
            codes[:, int(np.argmax(facts[i]["kl"]))] = VALUES
            axes.imshow(np.hstack(models[betas[i]].decode(codes)[..., 0]), **GREY)
            axes.set(xticks=[], yticks=[])
            axes.set_ylabel(f"beta {betas[i]}", rotation=0, ha="right", va="center")
    return figure
