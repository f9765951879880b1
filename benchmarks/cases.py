"""What is measured: cases, each one piece of work that several contestants do in turn.

A case fixes network, batch, number of steps in a round, and the operations of a step; a contestant says which
environment and which worker do it, and with which engine. All train with Adam at 1e-3 on the same images.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks import floor

EAGER, COMPILED, KERAS = "eager PyTorch", "compiled PyTorch", "plain Keras"
ARRAY = "fit on an array"
ENGINES = {"TensorFlow": ("project", "tensorflow"), "JAX": ("jax", "jax")}
WIDE, NARROW = (512, 256), (200, 200)
MNIST_SIZE = 60_000
AT_ONCE = 10_000


@dataclass(frozen=True)
class Contestant:
    """Who does the work of a case: ``worker`` is a module of ``benchmarks.workers``, run in ``environment``."""

    name: str
    environment: str
    worker: str
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def backend(self) -> str:
        """Keras's backend in this contestant's process."""
        return str(self.options.get("backend", "tensorflow"))


@dataclass(frozen=True)
class Case:
    """One piece of work. A step handles ``batch`` images and takes ``operations``; ``steps`` of them make a round.

    ``settings`` say what a worker needs to know beside that; ``baselines`` are the contestants that the others are
    compared with. With ``warmed`` every contestant makes a round that is not timed before each of its rounds: a system
    may take memory from a process that waits for its turn, and the more the process holds, the longer it takes to
    come back.
    """

    name: str
    batch: int
    steps: int
    operations: int
    settings: dict[str, Any]
    contestants: tuple[Contestant, ...]
    baselines: tuple[str, ...] = (EAGER, KERAS)
    warmed: bool = False

    @property
    def images(self) -> int:
        """How many images a worker needs: those of an epoch, or those of a call."""
        if "call" in self.settings:
            return self.batch
        return min(self.steps * self.batch, MNIST_SIZE)


def companion(worker: str, name: str = "companion", **options: Any) -> list[Contestant]:
    """The package on TensorFlow and on JAX."""
    return [
        Contestant(f"{name} ({engine})", environment, worker, {**options, "backend": backend})
        for engine, (environment, backend) in ENGINES.items()
    ]


def pytorch(*modes: str) -> list[Contestant]:
    """A plain PyTorch loop in each of ``modes``, ``eager`` and ``compiled``."""
    names = {"eager": EAGER, "compiled": COMPILED}
    return [Contestant(names[mode], "torch", "plain_torch", {"mode": mode}) for mode in modes]


PLAIN_KERAS = Contestant(KERAS, "project", "plain_keras")
PYTHAE = Contestant("pythae", "pythae", "pythae_trainer")


def dense(hidden: tuple[int, ...], latent_dim: int) -> dict[str, Any]:
    """The settings of a dense network."""
    return {"network": "dense", "hidden": hidden, "latent_dim": latent_dim}


def network_name(hidden: tuple[int, ...], latent_dim: int) -> str:
    """A dense network in words: ``dense 784-512-256-2``."""
    return f"dense {'-'.join(map(str, (floor.PIXELS, *hidden, latent_dim)))}"


def dense_cases() -> list[Case]:
    """Both dense networks at three sizes of batch."""
    peers = (*companion("companion_fit"), PLAIN_KERAS, *pytorch("eager", "compiled"), PYTHAE)
    return [
        Case(
            name=f"{network_name(hidden, latent_dim)}, batch {batch}",
            batch=batch,
            steps=steps,
            operations=floor.training_of_vae(*floor.dense_vae(hidden, latent_dim), batch),
            settings=dense(hidden, latent_dim),
            contestants=peers,
        )
        for hidden, latent_dim in ((NARROW, 50), (WIDE, 2))
        for batch, steps in ((10, 400), (128, 150), (1024, 30))
    ]


def routes() -> Case:
    """Three ways to train the same model on as many images as MNIST has, an epoch at a time."""
    ways = [
        *companion("companion_fit", ARRAY),
        Contestant("fit on a tf.data set (TensorFlow)", "project", "companion_fit", {"stream": True}),
        Contestant(
            "fit on a tf.data set (JAX)",
            "jax_and_tensorflow",
            "companion_fit",
            {"stream": True, "backend": "jax"},
        ),
        *companion("companion_run", "python -m companion run"),
    ]
    return Case(
        name=f"ways to train, {network_name(WIDE, 2)}, batch 128, epochs of 60,000 images",
        batch=128,
        steps=-(-MNIST_SIZE // 128),  # the last batch is smaller
        operations=floor.training_of_vae(*floor.dense_vae(WIDE, 2), 128),
        settings=dense(WIDE, 2),
        contestants=tuple(ways),
        baselines=tuple(contestant.name for contestant in companion("companion_fit", ARRAY)),
        warmed=True,
    )


def other_models() -> list[Case]:
    """The convolutional VAE, the VQ-VAE, and IWAE with k = 5 and 50."""
    conv = Case(
        name="convolutional VAE, batch 128",
        batch=128,
        steps=15,
        operations=floor.training_of_vae(*floor.conv_vae(2), 128),
        settings={"network": "conv", "latent_dim": 2},
        contestants=(*companion("companion_fit"), PLAIN_KERAS, *pytorch("eager", "compiled")),
    )
    vq_vae = Case(
        name="VQ-VAE, batch 128",
        batch=128,
        steps=20,
        operations=floor.training_of_vq_vae(128),
        settings={"model": "vq_vae"},
        contestants=tuple(companion("companion_fit")),
        baselines=("companion (TensorFlow)",),
    )
    iwae = [
        Case(
            name=f"IWAE with k = {k}, {network_name(NARROW, 50)}, batch 128",
            batch=128,
            steps=steps,
            operations=floor.training_of_vae(*floor.dense_vae(NARROW, 50), 128, k),
            settings={"model": "iwae", **dense(NARROW, 50), "num_samples": k},
            contestants=(*companion("companion_fit"), *pytorch("eager", "compiled")),
            baselines=(EAGER,),
        )
        for k, steps in ((5, 50), (50, 10))
    ]
    return [conv, vq_vae, *iwae]


def calls() -> list[Case]:
    """What a trained model is asked for; a step is one call."""
    encoder, decoder = floor.dense_vae(WIDE, 2)
    sampling, encoding = (AT_ONCE * floor.forward(layers) for layers in (decoder, encoder))
    return [
        call_case("sampling 10,000 images", "sample", (WIDE, 2), AT_ONCE, 3, sampling),
        call_case("encoding 10,000 images", "encode", (WIDE, 2), AT_ONCE, 3, encoding),
        *(
            call_case(
                "log likelihood of 100 images, k = 1,000",
                "log_likelihood",
                network,
                100,
                1,
                floor.log_likelihood_of_vae(*floor.dense_vae(*network), 100, 1000),
                num_samples=1000,
            )
            for network in ((NARROW, 50), (WIDE, 2))
        ),
    ]


def call_case(
    name: str,
    call: str,
    network: tuple[tuple[int, ...], int],
    images: int,
    steps: int,
    operations: int,
    **own: int,
) -> Case:
    """A case in which a dense VAE is called, once per step, on so many ``images``."""
    return Case(
        name=f"{name}, {network_name(*network)}",
        batch=images,
        steps=steps,
        operations=operations,
        settings={**dense(*network), "call": call, **own},
        contestants=(*companion("companion_calls"), *pytorch("eager")),
        baselines=(EAGER,),
    )


def all_cases() -> list[Case]:
    """Every case, in the order in which they are measured and shown."""
    return [*dense_cases(), routes(), *other_models(), *calls()]


def selected(cases: Sequence[Case], pattern: str) -> list[Case]:
    """The cases with those contestants whose ``case: contestant`` the regular expression ``pattern`` is found in."""
    wanted = re.compile(pattern)
    kept = [
        replace(
            case, contestants=tuple(c for c in case.contestants if wanted.search(f"{case.name}: {c.name}"))
        )
        for case in cases
    ]
    return [case for case in kept if case.contestants]


def quick(case: Case) -> Case:
    """The same case with a few images, to see that it runs; the figures mean nothing."""
    batch, fewer = min(case.batch, 8), 10
    own, shorter = {}, 1.0
    if case.settings.get("call") == "log_likelihood":
        own, shorter = {"num_samples": fewer}, fewer / case.settings["num_samples"]
    operations = max(1, round(case.operations * shorter * batch / case.batch))
    return replace(case, batch=batch, steps=2, operations=operations, settings={**case.settings, **own})
