"""Say where the book is published: ``make set-repository URL=https://github.com/OWNER/NAME [BRANCH=main]``.

One line of `_config.yml` says it; links, badges and the chapters' first cells follow.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tools import first_cell
from tools.execute import write_whole
from tools.repository import NoRepository, Repository

ROOT = Path(__file__).resolve().parent.parent


def set_repository(url: str, branch: str, root: Path = ROOT) -> None:
    """Write the address into ``root/_config.yml``. Raises :class:`NoRepository` for what is none."""
    found = Repository.named(url, branch)
    path = root / "_config.yml"
    text = path.read_text(encoding="utf-8")
    lines = {"url": f'"{found.url if found else ""}"', "branch": found.branch if found else branch or "main"}
    for name, value in lines.items():
        pattern = rf"(?m)(^repository:\n(?:  .*\n)*?  {name}: ).*$"
        text, count = re.subn(pattern, lambda line, value=value: line[1] + value, text, count=1)  # type: ignore[misc]
        if count != 1:
            raise NoRepository(f"_config.yml has no line `{name}:` under `repository:`; put it back")
    write_whole(path, text)


def main(argv: Sequence[str], root: Path = ROOT) -> int:
    """The command line: an address, empty for none, and a branch."""
    try:
        set_repository(argv[0] if argv else "", argv[1] if len(argv) > 1 else "main", root)
    except NoRepository as fault:
        print(fault, file=sys.stderr)
        return 1
    return first_cell.main(root)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
