"""Tables of what was measured, read from the recorded files while the book is built.

``{recorded-runs}`` sets one table for each way of treating the pixels, because figures from different ways cannot be
compared. ``{own-figures}`` lists what only one family measures, and ``{run-commands}`` the command that makes each run
again. No figure is ever typed into a page.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

MISSING = "–"
NO_BREAK = "\N{NO-BREAK SPACE}"
RUN_COLUMNS = (
    "Run",
    "Model",
    "Latent",
    "Epochs",
    "−ELBO",
    "Recon\u00adstruction",
    "KL",
    "",
    "Active units",
    "Training, s",
)
BOUND_COLUMN = RUN_COLUMNS.index("")
OWN_COLUMNS = ("Run", "Figure", "Value")
# What every run measures on test images; a family's own figures are the others.
COMMON_FIGURES = frozenset(
    "neg_elbo reconstruction kl stderr log_likelihood cross_entropy_bound k n_images active_units units "
    "binarization binarization_seed".split()
)
# A Bernoulli decoder on grey pixels gives no density of the image, so its figure is not called a likelihood.
CROSS_ENTROPY = "Cross-entropy bound"
LOG_LIKELIHOOD = "Log-likelihood bound"


def read_json(path: Path) -> Any:
    """Read a recorded file; stop the build, naming the file, where it holds no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExtensionError(f"{path.parent.name}/{path.name} cannot be read as JSON: {error}") from error


def read_runs(folder: Path) -> dict[str, dict[str, Any]]:
    """Return every ``NAME/run.json`` below ``folder``, by the name of its own folder, in order."""
    return {path.parent.name: read_json(path) for path in sorted(folder.glob("*/run.json"))}


def figure(value: Any, digits: int = 2) -> str:
    """Write a recorded number with a true minus sign, or a dash where the run has none."""
    if value is None:
        return MISSING
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    return f"{value:,.{digits}f}".replace("-", "−")


def versions_in_words(versions: dict[str, str | None]) -> str:
    """The recorded versions as a sentence lists them, ``Python 3.11.7, Keras 3.15.1``; what was missing stays out."""
    names = {"python": "Python", "keras": "Keras", "tensorflow": "TensorFlow", "numpy": "NumPy"}
    return ", ".join(f"{name} {versions[key]}" for key, name in names.items() if versions.get(key))


def is_cross_entropy(run: dict[str, Any]) -> bool:
    """Whether the run's k-sample figure bounds a cross-entropy: a Bernoulli decoder met grey pixels."""
    return (run.get("test") or {}).get("cross_entropy_bound") is not None


def neg_elbo_figure(test: dict[str, Any]) -> str:
    """Write the negative ELBO with the standard error of its mean over the test images."""
    error = f" ± {figure(test['stderr'])}" if test.get("stderr") is not None else ""
    return f"{figure(test.get('neg_elbo'))}{error}".replace(" ", NO_BREAK)


def bound_figure(test: dict[str, Any]) -> str:
    """Write the k-sample bound, whichever of its two names it was recorded under, with its k."""
    recorded = (test.get(name) for name in ("log_likelihood", "cross_entropy_bound"))
    bound = next((value for value in recorded if value is not None), None)
    if bound is None:
        return MISSING
    return f"{figure(bound)} (k{NO_BREAK}={NO_BREAK}{figure(test.get('k'))})"


def latent_figure(settings: dict[str, Any]) -> str:
    """The size of the code: of each layer where there are several, of each categorical where codes are choices."""
    options = settings.get("options") or {}
    if "latent_dims" in options:
        return " + ".join(figure(size) for size in options["latent_dims"])
    if "num_latents" in options:
        return f"{figure(options['num_latents'])} of {figure(options['num_categories'])}".replace(
            " ", NO_BREAK
        )
    return figure(settings.get("latent_dim"))


def command(settings: dict[str, Any]) -> str:
    """The command that makes such a run again; what the command line does by itself is left out."""
    parts = ["python -m companion run", str(settings["model"])]
    common = {key: value for key, value in settings.items() if key not in ("model", "options")}
    for key, value in {**common, **(settings.get("options") or {})}.items():
        if value is not None:
            written = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            parts.append(f"--{key.replace('_', '-')} {written}")
    return " ".join(parts)


def own_rows(name: str, run: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What a family has measured beside the common figures, one row each: the run, the figure's name, its value."""
    test = run.get("test") or {}
    own = {key: value for key, value in test.items() if key not in COMMON_FIGURES and value is not None}
    return [(name, key.replace("_", " "), _own_value(value)) for key, value in own.items()]


def _own_value(value: Any) -> str:
    return ", ".join(figure(part) for part in value) if isinstance(value, list) else figure(value)


def run_row(name: str, run: dict[str, Any]) -> tuple[str, ...]:
    """The cells of one recorded run, in the order of ``RUN_COLUMNS``."""
    settings, test, seconds = (run.get(key) or {} for key in ("settings", "test", "seconds"))
    epochs = figure(run.get("epochs_done")) + ("" if run.get("complete", True) else " (stopped early)")
    return (
        name,
        str(run.get("model", MISSING)),
        latent_figure(settings),
        epochs,
        neg_elbo_figure(test),
        figure(test.get("reconstruction")),
        figure(test.get("kl")),
        bound_figure(test),
        figure(test.get("active_units")),
        figure(seconds.get("train"), 0),
    )


def heading(run: dict[str, Any]) -> str:
    """Say which figures may be compared: those of one data set, one binarisation and one likelihood."""
    pixels = run.get("binarization", "none")
    treated = "grey pixels" if pixels == "none" else f"{pixels} binarisation"
    return f"{run.get('dataset', 'unnamed data')}, {treated}, {run.get('likelihood', 'unnamed')} likelihood"


def run_columns(run: dict[str, Any]) -> tuple[str, ...]:
    """The table's header, in which the k-sample column bears the name that its figures deserve."""
    name = CROSS_ENTROPY if is_cross_entropy(run) else LOG_LIKELIHOOD
    return (*RUN_COLUMNS[:BOUND_COLUMN], name, *RUN_COLUMNS[BOUND_COLUMN + 1 :])


def make_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], kind: str) -> nodes.table:
    """Build a table with one header row; ``kind`` becomes its class, by which the checks find it."""
    table = nodes.table(classes=["recorded", kind])
    if title:
        table += nodes.title(text=title)
    group = nodes.tgroup(cols=len(columns))
    table += group
    group += [nodes.colspec(colwidth=1) for _column in columns]
    head, body = nodes.thead(), nodes.tbody()
    group += [head, body]
    head += _make_row(columns)
    body += [_make_row(row) for row in rows]
    return table


def _make_row(cells: Iterable[str]) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        entry = nodes.entry()
        entry += nodes.paragraph(text=cell)
        row += entry
    return row


class RecordedDirective(SphinxDirective):
    """Common to the tables: where the project lies, and that new files make the page stale."""

    @property
    def root(self) -> Path:
        return Path(self.env.srcdir)

    def depends_on(self, paths: Iterable[Path]) -> None:
        for path in paths:
            if path.exists():
                self.env.note_dependency(str(path))
        # A run that is recorded later is no dependency yet, so the page is read again at every build.
        self.env.note_reread()


class RecordedRuns(RecordedDirective):
    """One table for each data set, binarisation and likelihood that has been recorded."""

    def run(self) -> list[nodes.Node]:
        folder = self.root / "results"
        self.depends_on(folder.glob("*/run.json"))
        groups: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        for name, run in read_runs(folder).items():
            groups[heading(run)][name] = run
        if not groups:
            return [nodes.paragraph(text="No run has been recorded in this copy of the book yet.")]
        return [self._table(title, runs) for title, runs in sorted(groups.items())]

    def _table(self, title: str, runs: dict[str, dict[str, Any]]) -> nodes.container:
        columns = run_columns(next(iter(runs.values())))
        rows = [run_row(name, run) for name, run in runs.items()]
        return nodes.container("", make_table(title, columns, rows, "recorded-runs"), classes=["wide-table"])


class OwnFigures(RecordedDirective):
    """One table of what single families measure: use of a codebook, bits, KL of each layer."""

    def run(self) -> list[nodes.Node]:
        folder = self.root / "results"
        self.depends_on(folder.glob("*/run.json"))
        rows = [row for name, run in read_runs(folder).items() for row in own_rows(name, run)]
        return [make_table("", OWN_COLUMNS, rows, "own-figures")] if rows else []


class RunCommands(RecordedDirective):
    """The command of every recorded run, ready to be copied."""

    def run(self) -> list[nodes.Node]:
        folder = self.root / "results"
        self.depends_on(folder.glob("*/run.json"))
        commands = [
            f"{command(run['settings'])} --out results/{name}" for name, run in read_runs(folder).items()
        ]
        return [nodes.literal_block(text="\n".join(commands), language="sh")] if commands else []


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directives."""
    app.add_directive("recorded-runs", RecordedRuns)
    app.add_directive("own-figures", OwnFigures)
    app.add_directive("run-commands", RunCommands)
    # Its tables are made by this module.
    app.setup_extension("speed")
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
