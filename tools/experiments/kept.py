"""What one arm has computed for all arms of its seed, kept in a file beside the folders of the runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def kept(path: Path, compute: Callable[[], Any]) -> Any:
    """What another arm has computed and left in the file ``path``; else what is computed now, and left there."""
    if not path.exists():
        partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
        partial.write_text(json.dumps(compute()), encoding="utf-8")
        os.replace(partial, path)
    return json.loads(path.read_text(encoding="utf-8"))
