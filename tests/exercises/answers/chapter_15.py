"""Typical wrong answers to chapter 15, each with words of the hint that belongs to it."""

import numpy as np


def averaged(means, sizes):
    return np.average(means, axis=0)


def added(means, sizes):
    return np.add.reduce(means)


def of_the_sum(means, sizes):
    return np.einsum("r,rd->d", sizes.astype(float), means)


def by_parts(means, sizes):
    return np.einsum("r,rd->d", sizes.astype(float), means) / len(means)


def mean_codebook(counts, sums):
    return np.average(sums / counts[:, :, None], axis=0)


def first_replica(counts, sums):
    return sums[0] / counts[0, :, None]


def one_count(counts, sums):
    return np.add.reduce(sums) / np.sum(counts)


def of_batches(batches, batch_size, sizes):
    done, shard = batches, 0
    while shard < len(sizes) - 1 and done >= sizes[shard]:
        done, shard = done - sizes[shard], shard + 1
    return shard, done


def end_of_a_shard(batches, batch_size, sizes):
    done, shard = batches * batch_size, 0
    while done > sizes[shard]:
        done, shard = done - sizes[shard], shard + 1
    return shard, done


def from_the_start(batches, batch_size, sizes):
    return batches * batch_size // sizes[0], batches * batch_size


REASON = "Larger batches are faster up to 512 images, and then nothing changes."

WRONG = {
    "mean_of_the_epoch": [
        (120.0, "mean of the two means"),
        (100.0, "changed places"),
        (16_800.0, "sum over images"),
        (84.0, "has 120 images"),
    ],
    "gradient_of_the_whole": [
        (averaged, "weights all parts alike"),
        (added, "grow with the number of replicas"),
        (of_the_sum, "gradient of the sum"),
        (by_parts, "not by the number of parts"),
    ],
    "codebook_of_all_replicas": [
        (mean_codebook, "mean of the replicas' codebooks"),
        (first_replica, "first replica alone"),
        (one_count, "its own count"),
    ],
    "place_to_go_on": [
        (of_batches, "shards hold images"),
        (end_of_a_shard, "first one of the next shard"),
        (from_the_start, "counts within the shard"),
    ],
    "speed_of_yours": [
        ({"images_per_second": {32: 1e4, 128: 2e4}, "because": REASON}, "several sizes"),
        ({"images_per_second": {32: 1e4, 128: -2e4, 512: 3e4}, "because": REASON}, "seconds of one pass"),
        ({"images_per_second": {0: 1e4, 128: 2e4, 512: 3e4}, "because": REASON}, "keys are batch sizes"),
    ],
}
