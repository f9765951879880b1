"""The open exercises of chapters 06, 08 and 09: what the codes of a model take, and what they are used for."""

from typing import Any

import numpy as np

from companion.exercises.consistency import best_at_own_weight, is_count
from companion.exercises.exercise import Demand, OpenExercise
from companion.exercises.reasons import in_own_words


def _points(answer: Any) -> list[tuple[float, float, float]]:
    """Beta, rate and distortion of each model, sorted by beta."""
    models = answer["models"].items()
    return sorted((float(beta), float(rate), float(distortion)) for beta, (rate, distortion) in models)


price_curve = OpenExercise(
    name="price_curve",
    chapter="06",
    kind="open",
    title="A curve of your own",
    cases=list,
    demands=(
        Demand(
            lambda answer: len({beta for beta, _, _ in _points(answer)}) >= 3,
            "at least three values of beta under 'models', such as {1: (rate, distortion), 2: ..., 8: ...}",
            "Three points are the least that show a bend.",
        ),
        Demand(
            lambda answer: all(distortion > 1.0 for _, _, distortion in _points(answer)),
            "distortions in nats per image, dozens on the shapes and hundreds on the digits",
            "A distortion below 1 looks like a mean over pixels, and then beta is not what it seems, either.",
        ),
        Demand(
            lambda answer: np.isfinite(_points(answer)).all() and np.min(_points(answer)) > -1e-3,
            "finite weights, rates and distortions, none of them below zero",
            "A weight of the KL is not negative, and a KL never is: look for a sign, an overflow or NaN.",
        ),
        Demand(
            lambda answer: _rises([-rate for _, rate, _ in _points(answer)]),
            "a rate that falls as beta rises",
            "A larger beta should give a smaller rate: are rate and distortion in this order, from trained models?",
        ),
        Demand(
            lambda answer: _rises([distortion for _, _, distortion in _points(answer)]),
            "a distortion that rises with beta",
            "With a smaller rate the distortion should be larger; measure both on the same test images.",
        ),
        Demand(
            lambda answer: _points(answer)[0][1] - _points(answer)[-1][1] > 0.1,
            "a rate at the smallest beta above that at the largest",
            "All models have the same rate: is it one model several times, or has every one collapsed?",
        ),
        Demand(
            lambda answer: best_at_own_weight(_points(answer)),
            "models of which none is clearly beaten at its own beta, by distortion + beta * rate",
            "Each model was trained for the least distortion + beta * rate, yet another one has less of it.",
        ),
        *in_own_words(
            "Draw the curve of rate against distortion for a data set or a pair of networks of your own, with at least "
            "three weights. Hand in the points, measured on test images, and a sentence: which point would you choose, "
            "and what for?",
            "a term, a weight or what the point is for",
            r"beta|weight|rate|distort|nat|kl|bit|curve|slope|outline|sharp|clear|blur|detail|compress|sampl|factor|latent",
        ),
    ),
    hints=("elbo_terms gives both: kl is the rate, minus log_likelihood the distortion.",),
)


def _rises(values: list[float]) -> bool:
    return bool((np.diff(values) > -0.1).all())


use_of_the_top = OpenExercise(
    name="use_of_the_top",
    chapter="08",
    kind="open",
    title="Is your top layer in use?",
    cases=list,
    demands=(
        Demand(
            lambda answer: (
                min(float(answer[name]) for name in ("reconstruction", "kl_1", "kl_2", "neg_elbo")) > -1e-3
            ),
            "'reconstruction', 'kl_1', 'kl_2' and 'neg_elbo', test means in nats per image",
            "All four are losses; evaluate reports them, or elbo_terms with the sign of the likelihood reversed.",
        ),
        Demand(
            lambda answer: float(answer["reconstruction"]) > 1.0,
            "a 'reconstruction' in nats per image, dozens on the digits",
            "A loss below 1 looks like a mean over pixels; evaluate reports nats per image.",
        ),
        Demand(
            lambda answer: abs(_sum_of_terms(answer) - float(answer["neg_elbo"])) < 0.3,
            "terms that add up to the negative ELBO, within 0.3 nats",
            "The three terms do not add up: are they from one model, one set of images, and without weights?",
        ),
        Demand(
            lambda answer: answer["in_use"] == ("yes" if float(answer["kl_2"]) > 0.5 else "no"),
            "under 'in_use', 'yes' if the KL of layer 2 is above half a nat, else 'no'",
            "Half a nat can hardly tell two kinds of image apart; compare kl_2 with it.",
        ),
        *in_own_words(
            "Train a HierarchicalVAE that differs from this chapter's in one setting. Hand in the test means of "
            "reconstruction, kl_1, kl_2 and neg_elbo in nats per image, whether the top layer is in use, and a "
            "sentence: what did layer 1 do in exchange?",
            "a layer or a term",
            r"layer|top|upper|lower|kl|rec|bound|elbo|nat|z1|z2|bit",
        ),
    ),
    hints=("Change one thing: free_bits, warm_up_steps, latent_dims or inference.",),
)


def _sum_of_terms(answer: Any) -> float:
    return float(answer["reconstruction"]) + float(answer["kl_1"]) + float(answer["kl_2"])


codebook_in_use = OpenExercise(
    name="codebook_in_use",
    chapter="09",
    kind="open",
    title="A codebook of your own",
    cases=list,
    demands=(
        Demand(
            lambda answer: is_count(answer["num_embeddings"]) and int(answer["num_embeddings"]) != 32,
            "a whole number under 'num_embeddings', other than this chapter's 32",
            "Compare the 32 entries with a codebook of another size.",
        ),
        Demand(
            lambda answer: 1.0 <= float(answer["perplexity"]) < int(answer["num_embeddings"]),
            "a 'perplexity' between 1 and 'num_embeddings', which only codes that use every entry alike would reach",
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
            lambda answer: 1.0 < float(answer["reconstruction"]) < np.inf,
            "the 'reconstruction' loss on test images, in nats per image",
            "A loss below 1 looks like a mean over pixels; evaluate reports nats per image.",
        ),
        *in_own_words(
            "Train a VQVAE with another num_embeddings. Hand in that number, the perplexity of all test codes, and the "
            "bits that the 49 codes of an image take with a table of frequencies. Add the reconstruction loss on test "
            "images in nats per image, and a sentence: how does your codebook compare with the 32 entries of this "
            "chapter?",
            "the codebook, its perplexity, the bits or the loss",
            r"codebook|entr|code|perplex|bit|loss|rec|nat|use|picture|image",
        ),
    ),
    hints=("code_use.perplexity(code_counts(codes, K)) takes the codes of all test images at once.",),
)
