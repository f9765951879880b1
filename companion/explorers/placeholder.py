"""What a notebook stores of an explorer: its name and its still picture, a few kilobytes that do not change."""

from base64 import b64encode
from html import escape

from companion.explorers.recording import Recorded

#: The book's script makes elements with this attribute interactive; ``book/_ext/explorers.py`` looks for it, too.
MARK = "data-explorer"


def html_of(recorded: Recorded) -> str:
    """The placeholder: an HTML element that names the explorer and holds the still picture and its description."""
    name, title, alt = (
        escape(text) for text in (recorded.name, recorded.facts["title"], recorded.facts["alt"])
    )
    picture = b64encode(recorded.still).decode("ascii")
    return (
        f'<div class="explorer" {MARK}="{name}" style="max-width: 900px">'
        f'<img class="explorer-still" style="max-width: 100%" src="data:image/png;base64,{picture}" alt="{alt}">'
        f'<p class="explorer-hint">{title}: a still picture. It moves in the book, and in Colab or Jupyter '
        f"when this cell is run.</p></div>"
    )
