"""The networks of the cases in PyTorch, written plainly, for the PyTorch loop and for pythae."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn


def dense_layers(*sizes: int) -> list[nn.Module]:
    """Dense layers from each size to the next, a ReLU after each."""
    return [part for pair in pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())]


def dense_pair(hidden: list[int], latent_dim: int) -> tuple[nn.Module, int, nn.Module]:
    """The encoder's body, how many features it gives, and the decoder to logits ``(batch, 784)``."""
    body = nn.Sequential(nn.Flatten(), *dense_layers(784, *hidden))
    decoder = nn.Sequential(*dense_layers(latent_dim, *hidden[::-1]), nn.Linear(hidden[0], 784))
    return body, hidden[-1], decoder


def conv_pair(latent_dim: int) -> tuple[nn.Module, int, nn.Module]:
    """The same of the convolutional pair: images padded to 32×32, three halvings, and back."""
    body: list[nn.Module] = [nn.Unflatten(1, (1, 28, 28)), nn.ZeroPad2d(2)]
    for channels in ((1, 32), (32, 64), (64, 128)):
        body += [nn.Conv2d(*channels, 3, stride=2, padding=1), nn.ReLU()]
    decoder: list[nn.Module] = [nn.Linear(latent_dim, 128 * 4 * 4), nn.Unflatten(1, (128, 4, 4))]
    for channels in ((128, 128), (128, 64), (64, 32)):
        decoder += [nn.ConvTranspose2d(*channels, 3, stride=2, padding=1, output_padding=1), nn.ReLU()]
    decoder += [nn.Conv2d(32, 1, 3, padding=1), nn.ZeroPad2d(-2), nn.Flatten()]
    return nn.Sequential(*body, nn.Flatten()), 128 * 4 * 4, nn.Sequential(*decoder)


class VAE(nn.Module):
    """A VAE on flat images, or an IWAE where ``num_samples`` is given."""

    def __init__(self, spec: dict[str, Any]) -> None:
        super().__init__()
        latent_dim = spec["latent_dim"]
        pair = conv_pair(latent_dim) if spec["network"] == "conv" else dense_pair(spec["hidden"], latent_dim)
        self.body, features, self.decoder = pair
        self.z_mean, self.z_log_var = nn.Linear(features, latent_dim), nn.Linear(features, latent_dim)
        self.latent_dim, self.num_samples = latent_dim, spec.get("num_samples")

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z|x), each ``(batch, latent_dim)``."""
        features = self.body(x)
        return self.z_mean(features), self.z_log_var(features)

    def loss(self, x: Tensor) -> Tensor:
        """The negative ELBO, or minus L_k, in nats per image."""
        z_mean, z_log_var = self.encode(x)
        if self.num_samples:
            bound = torch.logsumexp(self.log_weights(x, z_mean, z_log_var, self.num_samples), dim=0)
            return -bound.mean()
        z = z_mean + torch.exp(0.5 * z_log_var) * torch.randn_like(z_mean)
        kl = -0.5 * (1 + z_log_var - z_mean.square() - z_log_var.exp()).sum()
        log_likelihood = -nn.functional.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="sum")
        return (kl - log_likelihood) / len(x)

    def log_weights(self, x: Tensor, z_mean: Tensor, z_log_var: Tensor, k: int) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x), less log k, of k draws per image: ``(k, batch)``."""
        noise = torch.randn(k, *z_mean.shape)
        z = z_mean + torch.exp(0.5 * z_log_var) * noise  # (k, batch, latent_dim)
        logits = self.decoder(z.flatten(0, 1)).view(k, *x.shape)
        log_likelihood = -nn.functional.binary_cross_entropy_with_logits(
            logits, x.expand_as(logits), reduction="none"
        ).sum(-1)
        log_ratio = 0.5 * (noise.square() + z_log_var - z.square()).sum(-1)
        return log_likelihood + log_ratio - torch.log(torch.tensor(float(k)))
