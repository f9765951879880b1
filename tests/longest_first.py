"""A pytest plugin of `make test` and `make quick`: files that take long are begun first, and their seconds are noted.

Test processes side by side are given one file after the other. A long one begun last would keep one process busy while
the others have nothing left to do. The seconds are those that ``make test RECORD_TIMES=1`` stored in
``results/run_times.json``; a file that it does not know counts as one of ``UNKNOWN`` seconds.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

STORED = Path("results", "run_times.json")
UNKNOWN = 20.0  # seconds, and so before everything that is known to be short
SECONDS = pytest.StashKey[Counter[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SECONDS] = Counter()
    # Else pytest-xdist would begin with the files that have the most tests.
    config.option.loadscopereorder = False
    config.pluginmanager.register(Noting(config.stash[SECONDS]), "seconds-of-files")


class Noting:
    """Adds up what the tests of each file took, set-up and clearing away included."""

    def __init__(self, seconds: Counter[str]):
        self.seconds = seconds

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[file_of(report.nodeid)] += report.duration


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the files, and leave the order within each.

    The book's build is begun at once, by the longest file that looks at its pages. The file after it needs no book:
    another one would wait for that build.
    """
    known = recorded_seconds(config.rootpath)
    items.sort(key=lambda item: -known.get(file_of(item.nodeid), UNKNOWN))
    files = list(dict.fromkeys(file_of(item.nodeid) for item in items))
    of_the_book = {file_of(item.nodeid) for item in items if "book" in getattr(item, "fixturenames", ())}
    first = [
        next((file for file in files if (file in of_the_book) == wanted), None) for wanted in (True, False)
    ]
    if None not in first:
        items.sort(key=lambda item: (*first, file_of(item.nodeid)).index(file_of(item.nodeid)))


def recorded_seconds(root: Path) -> dict[str, float]:
    """Seconds by file; of chapters alone where an older record has no more; none where there is no record."""
    try:
        record = json.loads((root / STORED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    chapters = {
        f"chapters/{name}.ipynb": chapter["seconds"] for name, chapter in record.get("chapters", {}).items()
    }
    return {**chapters, **record.get("files", {})}


def measured_seconds(config: pytest.Config) -> dict[str, Any]:
    """The seconds of each file in this run, to a tenth."""
    return {name: round(seconds, 1) for name, seconds in sorted(config.stash[SECONDS].items())}


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]
