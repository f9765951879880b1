"""Link the first use of each glossary term in a chapter to its entry, while the book is built.

The chapters stay plain text, so that they read well in Colab. A term is found in running text only: not in headings,
code, links, formulas, tables, captions or the output of cells. It is found in the forms that its entry declares, the
term itself and whatever stands in the role ``{forms}`active units, inactive units` `` of its definition. An entry whose
plain word would be taken for another meaning carries a qualification, *rate (of a code)*, which no text contains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxRole

GLOSSARY = "book/glossary"
CHAPTERS = "chapters/"
LINK_CLASS = "first-use"
# A raw node of a format that no builder writes: it is in the document and never on the page.
FORMS = "glossary-forms"
NOT_RUNNING_TEXT = (nodes.figure, nodes.table, nodes.legend, nodes.footnote, nodes.citation, nodes.topic)
NOT_PLAIN_WORDS = (
    nodes.reference,
    addnodes.pending_xref,
    nodes.literal,
    nodes.math,
    nodes.raw,
    nodes.problematic,
)


class FormsRole(SphinxRole):
    """Further forms of the term in whose definition it stands, separated by commas; shown nowhere."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        return [nodes.raw("", self.text, format=FORMS)], []


def forms_of(glossary: nodes.document) -> dict[str, str]:
    """Every form of every term of ``glossary``, with its entry's anchor. ``ValueError`` for a form of two terms."""
    found: dict[str, str] = {}
    for item in glossary.findall(nodes.definition_list_item):
        terms = [(term.astext(), term["ids"][0]) for term in item.findall(nodes.term)]
        anchor = terms[0][1]
        declared = [raw.astext() for raw in item.findall(nodes.raw) if raw["format"] == FORMS]
        forms = [text for text, _ in terms] + [form for text in declared for form in text.split(",")]
        for form in (" ".join(form.split()) for form in forms):
            if found.setdefault(form, anchor) != anchor:
                raise ValueError(f"the glossary gives {form!r} to two terms, {found[form]} and {anchor}")
    return found


def pattern_of(forms: Mapping[str, str]) -> re.Pattern[str]:
    """What finds any of ``forms`` as whole words, the longest first; a small first letter may be a capital."""
    alternatives = [_alternative(form) for form in sorted(forms, key=len, reverse=True)]
    return re.compile(rf"(?<![\w-])(?:{'|'.join(alternatives)})(?![\w-])")


def _alternative(form: str) -> str:
    words = r"\s+".join(map(re.escape, form.split()))
    first = form[0]
    return f"[{first}{first.upper()}]{words[1:]}" if first.islower() else words


def link_first_uses(page: nodes.document, forms: Mapping[str, str], glossary_uri: str) -> list[str]:
    """Link the first use of each term on ``page``; return the anchors that were linked, in their order."""
    pattern = pattern_of(forms)
    by_form = {form.lower(): anchor for form, anchor in forms.items()}
    linked: list[str] = []
    for text in list(running_text(page)):
        parts = list(_split(text.astext(), pattern, by_form, glossary_uri, linked))
        if len(parts) > 1 or isinstance(parts[0], nodes.reference):
            text.parent.replace(text, parts)
    return linked


def _split(
    text: str, pattern: re.Pattern[str], by_form: Mapping[str, str], uri: str, linked: list[str]
) -> Iterator[nodes.Node]:
    """The pieces of ``text``, with a link for each term that is not yet among ``linked``."""
    end = 0
    for match in pattern.finditer(text):
        anchor = by_form[" ".join(match.group().split()).lower()]
        if anchor in linked:
            continue
        linked.append(anchor)
        if match.start() > end:
            yield nodes.Text(text[end : match.start()])
        link = nodes.reference("", "", internal=True, refuri=f"{uri}#{anchor}", classes=[LINK_CLASS])
        link += nodes.Text(match.group())
        yield link
        end = match.end()
    if end < len(text) or not text:
        yield nodes.Text(text[end:])


def running_text(page: nodes.document) -> Iterator[nodes.Text]:
    """The words of ``page`` that a term may be linked in, in reading order."""
    for paragraph in page.findall(nodes.paragraph):
        if not any(_is_set_apart(node) for node in _ancestors(paragraph)):
            for text in paragraph.findall(nodes.Text):
                if not any(isinstance(node, NOT_PLAIN_WORDS) for node in _ancestors(text)):
                    yield text


def _is_set_apart(node: nodes.Node) -> bool:
    """Whether what lies in ``node`` is no running text; a cell's output is in a container of class ``cell``."""
    return isinstance(node, NOT_RUNNING_TEXT) or "cell" in getattr(node, "attributes", {}).get("classes", [])


def _ancestors(node: nodes.Node) -> Iterator[nodes.Node]:
    while node.parent is not None:
        node = node.parent
        yield node


def read_forms(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Keep the glossary's forms for the pages that are written next; all chapters are, where the forms have changed."""
    before = getattr(env, "first_uses", {})
    env.first_uses = forms_of(env.get_doctree(GLOSSARY)) if GLOSSARY in env.found_docs else {}
    if env.first_uses == before:
        return []
    return [name for name in env.found_docs if name.startswith(CHAPTERS)]


def link_page(app: Sphinx, page: nodes.document, name: str) -> None:
    """Link the first uses on a page that is about to be written, if it is a chapter."""
    if name.startswith(CHAPTERS) and app.env.first_uses:
        link_first_uses(page, app.env.first_uses, app.builder.get_relative_uri(name, GLOSSARY))


def setup(app: Sphinx) -> dict[str, object]:
    """Register the role, and listen for the moments after reading and before writing."""
    app.add_role("forms", FormsRole())
    app.connect("env-updated", read_forms)
    # After citations and references are links, so that no word of theirs is taken.
    app.connect("doctree-resolved", link_page, priority=900)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
