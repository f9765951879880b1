"""Protects every explorer as a widget: the module that anywidget loads draws it from what the model holds, tells the
model what a hand has moved, and follows the model. JupyterLab itself is driven with one explorer in another file."""

from base64 import b64encode

import pytest

from companion.explorers import recording
from companion.explorers.widget import module

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

# A model as anywidget gives it, in which `kept` is what Python would hold.
RENDER = """async ([source, facts, weights, state]) => {
    const bytes = Uint8Array.from(atob(weights), letter => letter.charCodeAt(0));
    window.kept = { facts, weights: new DataView(bytes.buffer), state };
    const listeners = {};
    window.model = {
        get: name => kept[name],
        set: (name, value) => { window.sent = [name, value]; },
        save_changes: () => { window.kept[sent[0]] = sent[1]; },
        on: (name, listener) => { listeners[name] = listener; },
        off: () => {},
    };
    window.setFromPython = state => { kept.state = state; listeners['change:state'](); };
    const address = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const { default: widget } = await import(address);
    document.body.innerHTML = '<div></div>';
    widget.render({ model, el: document.querySelector('div') });
}"""


@pytest.mark.parametrize("name", recording.names())
def test_the_widget_and_its_model_follow_each_other(tab, name):
    recorded = recording.read(name)
    start = recorded.facts["start"]
    tab.evaluate(RENDER, [module(), recorded.facts, b64encode(recorded.weights).decode(), start])
    words = tab.locator(".explorer-readout")
    at_start = words.inner_text()
    tab.locator(".explorer-plane, .explorer-slider input").first.press("ArrowRight")
    by_hand, moved = words.inner_text(), tab.evaluate("kept.state")
    assert by_hand != at_start
    assert set(moved) == set(start) and moved != start
    for state, expected in ((start, at_start), (moved, by_hand)):
        tab.evaluate("setFromPython", state)
        assert words.inner_text() == expected
