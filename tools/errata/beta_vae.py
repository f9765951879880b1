"""Rows of chapter 06: what a weight on the KL does, and to what."""

import keras

from companion import data
from companion.beta_vae import BetaVAE
from companion.evaluation import active_units
from tools.errata import SEED, Figures, erratum


@erratum("06_beta_vae", tolerance=0.1)
def a_loss_at_another_price() -> Figures:
    """Beta-VAEs with sixteen latent coordinates on the digits, by their own loss and by the negative ELBO."""
    digits = data.digits()
    figures: Figures = {}
    for beta in (1, 4, 16):
        model = BetaVAE(latent_dim=16, beta=beta, seed=SEED)
        model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
        model.fit(digits.x_train, batch_size=64, epochs=15, verbose=0)
        terms = model.elbo_terms(digits.x_test)
        distortion, rate = float(-terms["log_likelihood"].mean()), float(terms["kl"].mean())
        figures |= {
            f"loss_{beta}": distortion + beta * rate,
            f"reconstruction_{beta}": distortion,
            f"kl_{beta}": rate,
            f"neg_elbo_{beta}": distortion + rate,
            f"active_{beta}": active_units(model, digits.x_test),
        }
    return figures
