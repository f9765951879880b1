"""What an experiment declares: its question, its arms and seeds, its measures, and the claims that rest on them.

``results/NAME/experiment.toml`` is read here; nothing in this module runs anything or imports Keras.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.errors import BadInput, check_choice, check_whole_number
from companion.experiments import claims
from companion.experiments.backend import BACKENDS
from companion.experiments.settings import SETTING_NAMES, Settings

DECLARATION = "experiment.toml"
#: The task of an experiment that names none: a recorded run, as ``python -m companion run`` makes it.
TRAINING = "training"
_TOP = ("question", "notes", "task", "backend", "seeds", "settings", "budgets", "arms", "measures", "claims")


@dataclass(frozen=True)
class Arm:
    """One arm: what it sets differently, in words and in settings, and which seeds it is run with.

    ``at`` is its place on an axis, where the arms have one: the k of a bound, a weight beta.
    """

    name: str
    says: str
    settings: Mapping[str, Any]
    seeds: tuple[int, ...]
    at: float | None = None


@dataclass(frozen=True)
class Measure:
    """A figure of every run: the path ``of`` in its record, such as ``test.neg_elbo``, times ``sign``; its unit."""

    name: str
    says: str
    of: str
    unit: str
    sign: float = 1.0
    published: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A sentence of the book as a relation between arms; ``holds`` is false where the book says *not shown*."""

    says: str
    relation: str
    level: float
    budget: str
    holds: bool


@dataclass(frozen=True)
class Run:
    """One training or computation of an experiment."""

    budget: str
    arm: str
    seed: int


@dataclass(frozen=True)
class Declaration:
    """An experiment as it was declared. ``settings`` are common to all arms, ``budgets`` add theirs."""

    name: str
    question: str
    notes: str
    task: str
    backend: str
    settings: Mapping[str, Any]
    budgets: Mapping[str, Mapping[str, Any]]
    arms: Mapping[str, Arm]
    measures: Mapping[str, Measure]
    claims: tuple[Claim, ...]

    @property
    def first_budget(self) -> str:
        return next(iter(self.budgets))

    @property
    def places(self) -> dict[str, float]:
        """The arms that have a place on an axis, with it."""
        return {name: arm.at for name, arm in self.arms.items() if arm.at is not None}

    def runs(self, budget: str | None = None, seeds: int | None = None) -> list[Run]:
        """All runs of a budget (None: the first), seed by seed, so that arms can be compared early.

        ``seeds`` runs only the first so many seeds of every arm, or more than it declares, counted on from the last.
        """
        budget = self.first_budget if budget is None else check_choice("budget", budget, self.budgets)
        wanted = {name: _extended(arm.seeds, seeds) for name, arm in self.arms.items()}
        rounds = max(len(each) for each in wanted.values())
        return [
            Run(budget, name, each[position])
            for position in range(rounds)
            for name, each in wanted.items()
            if position < len(each)
        ]

    def merged(self, budget: str, arm: str) -> dict[str, Any]:
        """The settings of a run but for its seed: the common ones, then the budget's, then the arm's."""
        parts = (self.settings, self.budgets[budget], self.arms[arm].settings)
        merged: dict[str, Any] = {name: value for part in parts for name, value in part.items()}
        if self.task == TRAINING:
            merged["options"] = {
                name: value for part in parts for name, value in part.get("options", {}).items()
            }
        return merged

    def settings_of(self, budget: str, arm: str) -> dict[str, Any]:
        """What determines a run but for its seed, as an outcome records it: defaults included, of a file its name."""
        settings = self.merged(budget, arm)
        if self.task == TRAINING:
            settings = Settings(**settings).recorded()
            del settings["seed"]
        return _as_json({**settings, "task": self.task, "backend": self.backend})


def folder_of(name: str, results: Path | None = None) -> Path:
    """The folder of experiment ``name``; :class:`~companion.errors.BadInput` names those that there are."""
    root = recorded_folder() if results is None else results
    known = names(root)
    if name not in known:
        listed = ", ".join(known) or "none"
        raise BadInput(
            f"experiment {name!r} is not declared: expected one of {listed}; pass one of these names."
        )
    return root / name


def recorded_folder() -> Path:
    """Where declarations and outcomes lie: in the package if it was installed from a wheel, else in ``results``."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "recorded"
    return installed if installed.is_dir() else package.parent / "results"


def names(results: Path | None = None) -> list[str]:
    """The declared experiments, in alphabetical order."""
    root = recorded_folder() if results is None else results
    return sorted(path.parent.name for path in root.glob(f"*/{DECLARATION}"))


def read(name: str, results: Path | None = None) -> Declaration:
    """The declaration of experiment ``name``.

    Raises :class:`~companion.errors.BadInput` where it is not declared, is not TOML, or declares what cannot be: arms
    without a difference, a claim about an arm or a measure that does not exist, settings that no model has.
    """
    path = folder_of(name, results) / DECLARATION
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as TOML ({error}): correct the file.") from error
    try:
        return _checked(name, told)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def _checked(name: str, told: dict[str, Any]) -> Declaration:
    _check_keys("the declaration", told, _TOP, needed=("question", "seeds", "arms", "measures"))
    seeds = _check_seeds("seeds", told["seeds"])
    arms = {key: _arm(key, value, seeds) for key, value in told["arms"].items()}
    measures = {key: _measure(key, value) for key, value in told["measures"].items()}
    budgets = told.get("budgets", {"short": {}})
    found = Declaration(
        name,
        str(told["question"]),
        str(told.get("notes", "")),
        str(told.get("task", TRAINING)),
        check_choice("backend", told.get("backend", BACKENDS[0]), BACKENDS),
        told.get("settings", {}),
        budgets,
        arms,
        measures,
        tuple(_claim(each, next(iter(budgets)), budgets) for each in told.get("claims", [])),
    )
    _check_settings(found)
    _check_arms_differ(found)
    _check_claims(found)
    return found


def _arm(name: str, told: dict[str, Any], seeds: tuple[int, ...]) -> Arm:
    _check_keys(f"arm {name}", told, ("says", "seeds", "at", "settings"), needed=("says",))
    own = _check_seeds(f"arm {name}: seeds", told["seeds"]) if "seeds" in told else seeds
    return Arm(name, str(told["says"]), told.get("settings", {}), own, told.get("at"))


def _measure(name: str, told: dict[str, Any]) -> Measure:
    known = ("says", "of", "unit", "sign", "published")
    _check_keys(f"measure {name}", told, known, needed=("says", "of"))
    sign = float(told.get("sign", 1))
    return Measure(
        name, str(told["says"]), str(told["of"]), str(told.get("unit", "")), sign, told.get("published", {})
    )


def _claim(told: dict[str, Any], first: str, budgets: Mapping[str, Any]) -> Claim:
    _check_keys(
        "a claim", told, ("says", "relation", "level", "budget", "holds"), needed=("says", "relation")
    )
    budget = check_choice("budget", told.get("budget", first), budgets)
    level = float(told.get("level", claims.LEVEL))
    return Claim(str(told["says"]), str(told["relation"]), level, budget, bool(told.get("holds", True)))


def _check_keys(what: str, told: Any, known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    if not isinstance(told, dict):
        raise BadInput(f"{what} is {told!r}: expected a table with {', '.join(needed)}.")
    for key in told:
        if key not in known:
            raise BadInput(f"{what} has {key!r}: expected {', '.join(known)}; correct the name.")
    for key in needed:
        if told.get(key) in (None, "", {}):
            raise BadInput(f"{what} has no {key}: expected {', '.join(needed)}; add it.")


def _check_seeds(what: str, told: Any) -> tuple[int, ...]:
    """Seeds as a list, or how many there are, counted from 0."""
    if isinstance(told, list):
        seeds = tuple(check_whole_number(what, seed, at_least=0) for seed in told)
        if seeds and len(set(seeds)) == len(seeds):
            return seeds
        raise BadInput(f"{what}={told!r}: expected different whole numbers, at least one; correct the list.")
    return tuple(range(check_whole_number(what, told)))


def _extended(seeds: tuple[int, ...], count: int | None) -> tuple[int, ...]:
    if count is None or count <= len(seeds):
        return seeds[:count]
    return (*seeds, *range(max(seeds) + 1, max(seeds) + 1 + count - len(seeds)))


def _check_settings(found: Declaration) -> None:
    """A training has the settings of a run, each arm its own seed; published figures belong to arms."""
    if found.task == TRAINING:
        known = tuple(name for name in (*SETTING_NAMES, "options") if name != "seed")
        for part in (found.settings, *found.budgets.values(), *(arm.settings for arm in found.arms.values())):
            _check_keys("the settings", part, known, needed=())
    for measure in found.measures.values():
        _check_keys(f"measure {measure.name}: published", measure.published, tuple(found.arms), needed=())


def _check_arms_differ(found: Declaration) -> None:
    """Every arm must set something else than the others, in every budget."""
    for budget in found.budgets:
        settled: dict[str, str] = {}
        for arm in found.arms:
            as_text = repr(sorted(found.settings_of(budget, arm).items()))
            if as_text in settled:
                raise BadInput(
                    f"arms {settled[as_text]} and {arm} have equal settings: expected a difference."
                )
            settled[as_text] = arm


def _check_claims(found: Declaration) -> None:
    for claim in found.claims:
        for measure, arm in claims.arms_of(claim.relation, found.places):
            check_choice("measure", measure, found.measures)
            check_choice("arm", arm, found.arms)


def _as_json(value: Any) -> Any:
    """``value`` as it is when it comes back from JSON: tuples are lists there."""
    if isinstance(value, Mapping):
        return {str(name): _as_json(each) for name, each in value.items()}
    return [_as_json(each) for each in value] if isinstance(value, (list, tuple)) else value
