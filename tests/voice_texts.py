"""What a reader reads, as plain sentences: of Markdown, of notebooks, and of the docstrings, comments and messages of
Python files. Formulas become the word FORMULA, code becomes CODE; a citation becomes its author or nothing."""

import ast
import inspect
import io
import json
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.chapters.chapter_rules import FENCE, OPTION

UNREAD_BLOCKS = {
    None,
    "math",
    "code",
    "code-block",
    "raw",
    "eval-rst",
    "bibliography",
    "code-cell",
    "toctree",
}
ABBREVIATIONS = re.compile(r"\b(e\.g|i\.e|et al|vs|cf|Fig|ch|pp|no|resp|approx|St|Dr|[A-Z])\.(?=\s)")
END = re.compile(r"(?<=[.!?])[\"'’”)\]]*\s+(?=[\"'‘“(\[]*[A-Z0-9])")
ALT_TEXT = " (alt text)"
PRINTED = " (printed)"
FEWEST_WORDS = 5  # a string of fewer words is a name or a label
MAGIC = re.compile(r"^(\s*)[%!].*$", re.MULTILINE)


class Text(NamedTuple):
    """A passage, and where it stands."""

    place: str
    words: str


def sentences(words: str) -> list[str]:
    """The sentences of a passage."""
    guarded = ABBREVIATIONS.sub(lambda found: found[1] + "\u2024", " ".join(words.split()))
    return [part.replace("\u2024", ".").strip() for part in END.split(guarded) if part.strip()]


def of_markdown(markdown: str) -> list[str]:
    """The paragraphs, list entries, headings and table cells of a page, less code, with FORMULA for each formula."""
    text = "\n".join(_lines(markdown))
    text = re.sub(r"<!--.*?-->|<svg.*?</svg>|<[^>\n]+>", " ", text, flags=re.DOTALL)
    # A displayed formula belongs to the sentence around it; where a capital letter follows, it ends that sentence.
    text = re.sub(r"\s*\$\$.*?\$\$(?:\s*\([\w-]+\))?\s*(?=[a-z])", " FORMULA ", text, flags=re.DOTALL)
    text = re.sub(r"\s*\$\$.*?\$\$(?:\s*\([\w-]+\))?", " FORMULA.\n\n", text, flags=re.DOTALL)
    text = re.sub(r"\$[^$]+\$", "FORMULA", text)
    parts = re.split(r"\n\s*\n|\n(?=\s*(?:[-*+]|\d+\.)\s)|\n(?=#)|(?<=\|)\n", _inline(text))
    cells = (cell for part in parts for cell in (part.split("|") if "|" in part else [part]))
    paragraphs = (re.sub(r"^\s*(?:#+|[-*+]|\d+\.|:)\s+", "", cell.strip()) for cell in cells)
    return [" ".join(each.replace("*", "").split()) for each in paragraphs if re.search("[A-Za-z]", each)]


def _lines(markdown: str) -> Iterator[str]:
    """The lines of a page less fences, options, labels and the insides of code."""
    open_fences: list[tuple[str, bool]] = []
    for line in re.sub(r"\A---\n.*?\n---\n", "", markdown, flags=re.DOTALL).splitlines():
        hidden = bool(open_fences) and open_fences[-1][1]
        fence = FENCE.match(line)
        if fence and open_fences and not fence["name"] and fence["marks"].startswith(open_fences[-1][0]):
            open_fences.pop()
            yield ""
        elif fence and not hidden:
            open_fences.append((fence["marks"], fence["name"] in UNREAD_BLOCKS))
            yield ""
        elif not hidden and not (open_fences and OPTION.match(line)) and not re.match(r"\([\w-]+\)=|%", line):
            yield line


def _inline(text: str) -> str:
    text = re.sub(r"\{cite:t\}`[^`]*`", "Author", text)
    text = re.sub(r"\{cite[:\w]*\}`[^`]*`|:cite[:\w]*:`[^`]*`", "", text)
    text = re.sub(r"\{(?:eq|ref|numref)\}`[^`<]*`", "LINK", text)
    text = re.sub(r"(?:\{[\w:-]+\}|:[\w:-]+:)`~?(?:([^`<]*?)\s*<[^`]*>|([^`]*))`", r"\1\2", text)
    text = re.sub(r"``.+?``|`[^`]+`", "CODE", text, flags=re.DOTALL)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)


def of_notebook(path: Path) -> Iterator[Text]:
    """The text cells of a chapter; comments, strings and printed lines of its code; captions and alt texts."""
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        place, source = f"{path.name} cell {number}", "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield from (Text(place, part) for part in of_markdown(source))
            continue
        if "%%" not in source:
            yield from (Text(place, comment) for comment in comments(source))
            yield from (Text(place, words) for words in strings_of_cell(source))
        yield from (Text(place + PRINTED, line) for line in printed(cell))
        shown = cell["metadata"].get("mystnb", {})
        yield from (Text(place, part) for part in of_markdown(shown.get("figure", {}).get("caption", "")))
        yield from (
            Text(place + ALT_TEXT, part) for part in of_markdown(shown.get("image", {}).get("alt", ""))
        )


def comments(source: str) -> list[str]:
    """The comments of Python code; those on lines that follow each other are one text."""
    found: list[tuple[int, str]] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(MAGIC.sub(r"\1pass", source)).readline):
            if token.type == tokenize.COMMENT and not re.match(r"#!|#:?\s*(noqa|type:|pragma)", token.string):
                words = token.string.lstrip("#: ")
                alone = token.line.lstrip().startswith("#")
                if found and alone and found[-1][0] == token.start[0] - 1:
                    words = f"{found.pop()[1]} {words}"
                found.append((token.start[0] if alone else -1, words))
    except (tokenize.TokenError, IndentationError):
        pass  # an exercise may hand out broken code
    return [" ".join(_inline(words).split()) for _, words in found]


def strings_of_cell(source: str) -> Iterator[str]:
    """The strings in a code cell, labels of one word included; CODE and VALUE stand for code and for values in them."""
    try:
        tree = ast.parse(MAGIC.sub(r"\1pass", source))
    except SyntaxError:
        return  # an exercise may hand out broken code
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) not in parts and (words := _string(node)):
            yield from of_docstring(words)


def printed(cell: dict[str, Any]) -> Iterator[str]:
    """The lines that a code cell printed or shows as plain text; listings are read where they come from."""
    for output in cell.get("outputs", []):
        shown = output.get("data", {})
        if not shown.keys() & {"text/markdown", "image/png"}:
            yield from "".join(output.get("text", shown.get("text/plain", ""))).splitlines()


def listings(cells: list[dict[str, Any]]) -> str:
    """The code of the package that a chapter shows."""
    shown = (output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
    return "\n".join("".join(data["text/plain"]) for data in shown if "text/markdown" in data)


def docstrings(path: Path) -> list[str]:
    """The strings of a Python file of at least five words as they were written, docstrings among them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [words for node in ast.walk(tree) if len((words := _string(node)).split()) >= FEWEST_WORDS]


def of_python(path: Path, place: str) -> Iterator[Text]:
    """The docstrings, the comments, and the strings of at least five words of a Python file, messages among them."""
    source = path.read_text(encoding="utf-8")
    yield from (Text(f"{place} (comment)", words) for words in comments(source))
    tree = ast.parse(source)
    seen: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            constant = node.body[0].value  # type: ignore[attr-defined]
            seen.add(id(constant))
            yield from (Text(f"{place}:{constant.lineno}", part) for part in of_docstring(constant.value))
        elif isinstance(node, ast.JoinedStr):
            seen.update(map(id, node.values))
    for node in ast.walk(tree):
        if id(node) not in seen and (words := _string(node)) and len(words.split()) >= FEWEST_WORDS:
            yield from (Text(f"{place}:{node.lineno}", part) for part in of_docstring(words))  # type: ignore[attr-defined]


def _string(node: ast.AST) -> str:
    """The words of a string or of an f-string, in which VALUE stands for each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "VALUE" for part in node.values)
    return ""


def of_docstring(docstring: str) -> list[str]:
    """The paragraphs and the entries (``name: words``) of a docstring, less blocks of code."""
    text = re.sub(r"::\n\n(?:[ \t]+.*\n?|\n)+", ".\n\n", inspect.cleandoc(docstring) + "\n")
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\$\$?[^$]+\$\$?", "FORMULA", text)
    entry = r"\n\s*\n|\n(?=\s*(?:[-*+]|\d+\.)\s)|\n(?=\s*\*{0,2}[\w`., ]{1,30}: )|(?<=:)\n"
    return [
        " ".join(part.replace("**", "").split()) for part in re.split(entry, _inline(text)) if part.strip()
    ]
