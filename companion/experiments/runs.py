"""Start, resume and load recorded runs. Keras is imported only after everything else has been checked."""

import os
import sys
from contextlib import nullcontext
from typing import Any

from companion import data
from companion.backend_needed import backend_named
from companion.data import Dataset
from companion.distribute import Plan, check_run
from companion.errors import BadInput
from companion.experiments.folder import Record, RunFolder, describe_file
from companion.experiments.settings import MODELS, Settings, contradictions

Folder = str | os.PathLike[str]


def run(
    settings: Settings, out: Folder, resume: bool = False, *, quiet: bool = False, plan: Plan | None = None
) -> Record:
    """Train and evaluate a model with ``settings``; return the content of ``out/run.json``.

    All figures are in nats per image. After every epoch ``out`` holds the model and a run.json that names it, so that
    ``resume=True`` continues after any stop, with the same batches and noise, and loses at most one epoch. Resuming
    with more ``epochs`` trains a finished run further; resuming a finished run otherwise changes nothing. With dynamic
    binarisation the test images are binarised once, statically. With ``quiet`` no progress is printed.

    A ``plan`` of :func:`companion.distribute.plan` spreads the training over several devices or processes; each process
    calls this with its own plan and the same ``out``. Only the chief writes there and evaluates; the record of another
    worker has no test. To go on after any of them has stopped, start all of them again with ``resume=True``.

    Raises :class:`~companion.errors.BadInput`, before any training, for a data set that cannot be read, more
    ``images`` than there are, and an ``out`` that is a file, cannot be written, is in use, or is not empty. On resuming
    it is raised where there is no run, where its files are damaged, or where ``settings`` or the backend contradict it.
    Raised in training, too, where the loss stops being finite.
    Raises OSError where the disk is full; the last complete epoch is kept. Taught in chapter 11.
    """
    folder = RunFolder(out)
    if plan is not None:
        check_run(plan, backend_named(), settings.model, settings.options, settings.batch_size)
    with folder.claimed(resume) if plan is None or plan.is_chief else nullcontext():
        record = _record_to_resume(folder, settings) if resume else None
        if record and record["complete"] and record["epochs_done"] >= settings.epochs:
            if not quiet:
                print(
                    "This run is complete: nothing to do. More epochs would train it further.",
                    file=sys.stderr,
                )
            return record
        dataset, digest = _load_dataset(settings, record)
        # Last, since importing Keras takes ten seconds.
        from companion.experiments import training

        return training.train(settings, dataset, digest, folder, record, quiet, plan)


def load(out: Folder) -> tuple[Any, Record]:
    """The trained model of the run in the folder ``out``, and its record; of an unfinished run, the latest epoch's.

    Raises :class:`~companion.errors.BadInput` where there is no run, or its files are missing or damaged.
    Taught in chapter 11.
    """
    folder = RunFolder(out)
    record = folder.read_record()
    checkpoint = folder.checkpoint(record)
    from companion.experiments import training

    return training.load_model(checkpoint, _settings_in(record, folder)), record


def settings_of(out: Folder) -> Settings:
    """The settings of the run in the folder ``out``, for resuming it, for example with more epochs.

    Of your own images only the name of the file is recorded; replace ``dataset`` by its path if it lies elsewhere.
    Raises :class:`~companion.errors.BadInput` where there is no run or its run.json is damaged.
    """
    folder = RunFolder(out)
    return _settings_in(folder.read_record(), folder)


def _settings_in(record: Record, folder: RunFolder) -> Settings:
    try:
        return Settings(**record["settings"])
    except (TypeError, BadInput) as error:
        raise BadInput(
            f"{folder.path}: run.json has settings that do not fit ({error}): expected those of a run; start again in "
            f"another folder."
        ) from error


def _record_to_resume(folder: RunFolder, settings: Settings) -> Record:
    """The record of the run in ``folder``, after checking its files and that ``settings`` agree with its own."""
    record = folder.read_record()
    against = list(contradictions(settings, _settings_in(record, folder)))
    if against:
        raise BadInput(
            f"{', '.join(against)} contradicts the run in {folder.path}: expected its settings; leave the setting out, "
            f"or start a run in another folder."
        )
    folder.checkpoint(record)
    return record


def _load_dataset(settings: Settings, record: Record | None) -> tuple[Dataset, str | None]:
    """The images, and the digest of their file if they are your own."""
    file = settings.dataset_file
    if file is not None and not file.exists():
        advice = (
            "run.json keeps only a file's name, so pass its path"
            if record
            else "correct the name or the path"
        )
        raise BadInput(
            f"dataset={settings.dataset!r} is neither a known data set nor an existing file: expected one of "
            f"{', '.join(data.NAMES)}, or the path of an .npz file; {advice}."
        )
    dataset = data.load(settings.dataset)
    digest = None if file is None else describe_file(file)["sha256"]
    if record and digest != record.get("dataset_sha256"):
        raise BadInput(
            f"dataset={settings.dataset!r} has SHA-256 {str(digest)[:12]}..., and the run was started with "
            f"{str(record.get('dataset_sha256'))[:12]}...: expected the same file; restore it, or start another run."
        )
    if MODELS[settings.model].labels and dataset.y_train is None:
        raise BadInput(
            f"dataset={settings.dataset!r} has no labels and {settings.model} needs them: expected an array `labels` "
            f"in the file; add it, or choose another model."
        )
    if settings.images is not None and settings.images > len(dataset.x_test):
        raise BadInput(
            f"images={settings.images}: expected at most {len(dataset.x_test)}, the test images of {dataset.name}; "
            f"pass images={len(dataset.x_test)} or less, or leave it out for all."
        )
    return dataset, digest
