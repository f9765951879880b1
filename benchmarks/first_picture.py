"""How heavy each chapter of the built book is, and how soon its first picture is seen.

``python -m benchmarks.first_picture`` opens every chapter of ``_build/html`` in Chromium, served by this machine, each
time with an empty cache. It prints the page's weight, compressed by gzip with everything that it loads, the time until
the first figure of the article has been painted, and that time as a multiple of what a page with the same picture and
nothing else takes in the same run. Milliseconds differ from machine to machine; the multiple much less.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from tests.book.browser_tools import DESKTOP, Watched, chromium, chromium_path, gzipped_bytes, served

ROOT = Path(__file__).resolve().parents[1]
# The browser tells when a marked element was painted. The page's own scripts run after this one.
MARK_PICTURES = """
window.painted = new Promise(done => new PerformanceObserver(list => {
    const times = list.getEntries().filter(entry => entry.identifier === 'picture').map(entry => entry.renderTime);
    if (times.length) done(Math.min(...times));
}).observe({type: 'element', buffered: true}));
new MutationObserver((_, observer) => {
    const picture = document.querySelector('article img, body > img');
    if (picture) { picture.setAttribute('elementtiming', 'picture'); observer.disconnect(); }
}).observe(document, {childList: true, subtree: true});
"""
# Only what is in the window is painted.
WAIT_FOR_PAINT = """async () => {
    document.querySelector('article img, body > img').scrollIntoView({block: 'center', behavior: 'instant'});
    return await window.painted;
}"""


def first_picture(browser, address: str, name: str) -> tuple[float, list[str], str]:
    """Milliseconds from the start of the navigation to the first picture, what was requested, and the picture."""
    with Watched(browser, address, viewport=DESKTOP) as seen:
        seen.tab.add_init_script(MARK_PICTURES)
        seen.tab.goto(address + name, wait_until="domcontentloaded")
        milliseconds = seen.tab.evaluate(WAIT_FOR_PAINT)
        seen.tab.wait_for_load_state("networkidle")
        source = seen.tab.evaluate("document.querySelector('article img, body > img').src")
        return milliseconds, seen.requests, source


def measure(html: Path, repeats: int) -> None:
    """Print one line a chapter."""
    path = chromium_path()
    if path is None:
        sys.exit("No Chromium was found; install one to see how soon a page shows its first picture.")
    print(f"{'chapter':<42} {'kB, gzip':>9} {'first picture, ms':>18} {'of a bare picture':>18}")
    with served(html) as address, chromium(path) as browser:
        for page in sorted((html / "chapters").glob("*.html")):
            name = page.relative_to(html).as_posix()
            runs = [first_picture(browser, address, name) for _ in range(repeats)]
            _, requests, picture = runs[0]
            bare = html / "bare-picture.html"
            bare.write_text(f"<!DOCTYPE html><title>Bare</title><img src='{picture}'>", encoding="utf-8")
            try:
                alone = [first_picture(browser, address, bare.name)[0] for _ in range(repeats)]
            finally:
                bare.unlink()
            weight = sum(gzipped_bytes(requests, address, html).values())
            seen, least = (statistics.median(times) for times in ([run[0] for run in runs], alone))
            print(f"{name:<42} {weight / 1000:>9.0f} {seen:>18.0f} {seen / least:>18.1f}", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--html", type=Path, default=ROOT / "_build" / "html", help="the built book")
    parser.add_argument("--repeats", type=int, default=3, help="visits a page; the median counts")
    options = parser.parse_args()
    if not (options.html / "chapters").is_dir():
        sys.exit(f"There is no book in {options.html}; call: make book")
    measure(options.html, options.repeats)


if __name__ == "__main__":
    main()
