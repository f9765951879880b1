"""Examine every sick and every healthy model and record what was found: ``make patients [PATIENT="name; other name"]``.

Writes ``results/patients.json``, from which the page *What is wrong with my VAE?* is made, and prints the confusion
matrix. With ``--only`` the named patients alone are examined, and the others stay as recorded;
``--only missing`` goes on where a run stopped. Returns 1 where a fault
was missed or a healthy model was called sick.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import keras

from companion import machine
from companion.diagnosis import Patient, diagnose
from companion.diagnosis.report import FAULT
from tests.patients.healthy import HEALTHY
from tests.patients.pairs import PAIRS
from tests.patients.pictures import LOOKS, picture
from tests.patients.public import PUBLIC
from tests.patients.sick import SICK
from tools.execute import write_whole
from tools.patients import COLUMNS, is_right, matrix

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "results" / "patients.json"
MISSING = "missing"
ALL_SICK = SICK | PUBLIC | PAIRS
SHOWN = ("stage", "figure", "healthy", "meaning", "mend", "chapter", "sure", "level")


def expected_of(name):
    """The findings that a sick model has to get: one, or two for a pair of faults."""
    expected = ALL_SICK[name][0]
    return [expected] if isinstance(expected, str) else list(expected)


def examined(build):
    """What ``diagnose`` reports: names by level, the findings in full, the call, and its seconds of a processor."""
    model, images, more = build()
    began = time.process_time()
    report = diagnose(model, images, **more)
    seconds = round(time.process_time() - began, 2)
    whom = "Patient(...)" if isinstance(model, Patient) else "model"
    given = ", ".join(
        [whom, "images", *(f"{name}={True if value is True else name}" for name, value in more.items())]
    )
    faults, notes = ([f for f in report if (f.level == FAULT) is fault] for fault in (True, False))
    return {
        "found": [finding.name for finding in faults],
        "notes": [finding.name for finding in notes],
        "call": f"diagnose({given})",
        "seconds": seconds,
        "findings": [{"name": f.name, **{key: getattr(f, key) for key in SHOWN}} for f in report],
    }


def sick(name):
    """The row of a sick model; of the findings, only those in full that it has to get."""
    expected = expected_of(name)
    row = {"expected": expected, **examined(ALL_SICK[name][1])}
    shown = [finding for finding in row["findings"] if finding["name"] in expected]
    return row | {"findings": shown}


def healthy(name):
    """The row of a healthy model."""
    return examined(HEALTHY[name])


def write(record, found):
    """Write the record in one step."""
    write_whole(record, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def main(argv=None, record=RECORD):
    """The command line: 0 where every patient got what is wrong with it, 1 otherwise, 2 for an unknown name."""
    parser = argparse.ArgumentParser(prog="make patients", description=__doc__)
    parser.add_argument("--only", default="", help="names of patients, separated by semicolons")
    only = [name.strip() for name in parser.parse_args(argv).only.split(";") if name.strip()]
    for name in set(only) - {MISSING, *ALL_SICK, *HEALTHY}:
        print(
            f"--only {name}: no such patient; there are: {'; '.join([*ALL_SICK, *HEALTHY])}", file=sys.stderr
        )
        return 2
    before = json.loads(record.read_text(encoding="utf-8")) if only and record.exists() else {}
    found = {"device": machine.device(), "versions": machine.versions(keras.backend.backend())}
    for kind, names, examine in (
        ("sick", ALL_SICK, sick),
        ("healthy", HEALTHY, healthy),
        ("pictures", LOOKS, picture),
    ):
        found[kind] = {}
        for name in names:
            old = before.get(kind, {}).get(name)
            if only and name not in only and old is not None:
                found[kind][name] = old
                continue
            keras.utils.set_random_seed(0)
            found[kind][name] = examine(name)
            write(record, {**before, **found, kind: before.get(kind, {}) | found[kind]})
            print(f"{kind}: {name}: {found[kind][name].get('found', 'drawn')}", flush=True)
    write(record, found)
    for row in [COLUMNS, *matrix(found)]:
        print(" | ".join(row))
    wrong = [name for name, row in found["sick"].items() if not is_right(row)]
    wrong += [name for name, row in found["healthy"].items() if row["found"]]
    for name in wrong:
        print(f"not as expected: {name}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
