"""Protects the judge of generated images: that it learns, names classes and counts agreement; and with it, on MNIST,
that a conditional VAE draws the digit it was asked for."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

from companion import data
from companion.conditional_vae import ConditionalVAE
from companion.errors import BadInput
from companion.evaluation.judge import agreement, named_classes, train_judge

ROOT = Path(__file__).resolve().parents[2]
DATA_DIR = Path(os.environ.get("COMPANION_DATA_DIR") or ROOT.parent / "shared" / "data")
LABELS = np.arange(60) % 3


def stripes(seed=0):
    """Sixty noisy images of 4x4 pixels, of which one row of three is dark: the class."""
    pixels = np.random.default_rng(seed).uniform(0, 0.3, size=(60, 4, 4, 1)).astype("float32")
    pixels[np.arange(60), LABELS] += 0.7
    return pixels


@pytest.fixture(scope="module")
def judge():
    return train_judge(stripes(), LABELS, epochs=20, batch_size=8, seed=1)


@pytest.mark.slow
def test_the_judge_learns_what_it_is_shown(judge):
    unseen = stripes(seed=1)
    assert agreement(judge, unseen, LABELS) > 0.95
    np.testing.assert_array_equal(
        named_classes(judge, unseen[::-1]), np.argmax(judge.predict(unseen[::-1], verbose=0), axis=1)
    )
    assert judge.output_shape == (None, 3)
    assert named_classes(judge, unseen).shape == (60,)


@pytest.mark.slow
def test_agreement_is_the_share_of_labels_named(judge):
    named = named_classes(judge, stripes())
    asked = named.copy()
    asked[:15] = (asked[:15] + 1) % 3
    assert agreement(judge, stripes(), asked) == 0.75
    assert agreement(judge, stripes(), named.tolist()) == 1.0


def test_the_judge_is_two_layers_with_dropout_and_says_logits(judge):
    dense = [layer for layer in judge.layers if isinstance(layer, keras.layers.Dense)]
    dropout = [layer for layer in judge.layers if isinstance(layer, keras.layers.Dropout)]
    assert [(layer.units, layer.activation.__name__) for layer in dense] == [
        (512, "relu"),
        (256, "relu"),
        (3, "linear"),
    ]
    assert [layer.rate for layer in dropout] == [0.2, 0.2]
    assert float(judge.optimizer.learning_rate) == pytest.approx(1e-3)
    assert not judge.jit_compile
    logits = judge.predict(stripes(), verbose=0).astype("float64")
    cross_entropy = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(60), LABELS]
    assert judge.evaluate(stripes(), LABELS, verbose=0) == pytest.approx(cross_entropy.mean(), rel=1e-3)


def test_every_layer_has_a_seed_of_its_own_and_no_two_judges_share_one():
    def seeds(judge):
        return [
            layer.kernel_initializer.seed if isinstance(layer, keras.layers.Dense) else layer.seed
            for layer in judge.layers
            if isinstance(layer, keras.layers.Dense | keras.layers.Dropout)
        ]

    judges = {seed: train_judge(stripes(), LABELS, epochs=1, seed=seed) for seed in (0, 2)}
    assert {seed: seeds(judge) for seed, judge in judges.items()} == {
        0: [0, 1, 2, 3, 4],
        2: [20, 21, 22, 23, 24],
    }


@pytest.mark.slow
def test_the_usual_training(monkeypatch):
    how = {}
    monkeypatch.setattr(keras.Sequential, "fit", lambda self, x, y, **kwargs: how.update(kwargs))
    judge = train_judge(stripes(), LABELS)
    assert how == {"batch_size": 64, "epochs": 20, "verbose": 0}
    assert judge.layers[1].kernel_initializer.seed == 0


@pytest.mark.slow
def test_one_seed_makes_one_judge():
    keras.utils.set_random_seed(0)
    first = train_judge(stripes(), LABELS, epochs=1, seed=3)
    keras.utils.set_random_seed(0)
    again, other = (train_judge(stripes(), LABELS, epochs=1, seed=seed) for seed in (3, 4))
    for a, b, c in zip(
        first.get_weights()[::2], again.get_weights()[::2], other.get_weights()[::2], strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)
        assert not np.allclose(a, c, atol=1e-2)


@pytest.mark.parametrize(
    ("do", "message"),
    [
        (
            lambda judge: train_judge(stripes(), LABELS[:5]),
            r"labels have shape \(5,\).*expected \(60,\) whole numbers",
        ),
        (
            lambda judge: train_judge(stripes(), LABELS * 1.0),
            "dtype float64: expected .* whole numbers from 0",
        ),
        (lambda judge: train_judge(stripes(), LABELS - 1), r"expected \(60,\) whole numbers from 0"),
        (
            lambda judge: train_judge(stripes() * 255, LABELS),
            r"expected pixels in \[0, 1\]; pass images / 255",
        ),
        (lambda judge: train_judge(stripes(), LABELS, seed=-1), "seed=-1: expected a whole number"),
        (
            lambda judge: agreement(judge, stripes(), LABELS[:, None]),
            r"labels have shape \(60, 1\).*np.ravel",
        ),
        (
            lambda judge: named_classes(judge, stripes()[:, :2]),
            r"images have shape \(60, 2, 4, 1\): expected",
        ),
    ],
)
def test_bad_input(judge, do, message):
    with pytest.raises(BadInput, match=message):
        do(judge)


@pytest.mark.slow
@pytest.mark.skipif(not (DATA_DIR / "mnist.npz").exists(), reason="no mnist.npz in COMPANION_DATA_DIR")
def test_on_mnist_the_asked_digit_comes(monkeypatch):
    monkeypatch.setenv("COMPANION_DATA_DIR", str(DATA_DIR))
    mnist = data.load("mnist")
    judge = train_judge(mnist.x_train, mnist.y_train, epochs=4, batch_size=256)
    assert agreement(judge, mnist.x_test, mnist.y_test) >= 0.97
    few = mnist.subset(n_train=10_000)
    asked = np.arange(2000) % 10
    for prior in ("standard", "learned"):
        model = ConditionalVAE(prior=prior, seed=0)
        model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
        model.fit([few.x_train, few.y_train], epochs=6, batch_size=128, verbose=0)
        assert agreement(judge, model.generate(asked, seed=0), asked) >= 0.9, prior
        # Not because of the code: other labels, given the same noise, come just as well.
        assert agreement(judge, model.generate((asked + 3) % 10, seed=0), asked) < 0.05
