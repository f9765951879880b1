"""Which replicas train together: checked before Keras is imported, and the devices made before anything needs one."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from companion.errors import BadInput, check_choice, check_whole_number

STRATEGIES = ("mirrored", "multiworker")
# The engines of Keras that can train on several replicas here.
ENGINES = ("tensorflow", "jax")
# On TensorFlow each replica computes its own mean, so the loss must be a mean over images: these families, without
# the options that use the mean of a batch in another way.
ON_TENSORFLOW = ("vae", "beta_vae", "conditional_vae", "hierarchical_vae", "iwae", "prior_vae", "iaf_vae")
OF_BATCHES = ("free_bits", "gamma", "warm_up_steps")
_ELSEWHERE = "--backend jax trains it, since there one program sees the whole batch"


@dataclass(frozen=True)
class Plan:
    """How a run is spread: ``replicas`` devices of one process, or one process for each address in ``workers``.

    ``rank`` is the place of this process among ``workers``; the one of rank 0, the chief, writes the folder of the run.
    """

    strategy: str
    replicas: int = 1
    workers: tuple[str, ...] = ()
    rank: int = 0

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the record."""
        return self.rank == 0

    @property
    def in_sync(self) -> int:
        """How many parts a batch is cut into."""
        return len(self.workers) if self.strategy == "multiworker" else self.replicas


def plan(
    strategy: str, *, replicas: Any = None, workers: str | Sequence[str] | None = None, rank: Any = None
) -> Plan:
    """The plan that these arguments describe; nothing is started.

    ``strategy``: ``"mirrored"`` for ``replicas`` devices of this process (default 2), ``"multiworker"`` for one process
    per address ``host:port`` in ``workers``, of which this is number ``rank``.
    Raises :class:`~companion.errors.BadInput` for arguments that do not fit each other. Taught in chapter 15.
    """
    check_choice("strategy", strategy, STRATEGIES)
    if strategy == "mirrored":
        for name, value in {"workers": workers, "rank": rank}.items():
            if value is not None:
                raise BadInput(
                    f"{name}={value} with strategy='mirrored', which is one process: expected neither workers nor a "
                    f"rank; leave {name} out, or pass strategy='multiworker'."
                )
        return Plan(strategy, check_whole_number("replicas", 2 if replicas is None else replicas))
    if replicas is not None:
        raise BadInput(
            f"replicas={replicas} with strategy='multiworker', which has one per process: expected none; leave it out."
        )
    named = tuple(workers.split(",") if isinstance(workers, str) else workers or ())
    for address in named:
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            raise BadInput(
                f"workers has {address!r}: expected host:port for each; pass workers=127.0.0.1:12345,127.0.0.1:12346."
            )
    if len(named) < 2 or len(set(named)) < len(named):
        raise BadInput(
            f"workers={','.join(named)!r}: expected at least two different addresses host:port; pass for example "
            f"workers=127.0.0.1:12345,127.0.0.1:12346 to each process."
        )
    number = check_whole_number("rank", -1 if rank is None else rank, at_least=0)
    if number >= len(named):
        raise BadInput(f"rank={number} with {len(named)} workers: expected 0 to {len(named) - 1}; pass one.")
    return Plan(strategy, 1, named, number)


def check_run(chosen: Plan, backend: str, model: str, options: dict[str, Any], batch_size: int) -> None:
    """Raise :class:`~companion.errors.BadInput` for a run that this plan would train to other figures, or not at all.

    ``model`` is a name of the command line, ``options`` are those of its family.
    """
    if backend not in ENGINES:
        raise BadInput(
            f"strategy={chosen.strategy!r} with backend {backend!r}: expected one of {', '.join(ENGINES)}; pass "
            f"backend='jax'."
        )
    if batch_size % chosen.in_sync:
        nearest = max(batch_size // chosen.in_sync, 1) * chosen.in_sync
        raise BadInput(
            f"batch_size={batch_size} for {chosen.in_sync} replicas: expected a multiple of {chosen.in_sync}, since "
            f"each takes an equal part; pass batch_size={nearest}."
        )
    if backend != "tensorflow":
        return
    if model not in ON_TENSORFLOW:
        raise BadInput(
            f"strategy={chosen.strategy!r} with model {model!r} on tensorflow: expected a loss that is a mean over "
            f"images, as of {', '.join(ON_TENSORFLOW)}; {_ELSEWHERE}."
        )
    used = [name for name in OF_BATCHES if options.get(name)]
    if used:
        raise BadInput(
            f"strategy={chosen.strategy!r} with {used[0]}={options[used[0]]} on tensorflow: expected "
            f"{used[0]}=0, since it depends on the whole batch; {_ELSEWHERE}."
        )


def make_devices(chosen: Plan, backend: str) -> None:
    """Make the devices of ``chosen``, or meet the other processes; to be called before anything uses a device.

    A machine without accelerators gets ``replicas`` logical CPUs, which share its cores. Meeting blocks until all
    workers have come.
    """
    if backend == "jax":
        _make_for_jax(chosen)
    elif chosen.strategy == "multiworker":
        cluster = {"worker": list(chosen.workers)}
        task = {"type": "worker", "index": chosen.rank}
        os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
    else:
        import tensorflow as tf

        if not tf.config.list_physical_devices("GPU"):
            part = tf.config.LogicalDeviceConfiguration()
            cpu = tf.config.list_physical_devices("CPU")[0]
            tf.config.set_logical_device_configuration(cpu, [part] * chosen.replicas)


def _make_for_jax(chosen: Plan) -> None:
    import jax

    if chosen.strategy == "multiworker":
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(chosen.workers[0], len(chosen.workers), chosen.rank)
    else:
        jax.config.update("jax_num_cpu_devices", chosen.replicas)
