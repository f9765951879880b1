"""Protects how the book speaks, as far as a pattern can tell: "per" after what is counted, no private vocabulary, no
quarrel with texts that readers never saw, sentences of at most 40 words, no symbol that no sentence names, and one name
each for log p(x|z) and log p(x).

Each rule is shown a text that breaks it and one that only looks as if it did.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests import voice_rules
from tests.voice_rules import RULES, long_sentences, one_name_in_code, two_likelihoods, unnamed_symbols
from tests.voice_texts import ALT_TEXT, Text, docstrings, listings, of_markdown, of_notebook, of_python

ROOT = Path(__file__).resolve().parents[1]
NOTATION = (ROOT / "book" / "notation.md").read_text(encoding="utf-8")
CHAPTERS = [*sorted((ROOT / "chapters").glob("*.ipynb")), *sorted((ROOT / "book").glob("*.ipynb"))]
PAGES = [
    *sorted((ROOT / "book").glob("*.md")),
    *sorted((ROOT / "book" / "api").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
]
PARTS = [*sorted({path.parent for path in (ROOT / "companion").rglob("*.py")}), ROOT / "tools" / "errata"]
#: Pages on which a rule does not hold, with the reason.
EXEMPT = {
    ("quarrels", "book/errata.md"): "the page that measures what is wrong in the sources",
    ("quarrels", "tools/errata"): "what measures it, and the rows of that page",
}
#: Places that are still amiss in a chapter, page or folder; a figure may only fall.
LEFT: dict[str, int] = {}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("distributive", "The KL is 12.4 nats an image."),
        ("distributive", "It adds one bias an output, and bends the result."),
        ("distributive", "Two numbers a layer are enough."),
        ("distributive", "We use 3 draws an observation."),
        ("distributive", "The loss keeps one KL a layer."),
        ("distributive", "The decoder ends in one logit a pixel."),
        ("distributive", "This costs 0.7 a pixel."),
        ("distributive", "The code is drawn once an image."),
        ("private_words", "The code has its price."),
        ("private_words", "The encoder hears of pixels no more."),
        ("private_words", "Its only teacher is the KL term."),
        ("private_words", "A code that falls silent is no use."),
        ("private_words", "How far may an honest code lie?"),
        ("private_words", "A broad 9 makes a broad nought."),
        ("private_words", "There is room for a second code."),
        ("quarrels", "The source compares codes drawn with noise."),
        ("quarrels", "Here the usual signature had to change."),
        ("quarrels", "The original notebook averages the loss."),
        ("long_sentences", " ".join(["The", *["very"] * 38, "long", "sentence."])),
    ],
)
def test_each_rule_is_red_where_it_is_broken(rule, words):
    assert [each.__name__ for each in RULES if list(each(words))] == [rule]


@pytest.mark.parametrize(
    "words",
    [
        "The KL is 12.4 nats per image, with 3 draws per observation.",
        "A network with layers of 512 and 256 makes an image of 28 pixels by 28.",
        "How many numbers does a digit need, and how many coordinates a code has.",
        "In chapter 03 an image becomes a code. An autoencoder passes an image through a bottleneck.",
        "Training uses teacher forcing. The knowledge moves from a teacher network. It fails silently.",
        "The book is written for teachers, who read the source code of a listing and the source of CODE.",
        " ".join(["The", *["very"] * 37, "long", "sentence."]),
        "One sentence of these ends soon. " + " ".join(["Another"] * 40) + ".",
    ],
)
def test_what_only_looks_alike_passes(words):
    assert [found for rule in RULES for found in rule(words)] == []


def test_a_symbol_of_a_formula_is_named_in_a_sentence():
    formula = "$$ s = \\frac{b - a}{\\max(a, b)} + \\gamma\\,\\mathbb{E}_{q_\\phi(z \\mid x)}[x] . $$"
    assert list(unnamed_symbols(formula, NOTATION)) == [
        "no sentence names a, b, gamma of the formula s = \\frac{b - a}{\\max(a, b)} + "
        "\\gamma\\,\\mathbb{E}_{q_\\phi(z \\mid x)}[x] ."
    ]
    assert not list(
        unnamed_symbols(f"With distances $a$ and $b$ and a weight $\\gamma$,\n\n{formula}", NOTATION)
    )


@pytest.mark.parametrize(
    "text",
    [
        "The log likelihood $\\log p_\\theta(x)$ of an image.",
        "We estimate $\\log p(x)$, the\nlog-likelihood of an image.",
        "``log_likelihood`` is log p(x) summed over pixels.",
        "Ten draws give a bound on the log likelihood.",
    ],
)
def test_the_log_evidence_has_a_name_of_its_own(text):
    assert len(list(two_likelihoods(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "The log likelihood $\\log p_\\theta(x \\mid z)$ of an image, log p(x|z).",
        "The package calls it `log_likelihood`; it is not the log evidence $\\log p(x)$.",
        "`evaluation.log_likelihood(model, x, k)` estimates $\\log p(x)$ from below.",
        "The pixels have a log likelihood. The bound lies below $\\log p(x)$.",
    ],
)
def test_the_log_likelihood_of_an_image_and_a_code_keeps_its_name(text):
    assert not list(two_likelihoods(text))


def test_code_that_uses_one_name_for_both_needs_a_sentence():
    code = "print(log_likelihood(vae, x, k=100))\nprint(vae.elbo_terms(x)['log_likelihood'])"
    assert len(list(one_name_in_code(code, "Both have a value."))) == 1
    assert not list(
        one_name_in_code(code, "The function `evaluation.log_likelihood` estimates the log evidence.")
    )
    for alone in code.splitlines():
        assert not list(one_name_in_code(alone, ""))
    listing = "def f(log_likelihood, kl):\n    return elbo_terms(log_likelihood, kl)"
    assert not list(one_name_in_code(listing, ""))
    assert list(one_name_in_code(f"{listing}\n{code.splitlines()[0]}", ""))


@pytest.mark.parametrize(
    "cell",
    [
        {"source": "print(f'{kl:.1f} nats an image')"},
        {"source": "plot(ylabel='its price')"},
        {"source": "", "outputs": [{"text": ["The KL is 5.0 nats an image\n"]}]},
        {"source": "", "outputs": [{"data": {"text/plain": "A code is bought dearly."}}]},
    ],
)
def test_a_string_or_a_printed_line_turns_a_chapter_red(tmp_path, cell):
    path = tmp_path / "01_a.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "metadata": {}, **cell}]}))
    assert amiss(of_notebook(path), path.name)


def amiss(texts: Iterable[Text], path: str) -> list[str]:
    exempt = [rule for rule, pages in EXEMPT if path.startswith(pages)]
    rules = [rule for rule in RULES if rule.__name__ not in exempt]
    found = [(text, rule, words) for text in texts for rule in rules for words in rule(text.words)]
    # An alt text that a figure composed lists what was measured: its length is that of the list.
    return [
        f"{text.place}: {words}"
        for text, rule, words in found
        if not (rule is long_sentences and text.place.endswith(ALT_TEXT))
    ]


def check(name: str, found: list[str]) -> None:
    left = LEFT.get(name, 0)
    assert len(found) <= left, "\n".join([f"{len(found)} places are amiss, {left} are allowed:", *found])


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapters_speak_as_the_book_does(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    prose = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    symbols = unnamed_symbols(prose, NOTATION)
    likelihoods = [*two_likelihoods(prose), *one_name_in_code(f"{code}\n{listings(cells)}", prose)]
    check(path.stem, [*amiss(of_notebook(path), path.name), *symbols, *likelihoods])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_speak_as_the_book_does(path):
    name, markdown = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    texts = [Text(name, part) for part in of_markdown(markdown)]
    found = [*amiss(texts, name), *unnamed_symbols(markdown, NOTATION), *two_likelihoods(markdown)]
    check(name, found)


@pytest.mark.slow
@pytest.mark.parametrize("folder", PARTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_and_messages_speak_as_the_book_does(folder):
    files = [(path, str(path.relative_to(ROOT))) for path in sorted(folder.glob("*.py"))]
    found = [line for path, name in files for line in amiss(of_python(path, name), name)]
    names = [
        f"{name}: {line}"
        for path, name in files
        for each in docstrings(path)
        for line in two_likelihoods(each)
    ]
    check(str(folder.relative_to(ROOT)), [*found, *names])


def test_every_rule_has_a_reason_to_be_exempted_from():
    assert {rule for rule, _ in EXEMPT} <= {rule.__name__ for rule in RULES}
    assert all((ROOT / path).exists() and reason for (_, path), reason in EXEMPT.items())
    assert all(voice_rules.ALLOWED.values())
