"""Protects what each explorer says and draws: its figures and pictures are those of the package, of its recorded models
and of exact answers, wherever a hand moves it."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from companion.explorers import recording
from tests.book.browser_tools import PHONE
from tests.book.explorer_tools import MOVE, PICTURES, numbers, place_in, said

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

# The grey levels of one of its pictures.
INK = """(live, i) => {
    const canvas = live.querySelectorAll('canvas')[i];
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return Array.from(data.filter((_, i) => i % 4 === 0));
}"""


def test_the_latent_plane_shows_what_its_decoders_say(opened):
    _, live = opened("latent_plane")
    pictures = []
    for z in ([0, 0], [3, 0], [0, 0]):
        live.evaluate(MOVE, {"mode": "point", "z": z})
        pictures.append(live.evaluate(PICTURES))
    assert pictures[0] == pictures[2] != pictures[1]
    live.evaluate(MOVE, {"mode": "walk", "first": 3, "last": 6, "part": 0})
    facts = recording.read("latent_plane").facts["shown"]
    codes = facts["models"]["VAE"]["codes"][facts["walk"]["images"][3]]
    shown = live.locator(".explorer-readout").inner_text().replace("\N{MINUS SIGN}", "-")
    assert f"VAE: z = ({codes[0]:.2f}, {codes[1]:.2f}), nearest code a 3, 0.00 away" in shown


def test_the_gradients_shown_are_those_of_the_draws(opened):
    _, live = opened("reparameterization")
    noise = np.array(recording.read("reparameterization").facts["shown"]["noise"])
    for mu, sigma, draw in ((1.0, 0.5, 0), (-2.0, 1.5, 7), (0.5, 0.05, 3)):
        first, pathwise, score = said(live, {"mu": mu, "sigma": sigma, "draw": draw}).splitlines()
        z = mu + sigma * noise[draw]
        assert numbers(first) == [mu, sigma, 2 * mu]
        assert numbers(pathwise) == pytest.approx([16, np.mean(2 * z), np.std(2 * z)], abs=0.0051)
        by_score = z**2 * noise[draw] / sigma
        assert numbers(score) == pytest.approx([by_score.mean(), by_score.std()], abs=0.0051)


def test_the_terms_shown_are_those_of_the_package(opened):
    # They bring TensorFlow, which no other check here needs.
    from companion.linear_gaussian import LinearGaussian
    from companion.objectives import kl_to_standard_normal

    _, live = opened("elbo")
    model = recording.read("elbo").facts["shown"]["model"]
    exact = LinearGaussian([[model["slope"]]], [0.0], model["scale"])
    for mu, sigma, x in ((-0.5, 0.8, 1.2), (0.9, 0.3, -2.0), (0.0, 1.0, 0.0)):
        first, second = said(live, {"mu": mu, "sigma": sigma, "x": x}).splitlines()
        mean, log_var = exact.posterior([[x]])
        assert numbers(first)[-2:] == pytest.approx([mean[0, 0], np.exp(log_var[0] / 2)], abs=0.0051)
        reconstruction, kl, elbo, log_evidence, gap = numbers(second)
        q = np.array([[[mu]], [[2 * np.log(sigma)]]], "float32")
        assert kl == pytest.approx(float(kl_to_standard_normal(*q)[0]), abs=0.0051)
        assert log_evidence == pytest.approx(exact.log_prob([[x]])[0], abs=0.0051)
        assert gap == pytest.approx(exact.gap(mu - mean[0, 0], 2 * np.log(sigma) - log_var[0]), abs=0.0051)
        assert reconstruction - kl == pytest.approx(elbo, abs=0.011)
    live.get_by_role("button", name="Lay q on the posterior").click()
    assert numbers(live.locator(".explorer-readout").inner_text())[-1] == 0


def test_the_weights_shown_are_those_of_the_draws(opened):
    _, live = opened("importance_samples")
    shown = recording.read("importance_samples").facts["shown"]
    noise, x, model = np.array(shown["noise"]), shown["observation"], shown["model"]
    for mu, sigma, k, draw in ((0.2, 0.9, 8, 0), (1.5, 0.3, 64, 5), (-1.0, 2.0, 1, 2)):
        first, second = said(live, {"mu": mu, "sigma": sigma, "k": k, "draw": draw}).splitlines()
        z = mu + sigma * noise[:, :k]
        pixels = norm.logpdf(x, model["slope"] * z, model["scale"])
        logs = pixels + norm.logpdf(z) - norm.logpdf(z, mu, sigma)
        bounds = logsumexp(logs, axis=1) - np.log(k)
        shares = np.exp(logs[draw] - logsumexp(logs[draw]))
        assert numbers(first)[:2] == pytest.approx([k, shares.max()], abs=0.0051)
        assert numbers(first)[2] == pytest.approx(1 / np.square(shares).sum(), abs=0.051)
        own, sets, bound, exact, _ = numbers(second)
        assert [own, bound] == pytest.approx([bounds[draw], bounds.mean()], abs=0.0051)
        assert sets == len(noise)
        assert exact == pytest.approx(norm.logpdf(x, 0, np.hypot(model["slope"], model["scale"])), abs=0.0051)


def test_a_higher_price_leaves_fewer_coordinates_and_moves_the_point(opened):
    _, live = opened("beta")
    models = recording.read("beta").facts["shown"]["models"]
    active, pictures = [], []
    for model in models:
        first, second = said(live, {"beta": model["beta"]}).splitlines()
        beta, rate, distortion, total = numbers(first)
        assert [beta, rate, distortion] == pytest.approx(
            [model["beta"], model["rate"], model["distortion"]], abs=0.051
        )
        assert total == pytest.approx(model["rate"] + model["distortion"], abs=0.051)
        active.append(numbers(second)[0])
        pictures.append(live.evaluate(PICTURES))
    assert active == [sum(nats > 0.1 for nats in model["kl"]) for model in models]
    assert active[0] > active[-1]
    assert len(set(pictures)) == len(models)


def test_the_label_chooses_among_the_row_of_all(opened):
    _, live = opened("condition")
    chosen, rows = [], []
    for label in (3, 8):
        said(live, {"label": label, "z": [1.0, 0.5]})
        first, *row = live.evaluate("live => [...live.querySelectorAll('canvas')].map(c => c.toDataURL())")
        assert first == row[label]
        chosen.append(first)
        rows.append(row)
    assert chosen[0] != chosen[1]
    assert rows[0] == rows[1] and len(set(rows[0])) == 10


def map_on_the_page(live) -> list[list[int]]:
    cells = [int(text) for text in live.locator(".explorer-number").all_text_contents()]
    size = int(len(cells) ** 0.5)
    return [cells[i : i + size] for i in range(0, len(cells), size)]


def test_paint_changes_the_cells_it_touches_and_can_be_taken_off(opened):
    watched, live = opened("codebook")
    facts = recording.read("codebook").facts
    own = facts["shown"]["digits"][facts["start"]["digit"]]
    size = len(own)
    hand, mouse = live.locator(".explorer-plane"), watched.tab.mouse
    undo, clear = (live.get_by_role("button", name=name) for name in ("Undo", "Take all paint off"))
    assert map_on_the_page(live) == own
    assert undo.get_attribute("aria-disabled") == clear.get_attribute("aria-disabled") == "true"
    clean = live.evaluate(PICTURES)
    live.get_by_role("radio", name="15", exact=True).check()
    # One quick stroke, from corner to corner, leaves no gaps.
    mouse.move(*place_in(hand, 0.5 / size, 0.5 / size))
    mouse.down()
    mouse.move(*place_in(hand, 1 - 0.5 / size, 1 - 0.5 / size))
    mouse.up()
    stroke = [[15 if x == y else code for x, code in enumerate(line)] for y, line in enumerate(own)]
    assert map_on_the_page(live) == stroke
    first, second = live.locator(".explorer-readout").inner_text().splitlines()
    assert numbers(first) == [size, size, 15, 15]
    changed = sum(
        a != b for line, before in zip(stroke, own, strict=True) for a, b in zip(line, before, strict=True)
    )
    assert numbers(second)[:3] == [changed, size * size, facts["start"]["digit"]]
    painted = live.evaluate(PICTURES)
    assert painted != clean
    # The keys paint one cell to the left of the last.
    live.get_by_role("radio", name="0", exact=True).check()
    hand.focus()
    watched.tab.keyboard.press("ArrowLeft")
    assert map_on_the_page(live) == stroke, "walking does not paint"
    watched.tab.keyboard.press("Enter")
    assert map_on_the_page(live)[-1] == [*stroke[-1][:-2], 0, 15]
    undo.press("Enter")
    assert map_on_the_page(live) == stroke
    live.get_by_role("button", name="7: codes of a handwritten 7").click()
    assert map_on_the_page(live) == facts["shown"]["digits"][7]
    undo.click()
    assert map_on_the_page(live) == stroke
    clear.click()
    assert map_on_the_page(live) == own
    assert live.evaluate(PICTURES) == clean
    undo.click()
    assert live.evaluate(PICTURES) == painted
    assert watched.problems == []


def test_a_finger_paints_on_the_map(opened):
    watched, live = opened("codebook", viewport=PHONE, has_touch=True, is_mobile=True)
    size = recording.read("codebook").facts["shown"]["size"]
    hand = live.locator(".explorer-plane")
    live.locator(".explorer-tile").nth(12).tap()
    before = live.evaluate(PICTURES)
    watched.tab.touchscreen.tap(*place_in(hand, 2.5 / size, 4.5 / size))
    assert map_on_the_page(live)[4][2] == 12
    assert live.evaluate(PICTURES) != before
    assert watched.problems == []


def test_the_painted_map_is_decoded_as_keras_decodes_it(opened):
    _, live = opened("codebook")
    recorded = recording.read("codebook")
    shown = recorded.facts["shown"]
    kept = np.load(recording.folder() / "codebook" / recording.DECODED)
    entries = np.array(shown["entries"])
    for vectors, pixels in zip(kept["image: codes"][:3], kept["image: pixels"][:3], strict=True):
        codes = np.square(vectors[:, :, None] - entries).sum(axis=-1).argmin(axis=-1)
        live.evaluate(MOVE, {"codes": codes.tolist()})
        # The large picture comes after those of the palette. Paper is 255, ink 0.
        ink = 1 - np.array(live.evaluate(INK, len(entries))) / 255
        assert np.abs(ink - pixels.ravel() / recording.PIXEL_STEPS).max() <= 0.002 + 0.5 / 255


def draws_of(live) -> list[str]:
    """The pictures of the draws, and last that of the mean."""
    return live.evaluate("live => [...live.querySelectorAll('canvas')].map(canvas => canvas.toDataURL())")


def test_the_top_layer_is_held_while_the_lower_one_is_drawn_again(opened):
    watched, live = opened("hierarchy")
    facts = recording.read("hierarchy").facts
    again = live.get_by_role("button", name="Draw z1 again")
    keep = live.get_by_role("checkbox", name="Keep the noise while z2 moves")
    hand = live.locator(".explorer-plane")
    first = draws_of(live)
    assert len(first) == facts["shown"]["draws"] + 1 == len(set(first))
    again.press("Enter")
    second = draws_of(live)
    assert numbers(live.locator(".explorer-readout").inner_text())[1:4] == [*facts["start"]["z2"], 1]
    assert all(a != b for a, b in zip(first[:-1], second[:-1], strict=True)), "a draw stayed"
    assert first[-1] == second[-1], "the mean moved, though z2 was held"
    # The same noise is the same pictures, here and in every other copy of the page.
    live.evaluate(MOVE, {"seed": 0})
    assert draws_of(live) == first
    hand.press("ArrowUp")
    moved = draws_of(live)
    assert moved[-1] != first[-1]
    hand.press("ArrowDown")
    assert draws_of(live) == first, "the noise did not stay"
    keep.uncheck()
    hand.press("ArrowUp")
    hand.press("ArrowDown")
    assert draws_of(live)[-1] == first[-1] and draws_of(live)[:-1] != first[:-1]
    assert "changes when z2 moves" in live.locator(".explorer-readout").inner_text()
    assert watched.problems == []


def test_the_widths_said_are_those_of_the_prior_below(opened):
    _, live = opened("hierarchy")
    kept = np.load(recording.folder() / "hierarchy" / recording.DECODED)
    for z2, log_variance in list(
        zip(kept["log variance of z1: codes"], kept["log variance of z1: numbers"], strict=True)
    )[:5]:
        _, second = said(live, {"z2": z2.tolist()}).splitlines()
        sigmas = np.exp(log_variance / 2)
        # The first numbers are those in the names z2 and z1.
        assert numbers(second)[2:5] == pytest.approx([sigmas.min(), sigmas.max(), len(sigmas)], abs=0.0071)


def test_a_noise_point_travels_as_far_as_it_does_in_python(opened):
    _, live = opened("probability_flow")
    kept = np.load(recording.folder() / "probability_flow" / recording.DECODED)
    for start, end in zip(kept["path: starts"][:8], kept["path: ends"][:8], strict=True):
        words = said(live, {"start": start.tolist(), "steps": 20, "label": 3, "guidance": 0})
        assert numbers(words) == pytest.approx([*start, *end, 20, 3], abs=0.02)
    before = live.evaluate(PICTURES)
    assert numbers(said(live, {"guidance": 2}))[4] == 40
    assert live.evaluate(PICTURES) != before
