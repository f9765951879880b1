"""The part of a run that needs Keras: build or load the model, train it epoch by epoch, evaluate it."""

import importlib
import itertools
import math
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np

from companion import data, evaluation, machine
from companion.data import Dataset
from companion.distribute import Plan, engines
from companion.errors import BadInput
from companion.experiments.backend import check_same
from companion.experiments.folder import FINAL_MODEL, SCHEMA, Record, RunFolder, checkpoint_name
from companion.experiments.progress import progress_callbacks, say
from companion.experiments.settings import MODELS, Settings
from companion.semi_supervised import keep_labels

STAGES = 8  # of the schedule of Burda et al.
MEAN_PIXEL = (0.001, 0.999)  # a pixel that is always black would get an infinite bias


def train(
    settings: Settings,
    dataset: Dataset,
    dataset_sha256: str | None,
    folder: RunFolder,
    record: Record | None,
    quiet: bool,
    plan: Plan | None = None,
) -> Record:
    """Train from the last epoch in ``record`` (None: from the start) to ``settings.epochs``, evaluate, and record.

    With a ``plan``, several devices train together; only its chief evaluates and writes into the folder.
    """
    if record is not None:
        check_same(keras.backend.backend(), record.get("backend"))
    chief = plan is None or plan.is_chief
    with engines.started(plan) as engine:
        if not quiet:
            say(f"{settings.model} on {dataset!r}")
            say(f"{keras.backend.backend()} on {machine.device()}")
        # The networks and batches have their own seeds; this one is for draws of a family without a seed.
        keras.utils.set_random_seed(settings.seed)
        with engine.scope() if engine else nullcontext():
            begun = record is None
            model, record = _begun(settings, dataset, dataset_sha256, folder, record)
        if begun and chief:
            folder.commit(record, checkpoint_name(0), model.save)
        if record["epochs_done"] < settings.epochs:
            _fit(model, settings, dataset, folder if chief else None, record, quiet, engine)
    if not chief:
        return record
    # Copied before the evaluation, which changes the state of the noise, so that a run can be trained further.
    checkpoint = folder.checkpoint(record)
    trained = folder.copy_of(checkpoint)
    if engine:  # what the replicas trained, on one device
        model = load_model(checkpoint, settings)
    if not quiet:
        say(f"evaluating, with k={settings.k}")
    started = time.perf_counter()
    record["test"] = evaluate(model, settings, dataset)
    record["seconds"]["evaluate"] = round(time.perf_counter() - started, 2)
    record["complete"] = True
    _note_memory(record)
    folder.commit(record, FINAL_MODEL, trained)
    return record


def _begun(
    settings: Settings,
    dataset: Dataset,
    dataset_sha256: str | None,
    folder: RunFolder,
    record: Record | None,
) -> tuple[keras.Model, Record]:
    """A new model with its first record, or those of the run that ``record`` resumes."""
    if record is not None:
        resumed = {"settings": settings.recorded(), "complete": False, "test": None, **_circumstances()}
        return load_model(folder.checkpoint(record), settings), {**record, **resumed}
    num_classes = dataset.num_classes if MODELS[settings.model].labels else None
    steps = math.ceil(len(dataset.x_train) / settings.batch_size)
    model = build(settings, dataset.image_shape, num_classes, steps)
    model.optimizer.build(
        model.trainable_variables
    )  # fit would, but under a strategy they belong to its scope
    if settings.output_bias:
        _start_at_mean(model, dataset)
    return model, _first_record(settings, dataset, dataset_sha256, model)


def build(
    settings: Settings, image_shape: tuple[int, ...], num_classes: int | None = None, steps: int = 1
) -> keras.Model:
    """The compiled model that ``settings`` describe, for images of ``image_shape`` in ``num_classes``.

    ``steps`` is the number of batches per epoch, by which a schedule of the learning rate counts.
    """
    family = _class_of(settings)
    own: dict[str, Any] = {
        name: value for name, value in settings.options.items() if name not in MODELS[settings.model].of_data
    }
    own |= {"num_classes": num_classes} if num_classes else {}
    sizes = {"input_shape": image_shape, "latent_dim": settings.latent_dim, "network": settings.network}
    # Only families that can be normalised know the word.
    sizes |= {"batch_norm": True} if settings.batch_norm else {}
    sizes |= {"hidden_activation": settings.activation} if settings.activation != "relu" else {}
    networks = family.build_networks(**sizes, hidden=settings.hidden, seed=settings.seed, **own)
    model = family(**networks, **own, likelihood=settings.likelihood, seed=settings.seed)
    # XLA draws another stream of noise: with it, a run on a GPU would differ from one on a CPU. JAX has no other way.
    jit_compile = "auto" if keras.backend.backend() == "jax" else False
    rate = learning_rate(settings, steps)
    model.compile(keras.optimizers.Adam(rate, epsilon=settings.epsilon), jit_compile=jit_compile)
    return model


def learning_rate(settings: Settings, steps: int) -> Any:
    """A number, or the stages of Burda et al. (2016), section 5: 3^i epochs at the rate times 10^(-i/7), i = 0 to 7."""
    if settings.schedule == "constant":
        return settings.learning_rate
    ends = itertools.accumulate(steps * 3**stage for stage in range(STAGES - 1))
    rates = [settings.learning_rate * 10 ** (-stage / 7) for stage in range(STAGES)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(list(ends), rates)


def _start_at_mean(model: keras.Model, dataset: Dataset) -> None:
    """Let the decoder begin with the mean training image: the logit of each pixel's mean as bias of its last layer."""
    decoder = getattr(model, "pixels_part", model.decoder)
    mean = np.clip(np.mean(dataset.x_train, axis=0), *MEAN_PIXEL).reshape(-1)
    decoder.get_layer("pixels").bias.assign(np.log(mean / (1 - mean)))


def load_model(checkpoint: Path, settings: Settings) -> keras.Model:
    """The model in a checkpoint, compiled, with the state of its optimizer and noise."""
    _class_of(settings)  # importing its module registers it with Keras
    return keras.models.load_model(checkpoint)


def evaluate(model: keras.Model, settings: Settings, dataset: Dataset) -> dict[str, Any]:
    """Scores on the test images, in nats per image, and the binarisation that was used.

    Dynamic binarisation is for training: for the test images one static draw is used instead, so that the score does
    not change from call to call. Its seed differs from that of the training images, or both would share random numbers.
    """
    how = "static" if settings.binarize == "dynamic" else settings.binarize
    seed = settings.seed + 1
    x: Any = data.binarize(dataset.x_test, how, seed=seed)
    if MODELS[settings.model].labels:
        x = (x, dataset.y_test)
    scores = evaluation.score(model, x, k=settings.k, n_images=settings.images, seed=settings.seed)
    for name in ("neg_elbo", "log_likelihood", "cross_entropy_bound"):
        _check_finite(f"test {name}", scores[name])
    return {**scores, "binarization": how, "binarization_seed": seed if how == "static" else None}


def _class_of(settings: Settings) -> Any:
    """The class that ``settings`` name: that of the model, or the variant that takes its place."""
    family = _imported(MODELS[settings.model].path)
    if settings.variant is None:
        return family
    try:
        variant = _imported(settings.variant)
    except (ImportError, AttributeError) as error:
        raise BadInput(
            f"variant={settings.variant!r} cannot be imported ({error}): expected module:Class; correct the path, or "
            f"call from the folder in which the module lies."
        ) from error
    if not (isinstance(variant, type) and issubclass(variant, family)):
        raise BadInput(
            f"variant={settings.variant!r} is no subclass of {family.__name__}: expected one; derive it from "
            f"{MODELS[settings.model].path}."
        )
    if keras.saving.get_registered_name(variant) == variant.__name__:
        # Keras loads only what it knows by name.
        keras.saving.register_keras_serializable(package=variant.__module__)(variant)
    return variant


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def _first_record(settings: Settings, dataset: Dataset, digest: str | None, model: keras.Model) -> Record:
    return {
        "schema": SCHEMA,
        "model": settings.model,
        "dataset": settings.recorded()["dataset"],
        "dataset_sha256": digest,
        "n_train": len(dataset.x_train),
        "n_test": len(dataset.x_test),
        "binarization": settings.binarize,
        "likelihood": settings.likelihood,
        "settings": settings.recorded(),
        "epochs_done": 0,
        "complete": False,
        "unit": "nats/image",
        "history": {},
        "test": None,
        "parameters": {part: int(getattr(model, part).count_params()) for part in ("encoder", "decoder")},
        "seconds": {"train": 0.0, "evaluate": None},
        "peak_memory_mb": machine.peak_memory_mb(),
        **_circumstances(),
        "files": {},
    }


def _circumstances() -> dict[str, Any]:
    """What a run is computed with; of a run that was resumed elsewhere, the last values."""
    backend = keras.backend.backend()
    return {
        "versions": machine.versions(backend),
        "backend": backend,
        "device": machine.device(),
        "commit": machine.commit(),
    }


def _fit(
    model: keras.Model,
    settings: Settings,
    dataset: Dataset,
    folder: RunFolder | None,
    record: Record,
    quiet: bool,
    engine: engines.Engine | None,
) -> None:
    done = record["epochs_done"]
    batches = data.Batches(
        dataset.x_train,
        settings.batch_size,
        settings.binarize,
        settings.seed,
        _labels(settings, dataset),
        epoch=done,
    )
    # The keeper comes first, so that an epoch is saved before it is announced.
    callbacks = [Keeper(folder, record), *progress_callbacks(quiet, done, settings.epochs, len(batches))]
    span: dict[str, Any] = {"initial_epoch": done, "epochs": settings.epochs, "callbacks": callbacks}
    if engine:
        engine.fit(model, batches, **span)
    else:
        model.fit(batches, shuffle=False, verbose=0, **span)


def _labels(settings: Settings, dataset: Dataset) -> np.ndarray | None:
    """The labels to train with: none, all of them, or a few per class and -1 elsewhere."""
    if not MODELS[settings.model].labels:
        return None
    if "labels_per_class" not in settings.options:
        return dataset.y_train
    return keep_labels(dataset.y_train, cast(int, settings.options["labels_per_class"]), settings.seed)


class Keeper(keras.callbacks.Callback):
    """Writes the whole model and its record to disk after each epoch; without a folder it keeps the record alone."""

    def __init__(self, folder: RunFolder | None, record: Record) -> None:
        super().__init__()
        self.folder, self.record = folder, record
        self.started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        record, seconds = self.record, time.perf_counter() - self.started
        for name, value in (logs or {}).items():
            _check_finite(f"{name} of epoch {epoch + 1}", float(value))
            record["history"].setdefault(name, []).append(round(float(value), 5))
        record["seconds"]["train"] = round(record["seconds"]["train"] + seconds, 2)
        record["epochs_done"] = epoch + 1
        _note_memory(record)
        if self.folder is not None:
            self.folder.commit(record, checkpoint_name(epoch + 1), self.model.save)


def _check_finite(what: str, value: float | None) -> None:
    if value is not None and not math.isfinite(value):
        raise BadInput(
            f"{what} is {value}: expected a finite number of nats; start a run in another folder with a smaller "
            f"learning_rate."
        )


def _note_memory(record: Record) -> None:
    """The largest memory of any part of the run; a resumed run has had several processes."""
    peaks = [peak for peak in (record["peak_memory_mb"], machine.peak_memory_mb()) if peak is not None]
    record["peak_memory_mb"] = max(peaks, default=None)
