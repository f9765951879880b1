"""Plausible wrong answers to chapter 01, other than the recorded ones."""

import numpy as np


def overflowing(images, logits):
    return (np.log(1 + np.exp(logits)) - images * logits).sum(axis=(1, 2, 3))


def cut_logits(images, logits):
    cut = np.clip(logits, -250, 30)
    return (np.logaddexp(0, cut) - images * cut).sum(axis=(1, 2, 3))


def without_the_maximum(images, logits):
    return (np.log1p(np.exp(-np.abs(logits))) - images * logits).sum(axis=(1, 2, 3))


def square_images(images, logits):
    side = images.shape[1]
    pixels = np.logaddexp(0, logits) - images * logits
    return pixels[:, :side, :side].sum(axis=(1, 2, 3))


def mean_times_a_square(images, logits):
    return (np.logaddexp(0, logits) - images * logits).mean(axis=(1, 2, 3)) * images.shape[1] ** 2


def black_or_white(images, logits):
    return np.logaddexp(0, np.where(images > 0.5, -logits, logits)).sum(axis=(1, 2, 3))


def in_bits(images, logits):
    return (np.logaddexp(0, logits) - images * logits).sum(axis=(1, 2, 3)) / np.log(2)


def squared_error(images, logits):
    return ((images - 1 / (1 + np.exp(-logits))) ** 2).sum(axis=(1, 2, 3))


def logits_as_probabilities(images, logits):
    p = np.clip(logits, 1e-7, 1 - 1e-7)
    return -(images * np.log(p) + (1 - images) * np.log(1 - p)).sum(axis=(1, 2, 3))


def white_pixels_only(images, logits):
    return (images * np.logaddexp(0, -logits)).sum(axis=(1, 2, 3))


def at_other_places(codes):
    table = np.linalg.norm(codes[:, None] - codes[None], axis=-1)
    table[table == 0] = np.inf
    return table.min(axis=1)


def set_apart(by):
    def nearest(codes):
        table = np.linalg.norm(codes[:, None] - codes[None], axis=-1)
        return (table + by * np.eye(len(codes))).min(axis=1)

    return nearest


def largest_coordinate(codes):
    return np.sort(np.abs(codes[:, None] - codes[None]).max(axis=-1), axis=1)[:, 1]


def second_nearest(codes):
    return np.sort(np.linalg.norm(codes[:, None] - codes[None], axis=-1), axis=1)[:, 2]


def only_later_codes(codes):
    table = np.linalg.norm(codes[:, None] - codes[None], axis=-1)
    table[np.tril_indices(len(codes))] = np.inf
    table[-1, -1] = table[-1, -2] = np.linalg.norm(codes[-1] - codes[-2])
    return table.min(axis=1)


def next_in_the_list(codes):
    return np.linalg.norm(codes - np.roll(codes, 1, axis=0), axis=1)


def first_two_coordinates(codes):
    table = np.linalg.norm(codes[:, None, :2] - codes[None, :, :2], axis=-1)
    return np.sort(table, axis=1)[:, 1]


def places_of_neighbours(codes):
    return np.argsort(np.linalg.norm(codes[:, None] - codes[None], axis=-1), axis=1)[:, 1]


def root_mean_square(codes):
    return np.sort(np.sqrt(((codes[:, None] - codes[None]) ** 2).mean(-1)), axis=1)[:, 1]


def _steps(x, p):
    least = -x * np.log(x) - (1 - x) * np.log(1 - x)
    return [(p - x) / (p * (1 - p)), x, least, 1 / (x * (1 - x))]


def but(step, value):
    def steps(x, p):
        own = _steps(x, p)
        own[step] = value(x, p)
        return own

    return steps


def within(least):
    return lambda x, p: _steps(float(np.clip(x, least, 1 - least)), p)


def _loss(x, p):
    return -x * np.log(p) - (1 - x) * np.log(1 - p)


WHY = "From 32 numbers on the loss stays level, a few nats above the floor."
GOOD = {2: 224.0, 8: 196.0, 32: 184.0}


def losses(own, why=WHY):
    return {"losses": own, "because": why}


WRONG = {
    "nats_of_a_mean": {
        "one pixel too few": 0.2448 * 1023,
        "one pixel too many": 0.2448 * 1025,
        "one side padded": 0.2448 * 28 * 32,
        "three channels": 0.2448 * 3072,
        "bits": 0.2448 * 1024 / np.log(2),
        "from bits": 0.2448 * 1024 * np.log(2),
        "twice, for both classes": 0.2448 * 2048,
        "the margin alone": 0.2448 * (1024 - 784),
        "from a mean over 28 by 28 to one over 32 by 32": 0.2448 * 784 / 1024,
        "the sign": -0.2448 * 1024,
    },
    "image_loss": {
        "overflow at a large logit": overflowing,
        "large logits cut": cut_logits,
        "without the maximum": without_the_maximum,
        "square images only": square_images,
        "a mean times a square": mean_times_a_square,
        "grey made black or white": black_or_white,
        "bits": in_bits,
        "squared error": squared_error,
        "logits as probabilities": logits_as_probabilities,
        "white pixels only": white_pixels_only,
    },
    "nearest_other": {
        "distance 0 never counts, though two codes may agree": at_other_places,
        "a large number on the diagonal: 10": set_apart(10.0),
        "a large number on the diagonal: 1000": set_apart(1000.0),
        "largest coordinate": largest_coordinate,
        "second nearest": second_nearest,
        "only codes that come later": only_later_codes,
        "next code in the list": next_in_the_list,
        "first two coordinates": first_two_coordinates,
        "index of the neighbour": places_of_neighbours,
        "mean over coordinates before the root": root_mean_square,
    },
    "best_grey": {
        "p* to one decimal": but(1, lambda x, p: round(x, 1)),
        "p* kept from 0.05 to 0.95": but(1, lambda x, p: min(max(x, 0.05), 0.95)),
        "all steps with x kept from 0.01 to 0.99": within(0.01),
        "(a) without the floor in p": but(0, lambda x, p: (p - x) / max(p * (1 - p), 0.05)),
        "(a) one fraction only": but(0, lambda x, p: -x / p),
        "(b) the half": but(1, lambda x, p: 0.5),
        "(b) p itself": but(1, lambda x, p: p),
        "(c) the loss at p": but(2, _loss),
        "(c) bits": but(2, lambda x, p: _loss(x, x) / np.log(2)),
        "(c) first half of the entropy": but(2, lambda x, p: -x * np.log(x)),
        "(d) turned over": but(3, lambda x, p: x * (1 - x)),
        "(d) at p, simplified": but(3, lambda x, p: 1 / (p * (1 - p))),
        "(d) with a minus between the fractions": but(3, lambda x, p: 1 / x - 1 / (1 - x)),
        "loss before p*": lambda x, p: [_steps(x, p)[i] for i in (0, 2, 1, 3)],
    },
    "size_of_the_code": {
        "infinite": losses({2: np.inf, 8: np.inf, 32: 184.0}),
        "one training handed in twice": losses({2: 224.0, 8: 224.0, 32: 184.0}),
        "a middle size that was not trained": losses({2: 224.0, 8: 543.0, 32: 184.0}),
        "halves of numbers": losses({1.2: 224.0, 1.5: 196.0, 1.9: 184.0}),
        "not a number": losses({2: 224.0, 8: np.nan, 32: 184.0}),
        "squared errors": losses({2: 0.045, 8: 0.02, 32: 0.01}),
        "bounds in the place of losses": losses({2: -224.0, 8: -196.0, 32: -184.0}),
        "a larger code is worse": losses({2: 184.0, 8: 196.0, 32: 224.0}),
        "no sizes": losses([224.0, 196.0, 184.0]),
        "one word, often": losses(GOOD, "more " * 12),
        "the question, copied": losses(
            GOOD, "From which size on does one more number no longer help, and by which yardstick?"
        ),
        "beside the point": losses(GOOD, "I ran all of the cells and this is what came out."),
        "no reason": losses(GOOD, ...),
    },
}
