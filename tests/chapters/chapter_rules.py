"""How a chapter is furnished: each rule takes a notebook and yields, in words, what is amiss in it.

The rules look at the file alone and run nothing; that the outputs are true is the notebook guard's business.
A rule's docstring says what it asks for.
"""

import base64
import re
import statistics
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.execute import composed_alt_text, first_line
from tools.folding import unfolded

Notebook = Any
Rule = Callable[[Notebook], Iterator[str]]

# These cells come on top of a chapter's own course: they are not counted in its length.
BESIDE_THE_COURSE = {"exercise", "explorer", "solution"}
PROMISED = {"raises-exception", "nbval-raises-exception"}
CODE_CELLS = range(15, 31)
LONGEST_CELL, MEDIAN_CELL = 30, 6
WORDS_A_CELL = (70, 140)
WIDEST_FIGURE = 900
SECTIONS = ("What goes wrong", "Exercises", "Summary", "Read on")
MACHINE_PATH = re.compile(r"(?<![\w.])(?:/(?:root|work|tmp|home|opt|Users)/[\w.]|[A-Z]:\\Users)")
FENCE = re.compile(r"\s*(?P<marks>`{3,}|:{3,}|~{3,})(?:\{(?P<name>[\w:-]+)\})?")
OPTION = re.compile(r"\s*:[\w-]+:")
# A block without a name is code.
UNREAD_BLOCKS = {None, "math", "code", "code-block", "raw"}
CITATION = re.compile(r"\{cite(?::\w+)?\}`([^`]+)`")
_CONFIG = yaml.safe_load((Path(__file__).resolve().parents[2] / "_config.yml").read_text(encoding="utf-8"))
BOOK_MACRO = re.compile(rf"\\({'|'.join(_CONFIG['sphinx']['config']['drawn_math_macros'])})(?![A-Za-z])")


def tags(cell: Any) -> set[str]:
    return set(cell.metadata.get("tags", []))


def code_cells(notebook: Notebook) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def course(notebook: Notebook, kind: str) -> list[Any]:
    """The cells of one kind that make up the chapter's own course."""
    return [cell for cell in notebook.cells if cell.cell_type == kind and not tags(cell) & BESIDE_THE_COURSE]


def prose(notebook: Notebook) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def named(notebook: Notebook, cell: Any) -> str:
    """How a complaint calls a cell: by its number among the code cells and its first line."""
    numbered = enumerate((other for other in notebook.cells if other.cell_type == "code"), start=1)
    number = next(number for number, other in numbered if other is cell)
    return f"code cell {number} `{first_line(cell)}`"


def figures(cell: Any) -> list[bytes]:
    """The PNG images that a code cell stores."""
    images = [output.get("data", {}).get("image/png") for output in cell.outputs]
    return [base64.b64decode(image) for image in images if image]


def head(notebook: Notebook) -> Iterator[str]:
    """The first cell: a title, three things to be able to do, prerequisites, minutes, where the code lies."""
    text = notebook.cells[0].source if notebook.cells and notebook.cells[0].cell_type == "markdown" else ""
    if not re.match(r"(\([\w-]+\)=\s*)?# \S", text):
        yield "the first cell does not begin with a title (`# ...`)"
    bullets = len(re.findall(r"^\s*(?:[-*+]|\d+\.) ", text, re.MULTILINE))
    if bullets < 3:
        yield f"the first cell lists {bullets} things; it names three that the reader will be able to do"
    for words in (("prerequisite", "before you start"), ("minute",), ("companion",)):
        if not any(word in text.lower() for word in words):
            yield f"the first cell does not say `{words[0]}` (prerequisites, minutes to run, where the code lies)"


def sections(notebook: Notebook) -> Iterator[str]:
    """There are sections named What goes wrong, Exercises, Summary and Read on, and something is cited."""
    titles = [
        line.lstrip("# ").strip().lower() for line in prose(notebook).splitlines() if line.startswith("## ")
    ]
    for section in SECTIONS:
        if not any(title.startswith(section.lower()) for title in titles):
            yield f"there is no section `## {section}`"
    if not CITATION.search(prose(notebook)):
        yield "nothing is cited ({cite}`key`)"


def headings_begin_cells(notebook: Notebook) -> Iterator[str]:
    """Exercises and Summary begin cells of their own, so that no remark is torn from the figure that it is about."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (torn := re.search(r"\n## (Exercises|Summary)", cell.source)):
            yield f"`## {torn[1]}` does not begin its cell; what stands before it belongs to the cells above"


def common_mathematics(notebook: Notebook) -> Iterator[str]:
    """Formulas use no macro of the book's own: JupyterLab and Colab, which show the same cells, do not know it."""
    for macro in sorted(set(BOOK_MACRO.findall(prose(notebook)))):
        yield f"`\\{macro}` is a macro of _config.yml, which a notebook draws in red; write it out"


def rhythm(notebook: Notebook) -> Iterator[str]:
    """15 to 30 code cells, at most 6 lines in the median one and 30 in the longest, 70 to 140 words each.

    A draft, as `make chapter` makes it, has yet to grow to this length.
    """
    if notebook.metadata.get("draft"):
        return
    cells = [cell for cell in course(notebook, "code") if cell.source.strip()]
    if len(cells) not in CODE_CELLS:
        yield f"it has {len(cells)} code cells; {CODE_CELLS[0]} to {CODE_CELLS[-1]} are right"
    lengths = [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in cells]
    median = statistics.median(lengths or [0])
    if median > MEDIAN_CELL:
        yield f"the median code cell has {median:g} lines; {MEDIAN_CELL} at most are right"
    for cell, length in zip(cells, lengths, strict=True):
        if length > LONGEST_CELL:
            yield f"{named(notebook, cell)} has {length} lines; {LONGEST_CELL} at most are right"
    words = sum(word_count(cell.source) for cell in course(notebook, "markdown")) / max(len(cells), 1)
    if not WORDS_A_CELL[0] <= words <= WORDS_A_CELL[1]:
        yield f"it has {words:.0f} words for each code cell; {WORDS_A_CELL[0]} to {WORDS_A_CELL[1]} are right"


def word_count(markdown: str) -> int:
    """The words a reader reads: formulas, code blocks, drawings and the marks of Markdown are not counted."""
    text = "\n".join(lines_to_read(markdown))
    text = re.sub(r"\$\$.*?\$\$|<svg.*?</svg>|<[^>]+>", " ", text, flags=re.DOTALL)
    text = re.sub(r"\$[^$]+\$|\]\([^)]*\)", " ", text)
    return sum(any(letter.isalnum() for letter in word) for word in text.split())


def lines_to_read(markdown: str) -> Iterator[str]:
    """The lines of ``markdown`` less fences, options of directives and the insides of code and formulas."""
    open_fences: list[tuple[str, bool]] = []
    for line in markdown.splitlines():
        hidden = bool(open_fences) and open_fences[-1][1]
        fence = FENCE.match(line)
        if fence and open_fences and not fence["name"] and fence["marks"].startswith(open_fences[-1][0]):
            open_fences.pop()
        elif fence and not hidden:
            open_fences.append((fence["marks"], fence["name"] in UNREAD_BLOCKS))
        elif not hidden and not (open_fences and OPTION.match(line)):
            yield line


def alt_text_and_caption(notebook: Notebook) -> Iterator[str]:
    """Each cell with a figure has a caption, and the alt text that the figure composed, of 5 words up."""
    for cell in code_cells(notebook):
        mystnb = cell.metadata.get("mystnb", {})
        alt, caption = mystnb.get("image", {}).get("alt", ""), mystnb.get("figure", {}).get("caption", "")
        if not figures(cell):
            if alt or caption:
                yield f"{named(notebook, cell)} has an alt text or a caption and no figure"
            continue
        if len(alt.split()) < 5 or alt.startswith(("../", "<Figure")) or alt.endswith(".png"):
            yield f"{named(notebook, cell)} has no alt text of at least 5 words: {alt!r}"
        elif alt != composed_alt_text(cell):
            yield f"{named(notebook, cell)} has an alt text its figure did not compose; run `make execute`"
        if len(caption.split()) < 3:
            yield f"{named(notebook, cell)} has no caption (mystnb.figure.caption)"


def figure_width(notebook: Notebook) -> Iterator[str]:
    """A figure is a PNG of at most 900 pixels across."""
    for cell in code_cells(notebook):
        for image in figures(cell):
            if image[:8] != b"\x89PNG\r\n\x1a\n":
                yield f"{named(notebook, cell)} stores a figure that is no PNG"
            elif (width := struct.unpack(">I", image[16:20])[0]) > WIDEST_FIGURE:
                yield f"{named(notebook, cell)} stores a figure {width} px wide; {WIDEST_FIGURE} at most"


def executed_in_order(notebook: Notebook) -> Iterator[str]:
    """The cells were executed from the first to the last, once each, in a kernel of their own."""
    run = [cell for cell in code_cells(notebook) if "skip-execution" not in tags(cell)]
    for count, cell in enumerate(run, start=1):
        if cell.execution_count != count:
            yield f"{named(notebook, cell)} was executed as [{cell.execution_count or ' '}], not [{count}]"
            return


def clean_outputs(notebook: Notebook) -> Iterator[str]:
    """No log lines, no errors and no path of somebody's machine are stored; the kernel is plain python3."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.get("name") == "stderr":
                yield f"{named(notebook, cell)} stores text from stderr"
            if output.output_type == "error" and not tags(cell) & PROMISED:
                yield f"{named(notebook, cell)} stores an error"
            if found := MACHINE_PATH.search(text_of(output)):
                yield f"{named(notebook, cell)} stores a path of a machine, {found.group()}..."
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield f"its kernel is {kernel!r}; python3 is right"
    if "widgets" in notebook.metadata:
        yield "it stores the state of widgets"


def text_of(output: Any) -> str:
    """All the text that a stored output holds."""
    rich = [str(part) for kind, part in output.get("data", {}).items() if not kind.startswith("image/")]
    return "\n".join([output.get("text", ""), *rich, output.get("evalue", ""), *output.get("traceback", [])])


def honest_tags(notebook: Notebook) -> Iterator[str]:
    """Where a cell asks for more tolerance, the text around it or a comment in it says so (`tolerance`)."""
    for position, cell in enumerate(notebook.cells):
        if any(tag.startswith("rtol") for tag in tags(cell)):
            around = " ".join(near.source for near in notebook.cells[max(position - 1, 0) : position + 2])
            if "tolerance" not in around.lower():
                yield f"{named(notebook, cell)} asks for more tolerance and nothing beside it says why"


def folded(notebook: Notebook) -> Iterator[str]:
    """What sets the chapter up is folded, and so is code that does little but draw."""
    for cell in unfolded(notebook):
        yield f"{named(notebook, cell)} is folded and should not be, or the other way round; run `make execute`"


def cited_keys(notebook: Notebook) -> set[str]:
    """The keys of the bibliography that the chapter's text uses."""
    return {key.strip() for keys in CITATION.findall(prose(notebook)) for key in keys.split(",")}


RULES: tuple[Rule, ...] = (
    head,
    sections,
    headings_begin_cells,
    common_mathematics,
    rhythm,
    alt_text_and_caption,
    figure_width,
    executed_in_order,
    clean_outputs,
    honest_tags,
    folded,
)
