"""The exercises of chapter 02: counting weights, sizes and margins, and one width for all images."""

from typing import Any

import numpy as np

from companion.exercises.exercise import Case, Exercise, Mistake, the_number
from companion.exercises.own_training import small_encoder
from companion.exercises.whole_number import WholeNumber

weights_of_an_encoder = WholeNumber(
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
    asked += [(29, 2, 2, "same", 4), (30, 4, 3, "same", 3), (21, 5, 4, "same", 2), (11, 3, 1, "valid", 2)]
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
            _stepped(lambda n, k, s, p: round(n / s) if p == "same" else (n - k) // s + 1),
            "'same' was rounded to the nearest whole number; a stride that has only begun needs a place, too.",
        ),
        Mistake(
            _stepped(lambda n, k, s, p: (n + (p == "same") * 2 * (k // 2) - k) // s + 1),
            "That adds k // 2 on both sides, as other libraries are often told to. Keras pads as the stride needs it.",
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
    for size, n, channels in ((28, 1, 1), (27, 1, 1), (32, 1, 1), (31, 2, 1), (25, 2, 3)):
        images = np.random.default_rng(size).uniform(size=(n, size, size, channels)).astype("float32")
        if n > 1:  # pictures with a black edge of their own
            images[:, :2] = images[:, :, -1] = 0.0
        before = (32 - size) // 2
        margin = (before, 32 - size - before)
        padded = np.pad(images, ((0, 0), margin, margin, (0, 0)))
        made.append(Case(f"padded images of shape {padded.shape}, size={size}", (padded, size), images))
    return made


def _margins_cut(pictures: np.ndarray, size: int) -> np.ndarray:
    margin = (pictures.shape[1] - size) // 2
    return pictures[:, margin:-margin, margin:-margin]


def _cut_from(start: Any) -> Any:
    def cut(pictures: np.ndarray, size: int) -> np.ndarray:
        first = start(pictures.shape[1] - size)
        return pictures[:, first : first + size, first : first + size]

    return cut


def _cut_at_black(pictures: np.ndarray, size: int) -> np.ndarray:
    rows, columns = (np.nonzero(pictures.any(axis=(0, other, 3)))[0] for other in (2, 1))
    return pictures[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


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
        Mistake(
            _cut_at_black, "That cuts at the first pixel that is not black; a picture may have a black edge."
        ),
        Mistake(
            lambda x, size: _cut_from(lambda margin: margin // 2)(x, size if size < 31 else 32),
            "A margin of 1 has nothing in front of the picture, and still one row and one column behind it.",
        ),
    ),
    hints=(
        "Print the margin for sizes 27 and 32, and the slice that follows from it.",
        "An odd margin is not twice its half, and `-0` ends a slice at its beginning.",
        "Say where the picture begins and how long it is.",
    ),
)


def _curvatures() -> list[Case]:
    made = [
        np.array(h) for h in ([0.0, 8.0], [3.0, 15.0, 99.0], [24.0, 24.0, 24.0], [0.5, 7.3, 210.0, 9000.0])
    ]
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


EXERCISES = (weights_of_an_encoder, sizes_of_maps, crop_to_size, shared_width, small_encoder)
