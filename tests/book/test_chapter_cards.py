"""Protects the front page below the trainer: each chapter of the contents has a card with its own picture, line and
minutes, and its figures are read from recorded experiments.
"""

import re
import sys
from pathlib import Path

import nbformat
import pytest
from docutils import nodes

from companion.errors import BadInput
from companion.experiments import claims, declaration, outcome

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import chapter_cards  # noqa: E402
import lead_pictures  # noqa: E402
import recorded_figure  # noqa: E402
import times  # noqa: E402

FRONT_PAGE = "book/intro.html"
RESULTS = ROOT / "results"
TIME_TO_READ = re.compile(
    r"\*\*Time:\*\* (?:about )?(\d+ minutes|half an hour|ten to fifteen minutes) to read"
)
IN_MINUTES = {"half an hour": 30, "ten to fifteen minutes": 12.5}
USED = re.findall(r"\{recorded\}`([^`]+)`", (ROOT / "book" / "intro.md").read_text(encoding="utf-8"))


def listed() -> list[tuple[str, str]]:
    """The chapters that the contents list, file and title, in their order."""
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    return re.findall(r"(?m)^ *- \{file: (chapters/\w+), title: (.+)\}$", contents)


# ---- Minutes and lines


@pytest.mark.parametrize(
    "words, seconds, said",
    [
        (0, None, "About 5 minutes to read"),
        (2900, 30.0, "About 20 minutes to read, 1 to run"),
        (2900, 95.9, "About 20 minutes to read, 2 to run"),
    ],
)
def test_minutes_to_read_and_where_they_were_timed_to_run(words, seconds, said):
    assert chapter_cards.minutes_in_words("word " * words, seconds) == said


def test_minutes_to_read_are_about_those_that_the_chapters_state():
    checked = 0
    for page, _ in listed():
        text = chapter_cards.prose_of(ROOT / f"{page}.ipynb")
        if stated := TIME_TO_READ.search(text):
            checked += 1
            minutes = IN_MINUTES.get(stated[1]) or int(stated[1].split()[0])
            said = int(re.search(r"\d+", chapter_cards.minutes_in_words(text, None))[0])
            assert abs(said - minutes) <= 10, f"{page}: {said} and {stated[1]}"
    assert checked > 5


def test_a_card_of_a_page_that_is_no_notebook_and_has_no_heading(tmp_path):
    (tmp_path / "17_mine.md").write_text("Words.", encoding="utf-8")
    entry = chapter_cards.Entry("chapters/17_mine", "17 Mine")
    card = chapter_cards.card_of(entry, tmp_path / "17_mine.md", None)
    assert "{grid-item-card} 17 Mine\n:link: /chapters/17_mine\n" in card and "About 5 minutes" in card


def figure_in_a_cell(name: str, *tags: str) -> nodes.container:
    figure = nodes.figure("", nodes.image(uri=f"{name}.png", alt=name, width="100%"))
    return nodes.container("", figure, classes=["cell", *tags])


def test_the_picture_is_the_tagged_one_or_the_first_and_none_where_nothing_is_drawn():
    first, tagged = figure_in_a_cell("first"), figure_in_a_cell("tagged", lead_pictures.TAG)
    text = nodes.container("", nodes.figure("", nodes.paragraph()), classes=["cell"])
    chosen = lead_pictures.lead_figure(nodes.section("", text, first, tagged))
    picture = chapter_cards.picture_of(chosen)
    assert (picture["uri"], picture["alt"], picture["classes"]) == (
        "tagged.png",
        "tagged",
        ["sd-card-img-top"],
    )
    assert "width" not in picture and chosen.children[0]["width"] == "100%", (
        "the chapter's own stays as it is"
    )
    assert lead_pictures.lead_figure(nodes.section("", text, first.deepcopy()))[0]["uri"] == "first.png"
    assert lead_pictures.lead_figure(nodes.section("", text)) is None


# ---- Recorded figures


@pytest.mark.parametrize("used", USED)
def test_a_figure_is_the_mean_of_the_recorded_seeds(used):
    name, combination, form = recorded_figure.FORM.fullmatch(used).groups()
    figures = outcome.read(name, RESULTS).figures(declaration.read(name, RESULTS).first_budget)
    parts = re.findall(r"(-?) ?(\w+)\[(\w+)\]", combination)
    seeds = figures[parts[0][1]][parts[0][2]]
    by_hand = sum(
        (-1 if sign else 1) * figures[measure][arm][seed] for sign, measure, arm in parts for seed in seeds
    )
    mean, brackets = recorded_figure.written(recorded_figure.combined(name, combination, RESULTS), form)
    assert mean == format(by_hand / len(seeds), form) and len(seeds) >= 5
    low, high = (float(end) for end in brackets.strip(" []").split(", "))
    assert low < float(mean) < high
    # What the page says of a figure holds for the whole interval; an AUROC below 0.5 is worse than guessing.
    assert high < 0.5 if name == "anomaly-digits" else low > 0


def test_five_lines_have_figures():
    assert len({used.partition(":")[0] for used in USED}) == 5


def test_a_figure_that_is_not_recorded_stops_the_build():
    with pytest.raises(BadInput, match=r"neg_elbo\[nobody\] is not recorded"):
        recorded_figure.combined("pixel-means", "neg_elbo[nobody]", RESULTS)


def test_a_single_seed_has_no_brackets():
    alone = claims.mean_interval([-1.25])
    assert recorded_figure.written(alone, ".2f") == ("−1.25", "")


# ---- The built page


@pytest.mark.xdist_group("book")
def test_every_chapter_of_the_contents_has_its_card(book):
    page, seconds = book.pages[FRONT_PAGE], times.read_times(ROOT)["chapters"]
    cards = page.select(".chapter-cards .sd-card")
    entries = listed()
    assert len(cards) == len(entries) > 15
    for card, (name, title) in zip(cards, entries, strict=True):
        chapter = book.pages[f"{name}.html"]
        link = card.select_one("a.sd-stretched-link")
        assert link["href"] == f"../{name}.html" and link.get_text(strip=True) == title
        heading = nbformat.read(ROOT / f"{name}.ipynb", as_version=4).cells[0].source.splitlines()[0]
        words = " ".join(card.get_text(" ").split())
        assert title in words and heading.removeprefix("# ") in words
        assert ("to run" in words) == (Path(name).name in seconds) and "minutes to read" in words
        picture, lead = card.select_one("img.sd-card-img-top"), chapter.select_one("figure.lead-picture img")
        assert (picture["src"], picture["alt"]) == (lead["src"], lead["alt"])


@pytest.mark.xdist_group("book")
def test_the_figures_lead_to_their_experiments(book):
    article = book.pages[FRONT_PAGE].select_one("article")
    targets = [link["href"] for link in article.select("a[href*='#experiment-']")]
    assert targets == [f"results.html#experiment-{used.partition(':')[0]}" for used in USED]
    assert len(article.select(".sd-card")) == 4 + len(listed()), "four doors stand beside the chapters"
