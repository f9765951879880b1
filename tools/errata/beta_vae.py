"""The row of chapter 06: what a weight on the KL does, and to what."""

import keras
import numpy as np

from companion import data
from companion.beta_vae import BetaVAE
from companion.evaluation import active_units
from tools.errata import SEEDS, Figures, erratum, over_seeds

BETAS = (1, 4, 16)


@erratum("06_beta_vae", tolerance=0.1)
def a_loss_under_another_beta() -> Figures:
    """Beta-VAEs with sixteen latent coordinates on the digits, by their own loss and by the negative ELBO."""
    digits = data.digits()
    found: dict[str, list[float]] = {}
    for seed in SEEDS:
        for beta in BETAS:
            keras.utils.set_random_seed(seed)  # the same order of batches for every beta
            model = BetaVAE(latent_dim=16, beta=beta, seed=seed)
            model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
            model.fit(digits.x_train, batch_size=64, epochs=15, verbose=0)
            terms = model.elbo_terms(digits.x_test)
            distortion, rate = float(-terms["log_likelihood"].mean()), float(terms["kl"].mean())
            for name, value in {
                "loss": distortion + beta * rate,
                "reconstruction": distortion,
                "neg_elbo": distortion + rate,
                "active": active_units(model, digits.x_test),
            }.items():
                found.setdefault(f"{name}_{beta}", []).append(value)
    figures: Figures = {name: float(np.mean(values)) for name, values in found.items()}
    for beta in BETAS[1:]:
        rises = np.subtract(found[f"reconstruction_{beta}"], found["reconstruction_1"])
        figures |= over_seeds(f"reconstruction_rises_{beta}", list(rises))
    return figures
