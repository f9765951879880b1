"""What the checks in a browser share: a Chromium, the book served on this machine, and a tab that remembers."""

import functools
import gzip
import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

# The first is Chromium without a window, which takes less of the processor.
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
ARGUMENTS = (
    "--no-sandbox",  # a container has no user namespaces for the sandbox
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


def chromium_path() -> str | None:
    """The path of a Chromium, where there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium(path: str) -> Iterator:
    """A running Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder that is served for as long as this lasts: this machine, a free port."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


class Watched:
    """A browser tab that remembers every request, every error and every failed answer."""

    def __init__(self, browser, own: str, **settings):
        self.context = browser.new_context(**settings)
        self.tab = self.context.new_page()
        self.requests: list[str] = []
        self.problems: list[str] = []
        self.name = ""
        self.tab.on("request", lambda request: self._note_request(request.url, own))
        self.tab.on("console", lambda line: self._note(line.text) if line.type == "error" else None)
        self.tab.on("pageerror", lambda error: self._note(str(error)))
        self.tab.on("response", lambda answer: self._note(answer.url) if answer.status >= 400 else None)

    def _note_request(self, url: str, own: str) -> None:
        self.requests.append(url)
        if not url.startswith((own, "data:", "blob:")):
            self._note(f"asked for {url}")

    def _note(self, text: str) -> None:
        self.problems.append(f"{self.name}: {text}")

    def open(self, base: str, name: str) -> None:
        self.name = name
        self.tab.goto(base + name, wait_until="load")

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()


def gzipped_bytes(requests: list[str], address: str, folder: Path) -> dict[str, int]:
    """The size of each requested file of the book, as a server that compresses would send it."""
    names = {unquote(urlsplit(url).path.lstrip("/")) for url in requests if url.startswith(address)}
    # The time of day in the header would change the size by nothing and the bytes from run to run.
    return {name: len(gzip.compress((folder / name).read_bytes(), mtime=0)) for name in sorted(names)}
