"""A pytest plugin of `make test CHAPTER=05_latent_space`: of all tests, those that concern one chapter.

These are its notebook, every test that takes the chapter, its number, its exercises or its path as a parameter, and the
tests of the modules that its head names under *The code lives in*.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chapter", required=True, help="a notebook in chapters, without its ending")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    concerns = Concern(config.rootpath, config.getoption("--chapter"))
    chosen = [item for item in items if concerns.item(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(chosen)])
    items[:] = chosen


class Concern:
    """What concerns the chapter ``name`` of the project in ``root``."""

    def __init__(self, root: Path, name: str):
        self.name, self.notebook = name, root / "chapters" / f"{name}.ipynb"
        if not self.notebook.is_file():
            there = ", ".join(sorted(path.stem for path in (root / "chapters").glob("*.ipynb")))
            raise pytest.UsageError(f"CHAPTER={name}: expected one of {there}; pass the name of one.")
        self.number = name[:2]
        self.modules = modules_of(self.notebook)

    def item(self, item: pytest.Item) -> bool:
        """Whether a test concerns the chapter."""
        if item.path == self.notebook:
            return True
        values = getattr(getattr(item, "callspec", None), "params", {}).values()
        return any(map(self.parameter, values)) or self.tests_a_module(item.path)

    def parameter(self, value: Any) -> bool:
        """Whether a parameter is the chapter: its path, name, number or one of its exercises."""
        if isinstance(value, Path):
            return value.stem == self.name
        return value in (self.name, self.number) or getattr(value, "chapter", None) == self.number

    def tests_a_module(self, path: Path) -> bool:
        """Whether a file, or its folder, tests one of the chapter's modules and bears its name."""
        stem = path.stem.removeprefix("test_")
        return any(
            path.parent.name == folder and module in stem
            if folder
            else path.parent.name == "tests" and stem.startswith(module)
            for folder, module in self.modules
        )


def modules_of(notebook: Path) -> set[tuple[str, str]]:
    """Folder and name of the modules that the head of a chapter names; no folder where a module stands by itself.

    The name is empty for a whole folder: a family's, or one that the head names.
    """
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"][:2]
    head = "".join(line for cell in cells for line in cell["source"])
    found = set()
    for path in re.findall(r"`companion/([\w/]+)(?:\.py)?`", head):
        *folder, name = path.split("/")  # a whole folder ends in /, and so has an empty name
        found.add((folder[0] if folder else "", "" if folder and name == "model" else name))
    return found
