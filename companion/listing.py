"""The package's own code on the page: a chapter prints the source of a function instead of a copy.

The tests of the notebooks compare a listing exactly, so that a chapter whose code has changed since it was executed
fails.
"""

import ast
import inspect
import linecache
from types import ModuleType
from typing import Any

from companion.errors import BadInput

_WITH_A_BODY = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ADVICE = (
    "expected a function, class or method that is defined in a module; pass one, such as objectives.vae_loss."
)


class Listing:
    """Source code that a notebook shows as highlighted Python and a terminal as plain text.

    ``source`` is the text. As Markdown it is a fenced block of Python.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    def __repr__(self) -> str:
        return self.source

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # A fence must be longer than any run of backticks inside it.
        fence = "```"
        while fence in self.source:
            fence += "`"
        return {"text/markdown": f"{fence}python\n{self.source}\n{fence}", "text/plain": self.source}


def show_source(obj: Any, *, docstring: bool = False) -> Listing:
    """The source of ``obj`` as it stands in its file, below a comment that names the file.

    Args:
        obj: a function, a class, a method or a property. A decorated function is shown with its decorators.
        docstring: whether to keep docstrings, its own and those of the methods inside. Comments always stay.

    Returns:
        A :class:`Listing`; as the last line of a notebook cell it becomes a highlighted block of code.

    Raises:
        BadInput: for anything without source in a module: an instance, a builtin, a lambda, a whole module, a
            function that was typed into the notebook itself.

    Used in every chapter to show the code behind a page.
    """
    target = _underlying(obj)
    module = inspect.getmodule(target)
    lines = _lines_of_file(target, module)
    node = _find(target, lines)
    if module is None or node is None:
        raise BadInput(f"got {_name(obj)}, which has no definition in a file: {_ADVICE}")
    first, last = _first_line(node), node.end_lineno or node.lineno
    in_strings = _inside_strings(node)
    doc_lines = {} if docstring else _docstring_lines(node, lines)
    kept = [
        _without_indent(lines[number - 1], node.col_offset, number in in_strings)
        for number in range(first, last + 1)
        if number not in doc_lines
    ]
    return Listing("\n".join([f"# {_place(module)}", *kept]))


def show_module(module: ModuleType) -> Listing:
    """The whole file of ``module`` as it stands, docstrings included, below a comment that names the file.

    Returns a :class:`Listing`. Raises :class:`~companion.errors.BadInput` for anything that is not a module, and for a
    module that is not written in Python.

    Used in chapter 00, whose model is one file.
    """
    lines = _lines_of_file(module, module) if isinstance(module, ModuleType) else []
    if not lines:
        raise BadInput(
            f"got {_name(module)}: expected a module written in Python; import it and pass it, as in "
            f"show_module(companion.one_page)."
        )
    return Listing("\n".join([f"# {_place(module)}", *lines]))


def _underlying(obj: Any) -> Any:
    """The function or class behind a method, a property or a wrapper; :class:`BadInput` for anything else."""
    if isinstance(obj, property):
        obj = obj.fget
    if isinstance(obj, staticmethod | classmethod) or inspect.ismethod(obj):
        obj = obj.__func__
    if isinstance(obj, ModuleType):
        raise BadInput(f"got the module {obj.__name__}: {_ADVICE}")
    if inspect.isroutine(obj) or inspect.isclass(obj):
        obj = inspect.unwrap(obj)
    if not (inspect.isfunction(obj) or inspect.isclass(obj)):
        raise BadInput(f"got {_name(obj)}: {_ADVICE}")
    if obj.__name__ == "<lambda>":
        raise BadInput(f"got a lambda: {_ADVICE}")
    if obj.__module__ == "__main__":
        raise BadInput(f"got {obj.__name__}, which is defined in this notebook or script: {_ADVICE}")
    return obj


def _name(obj: Any) -> str:
    """The name of ``obj`` for a message: its own, or that of its class."""
    return getattr(obj, "__name__", None) or f"an object of type {type(obj).__name__}"


def _lines_of_file(target: Any, module: ModuleType | None) -> list[str]:
    """The lines of the file that defines ``target``, without their ends; none for what is compiled."""
    try:
        path = inspect.getsourcefile(target)
    except TypeError:
        path = None
    if path is None:
        return []
    linecache.checkcache(path)
    return [line.rstrip("\n") for line in linecache.getlines(path, vars(module) if module else None)]


def _find(target: Any, lines: list[str]) -> Any:
    """The syntax node that defines ``target``, found by line for a function, by full name for a class."""
    for node, path in _definitions(ast.parse("\n".join(lines)), ()):
        if inspect.isfunction(target):
            if _first_line(node) == target.__code__.co_firstlineno and node.name == target.__name__:
                return node
        elif path == tuple(part for part in target.__qualname__.split(".") if part != "<locals>"):
            return node
    return None


def _definitions(node: ast.AST, path: tuple[str, ...]) -> Any:
    """Every function and class below ``node`` with the names that lead to it."""
    for child in ast.iter_child_nodes(node):
        here = (*path, child.name) if isinstance(child, _WITH_A_BODY) else path
        if isinstance(child, _WITH_A_BODY):
            yield child, here
        yield from _definitions(child, here)


def _first_line(node: Any) -> int:
    """The line on which a definition begins: that of its first decorator, where there is one."""
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _docstring_lines(node: Any, lines: list[str]) -> set[int]:
    """The numbers of the lines that hold the docstrings in ``node``, and of the blank lines after each."""
    dropped: set[int] = set()
    for inner in _documented(node):
        text, *rest = inner.body
        last = text.end_lineno or text.lineno
        # A body must not become empty, and a docstring on a line with code stays.
        if not rest or rest[0].lineno <= last or text.lineno == inner.lineno:
            continue
        while not lines[last].strip():
            last += 1
        dropped.update(range(text.lineno, last + 1))
    return dropped


def _inside_strings(node: Any) -> set[int]:
    """The numbers of the lines that begin inside a string value, which fewer blanks would change."""
    docstrings = {id(inner.body[0].value) for inner in _documented(node)}
    return {
        number
        for inner in ast.walk(node)
        if isinstance(inner, ast.JoinedStr | ast.Constant) and id(inner) not in docstrings
        for number in range(inner.lineno + 1, (inner.end_lineno or inner.lineno) + 1)
    }


def _documented(node: ast.AST) -> list[Any]:
    """``node`` and the functions and classes inside it, those that have a docstring."""
    inside = [inner for inner in ast.walk(node) if isinstance(inner, _WITH_A_BODY)]
    return [inner for inner in inside if ast.get_docstring(inner) is not None]


def _without_indent(line: str, indent: int, keep: bool) -> str:
    """``line`` without ``indent`` leading blanks; a line with fewer loses those it has."""
    return line if keep else line[:indent].lstrip() + line[indent:]


def _place(module: ModuleType) -> str:
    """Where ``module`` lies, from the folder of its package on: the same on every machine."""
    parts = module.__name__.split(".")
    return "/".join([*parts, "__init__.py"] if hasattr(module, "__path__") else parts) + (
        "" if hasattr(module, "__path__") else ".py"
    )
