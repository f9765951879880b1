"""``{chapter-cards}``: the chapters of the table of contents as cards, each with its lead picture, a line and minutes.

Nothing on a card is typed: its title is that of the contents, its line the chapter's own heading, its picture the one
that stands under that heading, and its minutes come from the chapter's words and the recorded run times. So a chapter
that is added, taken out or moved changes the cards by its line in ``_toc.yml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
from docutils import nodes
from lead_pictures import lead_figure
from recorded import RecordedDirective
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_design.shared import is_component
from times import RECORD, read_times

CHAPTERS = "chapters/"
#: With the words of formulas; the heads of chapters that say how long they take to read agree within ten minutes.
WORDS_A_MINUTE = 145
READING_STEP = 5
#: The attribute of the empty place on a card that says whose picture belongs there.
PICTURE_OF = "picture_of"
GRID = "`````{{grid}} 1 1 2 2\n:gutter: 3\n:class-container: chapter-cards\n\n{cards}\n`````\n"
CARD = """````{{grid-item-card}} {title}
:link: /{page}
:link-type: doc
:link-alt: {title}

{line}

```{{card-footer}}
{minutes}
```
````
"""


class Entry(NamedTuple):
    """A chapter as the table of contents lists it."""

    page: str
    title: str


class ChapterCards(RecordedDirective):
    """A grid of cards, two side by side where there is room."""

    def run(self) -> list[nodes.Node]:
        entries = list(chapters_of(self.env))
        paths = [Path(self.env.doc2path(entry.page)) for entry in entries]
        self.depends_on([*paths, self.root / RECORD])
        timed = read_times(self.root).get("chapters", {})
        cards = [
            card_of(entry, path, timed.get(path.stem, {}).get("seconds"))
            for entry, path in zip(entries, paths, strict=True)
        ]
        shown = self.parse_text_to_nodes(GRID.format(cards="\n".join(cards)))
        boxes = [box for part in shown for box in part.findall(lambda node: is_component(node, "card"))]
        for entry, box in zip(entries, boxes, strict=True):
            box.insert(0, nodes.container("", **{PICTURE_OF: entry.page}))
        return shown


def chapters_of(env: BuildEnvironment) -> Iterator[Entry]:
    """The chapters in the order of the contents."""
    site = env.external_site_map
    for tree in site.root.subtrees:
        for page in tree.files():
            if page.startswith(CHAPTERS):
                title = site[page].title if page in site else None
                yield Entry(page, title or Path(page).name.replace("_", " "))


def card_of(entry: Entry, path: Path, seconds: float | None) -> str:
    """Markdown for one card, of the chapter that lies at ``path`` and was last run in ``seconds``."""
    text = prose_of(path)
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    line = f"{heading[1].rstrip('.')}." if heading else ""
    return CARD.format(title=entry.title, page=entry.page, line=line, minutes=minutes_in_words(text, seconds))


def prose_of(path: Path) -> str:
    """The cells of text of a notebook, or the whole of a page."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def minutes_in_words(text: str, seconds: float | None) -> str:
    """About how long ``text`` takes to read, in steps of five minutes, and the chapter to run where that was timed."""
    reading = max(1, round(len(text.split()) / WORDS_A_MINUTE / READING_STEP)) * READING_STEP
    words = f"About {reading} minutes to read"
    if seconds is None:
        return words
    return f"{words}, {max(1, round(seconds / 60))} to run"


class CardPictures(SphinxPostTransform):
    """Fills the places of the cards: chapters are read in any order, so their figures are known only now."""

    # After LeadPictures, and before pictures are looked up and made smaller.
    default_priority = 7

    def run(self, **options: object) -> None:
        for place in list(self.document.findall(lambda node: PICTURE_OF in getattr(node, "attributes", {}))):
            figure = lead_figure(self.env.get_doctree(place[PICTURE_OF]))
            if figure is None:
                place.parent.remove(place)
            else:
                place.replace_self(picture_of(figure))


def picture_of(figure: nodes.figure) -> nodes.image:
    """The picture of ``figure`` as the top of a card, with the same words for those who cannot see it."""
    image = next(figure.findall(nodes.image)).deepcopy()
    for name in ("width", "height", "scale", "align"):
        image.attributes.pop(name, None)
    image["classes"] = ["sd-card-img-top"]
    return image


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directive and what fills in the pictures."""
    app.add_directive("chapter-cards", ChapterCards)
    app.add_post_transform(CardPictures)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
