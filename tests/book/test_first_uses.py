"""Protects the links from first uses to the glossary: once a term and page, in running text only, in declared forms."""

import sys
from pathlib import Path

import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx import addnodes

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import first_uses  # noqa: E402

FORMS = {
    "ELBO": "term-ELBO",
    "evidence lower bound": "term-ELBO",
    "evidence (log)": "term-evidence",
    "log evidence": "term-evidence",
    "evidence": "term-evidence",
    "active unit": "term-active",
    "active units": "term-active",
}
URI = "../book/glossary.html"


def page_of(*blocks: nodes.Node) -> nodes.document:
    page = new_document("page")
    page += blocks
    return page


def link(page: nodes.document) -> list[str]:
    return first_uses.link_first_uses(page, FORMS, URI)


def links(page: nodes.document) -> list[tuple[str, str]]:
    return [(each.astext(), each["refuri"]) for each in page.findall(nodes.reference) if each.get("classes")]


def test_the_first_use_alone_is_linked_and_the_words_stay():
    text = "The ELBO is a bound. The ELBO again,\nan evidence lower\nbound, and active units."
    page = page_of(nodes.paragraph(text=text), nodes.paragraph(text="One ELBO, one active unit."))
    assert link(page) == ["term-ELBO", "term-active"]
    assert links(page) == [("ELBO", f"{URI}#term-ELBO"), ("active units", f"{URI}#term-active")]
    assert page.astext() == f"{text}\n\nOne ELBO, one active unit."


def test_the_longest_form_wins_and_hides_the_word_inside_it():
    page = page_of(
        nodes.paragraph(text="Evidence lower bound first, evidence\nlower bound again, then evidence.")
    )
    assert link(page) == ["term-ELBO", "term-evidence"]
    assert [words for words, _ in links(page)] == ["Evidence lower bound", "evidence"]


@pytest.mark.parametrize(
    "text", ["ELBOW", "the sub-ELBO", "ELBO-like", "elbo", "unactive unit", "Log Evidence-based"]
)
def test_parts_of_words_and_other_capitals_are_no_terms(text):
    assert link(page_of(nodes.paragraph(text=text))) == []


def in_section() -> nodes.Node:
    section = nodes.section()
    section += nodes.title(text="The ELBO")
    return section


def in_figure() -> nodes.Node:
    figure = nodes.figure()
    figure += [nodes.caption(text="An ELBO."), nodes.legend("", nodes.paragraph(text="An ELBO."))]
    return figure


def in_table() -> nodes.Node:
    entry = nodes.entry("", nodes.paragraph(text="ELBO"))
    body = nodes.tbody("", nodes.row("", entry))
    return nodes.table("", nodes.tgroup("", body, cols=1))


def in_paragraph(node: nodes.Node) -> nodes.Node:
    return nodes.paragraph("", "", node)


APART = [
    in_section(),
    in_figure(),
    in_table(),
    nodes.literal_block(text="ELBO"),
    nodes.container("", nodes.paragraph(text="ELBO"), classes=["cell", "tag_x"]),
    in_paragraph(nodes.literal(text="ELBO")),
    in_paragraph(nodes.math(text="ELBO")),
    in_paragraph(nodes.reference("", "ELBO", refuri="x.html")),
    in_paragraph(addnodes.pending_xref("", nodes.inline(text="ELBO"))),
    in_paragraph(nodes.raw("", "ELBO", format="html")),
]


@pytest.mark.parametrize("block", APART, ids=lambda block: block.tagname + str(len(block.astext())))
def test_what_is_no_running_text_is_left_alone(block):
    page = page_of(block.deepcopy(), nodes.paragraph(text="The ELBO."))
    before = page[0].pformat()
    assert link(page) == ["term-ELBO"], "the use in running text is the first"
    assert page[0].pformat() == before


def test_emphasis_lists_and_notes_are_running_text():
    emphasis = in_paragraph(nodes.strong(text="ELBO"))
    listed = nodes.bullet_list("", nodes.list_item("", nodes.paragraph(text="An active unit.")))
    noted = nodes.admonition("", nodes.paragraph(text="The log evidence."))
    page = page_of(emphasis, listed, noted)
    assert link(page) == ["term-ELBO", "term-active", "term-evidence"]
    assert isinstance(page[0][0][0], nodes.reference)


def entry(term: str, forms: str = "") -> nodes.definition_list_item:
    definition = nodes.definition("", nodes.paragraph("", "", nodes.Text("Said in words.")))
    if forms:
        definition[0].insert(0, nodes.raw("", forms, format=first_uses.FORMS))
    return nodes.definition_list_item("", nodes.term(text=term, ids=[f"term-{term}"]), definition)


def test_forms_are_read_from_the_entries():
    page = page_of(
        nodes.definition_list("", entry("nat", "nats, nats\nper image"), entry("rate (of a code)"))
    )
    assert first_uses.forms_of(page) == {
        "nat": "term-nat",
        "nats": "term-nat",
        "nats per image": "term-nat",
        "rate (of a code)": "term-rate (of a code)",
    }


def test_a_form_of_two_terms_is_an_error():
    page = page_of(nodes.definition_list("", entry("nat", "unit"), entry("bit", "unit")))
    with pytest.raises(ValueError, match="gives 'unit' to two terms, term-nat and term-bit"):
        first_uses.forms_of(page)
