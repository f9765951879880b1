"""Protects what the trainer does under a hand: it trains and rests when it is told to, repeats a run, follows beta,
shows the pull of each term, waits while nobody looks, needs no worker, and keeps its memory; on the front page, too."""

from base64 import b64encode

import numpy as np
import pytest

from companion import data
from companion.explorers import recording
from companion.explorers.trained_here import load_trained
from companion.explorers.widget import front_end
from tests.book.browser_access import SETTINGS, violations_in_both_schemes
from tests.book.browser_tools import DESKTOP, PHONE, Watched
from tests.book.explorer_tools import FRONT_PAGE, numbers

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

PER_EPOCH = 30
# How long anything may take that takes a moment, on a machine that does much else: milliseconds.
PATIENCE = 60_000
ROOM = """([source, images, count, train, settings]) => {
    const { core, open, room } = new Function(source +
        '; return { core: trainerCore(), open: unpackBits, room: trainerRoom };')();
    const bytes = Uint8Array.from(atob(images), letter => letter.charCodeAt(0));
    window.jobs = [];
    window.last = {};
    window.made = room(core, { images: open(bytes, count), trainCount: train, slice: 0,
        post: message => { window.last = message; window.made && made.receive({ do: 'shown' }); },
        later: job => jobs.push(job) });
    made.receive({ do: 'start', settings });
    window.train = steps => {
        made.receive({ do: 'run' });
        while (last.steps < steps) jobs.shift()();
        made.receive({ do: 'pause' });
        jobs.length = 0;
        return last.points[0] ? last.points[0].held : null;
    };
}"""
SETTINGS_OF_A_RUN = {"hidden": 64, "latent": 2, "seed": 0, "beta": 1, "rate": 0.005, "slow": False}


def steps_of(live) -> int:
    """The number of steps, once it rests."""
    line = next(
        line for line in live.locator(".explorer-readout").inner_text().splitlines() if "step " in line
    )
    return int(numbers(line)[0])


def wait_for_rest(watched, live, words: str = "After step") -> None:
    watched.tab.wait_for_function(
        "([live, words]) => live.querySelector('.explorer-readout').textContent.includes(words)",
        arg=[live.element_handle(), words],
        timeout=PATIENCE,
    )


def press(live, name: str) -> None:
    live.get_by_role("button", name=name, exact=True).click()


def terms_of(live) -> list[float]:
    """Reconstruction error, KL and minus the ELBO of held-out images, as they stand above the curves."""
    return [
        float(text.replace("\N{MINUS SIGN}", "-")) for text in live.locator(".trainer-nats").all_inner_texts()
    ]


def wait_for_kl(watched, live, test: str) -> None:
    watched.tab.wait_for_function(
        f"live => (kl => {test})(Number(live.querySelectorAll('.trainer-nats')[1].textContent))",
        arg=live.element_handle(),
        timeout=PATIENCE,
    )


@pytest.mark.parametrize("from_folder", [False, True], ids=["served", "folder"])
def test_it_trains_in_a_thread_of_its_own_until_it_is_told_to_pause(opened, from_folder):
    watched, live = opened("trainer", from_folder=from_folder)
    before = terms_of(live)
    assert watched.tab.workers == [], "it trains before anybody asked"
    press(live, "Play")
    watched.tab.wait_for_function(
        "live => Number(live.querySelectorAll('.trainer-nats')[2].textContent) < 25",
        arg=live.element_handle(),
        timeout=PATIENCE,
    )
    assert len(watched.tab.workers) == 1
    press(live, "Pause")
    wait_for_rest(watched, live)
    after, steps = terms_of(live), steps_of(live)
    assert steps > PER_EPOCH and after[2] < before[2] - 10
    assert after[0] + after[1] == pytest.approx(after[2], abs=0.11)
    watched.tab.wait_for_timeout(500)
    assert steps_of(live) == steps, "it goes on after the pause"
    assert watched.problems == []


def test_a_step_an_epoch_and_the_same_noise_again(opened):
    watched, live = opened("trainer")
    runs = []
    for again in (True, True, False):
        press(live, "One step")
        wait_for_rest(watched, live, "After step 1:")
        press(live, "One epoch")
        wait_for_rest(watched, live, f"After step {PER_EPOCH}:")
        press(live, "One epoch")
        wait_for_rest(watched, live, f"After step {2 * PER_EPOCH}:")
        runs.append(
            live.locator(".explorer-readout").inner_text().split("After step")[1].split("One epoch")[0]
        )
        if not again:
            break
        if len(runs) == 2:
            live.get_by_label("same noise again").uncheck()
        press(live, "Start over")
        wait_for_rest(watched, live, "After step 0:")
    assert runs[0] == runs[1] != runs[2]
    assert watched.problems == []


def test_beta_can_be_turned_while_it_trains(opened):
    watched, live = opened("trainer")
    beta = live.locator(".trainer-beta input")
    press(live, "Play")
    wait_for_kl(watched, live, "kl > 1.5")
    for _press in range(10):
        beta.press("ArrowRight")
    assert beta.get_attribute("aria-valuetext") == "16"
    wait_for_kl(watched, live, "kl < 0.1")
    for _press in range(20):
        beta.press("ArrowLeft")
    assert beta.get_attribute("aria-valuetext") == "0"
    wait_for_kl(watched, live, "kl > 6")
    # The plane has made room for codes that were thrown far out.
    reach = max(numbers(" ".join(live.locator(".trainer-plane .explorer-tick").all_text_contents())))
    assert reach > 4
    beta.fill("7")
    wait_for_kl(watched, live, "kl < 4")
    press(live, "Pause")
    wait_for_rest(watched, live)
    assert watched.problems == []


def test_slow_motion_takes_single_steps_and_draws_the_pull_of_each_term(opened):
    watched, live = opened("trainer")
    press(live, "One epoch")
    wait_for_rest(watched, live, f"After step {PER_EPOCH}:")
    arrows = live.locator(".trainer-pull")
    assert arrows.count() == 0
    press(live, "Slow motion")
    assert live.locator(".trainer-pull.trainer-reconstruction").count() > 0
    assert "Pull on its mean" in live.locator(".explorer-readout").inner_text()
    press(live, "Play")
    watched.tab.wait_for_timeout(2_500)
    press(live, "Pause")
    wait_for_rest(watched, live)
    assert 1 <= steps_of(live) - PER_EPOCH <= 4
    press(live, "Slow motion")
    assert arrows.count() == 0
    assert watched.problems == []


def test_it_waits_while_nobody_looks(opened):
    watched, live = opened("trainer")
    press(live, "Play")
    wait_for_kl(watched, live, "kl > 0.5")
    watched.tab.evaluate("scrollTo(0, 0)")
    watched.tab.wait_for_timeout(3_000)
    values = live.locator(".trainer-nats").all_text_contents()
    watched.tab.wait_for_timeout(1_500)
    assert live.locator(".trainer-nats").all_text_contents() == values
    live.scroll_into_view_if_needed()
    watched.tab.wait_for_function(
        "([live, old]) => live.querySelector('.trainer-nats').textContent !== old",
        arg=[live.element_handle(), values[0]],
        timeout=PATIENCE,
    )
    assert watched.problems == []


def test_without_workers_it_trains_beside_the_page(book, browser, address):
    from tests.book.explorer_tools import page_of

    with Watched(browser, address, viewport=DESKTOP) as seen:
        seen.tab.add_init_script("delete window.Worker")
        seen.open(address, page_of(book, "trainer"))
        seen.tab.locator('[data-explorer="trainer"]').scroll_into_view_if_needed()
        live = seen.tab.locator('[data-explorer="trainer"].is-live .explorer-live')
        live.wait_for(timeout=10_000)
        press(live, "One epoch")
        wait_for_rest(seen, live, f"After step {PER_EPOCH}:")
        assert terms_of(live)[2] < 40
        assert seen.problems == []


def test_other_sizes_train_and_are_saved(opened, tmp_path):
    watched, live = opened("trainer")
    live.get_by_label("hidden units").select_option("16")
    live.get_by_label("code", exact=True).select_option("4")
    press(live, "One epoch")
    wait_for_rest(watched, live, f"After step {PER_EPOCH}:")
    with watched.tab.expect_download() as saved:
        press(live, "Download this model")
    assert saved.value.suggested_filename == f"vae_64-16-4_step{PER_EPOCH}.npz"
    saved.value.save_as(tmp_path / "model.npz")
    model = load_trained(tmp_path / "model.npz")
    assert model.latent_dim == 4
    assert np.isfinite(model.elbo_terms(data.load("digits_8x8").x_test[:5])["elbo"]).all()
    assert watched.problems == []


@pytest.mark.parametrize("from_folder", [False, True], ids=["served", "folder"])
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_the_front_page_has_it_in_the_first_minute(book, browser, address, from_folder, viewport):
    base = book.html.as_uri() + "/" if from_folder else address
    with Watched(
        browser, "file://" if from_folder else address, viewport=viewport, has_touch=True, **SETTINGS
    ) as seen:
        seen.open(base, FRONT_PAGE)
        host = seen.tab.locator('[data-explorer="trainer"]')
        assert host.bounding_box()["y"] < viewport["height"], "it does not begin on the first screen"
        host.scroll_into_view_if_needed()
        live = seen.tab.locator('[data-explorer="trainer"].is-live .explorer-live')
        live.wait_for(timeout=10_000)
        live.get_by_role("button", name="One epoch").tap()
        wait_for_rest(seen, live, f"After step {PER_EPOCH}:")
        assert live.evaluate("live => live.getBoundingClientRect().right <= innerWidth")
        if not from_folder:
            assert violations_in_both_schemes(seen) == []
        assert seen.problems == []


def test_the_front_page_has_a_still_without_scripts_and_on_paper(book, browser, address):
    with Watched(browser, address, viewport=DESKTOP, java_script_enabled=False) as seen:
        seen.open(address, FRONT_PAGE)
        assert seen.tab.locator('[data-explorer="trainer"] .explorer-still').is_visible()
    with Watched(browser, address, viewport=DESKTOP) as seen:
        seen.open(address, FRONT_PAGE)
        seen.tab.locator('[data-explorer="trainer"].is-live').wait_for(timeout=10_000)
        seen.tab.emulate_media(media="print")
        assert seen.tab.locator('[data-explorer="trainer"] .explorer-still').is_visible()
        assert not seen.tab.locator('[data-explorer="trainer"] .explorer-live').is_visible()


def test_ten_thousand_steps_leave_its_memory_as_it_was(tab):
    facts = recording.read("trainer").facts["shown"]
    tab.evaluate(
        ROOM, [front_end(), facts["images"], len(facts["labels"]), facts["train"], SETTINGS_OF_A_RUN]
    )
    session = tab.context.new_cdp_session(tab)

    def held_bytes() -> int:
        session.send("HeapProfiler.collectGarbage")
        return session.send("Runtime.getHeapUsage")["usedSize"]

    tab.evaluate("train(1000)")
    before = held_bytes()
    tab.evaluate("train(11000)")
    assert tab.evaluate("last.steps") >= 11_000
    assert held_bytes() - before < 500_000


def test_the_curves_drop_points_before_they_grow_long(tab):
    kept = tab.evaluate(
        """source => {
            const points = new Function(source + '; return history;')()();
            for (let steps = 0; steps < 100000; steps += 5) points.add([{ steps, train: [1, 1], held: [1, 1] }]);
            const steps = points.points().map(each => each.steps);
            points.add([{ steps: 0, train: [1, 1], held: [1, 1] }]);
            return [steps.length, steps[0], steps[steps.length - 1], points.points().length];
        }""",
        front_end(),
    )
    length, first, last, after_start_over = kept
    assert 100 < length <= 401
    assert (first, last, after_start_over) == (0, 99_995, 1)


def test_the_widget_takes_what_python_sets(tab):
    from companion.explorers.widget import module
    from tests.book.browser_explorer_widgets import RENDER

    recorded = recording.read("trainer")
    start = {**recorded.facts["start"], "hidden": 16, "beta": 4}
    tab.evaluate(RENDER, [module(), recorded.facts, b64encode(recorded.weights).decode(), start])
    words = tab.locator(".explorer-readout")
    assert "Network 64-16-2, beta 4," in words.inner_text()
    tab.evaluate("setFromPython", {**start, "hidden": 8, "seed": 3})
    assert "Network 64-8-2, beta 4, learning rate 0.005, seed 3" in words.inner_text()
