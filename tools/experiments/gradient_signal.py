"""Signal-to-noise ratio of the encoder's gradient of L_k on a model whose posterior is known.

The gradient is taken by the package's own estimators with respect to the mean and log variance of q, for one
observation that is repeated: each repetition draws its own k codes, so that rows of the gradient are independent.
"""

from __future__ import annotations

import numpy as np

from companion.linear_gaussian import LinearGaussian

DRAWS_AT_ONCE = 400_000  # codes in memory, k for each repetition


def signal_to_noise(
    k: int, seed: int, repeats: int = 20_000, shift: float = 1.0, log_var_shift: float = 0.3
) -> dict[str, float]:
    """Signal / noise of both estimators at ``k`` draws, ``plain`` and ``doubly``, and the natural logs of both.

    Signal is the length of the mean gradient, noise the root of the summed variances. The squared length of a mean of
    ``repeats`` draws is too large by the summed variances over ``repeats``, which is subtracted. q is the exact
    posterior with its mean moved by ``shift`` standard deviations and ``log_var_shift`` added to its log variance.
    Raises ValueError where too few repetitions leave no signal above the noise. Source: Rainforth et al. (2018).
    """
    found = {}
    for name, doubly in (("plain", False), ("doubly", True)):
        rows = _gradients(k, seed, repeats, shift, log_var_shift, doubly)
        variance = float(np.sum(rows.var(axis=0, ddof=1)))
        signal = float(np.sum(rows.mean(axis=0) ** 2)) - variance / repeats
        if signal <= 0:
            raise ValueError(
                f"{name}: no signal above the noise of {repeats} repetitions at k={k}; raise repeats."
            )
        found[name] = float(np.sqrt(signal / variance))
        found[f"log_{name}"] = float(np.log(found[name]))
    return found


def _gradients(
    k: int, seed: int, repeats: int, shift: float, log_var_shift: float, doubly: bool
) -> np.ndarray:
    """Gradients of L_k with respect to mean and log variance of q, a row for each repetition: (repeats, 2 * d)."""
    import tensorflow as tf

    from companion.iwae import IWAE

    exact = LinearGaussian.random(pixels=6, latent_dim=2, seed=seed)
    deviations = np.exp(0.5 * exact.posterior(exact.sample(1))[1])
    vae = exact.vae(mean_shift=list(shift * deviations), log_var_shift=log_var_shift)
    model = IWAE(
        vae.encoder,
        vae.decoder,
        num_samples=k,
        doubly_reparameterized=doubly,
        likelihood=vae.likelihood,
        seed=seed,
    )
    rows = max(1, min(repeats, DRAWS_AT_ONCE // k))
    x = tf.constant(np.repeat(exact.sample(1, seed=seed), rows, axis=0))

    @tf.function
    def gradient() -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y_pred = model(x, training=True)
            bound = tf.reduce_sum(model.objective(model.terms(x, y_pred)))
        return tf.concat(tape.gradient(bound, [y_pred["z_mean"], y_pred["z_log_var"]]), axis=-1)

    batches = [gradient().numpy().astype("float64") for _ in range(-(-repeats // rows))]
    return np.concatenate(batches)[:repeats]
