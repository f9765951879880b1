"""``{recorded}`` writes one figure of a recorded experiment into a sentence, so that none is typed.

``{recorded}`pixel-means: neg_elbo[mean] - neg_elbo[sum]; .1f` `` names an experiment, a combination of figures as the
claims of experiments write it, and how Python is to write the result. It gives the mean over seeds with its 95 %
interval in brackets, and leads to the experiment on the Results page.
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxRole

from companion.errors import BadInput
from companion.experiments import claims, declaration
from companion.experiments import outcome as outcomes

FORM = re.compile(r"([\w-]+): (.+); (\.\d+[fg])")
PAGE = "book/results"


class RecordedFigure(SphinxRole):
    """A figure that is computed from the outcome while the page is read."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        found, results = FORM.fullmatch(self.text), Path(self.env.srcdir, "results")
        if found is None:
            return self._error("expected the form `pixel-means: neg_elbo[mean] - neg_elbo[sum]; .1f`")
        name, combination, form = found.groups()
        try:
            words = written(combined(name, combination, results), form)
        except BadInput as fault:
            return self._error(str(fault))
        for file in ("experiment.toml", outcomes.OUTCOME):
            self.env.note_dependency(str(results / name / file))
        return [linked(self.env, words, f"experiment-{name}")], []

    def _error(self, reason: str) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        return [], [self.inliner.reporter.error(f"{{recorded}}`{self.text}`: {reason}", line=self.lineno)]


def combined(name: str, combination: str, results: Path) -> claims.Interval:
    """The mean over seeds of ``combination``, of the first budget of the experiment ``name``."""
    declared = declaration.read(name, results)
    figures = outcomes.read(name, results).figures(declared.first_budget)
    return claims.decide(f"{combination} > 0", figures, places=declared.places).difference


def written(interval: claims.Interval, form: str) -> tuple[str, str]:
    """The mean, and the interval in brackets; no brackets where there is but one seed."""
    mean, low, high = (
        format(value, form).replace("-", "−") for value in (interval.mean, interval.low, interval.high)
    )
    return mean, "" if interval.n == 1 else f" [{low}, {high}]"


def linked(env: BuildEnvironment, words: tuple[str, str], anchor: str) -> nodes.inline:
    """The mean in bold with a link to ``anchor`` of the Results page, where that is part of the book, and the rest."""
    mean, brackets = nodes.strong(text=words[0]), nodes.Text(words[1])
    env.note_reread()  # for a Results page that is added or taken out
    if PAGE not in env.found_docs:
        return nodes.inline("", "", mean, brackets)
    target = env.app.builder.get_relative_uri(env.docname, PAGE)
    link = nodes.reference("", "", mean, internal=True, refuri=f"{target}#{anchor}")
    return nodes.inline("", "", link, brackets)


def setup(app: Sphinx) -> dict[str, object]:
    """Register the role."""
    app.add_role("recorded", RecordedFigure())
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
