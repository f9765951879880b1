"""Pack a built book into one file that opens without a network: ``python -m tools.archive HTML_FOLDER FILE.zip``.

Entries are sorted and bear one date, so that the same pages give the same file.
"""

import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

DATE = (2026, 1, 1, 0, 0, 0)


def pack(pages: Path, archive: Path) -> int:
    """Write ``archive`` from the folder ``pages`` and return how many files it holds."""
    files = sorted(path for path in pages.rglob("*") if path.is_file())
    part = archive.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in files:
            entry = zipfile.ZipInfo(f"{archive.stem}/{path.relative_to(pages).as_posix()}", DATE)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            packed.writestr(entry, path.read_bytes())
    part.replace(archive)
    return len(files)


def main(argv: Sequence[str]) -> int:
    """The command line. Returns 1 where there is no built book."""
    pages, archive = Path(argv[0]), Path(argv[1])
    if not (pages / "index.html").is_file():
        print(f"{pages} holds no built book; call make book first", file=sys.stderr)
        return 1
    print(f"{archive}: {pack(pages, archive)} files; unpack it and open {archive.stem}/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
