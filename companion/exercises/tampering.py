"""Signs that a notebook tries to reach its own verdict: what to look at before a row is believed.

The verdict is computed elsewhere, so none of this changes it. A sign is found in the text of the cells that are run; a
learner can hide one, and may have a good reason for another. So a sign is named, never punished.
"""

import ast
import re
from collections.abc import Iterable, Iterator

STATE = {"passed", "attempts", "judge", "check", "cases", "measure", "demands", "last_answer", "expected"}
INSIDE = re.compile(r"\bcompanion[./]exercises[./]\w+|\bsolutions?[./]chapter_|\bcompanion[./]solutions\b")
PROCESS = {
    "os": {"_exit", "kill", "killpg", "abort", "fork", "closerange", "getppid"},
    "sys": {"modules", "_getframe", "settrace", "setprofile"},
    "gc": {"get_objects", "get_referrers"},
}
MODULES = {"ctypes", "gc", "inspect"}


def signs_in(texts: Iterable[str]) -> list[str]:
    """What the cells do that an answer has no need for, in words, each once."""
    found: dict[str, None] = {}
    for text in texts:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # it cannot run, either
        for node in ast.walk(tree):
            found.update(dict.fromkeys(_signs_of(node)))
    return list(found)


def _signs_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        if not isinstance(node.ctx, ast.Load) and node.attr in STATE:
            yield f"sets .{node.attr}"
        module = node.value.id if isinstance(node.value, ast.Name) else ""
        if node.attr in PROCESS.get(module, ()):
            yield f"uses {module}.{node.attr}"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
        called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        given = {each.value for each in node.args if isinstance(each, ast.Constant)}
        if called in ("setattr", "__setattr__", "patch", "object"):
            yield from (f"sets .{name}" for name in sorted(STATE & {str(each) for each in given}))
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from _signs_of_import(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and INSIDE.search(node.value):
        yield f"names {INSIDE.search(node.value)[0]}"  # type: ignore[index]


def _signs_of_import(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    for name in names:
        module, _, member = name.rpartition(".")
        if INSIDE.search(name):
            yield f"imports {name}"
        elif name.split(".")[0] in MODULES:
            yield f"imports {name.split('.')[0]}"
        elif member in PROCESS.get(module, ()):
            yield f"uses {name}"
