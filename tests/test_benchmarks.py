"""Protects the benchmark: operations are counted as by hand, every contestant has its turn and keeps its own figures, a
ratio compares two contestants of one round, what is missing is named, and a worker answers as the benchmark expects.
"""

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import cases, environment, floor, images, measure, report
from benchmarks.cases import Case, Contestant
from benchmarks.environment import Missing
from benchmarks.worker import Worker

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

THREE = tuple(Contestant(name, "project", "none") for name in ("ours", "theirs", "pythae"))
CASE = Case("small", 10, 5, 2_000_000, {}, THREE, baselines=("theirs", "pythae"))
FACTS = {"import_s": 3.0, "first_step_s": 1.23456, "peak_memory_mb": 700, "versions": {"keras": "3.15.1"}}
SECONDS = {"ours": [0.010, 0.020, 0.030], "theirs": [0.020, 0.020, 0.020]}
RATES = [{"torch": 100.0, "jax": 50.0}, {"torch": 10.0, "jax": 20.0}, {"torch": 40.0, "jax": 40.0}]


@pytest.fixture(scope="module")
def record():
    """A record of one case, in which one of three contestants could not take part."""
    own = measure.record_of(
        CASE, SECONDS, RATES, dict.fromkeys(SECONDS, FACTS), {"pythae": "no such package"}
    )
    kind = {"cores": 2, "processor": "Test", "system": "Linux"}
    about = {"commit": "0123456789", "machine": kind, "threads": 2, "rounds": 3, "quick": False}
    return {**about, "versions": own.pop("versions"), "cases": [own]}


def test_operations_of_a_small_network_against_a_count_by_hand():
    # 6 -> 3 -> two heads of 2, and back: 2 -> 3 -> 6. Multiply-adds forward: 18 + 12 and 6 + 18, two operations each.
    encoder, decoder = [*floor.dense(6, 3), floor.Layer(1, 3, 4)], floor.dense(2, 3, 6)
    assert (floor.forward(encoder), floor.forward(decoder)) == (60, 48)
    # Backward twice that, less the gradient of the pixels, 2 * 18; the decoder's codes need theirs.
    assert floor.training(encoder, first=True) == 60 + 120 - 36
    assert floor.training(decoder, first=False) == 48 + 96
    assert floor.training_of_vae(encoder, decoder, batch=10) == 10 * (144 + 144)
    assert floor.training_of_vae(encoder, decoder, batch=10, num_samples=5) == 10 * (144 + 5 * 144)
    assert floor.log_likelihood_of_vae(encoder, decoder, images=7, num_samples=3) == 7 * (60 + 3 * 48)
    assert floor.milliseconds(2_000_000, gflops=100.0) == pytest.approx(0.02)


def test_operations_of_the_convolutional_networks_against_their_own_shapes():
    from companion.networks import build_conv_decoder, build_conv_encoder

    for network, layers in zip((build_conv_encoder(), build_conv_decoder()), floor.conv_vae(2), strict=True):
        assert floor.forward(layers) == sum(map(operations_of, network.layers)), network.name


def operations_of(layer):
    """Operations for one image, from the shapes that Keras gives: each position meets the whole kernel once."""
    import keras

    if not hasattr(layer, "kernel"):
        return 0
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    shape = (layer.input if transposed else layer.output).shape
    return 2 * int(np.prod(shape[1:-1])) * int(np.prod(layer.kernel.shape))


def test_operations_of_the_vq_vae_against_its_own_shapes():
    from companion.vq_vae import VQVAE

    model = VQVAE()
    encoder, decoder = (
        [operations_of(layer) for layer in net.layers] for net in (model.encoder, model.decoder)
    )
    cnn = sum(masked_operations_of(layer) for layer in model.prior.network.layers)
    quantizer = 2 * (2 * 49 * 16 * 64)
    first = next(filter(None, encoder))
    assert floor.training_of_vq_vae(1) == 3 * (sum(encoder) + sum(decoder) + cnn) - first + quantizer


def masked_operations_of(layer):
    share = np.mean(layer.causal_mask) if hasattr(layer, "causal_mask") else 1
    return round(operations_of(layer) * share)


def test_milliseconds_and_ratios_are_those_of_each_round(record):
    (case,) = record["cases"]
    ours, theirs = case["contestants"]["ours"], case["contestants"]["theirs"]
    assert ours["ms_per_step"] == {"min": 2.0, "median": 4.0, "max": 6.0, "rounds": [2.0, 4.0, 6.0]}
    assert ours["images_per_second"] == 2500
    # 20/10, 20/20, 20/30: not the ratio of the medians or of the best.
    assert ours["times_as_fast_as"] == {"theirs": {"min": 0.6667, "median": 1.0, "max": 2.0}}
    assert theirs["times_as_fast_as"]["theirs"] == {"min": 1.0, "median": 1.0, "max": 1.0}
    # The fastest engine of each round: 100, 20 and 40 GFLOP/s for 2 million operations.
    assert case["floor_ms_per_step"]["rounds"] == [0.02, 0.1, 0.05]
    assert ours["share_of_floor"] == {"min": 0.008333, "median": 0.01, "max": 0.025}
    assert record["versions"] == {"project": {"keras": "3.15.1"}}


def test_tables_show_the_figures_and_name_what_is_missing(record):
    (found,) = report.tables(record)
    cells = {row[0]: dict(zip(found.columns, row, strict=True)) for row in found.rows}
    assert list(cells) == ["ours", "theirs", "floor", "pythae"]
    assert cells["ours"] == {
        "Contestant": "ours",
        "ms per step, best": "2.00",
        "median": "4.00",
        "images per second": "2,500",
        "× as fast as theirs": "1.00 (0.67 to 2.00)",
        "share of the floor": "1 %",
        "first step, s": "1.2",
        "memory, MB": "700",
    }
    assert cells["pythae"]["ms per step, best"] == "missing: no such package"
    said = report.text(record)
    assert re.search(r"^pythae +missing: no such package$", said, re.MULTILINE)
    assert "3 rounds on 2 cores" in said and "up to 100 GFLOP/s" in said and "Commit 0123456" in said


def test_the_picture_shows_every_contestant_beside_eager_pytorch(record):
    assert report.figure(record) is None  # this case has no PyTorch
    named = json.loads(json.dumps(record).replace("theirs", cases.EAGER))
    drawn = report.figure(named)
    assert "In the case small: ours 1.00." in drawn.alt_text
    assert drawn.legends[0].get_texts()[0].get_text() == "ours"


def test_the_page_shows_the_same_tables_and_survives_without_a_record(record, tmp_path):
    import speed

    *found, conditions = speed.tables(record)
    assert "missing: no such package" in found[0].astext() and "3 rounds" in conditions.astext()
    assert speed.read_speed(tmp_path) == {}


class Pretended:
    """A worker that takes as many seconds as it is told, and may die."""

    def __init__(self, name, turns, dies_in_round=None):
        self.name, self.turns, self.dies, self.rounds = name, turns, dies_in_round, 0

    def round(self):
        self.rounds += 1
        if self.rounds == self.dies:
            raise Missing("it died")
        self.turns.append(self.name)
        return float(self.rounds)


class Rates:
    def rates(self):
        return {"torch": 100.0}


def test_contestants_take_turns_and_one_that_dies_is_named():
    turns, missing = [], {}
    workers = {
        "a": Pretended("a", turns),
        "b": Pretended("b", turns, dies_in_round=3),
        "c": Pretended("c", turns),
    }
    seconds, rates = measure.take_turns(workers, Rates(), 3, missing)
    assert turns == list("abcbcaca")
    assert seconds == {"a": [1.0, 2.0, 3.0], "c": [1.0, 2.0, 3.0]} and len(rates) == 3
    assert missing == {"b": "it died"}


def test_a_round_that_does_not_count_brings_a_process_back_that_has_waited():
    turns: list[str] = []
    workers = {name: Pretended(name, turns) for name in "ab"}
    seconds, _ = measure.take_turns(workers, Rates(), 2, {}, warmed=True)
    assert turns == list("aabbbbaa")
    assert seconds == {"a": [2.0, 4.0], "b": [2.0, 4.0]}


def test_every_case_has_a_contestant_of_the_package_and_a_baseline_of_its_own():
    every = cases.all_cases()
    assert len({case.name for case in every}) == len(every)
    for case in every:
        names = {each.name for each in case.contestants}
        assert set(case.baselines) & names, case.name
        assert case.images <= cases.MNIST_SIZE
        backends = {each.backend for each in case.contestants if each.worker.startswith("companion")}
        assert backends == {"tensorflow", "jax"}, case.name
        for each in case.contestants:
            assert (ROOT / "benchmarks" / "workers" / f"{each.worker}.py").is_file()
            assert each.environment == "project" or each.environment in environment.REQUIREMENTS


def test_a_part_can_be_chosen():
    chosen = cases.selected(cases.all_cases(), "batch 10: eager")
    assert [[each.name for each in case.contestants] for case in chosen] == [[cases.EAGER]] * 2
    with pytest.raises(SystemExit):
        command.main(["--only", "no such contestant"])
    with pytest.raises(SystemExit):
        command.main(["--rounds", "0"])


def test_an_environment_that_cannot_be_made_is_reported_with_its_reason():
    with pytest.raises(Missing, match="cannot be made: first second"):
        environment.run(["sh", "-c", "echo first >&2; echo second >&2; exit 3"], "none")


def test_contestants_run_under_a_users_settings_not_under_those_of_the_tests(monkeypatch):
    kept_out = ("TF_ENABLE_ONEDNN_OPTS", "PYTHONDONTWRITEBYTECODE")
    for name in kept_out:
        monkeypatch.setenv(name, "0")
    found = environment.variables("jax", 2)
    assert not set(kept_out) & set(found)
    assert found["KERAS_BACKEND"] == "jax" and found["OMP_NUM_THREADS"] == "2"


def test_cases_that_are_measured_again_take_the_place_of_the_old_ones():
    old = {"rounds": 5, "threads": 2, "quick": False, "commit": "a", "versions": {"jax": "1"}}
    record = {
        **old,
        "cases": [{"name": "one", "ms": 1, "commit": "a"}, {"name": "two", "ms": 2, "commit": "a"}],
    }
    again = {
        **old,
        "commit": "b",
        "versions": {"jax": "2"},
        "cases": [{"name": "two", "ms": 3, "commit": "b"}],
    }
    found = command.renewed(record, again)
    assert found["cases"] == [record["cases"][0], again["cases"][0]]
    assert (found["commit"], found["versions"]) == ("a", {"jax": "2"})
    with pytest.raises(SystemExit, match="rounds is 3, and 5 in the record"):
        command.renewed(record, {**again, "rounds": 3})


def test_a_record_is_written_whole(tmp_path):
    command.write({"schema": 1}, tmp_path / "benchmarks.json")
    assert os.listdir(tmp_path) == ["benchmarks.json"]
    assert json.loads((tmp_path / "benchmarks.json").read_text()) == {"schema": 1}


@pytest.mark.slow
def test_a_worker_trains_a_round_at_a_time_and_tells_of_itself(tmp_path):
    contestant = next(
        each for each in cases.routes().contestants if each.name == "fit on an array (TensorFlow)"
    )
    settings = {"network": "dense", "hidden": (16,), "latent_dim": 2, "batch": 8, "threads": 2}
    spec = {**settings, "images": str(images.write(tmp_path, 24)), "count": 24}
    with Worker("project", contestant.worker, spec, tmp_path / "log.txt") as worker:
        seconds = [worker.round() for _ in range(2)]
        facts = worker.stop()
    assert all(0 < value < 60 for value in seconds)
    assert facts["first_step_s"] > 0 and facts["import_s"] > 0
    # TensorFlow alone takes more than 200 MB.
    assert 200 < facts["peak_memory_mb"] < 20_000
    assert facts["versions"]["keras"]


def test_a_worker_that_dies_is_missing_with_the_last_error_that_it_printed(tmp_path):
    spec = {"threads": 2, "engine": "numpy", "size": "no number"}
    with pytest.raises(Missing, match="TypeError"):
        Worker("project", "matmul", spec, tmp_path / "log.txt")
