"""Words on figures: how numbers are written, and where words do not overlap."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from companion.plots.figure import SMALL, BookFigure

# A thin line that ends at the middle of the left side of the words.
_LEADER: dict[str, Any] = {"arrowstyle": "-", "lw": 1.2, "shrinkA": 0, "shrinkB": 0, "relpos": (0, 0.5)}
_POINTS_A_LINE = 13  # the least distance of two words, one above the other


def number(value: float, digits: int = 3) -> str:
    """Write ``value`` with ``digits`` significant digits, thousands in full: ``0.0614``, ``5000``."""
    value = float(value) + 0.0  # no minus before a zero
    return f"{value:.0f}" if 10**digits <= abs(value) < 1e7 else f"{value:.{digits}g}"


def counted(count: int, thing: str) -> str:
    """Write ``1 image`` or ``12 images``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def on_paper(words: str) -> str:
    """Write the numbers in ``words`` with a true minus sign, as on axes; alt texts keep the hyphen."""
    return words.replace("-", "\u2212")


def spoken_list(parts: list[str]) -> str:
    """Join ``parts`` as prose: ``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def point_name(point: np.ndarray) -> str:
    """Write a point as ``(-3, 0.5)``; one of more than three dimensions by its first two."""
    shown = [f"{float(value) + 0.0:.2g}" for value in point[: 3 if len(point) <= 3 else 2]]
    return f"({', '.join(shown + (['...'] if len(point) > 3 else []))})"


def name_at_the_end(figure: BookFigure, axes: Axes, ends: list[tuple[str, float, float, str]]) -> None:
    """Write the name of each line to the right of the axes, as close to the height of its end as the others allow."""
    figure.draw_without_rendering()  # the scale must be settled to know where a line ends
    box = axes.get_window_extent()
    points = axes.transData.transform([(x, y) for _, x, y, _ in ends])
    levels = (points[:, 1] - box.y0) / box.height
    places = spread(levels, _POINTS_A_LINE * figure.dpi / 72 / box.height)
    for (label, x, y, colour), place in zip(ends, places, strict=True):
        axes.annotate(
            label,
            (x, y),
            xytext=(1.05, place),
            textcoords="axes fraction",
            va="center",
            fontsize=SMALL,
            arrowprops=_LEADER | {"color": colour},
            annotation_clip=False,
        )


def spread(levels: np.ndarray, gap: float) -> np.ndarray:
    """Move levels apart until neighbours differ by ``gap``, in the same order, inside [0, 1] if they fit."""
    order = np.argsort(levels, kind="stable")
    groups: list[list[float]] = []
    for level in levels[order]:  # names that would touch form a group around its mean level
        groups.append([level])
        while len(groups) > 1 and _top(groups[-2], gap) + gap > _bottom(groups[-1], gap):
            last = groups.pop()
            groups[-1] += last
    placed = [_bottom(group, gap) + gap * i for group in groups for i in range(len(group))]
    result = np.empty(len(levels))
    result[order] = placed
    rank = np.argsort(order)
    result = np.minimum(result, 1 - gap * (len(levels) - 1 - rank))
    return np.maximum(result, gap * rank)


def _bottom(group: list[float], gap: float) -> float:
    return sum(group) / len(group) - gap * (len(group) - 1) / 2


def _top(group: list[float], gap: float) -> float:
    return sum(group) / len(group) + gap * (len(group) - 1) / 2


def apart(points: np.ndarray, least: float) -> np.ndarray:
    """Move points that are nearer than ``least`` away from each other, as little as necessary."""
    points = points + 1e-3 * np.arange(len(points))[:, None] * (1, -1)  # coinciding points need a direction
    for _ in range(200):
        between = points[:, None] - points[None]
        distance = np.linalg.norm(between, axis=2) + np.eye(len(points)) * least
        push = np.clip(least - distance, 0, None) / 2
        if not push.any():
            break
        points = points + (between / distance[..., None] * push[..., None]).sum(axis=1)
    return points


def shared_area(a: Bbox, b: Bbox) -> float:
    """Return the area that two boxes have in common."""
    both = Bbox.intersection(a, b)
    return 0.0 if both is None else both.width * both.height
