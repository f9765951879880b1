"""Where the book is published: the one place that says so is `repository` in `_config.yml`.

From its `url` follow the Colab buttons, the badges and the repository button of the pages
(`book/_ext/colab_links.py`) and the address from which a chapter's first cell installs the package
(`tools/first_cell.py`). While it is empty there is none of them.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]

ADDRESS = re.compile(r"https://(?P<host>[\w.-]+)/(?P<name>[\w.-]+(?:/[\w.-]+)*/[\w.-]+)")
BRANCH = re.compile(r"[\w./-]+")
COLAB = "https://colab.research.google.com"


class NoRepository(ValueError):
    """What stands in `_config.yml` is no address of a repository. The message says what one looks like."""


@dataclass(frozen=True)
class Repository:
    """A repository with the book in it, and the branch whose files are linked to."""

    url: str
    branch: str = "main"

    @classmethod
    def named(cls, url: str | None, branch: str | None = None) -> "Repository | None":
        """The repository at ``url``; None for an empty one. Raises :class:`NoRepository` for what is no address."""
        url = (url or "").strip().rstrip("/").removesuffix(".git")
        if not url:
            return None
        if not ADDRESS.fullmatch(url) or not BRANCH.fullmatch(branch or "main"):
            raise NoRepository(
                f"_config.yml: repository.url is {url!r} and repository.branch {branch!r}; expected an address such as "
                "https://github.com/owner/name and a branch such as main, or no url while there is none"
            )
        return cls(url, branch or "main")

    @property
    def colab(self) -> str | None:
        """Where Colab opens files of this repository; None outside of GitHub, from which alone it does."""
        found = ADDRESS.fullmatch(self.url)
        if found is None or found["host"] != "github.com" or found["name"].count("/") != 1:
            return None
        return f"{COLAB}/github/{found['name']}/blob/{self.branch}"

    @property
    def package(self) -> str:
        """What pip takes to install the package from this repository."""
        return f"git+{self.url}@{self.branch}"


def configured(root: Path) -> Repository | None:
    """The repository that ``root/_config.yml`` names, if any."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    repository = config.get("repository") or {}
    return Repository.named(repository.get("url"), repository.get("branch"))
