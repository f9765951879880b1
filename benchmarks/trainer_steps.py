"""How fast the trainer trains in Chromium beside plain Keras: steps a second, 64-64-2, 50 images a step.

``python -m benchmarks.trainer_steps`` takes rounds by turns, so that both meet the same machine, and prints the median
of each and their ratio. "page" is the arithmetic alone, in the page's thread; "page, shown" is a press of Play: a
worker trains and the page draws. Beside it stand the processor's milliseconds of the longest task of the page's own
thread, which the load of other programs does not lengthen, and the bytes on the wire.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from companion.explorers import recording, widget
from companion.explorers.placeholder import html_of
from tests.book.browser_tools import chromium, chromium_path

ROUNDS, STEPS, BATCH, SECONDS = 5, 300, 50, 4
OPEN = """([source, shown]) => {
    const { core, open, bytes } = new Function(source +
        '; return { core: trainerCore(), open: unpackBits, bytes: bytesOfBase64 };')();
    const images = open(bytes(shown.images), shown.labels.length).slice(0, shown.train);
    const model = core.makeModel({ hidden: 64, latent: 2, seed: 1 });
    const { normal } = core.stream(2);
    window.round = steps => {
        const start = performance.now();
        for (let step = 0; step < steps; step++) {
            const at = (50 * step) % images.length;
            model.gradients(images.slice(at, at + 50), Float64Array.from({ length: 100 }, normal), 1);
            model.adam(0.005);
        }
        return 1000 * steps / (performance.now() - start);
    };
}"""


def keras_round():
    """A function that trains for a number of steps with plain ``fit`` and returns the steps a second."""
    import keras

    from companion import data
    from companion.networks import build_decoder, build_encoder
    from companion.vae import VAE

    images = data.load("digits_8x8").x_train
    shape = images.shape[1:]
    model = VAE(build_encoder(shape, 2, hidden=(64,)), build_decoder(2, shape, hidden=(64,)))
    model.compile(keras.optimizers.Adam(5e-3), jit_compile=False)
    model.fit(images, batch_size=BATCH, epochs=1, verbose=0)

    def measure(steps: int) -> float:
        epochs = steps * BATCH // len(images)
        start = time.perf_counter()
        model.fit(images, batch_size=BATCH, epochs=epochs, verbose=0)
        return epochs * len(images) / BATCH / (time.perf_counter() - start)

    return measure


def shown_round(browser, tab) -> tuple[float, float]:
    """Steps a second after a press of Play, and the longest task of the page's thread in its own milliseconds."""
    tab.reload()
    tab.locator(".explorer-live").wait_for()
    browser.start_tracing(page=tab, categories=["toplevel", "disabled-by-default-devtools.timeline"])
    start = time.perf_counter()
    tab.get_by_role("button", name="Play").click()
    tab.wait_for_timeout(1000 * SECONDS)
    tab.get_by_role("button", name="Pause").click()
    seconds = time.perf_counter() - start
    words = tab.locator(".explorer-readout", has_text="After step")
    words.wait_for()
    steps = int(words.inner_text().split("After step ")[1].split(":")[0])
    return steps / seconds, longest_task(json.loads(browser.stop_tracing())["traceEvents"])


def longest_task(events: list[dict]) -> float:
    """Milliseconds of processor time of the longest task on the page's main thread."""
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e.get("name") == "thread_name"}
    return max(
        e.get("tdur", 0) / 1000
        for e in events
        if str(e.get("name")).endswith("RunTask") and names.get((e["pid"], e["tid"])) == "CrRendererMain"
    )


def main() -> None:
    """Print a line for each contestant, the longest task and the bytes."""
    path = chromium_path()
    if path is None:
        sys.exit("No Chromium was found; install one to see how fast it trains.")
    keras_steps, facts = keras_round(), recording.read("trainer").facts
    with tempfile.TemporaryDirectory() as folder, chromium(path) as browser:
        front, own = widget.book_script(), widget.book_file("trainer")
        page = f"{html_of(recording.read('trainer'))}<script src=front_end.js defer></script>"
        for name, text in (("front_end.js", front), ("trainer.js", own), ("page.html", page)):
            Path(folder, name).write_text(text, encoding="utf-8")
        plain, shown = browser.new_page(), browser.new_page()
        plain.evaluate(OPEN, [widget.front_end(), facts["shown"]])
        shown.goto(Path(folder, "page.html").as_uri())
        plain.evaluate("round(100)")
        rounds = [
            (keras_steps(STEPS), plain.evaluate("steps => round(steps)", STEPS), *shown_round(browser, shown))
            for _ in range(ROUNDS)
        ]
    by_keras, by_page, by_shown, task = np.median(rounds, axis=0)
    print(f"{'plain Keras, fit':<20} {by_keras:>7.0f} steps/s")
    print(f"{'page':<20} {by_page:>7.0f} steps/s, {by_page / by_keras:.2f} of Keras")
    print(f"{'page, shown':<20} {by_shown:>7.0f} steps/s, {by_shown / by_keras:.2f} of Keras")
    print(
        f"longest task of the page's thread: {task:.0f} ms (median of {ROUNDS}; worst {max(r[3] for r in rounds):.0f})"
    )
    sizes = [len(gzip.compress(text.encode(), mtime=0)) for text in (front, own)]
    print(
        f"on the wire: {sizes[0]:,} bytes of front end (all explorers) + {sizes[1]:,} of the trainer's data"
    )


if __name__ == "__main__":
    main()
