"""Protects the built pages: built without a warning, every link leads somewhere, every picture is described, every
formula is drawn, nothing is loaded from another host, and no path of a machine is told.
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from docutils import nodes

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.xdist_group("book")

# Tags that make a browser fetch something, and the attribute that names it. Links that a reader may click are not among
# them; they may lead anywhere.
LOADING = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "object": ("data",),
    "embed": ("src",),
    "video": ("src", "poster"),
    "audio": ("src",),
}
STYLE_URL = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")
RAW_LATEX = re.compile(r"\\[A-Za-z]+|\$[^$\n]+\$")


def test_build_has_no_warning(book):
    problems = [line for line in book.log.splitlines() if re.search(r"WARNING|ERROR|ExtensionError", line)]
    assert book.returncode == 0, "\n".join(problems) or book.log[-3000:]


def test_signatures_are_read(book):
    """Sphinx prints a signature that it cannot read as one long word, with ``~`` before its types."""
    signatures = [
        (name, signature.get_text())
        for name, page in book.pages.items()
        for signature in page.select("dt.sig")
    ]
    assert len(signatures) > 100
    assert [(name, text) for name, text in signatures if "~" in text or "<" in text] == []


def test_build_takes_less_time_than_ten_starts_of_keras_for_eleven_chapters(book):
    # A start of Keras takes 3.8 seconds of a quiet processor and was measured beside the build, so that a slow machine,
    # or the tests that run at the same time, do not turn this red. Every chapter brings its pages.
    chapters = [name for name in book.pages if name.startswith("chapters/")]
    assert book.seconds < 10 * book.start_seconds * len(chapters) / 11


def test_make_book_runs_the_command_that_is_checked_here():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "build -W -n --keep-going" in recipe


def test_every_page_of_the_contents_is_built(book):
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    listed = re.findall(r"(?m)^(?!\s*#).*?(?:root|file):\s*([\w/]+)", contents)
    assert len(listed) > 15
    assert [name for name in listed if f"{name}.html" not in book.pages] == []


def address_of(tag) -> str:
    """Where a tag leads, or what it loads; a page that leads on says so in a tag of its own."""
    if tag.get("http-equiv", "").lower() == "refresh":
        return tag["content"].partition("url=")[2]
    return tag.get("href") or tag.get("src") or tag.get("action") or ""


def test_internal_links_and_anchors_lead_somewhere(book):
    anchors = {
        name: {
            tag.get("id") or tag.get("name")
            for tag in page.find_all(lambda tag: tag.get("id") or tag.get("name"))
        }
        for name, page in book.pages.items()
    }
    bad, checked = [], 0
    for name, page in book.pages.items():
        for address in map(
            address_of, page.find_all(["a", "link", "script", "img", "source", "form", "meta"])
        ):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or not (parts.path or parts.fragment):
                continue
            checked += 1
            # Only the page for a wrong address has paths from the root; a check of its own says so.
            start = book.html if parts.path.startswith("/") else (book.html / name).parent
            target = start / unquote(parts.path).lstrip("/") if parts.path else book.html / name
            target = target.resolve()
            if not target.is_file():
                bad.append(f"{name}: {address} has no file")
                continue
            within = target.relative_to(book.html.resolve()).as_posix()
            if parts.fragment and within in anchors and unquote(parts.fragment) not in anchors[within]:
                bad.append(f"{name}: {address} has no such anchor")
    assert checked > 500
    assert bad == []


def test_no_address_is_a_placeholder(book):
    links = {tag["href"] for page in book.pages.values() for tag in page.find_all("a", href=True)}
    names = ("example.com", "example.org", "executablebooks", "localhost", "127.0.0.1")
    assert [link for link in sorted(links) if any(name in link for name in names)] == []


def test_every_picture_is_described(book):
    bad, checked = [], 0
    for name, page in book.pages.items():
        for image in page.find_all("img"):
            checked += 1
            alt = image.get("alt")
            is_decoration = alt == "" and not image.find_parent("article")
            is_file_name = (
                re.search(r"_images/|\.(png|svg|webp|jpe?g|gif)$", alt or "") or alt in image["src"]
            )
            if not is_decoration and (not alt or is_file_name or len(alt.split()) < 5):
                bad.append(f"{name}: {image.get('src')} has alt {alt!r}")
    assert checked > len(book.pages) / 2
    assert bad == []


def test_every_formula_is_drawn(book):
    total = 0
    for name, tree in book.trees.items():
        page = book.pages[f"{name}.html"]
        article = page.select_one("article.bd-article")
        inline, blocks = (len(list(tree.findall(kind))) for kind in (nodes.math, nodes.math_block))
        drawn = article.select(".drawn-math > svg, .drawn-equation-body > svg")
        assert len(drawn) == inline + blocks, name
        assert len(article.select(".spoken-math > math")) == len(drawn), name
        assert all(svg.find(["path", "rect"]) for svg in drawn), name
        total += len(drawn)
    assert total > 50


def test_no_raw_latex_is_left(book):
    bad = []
    for name, page in book.pages.items():
        article = page.select_one("article.bd-article")
        for text in article.find_all(string=RAW_LATEX) if article else []:
            if not text.find_parent(["pre", "code", "script", "style"]):
                bad.append(f"{name}: {text.strip()[:80]}")
    assert bad == []


def test_pages_load_nothing_from_another_host(book):
    bad = []
    for name, page in book.pages.items():
        for tag in page.find_all(list(LOADING)):
            for attribute in LOADING[tag.name]:
                address = tag.get(attribute) or ""
                if re.match(r"(https?:)?//", address):
                    bad.append(f"{name}: <{tag.name}> {address}")
        bad += [
            f"{name}: style {url}"
            for style in page.find_all("style")
            for url in STYLE_URL.findall(style.text)
        ]
    for sheet in sorted(book.html.rglob("*.css")):
        bad += [
            f"{sheet.name}: {url}"
            for url in STYLE_URL.findall(sheet.read_text(encoding="utf-8", errors="replace"))
        ]
    assert bad == []


def test_no_script_for_mathematics_or_widgets_is_loaded(book):
    names = {tag["src"] for page in book.pages.values() for tag in page.find_all("script", src=True)}
    assert [
        name for name in sorted(names) if re.search(r"mathjax|katex|require|embed-amd|thebe", name, re.I)
    ] == []


def test_pages_carry_no_path_of_this_machine(book):
    secrets = {str(ROOT), str(book.folder), str(Path.home())} - {"/"}
    bad = [
        f"{path.relative_to(book.html)}: {secret}"
        for path in sorted(book.html.rglob("*"))
        if path.suffix in {".html", ".js", ".txt", ".ipynb", ".md"}
        for secret in secrets
        if f"{secret}/" in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert bad == []


def test_every_public_module_has_a_page(book):
    import companion

    documented = {
        tag.get("id", "") for page in book.pages.values() for tag in page.select("article [id^=module-]")
    }
    modules = {f"module-companion.{name}" for name in companion._MODULES}
    assert modules - documented == set()
