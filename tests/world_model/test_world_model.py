"""Protects the world model: frames show what they should, steps are counted, the search keeps its budget, the dream and
its mixture are exact where they can be worked out."""

import keras
import numpy as np
import pytest
from scipy.stats import norm

from companion import world_model
from companion.errors import BadInput
from companion.networks import build_conv_encoder
from companion.vae import VAE
from companion.world_model.controllers import Linear, num_weights
from companion.world_model.dream import gru_step
from companion.world_model.episodes import LONGEST
from companion.world_model.frames import HEIGHT, TRACK, WIDTH


@pytest.fixture(scope="module")
def episodes():
    return world_model.record(600, seed=0)


def test_a_frame_shows_place_and_angle_and_no_speed():
    still = world_model.draw([[0.0, 0.0, 0.0, 0.0]])
    assert still.shape == (1, HEIGHT, WIDTH, 1) and still.dtype == "float32"
    assert still.min() == 0 and still.max() == 1
    np.testing.assert_array_equal(world_model.draw([[0.0, 2.0, 0.0, -3.0]]), still)
    np.testing.assert_allclose(still[0, :, ::-1], still[0], atol=1e-6)  # an upright pole in the middle

    def middle(state, rows):
        picture = world_model.draw([state])[0, rows, :, 0]
        return float((picture.sum(0) * np.arange(WIDTH)).sum() / picture.sum())

    cart, tip = slice(16, 20), slice(0, 8)
    assert middle([TRACK / 2, 0, 0, 0], cart) == pytest.approx(0.75 * (WIDTH - 1), abs=0.2)
    assert middle([0, 0, 0.2, 0], tip) > 24 > 15 > middle([0, 0, -0.2, 0], tip)


def test_a_small_move_changes_the_frame():
    before, after = world_model.draw([[0.0, 0, 0, 0], [0.006, 0, 0, 0]])
    assert np.abs(after - before).max() > 0.02


@pytest.mark.parametrize("states", [np.zeros(4), np.zeros((3, 2))])
def test_states_of_another_shape_are_refused(states):
    with pytest.raises(BadInput, match=r"expected \(n, 4\)"):
        world_model.draw(states)


def test_recorded_steps_are_counted_and_repeat(episodes):
    used = sum(len(episode.actions) for episode in episodes)
    assert 300 < used <= 600
    again = world_model.record(600, seed=0)
    assert all(np.array_equal(a.states, b.states) for a, b in zip(episodes, again, strict=True))
    for episode in episodes:
        assert episode.states.shape == (len(episode.actions) + 1, 4)
        inside = np.abs(episode.states[:-1, 2]) <= 0.2095
        assert inside.all() and np.abs(episode.states[0]).max() <= 0.05
        assert episode.fell == (abs(episode.states[-1, 2]) > 0.2094 or abs(episode.states[-1, 0]) > TRACK)


def test_steps_between_recorded_states_obey_the_physics(episodes):
    """An episode holds no step on which the environment began anew: the place moves by speed times 0.02 s."""
    for episode in episodes:
        moved = np.diff(episode.states[:, 0])
        np.testing.assert_allclose(moved, 0.02 * episode.states[:-1, 1], atol=1e-5)


def test_returns_are_those_of_single_episodes():
    gymnasium = pytest.importorskip("gymnasium")
    stood = world_model.returns(lambda states, begins: np.ones(len(states), int), 5, seed=3)
    pole = gymnasium.make("CartPole-v1")
    pole.reset(seed=3)
    single, over = 0, False
    while not over:
        _, _, fallen, stopped, _ = pole.step(1)
        single, over = single + 1, fallen or stopped
    assert stood.shape == (5,) and np.abs(stood - single).max() <= 2  # always right: down after 8 to 10 steps
    with pytest.raises(BadInput, match=r"expected \(5,\)"):
        world_model.returns(lambda states, begins: np.zeros(2), 5, seed=0)


def test_a_good_controller_of_the_true_state_reaches_the_end(episodes):
    eye = world_model.eye_of("state", episodes)
    weights = np.zeros(num_weights(4))
    weights[:4] = np.array([0.1, 0.5, 3.0, 2.0]) * eye.spread
    weights[-1] = float((np.array([0.1, 0.5, 3.0, 2.0]) * eye.center).sum())
    assert world_model.in_new_episodes(weights, world_model.in_reality(eye), n=10).mean() == LONGEST


def test_features_have_mean_0_and_spread_1_and_as_many_as_asked(episodes):
    states = np.concatenate([episode.states for episode in episodes])
    for kind, size in {"state": 4, "pca": 3, "random": 3, "pixels": HEIGHT * WIDTH}.items():
        features = world_model.eye_of(kind, episodes, size=3)(states)
        assert features.shape == (len(states), size)
        np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-3)
        spread = features.std(axis=0)
        assert (np.abs(spread - 1) < 1e-3).sum() >= min(size, 100) and (spread < 1.001).all()
    with pytest.raises(BadInput, match="without a VAE"):
        world_model.eye_of("code", episodes)
    with pytest.raises(BadInput, match="expected one of state, code"):
        world_model.eye_of("sonar", episodes)


def test_fast_codes_are_those_of_the_encoder(episodes):
    frames = world_model.draw(episodes[0].states)
    vae = VAE(**VAE.build_networks(frames.shape[1:], 4, hidden=(16,), seed=0), seed=0)
    np.testing.assert_allclose(world_model.mean_codes(vae)(frames), vae.encode(frames)[0], atol=1e-4)
    vae.encoder = build_conv_encoder((20, 40, 1), 4)
    with pytest.raises(BadInput, match="expected dense ones"):
        world_model.mean_codes(vae)


def test_a_linear_controller_uses_features_changes_and_a_constant():
    weights = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, -1]])
    controllers = Linear(weights)
    assert controllers.act(np.array([[2.0], [2.0], [2.0]]), True).tolist() == [1, 0, 0]
    assert controllers.act(np.array([[-1.0], [3.0], [3.0]]), False).tolist() == [0, 1, 0]
    with pytest.raises(BadInput, match=r"expected \(2, 3\)"):
        controllers.act(np.zeros((2, 1)), True)


def test_the_search_finds_a_maximum_and_keeps_its_budget():
    best = np.array([1.0, -2.0])

    def evaluate(weights, seed):
        return np.round(100 / (1 + np.square(weights - best).sum(axis=1))).astype(int) + 1

    found = world_model.cross_entropy_search(evaluate, 2, budget=40_000, population=20, kept=5, seed=0)
    np.testing.assert_allclose(found.weights, best, atol=0.2)
    assert found.steps <= 40_000 < found.steps + 20 * 101
    short = world_model.cross_entropy_search(evaluate, 2, budget=10**9, generations=3, seed=0)
    assert len(short.means) == 3
    with pytest.raises(BadInput, match="expected from 2 to population=4"):
        world_model.cross_entropy_search(evaluate, 2, budget=10, population=4, kept=5)


def test_the_mixture_is_the_logarithm_of_a_sum_of_densities():
    rng = np.random.default_rng(0)
    z, shares = rng.normal(size=2), np.array([0.3, 0.7])
    means, scales = rng.normal(size=(2, 2)), rng.uniform(0.5, 2, size=(2, 2))
    expected = np.log(sum(shares[k] * norm.pdf(z, means[k], scales[k]).prod() for k in range(2)))
    arguments = [part.astype("float32") for part in (z, np.log(shares), means, np.log(scales))]
    assert float(world_model.mixture_log_prob(*arguments)) == pytest.approx(expected, abs=1e-5)
    by_hand = world_model.mixture_log_prob(
        np.zeros(1, "float32"), np.log([0.5, 0.5]).astype("float32"),
        np.array([[1.0], [-1.0]], "float32"), np.zeros((2, 1), "float32"),
    )  # fmt: skip
    assert float(by_hand) == pytest.approx(-1.4189, abs=1e-3)  # the worked number of the chapter


def test_sequences_hold_every_step_once(episodes):
    eye = world_model.eye_of("state", episodes)
    cut = world_model.sequences_of(episodes, eye, length=7)
    steps = sum(len(episode.actions) for episode in episodes)
    assert cut["counts"].sum() == steps and cut["codes"].shape[1:] == (7, 4)
    assert cut["ended"].sum() == sum(episode.fell for episode in episodes)
    first = episodes[0]
    np.testing.assert_allclose(cut["codes"][0, 0] + cut["changes"][0, 0], eye(first.states)[1], atol=1e-5)
    with pytest.raises(BadInput, match="no episodes"):
        world_model.sequences_of([], eye)


def test_padding_does_not_count_and_a_model_is_saved(tmp_path, episodes):
    eye = world_model.eye_of("state", episodes)
    cut = world_model.sequences_of(episodes, eye, length=40)
    model = world_model.MixtureRNN(4, units=8, seed=0)
    y_pred = model(cut)
    loss = float(model.compute_loss(cut, y_pred=y_pred))
    empty = cut["counts"] == 0
    other = {**cut, "changes": np.where(empty[..., None], 99.0, cut["changes"]).astype("float32")}
    assert float(model.compute_loss(other, y_pred=y_pred)) == pytest.approx(loss, rel=1e-6)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded(cut)["means"], y_pred["means"], atol=1e-6)


def test_the_dream_steps_as_keras_does(episodes):
    eye = world_model.eye_of("state", episodes)
    model = world_model.MixtureRNN(4, units=8, seed=1)
    dream = world_model.Dream(model, eye, episodes, temperature=0.0)
    codes, actions = dream.starts[:3], np.array([0, 1, 1])
    x = np.concatenate([codes, np.eye(2)[actions]], axis=1).astype("float32")
    _, (expected,) = model.gru.cell(x, [np.zeros((3, 8), "float32")])
    np.testing.assert_allclose(gru_step(x, np.zeros((3, 8)), *dream.weights), expected, atol=1e-6)
    after, falls, _ = dream.step(codes, actions, np.zeros((3, 8)), np.random.default_rng(0))
    parts = model({"codes": codes[:, None], "actions": actions[:, None]})
    chosen = np.argmax(parts["log_shares"][:, 0], axis=1)
    means = np.asarray(parts["means"])[np.arange(3), 0, chosen]
    np.testing.assert_allclose(after - codes, means, atol=1e-5)
    np.testing.assert_allclose(falls, keras.ops.sigmoid(parts["end"][:, 0]), atol=1e-6)


def test_a_dream_in_which_the_pole_always_falls_lasts_one_step(episodes):
    eye = world_model.eye_of("state", episodes)
    model = world_model.MixtureRNN(4, units=8, seed=1)
    kernel, bias = model.head.get_weights()
    kernel[:, -1], bias[-1] = 0.0, 50.0
    model.head.set_weights([kernel, bias])
    evaluate = world_model.Dream(model, eye, episodes).evaluator()
    assert evaluate(np.zeros((6, 9)), 0).tolist() == [1] * 6
