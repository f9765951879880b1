"""Protects the molecules: strings and numbers go back and forth, scores are counted right, the VAE of strings has the
likelihood that it says, and a search spends its evaluations on new molecules alone."""

import keras
import numpy as np
import pytest

from companion import molecules
from companion.errors import BadInput
from companion.molecules.search import property_head, slope_of
from companion.molecules.strings import END

SMALL = ("CCO", "CCN", "CCF", "c1ccccc1", "CC=O")


@pytest.fixture(scope="module")
def alphabet():
    return molecules.Alphabet.of(SMALL)


@pytest.fixture(scope="module")
def model(alphabet):
    return molecules.SequenceVAE(len(alphabet), alphabet.length, latent_dim=3, units=8, seed=0)


def test_one_molecule_has_one_spelling_and_what_is_none_is_none():
    assert molecules.canonical("OCC") == molecules.canonical("C(O)C") == "CCO"
    for wrong in ("", "C(", "c1ccc", "F(C)C", "C.C", "hello"):
        assert molecules.canonical(wrong) is None, wrong


def test_the_rule_gives_each_molecule_once_and_the_split_is_a_split():
    everything = molecules.enumerated()
    assert len(everything) == len(set(everything)) == 2268
    assert "Cc1ccccc1C" in everything and "CCCCCCCCCC" not in everything
    known, others = molecules.split(1200, seed=1)
    assert len(known) == 1200 and sorted([*known, *others]) == list(everything)
    assert molecules.split(1200, seed=1)[0] == known != molecules.split(1200, seed=2)[0]
    with pytest.raises(BadInput, match="expected fewer than the 2268"):
        molecules.split(2268)


@pytest.mark.parametrize("language", ["selfies", "smiles"])
def test_molecules_come_back_from_their_rows(language):
    alphabet = molecules.Alphabet.of(SMALL, language)
    rows = alphabet.encode(SMALL)
    assert rows.shape == (5, alphabet.length) and rows.max() == len(alphabet) - 1
    assert alphabet.molecules(rows) == [molecules.canonical(each) for each in SMALL]
    assert (rows[:, -1] == END).all()


def test_symbols_of_two_letters_are_one():
    assert molecules.symbols("CCl", "smiles") == ["C", "Cl"]
    assert molecules.symbols("[C][=Branch1]") == ["[C]", "[=Branch1]"]
    with pytest.raises(BadInput, match="not made of symbols of selfies"):
        molecules.symbols("CCO")


def test_what_the_alphabet_lacks_is_named(alphabet):
    with pytest.raises(BadInput, match=r"no '\[S\]'"):
        alphabet.encode(["CS"])
    with pytest.raises(BadInput, match="expected at most"):
        alphabet.encode(["C" * 40])
    with pytest.raises(BadInput, match="no molecules"):
        molecules.Alphabet.of([])


def test_scores_by_hand():
    found = ["C", "C", "CC", None, "CCC", "CCO"]
    assert molecules.scores(found, ["C"], ["C", "CC", "CCO"]) == {
        "valid": 5 / 6, "unique": 4 / 5, "novel": 3 / 4, "in_rule": 4 / 5, "discovered": 2.0,
    }  # fmt: skip
    assert molecules.scores([None], ["C"])["unique"] == 0
    with pytest.raises(BadInput, match="found is empty"):
        molecules.scores([], ["C"])


def test_drug_likeness_is_a_number_between_0_and_1():
    aspirin, methane = molecules.drug_likeness(["CC(=O)Oc1ccccc1C(=O)O", "C"])
    assert 0 < methane < aspirin < 1
    with pytest.raises(BadInput, match="'C1' is no molecule"):
        molecules.drug_likeness(["C1"])


def test_random_selfies_are_valid_and_an_ngram_makes_only_windows_that_it_saw():
    everything = molecules.enumerated()[:300]
    alphabet = molecules.Alphabet.of(everything)
    rows = alphabet.encode(everything)
    drawn = molecules.random_rows(rows, len(alphabet), 200, seed=0)
    assert sum(each is not None for each in alphabet.molecules(drawn)) >= 195
    windows = {tuple(row[i : i + 3]) for row in rows.tolist() for i in range(len(row) - 2)}
    sample = molecules.NGram(3).fit(rows).sample(50, seed=0)
    assert {tuple(row[i : i + 3]) for row in sample.tolist() for i in range(len(row) - 2)} <= windows
    np.testing.assert_array_equal(sample, molecules.NGram(3).fit(rows).sample(50, seed=0))
    (row,) = molecules.NGram(9).fit(rows[:1]).sample(1, seed=0)
    np.testing.assert_array_equal(row, rows[0])


def test_the_likelihood_counts_each_symbol_and_the_first_end(model, alphabet):
    rows = alphabet.encode(SMALL)
    logits = np.zeros((5, alphabet.length, len(alphabet)), "float32")
    y_pred = {
        "logits": logits,
        "z_mean": np.zeros((5, 3), "float32"),
        "z_log_var": np.zeros((5, 3), "float32"),
    }
    terms = model.terms(rows, y_pred)
    lengths = (rows != END).sum(axis=1) + 1
    np.testing.assert_allclose(terms["log_likelihood"], -lengths * np.log(len(alphabet)), rtol=1e-5)
    np.testing.assert_allclose(terms["kl"], 0, atol=1e-6)


def test_the_writer_does_not_see_the_symbol_that_it_writes(model, alphabet):
    rows = alphabet.encode(SMALL)
    z = np.zeros((5, 3), "float32")
    before = np.pad(rows[:, :-1], ((0, 0), (1, 0)))
    logits = np.asarray(model.writer([z, before]))
    changed = before.copy()
    changed[:, 3] = 1 + (changed[:, 3] % (len(alphabet) - 1))
    other = np.asarray(model.writer([z, changed]))
    np.testing.assert_allclose(other[:, :3], logits[:, :3], atol=1e-6)
    assert np.abs(other[:, 3:] - logits[:, 3:]).max() > 1e-4


def test_writing_step_by_step_is_reading_all_at_once(model):
    codes = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    rows = model.decode(codes)
    before = np.pad(rows[:, :-1], ((0, 0), (1, 0)))
    np.testing.assert_array_equal(np.argmax(model.writer([codes, before]), axis=-1), rows)
    drawn = model.decode(codes, temperature=1.0, seed=0)
    np.testing.assert_array_equal(drawn, model.decode(codes, temperature=1.0, seed=0))


@pytest.mark.slow
def test_a_short_training_learns_and_a_small_weight_keeps_the_code(tmp_path, alphabet):
    rows = np.repeat(alphabet.encode(SMALL), 40, axis=0)
    kl = {}
    for beta in (0.05, 5.0):
        trained = molecules.SequenceVAE(
            len(alphabet), alphabet.length, latent_dim=3, units=16, beta=beta, seed=0
        )
        trained.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
        history = trained.fit(rows, batch_size=20, epochs=12, verbose=0).history
        kl[beta] = history["kl_loss"][-1]
        assert history["reconstruction_loss"][-1] < history["reconstruction_loss"][0] - 3
    assert kl[5.0] < 0.2 and kl[0.05] > 1
    trained.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded.encode(rows[:5])[0], trained.encode(rows[:5])[0], atol=1e-5)


def test_bad_settings_and_rows_are_refused(model, alphabet):
    rows = alphabet.encode(SMALL)
    with pytest.raises(BadInput, match="whole numbers; make them with Alphabet.encode"):
        model.fit(rows[:, :-1])
    with pytest.raises(BadInput, match=f"expected 0 to {len(alphabet) - 1}"):
        model.elbo_terms(rows + 90)
    for unused in ({"y": rows}, {"sample_weight": np.ones(len(rows))}, {"class_weight": {0: 1.0}}):
        with pytest.raises(BadInput, match="learns from rows alone"):
            model.fit(rows, **unused)
    with pytest.raises(BadInput, match="whole numbers; make them with Alphabet.encode"):
        model.fit(rows, validation_data=rows / 2)
    with pytest.raises(BadInput, match="hidden=2"):
        molecules.SequenceVAE(5, 5, hidden=2)
    with pytest.raises(BadInput, match="latent_dim=1"):
        molecules.SequenceVAE(5, 5, latent_dim=1)


def test_expected_improvement_is_that_of_many_draws():
    rng = np.random.default_rng(0)
    mean, std = np.array([0.0, 1.0, -1.0]), np.array([1.0, 0.5, 2.0])
    draws = np.maximum(mean + std * rng.normal(size=(200_000, 3)) - 0.3, 0).mean(axis=0)
    np.testing.assert_allclose(molecules.expected_improvement(mean, std, 0.3), draws, rtol=0.02)
    assert molecules.expected_improvement(np.array([2.0]), np.array([0.0]), 0.5) == pytest.approx(1.5)


@pytest.mark.slow
def test_the_slope_of_the_property_head_is_its_derivative():
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(60, 3)).astype("float32")
    head = property_head(codes, codes[:, 0], seed=0)
    z, step = codes[:2], 1e-2
    slope = slope_of(head)(z)
    for axis in range(3):
        move = step * np.eye(3, dtype="float32")[axis]
        rise = np.asarray(head(z + move) - head(z - move))[:, 0] / (2 * step)
        np.testing.assert_allclose(slope[:, axis], rise, atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["random", "gradient", "bayesian"])
def test_a_search_evaluates_new_molecules_once_each(model, alphabet, method):
    rows = alphabet.encode(SMALL)
    asked: list[str] = []

    def value_of(smiles):
        asked.extend(smiles)
        return np.array([float(len(each)) for each in smiles])

    done = molecules.search(
        model, alphabet, value_of, rows, np.arange(5.0), method=method, budget=3, most_rounds=25
    )
    assert done.molecules == asked and len(set(asked)) == len(asked) <= 3
    assert not set(asked) & {molecules.canonical(each) for each in SMALL}
    assert done.values == [float(len(each)) for each in asked]
    assert (np.diff(done.best) >= 0).all()


def test_a_search_that_cannot_begin_says_why(model, alphabet):
    rows = alphabet.encode(SMALL)
    with pytest.raises(BadInput, match="expected one of random, gradient, bayesian"):
        molecules.search(model, alphabet, len, rows, np.zeros(5), method="luck")
    with pytest.raises(BadInput, match="one value per row"):
        molecules.search(model, alphabet, len, rows, np.zeros(4), method="random")
