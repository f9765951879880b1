"""Protects the explorers' Python side: what is packed comes back, a decoder becomes the steps the front end knows, the
recorded files are whole and light, a notebook stores a small stable placeholder, Python and page share one state."""

import gzip
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from companion import explorers
from companion.errors import BadInput
from companion.explorers import recording, widget
from companion.explorers.__main__ import NAMES, main
from companion.explorers.decoders import Arrays, steps_of
from companion.explorers.packing import pack, unpack
from companion.explorers.placeholder import html_of

ROOT = Path(__file__).resolve().parents[2]
HEAVIEST_ON_THE_WIRE = 800_000
finite = st.floats(-100, 100, width=32)
RECORDED = recording.names()
each_explorer = pytest.mark.parametrize("name", RECORDED)


def wire_bytes(name: str) -> int:
    return len(gzip.compress(widget.book_file(name).encode(), mtime=0))


@given(st.lists(arrays("float32", array_shapes(max_dims=4, max_side=5), elements=finite), max_size=4))
def test_float16_brings_back_what_float16_can_hold(given_arrays):
    back = unpack(*pack(given_arrays, "float16"))
    assert len(back) == len(given_arrays)
    for before, after in zip(given_arrays, back, strict=True):
        np.testing.assert_array_equal(after, before.astype("float16").astype("float32"))


@given(arrays("float32", array_shapes(min_dims=2, max_dims=4, max_side=5), elements=finite))
def test_int8_is_wrong_by_at_most_half_a_step_of_its_column(array):
    (back,) = unpack(*pack([array], "int8", int8_from=0))
    half_steps = np.abs(array).reshape(-1, array.shape[-1]).max(axis=0) / 127 / 2
    assert back.shape == array.shape
    assert (np.abs(back - array).reshape(-1, array.shape[-1]) <= half_steps * 1.001 + 1e-30).all()


def test_int8_takes_a_byte_a_number_and_a_scale_a_column():
    content, entries = pack([np.ones((50, 4)), np.ones(3)], "int8", int8_from=200)
    assert len(content) == 50 * 4 + 4 * 4 + 2 * 3
    assert [entry["kept_as"] for entry in entries] == ["int8", "float16"]
    assert [entry["at"] for entry in entries] == [0, 216]
    assert pack([np.ones((50, 4))], "int8", int8_from=201)[1][0]["kept_as"] == "float16"


@pytest.mark.parametrize("bad, words", [(np.nan, "nan"), (np.inf, "inf"), (1e6, "1e+06")])
def test_numbers_that_cannot_be_kept_are_refused(bad, words):
    with pytest.raises(BadInput, match="array 1 holds .*train the network again") as refused:
        pack([np.ones(2), np.array([bad])])
    assert words in str(refused.value)


def test_packing_refuses_what_it_does_not_know():
    with pytest.raises(BadInput, match="float16, int8"):
        pack([np.ones(2)], "int4")
    content, entries = pack([np.ones((3, 3))], "int8", int8_from=0)
    with pytest.raises(BadInput, match="expected what pack returned"):
        unpack(content[:-1], entries)


def test_steps_of_a_dense_and_of_a_convolutional_decoder():
    from companion.networks import Condition, build_conv_decoder, build_decoder

    kept = Arrays()
    dense = steps_of(build_decoder(2, (4, 4, 1), hidden=(3, 5)), kept)
    assert [step["do"] for step in dense] == ["dense", "dense", "dense", "reshape", "sigmoid"]
    assert [array.shape for array in kept.values] == [(2, 3), (3,), (3, 5), (5,), (5, 16), (16,)]
    kept = Arrays()
    convolutional = steps_of(build_conv_decoder(2, (6, 6, 1), filters=(3, 2)), kept)
    assert [step["do"] for step in convolutional] == [
        *("dense", "reshape", "spread", "spread", "spread", "crop", "sigmoid")
    ]
    assert [step["shape"] for step in convolutional[2:]] == [
        *([4, 4, 3], [8, 8, 2], [8, 8, 1], [6, 6, 1], [6, 6, 1])
    ]
    assert kept.values[2].shape == (3, 3, 3, 3)
    conditional = steps_of(build_decoder(2, 16, hidden=(3, 5), condition=Condition((10,), 1.0)), Arrays())
    assert [step["do"] for step in conditional] == ["dense", "join", "dense", "dense", "sigmoid"]
    assert conditional[1]["by"] == pytest.approx(3**0.5)


def test_steps_of_a_log_variance_keep_its_bound():
    import keras

    from companion.networks import LOG_VAR_BOUND, build_encoder

    encoder = build_encoder((2,), 3, hidden=(4,))
    steps = steps_of(keras.Model(encoder.input, encoder.outputs[1]), Arrays(), logits=False)
    assert [step["do"] for step in steps] == ["dense", "dense", "scale", "tanh", "scale"]
    assert [step["by"] for step in steps if "by" in step] == pytest.approx([1 / LOG_VAR_BOUND, LOG_VAR_BOUND])


def test_layers_that_the_front_end_does_not_know_are_refused():
    import keras

    gelu = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="gelu")])
    with pytest.raises(BadInput, match="activation gelu"):
        steps_of(gelu, Arrays())
    normed = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    with pytest.raises(BadInput, match="BatchNormalization layer"):
        steps_of(normed, Arrays())
    codes = keras.Input((2,))
    h = keras.layers.Dense(3)(codes)
    for product in (h * h, 2 / h, keras.ops.exp(h)):
        with pytest.raises(BadInput, match="(Multiply|Divide|Exp) layer"):
            steps_of(keras.Model(codes, product), Arrays())


def test_every_explorer_is_recorded_and_every_record_has_a_recipe_and_a_function():
    assert RECORDED
    assert RECORDED == NAMES
    assert set(RECORDED) <= set(explorers.__all__)


@each_explorer
def test_the_record_says_how_it_came_to_be(name):
    facts = recording.read(name).facts
    assert facts["name"] == name
    assert "seed" in facts["settings"]
    assert facts["versions"]["keras"]
    assert facts["command"] == f"python -m companion.explorers {name}"
    assert len(facts["alt"].split()) > 15


@each_explorer
def test_the_explorer_is_light_on_the_wire(name):
    assert 100 < wire_bytes(name) <= HEAVIEST_ON_THE_WIRE


def test_all_explorers_are_light_in_the_repository():
    sizes = [path.stat().st_size for path in recording.folder().rglob("*") if path.is_file()]
    assert sum(sizes) < 3_000_000


@each_explorer
def test_the_weights_are_whole(name):
    recorded = recording.read(name)
    unpacked = unpack(recorded.weights, recorded.facts["arrays"])
    named = [
        step[part] for steps in recorded.facts["decoders"].values() for step in steps for part in ("kernel", "bias")
        if part in step
    ]  # fmt: skip
    assert sorted(named) == list(range(len(unpacked)))
    assert all(np.isfinite(array).all() for array in unpacked)


class Placeholder(HTMLParser):
    def __init__(self, html: str):
        super().__init__()
        self.seen: list[tuple[str, dict]] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))


@each_explorer
def test_the_placeholder_names_the_explorer_and_holds_its_still_picture(name):
    recorded = recording.read(name)
    html = html_of(recorded)
    (_, box), (_, image), *_ = Placeholder(html).seen
    assert box["data-explorer"] == name
    assert image["alt"] == recorded.facts["alt"]
    assert image["src"].startswith("data:image/png;base64,iVBOR")
    assert len(html) < 60_000
    assert html == html_of(recording.read(name))


def bundle_of(shown) -> dict:
    bundle = shown._repr_mimebundle_()
    return bundle[0] if isinstance(bundle, tuple) else bundle


@each_explorer
def test_a_notebook_gets_a_widget_and_the_book_the_placeholder_alone(name, monkeypatch):
    shown = getattr(explorers, name)()
    monkeypatch.delenv("COMPANION_QUIET", raising=False)
    assert set(bundle_of(shown)) == {"text/html", "text/plain", "application/vnd.jupyter.widget-view+json"}
    monkeypatch.setenv("COMPANION_QUIET", "1")
    assert bundle_of(shown) == {
        "text/html": html_of(recording.read(name)),
        "text/plain": f"Explorer: {recording.read(name).facts['title']}",
    }
    assert shown.state == recording.read(name).facts["start"]


def test_the_start_can_be_chosen_and_a_wrong_name_is_refused():
    assert explorers.latent_plane(z=[2.0, -1.0]).state["z"] == [2.0, -1.0]
    with pytest.raises(BadInput, match="got w: expected some of mode, z, first"):
        explorers.latent_plane(w=1)
    with pytest.raises(BadInput, match="'nowhere' is not recorded"):
        explorers.explorer("nowhere")


def test_a_message_from_the_page_becomes_the_state():
    shown = explorers.latent_plane()
    # What ipywidgets calls when the page sends a new state.
    shown.set_state({"state": {**shown.state, "z": [0.25, -0.5]}})
    assert shown.state["z"] == [0.25, -0.5]


def test_without_anywidget_the_package_is_whole_and_the_line_says_what_to_do():
    program = (
        "import sys; sys.modules['anywidget'] = None\n"
        "import companion, importlib.util\n"
        "from companion import explorers\n"
        "shown = explorers.latent_plane()\n"
        "print(shown._repr_mimebundle_()['text/plain'])\n"
        "print('keras' in sys.modules, 'tensorflow' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    line, imported = done.stdout.splitlines()
    assert line == widget.WITHOUT_ANYWIDGET
    assert imported == "False False"


def test_the_command_refuses_what_it_does_not_know(capsys, tmp_path):
    assert main(["nowhere"]) == 2
    assert "expected one of" in capsys.readouterr().err
    assert main(["latent_plane", "latent_plane", "--out", str(tmp_path / "all")]) == 2
    assert "expected one explorer" in capsys.readouterr().err
    assert not (tmp_path / "all").exists()


def test_a_record_of_another_time_is_refused(tmp_path):
    own = tmp_path / "old"
    own.mkdir()
    for file in (recording.WEIGHTS, recording.STILL):
        (own / file).write_bytes(b"")
    (own / recording.FACTS).write_text(json.dumps({"schema": 0}), encoding="utf-8")
    with pytest.raises(BadInput, match="schema 0"):
        recording.read("old", tmp_path)
    (own / recording.FACTS).write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match="record it with"):
        recording.read("old", tmp_path)


@pytest.mark.slow
def test_a_short_recording_is_whole(tmp_path):
    from companion.explorers.recipes import latent_plane

    latent_plane.record(tmp_path / "latent_plane", {"epochs": 1, "hidden": [8, 8], "kept_as": "float16"})
    recorded = recording.read("latent_plane", tmp_path)
    decoded = np.load(tmp_path / "latent_plane" / recording.DECODED)
    assert decoded["VAE: codes"].shape == (recording.CHECKED_CODES, 2)
    assert decoded["VAE: pixels"].shape == (recording.CHECKED_CODES, 28, 28, 1)
    assert recorded.facts["settings"]["epochs"] == 1
    assert len(recorded.facts["shown"]["labels"]) == 297
