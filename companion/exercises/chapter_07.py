"""The exercises of chapter 07: labels in the prior, in the bound and in the decoder."""

from typing import Any

import numpy as np

from companion.exercises.exercise import Case, Exercise, Mistake, the_number
from companion.exercises.inputs import bounds_of_unlike_images
from companion.exercises.linear_models import LinearModel
from companion.exercises.own_draws import asked_and_got

cost_under_a_learned_prior = Exercise(
    name="cost_under_a_learned_prior",
    chapter="07",
    kind="compute",
    title="A code where its label expects it",
    cases=the_number(0.318147),
    unit="one number, in nats",
    mistakes=(
        Mistake(
            lambda: 0.818147,
            "That is the KL to the standard normal; the prior of this label has a mean of its own.",
        ),
        Mistake(lambda: 0.806853, "That is the KL of the prior to the posterior; the expectation is over q."),
        Mistake(lambda: 0.636294, "The factor of one half is missing."),
        Mistake(lambda: 0.096574, "0.5 is a standard deviation; square it for the variance."),
    ),
    hints=("Equal means add nothing; only the widths differ.", "One half of (variance - 1 - log variance)."),
)


def _bounds() -> list[Case]:
    """The answer is chosen first and the bounds follow from it, so that what is right needs no formula here."""
    made = []
    for seed, (n, classes) in enumerate([(2, 3), (4, 2)]):
        rng = np.random.default_rng(seed)
        posterior = rng.dirichlet(np.ones(classes), size=n)
        prior = np.arange(1.0, classes + 1) / np.arange(1.0, classes + 1).sum()
        bounds = np.log(posterior) - np.log(prior) - 1000.0 - 50.0 * rng.uniform(size=(n, 1))
        made.append(
            Case(
                f"bounds of shape {(n, classes)}, near -1000, prior={prior.round(3).tolist()}",
                (bounds, prior),
                posterior,
            )
        )
    bounds, prior, posterior = bounds_of_unlike_images()
    says = "bounds of shape (3, 3) in single precision, between -700 and -1450"
    return [*made, Case(says, (bounds, prior), posterior)]


def _shares(scores: Any, axis: int = 1) -> Any:
    weights = np.exp(scores - scores.max(axis, keepdims=True))
    return weights / weights.sum(axis, keepdims=True)


@np.errstate(all="ignore")
def _one_maximum_for_all(bounds: Any, prior: Any) -> Any:
    weights = np.exp(bounds - bounds.max()) * prior
    return weights / weights.sum(1, keepdims=True)


label_from_bounds = Exercise(
    name="label_from_bounds",
    chapter="07",
    kind="code",
    title="Read the label off a generative model",
    cases=_bounds,
    mistakes=(
        Mistake(
            lambda b, p: _shares(b), "The prior of the labels is missing: Bayes' rule multiplies by p(y)."
        ),
        Mistake(
            lambda b, p: _shares(b + p),
            "The bounds are logarithms, so the prior joins them as its logarithm.",
        ),
        Mistake(
            lambda b, p: _shares(b + np.log(p), axis=0),
            "The shares were taken over images; those of one image add up to one over labels.",
        ),
        Mistake(
            lambda b, p: _shares(-b + np.log(p)), "The sign: the larger the bound, the likelier the label."
        ),
        Mistake(
            lambda b, p: b + np.log(p),
            "Those are logarithms without normalisation; take exp and divide by the sum.",
        ),
        Mistake(lambda b, p: _shares(b) * p, "Multiply by the prior before you normalise, not after."),
        Mistake(
            _one_maximum_for_all,
            "One shift serves all images, so those far below it are left with 0 / 0; each needs its own.",
        ),
    ),
    hints=(
        "Bayes' rule: p(y|x) is proportional to p(x|y) p(y).",
        "Subtract each row's maximum before you take exp.",
    ),
)


def _redrawn(code_of: Any) -> Any:
    """The result of an answer that encodes, keeps a part of the code, and decodes."""

    def redraw(image: Any, label: Any, new_label: Any) -> Any:
        return code_of(LinearModel(), image, label, new_label)

    return redraw


def _hands() -> list[Case]:
    image = np.random.default_rng(0).uniform(size=(3, 4)).round(2)
    label, new_label = np.array([1, 2, 3]), np.array([4, 4, 0])
    right = 2.0 * image + np.array([8.0, -12.0, -60.0])[:, None]
    as_it_was = np.array([0, 5]), np.array([0, 1])
    return [
        Case("three images with labels 1, 2, 3 as 4, 4, 0", (image, label, new_label), right),
        Case(
            "two images with labels 0, 5 as 0, 1",
            (image[:2], *as_it_was),
            2.0 * image[:2] + np.array([[0.0], [-93.0]]),
        ),
    ]


same_hand = Exercise(
    name="same_hand",
    chapter="07",
    kind="mend",
    title="The same hand, another digit",
    cases=_hands,
    measure=lambda answer, *arguments: answer(LinearModel(), *arguments),
    mistakes=(
        Mistake(
            _redrawn(lambda model, x, y, new: model.decode(model.encode((x, new))[0], new)),
            untouched=True,
        ),
        Mistake(
            _redrawn(lambda model, x, y, new: model.decode(model.encode((x, y))[0], y)),
            "Both networks got the old label: that is a reconstruction.",
        ),
        Mistake(
            _redrawn(lambda model, x, y, new: model.decode(model.encode((x, new))[0], y)),
            "The labels have changed places: the image's own belongs to the encoder.",
        ),
        Mistake(
            _redrawn(lambda model, x, y, new: model.decode(model.encode((x, y))[2], new)),
            "A draw adds noise to the style; keep the mean of the code.",
        ),
    ),
    hints=(
        "Which label describes the image that is encoded? Under another one the code has to explain the difference.",
        "Encoder: the image's own label. Decoder: the new one.",
    ),
)


def _posteriors_and_priors() -> list[Case]:
    from companion.distributions import DiagonalNormal

    made = []
    for seed, (n, d) in enumerate([(3, 2), (2, 4)]):
        qm, qv, pm, pv = np.random.default_rng(seed).normal(size=(4, n, d)).astype("float32").round(2)
        width = np.exp(0.5 * pv)
        kl = DiagonalNormal(qm, qv, event_ndims=0).kl(DiagonalNormal(pm, pv, event_ndims=0))
        made.append(
            Case(
                f"four arrays of shape {(n, d)}",
                (qm, qv, pm, pv),
                np.stack([(qm - pm) / width, qv - pv, np.asarray(kl)]),
            )
        )
    return made


def _steps(mean: Any, log_var: Any) -> Any:
    return np.stack([mean, log_var, 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var)])


standardized_code = Exercise(
    name="standardized_code",
    chapter="07",
    kind="code",
    title="Derive: a learned prior that is standardised away",
    cases=_posteriors_and_priors,
    mistakes=(
        Mistake(
            lambda qm, qv, pm, pv: _steps((qm - pm) / np.exp(pv), qv - pv),
            "Step 1 divides by the prior's standard deviation, exp(log_var / 2), not by its variance.",
        ),
        Mistake(
            lambda qm, qv, pm, pv: _steps((qm - pm) / np.exp(pv / 2), qv - pv / 2),
            "Step 2: dividing by sigma divides the variance by sigma squared; look at log sigma squared.",
        ),
        Mistake(
            lambda qm, qv, pm, pv: _steps((qm - pm) / np.exp(pv / 2), qv),
            "Step 2: the width of q changes, too, when the code is divided by the prior's width.",
        ),
        Mistake(
            lambda qm, qv, pm, pv: _steps(qm, qv),
            "Those are the moments of z itself and its KL to N(0, I); standardise with the prior first.",
        ),
        Mistake(
            lambda qm, qv, pm, pv: (
                _steps((qm - pm) / np.exp(pv / 2), qv - pv) * np.reshape([1, 1, 2], (3, 1, 1))
            ),
            "Step 3: the factor of one half is missing.",
        ),
    ),
    hints=(
        "If z has mean m and variance v, then (z - a) / b has mean (m - a) / b and variance v / b^2.",
        "Step 3 is the KL of a normal to N(0, 1): half of variance plus squared mean minus one minus log variance.",
    ),
)


EXERCISES = (cost_under_a_learned_prior, label_from_bounds, standardized_code, same_hand, asked_and_got)
