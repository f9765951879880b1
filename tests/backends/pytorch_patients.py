"""PyTorch models under examination: a VAE as people write it, handed over as functions on arrays.

``SICK`` names the finding that has to come first, and builds the patient. Where each fault was met stands beside it.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from companion.diagnosis import Patient

PIXELS, CODE, HIDDEN = 64, 3, 24
IMAGES = (np.random.default_rng(0).uniform(size=(400, PIXELS)) < np.linspace(0.1, 0.9, PIXELS)).astype(
    "float32"
)


class TorchVAE(nn.Module):
    """Encoder, decoder and the two terms of the loss, each of which can be handed a fault."""

    def __init__(self, *, reconstruction=None, kl=None, noise=None, reduce=torch.mean):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.ReLU())
        self.mean, self.log_var = nn.Linear(HIDDEN, CODE), nn.Linear(HIDDEN, CODE)
        nn.init.constant_(self.log_var.bias, -1.0)
        self.decoder = nn.Sequential(nn.Linear(CODE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, PIXELS))
        self.reconstruction, self.kl = reconstruction or summed_cross_entropy, kl or summed_kl
        self.noise, self.reduce = noise or torch.randn_like, reduce

    def encode(self, x):
        h = self.body(x)
        return self.mean(h), self.log_var(h)

    def sample(self, mean, log_var):
        return mean + torch.exp(0.5 * log_var) * self.noise(mean)

    def loss(self, x):
        mean, log_var = self.encode(x)
        outputs = self.decoder(self.sample(mean, log_var))
        return self.reduce(self.reconstruction(x, outputs) + self.kl(mean, log_var))


def summed_cross_entropy(x, logits):
    return functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)


def summed_kl(mean, log_var):
    return 0.5 * torch.sum(mean**2 + torch.exp(log_var) - 1 - log_var, dim=1)


def seeded(mean):
    torch.manual_seed(0)
    return torch.randn_like(mean)


def on_arrays(function):
    """``function`` of tensors as one of arrays; what it returns the patient takes for arrays by itself."""

    def called(*arrays):
        return function(*(torch.as_tensor(array, dtype=torch.float32).detach() for array in arrays))

    return called


def patient(**faults):
    """A builder of a :class:`TorchVAE` as a patient, with all of its functions."""

    def build():
        model = TorchVAE(**faults)
        functions = {"encode": model.encode, "sample_latent": model.sample, "decode": model.decoder}
        terms = {"loss": model.loss, "kl": model.kl, "reconstruction": model.reconstruction}
        return Patient(**{name: on_arrays(each) for name, each in {**functions, **terms}.items()})

    return build


SICK = {
    # AntixK/PyTorch-VAE #11, #23: as it comes, the mean squared error of PyTorch is one over batch and pixels
    "F.mse_loss as it comes": (
        "reconstruction averaged over pixels",
        patient(reconstruction=lambda x, outputs: functional.mse_loss(outputs, x)),
    ),
    # podgorskiy/VAE #1: torch.mean of the KL is one over batch and code
    "torch.mean of the KL": (
        "KL averaged over the code",
        patient(kl=lambda mean, log_var: summed_kl(mean, log_var).mean() / CODE),
    ),
    # disentangling-vae #70; pytorch/examples #234, #290: reduction="sum"
    "a sum over the batch": ("a sum over the batch", patient(reduce=torch.sum)),
    # PITFALLS 15: a seed that is set before every draw
    "manual_seed before every draw": ("the same noise at every call", patient(noise=seeded)),
}
HEALTHY = {
    "a VAE": patient(),
    "a squared error": patient(reconstruction=lambda x, outputs: ((x - outputs) ** 2).sum(dim=1)),
}
