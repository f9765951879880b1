"""The picture beside a finding: a bar for each figure, as an SVG that follows the colours of the page."""

import html
import math
from collections.abc import Sequence

Bars = Sequence[tuple[str, float]]

MOST = 16  # bars; a code of 512 units shows the first of them
ROW, NAMES, WIDE, FIGURES = (
    18,
    130,
    160,
    70,
)  # pixels: height of a bar, of names, of the longest bar, of figures


def svg(bars: Bars, words: str) -> str:
    """``bars`` as name and value, the longest as wide as all may be; ``words`` say what they are. Empty without bars.

    Bars of negative values begin at the same line and are hollow; what is not finite has its figure alone.
    """
    if not bars:
        return ""
    shown = bars[:MOST]
    longest = max((abs(value) for _, value in shown if math.isfinite(value)), default=0.0) or 1.0
    height = ROW * len(shown)
    said = f"{words}: {', '.join(f'{name} {value:.3g}' for name, value in shown)}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{html.escape(said)}" '
        f'width="{NAMES + WIDE + FIGURES}" height="{height}" font-size="12" fill="currentColor">'
    ]
    for number, (name, value) in enumerate(shown):
        middle = ROW * number + ROW / 2
        length = WIDE * abs(value) / longest if math.isfinite(value) else 0.0
        fill = "none" if value < 0 else "currentColor"
        parts += [
            f'<text x="{NAMES - 6}" y="{middle + 4:g}" text-anchor="end">{html.escape(name)}</text>',
            f'<rect x="{NAMES}" y="{middle - 5:g}" width="{max(length, 1.0):.1f}" height="10" fill="{fill}" '
            'stroke="currentColor" opacity="0.7"/>',
            f'<text x="{NAMES + length + 6:.1f}" y="{middle + 4:g}">{value:.3g}</text>',
        ]
    return "".join([*parts, "</svg>"])
