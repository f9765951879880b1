"""Protects the line that shows how far an examination is: it is written anew, wiped at the end and after an error, and
written nowhere but on a terminal or in a reader's notebook.
"""

import io
import sys

import pytest

from companion.diagnosis.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Notebook(io.StringIO):
    """Its class stands in Jupyter's module, as that of a notebook's output does."""


Notebook.__module__ = "ipykernel.iostream"


def watched(steps=("data", "loss")):
    with progress(len(steps)) as begin:
        for name in steps:
            begin(name)


def test_a_terminal_shows_each_step_and_is_wiped(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    watched()
    lines = screen.getvalue().split("\r")
    assert lines[1:3] == ["diagnose [....................] data", "diagnose [##########..........] loss"]
    assert lines[3] == " " * len(lines[1]) and lines[4] == ""


def test_a_shorter_name_leaves_nothing_of_a_longer_one(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    watched(("evaluation", "loss"))
    first, second, wiped = screen.getvalue().split("\r")[1:4]
    assert second.rstrip().endswith("loss") and len(second) == len(first) == len(wiped)


def test_an_error_leaves_no_line_behind(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)

    def interrupted():
        with progress(3) as begin:
            begin("data")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert screen.getvalue().endswith(" \r")


@pytest.mark.parametrize(("quiet", "shown"), [("0", True), ("1", False)])
def test_a_notebook_shows_it_in_a_reader_s_hands_only(monkeypatch, quiet, shown):
    notebook = Notebook()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys, "stdout", notebook)
    monkeypatch.setenv("COMPANION_QUIET", quiet)
    watched()
    assert ("loss" in notebook.getvalue()) is shown


def test_a_file_gets_no_line(monkeypatch):
    out, error = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", error)
    watched()
    assert out.getvalue() == error.getvalue() == ""
