"""The exercises of chapter 09: use of a codebook, nearest entries, and gradients around a choice."""

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
    return made


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
    weights = rng.normal(size=soft.shape).astype("float32")
    chosen = np.zeros(soft.shape)
    chosen[np.arange(3), soft.argmax(1)] = 1.0
    right = {"value": chosen, "gradient": weights}
    return [Case("shares of shape (3, 4); the gradient is that of a weighted sum", (soft, weights), right)]


def _value_and_gradient(answer: Any, soft: Any, weights: Any) -> dict[str, Any]:
    """The value of an answer, and the gradient of its sum weighted with ``weights``; zero where there is none."""
    import tensorflow as tf

    shares = tf.constant(soft)
    with tf.GradientTape() as tape:
        tape.watch(shares)
        value = answer(shares)
        total = tf.reduce_sum(tf.cast(value, "float32") * weights)
    gradient = tape.gradient(total, shares)
    return {"value": value, "gradient": np.zeros(soft.shape) if gradient is None else gradient}


def _one_hot(soft: Any) -> Any:
    return (soft == soft.max(1, keepdims=True)).astype("float64")


hard_choice = Exercise(
    name="hard_choice",
    chapter="09",
    kind="mend",
    title="A choice that lets a gradient past",
    cases=_soft_choices,
    measure=_value_and_gradient,
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


codebook_in_use = OpenExercise(
    name="codebook_in_use",
    chapter="09",
    kind="open",
    title="A codebook of your own",
    cases=list,
    demands=(
        Demand(
            lambda answer: 1.0 <= float(answer["perplexity"]) <= int(answer["num_embeddings"]),
            "a 'perplexity' between 1 and 'num_embeddings', the number of entries",
            "A perplexity counts codes in effect, so it lies between one and the size of the codebook.",
        ),
        Demand(
            lambda answer: (
                abs(float(answer["bits"]) / (49 * np.log2(float(answer["perplexity"]))) - 1) < 0.02
            ),
            "under 'bits', what 49 codes of an image take with a table of their frequencies",
            "One code takes the base-2 logarithm of the perplexity; a map of 7 by 7 has 49.",
        ),
        Demand(
            lambda answer: float(answer["reconstruction"]) > 1.0,
            "the 'reconstruction' loss on test images, in nats per image",
            "A loss below 1 looks like a mean over pixels; evaluate reports nats per image.",
        ),
        reason_of(),
    ),
    hints=("code_use.perplexity(code_counts(codes, K)) takes the codes of all test images at once.",),
)

EXERCISES = (used_codes, nearest_entries, two_gradients, hard_choice, codebook_in_use)
