"""The exercises of chapter 16: densities under a map, the parts of the KL, and noise in codes."""

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

HALF_LOG_2_PI = 0.9189385

density_after_a_stretch = Exercise(
    name="density_after_a_stretch",
    chapter="16",
    kind="compute",
    title="The density of a code under a flow",
    cases=the_number(-HALF_LOG_2_PI - 0.5 - np.log(2)),
    unit="one number, in nats",
    rtol=1e-3,
    mistakes=(
        Mistake(
            lambda: -HALF_LOG_2_PI - 0.5,
            "That is the density of the noise; the map squeezes codes together, and its derivative is missing.",
        ),
        Mistake(
            lambda: -HALF_LOG_2_PI - 0.5 + np.log(2),
            "The derivative of u with respect to z counts, not that of z with respect to u.",
        ),
        Mistake(
            lambda: -HALF_LOG_2_PI - 4.5 - np.log(2),
            "The normal density is taken at the noise that belongs to the code, not at the code.",
        ),
        Mistake(
            lambda: np.exp(-HALF_LOG_2_PI - 0.5) / 2, "That is the density; the question is its logarithm."
        ),
    ),
    hints=(
        "Which noise belongs to the code 3?",
        "log p(z) = log N(u; 0, 1) + log |du/dz|, with du/dz = 1/2.",
    ),
)


def _tables() -> list[Case]:
    made = []
    for seed, (n, k) in enumerate([(3, 2), (4, 5)]):
        draws = np.random.default_rng(seed)
        q, p = draws.dirichlet(np.ones(k), size=n), draws.dirichlet(3 * np.ones(k))
        made.append(Case(f"q of shape {(n, k)}, p of shape {(k,)}", (q, p), _parts(q, p)))
    return made


def _kl(q: Any, p: Any) -> Any:
    return np.sum(q * np.log(q / p), axis=-1)


def _parts(q: Any, p: Any) -> Any:
    whole = q.mean(axis=0)
    return np.array([_kl(q, p).mean(), _kl(q, whole).mean(), _kl(whole, p)])


kl_in_two_parts = Exercise(
    name="kl_in_two_parts",
    chapter="16",
    kind="code",
    title="The KL term, split",
    cases=_tables,
    mistakes=(
        Mistake(
            lambda q, p: _parts(q, p)[[0, 2, 1]],
            "The last two have changed places: the information comes before the distance to the prior.",
        ),
        Mistake(
            lambda q, p: len(q) * _parts(q, p) * [1, 1, 1 / len(q)],
            "The first two are means over images, not sums.",
        ),
        Mistake(
            lambda q, p: np.array([_kl(q, p).mean(), _kl(q.mean(axis=0), q).mean(), _kl(q.mean(axis=0), p)]),
            "The information is the KL from each image's own distribution to their mean, not the other way round.",
        ),
        Mistake(
            lambda q, p: np.array([_kl(p, q).mean(), _kl(q, q.mean(axis=0)).mean(), _kl(q.mean(axis=0), p)]),
            "The KL term goes from q to p: the expectation is taken under q.",
        ),
        Mistake(
            lambda q, p: np.array([_kl(q, p).mean(), _kl(q, q.mean(axis=0)).mean(), _kl(q, p).mean()]),
            "For the third, average the rows of q first, and take one KL of that mean.",
        ),
    ),
    hints=(
        "The aggregated posterior is the mean of the rows of q.",
        "Write log(q/p) as log(q/mean) + log(mean/p), and take the mean over images of each part.",
        "np.sum(q * np.log(q / q.mean(axis=0)), axis=1).mean() is the second number.",
    ),
)


def _noised_codes() -> list[Case]:
    made = []
    for seed, (spread, log_snr) in enumerate([(0.5, 0.7), (2.0, -1.0)]):
        z = np.random.default_rng(seed).normal(size=5)
        alpha, sigma = np.sqrt(1 / (1 + np.exp([-log_snr, log_snr])))
        right = sigma * z / (alpha**2 * spread**2 + sigma**2)
        says = f"5 codes, s={spread}, alpha={alpha:.3f}, sigma={sigma:.3f}"
        made.append(Case(says, (z, spread, float(alpha), float(sigma)), right))
    return made


noise_in_a_code = Exercise(
    name="noise_in_a_code",
    chapter="16",
    kind="code",
    title="The best guess of the noise",
    cases=_noised_codes,
    mistakes=(
        Mistake(lambda z, s, a, b: b * z, "That is right for s = 1; a wider code hides more of the noise."),
        Mistake(
            lambda z, s, a, b: a * s**2 * z / (a**2 * s**2 + b**2),
            "That is the expected clean code; the question is the noise.",
        ),
        Mistake(
            lambda z, s, a, b: -z / (a**2 * s**2 + b**2),
            "That is the score; the expected noise is minus sigma times the score.",
        ),
        Mistake(
            lambda z, s, a, b: b * z / (a**2 * s + b**2),
            "The variance of the clean code is s squared, not s.",
        ),
        Mistake(
            lambda z, s, a, b: z / b, "That takes all of the noised code for noise; part of it is the code."
        ),
        Mistake(
            lambda z, s, a, b: b**2 * z / (a**2 * s**2 + b**2),
            "That is the part of z that is noise, sigma epsilon; divide it by sigma.",
        ),
    ),
    hints=(
        "Noised code and noise are jointly normal with mean 0: what are the variance of z and their covariance?",
        "Of two such numbers, E[b | a] = Cov(a, b) a / Var(a).",
    ),
)


def _steps() -> list[Case]:
    made = []
    for seed, (now, then) in enumerate([(-2.0, 1.0), (0.0, 5.0)]):
        clean, noise = np.random.default_rng(seed).normal(size=(2, 4))
        parts = [float(np.sqrt(1 / (1 + np.exp(-value)))) for value in (now, -now, then, -then)]
        z = parts[0] * clean + parts[1] * noise
        right = parts[2] * clean + parts[3] * noise
        made.append(Case(f"4 codes, log SNR {now:g} to {then:g}", (z, noise, *parts), right))
    return made


step_to_less_noise = Exercise(
    name="step_to_less_noise",
    chapter="16",
    kind="mend",
    title="A step that leaves too much noise",
    cases=_steps,
    mistakes=(
        Mistake(lambda z, e, a, s, na, ns: na * (z - s * e) / a + s * e, untouched=True),
        Mistake(
            lambda z, e, a, s, na, ns: (z - s * e) / a,
            "That is the guess of the clean code; the next code has some noise left.",
        ),
        Mistake(
            lambda z, e, a, s, na, ns: na * (z - s * e) + ns * e,
            "The clean code was scaled by alpha; divide by it, before the new alpha scales it.",
        ),
        Mistake(
            lambda z, e, a, s, na, ns: na * (z - ns * e) / a + ns * e,
            "The noise that is taken out is that of the old level, sigma.",
        ),
        Mistake(
            lambda z, e, a, s, na, ns: na * z + ns * e,
            "The clean code goes into the next one, not the noised one.",
        ),
    ),
    hints=(
        "How much noise should a code at the new level hold?",
        "Each of alpha and sigma occurs twice: once at the old level, once at the new one.",
    ),
)


def _qualities(answer: Any) -> list[tuple[int, float]]:
    return sorted((int(steps), float(value)) for steps, value in answer["fidelity"].items())


steps_of_yours = OpenExercise(
    name="steps_of_yours",
    chapter="16",
    kind="open",
    title="How many steps are enough?",
    cases=list,
    demands=(
        Demand(
            lambda answer: len(_qualities(answer)) >= 3,
            "the fidelity for at least three numbers of steps under 'fidelity', such as {2: ..., 10: ..., 50: ...}",
            "Call diffusion.sample(n, steps=...) for several numbers of steps, and precision_recall on the pictures.",
        ),
        Demand(
            lambda answer: all(0 <= value <= 1 for _, value in _qualities(answer)),
            "fidelities between 0 and 1",
            "Fidelity is a share of pictures: take precision_recall(...).fidelity.",
        ),
        Demand(
            lambda answer: all(steps >= 1 for steps, _ in _qualities(answer)),
            "numbers of steps from 1 on",
            "The keys are numbers of steps, and the values fidelities.",
        ),
        reason_of(),
    ),
    hints=("Use one trained diffusion, the same seed for every number of steps, and the same real images.",),
)

EXERCISES = (density_after_a_stretch, kl_in_two_parts, noise_in_a_code, step_to_less_noise, steps_of_yours)
