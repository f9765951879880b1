"""Protects what the voice rules are given to read: pages and chapters as sentences, with the comments, the strings and
the printed lines of a chapter, and the docstrings and messages of Python files."""

import json

from tests.voice_texts import listings, of_docstring, of_markdown, of_notebook, of_python, sentences


def test_a_page_becomes_sentences():
    page = """---
    title: none
---
(label)=
# A heading

One sentence, e.g. with `code` and $x + 1$. Its formula is

$$ a = b $$ (eq-a)

as {cite:t}`someone` writes {cite}`it` after {eq}`eq-b`: [a link](https://example.org/a) end it.

```python
nats an image = hidden
```

:::{note}
:class: tip
Shown. | not a table
:::

| A cell | Another **cell** |
|---|---|
- an item
- another
""".replace("    title", "title")
    assert of_markdown(page) == [
        "A heading",
        "One sentence, e.g. with CODE and FORMULA. Its formula is FORMULA as Author writes after LINK: a link end it.",
        "Shown.",
        "not a table",
        "A cell",
        "Another cell",
        "an item",
        "another",
    ]
    assert sentences("He (Kingma et al. 2014) did. It works! FORMULA is 1.5.") == [
        "He (Kingma et al. 2014) did.",
        "It works!",
        "FORMULA is 1.5.",
    ]


def test_docstrings_comments_and_messages_are_read(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        '"""First. Second."""\n\n\ndef f(x):\n    """Do.\n\n    Args:\n        x: one thing.\n        y: another.\n\n'
        '    Example::\n\n        hidden = 1\n    """\n    # a comment\n    # of two lines\n'
        '    raise ValueError(f"x={x}: expected one of these " "numbers")\n'
    )
    assert [text.words for text in of_python(path, "m")] == [
        "a comment of two lines",
        "First. Second.",
        *("Do.", "Args:", "x: one thing.", "y: another.", "Example."),
        "x=VALUE: expected one of these numbers",
    ]
    assert of_docstring("See :class:`~a.b.C` and ``code``.") == ["See a.b.C and CODE."]


def test_a_chapter_is_read_with_its_comments_captions_and_alt_texts(tmp_path):
    path = tmp_path / "01_a.ipynb"
    shown = {"mystnb": {"figure": {"caption": "A caption."}, "image": {"alt": "An alt text."}}}
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Words.\n"], "metadata": {}},
        {"cell_type": "code", "source": "%matplotlib inline\nx = 1  # a comment", "metadata": shown},
        {
            "cell_type": "code",
            "source": "!ls\nplot(x, name='A label', of=f'as {x} says')",
            "metadata": {},
            "outputs": [
                {"name": "stdout", "text": ["Printed.\n", "Also this.\n"]},
                {"data": {"text/plain": "A claim.", "text/html": "<p>A claim.</p>"}},
                {"data": {"text/plain": "a listing", "text/markdown": "a listing"}},
                {"data": {"text/plain": "an alt text", "image/png": ""}},
            ],
        },
    ]
    path.write_text(json.dumps({"cells": cells}))
    assert [text.words for text in of_notebook(path)] == [
        "Title",
        "Words.",
        "a comment",
        "A caption.",
        "An alt text.",
        *("A label", "as VALUE says"),
        *("Printed.", "Also this.", "A claim."),
    ]
    assert listings(cells) == "a listing"
