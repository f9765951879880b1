"""Images from disk, a service under load, files for other engines and replicas, measured. Chapter 15."""

from __future__ import annotations

import http.client
import json
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from companion.distribute import write_shards

SHAPE = (28, 28, 1)
BATCH = 128
SERVER = """
import sys
import keras
from companion.export import application
from companion.vae import VAE
import uvicorn
uvicorn.run(application(VAE(latent_dim=2, seed=0), most_waiting=8), port=int(sys.argv[1]), log_level="error")
"""


def streamed(seed: int, n: int, how: str, folder: Path) -> dict[str, float]:
    """Read ``n`` images once, as batches from shards or as one array, and say what that took.

    ``memory`` is the growth of the process's peak after the libraries were warmed up, in MB; ``rate`` is images per
    second. Both also as decimal logarithms. The files were written just before, so the system may still hold them.
    """
    shards = write_shards(_bytes(n, seed), folder / "shards")
    warm = write_shards(_bytes(2 * BATCH, seed), folder / "warm", shard_size=BATCH)
    _walk(warm.dataset(BATCH))
    before, started = _peak_mb(), time.perf_counter()
    if how == "array":
        images = np.concatenate([batch.numpy() for batch in shards.dataset(BATCH, seed=seed)])
        seen = sum(len(images[at : at + BATCH]) for at in range(0, n, BATCH))
    else:
        seen = _walk(shards.dataset(BATCH, seed=seed))
    seconds = time.perf_counter() - started
    assert seen == n
    shutil.rmtree(folder / "shards")
    memory, rate = max(_peak_mb() - before, 0.1), n / seconds
    return {
        "memory": memory,
        "rate": rate,
        "log_memory": float(np.log10(memory)),
        "log_seconds": float(np.log10(seconds)),
    }


def served(seed: int, clients: int, seconds: float) -> dict[str, float]:
    """Let ``clients`` ask a service on the loopback for ``seconds``, each as soon as it has its answer.

    Half of the requests reconstruct four images and half sample four. ``rate`` counts answers per second that held
    images, ``refused`` is the share of 503 among all, ``p50`` and ``p99`` are milliseconds of answers with images, and
    ``lost`` counts requests without an answer or with another status.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(port)])
    try:
        _wait_for(port)
        bodies = _bodies(seed)
        told: list[tuple[int, float]] = []
        for path, body in bodies:  # what is traced and compiled at the first call is not counted
            _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=60), path, body)
        until = time.perf_counter() + seconds
        threads = [
            threading.Thread(target=_client, args=(port, bodies, number, until, told))
            for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        server.terminate()
        server.wait()
    good = np.array([taken for status, taken in told if status == 200])
    refused = sum(status == 503 for status, _ in told)
    return {
        "rate": len(good) / seconds,
        "p50": float(1e3 * np.quantile(good, 0.5)),
        "p99": float(1e3 * np.quantile(good, 0.99)),
        "refused": refused / len(told),
        "lost": float(len(told) - len(good) - refused),
    }


def exported(seed: int, ending: str, folder: Path) -> dict[str, float]:
    """The largest difference of each part from Keras after a round trip through a file, with the file's size.

    ``milliseconds`` is one image through the encoder, median of 200 calls. ``whole`` is 1 where the whole model, which
    draws noise, gives outputs in this format.
    """
    from companion import export
    from companion.vae import VAE

    vae = VAE(latent_dim=8, seed=seed)
    draws = np.random.default_rng(seed)
    noise = draws.normal(size=(20, 8)).astype("float32")
    given = {"images": draws.random((20, *SHAPE)).astype("float32"), "codes": noise, "noise": noise}
    figures: dict[str, float] = {"megabytes": 0.0}
    for part in export.PARTS:
        path = export.save_part(vae, part, folder / f"{part}{ending}")
        whole = export.as_part(vae, part)
        inputs = {name: given[name] for name in whole.takes}
        values = list(inputs.values())
        wanted = whole(values if len(values) > 1 else values[0])
        found = export.load_part(path)(**inputs)
        figures[part] = max(float(np.abs(found[name] - np.asarray(wanted[name])).max()) for name in wanted)
        figures["megabytes"] += _size(path) / 1e6
    encode, one = export.load_part(folder / f"encoder{ending}"), given["images"][:1]
    taken = []
    for _ in range(200):
        started = time.perf_counter()
        encode(images=one)
        taken.append(time.perf_counter() - started)
    figures["milliseconds"] = 1e3 * float(np.median(taken))
    try:
        vae.export(str(folder / f"whole{ending}"), format=export.format_of(f"a{ending}"), verbose=False)
        export.load_part(folder / f"whole{ending}")(**_whole_input(ending, given["images"]))
        figures["whole"] = 1.0
    except Exception:  # of its own in every engine: what is recorded is that it fails
        figures["whole"] = 0.0
    return figures


def _whole_input(ending: str, images: np.ndarray) -> dict[str, np.ndarray]:
    return {"x" if ending else "args_0": images}


def _bytes(n: int, seed: int, chunk: int = 8192) -> Iterator[np.ndarray]:
    draws = np.random.default_rng(seed)
    for start in range(0, n, chunk):
        yield draws.integers(0, 256, (min(chunk, n - start), *SHAPE), dtype=np.uint8)


def _walk(dataset: Any) -> int:
    return sum(len(batch) for batch in dataset)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in files if each.is_file())


def _bodies(seed: int) -> list[tuple[str, bytes]]:
    images = np.random.default_rng(seed).random((4, *SHAPE)).round(3)
    return [
        ("/reconstruct", json.dumps({"images": images.tolist()}).encode()),
        ("/sample", json.dumps({"n": 4, "seed": seed}).encode()),
    ]


def _wait_for(port: int) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("the service did not start within two minutes")


def _client(port: int, bodies: Any, number: int, until: float, told: list[tuple[int, float]]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    turn = number
    while time.perf_counter() < until:
        started = time.perf_counter()
        try:
            status = _ask(connection, *bodies[turn % 2])
        except (OSError, http.client.HTTPException):
            status = 0
            connection.close()
        told.append((status, time.perf_counter() - started))
        if status == 503:
            time.sleep(0.02)  # a client that is told to wait waits
        turn += 1


def _ask(connection: http.client.HTTPConnection, path: str, body: bytes) -> int:
    connection.request("POST", path, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status
