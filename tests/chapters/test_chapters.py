"""Protects the furnishing of the chapters: head, sections, rhythm, figures, clean outputs, citations.

The rules are in chapter_rules.py. Each is shown a sound chapter, then the same chapter with one thing broken.
"""

import base64
import copy
import re
import struct
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.chapters import chapter_rules
from tests.chapters.chapter_rules import RULES, cited_keys, word_count

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
REFERENCES = ROOT / "book" / "references.bib"
NO_CHAPTERS = pytest.param(None, marks=pytest.mark.skip(reason="there are no chapters yet"), id="none")
each_chapter = pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem) for path in CHAPTERS] or [NO_CHAPTERS]
)


@pytest.mark.slow
@each_chapter
@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_the_chapter_keeps_the_rule(path, rule):
    complaints = list(rule(nbformat.read(path, as_version=4)))
    assert not complaints, f"{path.name}: " + "; ".join(complaints)


def test_no_chapter_sets_a_tolerance_by_hand():
    """It would say nothing of the spread over seeds; `evidence=NAME:arm:measure` does."""
    notebooks = {path.name: nbformat.read(path, as_version=4) for path in CHAPTERS}
    by_hand = [
        (name, cell.id)
        for name, notebook in notebooks.items()
        for cell in notebook.cells
        if any(tag.startswith("rtol=") for tag in cell.metadata.get("tags", []))
    ]
    assert by_hand == []


@each_chapter
def test_the_chapter_is_a_valid_notebook(path):
    nbformat.validate(nbformat.read(path, as_version=4))


@each_chapter
def test_the_chapter_cites_what_the_bibliography_has(path):
    if not REFERENCES.exists():
        pytest.skip("there is no book/references.bib yet")
    known = set(re.findall(r"^@\w+\{\s*([^,\s]+)", REFERENCES.read_text(encoding="utf-8"), re.MULTILINE))
    unknown = cited_keys(nbformat.read(path, as_version=4)) - known
    assert not unknown, f"{path.name} cites {sorted(unknown)}, which book/references.bib does not have"


HEAD = """# Measure what a code keeps

After this chapter you will be able to

- train a model,
- read its loss,
- draw its codes.

Prerequisites: chapter 01. Five minutes on a laptop. The code lives in `companion/vae.py`.
"""
ALT = "A curve that falls to 1.23 nats per image."


def png(width: int) -> str:
    header = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, 100)
    return base64.b64encode(header).decode()


def sound_chapter():
    """A chapter of 16 code cells that keeps every rule; the second cell of code stores a figure."""
    cells = [new_markdown_cell(HEAD)]
    for count in range(1, 17):
        cells += [new_markdown_cell("word " * 90), new_code_cell("a = 1\nprint(a)", execution_count=count)]
        cells[-1].outputs = [new_output("stream", text="1\n")]
    figure = cells[4]
    figure.outputs = [new_output("display_data", data={"image/png": png(900), "text/plain": ALT})]
    figure.metadata["mystnb"] = {"image": {"alt": ALT}, "figure": {"caption": "How the loss falls."}}
    ends = (
        "## What goes wrong: a sum",
        "## Exercises",
        "## Summary",
        "## Read on\n\nSee {cite:p}`kingma2014,rezende2014`.",
    )
    notebook = new_notebook(cells=cells + [new_markdown_cell(end) for end in ends])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    return nbformat.from_dict(notebook)


def replaced(old: str, new: str):
    def change(notebook):
        for cell in notebook.cells:
            cell.source = cell.source.replace(old, new)

    return change


def figure_alt(text: str):
    def change(notebook):
        notebook.cells[4].metadata.mystnb.image.alt = text
        notebook.cells[4].outputs[0].data["text/plain"] = text

    return change


def code(number: int, **changes):
    return lambda notebook: notebook.cells[2 * number].update(changes)


def cell_metadata(number: int, **changes):
    return lambda notebook: notebook.cells[2 * number].metadata.update(nbformat.from_dict(changes))


def stores(number: int, output):
    return lambda notebook: notebook.cells[2 * number].outputs.append(output)


def only(number: int):
    return lambda notebook: notebook.update(cells=notebook.cells[: 2 * number + 1])


# Spelled so, because no file of this project may name a folder of a machine.
SLASH = "/"
DRAWING = "plots.samples(\n    images,\n    columns=4,\n)"
ERROR = new_output("error", ename="E", evalue="no", traceback=[])
BREAKS = [
    ("head", "title", replaced("# Measure", "Measure")),
    ("head", "lists 2 things", replaced("- draw its codes.", "")),
    ("head", "`prerequisite`", replaced("Prerequisites", "Before")),
    ("head", "`minute`", replaced("minutes", "hours")),
    ("head", "`companion`", replaced("companion", "package")),
    ("sections", "What goes wrong", replaced("## What goes", "### What goes")),
    ("sections", "Exercises", replaced("## Exercises", "Exercises")),
    ("sections", "Summary", replaced("## Summary", "Summary")),
    ("sections", "Read on", replaced("Read on", "Further reading")),
    ("sections", "nothing is cited", replaced("{cite:p}", "")),
    ("headings_begin_cells", "`## Summary` does not", replaced("## Summary", "A remark.\n\n## Summary")),
    ("common_mathematics", "`\\KL` is a macro", replaced("## Summary", "## Summary\n\n$\\KL{q}{p}$")),
    ("rhythm", "it has 14 code cells", only(14)),
    ("rhythm", "it has 31 code cells", lambda n: n.cells.extend(n.cells[1:31])),
    ("rhythm", "median code cell has 7 lines", replaced("a = 1\n", "a = 1\n\n" * 6)),
    ("rhythm", "has 31 lines", code(3, source="a = 1\n" * 31)),
    ("rhythm", "40 words", replaced("word " * 90, "word " * 37)),
    ("rhythm", "153 words", replaced("word " * 90, "word " * 150)),
    ("alt_text_and_caption", "no alt text of at least 5", figure_alt("A curve that falls.")),
    ("alt_text_and_caption", "no alt text of at least 5", figure_alt("../_images/a b c d e f")),
    ("alt_text_and_caption", "no alt text of at least 5", figure_alt("one two three four five.png")),
    ("alt_text_and_caption", "no alt text of at least 5", figure_alt("<Figure size 640x480 with 1 Axes>")),
    (
        "alt_text_and_caption",
        "did not compose",
        lambda n: n.cells[4].metadata.mystnb.image.update(alt=ALT + " So."),
    ),
    ("alt_text_and_caption", "no caption", cell_metadata(2, mystnb={"image": {"alt": ALT}})),
    ("alt_text_and_caption", "no figure", code(2, outputs=[])),
    ("figure_width", "901 px", stores(2, new_output("display_data", data={"image/png": png(901)}))),
    ("figure_width", "no PNG", stores(2, new_output("display_data", data={"image/png": "AAAA"}))),
    ("executed_in_order", "executed as [ ], not [5]", code(5, execution_count=None)),
    ("executed_in_order", "executed as [9], not [5]", code(5, execution_count=9)),
    ("clean_outputs", "stderr", stores(3, new_output("stream", name="stderr", text="W"))),
    ("clean_outputs", "an error", stores(3, ERROR)),
    ("clean_outputs", f"{SLASH}home/a", stores(3, new_output("stream", text=f"see\n{SLASH}home/ann/x\n"))),
    (
        "clean_outputs",
        "/tmp/i",
        stores(3, new_output("display_data", data={"text/plain": "'/tmp/ipy/1.py'"})),
    ),
    ("clean_outputs", "C:\\Users", stores(3, new_output("stream", text="C:\\Users\\ann"))),
    (
        "clean_outputs",
        f"{SLASH}root/l",
        stores(3, new_output("display_data", data={"text/html": f"<i>{SLASH}root/lib</i>"})),
    ),
    ("clean_outputs", "kernel is 'mine'", lambda n: n.metadata.kernelspec.update(name="mine")),
    ("clean_outputs", "widgets", lambda n: n.metadata.update(widgets={})),
    ("honest_tags", "asks for more tolerance", cell_metadata(3, tags=["rtol=0.1"])),
    ("folded", "code cell 3 `a = 1` is folded and should not be", cell_metadata(3, tags=["hide-input"])),
    ("folded", "code cell 2 `plots.samples(` is folded", code(2, source=DRAWING)),
    ("folded", "code cell 1 `DATASET = None` is folded", code(1, source="# A set\nDATASET = None")),
]


@pytest.mark.parametrize("rule", RULES, ids=[rule.__name__ for rule in RULES])
def test_a_sound_chapter_keeps_every_rule(rule):
    assert list(rule(sound_chapter())) == []


@pytest.mark.parametrize("name, words, change", BREAKS, ids=[f"{name}: {words}" for name, words, _ in BREAKS])
def test_a_broken_chapter_is_found_out(name, words, change):
    notebook = copy.deepcopy(sound_chapter())
    change(notebook)
    complaints = list(getattr(chapter_rules, name)(notebook))
    assert len(complaints) == 1 and words in complaints[0]


def test_every_rule_has_been_seen_to_break():
    assert {name for name, _, _ in BREAKS} == {rule.__name__ for rule in RULES}


def test_exercises_and_explorers_do_not_count_in_the_rhythm():
    notebook = sound_chapter()
    for tag in ("exercise", "explorer"):
        for cell in (new_code_cell("b = 2\n" * 40), new_markdown_cell("word " * 3000)):
            cell.metadata["tags"] = [tag]
            notebook.cells += [cell] * 10
    assert list(chapter_rules.rhythm(notebook)) == []


def test_an_error_that_was_promised_and_a_tolerance_that_is_explained_are_right():
    notebook = sound_chapter()
    notebook.cells[6].outputs.append(ERROR)
    notebook.cells[6].metadata["tags"] = ["raises-exception", "rtol=0.1"]
    notebook.cells[7].source += "Runs scatter, hence the wider tolerance of this cell."
    assert [list(rule(notebook)) for rule in (chapter_rules.clean_outputs, chapter_rules.honest_tags)] == [
        [],
        [],
    ]


def test_words_are_counted_as_a_reader_counts_them():
    text = (
        "# Two words\n\nA $x^2 + y$ b [link](http://a.b/c) - end.\n\n$$\na b c\n$$\n\n```python\nx = 1\n```\n"
    )
    assert word_count(text) == 6
    assert word_count(":::{note}\n:class: dropdown\nThree words here\n:::") == 3
    assert word_count(":::{note}\none\n:::\ntwo words\n:::{tip}\nthree\n:::\nfour") == 5
    assert word_count("````{note}\none\n```python\nx = 1\n```\ntwo\n````\nthree") == 3
    assert word_count("```{math}\n:label: a\nx + y\n```\none") == 1
    assert word_count('<svg width="1">\n<text>a b</text></svg>\n<b>one</b> two') == 2


def test_citations_are_read_in_all_their_forms():
    assert cited_keys(sound_chapter()) == {"kingma2014", "rezende2014"}
