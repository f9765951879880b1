"""Protects the order of the package's modules: no import cycle, and every module imports only from lower floors.

Imports inside functions count: they hide a cycle from Python, not from a reader. The floors are those of the design,
from the ground up; a new module gets its place in ``FLOORS``.
"""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "companion"

# Modules and folders of companion/, lowest floor first; "" is the package's own __init__. Modules on one floor do not
# import each other.
FLOORS = (
    (
        "advice",
        "tensors",
        "moved",
        "backend_needed",
        "unsaved",
        "compiled",
        "memory",
    ),  # what every module uses
    ("errors", "fused", "needed"),
    ("loading", "batching", "noise", "schedules"),
    ("",),
    ("machine",),
    ("data",),
    ("one_page",),  # it stands alone on the data, for whoever copies it
    ("distributions", "categorical"),
    ("likelihoods", "objectives", "layers"),
    ("networks", "code_use"),
    ("base",),
    ("autoencoder",),
    ("vae",),
    (
        *("beta_vae", "conditional_vae", "hierarchical_vae", "vq_vae", "discrete_vae", "iwae"),
        *("adversarial", "flow", "denoising"),
    ),
    ("linear_gaussian", "pixel_vae", "semi_supervised", "priors", "fsq", "miwae"),
    ("latent_diffusion", "linear_classes", "molecules", "world_model"),
    ("evaluation", "diagnosis"),
    ("scoring", "diagnosing", "distribute", "export"),
    ("plots", "listing", "own_model"),  # what people look at and touch
    ("explorers",),
    ("experiments",),
    ("evidence",),
    ("exercises", "solutions"),
    ("__main__",),
)
EXERCISES = (
    ("faults", "time_limit", "values", "verdict", "wire", "channel", "tampering", "progress_file"),
    ("attempt", "recognition"),
    ("exercise", "processes"),
    ("consistency", "digests", "gradients", "inputs", "linear_models", "reasons", "regions", "whole_number"),
    ("answer_box",),
    ("own_codes", "own_draws", "own_measurements", "own_training"),
    tuple(path.stem for path in (ROOT / "companion" / "exercises").glob("chapter_*.py")),
    ("registry",),
    ("solution", "progress_bar", "notebook", "measures"),
    ("submission", "judging"),
    ("grading",),
    ("command",),
    ("",),
)


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(root: Path) -> dict[str, Path]:
    """Every module below the package's folder in ``root``, by its full name."""
    return {module_name(path, root): path for path in sorted((root / PACKAGE).rglob("*.py"))}


def imports_of(name: str, path: Path, modules: dict[str, Path]) -> set[str]:
    """The modules of the package that ``name`` imports anywhere in its file.

    ``from companion.data import Batches`` imports companion.data; with ``files`` it imports companion.data.files.
    Importing a module also runs the packages it lies in, except those that ``name`` lies in itself: they run first.
    """
    named: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import: expected the full name of the module"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            named |= inner if inner <= set(modules) else {*inner, str(node.module)}
    around = {parent for each in named for parent in parents_of(each)} - set(parents_of(name))
    return (named | around) & set(modules) - {name}


def parents_of(name: str) -> list[str]:
    """The packages that a module lies in, such as companion and companion.data."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def graph_of(root: Path) -> dict[str, set[str]]:
    """What each module of the package in ``root`` imports."""
    modules = modules_of(root)
    return {name: imports_of(name, path, modules) for name, path in modules.items()}


def cycle_in(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one import cycle in their order; none where there is no cycle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def climbs(graph: dict[str, set[str]], prefix: str, floors: tuple[tuple[str, ...], ...]) -> list[str]:
    """Imports below ``prefix`` from the same or a higher floor, in words; modules without a floor are left out."""

    def part_of(name: str) -> str | None:
        if name == prefix:
            return ""
        return name.removeprefix(f"{prefix}.").split(".")[0] if name.startswith(f"{prefix}.") else None

    floor_of = {part: floor for floor, parts in enumerate(floors) for part in parts}
    found = []
    for name, imported in graph.items():
        for other in sorted(imported):
            ours, theirs = part_of(name), part_of(other)
            if ours == theirs or ours not in floor_of or theirs not in floor_of:
                continue
            if floor_of[theirs] >= floor_of[ours]:
                found.append(f"{name} (floor {floor_of[ours]}) imports {other} (floor {floor_of[theirs]})")
    return found


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    return graph_of(ROOT)


def test_there_is_no_import_cycle(graph):
    assert not cycle_in(graph)


def test_every_module_has_a_floor(graph):
    parts = {name.split(".")[1] if "." in name else "" for name in graph}
    placed = [part for floor in FLOORS for part in floor]
    assert len(placed) == len(set(placed))
    assert parts - set(placed) == set(), "modules without a floor: give each its place in FLOORS"
    assert set(placed) - parts == set(), "floors name modules that are not there"


def test_modules_import_from_lower_floors_only(graph):
    assert climbs(graph, PACKAGE, FLOORS) == []


def test_exercises_import_from_lower_floors_only(graph):
    inside = f"{PACKAGE}.exercises"
    names = {name.removeprefix(inside).lstrip(".") for name in graph if name.startswith(inside)}
    assert names == {name for floor in EXERCISES for name in floor}
    assert climbs(graph, inside, EXERCISES) == []


def written(root: Path, **sources: str) -> dict[str, set[str]]:
    """The graph of a package of these modules; ``__`` in a name stands for a folder."""
    for name, source in sources.items():
        path = root / PACKAGE / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
    for folder in (root / PACKAGE, *(root / PACKAGE).iterdir()):
        if folder.is_dir():
            (folder / "__init__.py").touch()
    return graph_of(root)


def test_a_cycle_through_a_function_is_found(tmp_path):
    graph = written(
        tmp_path,
        low="def f():\n    from companion.folder import high\n",
        folder__high="import companion.low",
    )
    assert graph["companion.low"] == {"companion.folder", "companion.folder.high"}
    assert set(cycle_in(graph)) == {"companion.low", "companion.folder.high"}


def test_a_module_that_imports_from_its_own_package_is_in_a_cycle_with_it(tmp_path):
    graph = written(tmp_path, folder__a="from companion.folder import b, x", folder__b="")
    assert graph["companion.folder.a"] == {"companion.folder", "companion.folder.b"}
    (tmp_path / PACKAGE / "folder" / "__init__.py").write_text("from companion.folder.a import y")
    assert set(cycle_in(graph_of(tmp_path))) == {"companion.folder", "companion.folder.a"}


def test_a_climb_is_found_and_names_of_a_package_are_not_modules(tmp_path):
    graph = written(
        tmp_path, low="from companion.high import x", high="x = 1", folder__a="import companion.folder.b"
    )
    assert cycle_in(graph) == []
    assert graph["companion.low"] == {"companion.high"}
    floors = (("", "low"), ("high", "folder"))
    assert climbs(graph, PACKAGE, floors) == ["companion.low (floor 0) imports companion.high (floor 1)"]
    assert climbs(graph, PACKAGE, (("",), ("high", "folder"), ("low",))) == []
