"""The exercises of chapter 03: draws, their slopes, the variance of a slope, and streams of noise."""

from typing import Any

import numpy as np

from companion.exercises.exercise import Case, Exercise, Mistake, the_number
from companion.exercises.own_measurements import rough_function
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
    for seed, (n, d) in enumerate([(3, 2), (4, 3), (3, 1), (2, 3)]):
        rng = np.random.default_rng(seed)
        factor = np.tril(rng.normal(size=(n, d, d)))
        factor[:, range(d), range(d)] = rng.uniform(0.5, 2.0, size=(n, d))
        if seed == 3:  # a factor may have a negative diagonal; its covariance does not show it
            factor[:, :, 1] *= -1
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
        Mistake(
            lambda m, f, e: m + np.einsum("nij,nj->ni", np.linalg.cholesky(f @ np.swapaxes(f, 1, 2)), e),
            "The covariance is right, but a root of it need not be L: a column may have the other sign.",
        ),
    ),
    hints=(
        "One image: the factor times the noise is a matrix times a vector.",
        "np.einsum names the axes: 'nij,nj->ni'.",
    ),
)


def _lognormal() -> list[Case]:
    pairs = ((0.0, 0.5), (-0.4, 0.8), (0.3, 0.3), (4.0, 0.5))
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

Behaviour = dict[str, Any]
_MEANS, _SIGMAS = np.array([2.0, -1.0]), np.array([0.6, 0.3])


def _behaviour(layer_class: Any) -> Behaviour:
    """What a layer that draws does, in a few numbers that hardly depend on the draws."""
    heads = [np.tile(each, (20_000, 1)).astype("float32") for each in (_MEANS, np.log(_SIGMAS**2))]
    layer, late, other = (layer_class(seed=seed) for seed in (3, 3, 4))
    first, *later = (as_values(layer(heads)) for _ in range(3))
    elsewhere, again = as_values(other(heads)), as_values(late(heads))
    noise = (first - first.mean(axis=0)) / np.maximum(first.std(axis=0), 1e-9)
    return _behaving(
        any(np.allclose(first, draws) for draws in later),
        np.allclose(first, again),
        np.allclose(first, elsewhere),
        mean=first.mean(axis=0).round(1),
        spread=first.std(axis=0).round(1),
        shared=float(np.round(np.mean(noise[:, 0] * noise[:, 1]), 1)),
        within=float(np.round(np.mean(np.abs(noise) < 1), 1)),
    )


def _behaving(
    equal: bool = False,
    repeats: bool = True,
    ignores: bool = False,
    *,
    mean: Any = _MEANS,
    spread: Any = _SIGMAS,
    shared: float = 0.0,
    within: float = 0.7,  # of a normal 68 %
) -> Behaviour:
    return {
        "a later call repeats the first": float(equal),
        "the same seed repeats the first": float(repeats),
        "another seed repeats the first": float(ignores),
        "means": mean,
        "standard deviations": spread,
        "correlation of the coordinates": shared,
        "share within one standard deviation": within,
    }


def _with_keras_loaded() -> list[Case]:
    import keras  # noqa: F401  # before the clock of the check starts

    return [Case("a layer with seed=3, called on z_mean = (2, -1) and sigma = (0.6, 0.3)", (), _behaving())]


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
            lambda: _behaving(equal=True),
            untouched=True,
        ),
        Mistake(
            lambda: _behaving(repeats=False),
            "The noise is fresh, but the seed no longer fixes it; give the seed to a stream.",
        ),
        Mistake(
            lambda: _behaving(ignores=True),
            "Layers with different seeds draw the same noise: the seed that is passed in must set the stream.",
        ),
        Mistake(
            lambda: _behaving(spread=(_SIGMAS**2).round(1)),
            "The draws are too narrow: half of the log variance goes into the exponent.",
        ),
        Mistake(
            lambda: _behaving(spread=np.ones(2)),
            "The noise comes out as it went in; scale it by sigma.",
        ),
        Mistake(
            lambda: _behaving(mean=np.zeros(2)), "The draws lie around 0; they should lie around z_mean."
        ),
        Mistake(
            lambda: _behaving(shared=1.0),
            "Both coordinates of an image get the same noise; draw a number for each of them.",
        ),
    ),
    hints=(
        "Two calls drew the same noise: what does a whole number as seed mean in Keras 3?",
        "Which object remembers how far the stream has come?",
        "keras.random.SeedGenerator(seed), made once, in __init__.",
    ),
)

EXERCISES = (slope_of_a_draw, correlated_draws, variance_by_hand, fresh_noise, rough_function)
