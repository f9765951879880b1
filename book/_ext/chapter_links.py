"""``{chapter}`06` ``: the words *chapter 06*, a link wherever that chapter is part of the book.

Pages around the chapters may so speak of a chapter that an instructor has taken out, or that is yet to come.
"""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxRole


def find_chapter(env: BuildEnvironment, number: str) -> str | None:
    """The document of the chapter whose file begins with ``number``, such as ``chapters/06_beta_vae``."""
    return next((name for name in sorted(env.found_docs) if name.startswith(f"chapters/{number}_")), None)


def link_to_chapter(env: BuildEnvironment, number: str) -> nodes.Node:
    """The words "chapter NN", linked where there is such a chapter."""
    words = f"chapter {number}"
    document = find_chapter(env, number)
    if document is None:
        return nodes.Text(words)
    link = addnodes.pending_xref("", refdomain="std", reftype="doc", reftarget=f"/{document}")
    link.update_all_atts({"refdoc": env.docname, "refexplicit": True, "refwarn": True})
    link += nodes.inline(text=words)
    return link


class ChapterRole(SphinxRole):
    """A chapter by its number."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        if not (self.text.isdecimal() and len(self.text) == 2):
            message = (
                f"{{chapter}}`{self.text}`: expected the two digits of a chapter, such as {{chapter}}`06`"
            )
            return [], [self.inliner.reporter.error(message, line=self.lineno)]
        # A chapter that is added or taken out changes this page although its own file stays as it is.
        self.env.note_reread()
        return [link_to_chapter(self.env, self.text)], []


def setup(app: Sphinx) -> dict[str, object]:
    """Register the role."""
    app.add_role("chapter", ChapterRole())
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
