"""Protects the training controls: what the button does is a real training, its progress and its result are shown, and
an error is shown and raised, never swallowed."""

import ipywidgets
import numpy as np
import pytest

from companion import explorers
from companion.errors import BadInput
from companion.explorers import training_control
from companion.explorers.training import CHOICES, Trained, train
from companion.explorers.training_control import TrainingControl, still_html
from companion.plots import samples


def made_up(choice, value, progress) -> Trained:
    progress(0.5)
    progress(1.0)
    return Trained(samples(np.zeros((4, 3, 3, 1))), f"{choice} is {value}", None)


@pytest.mark.parametrize("choice", CHOICES)
def test_training_runs_headless_with_the_least_and_the_largest_value(choice):
    told: list[float] = []
    found = {}
    for value in (CHOICES[choice].values[0], CHOICES[choice].values[-1]):
        found[value] = train(choice, value, epochs=2, progress=told.append)
        assert f"{choice} = {value:g}, 2 epochs" in found[value].words
        assert found[value].figure.image_bytes()[:4] == b"\x89PNG"
    assert told == [0.5, 1.0, 0.5, 1.0]
    least, most = found.values()
    assert least.words != most.words
    set_to = {"latent_dim": "latent_dim", "beta": "beta", "k": "num_samples"}[choice]
    assert [getattr(each.model, set_to) for each in (least, most)] == list(found)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: train("size", 2), "expected one of latent_dim, beta, k"),
        (lambda: train("beta", 3), "expected one of 0.5, 1, 2, 4, 8, 16"),
        (lambda: train("beta", 1, epochs=0), "at least 1"),
        (lambda: explorers.training_control("size"), "expected one of latent_dim, beta, k"),
    ],
)
def test_what_is_not_offered_is_refused(call, words):
    with pytest.raises(BadInput, match=words):
        call()


def test_the_button_trains_with_the_chosen_value_and_shows_what_came_out():
    control = TrainingControl("beta", made_up)
    box = control.widget()
    box.values.value = 8
    # What ipywidgets calls when the page reports a press.
    box.button.click()
    assert control.result is not None and control.result.words == "beta is 8"
    assert box.progress.value == 1.0
    assert box.words.value == "beta is 8"
    assert "data:image/png;base64,iVBOR" in box.picture.value
    assert control.result.figure.alt_text[:20] in box.picture.value
    assert not box.button.disabled
    assert isinstance(box, ipywidgets.VBox)


def test_an_error_is_shown_and_raised_and_the_button_can_be_pressed_again():
    def fails(choice, value, progress):
        raise RuntimeError("the <disk> is full")

    control = TrainingControl("k", fails)
    with pytest.raises(RuntimeError, match="is full"):
        control.press()
    box = control.widget()
    assert "It stopped:</b> RuntimeError: the &lt;disk&gt; is full" in box.words.value
    assert not box.button.disabled
    assert control.result is None


@pytest.mark.parametrize("choice", CHOICES)
def test_the_stored_book_shows_the_still_and_the_way_to_colab(choice, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    monkeypatch.setenv("COMPANION_QUIET", "1")
    explorers.training_control(choice)._ipython_display_()
    (html,) = [each.data for each in shown]
    assert html == still_html(choice)
    assert "data:image/png;base64,iVBOR" in html and 'alt="' in html
    assert "Colab" in html and "nats per unseen image" in html
    monkeypatch.delenv("COMPANION_QUIET")
    explorers.training_control(choice)._ipython_display_()
    assert isinstance(shown[-1], ipywidgets.VBox)


def test_a_still_is_recorded_from_a_real_training(tmp_path, monkeypatch):
    monkeypatch.setattr(
        training_control, "train", lambda choice, value: made_up(choice, value, lambda part: None)
    )
    training_control.record_still("k", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"k.png", "k.json"}
