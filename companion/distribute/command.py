"""The options of ``python -m companion run`` that spread a run over several devices. Chapter 15."""

import argparse
from typing import Any

from companion.distribute.plan import STRATEGIES, Plan, plan
from companion.errors import BadInput

# In messages these names become options.
ARGUMENTS = ("strategy", "replicas", "workers", "rank")


def add_to(run: Any) -> None:
    """Add the options to the parser of the command ``run``."""
    run.add_argument(
        "--strategy",
        metavar="NAME",
        help=f"{' or '.join(STRATEGIES)}: several devices of one process, or several processes (default: one device)",
    )
    run.add_argument(
        "--replicas",
        type=_whole,
        metavar="N",
        help="devices with --strategy mirrored (default: 2); without a GPU the CPU is divided",
    )
    run.add_argument(
        "--workers",
        metavar="A,B",
        help="host:port of each process with --strategy multiworker, the same for all",
    )
    run.add_argument("--rank", type=_whole, metavar="N", help="which of the workers this is, from 0")


def plan_of(arguments: argparse.Namespace) -> Plan | None:
    """The plan that was typed, or None for one device. Raises :class:`~companion.errors.BadInput`."""
    further = {name: getattr(arguments, name) for name in ARGUMENTS[1:]}
    if arguments.strategy is not None:
        return plan(arguments.strategy, **further)
    for name, value in further.items():
        if value is not None:
            raise BadInput(
                f"{name}={value} alone: expected strategy={STRATEGIES[name != 'replicas']!r} with it; pass both, or "
                f"leave {name} out."
            )
    return None


def _whole(text: str) -> int | str:
    """A whole number, or the text, which :func:`plan` refuses by its option's name."""
    try:
        return int(text)
    except ValueError:
        return text
