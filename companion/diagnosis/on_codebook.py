"""Codebooks and layers of codes: how many codes are used, how that is counted, whether every layer says something."""

import re
from collections.abc import Iterator

import numpy as np

from companion.code_use import code_counts, perplexity
from companion.diagnosis.examination import BATCH, BEGUN, Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.report import FAULT, NOTE, Finding

FEW = 0.1  # of the codebook: a smaller perplexity is a collapse
UNUSED = 0.01  # nats: a layer with a smaller KL carries nothing
SIZES = (16, 32, 64, 128)  # of the batches of an evaluation; the last one is all images
PER_BATCH = 0.1  # relative: how much smaller a perplexity of small batches must be than that of all images
LAYER = re.compile(r"kl(?:_loss)?_?(\d+)")


def the_codebook_is_used(x: Examination) -> Iterator[Finding]:
    """The perplexity of the codes of all images, beside the size of the codebook."""
    if not isinstance(x.patient, KerasPatient):
        return
    found = x.patient.codes(x.some)
    if found is None:
        return
    codes, size = found
    counts = code_counts(codes, size)
    measured = perplexity(counts)
    if measured < max(FEW * size, 1.5):
        trained = x.patient.steps_taken > 0
        yield Finding(
            name="codebook collapse",
            stage="codes",
            figure=f"a perplexity of {measured:.1f}; {int(np.sum(counts > 0))} of {size} codes are used by "
            f"{len(x.some)} images",
            healthy=f"a good part of {size}",
            meaning="Most codes are never chosen, so they are never trained, and the map of codes holds far fewer "
            "bits than it could.",
            mend='restart unused codes from the batch: VectorQuantizer(..., codebook="ema", reset=0.5, data_init=True)',
            chapter="09",
            sure="likely",
            level=FAULT if trained else NOTE,
            bars=(("perplexity", measured), ("codes", float(size))),
        )


def the_perplexity_is_of_an_epoch(x: Examination) -> Iterator[Finding]:
    """The perplexity that ``evaluate`` reports for the same images in small batches, and for all of them at once."""
    if not isinstance(x.patient, KerasPatient) or not x.patient.counts_perplexity:
        return
    images = x.some[: max(SIZES)]
    logs = {size: x.patient.evaluated_whole(images, size) or {} for size in SIZES}
    name = next((name for name in logs[min(SIZES)] if "perplexity" in name.lower()), None)
    if name is None or len(images) < max(SIZES) or not all(name in log for log in logs.values()):
        return
    reported = {size: log[name] for size, log in logs.items()}
    small, whole = reported[min(SIZES)], reported[max(SIZES)]
    if small < (1 - PER_BATCH) * whole:
        said = ", ".join(f"{value:.1f} in batches of {size}" for size, value in reported.items())
        yield Finding(
            name="a perplexity counted per batch",
            stage="evaluation",
            figure=f"{name} of the same {len(images)} images: {said}",
            healthy="the same in batches of any size",
            meaning="The mean of the perplexities of batches is smaller than that of an epoch and grows with the "
            "batch, so it says little about the codebook.",
            mend="add up the counts of an epoch: companion.code_use.Perplexity(num_embeddings)",
            chapter="09",
            bars=tuple((f"batches of {size}", value) for size, value in reported.items()),
        )


def every_layer_is_used(x: Examination) -> Iterator[Finding]:
    """The KL of each layer of codes, where the model reports ``kl_1``, ``kl_2``, ... or the like."""
    if not isinstance(x.patient, KerasPatient):
        return
    batches = [x.some[start : start + BATCH] for start in range(0, len(x.some), BATCH)]
    if len(_layers(x.patient.evaluated(batches[:1]))) < 2:
        return
    layers = _layers(x.patient.evaluated(batches[:4]))
    unused = [number for number, value in layers.items() if abs(value) < UNUSED]
    if not unused:
        return
    said = ", ".join(f"layer {number} {value:.2g}" for number, value in sorted(layers.items()))
    yield Finding(
        name="a layer of codes that is unused",
        stage="codes",
        figure=f"KL in nats per image: {said}",
        healthy="more than a tenth of a nat in every layer",
        meaning="The layer equals its prior for every image, so the model is one with fewer layers.",
        mend="warm up the KL, or give upper layers free bits: HierarchicalVAE(..., warm_up_steps=1000, free_bits=1.0)",
        chapter="08",
        sure="likely",
        level=FAULT if x.patient.steps_taken >= BEGUN else NOTE,
        bars=tuple((f"layer {number}", value) for number, value in sorted(layers.items())),
    )


def _layers(logs: dict[str, float] | None) -> dict[int, float]:
    """The KL of each layer by its number, as far as the metrics name any."""
    return {int(m[1]): value for name, value in (logs or {}).items() if (m := LAYER.fullmatch(name))}


EXAMINE = (the_codebook_is_used, the_perplexity_is_of_an_epoch, every_layer_is_used)
