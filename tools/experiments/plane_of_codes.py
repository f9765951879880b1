"""Chapter 01's two models in the plane: what they reconstruct, how often drawn codes fall into holes, what is there.

Networks, images and training are those of the chapter's page, so that its live figures lie within the recorded spread.
"""

from __future__ import annotations

import numpy as np

DRAWS = 1000


def plane(model: str, seed: int, epochs: int = 8) -> dict[str, float]:
    """Figures of one training; ``model`` is ``autoencoder`` or ``vae``.

    ``reconstruction``, ``kl`` and ``loss`` (nats per image, on test images; an autoencoder's KL is 0); ``width``
    the mean standard deviation of one image's code, ``spread`` that of the codes of all test images; ``holes_*`` the
    share of 1,000 points in a hole, drawn from the standard normal, the box around the codes or a normal fitted to
    them; ``*_confidence`` the judge's mean confidence in pictures of the box, from holes and from beside codes.
    """
    import keras

    from companion import data
    from companion.autoencoder import Autoencoder
    from companion.evaluation import mean_confidence
    from companion.evaluation.judge import train_judge
    from companion.networks import build_conv_decoder, build_conv_encoder
    from companion.vae import VAE
    from tools.experiments.code_samples import fitted_normal

    digits = data.digits()
    images, unseen = digits.x_train, digits.x_test
    shape, plain = images.shape[1:], model == "autoencoder"
    keras.utils.set_random_seed(seed)
    judge = train_judge(images, digits.y_train, seed=seed)
    keras.utils.set_random_seed(seed)
    encoder = build_conv_encoder(shape, 2, variational=not plain, seed=2 * seed)
    trained = (Autoencoder if plain else VAE)(encoder, build_conv_decoder(2, shape, seed=2 * seed + 1))
    trained.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    trained.fit(images, batch_size=32, epochs=epochs, verbose=0)
    scores = trained.evaluate(unseen, verbose=0, return_dict=True)
    codes, new_codes = (trained.encode(each) for each in (images, unseen))
    width = 0.0
    if not plain:
        width = float(np.mean(np.exp(0.5 * new_codes[1])))
        codes, new_codes = codes[2], new_codes[2]  # the draws

    draws = np.random.default_rng(1000 + seed)
    noise = draws.normal(size=(DRAWS, 2))
    box = draws.uniform(codes.min(axis=0), codes.max(axis=0), size=(DRAWS, 2))
    points = {"prior": noise, "box": box, "normal": fitted_normal(codes, noise)}
    in_hole = {name: holes(each, codes, new_codes) for name, each in points.items()}
    return {
        "reconstruction": float(scores["loss" if plain else "reconstruction_loss"]),
        "kl": 0.0 if plain else float(scores["kl_loss"]),
        "loss": float(scores["loss"]),
        "width": width,
        "spread": float(np.sqrt(np.mean(np.var(new_codes, axis=0)))),
        **{f"holes_{name}": float(found.mean()) for name, found in in_hole.items()},
        "hole_confidence": mean_confidence(judge, trained.decode(box[in_hole["box"]])),
        "beside_confidence": mean_confidence(judge, trained.decode(box[~in_hole["box"]])),
    }


def holes(points: np.ndarray, codes: np.ndarray, new_codes: np.ndarray) -> np.ndarray:
    """Which points lie further from their nearest code than 99 of 100 held-out codes do."""
    from companion.evaluation import distance_to_nearest

    return distance_to_nearest(points, codes) > np.quantile(distance_to_nearest(new_codes, codes), 0.99)
