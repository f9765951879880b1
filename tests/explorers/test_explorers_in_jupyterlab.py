"""Protects the explorers as widgets: in JupyterLab with a live kernel the page moves what Python holds, and Python
moves what the page shows."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from companion.explorers import recording
from tests.book.browser_tools import NAMES, chromium, chromium_path
from tests.book.explorer_tools import HAND

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
# Seconds: for anything at all to happen, and until a key is pressed again.
PATIENCE, PAUSE = 180, 10
TOKEN = "explorer"
# Shown, read back, set from Python: to what it was, and to what a hand had made of it.
CELLS = (
    "from companion import explorers\nexplorer = explorers.{name}()\nstart = explorer.state\nexplorer",
    "moved = explorer.state\nprint('moved to', [round(value, 2) for value in moved.get('z', [])])",
    "explorer.state = start",
    "explorer.state = moved",
)


def write_notebook(folder: Path, name: str) -> None:
    cells = [nbformat.v4.new_code_cell(source.format(name=name)) for source in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / f"{name}.ipynb")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a running JupyterLab and its folder."""
    pytest.importorskip("jupyterlab")
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"HOME": str(folder), "JUPYTER_CONFIG_DIR": str(folder / "config"), "PYTHONPATH": str(ROOT)}
    environment = {name: value for name, value in os.environ.items() if name != "COMPANION_QUIET"} | own
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += [
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.news_url=None",
    ]
    with (folder / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/api?token={TOKEN}", folder / "lab.log")
        yield address, folder
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(url: str, log: Path) -> None:
    for _second in range(PATIENCE):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                json.load(answer)
            return
        except OSError:
            time.sleep(1)
    pytest.fail(f"JupyterLab did not answer: {log.read_text(encoding='utf-8')[-2000:]}")


def run_cell(tab, number: int) -> None:
    """Select a code cell by its place and run it, as Ctrl+Enter does; again where the page was not listening yet."""
    from playwright.sync_api import TimeoutError

    cell = tab.locator(".jp-CodeCell").nth(number)
    not_run = cell.locator(".jp-InputPrompt", has_text="[ ]:")
    # Asked before its kernel has answered, JupyterLab asks back which kernel it should take.
    which_kernel = tab.locator(".jp-Dialog .jp-mod-accept")
    for _attempt in range(PATIENCE // PAUSE):
        if which_kernel.count():
            which_kernel.first.click()
        cell.locator(".jp-InputArea-editor").click()
        tab.keyboard.press("Control+Enter")
        try:
            not_run.wait_for(state="detached", timeout=PAUSE * 1000)
            return
        except TimeoutError:
            continue
    pytest.fail(f"JupyterLab did not run cell {number} in {PATIENCE} s")


@pytest.fixture
def opened(lab):
    """A function that opens an explorer's notebook and shows it: the tab, the explorer, and the errors of the page."""
    path = chromium_path()
    if path is None:
        reason = f"no browser found (looked for {', '.join(NAMES)})"
        pytest.fail(reason) if os.environ.get("CI", "").lower() in {"1", "true"} else pytest.skip(reason)
    with chromium(path) as browser:
        tab = browser.new_context(viewport={"width": 1280, "height": 1600}).new_page()
        tab.set_default_timeout(PATIENCE * 1000)
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))

        def open_notebook(name: str):
            address, folder = lab
            write_notebook(folder, name)
            tab.goto(f"{address}/lab/tree/{name}.ipynb?token={TOKEN}&reset")
            tab.locator(".jp-KernelName", has_text="Python 3").first.wait_for()
            tab.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
            run_cell(tab, 0)
            live = tab.locator(".explorer-live")
            live.wait_for()
            return tab, live, errors

        yield open_notebook


def test_python_reads_the_numbers_that_the_page_says(opened):
    tab, live, errors = opened("latent_plane")
    hand = live.get_by_label("Codes of the VAE", exact=False)
    box = hand.bounding_box()
    tab.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"])
    words = live.locator(".explorer-readout").inner_text().replace("\N{MINUS SIGN}", "-")
    shown = re.search(r"VAE: z = \((.*?), (.*?)\)", words).groups()
    run_cell(tab, 1)
    printed = tab.locator(".jp-OutputArea-output", has_text="moved to").inner_text()
    assert [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", printed)] == [
        float(number) for number in shown
    ]
    assert errors == []


@pytest.mark.parametrize("name", recording.names())
def test_python_takes_it_back_and_leads_it_to_where_the_hand_was(opened, name):
    tab, live, errors = opened(name)
    words = live.locator(".explorer-readout")
    at_start = words.inner_text()
    live.locator(HAND).first.press("ArrowRight")
    moved = words.inner_text()
    assert moved != at_start
    run_cell(tab, 1)
    for cell, expected in ((2, at_start), (3, moved)):
        run_cell(tab, cell)
        tab.wait_for_function(
            "([words, expected]) => words.innerText === expected", arg=[words.element_handle(), expected]
        )
    assert errors == []
