"""Protects the truth of the explorers' pictures: what the page decodes is what Keras decodes, for the recorded decoders
and for dense, conditional and convolutional ones made here; and that the page unpacks what Python packs."""

from base64 import b64encode

import numpy as np
import pytest

from companion.explorers import recording
from companion.explorers.decoders import Arrays, steps_of
from companion.explorers.packing import pack, unpack
from companion.explorers.widget import front_end

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

# How far pixels in [0, 1] may lie apart.
ALLOWED = {"float16": 0.002, "int8": 0.05}
CLASSES = 10
DECODE = """([source, weights, entries, steps, codes, condition]) => {
    const { decode, unpack, bytes } = new Function(
        source + '; return { decode: makeDecoder, unpack: unpackArrays, bytes: bytesOfBase64 };')();
    const run = decode(steps, unpack(bytes(weights), entries));
    return codes.map((code, i) => Array.from(run(code, condition && condition[i])));
}"""
DRAW_BELOW = """([source, weights, entries, networks, tops, noise]) => {
    const { decode, unpack, bytes, draw } = new Function(source +
        '; return { decode: makeDecoder, unpack: unpackArrays, bytes: bytesOfBase64, draw: drawBelow };')();
    const arrays = unpack(bytes(weights), entries);
    const run = Object.fromEntries(Object.entries(networks).map(([name, steps]) => [name, decode(steps, arrays)]));
    return tops.map((z2, i) => Array.from(draw(run, z2, noise[i])));
}"""
UNPACK = """([source, weights, entries]) => {
    const unpack = new Function(source + '; return (w, e) => unpackArrays(bytesOfBase64(w), e);')();
    return unpack(weights, entries).map(({ values }) => Array.from(values));
}"""


def decoded_by_the_page(tab, weights, entries, steps, codes, condition=None) -> np.ndarray:
    packed = b64encode(weights).decode()
    condition = None if condition is None else np.asarray(condition).tolist()
    # A map of vectors is to the page one row of numbers.
    flat = np.reshape(codes, (len(codes), -1)).tolist()
    return np.array(tab.evaluate(DECODE, [front_end(), packed, entries, steps, flat, condition]))


def expected_of(kept, decoder: str) -> np.ndarray:
    """What Keras made of the kept codes: pixels, or, for a network inside a model, numbers of any size."""
    if f"{decoder}: numbers" in kept:
        return kept[f"{decoder}: numbers"]
    return kept[f"{decoder}: pixels"] / recording.PIXEL_STEPS


def recorded_decoders():
    for name in recording.names():
        for decoder in recording.read(name).facts["decoders"]:
            yield pytest.param(name, decoder, id=f"{name}-{decoder}")


@pytest.mark.parametrize("name, decoder", list(recorded_decoders()))
def test_the_page_decodes_as_keras_did_when_it_was_recorded(tab, name, decoder):
    recorded = recording.read(name)
    facts = recorded.facts
    kept = np.load(recording.folder() / name / recording.DECODED)
    codes, expected = kept[f"{decoder}: codes"], expected_of(kept, decoder)
    condition = kept.get(f"{decoder}: condition")
    steps = facts["decoders"][decoder]
    seen = decoded_by_the_page(tab, recorded.weights, facts["arrays"], steps, codes, condition)
    assert len(codes) == 50
    assert expected.std(axis=0).max() > 0.05, "all pictures are alike, so nothing was compared"
    assert np.abs(seen.reshape(expected.shape) - expected).max() <= ALLOWED[facts["settings"]["kept_as"]]


def test_the_page_draws_the_lower_layer_and_its_picture_as_keras_does(tab):
    recorded = recording.read("hierarchy")
    facts = recorded.facts
    kept = np.load(recording.folder() / "hierarchy" / recording.DECODED)
    tops, noise, pixels = kept["pixels: z2"], kept["pixels: noise"], expected_of(kept, "pixels")
    packed = b64encode(recorded.weights).decode()
    given = [front_end(), packed, facts["arrays"], facts["decoders"], tops.tolist(), noise.tolist()]
    seen = np.array(tab.evaluate(DRAW_BELOW, given)).reshape(pixels.shape)
    assert len(tops) == 50
    assert np.abs(seen - pixels).max() <= ALLOWED[facts["settings"]["kept_as"]]
    without_noise = np.array(tab.evaluate(DRAW_BELOW, [*given[:-1], np.zeros_like(noise).tolist()]))
    assert np.abs(without_noise.reshape(pixels.shape) - pixels).max() > 0.5, "the noise does nothing"


def made_decoder(kind: str):
    from companion.networks import Condition, build_conv_decoder, build_decoder

    image = (28, 28, 1)
    if kind == "dense":
        return build_decoder(2, image, hidden=(64, 128), seed=1)
    if kind == "conditional":
        return build_decoder(3, image, hidden=(32, 64), condition=Condition((CLASSES,), 1.0), seed=2)
    if kind == "convolutional":
        return build_conv_decoder(2, image, filters=(16, 8, 4), seed=3)
    return build_conv_decoder(4, (9, 14, 2), filters=(6, 5), seed=4)


@pytest.mark.parametrize("kept_as", ALLOWED)
@pytest.mark.parametrize("kind", ["dense", "conditional", "convolutional", "other sizes"])
def test_the_page_decodes_as_keras_does(tab, kind, kept_as):
    decoder = made_decoder(kind)
    draws = np.random.default_rng(0)
    # Biases are zero in new networks; a bias in the wrong place would not be seen.
    decoder.set_weights([weight + 0.1 * draws.normal(size=weight.shape) for weight in decoder.get_weights()])
    latent_dim = decoder.inputs[0].shape[-1]
    codes = draws.normal(size=(50, latent_dim)).astype("float32")
    labels = np.eye(CLASSES, dtype="float32")[draws.integers(CLASSES, size=50)]
    condition = labels if kind == "conditional" else None
    logits = np.asarray(decoder(codes if condition is None else [codes, condition]), "float64")
    pixels = 1 / (1 + np.exp(-logits))
    arrays = Arrays()
    steps = steps_of(decoder, arrays)
    content, entries = pack(arrays.values, kept_as, int8_from=0)
    seen = decoded_by_the_page(tab, content, entries, steps, codes, condition)
    assert np.abs(seen.reshape(pixels.shape) - pixels).max() <= ALLOWED[kept_as]


@pytest.mark.parametrize("kept_as", ALLOWED)
def test_the_page_unpacks_what_python_packs(tab, kept_as):
    draws = np.random.default_rng(0)
    arrays = [
        draws.normal(size=(3, 5)),
        draws.normal(size=7),
        np.array([0.0, 1e-6, -65504.0]),
        draws.normal(size=(1, 2, 3, 2)),
    ]
    content, entries = pack(arrays, kept_as, int8_from=0)
    seen = tab.evaluate(UNPACK, [front_end(), b64encode(content).decode(), entries])
    for values, expected in zip(seen, unpack(content, entries), strict=True):
        np.testing.assert_allclose(values, expected.ravel(), rtol=1e-6, atol=0)
