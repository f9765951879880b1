"""The files of an explorer: what it shows, the weights of its decoders, its still picture, and how they were made.

``explorer.json`` holds the settings of the run and all small figures, ``weights.bin`` the packed decoders, and
``still.png`` the picture for places where nothing is interactive. ``keras.npz`` holds codes with the pixels that Keras
decoded from them; the front end is tested against these.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import companion
from companion.errors import BadInput
from companion.explorers.decoders import Arrays, Step, steps_of
from companion.explorers.packing import pack

FACTS, WEIGHTS, STILL, DECODED = "explorer.json", "weights.bin", "still.png", "keras.npz"
SCHEMA = 1
CHECKED_CODES = 50
PIXEL_STEPS = 1023


@dataclass(frozen=True)
class Recorded:
    """An explorer as stored in its folder. ``facts`` go to the front end unchanged."""

    name: str
    facts: dict[str, Any]
    weights: bytes
    still: bytes


@dataclass
class Draft:
    """An explorer while it is being recorded; ``shown`` is what its part of the front end reads."""

    name: str
    title: str
    settings: dict[str, Any]
    shown: dict[str, Any] = field(default_factory=dict)
    start: dict[str, Any] = field(default_factory=dict)
    decoders: dict[str, list[Step]] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=Arrays)
    decoded: dict[str, np.ndarray] = field(default_factory=dict)

    def add_decoder(self, name: str, decoder: Any, codes: np.ndarray, condition: Any = None) -> None:
        """Add a Keras ``decoder`` of logits as ``name``, and the pixels it decodes from the first 50 ``codes``."""
        self.decoders[name] = steps_of(decoder, self.arrays)
        codes = np.asarray(codes, "float32")[:CHECKED_CODES]
        given = codes if condition is None else [codes, np.asarray(condition, "float32")[:CHECKED_CODES]]
        pixels = 1 / (1 + np.exp(-np.asarray(decoder(given), "float64")))
        self.decoded[f"{name}: codes"] = codes
        if condition is not None:
            self.decoded[f"{name}: condition"] = given[1]
        # Steps of 1/1023 are fine enough for the test, and compress well.
        self.decoded[f"{name}: pixels"] = np.rint(pixels * PIXEL_STEPS).astype("uint16")

    def add_network(self, name: str, network: Any, codes: np.ndarray) -> None:
        """Add a Keras ``network`` whose outputs are numbers, and its outputs for the first 50 ``codes``."""
        self.decoders[name] = steps_of(network, self.arrays, logits=False)
        self.decoded[f"{name}: codes"] = np.asarray(codes, "float32")[:CHECKED_CODES]
        self.decoded[f"{name}: numbers"] = np.asarray(network(self.decoded[f"{name}: codes"]), "float32")


def write(draft: Draft, out: Path, still: Any, kept_as: str = "int8", *, colours: int = 64) -> None:
    """Write the files of ``draft`` into the folder ``out``; ``still`` is a :class:`~companion.plots.BookFigure`.

    ``colours`` is the number of colours of the still: more where it has small dots in many colours.
    """
    from companion.machine import commit, versions

    weights, entries = pack(draft.arrays.values, kept_as)
    facts = {
        "schema": SCHEMA,
        "name": draft.name,
        "title": draft.title,
        "alt": still.alt_text,
        "command": f"python -m companion.explorers {draft.name}",
        "settings": draft.settings,
        "versions": versions("tensorflow"),
        "commit": commit(),
        "start": draft.start,
        "decoders": draft.decoders,
        "arrays": entries,
        "shown": draft.shown,
    }
    out.mkdir(parents=True, exist_ok=True)
    # The facts are written last: a half-written folder has none and counts as not recorded.
    (out / FACTS).unlink(missing_ok=True)
    (out / WEIGHTS).write_bytes(weights)
    (out / STILL).write_bytes(light_png(still.image_bytes(), colours))
    if draft.decoded:
        np.savez_compressed(out / DECODED, **draft.decoded)  # type: ignore[arg-type]
    text = json.dumps(facts, allow_nan=False, separators=(",", ":"))
    (out / FACTS).write_text(text + "\n", encoding="utf-8")


def light_png(png: bytes, colours: int = 64) -> bytes:
    """The picture ``png`` with a palette of ``colours``: a third of the bytes, with little visible difference."""
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    with Image.open(BytesIO(png)) as picture:
        picture.convert("RGB").quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def folder() -> Path:
    """The folder of the recorded explorers: in the package if it was installed from a wheel, else in ``results``."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "recorded" / "explorers"
    return installed if installed.is_dir() else package.parent / "results" / "explorers"


@cache
def read(name: str, place: Path | None = None) -> Recorded:
    """The recorded explorer ``name``. Raises :class:`~companion.errors.BadInput` where there is none."""
    own = (place or folder()) / name
    try:
        facts = json.loads((own / FACTS).read_text(encoding="utf-8"))
        recorded = Recorded(name, facts, (own / WEIGHTS).read_bytes(), (own / STILL).read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(
            f"the explorer {name!r} is not recorded here ({error}): expected one of "
            f"{', '.join(names(place)) or 'none'}; record it with python -m companion.explorers {name}."
        ) from error
    if facts.get("schema") != SCHEMA:
        raise BadInput(
            f"the explorer {name!r} was recorded with schema {facts.get('schema')!r}: expected {SCHEMA}, which "
            f"companion {companion.__version__} reads; record it again with python -m companion.explorers {name}."
        )
    return supplied(recorded)


def supplied(recorded: Recorded) -> Recorded:
    """``recorded`` with the images that its ``shown`` names as ``data``: they are read where it is shown, not kept."""
    name = recorded.facts["shown"].get("data")
    if name is None:
        return recorded
    from companion.explorers.supplies import images_of

    facts = {**recorded.facts, "shown": {**recorded.facts["shown"], **images_of(name)}}
    return replace(recorded, facts=facts)


def names(place: Path | None = None) -> list[str]:
    """The explorers that are recorded, in alphabetical order."""
    return sorted(path.parent.name for path in (place or folder()).glob(f"*/{FACTS}"))


def rounded(values: Any, decimals: int = 3) -> Any:
    """Numbers for JSON: lists, rounded, without negative zeros."""
    return (np.round(np.asarray(values, "float64"), decimals) + 0.0).tolist()


Recipe = Callable[[Path, bool], None]
Facts = Mapping[str, Any]
