"""The exercises of chapter 02: counting weights, sizes and margins, and one width for all images."""

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

weights_of_an_encoder = Exercise(
    name="weights_of_an_encoder",
    chapter="02",
    kind="compute",
    title="How many parameters has a dense encoder?",
    cases=the_number(330_040),
    unit="one whole number, of parameters",
    rtol=1e-6,
    mistakes=(
        Mistake(lambda: 329_600, "A dense layer also has a bias for each of its units."),
        Mistake(lambda: 322_020, "There are two heads, one for the means and one for the log variances."),
        Mistake(lambda: 660_080, "The decoder is not asked for."),
        Mistake(lambda: 321_600, "There are two heads, and each unit has a bias as well."),
    ),
    hints=(
        "A dense layer from n to m units has n times m weights.",
        "Three layers: the hidden one and two heads.",
    ),
)


def _layers_of_keras() -> list[Case]:
    import keras

    def lengths(size: int, kernel: int, stride: int, padding: str, layers: int) -> list[int]:
        layer, found = keras.layers.Conv2D(1, kernel, stride, padding), []
        for _ in range(layers):
            size = layer.compute_output_shape((None, size, size, 1))[1]
            found.append(size)
        return found

    asked = [(28, 3, 2, "same", 3), (28, 3, 2, "valid", 3), (32, 5, 2, "same", 3), (29, 4, 3, "valid", 2)]
    return [Case(f"size, kernel, stride, padding, layers = {each}", each, lengths(*each)) for each in asked]


def _stepped(step: Any) -> Any:
    """What a rule for one layer gives over several."""

    def lengths(size: int, kernel: int, stride: int, padding: str, layers: int) -> list[int]:
        found = []
        for _ in range(layers):
            size = int(step(size, kernel, stride, padding))
            found.append(size)
        return found

    return lengths


sizes_of_maps = Exercise(
    name="sizes_of_maps",
    chapter="02",
    kind="code",
    title="How large are the maps of a convolutional encoder?",
    cases=_layers_of_keras,
    mistakes=(
        Mistake(
            _stepped(lambda n, k, s, p: n // s),
            "Sizes were rounded down: with padding 'same', 7 halves to 4.",
        ),
        Mistake(
            _stepped(lambda n, k, s, p: -(-n // s)),
            "That is right for 'same' only; without padding the kernel must fit inside.",
        ),
        Mistake(
            _stepped(lambda n, k, s, p: -(-n // s) if p == "same" else (n - k) // s),
            "Without padding, the first place of the kernel counts too: one more than the steps that fit.",
        ),
        Mistake(
            _stepped(lambda n, k, s, p: (n - k) // s + 1),
            "That is right for 'valid' only; 'same' pads until every stride has a place.",
        ),
    ),
    hints=(
        "Count the places where the kernel may stand.",
        "'same' needs the ceiling of a quotient, 'valid' its floor plus one.",
    ),
)


def _padded_pictures() -> list[Case]:
    made = []
    for size in (28, 27, 32):
        image = np.random.default_rng(size).uniform(size=(1, size, size, 1)).astype("float32")
        before = (32 - size) // 2
        margin = (before, 32 - size - before)
        padded = np.pad(image, ((0, 0), margin, margin, (0, 0)))
        made.append(Case(f"a padded image, size={size}", (padded, size), image))
    return made


def _margins_cut(pictures: np.ndarray, size: int) -> np.ndarray:
    margin = (pictures.shape[1] - size) // 2
    return pictures[:, margin:-margin, margin:-margin]


def _cut_from(start: Any) -> Any:
    def cut(pictures: np.ndarray, size: int) -> np.ndarray:
        first = start(pictures.shape[1] - size)
        return pictures[:, first : first + size, first : first + size]

    return cut


crop_to_size = Exercise(
    name="crop_to_size",
    chapter="02",
    kind="mend",
    title="Cut the margin off again",
    cases=_padded_pictures,
    mistakes=(
        Mistake(
            _margins_cut,
            untouched=True,
        ),
        Mistake(_cut_from(lambda margin: 0), "The picture begins after the margin, not in the corner."),
        Mistake(
            _cut_from(lambda margin: margin),
            "That keeps the far corner; half of the margin lies behind the picture.",
        ),
        Mistake(
            _cut_from(lambda margin: -(-margin // 2)), "The smaller half of an odd margin lies in front."
        ),
    ),
    hints=(
        "Print the margin for sizes 27 and 32, and the slice that follows from it.",
        "An odd margin is not twice its half, and `-0` ends a slice at its beginning.",
        "Say where the picture begins and how long it is.",
    ),
)


def _curvatures() -> list[Case]:
    made = [np.array([0.0, 8.0]), np.array([3.0, 15.0, 99.0]), np.array([24.0, 24.0, 24.0])]
    return [Case(f"h = {h.tolist()}", (h,), _widths(h)) for h in made]


def _widths(h: np.ndarray) -> list[float]:
    """Mean least loss with own variances, best shared variance, least loss with it, what sharing adds."""
    own = float(np.mean(0.5 * (1 + np.log1p(h))))
    shared = float(0.5 * (1 + np.log(np.mean(1 + h))))
    return [own, float(1 / np.mean(1 + h)), shared, shared - own]


def _with_variance(value: Any) -> Any:
    """The steps as they come out with another shared variance."""

    def gives(h: np.ndarray) -> list[float]:
        own, v = _widths(h)[0], float(value(h))
        shared = float(np.mean(0.5 * ((1 + h) * v - np.log(v))))
        return [own, v, shared, shared - own]

    return gives


shared_width = Exercise(
    name="shared_width",
    chapter="02",
    kind="code",
    title="One variance for all images, derived",
    cases=_curvatures,
    mistakes=(
        Mistake(
            _with_variance(lambda h: np.mean(1 / (1 + h))),
            "Step (b): that is the mean of the best variances. Average the losses first, then take the derivative.",
        ),
        Mistake(
            _with_variance(lambda h: np.mean(1 + h)),
            "Step (b): that is the precision. The variance is one over it.",
        ),
        Mistake(
            lambda h: [float(np.mean(0.5 * np.log1p(h))), *_widths(h)[1:]],
            "Step (a): (1 + h) v is 1 at the best v, and half of it stays in the loss.",
        ),
        Mistake(
            lambda h: [_widths(h)[0], _widths(h)[1], _widths(h)[2], -_widths(h)[3]],
            "Step (d): a shared variance can only add to the loss; take shared minus own.",
        ),
    ),
    hints=(
        "The derivative of (1 + h) v - log v with respect to v is (1 + h) - 1 / v.",
        "The mean over images of (1 + h) v is v times the mean of 1 + h.",
        "Half of 1 stays in both losses and cancels in (d).",
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
        reason_of(),
    ),
    hints=("A third of the channels has about a ninth of the weights.",),
)

EXERCISES = (weights_of_an_encoder, sizes_of_maps, crop_to_size, shared_width, small_encoder)
