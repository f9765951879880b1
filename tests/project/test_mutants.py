"""Protects the mutation check: that it makes the mistakes it should, leaves words alone, and counts rightly."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.mutations import mutants_of

ROOT = Path(__file__).resolve().parents[2]


def changes(source: str) -> set[str]:
    return {mutant.change for mutant in mutants_of(source)}


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("c = a + b", "a + b -> a - b"),
        ("c = a * b", "a * b -> a / b"),
        ("c = a < b", "a < b -> a <= b"),
        ("c = 0.5", "0.5 -> 1.5"),
        ("c = f(axis=0)", "0 -> 1"),
        ("c = f(axis=-1)", "-1 -> 0"),
        ("c = -0.5", "-0.5 -> 0.5"),
        ("c = -a", "-a -> a"),
        ("c = f(keepdims=True)", "True -> False"),
        ("if a:\n    b = c", "a -> not a"),
        ("c = a and b", "a and b -> a or b"),
        ("c = ops.exp(a)", "ops.exp(a) -> ops.log(a)"),
        ("c = ops.mean(a)", "ops.mean(a) -> ops.sum(a)"),
        ("c = ops.stop_gradient(a)", "ops.stop_gradient(a) -> a"),
        ("def f():\n    return a", "return a -> return None"),
        ("def f():\n    raise E('three words 3')", "raise E -> pass"),
        ("def f():\n    check(a)", "check(a) -> pass"),
    ],
)
def test_makes_the_mistake(source: str, change: str) -> None:
    assert change in changes(source)


@pytest.mark.parametrize(
    "source",
    [
        "def f(a: int = b) -> x[0]:\n    '''At least 3.'''",
        "@register(package='p', version=3)\ndef f(): pass",
        "from a import b",
        "__all__ = ['a']",
        "if TYPE_CHECKING:\n    c = 3",
    ],
)
def test_leaves_alone_what_changes_no_result(source: str) -> None:
    assert mutants_of(source) == []


def test_every_mutant_is_one_change_that_compiles() -> None:
    source = (ROOT / "tools/mutations.py").read_text(encoding="utf-8")
    sound = ast.unparse(ast.parse(source))
    for mutant in mutants_of(source)[::5]:
        broken = mutant.tree(source)
        assert ast.unparse(broken) != sound
        compile(broken, "mutations.py", "exec")


MODULE = """def double(x):
    return 2 * x + 0 * x


def wait(n):
    while n > 0:
        n -= 1
    return n
"""
TEST = """import toy


def test_double():
    assert toy.double(3) == 6


def test_wait():
    assert toy.wait(3) == 0
"""
# The package's heavy imports are not needed for a toy.
RUN = """import sys
from tools import mutant_runs, mutants
mutant_runs.PRELOADED[:] = ["pytest", "hypothesis"]
sys.exit(mutants.main())
"""


def survey(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "toy.py").write_text(MODULE)
    (folder / "test_toy.py").write_text(test)
    command = [
        sys.executable,
        "-c",
        RUN,
        "toy.py",
        "--tests",
        "test_toy.py",
        "--least-seconds",
        "8",
        *options,
    ]
    return subprocess.run(
        command,
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{folder}"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_counts_killed_timed_out_and_surviving_mutants(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/mutants_explained.toml").write_text(
        '[[survivor]]\nfile = "toy.py"\nplace = "double"\ncode = "return 2 * x + 0 * x"\n'
        'change = "0 * x -> 0 / x"\nwhy = "Nought either way."\n'
    )
    done = survey(tmp_path, TEST)
    # Nought times x may as well be taken away, or divided by x; a wait that counts upwards never ends.
    assert "10/12 killed (83.3%), 1 of them by time" in done.stdout, done.stdout + done.stderr
    assert "toy.py:2 double: 0 * x -> 0 / x\n    Nought either way." in done.stdout
    assert "toy.py:2 double: 2 * x + 0 * x -> 2 * x - 0 * x\n    NOT EXPLAINED" in done.stdout
    assert "TOO FEW" in done.stdout
    assert done.returncode == 1


@pytest.mark.slow
def test_enough_killed_is_green(tmp_path: Path) -> None:
    assert survey(tmp_path, TEST, "--sample", "3", "--seed", "0").returncode == 0


@pytest.mark.slow
def test_stops_when_the_tests_fail_without_a_mutant(tmp_path: Path) -> None:
    done = survey(tmp_path, TEST.replace("6", "7"))
    assert done.returncode == 1
    assert "fail without a mutant" in done.stderr


def test_every_explanation_speaks_of_a_line_that_is_there():
    explained = tomllib.loads((ROOT / "tests" / "mutants_explained.toml").read_text(encoding="utf-8"))[
        "survivor"
    ]
    stale = [
        f"{each['file']}, {each['place']}: {each['code']}"
        for each in explained
        if each["code"] not in map(str.strip, (ROOT / each["file"]).read_text(encoding="utf-8").splitlines())
    ]
    assert not stale, f"explained, and not in the code any more: {stale}"
