"""The command line: ``python -m companion run|data|experiment|grade|score|diagnose``. Help imports no Keras."""

import argparse
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields, replace
from typing import Any, NoReturn

import companion
from companion import data, experiments
from companion.diagnosing import add_to as add_diagnosis
from companion.diagnosing import run as run_diagnosis
from companion.distribute import command as spreading
from companion.errors import BadInput
from companion.exercises.command import add_to as add_grading
from companion.exercises.command import run as run_grading
from companion.experiments import backend as backends
from companion.experiments.command import add_to as add_experiment
from companion.experiments.command import run as run_experiment
from companion.experiments.folder import RunFolder
from companion.experiments.help import OPTION_HELP, SETTING_HELP
from companion.experiments.settings import MODELS, OPTION_NAMES, SETTING_NAMES, Settings
from companion.scoring import ARGUMENTS as SCORING_NAMES
from companion.scoring import add_to as add_scoring
from companion.scoring import run as run_scoring

WRONG_INPUT, DISK_TROUBLE, INTERRUPTED = 2, 1, 130


class OneLineParser(argparse.ArgumentParser):
    """A parser that reports an error in one line and ends the program with exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise SystemExit(_complain(message, WRONG_INPUT))

    def options(self) -> str:
        """All options by their long names."""
        flags = [flag for action in self._actions for flag in action.option_strings]
        return " ".join(flag for flag in flags if flag.startswith("--"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line on ``argv`` (default: the program's own arguments) and return its exit code.

    0: done; 1: the disk failed; 2: wrong input, explained in one line on stderr; 130: interrupted.
    """
    arguments, unknown = _parser().parse_known_args(argv)
    if unknown:
        return _complain(f"{' '.join(unknown)} is unknown; allowed: {arguments.options()}", WRONG_INPUT)
    # TensorFlow keeps quiet only if this is set before it is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        commands = {
            "data": _list_data,
            "diagnose": run_diagnosis,
            "experiment": run_experiment,
            "grade": run_grading,
            "run": _run,
            "score": run_scoring,
        }
        return commands[arguments.command](arguments)
    except BadInput as error:
        return _complain(_as_typed(str(error)), WRONG_INPUT)
    except KeyboardInterrupt:
        return _complain(_where_it_stands("interrupted", arguments), INTERRUPTED)
    except OSError as error:
        return _complain(_where_it_stands(error, arguments), DISK_TROUBLE)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="python -m companion", description=companion.__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"companion {companion.__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="run|data|experiment|grade|score|diagnose"
    )
    listing = commands.add_parser(
        "data", help="list the data sets and where each would come from", allow_abbrev=False
    )
    listing.set_defaults(options=listing.options)
    run = commands.add_parser(
        "run", help="train a model, evaluate it, and record both in a folder", allow_abbrev=False
    )
    run.add_argument(
        "model",
        nargs="?",
        default=argparse.SUPPRESS,
        metavar="MODEL",
        help=f"one of: {', '.join(experiments.MODELS)}; with --resume it is known",
    )
    # No value is checked or defaulted here: Settings does that, and resuming must know what was typed.
    for field in fields(Settings):
        if field.name in ("model", "options"):
            continue
        shown = "" if field.default in (None, MISSING) else f" (default: {field.default})"
        run.add_argument(
            _flag(field.name),
            default=argparse.SUPPRESS,
            type=_TYPES.get(field.name, _number),
            metavar="NAME" if _TYPES.get(field.name) is str else "N",
            help=SETTING_HELP[field.name] + shown,
        )
    for name, models in OPTION_NAMES.items():
        default = MODELS[models[0]].options[name]
        defaults = "; ".join(f"{model}, default: {_as_text(MODELS[model].options[name])}" for model in models)
        shown = f"{OPTION_HELP[name]} ({defaults})"
        run.add_argument(
            _flag(name), default=argparse.SUPPRESS, type=_value_like(default), metavar="VALUE", help=shown
        )
    run.set_defaults(options=run.options)
    add_experiment(commands)
    add_grading(commands)
    add_scoring(commands)
    add_diagnosis(commands)
    run.add_argument("--out", required=True, metavar="DIR", help="a new folder for run.json and the model")
    run.add_argument("--resume", action="store_true", help="continue the run that is in DIR")
    shown = f"{' or '.join(backends.BACKENDS)}: what Keras computes on (default: as Keras is set, or the resumed run's)"
    run.add_argument("--backend", default=None, metavar="NAME", help=shown)
    spreading.add_to(run)
    run.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def _flag(setting: str) -> str:
    return "--" + setting.replace("_", "-")


def _number(text: str) -> int | float | str:
    """``text`` as a number if it is one; else unchanged, for Settings to refuse by name."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _numbers(text: str) -> tuple[int | float | str, ...]:
    """Several numbers, as in ``512,256``."""
    return tuple(_number(part) for part in text.split(","))


def _value_like(default: Any) -> Callable[[str], Any]:
    """The reader of an option, by the type of its default; what does not fit stays text, which the model refuses."""
    if isinstance(default, bool):
        return lambda text: {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(default, tuple):
        return _numbers
    return str if isinstance(default, str) else _number


_TYPES: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(
        ("dataset", "network", "binarize", "likelihood", "variant", "schedule", "activation"), str
    ),
    "hidden": _numbers,
    "batch_norm": _value_like(False),
    "output_bias": _value_like(False),
}


def _as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


def _run(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    _choose_backend(arguments)
    plan = spreading.plan_of(arguments)
    record = experiments.run(settings, arguments.out, arguments.resume, quiet=arguments.quiet, plan=plan)
    if record["test"] is None:
        print(f"Worker {arguments.rank}: {record['epochs_done']} epochs; the chief, worker 0, records them.")
        return 0
    print(_summary(record))
    print(
        f"{arguments.out}: run.json and {', '.join(record['files'])}, after {record['epochs_done']} epochs."
    )
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    """The settings that were typed; the others are the defaults, or those of the run that is resumed."""
    typed = {name: value for name, value in vars(arguments).items() if name in SETTING_NAMES}
    if not arguments.resume and "model" not in typed:
        raise BadInput(
            f"MODEL is missing: expected one of {', '.join(experiments.MODELS)}; type it after run."
        )
    options = {name: value for name, value in vars(arguments).items() if name in OPTION_NAMES}
    if not arguments.resume:
        return Settings(**typed, options=options)
    known = experiments.settings_of(arguments.out)
    return replace(known, **typed, options={**known.options, **options})


def _choose_backend(arguments: argparse.Namespace) -> None:
    """The backend that was typed, or that of the run that is resumed; Keras's own choice where there is neither."""
    begun_on = RunFolder(arguments.out).read_record().get("backend") if arguments.resume else None
    if arguments.backend is not None:
        backends.check_same(arguments.backend, begun_on)
    chosen = arguments.backend or begun_on
    if chosen is not None:
        backends.choose(chosen)


def _as_typed(message: str) -> str:
    """``latent_dim=-1`` as typed on the command line, ``--latent-dim -1``; not inside a path."""
    names = "|".join(
        name
        for name in ("out", "backend", *spreading.ARGUMENTS, *SETTING_NAMES, *OPTION_NAMES, *SCORING_NAMES)
        if name != "model"
    )
    return re.sub(rf"(?<![^\s(])({names})=", lambda found: f"{_flag(found[1])} ", message)


def _summary(record: dict[str, Any]) -> str:
    test = record["test"]
    bound = (
        f"log likelihood at least {test['log_likelihood']:.2f}"
        if test["log_likelihood"] is not None
        else f"cross-entropy bound {test['cross_entropy_bound']:.2f}"
    )
    spread = "" if test["stderr"] is None else f" ± {test['stderr']:.2f}"
    units = f"; {test['active_units']} of {test['units']} units active" if test.get("units") else ""
    return (
        f"Test, nats/image: negative ELBO {test['neg_elbo']:.2f}{spread} = reconstruction "
        f"{test['reconstruction']:.2f} + KL {test['kl']:.2f}; {bound} (k={test['k']}, {test['n_images']} images, "
        f"binarisation {test['binarization']}){units}."
    )


def _where_it_stands(cause: object, arguments: argparse.Namespace) -> str:
    """What stopped the run, and the command that continues it."""
    try:
        record = RunFolder(arguments.out).read_record()
    except (AttributeError, BadInput):
        return f"{cause}, and nothing was recorded yet; call again to start."
    typed = {"--dataset": getattr(arguments, "dataset", None), "--epochs": getattr(arguments, "epochs", None)}
    again = [word for flag, value in typed.items() if value is not None for word in (flag, str(value))]
    command = shlex.join(["python", "-m", "companion", "run", *again, "--out", arguments.out, "--resume"])
    return f"{cause}; {record['epochs_done']} epochs are saved; continue with: {command}"


def _list_data(_: argparse.Namespace) -> int:
    for source in data.sources():
        state = "here" if source.present else "not here yet"
        print(f"{source.name:14} {state:13} {source.images:>15} images: {source.what}")
        print(f"{'':14} from {source.origin}; licence: {source.licence}")
    print(f"{'FILE.npz':14} your own images: arrays images and labels, or x_train, y_train, x_test, y_test")
    return 0


def _complain(message: object, code: int) -> int:
    print(f"companion: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
