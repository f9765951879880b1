"""The exercises of chapter 01: losses and their units, codes and their neighbours, the best grey."""

from typing import Any

import numpy as np

from companion.exercises.exercise import Case, Exercise, Mistake, the_number
from companion.exercises.own_training import size_of_the_code
from companion.exercises.values import as_values

REPORTED = 0.2448

nats_of_a_mean = Exercise(
    name="nats_of_a_mean",
    chapter="01",
    kind="compute",
    title="A mean over pixels, in nats per image",
    cases=the_number(250.675),
    unit="one number, in nats per image",
    rtol=2e-4,  # a pixel more or less is a thousandth
    mistakes=(
        Mistake(
            lambda: REPORTED * 784,
            "The mean ran over the padded image: count its pixels, not those of 28 by 28.",
        ),
        Mistake(lambda: REPORTED, "That is still nats per pixel. How many pixels does an image have?"),
        Mistake(lambda: REPORTED * 32, "That is one row. An image has as many rows as columns."),
        Mistake(
            lambda: REPORTED * 500,
            "500 is a weight that somebody chose; a sum over pixels has no such factor.",
        ),
    ),
    hints=("A mean times the number of its terms is a sum.", "The terms are the pixels after padding."),
)


def _of_images(images: np.ndarray, logits: np.ndarray, event_ndims: int = 3) -> np.ndarray:
    from companion.distributions import Bernoulli

    return -as_values(Bernoulli(logits, event_ndims=event_ndims).log_prob(images))


def _images_and_logits() -> list[Case]:
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(2, 3, 3, 1)).astype("float32")
    logits = rng.normal(scale=3.0, size=images.shape).astype("float32")
    wide, wide_logits = images.reshape(1, 2, 9, 1), logits.reshape(1, 2, 9, 1)
    sure = _two_pixels(1.0, 0.0), _two_pixels(-200.0, -3.0)
    sure_of_white = _two_pixels(0.0, 1.0), _two_pixels(200.0, 3.0)
    return [
        Case(f"{what} of shape {x.shape}", (x, y), _of_images(x, y))
        for what, x, y in (
            ("images and logits", images, logits),
            ("a very sure and wrong logit, images", *sure),
            ("a logit of 200 at a black pixel, images", *sure_of_white),
            ("images and logits", wide, wide_logits),
        )
    ]


def _two_pixels(*values: float) -> np.ndarray:
    return np.array(values, "float32").reshape(1, 1, 2, 1)


def _pixel_loss(images: np.ndarray, logits: np.ndarray, least: Any = None) -> np.ndarray:
    """The loss of each pixel; with ``least``, that of probabilities which were clipped there."""
    if least is None:
        return _of_images(images, logits, event_ndims=0)
    chance = np.clip(1 / (1 + np.exp(-logits.astype("float64"))), least, 1 - least)
    return -(images * np.log(chance) + (1 - images) * np.log(1 - chance))


image_loss = Exercise(
    name="image_loss",
    chapter="01",
    kind="code",
    title="The loss of each image, from logits",
    cases=_images_and_logits,
    mistakes=(
        Mistake(
            lambda x, y: _pixel_loss(x, y).mean((1, 2, 3)),
            "That is the mean over pixels; the loss of an image is their sum.",
        ),
        Mistake(
            lambda x, y: _pixel_loss(x, y).sum(),
            "That is one number for the whole batch; keep one for each image.",
        ),
        Mistake(
            lambda x, y: _pixel_loss(x, y).sum((1, 2, 3)).mean(),
            "Leave the mean over images to the caller; return one number for each.",
        ),
        Mistake(
            lambda x, y: _pixel_loss(x, y).sum(-1),
            "Only the last axis was summed, and that is the channel. Sum over all axes but the first.",
        ),
        Mistake(
            lambda x, y: _pixel_loss(x, y, 1e-7).sum((1, 2, 3)),
            "A clipped probability caps the loss near 16 nats. Work from the logit, without the sigmoid.",
        ),
        Mistake(
            lambda x, y: _pixel_loss(x, y, np.float32(1e-7)).sum((1, 2, 3)),
            "A clipped probability, in single precision, caps the loss near 16 nats. Work from the logit alone.",
        ),
        Mistake(
            lambda x, y: -_pixel_loss(x, y).sum((1, 2, 3)), "The sign: a loss is minus a log probability."
        ),
    ),
    hints=(
        "Write the loss of one pixel with the logit in the place of its probability, and simplify.",
        "The logarithm of 1 + exp(a) has a form that does not overflow: np.logaddexp(0, a).",
    ),
)


def _scattered_codes() -> list[Case]:
    from scipy.spatial import cKDTree

    made = [
        np.random.default_rng(seed).normal(size=size).astype("float32")
        for seed, size in ((1, (6, 2)), (2, (9, 3)))
    ]
    made += [made[0][[0, 1, 2, 1]], 1e4 * made[1]]  # two codes at one place, and codes far apart
    return [Case(f"codes of shape {z.shape}", (z,), cKDTree(z).query(z, k=2)[0][:, 1]) for z in made]


def _between(codes: np.ndarray) -> np.ndarray:
    return np.sqrt(((codes[:, None] - codes[None]) ** 2).sum(-1))


nearest_other = Exercise(
    name="nearest_other",
    chapter="01",
    kind="mend",
    title="Every code is its own neighbour",
    cases=_scattered_codes,
    mistakes=(
        Mistake(
            lambda z: np.zeros(len(z)),
            untouched=True,
        ),
        Mistake(lambda z: np.sort(_between(z) ** 2, 1)[:, 1], "Those are squared distances; take the root."),
        Mistake(
            lambda z: _between(z).sum(1) / (len(z) - 1),
            "That is the mean distance to the others, not the smallest.",
        ),
        Mistake(lambda z: _between(z).max(1), "That is the farthest code, not the nearest."),
        Mistake(
            lambda z: np.where(_between(z) > 0, _between(z), np.inf).min(1),
            "Two codes may lie at the same place. Leave out the code itself, and no other.",
        ),
        Mistake(
            lambda z: np.sort(np.abs(z[:, None] - z[None]).max(-1), axis=1)[:, 1],
            "Only the coordinate that differs most was counted. A distance sums the squares of all.",
        ),
        Mistake(
            lambda z: _nearest_by_steps(z),
            "Steps along the axes were added up. A distance is the root of summed squares.",
        ),
    ),
    hints=(
        "Every distance is 0: which code is nearest to the first one in its row of the table?",
        "Which entry of each row of the table of distances must not win?",
        "Put infinity there before you take the minimum.",
    ),
)


def _nearest_by_steps(codes: np.ndarray) -> np.ndarray:
    return np.sort(np.abs(codes[:, None] - codes[None]).sum(-1), axis=1)[:, 1]


def _grey_pixels() -> list[Case]:
    pairs = ((0.3, 0.5), (0.8, 0.6), (0.5, 0.9), (0.137, 0.41), (0.004, 0.02))
    return [Case(f"x={x}, p={p}", (x, p), _steps(x, p)) for x, p in pairs]


def _steps(x: float, p: float) -> list[float]:
    """Derivative at p, best p, least loss, second derivative there."""
    from scipy.stats import entropy

    return [(p - x) / (p * (1 - p)), x, float(entropy([x, 1 - x])), 1 / (x * (1 - x))]


def _wrong_in(step: int, value: Any) -> Any:
    """All steps right but one."""

    def gives(x: float, p: float) -> list[float]:
        steps = _steps(x, p)
        steps[step] = float(value(x, p))
        return steps

    return gives


best_grey = Exercise(
    name="best_grey",
    chapter="01",
    kind="code",
    title="The least loss of a grey pixel, derived",
    cases=_grey_pixels,
    mistakes=(
        Mistake(
            _wrong_in(0, lambda x, p: (x - p) / (p * (1 - p))),
            "Step (a): the sign. The loss falls as p rises towards x.",
        ),
        Mistake(
            _wrong_in(0, lambda x, p: p - x),
            "Step (a): that is the derivative with respect to the logit; with respect to p, divide by p (1 - p).",
        ),
        Mistake(
            _wrong_in(1, lambda x, p: round(x)),
            "Step (b): no pixel has to be black or white. Set (a) to zero and solve for p.",
        ),
        Mistake(
            _wrong_in(2, lambda x, p: 0.0),
            "Step (c): put p* into the loss. Only for x = 0 and x = 1 is it zero.",
        ),
        Mistake(
            _wrong_in(3, lambda x, p: x / p**2 + (1 - x) / (1 - p) ** 2),
            "Step (d): that is the second derivative at p. Put p* in.",
        ),
        Mistake(
            _wrong_in(3, lambda x, p: -1 / (x * (1 - x))),
            "Step (d): the sign. A minimum has a positive second derivative.",
        ),
    ),
    hints=(
        "The derivative of log p is 1 / p, and that of log(1 - p) is -1 / (1 - p).",
        "Bring both fractions of (a) to one denominator: the numerator is zero at p*.",
        "For (d), take the derivative of each fraction by itself.",
    ),
)


EXERCISES = (nats_of_a_mean, image_loss, nearest_other, best_grey, size_of_the_code)
