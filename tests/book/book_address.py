"""Protects the book at any address: ordinary pages link relatively, a wrong address at any depth is answered with a
whole page, and a copy outside of git builds below a base path. A small book is published for the purpose.
"""

import functools
import http.server
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup

import companion
from tests.book import small_book
from tests.book.building import build

pytestmark = pytest.mark.xdist_group("book")
NOT_FOUND = "404.html"


def test_ordinary_pages_link_relatively(book):
    bad = []
    for name in set(book.pages) - {NOT_FOUND}:
        for tag in book.pages[name].find_all(["a", "link", "script", "img", "form"]):
            address = tag.get("href") or tag.get("src") or tag.get("action") or ""
            if address.startswith("/"):
                bad.append(f"{name}: {address}")
    assert bad == []


def test_the_page_for_a_wrong_address_leads_home_and_to_the_search(book):
    links = {link["href"] for link in book.pages[NOT_FOUND].select("article a")}
    assert links == {"/book/intro.html", "/search.html"}


BASE = "/some/base/"


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """A small book, served below a base path by a host that answers a wrong address with the page for it."""
    folder = tmp_path_factory.mktemp("small")
    source = small_book.write(folder / "source")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BASE_URL", f"https://name.example{BASE}")
        # The folder may lie inside of a checkout; git must not look above it.
        environment.setenv("GIT_CEILING_DIRECTORIES", str(folder))
        small = build(folder, source)
    assert small.returncode == 0, small.log
    html = small.html

    class Host(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            inside = path.removeprefix(BASE) if path.startswith(BASE) else "outside-of-the-book"
            return super().translate_path("/" + inside)

        def send_error(self, code: int, *_: object) -> None:
            body = (html / NOT_FOUND).read_bytes()
            self.send_response(code)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Host, directory=str(html))
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", html
        server.shutdown()


def answer_of(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")


def addresses_on(page: str, at: str) -> set[str]:
    """Everything that a page loads or leads to on its own host."""
    tags = BeautifulSoup(page, "html.parser").find_all(["a", "link", "script", "img", "form"])
    found = {
        tag.get("href") or tag.get("src") or tag.get("action")
        for tag in tags
        if tag.get("rel") != ["canonical"]
    }
    whole = {urljoin(at, address).partition("#")[0] for address in found if address}
    return {address for address in whole if urlsplit(address).netloc == urlsplit(at).netloc}


@pytest.mark.parametrize("wrong", ["no-such-page.html", "chapters/99_none.html", "a/b/c/d/e.html", "a/b/"])
def test_a_wrong_address_at_any_depth_is_answered_with_a_whole_page(published, wrong):
    host, _ = published
    status, page = answer_of(f"{host}{BASE}{wrong}")
    assert status == 404 and "This page does not exist" in page
    addresses = addresses_on(page, f"{host}{BASE}{wrong}")
    assert {f"{host}{BASE}book/intro.html", f"{host}{BASE}search.html"} <= addresses
    assert any(address.split("?")[0].endswith("book.css") for address in addresses)
    # A link to the page itself may stay as wrong as the address.
    failed = [each for each in addresses if each != f"{host}{BASE}{wrong}" and answer_of(each)[0] != 200]
    assert failed == []
    assert f'data-content_root="{BASE}"' in page


def test_ordinary_pages_work_below_a_base_path(published):
    host, html = published
    names = [
        path.relative_to(html).as_posix() for path in html.rglob("*.html") if "_static" not in path.parts
    ]
    seen: set[str] = set()
    assert len(names) > 5
    for name in names:
        status, page = answer_of(f"{host}{BASE}{name}")
        assert status == 200, name
        seen |= addresses_on(page, f"{host}{BASE}{name}")
    assert [address for address in sorted(seen) if answer_of(address)[0] != 200] == []
    assert all(urlsplit(address).path.startswith(BASE) for address in seen)


def small_page(published, name: str) -> BeautifulSoup:
    return BeautifulSoup((published[1] / name).read_text(encoding="utf-8"), "html.parser")


def test_a_published_page_names_its_whole_address(published):
    canonical = small_page(published, "chapters/01_first.html").select_one('link[rel="canonical"]')
    assert canonical["href"] == f"https://name.example{BASE}chapters/01_first.html"


def test_a_book_outside_of_git_says_its_version_alone(published):
    line = small_page(published, "chapters/01_first.html").select_one(".edition").get_text()
    assert line == f"Version {companion.__version__}."


def test_a_term_used_twice_gets_one_link_and_a_heading_none(published):
    page = small_page(published, "chapters/01_first.html")
    assert [link.get_text() for link in page.select("a.first-use")] == ["evidence lower bound"]
    assert all(not heading.select("a.first-use") for heading in page.find_all(["h1", "h2"]))


def test_a_chapter_that_is_not_there_is_named_without_a_link(published):
    definition = small_page(published, "book/glossary.html").select_one("dl.glossary dd")
    assert [link.get_text() for link in definition.select("a")] == ["chapter 01"]
    assert "not in chapter 99" in definition.get_text()
