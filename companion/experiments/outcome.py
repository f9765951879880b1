"""What came out of an experiment: ``results/NAME/outcome.json``, one line per run, written anew after each of them."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.errors import BadInput
from companion.experiments import claims
from companion.experiments.declaration import TRAINING, Claim, Declaration, Run, folder_of
from companion.experiments.settings import DEFAULTS, MODELS

OUTCOME = "outcome.json"
SCHEMA = 1
DIGITS = 7  # of a figure; more would only make the file longer


@dataclass(frozen=True)
class Outcome:
    """The recorded runs of one experiment.

    ``settings`` holds what the runs of a budget and arm were made with, ``runs`` the figures and the seconds of each
    run and the number of its circumstances: versions, backend, device, commit.
    """

    name: str
    settings: Mapping[str, Mapping[str, Any]]
    circumstances: tuple[Mapping[str, Any], ...]
    runs: Mapping[Run, Mapping[str, Any]]

    def figures(self, budget: str) -> dict[str, dict[str, dict[int, float]]]:
        """Figures by measure, arm and seed, as :func:`companion.experiments.claims.decide` takes them."""
        found: dict[str, dict[str, dict[int, float]]] = {}
        for run, told in self.runs.items():
            if run.budget == budget:
                for measure, value in told["figures"].items():
                    if value is not None:  # the arm has no such figure
                        found.setdefault(measure, {}).setdefault(run.arm, {})[run.seed] = value
        return found

    @property
    def seconds(self) -> float:
        """What all runs took together."""
        return sum(told["seconds"] for told in self.runs.values())

    def with_run(
        self,
        run: Run,
        settings: Mapping[str, Any],
        figures: Mapping[str, float | None],
        seconds: float,
        circumstances: Mapping[str, Any],
    ) -> "Outcome":
        """This outcome and one more run."""
        key, known = _key(run), list(self.circumstances)
        if key in self.settings and _completed(self.settings[key]) != settings:
            raise BadInput(
                f"{self.name}: {key} was run with other settings: expected the same; forget them first."
            )
        if circumstances not in known:
            known.append(circumstances)
        told = {
            "figures": {name: _rounded(value) for name, value in figures.items()},
            "seconds": round(seconds, 1),
            "circumstances": known.index(circumstances),
        }
        return Outcome(self.name, {**self.settings, key: settings}, tuple(known), {**self.runs, run: told})

    def without(self, arms: Iterable[str]) -> "Outcome":
        """This outcome without the runs of some arms."""
        gone = set(arms)
        runs = {run: told for run, told in self.runs.items() if run.arm not in gone}
        kept = {_key(run) for run in runs}
        settings = {key: value for key, value in self.settings.items() if key in kept}
        return Outcome(self.name, settings, self.circumstances, runs)


def read(name: str, results: Path | None = None) -> Outcome:
    """The outcome of experiment ``name``, empty where nothing was run yet.

    Raises :class:`~companion.errors.BadInput` for a file that is damaged.
    """
    path = folder_of(name, results) / OUTCOME
    if not path.exists():
        return Outcome(name, {}, (), {})
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["schema"] != SCHEMA or told["experiment"] != name:
            raise ValueError(f"schema {told['schema']} of {told['experiment']}")
        runs = {
            Run(each["budget"], each["arm"], each["seed"]): {
                "figures": each["figures"],
                "seconds": each["seconds"],
                "circumstances": each["circumstances"],
            }
            for each in told["runs"]
        }
        return Outcome(name, told["settings"], tuple(told["circumstances"]), runs)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path} is damaged ({error!r}): expected what python -m companion experiment {name} wrote; restore the "
            f"file, or delete it and run the experiment again."
        ) from error


def write(outcome: Outcome, results: Path) -> None:
    """Write ``outcome`` completely or not at all, one line for each run."""
    path = results / outcome.name / OUTCOME
    lines = [
        json.dumps({"budget": run.budget, "arm": run.arm, "seed": run.seed, **told}, allow_nan=False)
        for run, told in sorted(
            outcome.runs.items(), key=lambda each: (each[0].budget, each[0].arm, each[0].seed)
        )
    ]
    settings = [f"{json.dumps(key)}: {json.dumps(told)}" for key, told in sorted(outcome.settings.items())]
    text = (
        f'{{"schema": {SCHEMA}, "experiment": {json.dumps(outcome.name)},\n'
        f'"circumstances": [\n {_lines(map(json.dumps, outcome.circumstances))}],\n'
        f'"settings": {{\n {_lines(settings)}}},\n'
        f'"runs": [\n {_lines(lines)}]}}\n'
    )
    partial = path.with_name(f".{OUTCOME}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def contradictions(declared: Declaration, outcome: Outcome) -> list[str]:
    """What in ``outcome`` does not fit the declaration, in words; an empty list where all of it does."""
    found = []
    for key in outcome.settings:
        budget, _, arm = key.partition("/")
        if budget not in declared.budgets or arm not in declared.arms:
            found.append(f"{key} is recorded and no longer declared")
            continue
        now, then = declared.settings_of(budget, arm), _completed(outcome.settings[key])
        differing = sorted(name for name in {*now, *then} if now.get(name) != then.get(name))
        found += [
            f"{key} was run with {name}={then.get(name)!r}, and {now.get(name)!r} is declared"
            for name in differing
        ]
    for run, told in outcome.runs.items():
        lacking = sorted(set(declared.measures) ^ set(told["figures"]))
        if lacking and _key(run) in outcome.settings:
            found.append(f"{_key(run)}, seed {run.seed}, was measured otherwise: {', '.join(lacking)}")
    return found


def verdict(claim: Claim, declared: Declaration, outcome: Outcome) -> claims.Verdict | None:
    """The verdict on a claim by all recorded seeds; None while an arm that it names has not run all of its own."""
    figures = outcome.figures(claim.budget)
    for measure, arm in claims.arms_of(claim.relation, declared.places):
        if not set(declared.arms[arm].seeds) <= set(figures.get(measure, {}).get(arm, {})):
            return None
    return claims.decide(claim.relation, figures, claim.level, declared.places)


def _completed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a recorded training; what was no setting yet when it was made had its present default."""
    if settings.get("task") != TRAINING:
        return dict(settings)
    completed = {**DEFAULTS, **settings}
    return {**completed, "options": {**MODELS[completed["model"]].options, **completed.get("options", {})}}


def _key(run: Run) -> str:
    return f"{run.budget}/{run.arm}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _lines(parts: Iterable[str]) -> str:
    return ",\n ".join(parts)
