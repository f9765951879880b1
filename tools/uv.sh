#!/bin/sh
# Runs uv for the environment in folder $1, after making sure that both are there:  sh tools/uv.sh VENV pip install ...
#
# The environment is made with the first Python 3.11, 3.12 or 3.13 that really runs (a version manager may put a
# `python3.12` on the path that only prints an error), or with the one named in PYTHON. An environment that exists,
# such as a conda prefix, is used as it is. uv is brought into it with pip where the path has none.
set -eu

# A Python started from inside another environment must not inherit that environment's settings.
unset PYTHONHOME PYTHONPATH __PYVENV_LAUNCHER__
# uv would fetch a Python of its own where it dislikes the one that is here.
export UV_PYTHON_DOWNLOADS=never

stop() {
    echo "$1" >&2
    exit 1
}

is_python_3_11_to_3_13() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' </dev/null >/dev/null 2>&1
}

can_make_environments() {
    "$1" -c 'import ensurepip, venv' </dev/null >/dev/null 2>&1
}

make_environment() {
    tried=${PYTHON:-python3 python3.13 python3.12 python3.11}
    for candidate in $tried; do
        if is_python_3_11_to_3_13 "$candidate" && can_make_environments "$candidate"; then
            echo "Making $1 with $("$candidate" --version)." >&2
            "$candidate" -m venv "$1"
            return
        fi
    done
    stop "No Python 3.11, 3.12 or 3.13 that runs and has venv (tried: $tried); install one and name it: make book PYTHON=python3.12"
}

venv=$1
shift
[ -n "$venv" ] || stop "VENV is empty: activate the conda environment first, or leave VENV away to have .venv made."
[ -x "$venv/bin/python" ] || make_environment "$venv"
is_python_3_11_to_3_13 "$venv/bin/python" ||
    stop "$venv holds no Python 3.11, 3.12 or 3.13 that runs; remove that folder and call make again."

if command -v uv >/dev/null 2>&1; then
    exec uv "$@"
fi
[ -x "$venv/bin/uv" ] || "$venv/bin/python" -m pip install -qq --disable-pip-version-check uv >&2
exec "$venv/bin/uv" "$@"
