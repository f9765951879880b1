"""How long the explorers' decoders take in Chromium: milliseconds a decode, the median and the slowest in twenty.

``python -m benchmarks.explorer_decodes`` runs every recorded decoder, and the convolutional decoder of chapter 05 with
untrained weights, on 200 codes each. Milliseconds differ from machine to machine.
"""

from __future__ import annotations

import sys
from base64 import b64encode

import numpy as np

from companion.explorers import recording
from companion.explorers.decoders import Arrays, steps_of
from companion.explorers.packing import pack
from companion.explorers.widget import front_end
from tests.book.browser_tools import chromium, chromium_path

CODES, WARM_UP = 200, 20
TIME = """([source, weights, entries, steps, codes, condition]) => {
    const { decode, unpack, bytes } = new Function(
        source + '; return { decode: makeDecoder, unpack: unpackArrays, bytes: bytesOfBase64 };')();
    const run = decode(steps, unpack(bytes(weights), entries));
    return codes.map(code => {
        const start = performance.now();
        run(code, condition);
        return performance.now() - start;
    });
}"""


def convolutional() -> tuple[bytes, list, list]:
    """The decoder of chapter 05 as packed weights and steps."""
    from companion.networks import build_conv_decoder

    arrays = Arrays()
    steps = steps_of(build_conv_decoder(2, (28, 28, 1), filters=(64, 32, 16), seed=0), arrays)
    return *pack(arrays.values, "int8"), steps


def measure(tab, name: str, weights: bytes, entries: list, steps: list) -> None:
    """Print one line for a decoder."""
    first = steps[0]
    length = int(np.prod(first["from"])) if "from" in first else entries[first["kernel"]]["shape"][0]
    codes = np.random.default_rng(0).normal(size=(WARM_UP + CODES, length)).tolist()
    joins = [step for step in steps if step["do"] == "join"]
    condition = [1.0] + [0.0] * 9 if joins else None
    times = tab.evaluate(TIME, [front_end(), b64encode(weights).decode(), entries, steps, codes, condition])[
        WARM_UP:
    ]
    print(f"{name:<32} {np.median(times):>9.2f} {np.quantile(times, 0.95):>14.2f}", flush=True)


def main() -> None:
    """Print a line for every decoder."""
    path = chromium_path()
    if path is None:
        sys.exit("No Chromium was found; install one to see how long its decodes take.")
    print(f"{'decoder':<32} {'median ms':>9} {'95 % within ms':>14}")
    with chromium(path) as browser:
        tab = browser.new_page()
        for name in recording.names():
            recorded = recording.read(name)
            for decoder, steps in recorded.facts["decoders"].items():
                measure(tab, f"{name}, {decoder}", recorded.weights, recorded.facts["arrays"], steps)
        measure(tab, "convolutional, as in chapter 05", *convolutional())


if __name__ == "__main__":
    main()
