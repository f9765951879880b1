"""Protects the command score: a row per image whose score is that of the package, flags by a threshold that is given or
chosen on normal images, a file that appears whole or not at all, and one line for every mistake."""

import csv

import keras
import numpy as np
import pytest

from companion import scoring
from companion.__main__ import main
from companion.errors import BadInput
from companion.evaluation import anomaly
from companion.hierarchical_vae import HierarchicalVAE
from companion.scoring import score_file

SHAPE = (4, 4, 1)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(2, 256, size=(25, 4, 4), dtype="uint8")
NORMAL = RNG.integers(2, 256, size=(39, 4, 4), dtype="uint8")


@pytest.fixture(scope="module")
def model(new_vae):
    return new_vae()


@pytest.fixture
def folder(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "my.npz", images=IMAGES)
    np.savez(tmp_path / "normal.npz", images=NORMAL)
    model.save(tmp_path / "model.keras")
    return tmp_path


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def call(*arguments):
    try:
        return main([*map(str, arguments)])
    except SystemExit as end:
        return end.code


def said(capsys):
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("companion: ")
    return err


def test_the_command_writes_a_row_for_each_image(folder, capsys, model):
    assert call("score", "model.keras", "--data", "my.npz") == 0
    assert capsys.readouterr().out == (
        "scores.csv: 25 images scored, no flags, for there is neither --normal nor --threshold.\n"
    )
    rows = rows_of(folder / "scores.csv")
    assert list(rows[0]) == ["index", "score", "flag"]
    assert [row["index"] for row in rows] == [str(n) for n in range(25)]
    assert {row["flag"] for row in rows} == {""}
    expected = anomaly.anomaly_scores(model, IMAGES[..., None] / 255, "neg_elbo")
    np.testing.assert_allclose([float(row["score"]) for row in rows], expected, rtol=1e-4)


def test_a_threshold_from_normal_images(folder, capsys, model):
    arguments = [
        "--normal",
        "normal.npz",
        "--false-positive-rate",
        "0.1",
        "--score",
        "likelihood",
        "--k",
        "5",
    ]
    assert call("score", "model.keras", "--data", "my.npz", "--out", "a.csv", *arguments) == 0
    normal = anomaly.anomaly_scores(model, NORMAL[..., None] / 255, "likelihood", k=5)
    threshold = anomaly.threshold(normal, 0.1)
    rows = rows_of(folder / "a.csv")
    flags = [int(float(row["score"]) > threshold) for row in rows]
    assert [row["flag"] for row in rows] == [str(flag) for flag in flags]
    assert 0 < sum(flags) < 25
    assert capsys.readouterr().out == (
        f"a.csv: 25 images scored, {sum(flags)} flagged, with a score above {threshold:.6g}.\n"
    )


def test_a_threshold_that_is_given(folder, capsys):
    assert call("score", "model.keras", "--data", "my.npz", "--threshold", "1e6") == 0
    assert "0 flagged, with a score above 1e+06" in capsys.readouterr().out
    assert call("score", "model.keras", "--data", "my.npz", "--threshold", "0", "--overwrite") == 0
    assert "25 flagged" in capsys.readouterr().out
    assert {row["flag"] for row in rows_of(folder / "scores.csv")} == {"1"}


def test_images_are_scored_chunk_by_chunk(folder, model, monkeypatch):
    """Never more than a chunk is scored at once, and each chunk has noise of its own."""
    seen = []
    real = anomaly.anomaly_scores

    def watched(model, images, score, **how):
        seen.append((len(images), how["seed"]))
        return real(model, images, score, **how)

    monkeypatch.setattr(anomaly, "anomaly_scores", watched)
    done = score_file(model, "my.npz", "a.csv", normal="normal.npz", chunk=10, seed=3)
    assert seen == [(10, 3), (10, 1003), (10, 2003), (9, 3003), (10, 3), (10, 1003), (5, 2003)]
    assert done.images == 25 and done.flagged == sum(row["flag"] == "1" for row in rows_of(folder / "a.csv"))
    whole = score_file(model, "my.npz", "b.csv", score="reconstruction")
    parts = score_file(model, "my.npz", "c.csv", score="reconstruction", chunk=4)
    assert whole == parts == (25, 0, None)
    for one, other in zip(rows_of(folder / "b.csv"), rows_of(folder / "c.csv"), strict=True):
        assert float(one["score"]) == pytest.approx(float(other["score"]), rel=1e-4)


def test_after_an_error_nothing_is_there_and_what_was_there_is_unchanged(folder, model):
    images = np.concatenate([IMAGES / 255, np.full((1, 4, 4), 2.0)])
    np.savez(folder / "bad.npz", images=images)
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(BadInput, match="hold values from"):
        score_file(model, "bad.npz", "a.csv", chunk=5)
    assert sorted(path.name for path in folder.iterdir()) == before
    (folder / "a.csv").write_text("mine")
    with pytest.raises(BadInput, match="hold values from"):
        score_file(model, "bad.npz", "a.csv", chunk=5, overwrite=True)
    assert (folder / "a.csv").read_text() == "mine"
    with pytest.raises(BadInput, match="exists: expected the path of a new file"):
        score_file(model, "my.npz", "a.csv")
    score_file(model, "my.npz", "a.csv", overwrite=True)
    assert len(rows_of(folder / "a.csv")) == 25


def test_a_hierarchical_model_has_the_ratio(folder, capsys):
    pair = HierarchicalVAE.build_networks(SHAPE, hidden=(8,), latent_dims=(3, 2), seed=0)
    HierarchicalVAE(**pair, latent_dims=(3, 2), seed=0).save(folder / "layers.keras")
    assert call("score", "layers.keras", "--data", "my.npz", "--score", "ratio", "--k", "3") == 0
    assert len(rows_of(folder / "scores.csv")) == 25


MISTAKES = {
    "no data": ([], "required: --data"),
    "no such data": (["--data", "none.npz"], "none.npz is no file"),
    "no such normal": (["--data", "my.npz", "--normal", "none.npz"], "none.npz is no file"),
    "another size": (["--data", "large.npz"], "has images of shape (5, 4, 1): expected (4, 4, 1)"),
    "another score": (
        ["--data", "my.npz", "--score", "entropy"],
        "--score 'entropy': expected one of reconstruction",
    ),
    "no ratio": (["--data", "my.npz", "--score", "ratio"], "--score 'ratio' of a VAE with one layer"),
    "no draws": (["--data", "my.npz", "--k", "0"], "--k 0: expected a whole number"),
    "a word": (["--data", "my.npz", "--k", "ten"], "--k: invalid int value: 'ten'"),
    "no chunk": (["--data", "my.npz", "--chunk", "0"], "--chunk 0: expected a whole number"),
    "a rate": (
        ["--data", "my.npz", "--normal", "normal.npz", "--false-positive-rate", "2"],
        "--false-positive-rate 2.0: expected a number between 0 and 1",
    ),
    "too few": (
        ["--data", "my.npz", "--normal", "normal.npz", "--false-positive-rate", "0.01"],
        "normal has 39 images, too few for",
    ),
    "two thresholds": (["--data", "my.npz", "--normal", "normal.npz", "--threshold", "3"], "were both given"),
    "no folder": (["--data", "my.npz", "--out", "nowhere/a.csv"], "its folder does not exist"),
    "a folder": (["--data", "my.npz", "--out", "."], "--out '.' is a folder"),
    "another array": (["--data", "my.npz", "--array", "pixels"], "has images, and no pixels"),
    "an unknown option": (["--data", "my.npz", "--colour", "red"], "--colour red is unknown; allowed: "),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_gets_one_line(case, folder, capsys):
    np.savez(folder / "large.npz", images=np.zeros((3, 5, 4), "float32"))
    before = sorted(path.name for path in folder.iterdir())
    arguments, message = MISTAKES[case]
    assert call("score", "model.keras", *arguments) == 2
    assert message in said(capsys)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_model_that_cannot_be_used(folder, capsys):
    assert call("score", "none.keras", "--data", "my.npz") == 2
    assert "none.keras does not exist" in said(capsys)
    assert call("score", "model.h5", "--data", "my.npz") == 2
    assert "is no .keras file" in said(capsys)
    (folder / "broken.keras").write_bytes(b"nothing")
    assert call("score", "broken.keras", "--data", "my.npz") == 2
    assert "broken.keras cannot be loaded" in said(capsys)
    x = keras.Input(SHAPE)
    keras.Model(x, keras.layers.Flatten()(x)).save(folder / "other.keras")
    assert call("score", "other.keras", "--data", "my.npz") == 2
    assert "expected one of images alone" in said(capsys)


def test_a_wrong_file_is_named_before_the_model_is_loaded(folder, capsys, monkeypatch):
    monkeypatch.setattr(scoring, "_loaded", lambda path: pytest.fail("the model was loaded"))
    assert call("score", "model.keras", "--data", "none.npz") == 2
    assert "none.npz is no file" in said(capsys)
