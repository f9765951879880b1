"""Links to chapters, so that one can be taken out of the book by its line in ``_toc.yml``.

``{chapter}`06` `` gives the words *chapter 06*, a link wherever that chapter is part of the book. Any other link to a
chapter that is not in the book is left as its words.
"""

from __future__ import annotations

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import docname_join
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


class WordsOfAbsentChapters(SphinxPostTransform):
    """A link to a chapter that was taken out keeps its words and leads nowhere."""

    # Before MyST and Sphinx look for the page, and warn.
    default_priority = 8

    def run(self, **options: object) -> None:
        for link in list(self.document.findall(addnodes.pending_xref)):
            target = self._page(link)
            if target and target.startswith("chapters/") and target not in self.env.found_docs:
                link.replace_self(nodes.inline(text=link.astext()))

    def _page(self, link: addnodes.pending_xref) -> str | None:
        """The page that a link to a whole page leads to, as Sphinx names it."""
        if link.get("refdomain") == "doc":
            return str(link["reftarget"])
        if link.get("reftype") == "doc":
            return docname_join(link.get("refdoc", self.env.docname), link["reftarget"])
        return None


def setup(app: Sphinx) -> dict[str, object]:
    """Register the role and the transform."""
    app.add_role("chapter", ChapterRole())
    app.add_post_transform(WordsOfAbsentChapters)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
