"""Record the trainer of chapter 00: its settings, and a still of what it shows after sixty epochs.

Nothing that was trained is kept: the page trains for itself. The still comes from the same network, trained by Keras.
"""

from pathlib import Path
from typing import Any

import numpy as np

from companion.explorers.recording import Draft, write
from companion.plots.figure import CLASS_COLOURS, GREY, INK, LINE_COLOURS, PAGE_WIDTH, BookFigure, book_style

NAME = "trainer"
SETTINGS: dict[str, Any] = {
    "dataset": "digits_8x8",
    "hidden": 64,
    "latent_dim": 2,
    "learning_rate": 5e-3,
    "batch_size": 50,
    "epochs": 60,
    "seed": 0,
    "kept_as": "float16",
}
HELP = (
    "Press Play, and a VAE learns 1,500 digits of 8 by 8 pixels, in your browser. Each dot is the code of one digit, "
    "coloured by its class, which the model never sees. Turn beta while it learns. Tap the plane to follow the digit "
    "whose code is nearest; the shaded ellipse is its guess q(z|x), one standard deviation wide."
)
SHOWN_DIGITS, GRID = 8, 13


def record(out: Path, settings: dict[str, Any] | None = None) -> None:
    """Train the model of the still, a quarter of a minute on two cores, and write the explorer into ``out``."""
    from companion import data

    chosen = SETTINGS | (settings or {})
    draft = Draft(NAME, "Train a VAE here", chosen)
    draft.shown = {"data": chosen["dataset"], "colours": CLASS_COLOURS, "help": HELP}
    draft.start = {
        "z": [1.0, 0.5],
        "beta": 1,
        "rate": chosen["learning_rate"],
        "hidden": chosen["hidden"],
        "latent": chosen["latent_dim"],
        "seed": chosen["seed"],
        "same": True,
        "slow": False,
    }
    digits = data.load(chosen["dataset"])
    model, history = train(digits, chosen)
    write(draft, out, _still(model, history, digits), chosen["kept_as"], colours=40)


def train(digits: Any, chosen: dict[str, Any]) -> tuple[Any, dict[str, list[float]]]:
    """The VAE of one hidden layer on each side, trained as ``chosen`` says, and its history."""
    import keras

    from companion.networks import build_decoder, build_encoder
    from companion.vae import VAE

    keras.utils.set_random_seed(chosen["seed"])
    shape, hidden, latent_dim = digits.image_shape, (chosen["hidden"],), chosen["latent_dim"]
    encoder = build_encoder(shape, latent_dim, hidden=hidden, seed=chosen["seed"])
    model = VAE(encoder, build_decoder(latent_dim, shape, hidden=hidden, seed=chosen["seed"] + 1))
    model.compile(keras.optimizers.Adam(chosen["learning_rate"]), steps_per_execution=30)
    done = model.fit(
        digits.x_train,
        validation_data=(digits.x_test,),
        batch_size=chosen["batch_size"],
        epochs=chosen["epochs"],
        verbose=0,
    )
    return model, done.history


def _still(model: Any, history: dict[str, list[float]], digits: Any) -> BookFigure:
    """The plane of codes with one posterior, the curves, reconstructions and the decoded plane."""
    images = np.concatenate([digits.x_train, digits.x_test])
    labels = np.concatenate([digits.y_train, digits.y_test])
    z_mean, z_log_var = (np.asarray(each) for each in model.encode(images)[:2])
    terms = {name: history[f"val_{name}"][-1] for name in ("reconstruction_loss", "kl_loss", "neg_elbo")}
    alt = (
        f"A VAE with codes of two numbers after {len(history['loss'])} epochs on digits of 8 by 8 pixels. Left, "
        f"the codes of all {len(images):,} digits, coloured by class, with the ellipse of one. Right, "
        f"{SHOWN_DIGITS} held-out digits above their reconstructions, and the digits decoded from a grid of codes. "
        f"Below, the curve of minus the ELBO: it ends at {terms['neg_elbo']:.1f} nats per held-out image, "
        f"{terms['reconstruction_loss']:.1f} of reconstruction error and {terms['kl_loss']:.1f} of KL."
    )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 4.0, alt_text=alt)
        halves: Any = figure.subfigures(1, 2, width_ratios=[1.25, 1])
        _draw_plane(halves[0].subplots(), z_mean, z_log_var, labels)
        rows = halves[1].subplots(3, 1, height_ratios=[0.8, 2.2, 1.1])
        shown = digits.x_test[:SHOWN_DIGITS]
        back = np.asarray(model.decode(model.encode(shown)[0]))
        _draw_sheet(rows[0], np.stack([shown, back])[..., 0], "held-out digits, and what comes back")
        ends = np.linspace(-2.4, 2.4, GRID)
        codes = np.stack(np.meshgrid(ends, ends[::-1]), axis=-1).reshape(-1, 2)
        decoded = np.asarray(model.decode(codes.astype("float32"))).reshape(GRID, GRID, 8, 8)
        _draw_sheet(rows[1], decoded, "decoded plane, −2.4 to 2.4")
        for name, colour in (("val_neg_elbo", INK), ("val_reconstruction_loss", LINE_COLOURS[0])):
            rows[2].plot(np.arange(1, len(history["loss"]) + 1), history[name], color=colour)
        rows[2].set(title="−ELBO, and its reconstruction error (nats)", xlabel="epoch")
    return figure


def _draw_plane(axes: Any, z_mean: np.ndarray, z_log_var: np.ndarray, labels: np.ndarray) -> None:
    from matplotlib.patches import Ellipse

    axes.scatter(*z_mean.T, s=5, c=[CLASS_COLOURS[label] for label in labels])
    followed = int(np.argmin(np.square(z_mean - [1.0, 0.5]).sum(axis=1)))
    for times, filled in ((1, True), (2, False)):
        width, height = 2 * times * np.exp(0.5 * z_log_var[followed])
        axes.add_patch(
            Ellipse(
                z_mean[followed], width, height, fill=filled, alpha=0.6, facecolor="#0072b2", edgecolor=INK
            )
        )
    axes.set(
        title="the codes of all digits", xlabel="z1", ylabel="z2", aspect="equal", xlim=(-4, 4), ylim=(-4, 4)
    )


def _draw_sheet(axes: Any, pictures: np.ndarray, title: str) -> None:
    """Pictures of shape (rows, columns, 8, 8) side by side, with a white line between."""
    framed = np.pad(pictures, ((0, 0), (0, 0), (0, 1), (0, 1)))
    rows, columns, height, width = framed.shape
    axes.imshow(framed.transpose(0, 2, 1, 3).reshape(rows * height, columns * width), **GREY)
    axes.set(title=title, xticks=[], yticks=[])
