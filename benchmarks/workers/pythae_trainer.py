"""pythae's VAE under pythae's own trainer, with the networks of the case: an epoch of the trainer is a round."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import Tensor, nn

from benchmarks.images import read
from benchmarks.workers.talk import Talk
from benchmarks.workers.torch_networks import dense_pair


class Encoder(BaseEncoder):
    """The dense encoder as pythae wants it."""

    def __init__(self, body: nn.Module, features: int, latent_dim: int) -> None:
        BaseEncoder.__init__(self)
        self.body = body
        self.z_mean, self.z_log_var = nn.Linear(features, latent_dim), nn.Linear(features, latent_dim)

    def forward(self, x: Tensor) -> ModelOutput:
        features = self.body(x)
        return ModelOutput(embedding=self.z_mean(features), log_covariance=self.z_log_var(features))


class Decoder(BaseDecoder):
    """The dense decoder as pythae wants it: pixels, not logits."""

    def __init__(self, network: nn.Module) -> None:
        BaseDecoder.__init__(self)
        self.network = network

    def forward(self, z: Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=torch.sigmoid(self.network(z)).view(-1, 1, 28, 28))


class Rounds(TrainingCallback):
    """Lets an epoch run for each round that is asked for; the first one warms up."""

    def __init__(self, talk: Talk, began: float) -> None:
        super().__init__()
        self.talk, self.built, self.began = talk, began, 0.0

    def on_train_step_end(self, training_config: Any, **_: Any) -> None:
        if self.talk.facts["first_step_s"] is None:
            self.talk.first_step(time.perf_counter() - self.built)

    def on_epoch_begin(self, training_config: Any, **_: Any) -> None:
        self.began = time.perf_counter()

    def on_epoch_end(self, training_config: Any, **_: Any) -> None:
        if not self.talk.next_round(time.perf_counter() - self.began):
            raise SystemExit


def main() -> None:
    """Train until told to stop."""
    talk = Talk()
    spec = talk.spec
    torch.set_num_threads(spec["threads"])
    images = torch.from_numpy(read(spec["images"], spec["count"])).view(-1, 1, 28, 28)
    folder = Path(tempfile.mkdtemp(dir=Path(spec["images"]).parent))
    began = time.perf_counter()
    body, features, network = dense_pair(spec["hidden"], spec["latent_dim"])
    model = VAE(
        VAEConfig(input_dim=(1, 28, 28), latent_dim=spec["latent_dim"], reconstruction_loss="bce"),
        encoder=Encoder(body, features, spec["latent_dim"]),
        decoder=Decoder(network),
    )
    config = BaseTrainerConfig(
        output_dir=str(folder),
        num_epochs=10**6,
        learning_rate=1e-3,
        per_device_train_batch_size=spec["batch"],
        optimizer_cls="Adam",
    )
    targets = torch.zeros(len(images))
    try:
        BaseTrainer(
            model, BaseDataset(images, targets), training_config=config, callbacks=[Rounds(talk, began)]
        ).train()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
