"""The exercises of chapter 03: draws, their slopes, the variance of a slope, and streams of noise."""

from typing import Any

import numpy as np

from companion.exercises.exercise import Case, Demand, Exercise, Mistake, OpenExercise, the_number
from companion.exercises.values import as_values

slope_of_a_draw = Exercise(
    name="slope_of_a_draw",
    chapter="03",
    kind="compute",
    title="How a draw moves with its log variance",
    cases=the_number(-0.12),
    unit="one number, the derivative of z with respect to z_log_var",
    mistakes=(
        Mistake(
            lambda: -0.24,
            "That is the derivative for log sigma; z_log_var is twice that, so it moves z half as much.",
        ),
        Mistake(
            lambda: -0.8,
            "That is the derivative for sigma itself. How does sigma depend on its log variance?",
        ),
        Mistake(
            lambda: -0.072, "There exp(z_log_var) stood where sigma belongs; sigma is exp(z_log_var / 2)."
        ),
        Mistake(lambda: -0.036, "There the variance stood where sigma belongs; sigma is its root."),
        Mistake(lambda: 0.12, "The sign is that of the noise, which is negative here."),
    ),
    hints=(
        "Write z as a function of z_log_var and differentiate.",
        "The derivative is half of z minus z_mean.",
    ),
)


def _correlated() -> list[Case]:
    """The draws are chosen first and the noise follows from them, so that what is right needs no formula here."""
    made = []
    for seed, (n, d) in enumerate([(3, 2), (4, 3)]):
        rng = np.random.default_rng(seed)
        factor = np.tril(rng.normal(size=(n, d, d)))
        factor[:, range(d), range(d)] = rng.uniform(0.5, 2.0, size=(n, d))
        mean, z = rng.normal(size=(2, n, d))
        noise = np.linalg.solve(factor, (z - mean)[..., None])[..., 0]
        arguments = tuple(each.astype("float32") for each in (mean, factor, noise))
        made.append(Case(f"z_mean and noise of shape {(n, d)}, factor of shape {(n, d, d)}", arguments, z))
    return made


correlated_draws = Exercise(
    name="correlated_draws",
    chapter="03",
    kind="code",
    title="Draw from a normal whose coordinates are correlated",
    cases=_correlated,
    mistakes=(
        Mistake(
            lambda m, f, e: m + np.einsum("nji,nj->ni", f, e),
            "The factor was transposed: sum over its last axis.",
        ),
        Mistake(
            lambda m, f, e: m + np.diagonal(f, axis1=1, axis2=2) * e,
            "Only the diagonal was used, which leaves the coordinates independent.",
        ),
        Mistake(lambda m, f, e: np.einsum("nij,nj->ni", f, e), "The mean is missing."),
        Mistake(
            lambda m, f, e: m + np.einsum("nij,nkj,nk->ni", f, f, e),
            "That multiplies the noise by the covariance; its factor is the root that belongs there.",
        ),
    ),
    hints=(
        "One image: the factor times the noise is a matrix times a vector.",
        "np.einsum names the axes: 'nij,nj->ni'.",
    ),
)


def _lognormal() -> list[Case]:
    pairs = ((0.0, 0.5), (-0.4, 0.8), (0.3, 0.3))
    return [Case(f"mu={mu}, sigma={sigma}", (mu, sigma), _by_quadrature(mu, sigma)) for mu, sigma in pairs]


def _by_quadrature(mu: float, sigma: float) -> list[float]:
    """Average, slope and the two variances for f(z) = exp(z), as weighted sums over nodes of the noise."""
    noise, weights = np.polynomial.hermite_e.hermegauss(60)
    weights = weights / weights.sum()
    f = np.exp(mu + sigma * noise)
    score = f * noise / sigma
    average = np.sum(weights * f)
    return [average, average, np.sum(weights * f**2) - average**2, np.sum(weights * score**2) - average**2]


def _wrong_in(step: int, value: Any) -> Any:
    """All steps right but one."""

    def gives(mu: float, sigma: float) -> list[float]:
        steps = _by_quadrature(mu, sigma)
        steps[step] = float(value(mu, sigma))
        return steps

    return gives


variance_by_hand = Exercise(
    name="variance_by_hand",
    chapter="03",
    kind="code",
    title="Derive: the variances of both estimators for f(z) = exp(z)",
    cases=_lognormal,
    mistakes=(
        Mistake(
            _wrong_in(0, lambda mu, sigma: np.exp(mu)),
            "Step (a): that is f at the mean. The average of f is larger, since f is convex.",
        ),
        Mistake(
            _wrong_in(2, lambda mu, sigma: np.exp(2 * mu + 2 * sigma**2)),
            "Step (c): that is the mean of the square; subtract the square of the mean.",
        ),
        Mistake(
            _wrong_in(3, lambda mu, sigma: np.exp(2 * mu + 2 * sigma**2) * (1 + 4 * sigma**2) / sigma**2),
            "Step (d): that is the mean of the square; subtract the square of the exact slope.",
        ),
        Mistake(
            _wrong_in(
                3,
                lambda mu, sigma: np.exp(2 * mu + 2 * sigma**2) / sigma**2 - np.exp(2 * mu + sigma**2),
            ),
            "Step (d): the square of the noise belongs into the average; differentiate exp(t^2 / 2) twice in t.",
        ),
    ),
    hints=(
        "Put z = mu + sigma * noise in, and take every factor without noise out of the average.",
        "The square of exp(z) is exp(2 z): t = 2 sigma.",
        "E[noise^2 exp(t noise)] is the second derivative of exp(t^2 / 2) in t.",
    ),
)

Behaviour = dict[str, float]


def _behaviour(layer_class: Any) -> Behaviour:
    """What a layer that draws does, in three numbers; sigma is 0.6."""
    heads = [np.zeros((2000, 2), "float32"), np.full((2000, 2), np.log(0.36), "float32")]
    layer = layer_class(seed=3)
    first, second, again = (
        as_values(draw) for draw in (layer(heads), layer(heads), layer_class(seed=3)(heads))
    )
    return _behaving(np.allclose(first, second), np.allclose(first, again), round(float(first.std()), 1))


def _behaving(equal: bool, repeats: bool, spread: float) -> Behaviour:
    return {
        "a second call repeats the first": float(equal),
        "the same seed repeats the first": float(repeats),
        "standard deviation": spread,
    }


def _with_keras_loaded() -> list[Case]:
    import keras  # noqa: F401  # before the clock of the check starts

    return [
        Case("a layer with seed=3, called on z_mean = 0 and sigma = 0.6", (), _behaving(False, True, 0.6))
    ]


fresh_noise = Exercise(
    name="fresh_noise",
    chapter="03",
    kind="mend",
    title="A layer that repeats itself",
    cases=_with_keras_loaded,
    measure=lambda answer: _behaviour(answer),
    seconds=30.0,  # the first call of a tensor library takes its time
    mistakes=(
        Mistake(
            lambda: _behaving(True, True, 0.6),
            untouched=True,
        ),
        Mistake(
            lambda: _behaving(False, False, 0.6),
            "The noise is fresh, but the seed no longer fixes it; give the seed to a stream.",
        ),
        Mistake(
            lambda: _behaving(False, True, 0.4),
            "The draws are too narrow: half of the log variance goes into the exponent.",
        ),
        Mistake(lambda: _behaving(False, True, 1.0), "The noise comes out as it went in; scale it by sigma."),
    ),
    hints=(
        "Two calls drew the same noise: what does a whole number as seed mean in Keras 3?",
        "Which object remembers how far the stream has come?",
        "keras.random.SeedGenerator(seed), made once, in __init__.",
    ),
)

_AT = np.linspace(-2.0, 2.0, 401)


def _has_that_slope(answer: Any) -> bool:
    function, slope = answer
    step = 1e-3
    by_difference = (as_values(function(_AT + step)) - as_values(function(_AT - step))) / (2 * step)
    return bool(
        np.abs(by_difference - as_values(slope(_AT))).max() < 0.05 * max(1.0, np.abs(by_difference).max())
    )


def _score_varies_less(answer: Any) -> bool:
    function, slope = answer
    z = np.random.default_rng(0).normal(size=20_000)
    return bool(np.var(as_values(function(z)) * z) < np.var(as_values(slope(z))))


rough_function = OpenExercise(
    name="rough_function",
    chapter="03",
    kind="open",
    title="Where the score function wins",
    cases=list,
    demands=(
        Demand(
            lambda answer: (
                len(answer) == 2
                and as_values(answer[0](_AT)).shape == as_values(answer[1](_AT)).shape == _AT.shape
            ),
            "a pair of functions, each taking an array of z and returning as many values",
            "Hand in (f, slope), two functions of an array.",
        ),
        Demand(
            _has_that_slope,
            "a slope that is the derivative of f",
            "Compare the slope with (f(z + h) - f(z - h)) / (2 h).",
        ),
        Demand(
            _score_varies_less,
            "with z ~ N(0, 1), a smaller variance of f(z) z than of the slope at z",
            "The pathwise estimate still varies less here: small values and steep slopes would turn it round.",
        ),
    ),
    hints=("The score function sees values of f only, the path sees slopes only.", "Think of a fast wave."),
)

EXERCISES = (slope_of_a_draw, correlated_draws, variance_by_hand, fresh_noise, rough_function)
