"""The page for an address that does not exist, and the path below which the book is published.

Ordinary pages link to one another relatively and work wherever they lie. The page *not found* cannot: a host shows it
for any address at any depth, so its links begin at the root of the book. Where that lies is said by the environment
variable ``BASE_URL``, else by ``html: baseurl`` in ``_config.yml``, else it is ``/``. Either is a full address,
``https://name.example/course/``, or a path alone, ``/course/``.
"""

from __future__ import annotations

import os
from html import escape
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

HOME = "book/intro.html"
SEARCH = "search.html"


def base_path(address: str) -> str:
    """The path of ``address`` with a slash at both ends; ``/`` for none. Raises ``ExtensionError`` for no address."""
    parts = urlsplit(address.strip())
    is_whole = parts.scheme in ("http", "https") and parts.netloc
    is_path = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    if (address.strip() and not (is_whole or is_path)) or parts.query or parts.fragment:
        raise ExtensionError(
            f"the book's base address is {address!r}: expected an address or a path that begins with a slash; "
            f"set for example BASE_URL=https://name.example/course/ or BASE_URL=/course/"
        )
    inner = parts.path.strip("/")
    return f"/{inner}/" if inner else "/"


def not_found_body(base: str) -> str:
    """What the page says, with ways out that hold at any depth."""
    home, search = escape(base + HOME), escape(base + SEARCH)
    return (
        "<h1>This page does not exist</h1>\n"
        "<p>The address may have a letter too many, or the page has moved since it was linked.</p>\n"
        f'<ul><li><a href="{home}">To the first page</a></li>\n'
        f'<li><a href="{search}">Search the book</a></li></ul>'
    )


def set_base(app: Sphinx, config: Config) -> None:
    """Tell the page *not found*, and where a full address is known all other pages, where the book lies."""
    address = os.environ.get("BASE_URL") or config.html_baseurl or ""
    base = base_path(address)
    if "://" in address:
        config.html_baseurl = address.rstrip("/") + "/"
    config.notfound_urls_prefix = base
    config.notfound_context = {"title": "Page not found", "body": not_found_body(base)}


def set_root(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: object) -> None:
    """The page's scripts, too, must look for the book's other files at its root."""
    if page == app.config.notfound_pagename:
        context["content_root"] = app.config.notfound_urls_prefix


def setup(app: Sphinx) -> dict[str, object]:
    """Load the extension that writes the page, and set its prefix before it looks at it."""
    app.setup_extension("notfound.extension")
    app.connect("config-inited", set_base, priority=400)
    app.connect("html-page-context", set_root)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
