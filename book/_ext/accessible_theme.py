"""Mend the theme's pages for readers who use a keyboard, a screen reader or a slow line.

The templates in ``book/_templates`` replace what the theme lets a book replace. The rest is mended here, in the text of
each page: a rule names what the theme writes and what stands there instead. A rule that must hold on every page and
finds nothing stops the build, so that a new version of the theme cannot quietly undo it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError


@dataclass(frozen=True)
class Mend:
    """One change to a page: a pattern, what replaces it, and whether every page must contain it."""

    what: str
    pattern: str
    instead: str
    everywhere: bool = False

    def apply(self, html: str) -> str:
        mended, count = re.subn(self.pattern, self.instead, html)
        if self.everywhere and not count:
            raise ExtensionError(f"accessible_theme: the theme's page has changed; cannot mend {self.what}")
        return mended


# The theme's icons come from a script and a font of 700 kB together; book/assets/icons.css draws the few that are used.
HEAD = (
    Mend(
        "the icon script",
        r"\s*<!-- So that users can add custom icons -->\s*<script defer [^>]*fontawesome\.js[^>]*></script>",
        "",
        everywhere=True,
    ),
)

# A button that closes the drawer on a phone, where the theme leaves only the Escape key that a phone has not.
CLOSE = '<button type="button" class="btn drawer-close">Close</button>'

FRAME = (
    Mend("the target of the skip link", r'<main id="main-content"', r'\g<0> tabindex="-1"', everywhere=True),
    Mend("the name of the search window", r'<dialog id="pst-search-dialog"', r'\g<0> aria-label="Search"'),
    Mend(
        "the name of the book's drawer",
        r'<dialog id="pst-primary-sidebar-modal"',
        r'\g<0> aria-label="Contents of the book"',
        everywhere=True,
    ),
    Mend(
        "the name of the page's drawer",
        r'<dialog id="pst-secondary-sidebar-modal"',
        r'\g<0> aria-label="Contents of this page"',
    ),
    Mend(
        "the close button of the book's drawer",
        r'<div id="pst-primary-sidebar"[^>]*>',
        rf"\g<0>{CLOSE}",
        True,
    ),
    Mend("the close button of the page's drawer", r'<div id="pst-secondary-sidebar"[^>]*>', rf"\g<0>{CLOSE}"),
    Mend(
        "the landmark around the book's drawer",
        r'<div class="sidebar-primary-items__start sidebar-primary__section"',
        r'\g<0> role="complementary" aria-label="The book"',
        everywhere=True,
    ),
    Mend(
        "the landmark around the links to the neighbours",
        r'<div class="prev-next-area"',
        r'\g<0> role="navigation" aria-label="Previous and next page"',
    ),
    # The arrows that unfold a part of the contents have no text of their own.
    Mend(
        "the names of the arrows in the contents",
        r'(<a class="(?:current )?reference internal" href="[^"]*">)([^<]*)(</a><details[^>]*><summary)>'
        r'<span class="toctree-toggle" role="presentation">',
        r'\1\2\3 aria-label="Pages of: \2"><span class="toctree-toggle" aria-hidden="true">',
    ),
)

CONTENT = (
    # Docutils marks every entry of a list of references by a role that is no longer one, and no list item.
    Mend("the entries of the references", r'role="doc-biblioentry"', 'role="listitem"'),
    # The line that opens a folded cell says what it does, and is named by these words.
    Mend("the name of a folded cell", r'<summary aria-label="Toggle hidden content">', "<summary>"),
    Mend("headers of rows", r'<th class="stub">', '<th class="stub" scope="row">'),
    Mend("headers of columns", r'<th class="head([^"]*)">', r'<th class="head\1" scope="col">'),
    # On paper an address follows a link, unless the link's text is the address.
    Mend(
        "links that show their address",
        r'<a class="reference external" (href="([^"]+)")>\2</a>',
        r'<a class="reference external bare-address" \1>\2</a>',
    ),
)


def mend_head(html: str) -> str:
    """Leave out of a page's head what the book does without."""
    return _apply(HEAD, html)


def mend_content(html: str) -> str:
    """Name what the theme leaves nameless in a page's body."""
    return _apply(FRAME + CONTENT, html)


def _apply(mends: tuple[Mend, ...], html: str) -> str:
    for mend in mends:
        html = mend.apply(html)
    return html


def add_filters(app: Sphinx) -> None:
    """Give the two functions to the templates; only HTML pages have templates."""
    if templates := getattr(app.builder, "templates", None):
        templates.environment.filters |= {"mend_head": mend_head, "mend_content": mend_content}


def setup(app: Sphinx) -> dict[str, object]:
    """Wait for the builder to set up its templates."""
    app.connect("builder-inited", add_filters)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
