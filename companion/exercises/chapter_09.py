"""The exercises of chapter 09: use of a codebook, nearest entries, and gradients around a choice."""

from typing import Any

import numpy as np

from companion.exercises.exercise import Case, Exercise, Mistake, the_number
from companion.exercises.gradients import on_the_first_of_equals, value_and_gradient
from companion.exercises.inputs import vectors_between_entries
from companion.exercises.own_codes import codebook_in_use

used_codes = Exercise(
    name="used_codes",
    chapter="09",
    kind="compute",
    title="How many codes are in use, in effect?",
    cases=the_number(2.828427),
    unit="one number, a perplexity",
    mistakes=(
        Mistake(lambda: 1.039721, "That is the entropy in nats; the perplexity is its exponential."),
        Mistake(lambda: 1.5, "That is the entropy in bits; the perplexity is two to that power."),
        Mistake(lambda: 2.055830, "The entropy is in nats, so take exp of it, not a power of two."),
        Mistake(lambda: 4.481689, "The entropy is in bits, so take two to that power, not exp of it."),
        Mistake(lambda: 3.0, "That counts the codes that occur; the perplexity weighs how often."),
        Mistake(lambda: 4.0, "That is the size of the codebook; one of its codes never occurs."),
    ),
    hints=(
        "Shares first, then entropy, then its exponential.",
        "A code that never occurs adds nothing to the entropy.",
    ),
)


def _vectors() -> list[Case]:
    """The codes are chosen first and the vectors lie beside their entries, so that no formula is needed here."""
    made = []
    for seed, (shape, k, d) in enumerate([((2, 2, 3), 4, 2), ((1, 3, 3), 6, 5)]):
        rng = np.random.default_rng(seed)
        codebook = rng.normal(size=(k, d)) * np.linspace(0.5, 4.0, k)[:, None]
        codes = rng.integers(k, size=shape)
        apart = np.linalg.norm(codebook[:, None] - codebook, axis=-1)[~np.eye(k, dtype=bool)].min()
        step = rng.normal(size=(*shape, d))
        vectors = codebook[codes] + 0.4 * apart * step / np.linalg.norm(step, axis=-1, keepdims=True)
        arguments = vectors.astype("float32"), codebook.astype("float32")
        made.append(Case(f"vectors of shape {vectors.shape}, codebook of shape {(k, d)}", arguments, codes))
    vectors, codebook, codes = vectors_between_entries()
    says = f"vectors of shape {vectors.shape} between entries, codebook of shape {codebook.shape}"
    return [*made, Case(says, (vectors, codebook), codes)]


def _distances(vectors: Any, codebook: Any) -> Any:
    return np.linalg.norm(vectors[..., None, :] - codebook, axis=-1)


nearest_entries = Exercise(
    name="nearest_entries",
    chapter="09",
    kind="code",
    title="From vectors to a map of codes",
    cases=_vectors,
    mistakes=(
        Mistake(lambda v, c: _distances(v, c).argmax(-1), "That is the farthest entry."),
        Mistake(
            lambda v, c: (v @ c.T).argmax(-1),
            "The largest product prefers long entries; the nearest one also needs their squared lengths.",
        ),
        Mistake(
            lambda v, c: _distances(v, c).argmin(-1).ravel(),
            "The map has lost its shape; return one code for each place of each image.",
        ),
        Mistake(
            lambda v, c: _distances(v, c).min(-1), "Those are the distances; the question is which entry."
        ),
        Mistake(
            lambda v, c: c[_distances(v, c).argmin(-1)],
            "Those are the entries themselves; return their numbers in the list.",
        ),
        Mistake(
            lambda v, c: np.abs(v[..., None, :] - c).sum(-1).argmin(-1),
            "That adds up absolute differences; the distance between vectors is the Euclidean one.",
        ),
        Mistake(
            lambda v, c: (v @ (c / np.linalg.norm(c, axis=1, keepdims=True)).T).argmax(-1),
            "The angle alone forgets how long the entries are.",
        ),
        Mistake(
            lambda v, c: ((c**2).sum(1) - v @ c.T).argmin(-1),
            "Write the square of a difference out: how often does the product stand in it?",
        ),
    ),
    hints=(
        "Give the codebook an axis of its own and let the arrays broadcast.",
        "Distances have shape (n, height, width, K).",
    ),
)


def _soft_choices() -> list[Case]:
    import tensorflow  # noqa: F401  # before the clock of the check starts

    rng = np.random.default_rng(0)
    soft = rng.dirichlet(np.ones(4), size=3).astype("float32")
    equal = np.array([[0.1, 0.3, 0.2, 0.3, 0.1], [0.2, 0.2, 0.2, 0.2, 0.2]], "float32")
    made = []
    for shares, note in ((soft, ""), (equal, ", some of them equal")):
        weights = rng.normal(size=shares.shape).astype("float32")
        right = {"value": _one_hot(shares), "gradient": weights}
        says = f"shares of shape {shares.shape}{note}; the gradient is that of a weighted sum"
        made.append(Case(says, (shares, weights), right))
    return made


def _choice_and_gradient(answer: Any, soft: Any, weights: Any) -> dict[str, Any]:
    value, gradient = value_and_gradient(answer, soft, weights)
    return {"value": on_the_first_of_equals(value, soft), "gradient": gradient}


def _one_hot(soft: Any) -> Any:
    return np.eye(soft.shape[1])[soft.argmax(1)]


hard_choice = Exercise(
    name="hard_choice",
    chapter="09",
    kind="mend",
    title="A choice that lets a gradient past",
    cases=_soft_choices,
    measure=_choice_and_gradient,
    seconds=30.0,  # the first call of a tensor library takes its time
    mistakes=(
        Mistake(
            lambda s, w: {"value": _one_hot(s), "gradient": 0 * w},
            untouched=True,
        ),
        Mistake(
            lambda s, w: {"value": s, "gradient": w},
            "The gradient passes, but nothing was chosen: the value is still the shares.",
        ),
        Mistake(
            lambda s, w: {"value": _one_hot(s) * s, "gradient": _one_hot(s) * w},
            "A product keeps the gradient of the chosen share alone, and its value is not 1.",
        ),
        Mistake(
            lambda s, w: {"value": _one_hot(s) + s, "gradient": w},
            "The value is the sum of both; subtract the shares again, under stop_gradient.",
        ),
        Mistake(
            lambda s, w: {"value": s == s.max(1, keepdims=True), "gradient": w},
            "Where two shares are equally large, the row has two ones.",
        ),
    ),
    hints=(
        "The value is right and no gradient passes: argmax has none. Borrow that of the shares.",
        "Which part of shares + (choice - shares) should have no gradient?",
        "keras.ops.stop_gradient(value) has the same value and no gradient.",
    ),
)


def _past_the_choice() -> list[Case]:
    """Vectors, their entries, the decoder's gradients there and a weight; the right answer comes from TensorFlow."""
    import tensorflow as tf

    from companion.layers import straight_through
    from companion.vq_vae import codebook_loss, commitment_loss

    made = []
    for seed, weight in enumerate((0.25, 1.0)):
        rng = np.random.default_rng(seed)
        vector, entry, slope = (rng.normal(size=(2, 3)).astype("float32") for _ in range(3))
        z_e, e = tf.constant(vector), tf.constant(entry)
        with tf.GradientTape() as tape:
            tape.watch([z_e, e])
            # Any reconstruction term has some gradient where the decoder starts; here it is linear with that slope.
            total = tf.reduce_sum(straight_through(z_e, e) * slope)
            total += tf.reduce_sum(weight * commitment_loss(z_e, e) + codebook_loss(z_e, e))
        right = np.stack(tape.gradient(total, [z_e, e]))
        made.append(
            Case(f"two vectors of 3 numbers, weight {weight:g}", (vector, entry, slope, weight), right)
        )
    return made


two_gradients = Exercise(
    name="two_gradients",
    chapter="09",
    kind="code",
    title="Who is moved, and where?",
    cases=_past_the_choice,
    seconds=30.0,  # the first call of a tensor library takes its time
    mistakes=(
        Mistake(
            lambda v, e, s, w: np.stack([s + 2 * w * (v - e), s + 2 * (e - v)]),
            "The reconstruction reached the codebook; under sg the entry gets nothing from it.",
        ),
        Mistake(
            lambda v, e, s, w: np.stack([2 * w * (v - e), 2 * (e - v)]),
            "The vector has lost the decoder's gradient, which the straight-through estimator hands to it.",
        ),
        Mistake(
            lambda v, e, s, w: np.stack([s + w * (v - e), e - v]),
            "A square has twice its argument as its derivative.",
        ),
        Mistake(
            lambda v, e, s, w: np.stack([s + 2 * w * (e - v), 2 * (v - e)]),
            "The signs are turned: each loss would push vector and entry apart.",
        ),
        Mistake(
            lambda v, e, s, w: np.stack([s + 2 * (w + 1) * (v - e), 2 * (w + 1) * (e - v)]),
            "Both squares moved both; sg leaves each of them one to move.",
        ),
    ),
    hints=(
        "Write the loss down as a function of the vector alone, with everything under sg as a constant.",
        "The derivative of z_e + sg(z_q - z_e) with respect to z_e is 1, so the slope arrives unchanged.",
    ),
)


EXERCISES = (used_codes, nearest_entries, two_gradients, hard_choice, codebook_in_use)
