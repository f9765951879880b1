"""Claims about recorded experiments: relations between arms, decided by intervals over seeds.

A claim is a relation such as ``nll[ladder] < nll[bottom_up]``. Both sides are computed for every seed, so that what two
arms share under one seed (first weights, order of batches, noise) cancels; the relation holds where the Student-t
interval of the mean difference excludes the contrary.
"""

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from companion.errors import BadInput

LEVEL = 0.95
# measure -> arm -> seed -> figure
Figures = Mapping[str, Mapping[str, Mapping[int, float]]]
# arm -> its place on an axis, such as the k of a bound
Places = Mapping[str, float]


@dataclass(frozen=True)
class Interval:
    """A mean over ``n`` seeds with the ends of its Student-t interval at ``level``; in the unit of the measure."""

    mean: float
    low: float
    high: float
    n: int
    level: float = LEVEL

    def __str__(self) -> str:
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"


@dataclass(frozen=True)
class Verdict:
    """Whether a relation ``holds``, and the interval of left side minus right side that decided it.

    Of a chain ``a < b < c`` that is the difference which came nearest to failing.
    """

    relation: str
    holds: bool
    difference: Interval


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """The mean of ``values`` with its Student-t interval: n - 1 degrees of freedom, infinitely wide for one value.

    Raises :class:`~companion.errors.BadInput` for no values, a value that is not finite and a ``level`` outside (0, 1).
    """
    array, level = _finite(values), _check_level(level)
    n, mean = len(array), float(np.mean(array))
    if n == 1:
        return Interval(mean, -math.inf, math.inf, n, level)
    half = _quantile(level, n - 1) * np.std(array, ddof=1) / math.sqrt(n)
    return Interval(mean, mean - float(half), mean + float(half), n, level)


def paired_difference(first: Sequence[float], second: Sequence[float], level: float = LEVEL) -> Interval:
    """The mean of ``first - second``, seed by seed, with its interval; both are in the order of the seeds."""
    a, b = _finite(first), _finite(second)
    if a.shape != b.shape:
        raise BadInput(
            f"{len(a)} and {len(b)} figures: expected one per seed in both; pass the figures of the same seeds."
        )
    return mean_interval(a - b, level)


def slope(x: Sequence[float], rows: Sequence[Sequence[float]], level: float = LEVEL) -> Interval:
    """The slope of y against ``x`` by least squares, fitted for each seed (``rows``: one list per seed), averaged."""
    at = _finite(x)
    if len(at) < 2 or np.ptp(at) == 0 or any(len(row) != len(at) for row in rows):
        raise BadInput(f"{len(at)} points x: expected at least two that differ, and rows of that length.")
    return mean_interval([_fitted(at, _finite(row)) for row in rows], level)


def pooled_deviation(arms: Sequence[Sequence[float]]) -> tuple[float, int]:
    """The standard deviation over seeds, pooled over ``arms``, and its degrees of freedom."""
    degrees = sum(len(arm) - 1 for arm in arms)
    if degrees < 1:
        raise BadInput(f"{len(arms)} arms of one seed each: expected an arm with two seeds or more.")
    squares = sum(float(np.sum((_finite(arm) - np.mean(arm)) ** 2)) for arm in arms)
    return math.sqrt(squares / degrees), degrees


def prediction_interval(
    values: Sequence[float],
    *,
    deviation: float | None = None,
    degrees: int | None = None,
    level: float = LEVEL,
) -> Interval:
    """Where one further seed will lie: mean ± t · s · sqrt(1 + 1/n).

    ``deviation`` and ``degrees`` give a pooled s with its degrees of freedom; left out, both come from ``values``.
    """
    array, level = _finite(values), _check_level(level)
    if deviation is None or degrees is None:
        deviation, degrees = pooled_deviation([list(array)])
    n, mean = len(array), float(np.mean(array))
    half = _quantile(level, degrees) * deviation * math.sqrt(1 + 1 / n)
    return Interval(mean, mean - half, mean + half, n, level)


def decide(relation: str, figures: Figures, level: float = LEVEL, places: Places | None = None) -> Verdict:
    """Whether ``relation`` holds on the recorded ``figures`` (measure, arm, seed).

    Relations are ``left < right``, ``left > right`` and chains of one of them. Each side adds, subtracts and scales
    figures ``measure[arm]``, numbers and ``slope(measure)``, the slope of a measure over the ``places`` of the arms.
    ``abs(left) < number`` says that the interval of ``left`` lies inside (-number, number).
    Raises :class:`~companion.errors.BadInput` for anything else, and for figures that are not recorded.
    """
    verdicts = [_decide_pair(*pair, figures, relation, level, places or {}) for pair in _pairs(relation)]
    return next((v for v in verdicts if not v.holds), verdicts[-1])


def arms_of(relation: str, places: Places | None = None) -> set[tuple[str, str]]:
    """The pairs (measure, arm) that a relation names; ``slope(measure)`` names every arm in ``places``."""
    nodes = [node for left, _, right in _pairs(relation) for side in (left, right) for node in ast.walk(side)]
    named = {_named(node, relation) for node in nodes if isinstance(node, ast.Subscript)}
    sloped = {_sloped(node, relation) for node in nodes if _is_slope(node)}
    return named | {(measure, arm) for measure in sloped for arm in places or {}}


def _decide_pair(
    left: ast.expr,
    operator: ast.cmpop,
    right: ast.expr,
    figures: Figures,
    relation: str,
    level: float,
    places: Places,
) -> Verdict:
    turned = isinstance(operator, ast.Gt)
    small, large = (right, left) if turned else (left, right)
    inner = _inside_abs(small)
    if inner is not None:
        bound = _constant(large, relation)
        difference = _interval(inner, figures, relation, level, places)
        return Verdict(relation, -bound < difference.low and difference.high < bound, difference)
    difference = _interval(ast.BinOp(left, ast.Sub(), right), figures, relation, level, places)
    return Verdict(relation, difference.low > 0 if turned else difference.high < 0, difference)


def _pairs(relation: str) -> list[tuple[ast.expr, ast.cmpop, ast.expr]]:
    """``a < b < c`` as (a, <, b) and (b, <, c)."""
    try:
        tree = ast.parse(relation, mode="eval").body
    except SyntaxError as error:
        raise BadInput(f"claim {relation!r} is not a relation: {_WANTED}") from error
    kinds = {type(operator) for operator in tree.ops} if isinstance(tree, ast.Compare) else set()
    if not isinstance(tree, ast.Compare) or kinds not in ({ast.Lt}, {ast.Gt}):
        raise BadInput(f"claim {relation!r} is not a comparison: {_WANTED}")
    sides = [tree.left, *tree.comparators]
    return list(zip(sides[:-1], tree.ops, sides[1:], strict=True))


_WANTED = "expected `left < right` or `left > right`; write for example nll[ladder] < nll[bottom_up]."


def _interval(
    expression: ast.expr, figures: Figures, relation: str, level: float, places: Places
) -> Interval:
    """The interval of an expression that is computed for every seed that all of its arms share."""
    nodes = list(ast.walk(expression))
    named = {_named(n, relation) for n in nodes if isinstance(n, ast.Subscript)}
    sloped = {_sloped(n, relation) for n in nodes if _is_slope(n)}
    if sloped and len(places) < 2:
        raise BadInput(
            f"claim {relation!r}: a slope needs two arms that have a place; give them `at = NUMBER`."
        )
    named |= {(measure, arm) for measure in sloped for arm in places}
    if not named:
        raise BadInput(f"claim {relation!r} names no figure: {_WANTED}")
    for measure, arm in named:
        if not figures.get(measure, {}).get(arm):
            raise BadInput(f"claim {relation!r}: {measure}[{arm}] is not recorded; run the experiment first.")
    shared = sorted(set.intersection(*(set(figures[measure][arm]) for measure, arm in named)))
    if not shared:
        raise BadInput(f"claim {relation!r}: its arms share no seed; run them with the same seeds.")
    return mean_interval([_value(expression, figures, seed, relation, places) for seed in shared], level)


def _value(node: ast.expr, figures: Figures, seed: int, relation: str, places: Places) -> float:
    if isinstance(node, ast.Subscript):
        measure, arm = _named(node, relation)
        return float(figures[measure][arm][seed])
    if _is_slope(node):
        measure = _sloped(node, relation)
        return _fitted(list(places.values()), [figures[measure][arm][seed] for arm in places])
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, (int, float))
        and not isinstance(node.value, bool)
    ):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, figures, seed, relation, places)
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        a, b = (_value(side, figures, seed, relation, places) for side in (node.left, node.right))
        return _ARITHMETIC[type(node.op)](a, b)
    raise BadInput(
        f"claim {relation!r} holds {ast.unparse(node)!r}: expected figures, slopes, numbers and + - * /."
    )


_ARITHMETIC = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}


def _named(node: ast.expr, relation: str) -> tuple[str, str]:
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        if isinstance(node.slice, ast.Name):
            return node.value.id, node.slice.id
        if isinstance(node.slice, ast.Constant):
            return node.value.id, str(node.slice.value)
    raise BadInput(f"claim {relation!r}: expected measure[arm] with a name in the brackets.")


def _fitted(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> float:
    """The slope of the least-squares line."""
    return float(np.polyfit(x, y, 1)[0])


def _is_slope(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "slope"


def _sloped(node: ast.AST, relation: str) -> str:
    """The measure in ``slope(measure)``."""
    arguments = node.args if isinstance(node, ast.Call) else []
    if len(arguments) == 1 and isinstance(arguments[0], ast.Name):
        return arguments[0].id
    raise BadInput(f"claim {relation!r}: expected slope(measure) with the name of one measure.")


def _inside_abs(node: ast.expr) -> ast.expr | None:
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "abs"
    return node.args[0] if named and len(node.args) == 1 else None  # type: ignore[attr-defined]


def _constant(node: ast.expr, relation: str) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and node.value > 0:
        return float(node.value)
    raise BadInput(f"claim {relation!r}: expected a number above 0 to the right of abs(...).")


def _quantile(level: float, degrees: int) -> float:
    """How many standard errors an interval at ``level`` reaches to each side."""
    # Imported here, since the help of the command line must not wait for it.
    from scipy import stats

    return float(stats.t.ppf(0.5 + level / 2, degrees))


def _finite(values: Sequence[float]) -> np.ndarray:
    array = np.asarray(values, float)
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise BadInput(f"figures {values!r}: expected a list of finite numbers, one per seed.")
    return array


def _check_level(level: float) -> float:
    if not 0 < level < 1:
        raise BadInput(f"level={level!r}: expected a number between 0 and 1; pass for example level=0.95.")
    return float(level)
