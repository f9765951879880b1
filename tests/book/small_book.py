"""A book of a few pages with the real configuration, theme and extensions, for what the whole book cannot show: a copy
outside of git, published below a base path, with pages that tempt the extensions. It takes seconds to build.
"""

import shutil
from pathlib import Path

from tests.book.building import ROOT

CONTENTS = """format: jb-book
root: book/intro
chapters:
  - file: book/glossary
  - file: chapters/01_first
"""
GLOSSARY = """# Glossary

```{glossary}
ELBO
evidence lower bound
  {forms}`ELBOs`
  The bound. Taught in {chapter}`01`, and not in {chapter}`99`.
```
"""
CHAPTER = """# The ELBO in a heading

The *evidence lower bound* is used, and the ELBO is used again.

## ELBOs again

`ELBO` is code and {term}`ELBO` a link.
"""
PAGES = {
    "_toc.yml": CONTENTS,
    "book/intro.md": "# A small book\n",
    "book/glossary.md": GLOSSARY,
    "chapters/01_first.md": CHAPTER,
}


def write(folder: Path) -> Path:
    """Write the small book into ``folder``, which must not be there yet."""
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns("*.md", "__pycache__"))
    shutil.copy(ROOT / "_config.yml", folder / "_config.yml")
    (folder / "chapters").mkdir()
    for path, text in PAGES.items():
        (folder / path).write_text(text, encoding="utf-8")
    return folder
