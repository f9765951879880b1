"""Buttons and badges that open a chapter in Colab, and the button to the repository, all from one address.

That address is `repository.url` in ``_config.yml``. While it is empty there are no buttons, which is better than
buttons that lead nowhere. What Jupyter Book would have an author set beside it follows from it here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

# The project's own folder, for its tools.
sys.path.append(str(Path(__file__).resolve().parents[2]))

from tools.repository import COLAB, NoRepository, Repository

# The hosts that the theme can link to; it stops at any other.
LINKED_HOSTS = ("github.com", "gitlab.com", "bitbucket.org")


def published(config: Config) -> Repository | None:
    """The repository that the configuration names, if any."""
    options = config.html_theme_options
    try:
        return Repository.named(options.get("repository_url"), options.get("repository_branch"))
    except NoRepository as fault:
        raise ExtensionError(str(fault)) from fault


def set_buttons(app: Sphinx, config: Config) -> None:
    """Tell the theme which buttons there are."""
    repository, options = published(config), config.html_theme_options
    linked = repository is not None and any(host in repository.url for host in LINKED_HOSTS)
    options["use_repository_button"] = linked
    options["repository_url"] = repository.url if repository and linked else ""
    options["repository_branch"] = repository.branch if repository else "main"
    colab = COLAB if repository and repository.colab else ""
    options["launch_buttons"] = {**(options.get("launch_buttons") or {}), "colab_url": colab}


def add_badge(app: Sphinx, tree: nodes.document, page: str) -> None:
    """Put the badge under the title of a page that is a notebook."""
    repository = published(app.config)
    if repository is None or repository.colab is None or not str(app.env.doc2path(page)).endswith(".ipynb"):
        return
    section = next(tree.findall(nodes.section), None)
    if section is None:
        return
    badge = nodes.paragraph(classes=["open-in-colab"])
    badge += nodes.reference("", "Open in Colab", refuri=f"{repository.colab}/{page}.ipynb", internal=False)
    section.insert(1, badge)


def setup(app: Sphinx) -> dict[str, object]:
    """Set the buttons before the theme looks at them, and add the badges while pages are written."""
    app.connect("config-inited", set_buttons, priority=300)
    app.connect("doctree-resolved", add_badge)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
