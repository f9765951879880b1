"""The command ``python -m companion score``: a score and a flag for each image of a file. Chapter 13."""

import argparse
import contextlib
import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from companion.data.chunks import CHUNK, ImageChunks
from companion.errors import BadInput, check_choice, check_whole_number

# The names of companion.evaluation.anomaly.SCORES, repeated because that module imports Keras; a test compares the two.
SCORES = ("reconstruction", "neg_elbo", "likelihood", "complexity", "ratio")
COLUMNS = ("index", "score", "flag")
# What the command hands on; in messages these names become options.
ARGUMENTS = (
    *("out", "score", "k", "normal", "false_positive_rate"),
    *("threshold", "array", "chunk", "seed", "overwrite"),
)


class Scored(NamedTuple):
    """What was written: ``images`` rows, of which ``flagged`` have a score above ``threshold`` (None: no flags)."""

    images: int
    flagged: int
    threshold: float | None


def score_file(
    model: Any,
    data: Path | str,
    out: Path | str,
    *,
    score: str = "neg_elbo",
    k: int = 100,
    normal: Path | str | None = None,
    false_positive_rate: float = 0.05,
    threshold: float | None = None,
    array: str | None = None,
    chunk: int = CHUNK,
    seed: int = 0,
    overwrite: bool = False,
) -> Scored:
    """Write a CSV file ``out`` with a row ``index,score,flag`` for each image of the .npz file ``data``.

    ``score`` is one of :func:`companion.evaluation.anomaly.anomaly_scores`, with ``k`` draws. An image whose score
    exceeds the threshold has the flag 1, others 0. The threshold is given, or chosen from the images of the .npz file
    ``normal``, which must not have been trained on: new normal images exceed it with a probability of at most
    ``false_positive_rate``. Without either the flags are empty. Images are read ``chunk`` at a time and each row is
    written as it is computed, so memory does not grow with their number; of ``normal`` the scores are kept, 8 bytes
    each. ``out`` appears when it is complete: after an error there is none, and one that was there is unchanged.

    Raises :class:`~companion.errors.BadInput` for files, images and numbers that do not fit, and for an ``out`` that
    exists, unless ``overwrite`` is True. Taught in chapter 13.
    """
    from companion.evaluation import anomaly

    anomaly.check_scores_images(model, check_choice("score", score, SCORES))
    _check_out(Path(out), overwrite)
    if normal is not None and threshold is not None:
        raise BadInput(
            "normal and threshold were both given: expected at most one of the two; leave one out."
        )
    how = {
        "score": score,
        "k": check_whole_number("k", k),
        "seed": check_whole_number("seed", seed, at_least=0),
    }
    chunk = check_whole_number("chunk", chunk)
    images = _fitting(model, ImageChunks(data, array=array, size=chunk))
    if normal is not None:
        known = _fitting(model, ImageChunks(normal, array=array, size=chunk))
        anomaly.check_rate(len(known), false_positive_rate)  # before the scores, which take their time
        scores = np.fromiter((s for batch in _scores(model, known, how) for s in batch), float, len(known))
        threshold = anomaly.threshold(scores, false_positive_rate)
    written = flagged = 0
    with _whole(Path(out)) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for batch in _scores(model, images, how):
            flags = [""] * len(batch) if threshold is None else (batch > threshold).astype(int).tolist()
            rows.writerows((written + i, f"{s:.6g}", flags[i]) for i, s in enumerate(batch))
            written, flagged = written + len(batch), flagged + flags.count(1)
    return Scored(written, flagged, threshold)


def add_to(commands: Any) -> None:
    """Add the command to the command line's ``commands``."""
    parser = commands.add_parser(
        "score",
        help="score the images of a file with a trained model, and flag anomalies",
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL.keras", help="what model.save wrote")
    parser.add_argument("--data", required=True, metavar="FILE.npz", help="the images to score")
    parser.add_argument("--out", default="scores.csv", metavar="FILE", help="default: scores.csv")
    parser.add_argument("--score", default="neg_elbo", metavar="NAME", help=f"one of: {', '.join(SCORES)}")
    parser.add_argument("--k", type=int, default=100, metavar="N", help="draws per image (default: 100)")
    parser.add_argument(
        "--normal", metavar="FILE.npz", help="normal images, which set the threshold of the flags"
    )
    parser.add_argument(
        "--false-positive-rate",
        type=float,
        default=0.05,
        metavar="P",
        help="what --normal aims at (default: 0.05)",
    )
    parser.add_argument(
        "--threshold", type=float, metavar="NATS", help="flag scores above it, without --normal"
    )
    parser.add_argument(
        "--array", metavar="NAME", help="the array in the files (default: images, or the only one)"
    )
    parser.add_argument(
        "--chunk", type=int, default=CHUNK, metavar="N", help=f"images at a time (default: {CHUNK})"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="fixes the noise (default: 0)")
    parser.add_argument("--overwrite", action="store_true", help="replace a FILE that is there")
    parser.set_defaults(options=parser.options)


def run(arguments: argparse.Namespace) -> int:
    """Load the model, score the file and print one line with the result."""
    for path in filter(None, (arguments.data, arguments.normal)):
        ImageChunks(
            path, array=arguments.array
        )  # a wrong file is named before Keras is imported, which takes seconds
    model = _loaded(arguments.model)
    done = score_file(model, arguments.data, **{name: getattr(arguments, name) for name in ARGUMENTS})
    flags = (
        "no flags, for there is neither --normal nor --threshold"
        if done.threshold is None
        else f"{done.flagged} flagged, with a score above {done.threshold:.6g}"
    )
    print(f"{arguments.out}: {done.images} images scored, {flags}.")
    return 0


def _loaded(path: str) -> Any:
    from companion.loading import load

    try:
        return load(path, compile=False)
    except BadInput:
        raise
    except Exception as error:  # of many kinds, by what is wrong with the file
        raise BadInput(
            f"{path} cannot be loaded ({str(error).splitlines()[0] if str(error) else type(error).__name__}): expected "
            f"what model.save('model.keras') of this package wrote; save the model again."
        ) from error


def _scores(model: Any, images: ImageChunks, how: dict[str, Any]) -> Iterator[np.ndarray]:
    """The scores of the images, a chunk at a time, each with noise of its own."""
    from companion.evaluation.anomaly import anomaly_scores

    for number, batch in enumerate(images):
        yield anomaly_scores(model, batch, how["score"], k=how["k"], seed=how["seed"] + 1000 * number)


def _fitting(model: Any, images: ImageChunks) -> ImageChunks:
    """``images``, of the shape that the model takes."""
    shape = images.image_shape
    if shape != model.image_shape:
        raise BadInput(
            f"{images.path}: array {images.array} has images of shape {shape}: expected {model.image_shape}, which the "
            f"model takes; resize the images, or pass another model."
        )
    return images


def _check_out(out: Path, overwrite: bool) -> None:
    if out.is_dir() or (out.exists() and not overwrite):
        kind = "is a folder" if out.is_dir() else "exists"
        raise BadInput(
            f"out={str(out)!r} {kind}: expected the path of a new file; choose another, or have a file replaced with "
            f"overwrite=True (on the command line --overwrite)."
        )
    if not out.absolute().parent.is_dir():
        raise BadInput(f"out={str(out)!r}: its folder does not exist; make the folder first.")


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Any]:
    """A text file that takes the name ``path`` only when it has been written to its end."""
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
