"""Priors over the codes of one VAE, with its encoder and decoder left as they are: bounds, and decoded draws.

All arms of one seed share one VAE, one judge and one split, so that they differ in the prior and in nothing else.
Whichever arm runs first computes the figures of all arms for its seed and leaves them beside its folder; the others
read them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

LATENT_DIM, HIDDEN, BATCH, RATE = 8, (256,), 64, 2e-3
PRIORS = ("standard", "mixture", "vamp", "flow")
STEPS = (2, 5, 10, 50)
GUIDANCE = (0, 2)
FIGURES = (
    *("bound", "elbo", "fidelity", "coverage", "confidence"),
    *("hits", "diversity", "information", "to_prior", "last_fifth"),
)


def figures(
    pictures: str,
    seed: int,
    folder: Path,
    epochs: int,
    prior_epochs: int,
    diffusion_epochs: int,
    dataset: str = "digits",
    n_train: int = 1200,
    n_shown: int = 297,
) -> dict[str, float | None]:
    """The figures of one arm; what an arm has none of is 0.

    ``bound`` is L_100 and ``elbo`` the ELBO, means over the test images, in nats. ``fidelity`` and ``coverage`` are
    precision and recall (3 neighbours) of ``n_shown`` pictures against as many test images, among the features of a
    judge; ``confidence`` is the judge's. ``hits`` is the share of pictures that the judge assigns to the label they
    were asked for, and ``diversity`` the pixel distance within the classes that it names. ``information`` and
    ``to_prior`` are the parts of the KL on the training images. ``last_fifth`` is by how much the negative ELBO of the
    test images fell in the last fifth of the epochs.
    """
    kept = folder.parent / f"all-arms-{dataset}-{seed}.json"
    if not kept.exists():
        sizes: dict[str, Any] = {"dataset": dataset, "n_train": n_train, "n_shown": n_shown}
        study = Study(seed, epochs, prior_epochs, diffusion_epochs, **sizes)
        partial = kept.with_name(f".partial-{os.getpid()}-{kept.name}")
        partial.write_text(json.dumps(dict(study.arms())), encoding="utf-8")
        os.replace(partial, kept)
    found = json.loads(kept.read_text(encoding="utf-8"))[pictures]
    return {name: round(float(found[name]), 6) if name in found else None for name in FIGURES}


class Study:
    """All arms of one seed."""

    def __init__(
        self,
        seed: int,
        epochs: int,
        prior_epochs: int,
        diffusion_epochs: int,
        *,
        dataset: str,
        n_train: int,
        n_shown: int,
    ) -> None:
        import keras

        from companion import data
        from companion.evaluation import judge_features
        from companion.evaluation.judge import train_judge

        self.seed, self.epochs, self.prior_epochs = seed, epochs, prior_epochs
        self.diffusion_epochs = diffusion_epochs
        whole = data.load(dataset)
        self.images, self.labels = whole.x_train[:n_train], np.asarray(whole.y_train)[:n_train]
        # Real images that neither the models nor the judge have seen, and are not the reference.
        self.unseen = whole.x_train[n_train : n_train + n_shown]
        self.test, self.n = whole.x_test, n_shown
        keras.utils.set_random_seed(seed)
        self.judge = train_judge(self.images, self.labels, seed=seed)
        self.reference = judge_features(self.judge, self.test[:n_shown])

    def arms(self) -> Iterator[tuple[str, dict[str, float]]]:
        """The name and the figures of every arm."""
        yield from self.controls()
        vae = self.trained_vae()
        yield from self.priors(vae)
        yield from self.flow_posterior()
        yield from self.diffusions(vae)
        yield from self.guided(vae)
        yield "pixels", self.seen(self.pixel_pictures(vae))

    def seen(self, pictures: np.ndarray, asked: np.ndarray | None = None) -> dict[str, float]:
        """What the judge and the reference say of ``pictures``."""
        from companion import evaluation
        from companion.evaluation.judge import agreement, named_classes

        pictures = np.clip(pictures, 0.0, 1.0)
        quality = evaluation.precision_recall(self.reference, evaluation.judge_features(self.judge, pictures))
        return {
            "fidelity": quality.fidelity,
            "coverage": quality.coverage,
            "confidence": evaluation.mean_confidence(self.judge, pictures),
            "diversity": evaluation.diversity_within(pictures, named_classes(self.judge, pictures)),
            "hits": 0.0 if asked is None else agreement(self.judge, pictures, asked),
        }

    def controls(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Real images that were not used before, the same blurred, and the mean of each class."""
        from companion.evaluation import blurred, class_means

        yield "real", self.seen(self.unseen)
        yield "blurred", self.seen(blurred(self.unseen))
        yield "class_means", self.seen(class_means(self.images, self.labels, self.n))

    def trained_vae(self) -> Any:
        """The VAE whose encoder and decoder all the priors share."""
        from companion.vae import VAE

        pair = VAE.build_networks(self.images.shape[1:], LATENT_DIM, hidden=HIDDEN, seed=self.seed)
        return self._fit(VAE(**pair, seed=self.seed), self.epochs)[0]

    def priors(self, vae: Any) -> Iterator[tuple[str, dict[str, float]]]:
        """Each prior, fitted to the codes of the same networks."""
        from companion.priors import PriorVAE, split_kl

        for name in PRIORS:
            model, fall = PriorVAE(vae.encoder, vae.decoder, prior=name, frozen=True, seed=self.seed), 0.0
            if name != "standard":
                model.adapt(self.images, self.seed)
                model, fall = self._fit(model, self.prior_epochs)
            split = split_kl(model, self.images, seed=self.seed)
            parts = {"information": split.information, "to_prior": split.to_prior, "last_fifth": fall}
            yield name, {**self._bounds(model), **self._drawn(model), **parts}

    def flow_posterior(self) -> Iterator[tuple[str, dict[str, float]]]:
        """A flow posterior under N(0, I), trained from the same first weights as the VAE and as long."""
        from companion.flow import IAFVAE

        pair = IAFVAE.build_networks(self.images.shape[1:], LATENT_DIM, hidden=HIDDEN, seed=self.seed)
        model, fall = self._fit(IAFVAE(**pair, seed=self.seed), self.epochs)
        yield "iaf", {**self._bounds(model), **self._drawn(model), "last_fifth": fall}

    def diffusions(self, vae: Any) -> Iterator[tuple[str, dict[str, float]]]:
        """A diffusion over the same codes, sampled with few steps and with many."""
        from companion.latent_diffusion import LatentDiffusion

        model = LatentDiffusion(vae.encoder, vae.decoder, seed=self.seed)
        model.adapt(self.images)
        model, fall = self._fit(model, self.diffusion_epochs)
        elbo = float(np.mean([model.elbo_terms(self.test)["elbo"] for _ in range(20)]))
        for steps in STEPS:
            pictures = model.sample(self.n, seed=self.seed, steps=steps)
            yield f"steps_{steps}", {**self.seen(pictures), "elbo": elbo, "last_fifth": fall}
        yield "stochastic", self.seen(model.sample(self.n, seed=self.seed, steps=50, stochastic=True))

    def guided(self, vae: Any) -> Iterator[tuple[str, dict[str, float]]]:
        """A diffusion that is told the label, sampled with and without guidance."""
        from companion.latent_diffusion import LatentDiffusion

        pair = (vae.encoder, vae.decoder)
        model = LatentDiffusion(*pair, num_classes=int(self.labels.max()) + 1, seed=self.seed)
        model.adapt((self.images, self.labels))
        model, _ = self._fit(model, self.diffusion_epochs, (self.images, self.labels))
        asked = np.arange(self.n) % model.num_classes
        for guidance in GUIDANCE:
            pictures = model.sample(self.n, seed=self.seed, labels=asked, guidance=guidance)
            yield f"guidance_{guidance}", self.seen(pictures, asked)

    def pixel_pictures(self, vae: Any) -> np.ndarray:
        """Pictures of a diffusion over pixels whose training takes as many multiplications as the two stages together.

        Its first stage is the identity: pixels brought to [-1, 1], with a little noise.
        """
        from companion.latent_diffusion import LatentDiffusion, build_denoiser

        size = int(np.prod(self.images.shape[1:]))
        units = (256, 256)
        first_stage = 3 * (vae.encoder.count_params() + vae.decoder.count_params())
        second_stage = vae.encoder.count_params() + 3 * build_denoiser(LATENT_DIM).count_params()
        multiplications = first_stage * self.epochs + second_stage * self.diffusion_epochs
        epochs = round(multiplications / (3 * build_denoiser(size, units=units).count_params()))
        model = LatentDiffusion(
            *identity_pair(self.images.shape[1:]),
            likelihood=identity_likelihood(),
            units=units,
            seed=self.seed,
        )
        model, _ = self._fit(model, epochs)
        return model.sample(self.n, seed=self.seed)

    def _fit(self, model: Any, epochs: int, x: Any = None) -> tuple[Any, float]:
        """The model after ``epochs``, and by how much its negative ELBO on the test images fell in the last fifth."""
        import keras

        keras.utils.set_random_seed(self.seed)
        x = self.images if x is None else x
        steps = -(-len(self.images) // BATCH)
        how: Any = "auto" if keras.backend.backend() == "jax" else False
        model.compile(keras.optimizers.Adam(RATE), jit_compile=how, steps_per_execution=steps)
        if not isinstance(x, np.ndarray):
            model.fit(x, batch_size=BATCH, epochs=epochs, verbose=0)
            return model, 0.0
        scores = []
        for part in (epochs - epochs // 5, epochs // 5):
            model.fit(x, batch_size=BATCH, epochs=part, verbose=0)
            scores.append(-float(np.mean(model.elbo_terms(self.test)["elbo"])))
        return model, scores[0] - scores[1]

    def _bounds(self, model: Any) -> dict[str, float]:
        from companion.evaluation import log_likelihood

        elbo = np.mean([model.elbo_terms(self.test)["elbo"] for _ in range(20)])
        return {
            "elbo": float(elbo),
            "bound": float(np.mean(log_likelihood(model, self.test, 100, seed=self.seed))),
        }

    def _drawn(self, model: Any) -> dict[str, float]:
        return self.seen(model.sample(self.n, seed=self.seed))


def identity_pair(shape: tuple[int, ...]) -> tuple[Any, Any]:
    """An encoder and a decoder without weights: pixels in [-1, 1] as codes, with a standard deviation of 0.02."""
    import keras
    from keras import layers

    from companion.layers import Sampling

    size = int(np.prod(shape))
    images = keras.Input(shape)
    z_mean = layers.Rescaling(2.0, -1.0)(layers.Flatten()(images))
    z_log_var = layers.Rescaling(0.0, 2 * float(np.log(0.02)))(z_mean)
    encoder = keras.Model(images, [z_mean, z_log_var, Sampling(seed=0)([z_mean, z_log_var])])
    codes = keras.Input((size,))
    return encoder, keras.Model(codes, layers.Reshape(shape)(layers.Rescaling(0.5, 0.5)(codes)))


def identity_likelihood() -> Any:
    """A normal pixel around the decoder's output itself."""
    from companion.likelihoods import Likelihood

    return Likelihood("normal", scale=0.1, link="identity")
