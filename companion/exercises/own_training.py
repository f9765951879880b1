"""The open exercises of chapters 00 to 02, whose answers are figures of models that the learner trains."""

import math
from typing import Any

from companion.exercises.exercise import Demand, OpenExercise
from companion.exercises.reasons import in_own_words

WORSE = 1.05  # a larger code may be this much worse than the smallest, by chance


def are_sizes(sizes: Any) -> bool:
    """Whether there are at least three, all of them whole numbers from 1."""
    return len(sizes) >= 3 and all(float(size) == int(size) >= 1 for size in sizes)


def _by_size(answer: Any) -> list[tuple[float, float]]:
    """Reconstruction and KL of each size, from the smallest code to the largest."""
    terms = answer["terms"]
    return [(float(first), float(second)) for first, second in (terms[size] for size in sorted(terms))]


two_terms_by_size = OpenExercise(
    name="two_terms_by_size",
    chapter="00",
    kind="open",
    title="How the two terms share the loss of a larger code",
    cases=list,
    demands=(
        Demand(
            lambda answer: are_sizes(answer["terms"]) and _by_size(answer),
            "both terms for at least three sizes of the code, whole numbers from 1, under 'terms'",
            "Hand in {1: (reconstruction, kl), 2: (...), 8: (...)}, both in nats per image.",
        ),
        Demand(
            lambda answer: all(math.isfinite(first + kl) and kl >= 0 for first, kl in _by_size(answer)),
            "finite numbers, and no KL below 0",
            "A KL is never negative, and a loss that is NaN or infinite comes from a training that broke down.",
        ),
        Demand(
            lambda answer: all(first > 50 for first, _ in _by_size(answer)),
            "reconstructions in nats per image",
            "A reconstruction below 50 looks like a mean over pixels or a bound without its sign.",
        ),
        Demand(
            lambda answer: _by_size(answer)[-1][1] > _by_size(answer)[0][1],
            "a larger KL for the largest code than for the smallest",
            "The order looks reversed: each pair is (reconstruction, kl), and each model was trained anew.",
        ),
        Demand(
            lambda answer: all(sum(each) <= WORSE * sum(_by_size(answer)[0]) for each in _by_size(answer)),
            "a sum of both terms that does not grow with the code",
            "Training lowers the sum of both terms. A larger code with a larger sum was not trained like the others.",
        ),
        Demand(
            lambda answer: len(set(_by_size(answer))) >= 3,
            "at least three pairs that differ",
            "Two trainings never end alike. Train each size by itself, and give at least one decimal.",
        ),
        *in_own_words(
            "Train it for at least three sizes. Hand in reconstruction error and KL of the test images, and a "
            "sentence: which term changes more as codes grow, and when does the change stop?",
            "one of the two terms",
            "kl",
            "rate",
            "rec",
            "error",
            "cross",
            "first",
            "second",
            "both",
        ),
    ),
    hints=(
        "Train OnePageVAE(latent_dim=d) as in the chapter, and evaluate it on the test images.",
        "Look at the sum of the two terms, and at which of them changes more.",
    ),
)


def _losses(answer: Any) -> list[float]:
    """From the smallest code to the largest."""
    return [float(answer["losses"][size]) for size in sorted(answer["losses"])]


size_of_the_code = OpenExercise(
    name="size_of_the_code",
    chapter="01",
    kind="open",
    title="How many numbers does an image need?",
    cases=list,
    demands=(
        Demand(
            lambda answer: are_sizes(answer["losses"]),
            "test losses of at least three sizes of the code under 'losses', such as {2: ..., 8: ..., 32: ...}",
            "Train at least three autoencoders that differ in latent_dim alone.",
        ),
        Demand(
            lambda answer: all(map(math.isfinite, _losses(answer))),
            "finite losses",
            "A loss that is NaN or infinite comes from a training that broke down; train that size again.",
        ),
        Demand(
            lambda answer: min(_losses(answer)) > 1.0,
            "losses in nats per image, hundreds on the digits",
            "A loss below 1 looks like a mean over pixels; sum over the pixels of each image.",
        ),
        Demand(
            lambda answer: (
                _losses(answer)[-1] < _losses(answer)[0]
                and max(_losses(answer)) <= WORSE * _losses(answer)[0]
            ),
            "a smaller loss with the largest code than with the smallest, and none far above that",
            "A larger code that is worse was not trained long enough, or on other images.",
        ),
        Demand(
            lambda answer: len(set(_losses(answer))) >= 3,
            "at least three losses that differ",
            "Two trainings never end alike. Train each size by itself, and give at least one decimal.",
        ),
        *in_own_words(
            "How many numbers does a digit need? Train the dense autoencoder for at least three sizes, and hand in "
            "the test losses and a sentence: from which size on does one more number no longer help, and by which "
            "yardstick?",
            "a size, a loss or your yardstick",
            r"\d",
            "loss",
            "error",
            "floor",
            "mean",
            "pca",
            "nat",
            "gain",
            "overfit",
            "seed",
            "noise",
        ),
    ),
    hints=(
        "Autoencoder(input_shape=shape, latent_dim=d, seed=0) builds a dense pair that trains in seconds.",
    ),
)


def _counted(filters: Any) -> int:
    from companion.networks import build_conv_encoder

    return build_conv_encoder((28, 28, 1), 2, filters=tuple(filters), seed=0).count_params()


small_encoder = OpenExercise(
    name="small_encoder",
    chapter="02",
    kind="open",
    title="How small may an encoder be?",
    cases=list,
    seconds=60.0,
    demands=(
        Demand(
            lambda answer: _counted(answer["filters"]) == answer["parameters"],
            "under 'parameters', what build_conv_encoder((28, 28, 1), 2, filters=filters) has with your 'filters'",
            "Ask the network itself: encoder.count_params(), of the encoder alone and with both heads.",
        ),
        Demand(
            lambda answer: answer["parameters"] <= 50_000,
            "at most 50,000 parameters",
            "Most weights sit where many channels meet many; halve the channels and count again.",
        ),
        Demand(
            lambda answer: float(answer["reconstruction"]) > 1.0,
            "the reconstruction loss on test images, in nats per image",
            "A loss below 1 looks like a mean over pixels; VAE.evaluate reports nats per image.",
        ),
        Demand(
            lambda answer: float(answer["reconstruction"]) < 28 * 28 * math.log(2),
            "a reconstruction loss below that of a decoder that draws the same grey everywhere",
            "A middle grey costs log 2 nats per pixel, 543 per image. Train the VAE until it is better than that.",
        ),
        *in_own_words(
            "How small may the convolutional encoder be? Find filters with at most 50,000 parameters, train a VAE "
            "with it, and hand in the filters, the count, the reconstruction loss on test images and a sentence on "
            "what limits that loss.",
            "what limits the loss",
            "code",
            "latent",
            "bottleneck",
            "two",
            r"\d",
            "coordinate",
            "decoder",
            "encoder",
            "filter",
            "channel",
            "weight",
            "parameter",
            "train",
            "epoch",
            "floor",
        ),
    ),
    hints=("A third of the channels has about a ninth of the weights.",),
)
