"""Protects readers who do not see the page as it was drawn: axe finds nothing on any page, in light and dark, on a desk
and on a phone, with drawers and menus open, and with the buttons that a published book has.
"""

from importlib.resources import files
from pathlib import Path

import nbformat
import pytest

from tests.book import small_book
from tests.book.browser_tools import DESKTOP, PHONE, Watched, served
from tests.book.building import Book, build

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# Every rule, also those that axe keeps turned off, such as the one on the size of targets; not those of level AAA.
RUN_AXE = """async ([area, known]) => {
    const areColours = area === 'colours';
    // What is laid out after the page has loaded has settled two frames later.
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    const looks = new Set(known);
    if (areColours) LOOK_ALIKE
    if (areColours && looks.size === known.length) return {found: [], looks: known};
    const ofColour = name => /contrast|link-in-text/.test(name), ofLayout = name => /target-size|scrollable/.test(name);
    const belongs = {colours: ofColour, layout: ofLayout, structure: name => !ofColour(name)}[area];
    const chosen = rule => !rule.tags.includes('wcag2aaa') && belongs(rule.ruleId);
    const found = await axe.run({include: [document], exclude: areColours ? ['[data-look-alike]'] : []}, {
        resultTypes: ['violations'],
        // Else axe would ask for style sheets a second time.
        preload: false,
        runOnly: axe.getRules().filter(chosen).map(rule => rule.ruleId),
    });
    const told = found.violations.map(({impact, id, nodes}) => ({impact, id, nodes: nodes.map(node => node.html)}));
    return {found: told, looks: [...looks]};
}"""
# An element that looks like another one has its contrast, too, and measuring contrast takes long: of all elements with
# text of their own, one is measured of those whose computed styles, as far as contrast and links in text depend on
# them, agree from the element up to the body; on the pages that follow, none. axe leaves out an element with all that
# is in it, so that one is left out only where nothing in it has to be measured.
LOOK_ALIKE = """{
    const parts = ['color', 'backgroundColor', 'backgroundImage', 'opacity', 'fontSize', 'fontWeight', 'fontStyle',
        'textDecorationLine', 'borderBottomStyle', 'textShadow', 'mixBlendMode', 'filter', 'visibility', 'position'];
    // A short name of a long text: 64 bits.
    const named = text => {
        let [one, other] = [1, 2];
        for (let place = 0; place < text.length; place++) {
            one = Math.imul(one ^ text.charCodeAt(place), 0x9e3779b1);
            other = Math.imul(other ^ text.charCodeAt(place), 0x85ebca77) + (one >>> 13) | 0;
        }
        return `${one >>> 0}-${other >>> 0}`;
    };
    const names = new Map(), measured = new Set();
    const look = element => {
        if (!element) return '';
        if (!names.has(element)) {
            const style = getComputedStyle(element);
            const own = [element.tagName, element.hasAttribute('disabled'), ...parts.map(part => style[part])];
            names.set(element, named(own.join('|') + '>' + look(element.parentElement)));
        }
        return names.get(element);
    };
    const hasText = element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    for (const element of document.body.querySelectorAll('*')) {
        element.removeAttribute('data-look-alike');
        // What a control shows is no text of the page.
        const isControl = element.matches('input, select, textarea');
        if (!isControl && !hasText(element) || looks.has(look(element))) continue;
        looks.add(look(element));
        for (let each = element; each; each = each.parentElement) measured.add(each);
    }
    for (const element of document.body.querySelectorAll('*'))
        // Only the outermost: axe compares every element with every one that is left out.
        if (element.textContent.trim() && !measured.has(element) && measured.has(element.parentElement))
            element.setAttribute('data-look-alike', '');
}"""
# A minor one remains: a formula that scrolls can be reached by the Tab key, as it must, and is no widget.
BAD = {"moderate", "serious", "critical"}
# One page of each kind.
KINDS = (
    "book/intro.html",
    "chapters/04_objectives.html",
    "book/api/vae.html",
    "book/results.html",
    "search.html",
)
# Leaves of an article one part alone, under its headings: for what has come to life in it. axe takes a minute over
# a whole chapter, which it has looked at here already.
ALONE = """part => {
    for (; !part.matches('article'); part = part.parentElement)
        for (const other of [...part.parentElement.children])
            if (other !== part && !/^H[1-6]$/.test(other.tagName)) other.remove();
}"""
NOTEBOOK = "chapters/02_notebook"
SETTINGS = {"reduced_motion": "reduce", "color_scheme": "light"}


class Looks(dict[str, list[str]]):
    """The looks of elements that were measured on earlier pages of the same width, by colour scheme."""


def violations(
    tab, areas: tuple[str, ...] = ("structure", "colours"), looks: Looks | None = None, scheme: str = ""
) -> list[str]:
    """What axe finds bad on the page that the tab shows: impact, rule and the first element concerned.

    ``areas``: ``structure``, all rules but those of ``colours``; ``layout``, those of them that ask where things lie.

    Colours are measured of elements whose look is not among ``looks``, which then holds them, too.
    """
    tab.evaluate(f"() => {{ if (!window.axe) {{ {AXE} }} }}")
    looks = Looks() if looks is None else looks
    bad = []
    for area in areas:
        colours = area == "colours"
        known = looks.get(scheme, []) if colours else []
        told = tab.evaluate(RUN_AXE.replace("LOOK_ALIKE", LOOK_ALIKE), [area, known])
        if colours:
            looks[scheme] = told["looks"]
        bad += [
            f"{found['impact']} {found['id']} ({len(found['nodes'])}): {found['nodes'][0][:150]}"
            for found in told["found"]
            if found["impact"] in BAD
        ]
    return bad


def violations_in_both_schemes(seen: Watched, looks: Looks | None = None) -> list[str]:
    """The same in light and dark, without loading the page anew; only colours differ."""
    bad = []
    for scheme, areas in (("light", ("structure", "colours")), ("dark", ("colours",))):
        seen.tab.emulate_media(color_scheme=scheme)
        seen.tab.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
        bad += [f"{seen.name}, {scheme}: {found}" for found in violations(seen.tab, areas, looks, scheme)]
    seen.tab.emulate_media(color_scheme="light")
    return bad


def test_no_page_has_a_violation(book, browser, address):
    bad, looks = [], Looks()
    with Watched(browser, address, viewport=DESKTOP, **SETTINGS) as seen:
        for name in book.readable:
            seen.open(address, name)
            bad += violations_in_both_schemes(seen, looks)
    assert bad == []


def test_no_page_has_a_violation_on_a_phone(book, browser, address):
    bad, looks = [], Looks()
    with Watched(browser, address, viewport=PHONE, **SETTINGS) as seen:
        for name in book.readable:
            seen.open(address, name)
            # Colours and structure are those of a desk, but for what all pages of a kind share, such as the buttons of
            # a phone's header; sizes and what scrolls are each page's own.
            found = (
                violations_in_both_schemes(seen, looks)
                if name in KINDS
                else violations(seen.tab, ("layout",))
            )
            bad += [f"{name}: {what}" for what in found]
    assert bad == []


@pytest.mark.parametrize("opener", [".primary-toggle", ".secondary-toggle", ".search-button"])
def test_nothing_is_wrong_in_what_a_button_opens_on_a_phone(browser, address, opener):
    with Watched(browser, address, viewport=PHONE, **SETTINGS) as seen:
        seen.open(address, "book/notation.html")
        seen.tab.locator(f".bd-header-article {opener}").click()
        seen.tab.locator("dialog[open]").wait_for()
        assert violations_in_both_schemes(seen) == []


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A small book with a notebook and the address of a repository, which brings more buttons."""
    folder = tmp_path_factory.mktemp("published")
    source = small_book.write(folder / "source")
    settings = (source / "_config.yml").read_text(encoding="utf-8")
    assert '\n  url: ""\n' in settings
    settings = settings.replace('\n  url: ""\n', "\n  url: https://github.com/reader/book\n")
    (source / "_config.yml").write_text(settings, encoding="utf-8")
    contents = (source / "_toc.yml").read_text(encoding="utf-8")
    (source / "_toc.yml").write_text(f"{contents}  - file: {NOTEBOOK}\n", encoding="utf-8")
    title = nbformat.v4.new_markdown_cell("# A notebook\n\nIt has one cell.")
    notebook = nbformat.v4.new_notebook(cells=[title, nbformat.v4.new_code_cell("1 + 1")])
    notebook.metadata = {"language_info": {"name": "python", "pygments_lexer": "python"}}
    nbformat.write(notebook, source / f"{NOTEBOOK}.ipynb")
    return build(folder, source)


def test_nothing_is_wrong_with_the_buttons_of_a_published_book(published, browser):
    assert published.returncode == 0, published.log
    links = [link["href"] for link in published.pages[f"{NOTEBOOK}.html"].select(".article-header-buttons a")]
    assert any(link.startswith("https://colab.research.google.com/github/reader/book") for link in links)
    assert "https://github.com/reader/book" in links
    with served(published.html) as address, Watched(browser, address, viewport=DESKTOP, **SETTINGS) as seen:
        seen.open(address, f"{NOTEBOOK}.html")
        for menu in seen.tab.locator(".article-header-buttons .dropdown-toggle:visible").all():
            menu.click()
            assert violations_in_both_schemes(seen) == []
        assert seen.problems == []


PALE = ".pale, tr:nth-child(even), div > .a + .a"
STRANGERS = {
    "its own style": '<p class="a">Dark</p><p class="a" style="color: #aaa">Pale</p>',
    "another class": '<p class="a">Dark</p><p class="a pale">Pale</p>',
    "another parent": '<p class="a">Dark</p><div class="pale"><p class="a">Pale</p></div>',
    "every other row": "<table><tr><td>Dark<tr><td>Pale<tr><td>Dark</table>",
    "in a twin": '<div class="a">Dark<b>Dark</b></div><div class="a">Dark<b>Dark <i class="pale">Pale</i></b></div>',
    "its place among its like": '<div><p class="a">Dark</p><p class="a">Pale</p></div>',
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_of_elements_that_look_alike_only_true_twins_are_left_out(browser, tmp_path: Path, stranger):
    """Ten dark twins stand before a pale element, which differs from them in one thing."""
    twins = '<p class="a">Dark</p>' * 10
    (tmp_path / "page.html").write_text(
        f"<!DOCTYPE html><html lang=en><title>Twins</title><style>{PALE} {{ color: #aaa }}</style>"
        f"<main><h1>Twins</h1>{twins}{STRANGERS[stranger]}</main>",
        encoding="utf-8",
    )
    with served(tmp_path) as address, Watched(browser, address, **SETTINGS) as seen:
        seen.open(address, "page.html")
        (found,) = violations(seen.tab, ("colours",))
        assert found.startswith("serious color-contrast (1)") and "Pale" in found
        # The dark twins, but for the first, are left out; so is one of the two dark rows.
        assert seen.tab.locator("[data-look-alike]").count() >= 9


def test_what_an_earlier_page_showed_is_not_measured_again_and_what_is_new_is(browser, tmp_path: Path):
    """Of three pages the second is like the first, and the third has a pale element besides."""
    pages = {"first": "", "second": "<p class=a>Dark</p>", "third": STRANGERS["another parent"]}
    for name, more in pages.items():
        (tmp_path / f"{name}.html").write_text(
            f"<!DOCTYPE html><html lang=en><title>{name}</title><style>{PALE} {{ color: #aaa }}</style>"
            f'<main><h1>{name}</h1><p class="a">Dark</p>{more}</main>',
            encoding="utf-8",
        )
    looks, found, count = Looks(), {}, {}
    with served(tmp_path) as address, Watched(browser, address, **SETTINGS) as seen:
        for name in pages:
            seen.open(address, f"{name}.html")
            found[name] = violations(seen.tab, ("colours",), looks, "light")
            count[name] = len(looks["light"])
    assert found["first"] == found["second"] == []
    assert found["third"][0].startswith("serious color-contrast (1)") and "Pale" in found["third"][0]
    assert count["first"] == count["second"] < count["third"]


def test_the_check_sees_what_is_wrong(browser, tmp_path: Path):
    (tmp_path / "broken.html").write_text(
        "<!DOCTYPE html><html lang=en><title>Broken</title><main><h1>Broken</h1>"
        "<img src='data:,'><button></button><p style='color: #aaa; background: #fff'>Pale</p></main>",
        encoding="utf-8",
    )
    with served(tmp_path) as address, Watched(browser, address, **SETTINGS) as seen:
        seen.open(address, "broken.html")
        found = " ".join(violations(seen.tab))
    assert "critical image-alt" in found
    assert "critical button-name" in found
    assert "serious color-contrast" in found


def test_the_check_of_a_phone_s_layout_sees_what_is_too_small_and_what_cannot_be_scrolled(
    browser, tmp_path: Path
):
    small = "<button style='width: 9px; height: 9px; padding: 0; border: 0'>x</button>"
    scrolls = "<div style='width: 90px; height: 20px; overflow: auto'><p style='width: 900px'>Long</p></div>"
    (tmp_path / "layout.html").write_text(
        f"<!DOCTYPE html><html lang=en><title>Layout</title><main><h1>Layout</h1>{small}{small}{scrolls}</main>",
        encoding="utf-8",
    )
    with served(tmp_path) as address, Watched(browser, address, **SETTINGS | {"viewport": PHONE}) as seen:
        seen.open(address, "layout.html")
        found = " ".join(violations(seen.tab, ("layout",)))
    assert "serious target-size" in found
    assert "serious scrollable-region-focusable" in found
