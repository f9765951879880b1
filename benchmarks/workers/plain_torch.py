"""A plain PyTorch loop, eager or with its loss compiled by ``torch.compile``; sampling, encoding and L_k in eager mode.

Batches are rows of one tensor, taken by a random order for each epoch. A ``DataLoader``, which collates image by
image, would be slower.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.images import read
from benchmarks.workers.talk import Talk
from benchmarks.workers.torch_networks import VAE

CODED_AT_ONCE, DECODED_AT_ONCE = 500, 5000


def train(talk: Talk, model: VAE, images: Tensor, began: float) -> None:
    """Train for one epoch, then for as many as are asked for."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = torch.compile(model.loss) if talk.spec["mode"] == "compiled" else model.loss
    batch = talk.spec["batch"]

    def step(x: Tensor) -> float:
        optimizer.zero_grad()
        loss = loss_of(x)
        loss.backward()
        optimizer.step()
        return loss.item()

    def epoch() -> float:
        losses = [step(images[rows]) for rows in torch.randperm(len(images)).split(batch)]
        return sum(losses) / len(losses)

    step(images[:batch])
    talk.first_step(time.perf_counter() - began)
    epoch()
    talk.serve(epoch)


@torch.no_grad()
def sample(model: VAE, n: int) -> Tensor:
    """``n`` images, means of p(x|z)."""
    chunks = torch.randn(n, model.latent_dim).split(CODED_AT_ONCE)
    return torch.cat([torch.sigmoid(model.decoder(z)) for z in chunks])


@torch.no_grad()
def encode(model: VAE, images: Tensor) -> Tensor:
    """Means, log variances and a draw for each image."""

    def codes(x: Tensor) -> Tensor:
        z_mean, z_log_var = model.encode(x)
        z = z_mean + torch.exp(0.5 * z_log_var) * torch.randn_like(z_mean)
        return torch.stack([z_mean, z_log_var, z])

    return torch.cat([codes(x) for x in images.split(CODED_AT_ONCE)], dim=1)


@torch.no_grad()
def log_likelihood(model: VAE, images: Tensor, k: int) -> Tensor:
    """The k-sample bound of each image, with at most ``DECODED_AT_ONCE`` images decoded at a time."""
    z_mean, z_log_var = model.encode(images)
    chunk = max(1, DECODED_AT_ONCE // len(images))
    sizes = [min(chunk, k - start) for start in range(0, k, chunk)]
    # The weights of a chunk are divided by its own size, not by k.
    logs = [
        model.log_weights(images, z_mean, z_log_var, size).logsumexp(0) + torch.log(torch.tensor(size / k))
        for size in sizes
    ]
    return torch.stack(logs).logsumexp(0)


def call(talk: Talk, model: VAE, images: Tensor, began: float) -> None:
    """Call what the case asks for, as often as it is asked for."""
    spec = talk.spec
    calls: dict[str, Callable[[], Any]] = {
        "sample": lambda: sample(model, len(images)),
        "encode": lambda: encode(model, images),
        "log_likelihood": lambda: log_likelihood(model, images, spec["num_samples"]),
    }
    asked = calls[spec["call"]]
    asked()
    talk.first_step(time.perf_counter() - began)

    def one_round() -> None:
        for _ in range(spec["steps"]):
            asked()

    talk.serve(one_round)


def main() -> None:
    """Train or call until told to stop."""
    talk = Talk()
    torch.set_num_threads(talk.spec["threads"])
    images = torch.from_numpy(read(talk.spec["images"], talk.spec["count"])).flatten(1)
    began = time.perf_counter()
    model = VAE(talk.spec)
    (call if "call" in talk.spec else train)(talk, model, images, began)


if __name__ == "__main__":
    main()
