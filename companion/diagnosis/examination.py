"""What an examination works on: the patient, the data, and measurements that several findings share."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from companion.diagnosis.loss_fit import Fit, fit_of
from companion.diagnosis.patient import Observation, Patient
from companion.diagnosis.spread import STANDARD_DEVIATIONS, Guess, guess, kl_to_standard_normal

IMAGES = 512  # that measurements are made on
BATCH = 64
BEGUN = 200  # steps of training before which an encoder may still catch up, and an upper layer find its use
# Moves of mean and spread: enough to tell reconstruction error and KL apart, small enough for every activation.
MOVES = ((0.0, 0.0), (0.6, 0.0), (-0.6, 0.0), (0.0, 0.7), (0.0, -0.7), (1.2, 0.4), (-1.2, -0.4), (0.3, 1.0))
LOUDER = (1.0, 3.0, 10.0, 30.0)  # factors on the images that spread out what the encoder gives


@dataclass
class Examination:
    """One model, its data, and what has been measured so far."""

    patient: Patient
    images: np.ndarray
    validation: np.ndarray | None = None
    history: dict[str, Any] | None = None
    labels: np.ndarray | None = None
    saving: bool = False
    told: str | None = None  # what the encoder's second output means, where the caller says so
    was_saved: bool = False  # whether a copy was saved, and loaded or refused
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def pixels(self) -> int:
        """The number of pixel values of one image."""
        return int(np.prod(self.images.shape[1:]))

    @cached_property
    def some(self) -> np.ndarray:
        """At most :data:`IMAGES` images, drawn without order."""
        chosen = self.rng.permutation(len(self.images))[:IMAGES]
        return self.images[np.sort(chosen)].astype("float64")

    @cached_property
    def encoded(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Mean and spread of :attr:`some`."""
        return self.patient.encode(self.some) if self.patient.has("encode") else None

    @cached_property
    def spread_kind(self) -> Guess | None:
        """What the encoder's second output means, by the draws of images made louder; None where nothing draws."""
        if not self.patient.has("encode"):
            return None
        parts = []
        for factor in LOUDER:
            drawn = self.patient.draws(self.some * factor)
            if drawn is None:
                return None
            parts.append([array.ravel() for array in drawn[0]])
        mean, spread, z = (np.concatenate(column) for column in zip(*parts, strict=True))
        return guess(mean, spread, z, STANDARD_DEVIATIONS if self.told is None else (self.told,))

    @property
    def kind(self) -> str:
        """The meaning of the spread as told, or as draws show it, or the usual one where they do not."""
        if self.told is not None:
            return self.told
        found = self.spread_kind
        return "log variance" if found is None else found.kind

    @cached_property
    def observations(self) -> list[Observation]:
        """The loss on batches of images, made fainter, with noise, with means and spreads moved."""
        found: list[Observation] = []
        if not self.patient.has("encode"):
            return found
        for number, (mean, spread) in enumerate(MOVES * 4):
            batch = self._batch(number)
            seen = self.patient.observe(batch, mean, spread) or self.patient.observe(batch)
            if seen is None:
                return []
            found.append(seen)
            if seen.outputs.size != batch.size:
                break  # several draws per image, or another size: two terms are not looked for
        return found

    @cached_property
    def fit(self) -> Fit | None:
        """The patient's loss, explained by reconstruction error and KL."""
        return fit_of(self.observations)

    @cached_property
    def kl_per_unit(self) -> np.ndarray | None:
        """The mean KL of each unit of the code to N(0, 1), in nats: ``(latent_dim,)``."""
        if self.encoded is None:
            return None
        mean, spread = self.encoded
        units = range(mean.shape[1])
        return np.array(
            [kl_to_standard_normal(mean[:, [u]], spread[:, [u]], self.kind).mean() for u in units]
        )

    def decoded(self, z: np.ndarray) -> np.ndarray | None:
        """The decoder's raw outputs for codes ``z``, or None where the patient has no decoder."""
        return self.patient.decode(z) if self.patient.has("decode") else None

    def _batch(self, number: int) -> np.ndarray:
        """Images of one batch; most are mixed with noise within the range of the data, so that both terms vary."""
        chosen = self.rng.integers(0, len(self.some), min(BATCH, len(self.some)))
        images = self.some[chosen]
        share = (number % 4) / 4
        low, high = float(self.some.min()), float(self.some.max())
        noise = self.rng.uniform(low, high, images.shape)
        if set(np.unique(self.some)) <= {0.0, 1.0}:
            return np.where(self.rng.random(images.shape) < share, np.round(noise), images)
        return (1 - share) * images + share * noise
