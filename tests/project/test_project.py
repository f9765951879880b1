"""Protects what holds the project together: the lock, pyproject.toml and environment.yml say the same, the documents
name what exists, the versions agree, and no file names one machine's folders or a package index."""

import itertools
import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import companion

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MACHINES = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")]
ENVIRONMENTS = [
    {
        "sys_platform": system,
        "platform_machine": machine,
        "platform_system": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[system],
        "os_name": "nt" if system == "win32" else "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "python_version": python,
        "python_full_version": f"{python}.9",
    }
    for (system, machine), python in itertools.product(MACHINES, ["3.11", "3.12", "3.13"])
]


def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def lock_lines() -> list[str]:
    return text_of("requirements.txt").replace("\\\n", " ").splitlines()


def locked() -> list[Requirement]:
    return [Requirement(line.split("--hash")[0]) for line in lock_lines()]


def applies(requirement: Requirement, environment: dict[str, str] | None = None, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**(environment or {}), "extra": extra})


def members(group: str) -> Iterator[str]:
    for entry in PROJECT["dependency-groups"][group]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from members(entry["include-group"])


def wanted() -> list[Requirement]:
    project = PROJECT["project"]
    held = ("cpu", "applications", "export", "serve")
    extras = [wanted for extra in held for wanted in project["optional-dependencies"][extra]]
    lines = [*project["dependencies"], *extras, *members("dev")]
    return [Requirement(line) for line in lines]


@pytest.mark.slow
@pytest.mark.parametrize("requirement", wanted(), ids=str)
def test_lock_satisfies_pyproject_on_every_machine(requirement: Requirement) -> None:
    for environment in filter(lambda each: applies(requirement, each), ENVIRONMENTS):
        name = canonicalize_name(requirement.name)
        pins = [pin for pin in locked() if canonicalize_name(pin.name) == name and applies(pin, environment)]
        assert len(pins) == 1, f"{requirement} has {len(pins)} pins on {environment}; call: make lock"
        (exact,) = pins[0].specifier
        assert requirement.specifier.contains(exact.version, prereleases=True), f"{pins[0]}; call: make lock"


def test_lock_pins_every_version_and_hash_and_names_no_address() -> None:
    for line in lock_lines():
        requirement, *hashes = re.split(r"\s+--hash=", line.strip())
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[^\s;*]+(\s*;.*)?", requirement), requirement
        assert hashes, f"{requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), requirement
    assert "://" not in text_of("requirements.txt")


def test_environment_in_use_is_that_of_the_lock() -> None:
    pins = {pin.name: next(iter(pin.specifier)).version for pin in locked() if applies(pin)}
    here = {name: metadata.version(name) for name in pins}
    assert here == pins, "the environment is older than the lock; call: make environment"


def test_lock_holds_nothing_that_nobody_asks_for() -> None:
    waiting, reached = [each for each in wanted() if applies(each)], set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for extra in ["", *requirement.extras]:
            if (name, extra) not in reached:
                reached.add((name, extra))
                needs = [Requirement(line) for line in metadata.requires(name) or []]
                waiting += [each for each in needs if applies(each, extra=extra)]
    orphans = {canonicalize_name(pin.name) for pin in locked() if applies(pin)} - {
        name for name, _ in reached
    }
    assert not orphans, "call: make lock"


def test_environment_yml_is_in_step() -> None:
    *by_conda, by_pip = yaml.safe_load(text_of("environment.yml"))["dependencies"]
    assert f"python{PROJECT['project']['requires-python']}" in by_conda
    # The lock before the names: else pip finds a name without a hash and stops.
    lock, *lines = by_pip["pip"]
    assert lock == "-r requirements.txt"
    names = [Requirement(line) for line in lines]
    for environment in ENVIRONMENTS:
        pins = {canonicalize_name(pin.name): pin for pin in locked() if applies(pin, environment)}
        here = [each for each in names if applies(each, environment)]
        assert {each.name.removesuffix("-cpu") for each in here} == {
            *("jupyter-book", "tensorflow", "matplotlib", "numpy", "nbval", "ipywidgets")
        }
        for each in here:
            assert each.name in pins, f"{each} would come without a hash on {environment}"
            (exact,) = pins[each.name].specifier
            assert each.specifier.contains(exact.version)


@cache
def files_of_the_project() -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(
            "this copy of the project is no git checkout, so its files cannot be told from built ones"
        )
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


FORBIDDEN = {
    "a machine's folder": re.compile(r"(?<![\w.~*:)}-])/(?:root|home|opt|work|Users)\b/?[\w.]+"),
    "the host of a package index": re.compile(
        r"(?:pypi|anaconda)\.org|python[h]osted|-{2}(?:extra-)?index-url|-{2}find-links"
    ),
}


TEST_FILE = re.compile(r"(?:test|book|browser)_.*\.py")


# Made-up folders, in tests that look for such things themselves.
EXAMPLES = {"/home/a", "/home/ann"}


@pytest.mark.slow
@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_names(what: str) -> None:
    for path in files_of_the_project():
        text = path.read_bytes().decode("utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            found = set(FORBIDDEN[what].findall(line)) - EXAMPLES
            assert not found, f"{path.relative_to(ROOT)}:{number} names {what}: {found}"


def test_patterns_of_forbidden_names_work() -> None:
    folder, host = FORBIDDEN.values()
    assert folder.search('"/' + 'root/x"')
    assert folder.search("cd /" + "home/someone")
    assert host.search("https://py" + "pi.org/simple")
    assert host.search("pip install -" + "-index-url x")
    assert not folder.search("https://example.org/home/page and ~/wo" + "rk/x")
    assert not host.search("uv pip compile --no-emit-index-url")


def test_no_two_test_files_have_one_name() -> None:
    """pytest refuses the second of two that lie outside packages, once both are collected in one process."""
    names = Counter(path.name for path in files_of_the_project() if TEST_FILE.fullmatch(path.name))
    assert len(names) > 100
    assert {name for name, count in names.items() if count > 1} == set()


def test_there_is_no_other_lock() -> None:
    assert not {"uv.lock", "poetry.lock", "Pipfile.lock", "pylock.toml"} & {
        each.name for each in files_of_the_project()
    }


def documents() -> list[Path]:
    return [path for path in files_of_the_project() if path.suffix in (".md", ".ipynb", ".py", ".cff")]


def test_documents_name_only_commands_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), flags=re.MULTILINE))
    assert {"book", "test"} <= set(re.findall(r"^make ([a-z-]+)", text_of("README.md"), flags=re.MULTILINE))
    for path in [each for each in documents() if each.suffix == ".md"]:
        named = set(
            re.findall(
                r"(?:^|`)make ([a-z]+(?:-[a-z]+)*)", path.read_text(encoding="utf-8"), flags=re.MULTILINE
            )
        )
        assert named <= targets, f"{path.name} names {named - targets}"


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_to_files_that_exist(document: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", text_of(document)):
        assert "://" in link or (ROOT / link).is_file(), link


def test_nobody_is_told_to_fetch_a_stranger_s_package() -> None:
    order = re.compile(r"pip install (?:-\S+ )*companion\b")
    assert order.search("pip install -q " + "companion")
    for path in documents():
        assert not order.search(path.read_text(encoding="utf-8")), path.relative_to(ROOT)


def test_versions_agree() -> None:
    version = PROJECT["project"]["version"]
    assert companion.__version__ == version
    assert yaml.safe_load(text_of("CITATION.cff"))["version"] == version
    assert re.search(rf"^## {re.escape(version)}\b", text_of("CHANGELOG.md"), flags=re.MULTILINE)


def test_licences_are_where_they_are_named() -> None:
    assert PROJECT["project"]["license"] in text_of("LICENSE")
    assert "creativecommons.org/licenses/by/4.0/" in text_of("LICENSE-prose")
