"""One picture of each chapter also stands under its title: a reader sees what the chapter makes before any code.

It is the figure of the cell tagged ``lead-picture``, or else the chapter's first. The picture leads to its own place in
the chapter, where its text explains it; its words for those who cannot see it are the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

TAG = "tag_lead-picture"


class LeadPictures(SphinxPostTransform):
    """Copies a figure of a chapter to below the first paragraph of its page."""

    # After each output has become one picture or text, and before pictures are looked up and made smaller.
    default_priority = 6

    def run(self, **options: object) -> None:
        section = next(self.document.findall(nodes.section), None)
        if section is None or not self.env.docname.startswith("chapters/"):
            return
        figure = lead_figure(section)
        if figure is None:
            return
        if not figure["ids"]:
            figure["ids"].append("its-lead-picture")
        first = next(i for i, child in enumerate(section) if isinstance(child, nodes.paragraph))
        section.insert(first + 1, copy_of(figure))


def lead_figure(page: nodes.Element) -> nodes.figure | None:
    """The figure of a chapter's tagged cell, or else its first; None where the chapter draws nothing."""
    cells = list(figures_of_cells(page))
    tagged = [figure for cell, figure in cells if TAG in cell["classes"]]
    return next(iter([*tagged, *(figure for _, figure in cells)]), None)


def figures_of_cells(section: nodes.Element) -> Iterator[tuple[nodes.Element, nodes.figure]]:
    """Each cell that shows a figure with a picture, and that figure."""
    for cell in section.findall(nodes.container):
        if "cell" in cell["classes"]:
            for figure in cell.findall(nodes.figure):
                if next(figure.findall(nodes.image), None) is not None:
                    yield cell, figure


def copy_of(figure: nodes.Element) -> nodes.figure:
    """The picture and caption of ``figure``, with a link from the picture to ``figure``."""
    image = next(figure.findall(nodes.image)).deepcopy()
    link = nodes.reference("", "", image, internal=True, refid=figure["ids"][0])
    copied = nodes.figure("", link, ids=["lead-picture"], classes=["lead-picture"])
    captions = list(figure.findall(nodes.caption))
    if captions:
        copied += nodes.caption("", "", *(child.deepcopy() for child in captions[0].children))
    return copied


def setup(app: Sphinx) -> dict[str, object]:
    """Work on the chapters as they are written."""
    app.add_post_transform(LeadPictures)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
