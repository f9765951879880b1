"""The command: ``python -m tools.backends [--backend jax] [tests ...]``."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from tools.backends.environment import EXTRAS, ROOT, environment
from tools.colab.environment import NoEnvironment, installed

# What needs no TensorFlow: every family, and tests of single modules.
TESTS = (
    "tests/backends",
    "tests/test_autoencoder.py",
    "tests/test_loading.py",
    "tests/test_moved.py",
    "tests/test_networks.py",
    "tests/test_one_page.py",
    "tests/test_saving.py",
    "tests/test_schedules.py",
    "tests/vq_vae/test_pixel_cnn.py",
    "tests/experiments/test_backend.py",
)


def run_tests(backend: str, tests: Sequence[str]) -> int:
    """Run ``tests`` on ``backend``; returns pytest's exit code. Raises NoEnvironment."""
    python = environment(backend)
    packages = installed(python)
    if "tensorflow" in packages or "tensorflow-cpu" in packages:
        raise NoEnvironment(f"the environment for {backend} has TensorFlow, which would hide what needs it")
    print(f"keras {packages['keras']} on {backend} {packages[backend]}, without TensorFlow", flush=True)
    variables = {**os.environ, "KERAS_BACKEND": backend, "MPLBACKEND": "agg"}
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=ROOT, env=variables, check=False).returncode


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. Returns 0, or 1 where a test failed or an environment could not be made."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.backends", description="Test the package on other backends of Keras."
    )
    parser.add_argument("--backend", choices=list(EXTRAS), help="one backend (default: all)")
    parser.add_argument("tests", nargs="*", help="paths for pytest (default: all that need no TensorFlow)")
    options = parser.parse_args(argv)
    failed = []
    for backend in [options.backend] if options.backend else EXTRAS:
        try:
            code = run_tests(backend, options.tests or TESTS)
        except NoEnvironment as failure:
            print(f"backends: {failure}", file=sys.stderr)
            code = 1
        if code:
            failed.append(backend)
    print(f"backends: {', '.join(failed)} failed." if failed else "backends: all passed.")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
