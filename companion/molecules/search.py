"""Look for a molecule with a high property: by chance, along a gradient, or by Bayesian optimisation. Chapter 14."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from companion.errors import BadInput, check_choice, check_seed, check_whole_number
from companion.molecules.strings import Alphabet

METHODS = ("random", "gradient", "bayesian")
Property = Callable[[Sequence[str]], np.ndarray]


@dataclass
class Evaluations:
    """Molecules whose property was computed, in order, with the ``values``; each molecule counts once."""

    budget: int
    molecules: list[str] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    codes: list[np.ndarray] = field(default_factory=list)

    @property
    def left(self) -> int:
        """How many evaluations are left."""
        return self.budget - len(self.molecules)

    @property
    def best(self) -> np.ndarray:
        """The highest value found after each evaluation, shape ``(n,)``."""
        return np.maximum.accumulate(self.values) if self.values else np.zeros(0)


def search(
    model: Any,
    alphabet: Alphabet,
    value_of: Property,
    rows: np.ndarray,
    values: np.ndarray,
    *,
    method: str,
    budget: int = 50,
    seed: int = 0,
    most_rounds: int = 400,
) -> Evaluations:
    """Spend ``budget`` evaluations of ``value_of`` on new molecules that ``model`` decodes from codes.

    All methods know the property ``values`` ``(n,)`` of the training ``rows`` ``(n, length)``. ``"random"`` draws codes
    from the prior. ``"gradient"`` fits a small network to codes and values, starts at the codes of the best molecules,
    and walks uphill. ``"bayesian"`` fits a Gaussian process to them, chooses the code with the largest expected
    improvement among 2,000, and fits again after each evaluation. A code whose string is no molecule, was trained on
    or was evaluated before costs nothing. The search also ends after ``most_rounds`` codes.
    Raises :class:`~companion.errors.BadInput` for another method, and for rows and values that do not fit.
    Sources: Gómez-Bombarelli et al. (2018); Jones et al. (1998). Taught in chapter 14.
    """
    check_choice("method", method, METHODS)
    if len(rows) != len(values):
        raise BadInput(f"there are {len(rows)} rows and {len(values)} values: expected one value per row.")
    done = Evaluations(check_whole_number("budget", budget))
    rng = np.random.default_rng(check_seed(seed, generator=False))
    codes = model.encode(rows)[0]
    known = set(alphabet.molecules(rows))
    propose = {"random": _from_prior, "gradient": _uphill, "bayesian": _expected_to_improve}[method]
    proposals = propose(codes, np.asarray(values, "float64"), done, rng)
    tried = 0
    while done.left and tried < most_rounds:
        block = next(proposals, codes[:0])[: most_rounds - tried]
        if not len(block):
            break
        # Decoded together, which takes little longer than one alone.
        for z, molecule in zip(block, alphabet.molecules(model.decode(block)), strict=True):
            tried += 1
            if molecule is None or molecule in known:
                continue
            known.add(molecule)
            done.molecules.append(molecule)
            done.codes.append(z)
            done.values.append(float(value_of([molecule])[0]))
            if method == "bayesian" or not done.left:
                break  # what was found changes where to look next
    return done


def expected_improvement(mean: np.ndarray, std: np.ndarray, best: float) -> np.ndarray:
    """E[max(y - best, 0)] for y normal with ``mean`` and ``std``, each ``(n,)``: how much a trial may gain on average.

    Source: Jones et al. (1998), equation 15. Taught in chapter 14.
    """
    std = np.maximum(std, 1e-12)
    gain = mean - best
    return gain * norm.cdf(gain / std) + std * norm.pdf(gain / std)


def _from_prior(
    codes: np.ndarray, values: Any, done: Evaluations, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    while True:
        yield np.asarray(rng.normal(size=(50, codes.shape[1])), "float32")


def property_head(codes: np.ndarray, values: np.ndarray, seed: int) -> keras.Model:
    """A small network from codes ``(n, d)`` to a property, fitted to standardized ``values`` ``(n,)``."""
    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense
    head = keras.Sequential([keras.Input((codes.shape[1],)), dense(64, "tanh"), dense(1)])
    head.compile(keras.optimizers.Adam(5e-3), "mse", jit_compile=False)
    target = (values - values.mean()) / (values.std() + 1e-9)
    head.fit(codes, target, batch_size=50, epochs=30, verbose=0)
    return head


def _uphill(
    codes: np.ndarray, values: np.ndarray, done: Evaluations, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Codes along paths of steepest ascent of the property head, from the best molecules, a step of 0.3 each."""
    slope = slope_of(property_head(codes, values, int(rng.integers(2**31))))
    for start in np.argsort(-values, kind="stable"):
        z, path = codes[start], []
        for _ in range(8):
            gradient = slope(z[None])[0]
            z = z + 0.3 * gradient / (np.linalg.norm(gradient) + 1e-9)
            path.append(z)
        yield np.stack(path).astype("float32")


def slope_of(head: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """The gradient ``(n, d)`` of a :func:`property_head` at codes ``(n, d)``, written out: its weights are few."""
    first, bias, second, _ = [ops.convert_to_numpy(weight) for weight in head.weights]

    def slope(z: np.ndarray) -> np.ndarray:
        h = np.tanh(z @ first + bias)  # (n, 64)
        return ((1 - h**2) * second[:, 0]) @ first.T

    return slope


def _expected_to_improve(
    codes: np.ndarray, values: np.ndarray, done: Evaluations, rng: np.random.Generator, fitted_to: int = 300
) -> Iterator[np.ndarray]:
    """Codes of the largest expected improvement, under a Gaussian process that is fitted to what is known so far.

    It knows the ``fitted_to`` best of the training molecules and all that were evaluated. Half of the candidates are
    draws of the prior, half lie around the best codes.
    """
    best_first = np.argsort(-values, kind="stable")[:fitted_to]
    kernel = ConstantKernel(1.0) * Matern(length_scale=2.0, nu=2.5) + WhiteKernel(0.1)
    process = None
    while True:
        z = np.concatenate([codes[best_first], *[each[None] for each in done.codes]])
        y = np.concatenate([values[best_first], done.values])
        learns = process is None or len(done.values) % 10 == 0
        process = GaussianProcessRegressor(
            process.kernel_ if process is not None else kernel,
            optimizer="fmin_l_bfgs_b" if learns else None,
            normalize_y=True, random_state=0,
        )  # fmt: skip
        process.fit(z, y)
        around = z[np.argsort(-y, kind="stable")[rng.integers(min(20, len(y)), size=1000)]]
        candidates = np.concatenate(
            [rng.normal(size=around.shape), around + 0.5 * rng.normal(size=around.shape)]
        )
        mean, std = process.predict(candidates, return_std=True)
        order = np.argsort(-expected_improvement(mean, std, y.max()), kind="stable")
        yield candidates[order[:10]].astype("float32")  # the next one where a code gives no new molecule
