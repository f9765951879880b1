"""Patients of plain NumPy functions, as a model of PyTorch or JAX is handed over: some healthy, some with a fault."""

import numpy as np

from companion.diagnosis import Patient
from tests.patients.parts import CODE, PIXELS, TRAIN

AVERAGED = "reconstruction averaged over pixels"


def by_functions(**functions):
    """A builder of a patient of plain NumPy functions, its encoder and decoder linear."""
    rng = np.random.default_rng(0)
    up, down = rng.normal(size=(PIXELS, CODE)) / 8, rng.normal(size=(CODE, PIXELS))

    def encode(x):
        return x @ up, np.clip(-0.5 + 0.1 * (x @ up), -3, 1)

    own = {
        "encode": encode,
        "decode": lambda z: z @ down,
        "sample_latent": lambda m, s: m + np.exp(0.5 * s) * rng.normal(size=m.shape),
        "kl": kl_of_numpy,
    }
    return lambda: (Patient(**{**own, **functions}), TRAIN, {})


def kl_of_numpy(mean, s):
    return 0.5 * np.sum(mean**2 + np.exp(s) - 1 - s, axis=-1)


SICK_FUNCTIONS = {
    "functions: reconstruction averaged": (
        AVERAGED,
        by_functions(reconstruction=lambda x, y: np.mean((x - y) ** 2)),
    ),
    "functions: KL averaged": (
        "KL averaged over the code",
        by_functions(kl=lambda m, s: kl_of_numpy(m, s) / CODE),
    ),
    "functions: KL of the batch, subtracted": (
        "the KL has the wrong sign",
        by_functions(kl=lambda m, s: -kl_of_numpy(m, s).mean()),
    ),
    "functions: KL without its half": (
        "the KL lacks its half",
        by_functions(kl=lambda m, s: 2 * kl_of_numpy(m, s)),
    ),
    "functions: KL without exp": (
        "a KL of another formula",
        by_functions(kl=lambda m, s: 0.5 * np.sum(m**2 - 1, axis=-1)),
    ),
    "functions: one noise": (
        "one noise for the whole batch",
        by_functions(
            sample_latent=lambda m, s: (
                m + np.exp(0.5 * s) * np.array([1.0, -0.8, 1.2]) * np.random.default_rng().normal()
            )
        ),
    ),
    "functions: no noise": ("codes without noise", by_functions(sample_latent=lambda m, s: m)),
    "functions: draws too wide": (
        "draws of another width",
        by_functions(
            sample_latent=lambda m, s: (
                m
                + 2
                * np.exp(0.5 * s)
                * np.random.default_rng(1).permuted(np.random.default_rng().normal(size=m.shape))
            )
        ),
    ),
}
