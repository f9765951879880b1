"""What the book shows in place of a training control: the picture and the figures of one recorded training.

``NAME.png`` and ``NAME.json`` lie in ``training`` next to the recorded explorers. ``python -m companion.explorers
training`` trains once per control, with its first value, and writes them.
"""

import json
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from companion.errors import BadInput
from companion.explorers.choices import CHOICES
from companion.explorers.recording import folder, light_png
from companion.explorers.training import train

STILLS = "training"
COMMAND = f"python -m companion.explorers {STILLS}"
#: Enough for greys and a little type; more colours would only add bytes.
COLOURS = 16


def record_still(choice: str, out: Path, *, epochs: int | None = None) -> None:
    """Train with the first value of ``choice``, and write picture, figures, settings and versions to ``out``."""
    from companion.machine import commit, versions

    result = train(choice, CHOICES[choice].first, epochs=epochs)
    png = light_png(result.figure.image_bytes(), COLOURS)
    facts = {
        "command": COMMAND,
        "settings": result.settings,
        "versions": versions("tensorflow"),
        "commit": commit(),
        "figures": result.figures,
        "words": result.words,
        "alt": result.figure.alt_text,
        "sha256": sha256(png).hexdigest(),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{choice}.png").write_bytes(png)
    text = json.dumps(facts, indent=1, allow_nan=False, ensure_ascii=False)
    (out / f"{choice}.json").write_text(text + "\n", encoding="utf-8")


def record_stills(out: Path, choices: Iterable[str] = tuple(CHOICES)) -> None:
    """Record the stills of ``choices``, by default all of them: a few minutes on two cores."""
    for choice in choices:
        record_still(choice, out)


def read_still(choice: str, place: Path | None = None) -> tuple[dict[str, Any], bytes]:
    """The record of ``choice`` and its picture; raises :class:`~companion.errors.BadInput` where they are damaged."""
    own = place or folder() / STILLS
    try:
        facts = json.loads((own / f"{choice}.json").read_text(encoding="utf-8"))
        png = (own / f"{choice}.png").read_bytes()
    except (OSError, ValueError) as error:
        raise BadInput(
            f"the training of {choice!r} is not recorded here ({error}): expected {choice}.json and {choice}.png; "
            f"record it with {COMMAND}."
        ) from error
    if facts["sha256"] != sha256(png).hexdigest():
        raise BadInput(
            f"{choice}.png is not the picture that {choice}.json describes: expected sha256 {facts['sha256']}; record "
            f"both again with {COMMAND}."
        )
    return facts, png


def html_of_still(choice: str) -> str:
    """The picture of the recorded training, what it measured, and how to train another."""
    facts, png = read_still(choice)
    return (
        f'<div class="training-control" style="max-width: 900px">{picture(png, facts["alt"])}'
        f"<p>{escape(facts['words'])}</p><p>One recorded training. To choose another value and train it yourself, run "
        f"this chapter in Colab or Jupyter.</p></div>"
    )


def picture(png: bytes, alt: str) -> str:
    """A PNG as an HTML element."""
    source = f"data:image/png;base64,{b64encode(png).decode('ascii')}"
    return f'<img style="max-width: 100%" src="{source}" alt="{escape(alt)}">'
