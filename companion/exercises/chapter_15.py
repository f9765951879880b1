"""The exercises of chapter 15: means over parts, a codebook of several replicas, and a place to go on from."""

from typing import Any

import numpy as np

from companion.exercises.exercise import (
    Case,
    Demand,
    Exercise,
    Mistake,
    OpenExercise,
    reason_of,
    the_number,
)

mean_of_the_epoch = Exercise(
    name="mean_of_the_epoch",
    chapter="15",
    kind="compute",
    title="The mean over an epoch with a ragged last batch",
    cases=the_number((100 * 150.0 + 20 * 90.0) / 120),
    unit="one number, in nats per image",
    rtol=1e-3,
    mistakes=(
        Mistake(
            lambda: (150.0 + 90.0) / 2, "That is the mean of the two means; the batches are of unequal size."
        ),
        Mistake(
            lambda: (100 * 90.0 + 20 * 150.0) / 120,
            "The two batches have changed places: the larger one has 150.",
        ),
        Mistake(
            lambda: 100 * 150.0 + 20 * 90.0,
            "That is the sum over images; the mean divides it by their number.",
        ),
        Mistake(
            lambda: (100 * 150.0 + 20 * 90.0) / 200,
            "The epoch has 120 images, not two full batches of 100.",
        ),
    ),
    hints=(
        "How many nats do all images of each batch have together?",
        "Add both sums, and divide by the number of images of both batches.",
    ),
)


def _parts() -> list[Case]:
    made = []
    for seed, sizes in enumerate([(3, 3), (1, 4), (2, 5, 1)]):
        draws = np.random.default_rng(seed)
        gradients = [draws.normal(size=(size, 3)) for size in sizes]
        means = np.stack([part.mean(axis=0) for part in gradients])
        whole = np.concatenate(gradients).mean(axis=0)
        says = f"means of shape {means.shape}, sizes {sizes}"
        made.append(Case(says, (means, np.array(sizes)), whole))
    return made


gradient_of_the_whole = Exercise(
    name="gradient_of_the_whole",
    chapter="15",
    kind="code",
    title="One gradient from the gradients of several parts",
    cases=_parts,
    mistakes=(
        Mistake(
            lambda means, sizes: means.mean(axis=0),
            "That weights all parts alike; an image of a small part would count more than one of a large part.",
        ),
        Mistake(
            lambda means, sizes: means.sum(axis=0),
            "That adds up means: the step would grow with the number of replicas.",
        ),
        Mistake(
            lambda means, sizes: sizes @ means,
            "That is the gradient of the sum over images; the loss is their mean.",
        ),
        Mistake(
            lambda means, sizes: sizes @ means / len(sizes),
            "Divide by the number of images, not by the number of parts.",
        ),
        Mistake(
            lambda means, sizes: (1 / sizes) @ means / (1 / sizes).sum(),
            "A larger part counts more, not less.",
        ),
    ),
    hints=(
        "Write the mean over all images as a sum over parts, and each part's sum as its size times its mean.",
        "Each part has the weight n_r / n, and these weights add up to 1.",
    ),
)


def _codebooks() -> list[Case]:
    made = []
    for seed, replicas in enumerate([2, 3]):
        draws = np.random.default_rng(seed)
        counts = draws.integers(1, 9, size=(replicas, 4)).astype(float)
        sums = draws.normal(size=(replicas, 4, 2)) * counts[..., None]
        whole = sums.sum(axis=0) / counts.sum(axis=0)[:, None]
        says = f"{replicas} replicas, 4 codebook entries of 2 coordinates"
        made.append(Case(says, (counts, sums), whole))
    return made


codebook_of_all_replicas = Exercise(
    name="codebook_of_all_replicas",
    chapter="15",
    kind="code",
    title="One codebook from the counts and sums of several replicas",
    cases=_codebooks,
    mistakes=(
        Mistake(
            lambda counts, sums: (sums / counts[..., None]).mean(axis=0),
            "That is the mean of the replicas' codebooks; a replica that saw an entry once would count like one that "
            "saw it eight times.",
        ),
        Mistake(
            lambda counts, sums: sums.mean(axis=0) / counts.sum(axis=0)[:, None],
            "Sums and counts must be joined in the same way: both added, or both averaged.",
        ),
        Mistake(
            lambda counts, sums: sums[0] / counts[0][:, None],
            "That is the codebook of the first replica alone.",
        ),
        Mistake(
            lambda counts, sums: sums.sum(axis=0) / counts.sum(),
            "Each entry is divided by its own count, not by the count of all entries.",
        ),
        Mistake(
            lambda counts, sums: sums.sum(axis=0), "That is the sum of the vectors; an entry is their mean."
        ),
    ),
    hints=(
        "An entry is the mean of all vectors that chose it, on whichever replica.",
        "Add the sums over replicas, add the counts over replicas, and divide once.",
    ),
)


def _places() -> list[Case]:
    made = []
    for batches, size, sizes in [
        (0, 4, (8, 8)),
        (3, 4, (8, 8)),
        (5, 3, (7, 7, 7)),
        (2, 4, (8, 8)),
        (4, 2, (4, 4, 4)),
    ]:
        done, shard = batches * size, 0
        while done >= sizes[shard]:
            done, shard = done - sizes[shard], shard + 1
        says = f"{batches} batches of {size} are done, shards of {sizes}"
        made.append(Case(says, (batches, size, sizes), np.array([shard, done])))
    return made


def _place(batches: int, size: int, sizes: Any, beyond: Any) -> Any:
    done, shard = batches * size, 0
    while shard < len(sizes) - 1 and beyond(done, sizes[shard]):
        done, shard = done - sizes[shard], shard + 1
    return np.array([shard, done])


place_to_go_on = Exercise(
    name="place_to_go_on",
    chapter="15",
    kind="mend",
    title="The place in the shards to go on from",
    cases=_places,
    mistakes=(
        Mistake(lambda b, size, sizes: _place(b, 1, sizes, lambda d, s: d > s), untouched=True),
        Mistake(
            lambda b, size, sizes: _place(b, 1, sizes, lambda d, s: d >= s),
            "Batches are counted there, and shards hold images: multiply by the size of a batch.",
        ),
        Mistake(
            lambda b, size, sizes: _place(b, size, sizes, lambda d, s: d > s),
            "Where a shard has just been finished, the next image is the first one of the next shard.",
        ),
        Mistake(
            lambda b, size, sizes: _place(b + 1, size, sizes, lambda d, s: d >= s),
            "That leaves a batch out: with b batches done, the next image has number b times the size, from 0.",
        ),
        Mistake(
            lambda b, size, sizes: np.array([b * size // sizes[0], b * size]),
            "The second number counts within the shard, not from the start of the epoch.",
        ),
    ),
    hints=(
        "How many images are done after b batches, and how many of them lie in shards that are finished?",
        "Two things are wrong: what is counted, and what happens exactly at the end of a shard.",
    ),
)


def _speeds(answer: Any) -> list[tuple[int, float]]:
    return sorted((int(size), float(rate)) for size, rate in answer["images_per_second"].items())


speed_of_yours = OpenExercise(
    name="speed_of_yours",
    chapter="15",
    kind="open",
    title="Where does your pipeline spend its time?",
    cases=list,
    demands=(
        Demand(
            lambda answer: len(_speeds(answer)) >= 3,
            "images per second for at least three batch sizes under 'images_per_second', such as {32: ..., 128: ...}",
            "Time one pass over shards.dataset(batch_size) for several sizes, and divide the images by the seconds.",
        ),
        Demand(
            lambda answer: all(rate > 0 for _, rate in _speeds(answer)),
            "speeds above 0",
            "Divide the number of images by the seconds of one pass.",
        ),
        Demand(
            lambda answer: all(size >= 1 for size, _ in _speeds(answer)),
            "batch sizes from 1 on",
            "The keys are batch sizes, and the values images per second.",
        ),
        reason_of(),
    ),
    hints=(
        "Go through the pipeline once before you time it, and compare its speed with that of a training.",
    ),
)

EXERCISES = (
    mean_of_the_epoch,
    gradient_of_the_whole,
    codebook_of_all_replicas,
    place_to_go_on,
    speed_of_yours,
)
