"""The exercises of chapter 12: the two bounds of M2, the best class posterior, and labels that are missing."""

from typing import Any

import numpy as np

from companion.exercises.exercise import Case, Demand, Exercise, Mistake, OpenExercise, reason_of, the_number


def _entropy(q: Any) -> Any:
    return -np.sum(q * np.log(q), axis=-1)


def _softmax(values: Any) -> Any:
    shares = np.exp(values - values.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


# Bounds of -90, -92 and -97 nats under q = (0.7, 0.2, 0.1).
bound_without_label = Exercise(
    name="bound_without_label",
    chapter="12",
    kind="compute",
    title="Three classes, one bound",
    cases=the_number(-90.29818),
    unit="one number, in nats",
    rtol=2e-5,
    mistakes=(
        Mistake(lambda: -91.1, "That is the average over classes; the entropy of q(y|x) is missing."),
        Mistake(
            lambda: -91.90182, "The entropy was subtracted; uncertainty about the class raises the bound."
        ),
        Mistake(
            lambda: -89.87227,
            "That is the bound under the best q, the log of the summed exponentials; use the q that is given.",
        ),
        Mistake(lambda: -90.0, "That is the best class alone; all three count, each with its q(y|x)."),
        Mistake(lambda: -93.0, "That is a plain mean over the classes; weigh each with its q(y|x)."),
        Mistake(
            lambda: -91.39679,
            "The bounds that are given hold log p(y) already; log 3 must not be subtracted again.",
        ),
        Mistake(
            lambda: -89.94322,
            "The entropy was taken in bits; use the natural logarithm.",
        ),
    ),
    hints=(
        "First weigh the three bounds with q(y|x) and add up.",
        "Then add the entropy, minus the sum of q log q with the natural logarithm.",
    ),
)


def _bounds_and_classifiers() -> list[Case]:
    made = []
    for seed, (n, classes, level) in enumerate([(4, 3, -90.0), (3, 10, -700.0)]):
        rng = np.random.default_rng(seed)
        bounds, logits = level + 3 * rng.normal(size=(n, classes)), 2 * rng.normal(size=(n, classes))
        q = _softmax(logits)
        right = np.sum(q * bounds, axis=1) + _entropy(q)
        made.append(Case(f"bounds and logits of shape {(n, classes)}", (bounds, logits), right))
    sure = np.array([[0.0, -900.0], [-2.0, 800.0]])
    made.append(
        Case(
            "a classifier that is sure",
            (np.array([[-5.0, -9.0], [-5.0, -9.0]]), sure),
            np.array([-5.0, -9.0]),
        )
    )
    return made


def _log_softmax(logits: Any) -> Any:
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def _average(bounds: Any, logits: Any) -> Any:
    return np.sum(_softmax(logits) * bounds, axis=1)


unlabelled_bound = Exercise(
    name="unlabelled_bound",
    chapter="12",
    kind="code",
    title="The bound without a label",
    cases=_bounds_and_classifiers,
    mistakes=(
        Mistake(_average, "The entropy of q(y|x) is missing."),
        Mistake(
            lambda b, logits: _average(b, logits) + np.sum(_softmax(logits) * _log_softmax(logits), axis=1),
            "The entropy has the wrong sign: it is minus the sum of q log q.",
        ),
        Mistake(
            lambda b, logits: b.max(axis=1),
            "That is the best class alone; every class counts with its q(y|x).",
        ),
        Mistake(
            lambda b, logits: b[np.arange(len(b)), logits.argmax(axis=1)],
            "That is the class that the classifier names; every class counts with its q(y|x).",
        ),
        Mistake(
            lambda b, logits: np.logaddexp.reduce(b, axis=1),
            "That is the bound under the best q; use the classifier's.",
        ),
        Mistake(
            lambda b, logits: np.sum(_softmax(logits) * (b - logits), axis=1),
            "The logits are not log q: subtract the log of their summed exponentials first.",
        ),
        Mistake(
            lambda b, logits: np.mean(b - _log_softmax(logits), axis=1),
            "The mean over classes is plain; each class counts with its q(y|x).",
        ),
    ),
    hints=(
        "Begin with log q: the logits minus the log of their summed exponentials.",
        "Then the sum over classes of q (bound - log q).",
        "For a sure classifier log q is very negative where q is 0; their product must be 0, not NaN.",
    ),
)


def _bounds_of_classes() -> list[Case]:
    made = []
    for seed, (n, classes, level) in enumerate([(3, 3, -4.0), (2, 5, -800.0)]):
        rng = np.random.default_rng(10 + seed)
        bounds, q = level + 2 * rng.normal(size=(n, classes)), _softmax(rng.normal(size=(n, classes)))
        best = np.logaddexp.reduce(bounds, axis=1)
        under_q = np.sum(q * bounds, axis=1) + _entropy(q)
        kl = np.sum(q * (np.log(q) - np.log(_softmax(bounds))), axis=1)
        made.append(Case(f"bounds and q of shape {(n, classes)}", (bounds, q), np.stack([best, under_q, kl])))
    return made


def _rows(bounds: Any, q: Any) -> Any:
    best = np.logaddexp.reduce(bounds, axis=1)
    under_q = np.sum(q * bounds, axis=1) + _entropy(q)
    return np.stack([best, under_q, best - under_q])


def _with(bounds: Any, q: Any, row: int, value: Any) -> Any:
    rows = _rows(bounds, q)
    rows[row] = value
    return rows


best_class_posterior = Exercise(
    name="best_class_posterior",
    chapter="12",
    kind="code",
    title="Which classifier is the best?",
    cases=_bounds_of_classes,
    mistakes=(
        Mistake(
            lambda b, q: _with(b, q, 0, b.max(axis=1)),
            "The first row is the bound under the best q, which spreads over all classes; a one-hot q gives less.",
        ),
        Mistake(
            lambda b, q: _with(b, q, 0, np.logaddexp.reduce(b, axis=1) - np.log(b.shape[1])),
            "The first row has log K too little: it is a sum over the classes, not a mean.",
        ),
        Mistake(
            lambda b, q: _with(b, q, 1, np.sum(q * b, axis=1)),
            "The second row lacks the entropy of q.",
        ),
        Mistake(
            lambda b, q: _with(b, q, 2, np.sum(_softmax(b) * (np.log(_softmax(b)) - np.log(q)), axis=1)),
            "The KL in the third row has its arguments the other way round: it averages under q.",
        ),
        Mistake(
            lambda b, q: _rows(b, q)[[0, 1]],
            "The third row is missing: KL(q || q*), which should equal the difference of the two.",
        ),
        Mistake(
            lambda b, q: _with(b, q, 2, -(_rows(b, q)[2])),
            "The KL in the third row has the wrong sign; it is never negative.",
        ),
    ),
    hints=(
        "With the constraint that q adds up to 1, the derivative of the sum of q (bound - log q) gives log q = bound + "
        "constant: q* is the softmax of the bounds.",
        "Put q* into the bound: what is left is the log of the summed exponentials of the bounds.",
        "The third row is the sum of q (log q - log q*).",
    ),
)


def _partly_labelled() -> list[Case]:
    made = []
    for seed, (n, classes) in enumerate([(5, 3), (6, 4)]):
        rng = np.random.default_rng(20 + seed)
        log_q = _log_softmax(rng.normal(size=(n, classes)))
        labels = rng.integers(classes, size=n)
        labels[::2] = -1
        known = labels >= 0
        right = -np.mean(log_q[known, labels[known]])
        made.append(Case(f"log_q of shape {(n, classes)}, labels {labels.tolist()}", (log_q, labels), right))
    return made


def _picked(log_q: Any, labels: Any) -> Any:
    return -log_q[np.arange(len(labels)), labels]


missing_label = Exercise(
    name="missing_label",
    chapter="12",
    kind="mend",
    title="The label that is not there",
    cases=_partly_labelled,
    mistakes=(
        Mistake(lambda log_q, labels: np.mean(_picked(log_q, labels)), untouched=True),
        Mistake(
            lambda log_q, labels: np.mean(np.where(labels < 0, 0.0, _picked(log_q, labels))),
            "The sum is right and the divisor is not: divide by how many labels are known.",
        ),
        Mistake(
            lambda log_q, labels: np.mean(_picked(log_q, np.maximum(labels, 0))),
            "Images without a label now count as class 0; they must not count at all.",
        ),
        Mistake(
            lambda log_q, labels: np.sum(np.where(labels < 0, 0.0, _picked(log_q, labels))),
            "That is the sum over the labels that are known; take their mean.",
        ),
        Mistake(
            lambda log_q, labels: np.mean(_picked(log_q, labels)[labels < 0]),
            "Those are the images without a label; keep the others.",
        ),
        Mistake(
            lambda log_q, labels: -np.mean(_picked(log_q, labels)[labels >= 0]),
            "The sign has changed: a cross-entropy is positive.",
        ),
    ),
    hints=(
        "Which column does Python pick for the index -1?",
        "Keep the rows whose label is known, labels >= 0, before anything is averaged.",
    ),
)


def _errors(answer: Any) -> list[tuple[int, float, float]]:
    return sorted((int(n), float(alone), float(both)) for n, (alone, both) in answer["errors"].items())


worth_of_images = OpenExercise(
    name="worth_of_images",
    chapter="12",
    kind="open",
    title="How many labels are your images worth?",
    cases=list,
    demands=(
        Demand(
            lambda answer: len(_errors(answer)) >= 3,
            "errors for at least three numbers of labels under 'errors', such as {3: (alone, with_images), ...}",
            "Run the two trainings with keep_labels(labels, n) for several n, each with several seeds.",
        ),
        Demand(
            lambda answer: all(0 <= part <= 100 for _, *pair in _errors(answer) for part in pair),
            "errors in per cent, from 0 to 100",
            "Hand in percentages of wrong test images: 100 * np.mean(named != y_test).",
        ),
        Demand(
            lambda answer: max(pair[0] for _, *pair in _errors(answer)) > 1.0,
            "errors in per cent, not fractions",
            "An error of 0.3 means 0.3 per cent here: multiply fractions by 100.",
        ),
        Demand(
            lambda answer: _errors(answer)[-1][1] < _errors(answer)[0][1],
            "a classifier that improves with more labels",
            "With more labels the classifier alone should err less: were the test images and all settings the same?",
        ),
        reason_of(),
    ),
    hints=("Look for the number of labels at which the classifier alone is as good as M2 with fewer.",),
)

EXERCISES = (bound_without_label, unlabelled_bound, best_class_posterior, missing_label, worth_of_images)
