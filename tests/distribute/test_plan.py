"""Protects what a spread run refuses, before Keras is imported: one line, with the way that works."""

import pytest

from companion.__main__ import main
from companion.distribute import check_run, plan
from companion.errors import BadInput

TWO = "127.0.0.1:12345,127.0.0.1:12346"


def test_a_mirrored_plan_has_two_replicas_unless_told_otherwise():
    assert plan("mirrored").in_sync == 2 and plan("mirrored", replicas=3).in_sync == 3
    assert plan("mirrored").is_chief


def test_workers_know_their_rank():
    first, second = (plan("multiworker", workers=TWO, rank=rank) for rank in (0, 1))
    assert first.in_sync == second.in_sync == 2
    assert first.is_chief and not second.is_chief
    assert plan("multiworker", workers=TWO.split(","), rank=1) == second


@pytest.mark.parametrize(
    ("strategy", "how", "says"),
    [
        ("central", {}, "expected one of mirrored, multiworker"),
        ("mirrored", {"workers": TWO}, "which is one process"),
        ("mirrored", {"rank": 0}, "which is one process"),
        ("mirrored", {"replicas": 0}, "at least 1"),
        ("multiworker", {"replicas": 2, "workers": TWO, "rank": 0}, "one per process"),
        ("multiworker", {"rank": 0}, "at least two different addresses"),
        ("multiworker", {"workers": "127.0.0.1:1,127.0.0.1:1", "rank": 0}, "two different"),
        ("multiworker", {"workers": "127.0.0.1,127.0.0.1:1", "rank": 0}, "host:port for each"),
        ("multiworker", {"workers": TWO}, "rank=-1"),
        ("multiworker", {"workers": TWO, "rank": 2}, "expected 0 to 1"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(strategy, how, says):
    with pytest.raises(BadInput, match=says):
        plan(strategy, **how)


@pytest.mark.parametrize(
    ("backend", "model", "options", "batch_size", "says"),
    [
        ("torch", "vae", {}, 128, "pass backend='jax'"),
        ("tensorflow", "vae", {}, 127, "pass batch_size=126"),
        ("tensorflow", "vq_vae", {}, 128, "a mean over images.*--backend jax trains it"),
        ("tensorflow", "aae", {}, 128, "--backend jax trains it"),
        ("tensorflow", "beta_vae", {"free_bits": 0.5}, 128, "free_bits=0.5.*--backend jax"),
        ("tensorflow", "beta_vae", {"gamma": 2.0}, 128, "gamma=2.0.*expected gamma=0"),
    ],
)
def test_what_would_train_to_other_figures_is_refused(backend, model, options, batch_size, says):
    with pytest.raises(BadInput, match=says):
        check_run(plan("mirrored"), backend, model, options, batch_size)


def test_what_trains_to_the_same_figures_is_taken():
    check_run(plan("mirrored"), "jax", "vq_vae", {}, 128)
    check_run(plan("mirrored"), "tensorflow", "beta_vae", {"free_bits": 0.0, "beta": 4.0}, 128)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["--strategy", "mirrored", "--rank", "1"], "--rank"),
        (["--replicas", "2"], "--replicas 2 alone: expected --strategy 'mirrored'"),
        (["--rank", "0"], "--strategy 'multiworker'"),
        (["--strategy", "multiworker", "--workers", TWO, "--rank", "x"], "--rank 'x'"),
    ],
)
def test_the_command_refuses_in_one_line_in_the_words_that_were_typed(typed, says, capsys, tmp_path):
    assert main(["run", "vae", *typed, "--out", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_command_names_the_way_for_a_family_whose_loss_needs_the_whole_batch(
    capsys, tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert main(["run", "vq_vae", "--strategy", "mirrored", "--out", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert "--backend jax" in told and told.count("\n") == 1
    assert not list(tmp_path.iterdir())
