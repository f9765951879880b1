"""Protects the diagrams of ideas: words that neither overlap nor leave the figure, arrows that join the nodes they
name, alt texts that say what is drawn, and type that is legible on a phone."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Text

from companion import plots
from companion.errors import BadInput
from companion.plots.sketch import GRADIENT, Node, Sketch

DIAGRAMS = {
    "plate": plots.plate_diagram,
    "plate, condition": lambda: plots.plate_diagram("u", "v", condition="y", images="M"),
    "tug of war": plots.tug_of_war,
    "tug of war, little noise": lambda: plots.tug_of_war(0.2),
    "tug of war, much noise": lambda: plots.tug_of_war(1.0),
    "gaussian": plots.gaussian_approximation,
    "gaussian, one mode": lambda: plots.gaussian_approximation(0.0, 1.0),
    "gradients": plots.reparameterization_graphs,
    "quantizer": plots.quantizer_path,
    "ladder": plots.ladder_wiring,
}


@pytest.fixture(scope="module", params=list(DIAGRAMS))
def diagram(request):
    figure = DIAGRAMS[request.param]()
    figure.canvas.draw()
    return figure


def words_of(figure):
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def overlaps(figure):
    boxes = [(text.get_text(), Text.get_window_extent(text).padded(-1)) for text in words_of(figure)]
    return [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.overlaps(other)]


def arrows_of(figure):
    return [
        arrow
        for axes in figure.axes
        for arrow in axes.patches
        if isinstance(arrow, FancyArrowPatch) and " -> " in str(arrow.get_gid())
    ]


def on_the_rim(patch, point):
    if isinstance(patch, Circle):
        return np.isclose(np.hypot(*np.subtract(point, patch.center)), patch.radius)
    box = patch.get_bbox()
    inside = box.x0 - 1e-6 <= point[0] <= box.x1 + 1e-6 and box.y0 - 1e-6 <= point[1] <= box.y1 + 1e-6
    return inside and (
        np.isclose(point[0], [box.x0, box.x1]).any() or np.isclose(point[1], [box.y0, box.y1]).any()
    )


def loose_ends(figure):
    """The ends of arrows that lie on no node of the name that the arrow gives them."""
    nodes = [patch for patch in figure.axes[0].patches if isinstance(patch, (Circle, FancyBboxPatch))]
    loose = []
    for arrow in arrows_of(figure):
        points = arrow._path_original.vertices
        for name, point in zip(arrow.get_gid().split(" -> "), (points[0], points[-1]), strict=True):
            places = [node for node in nodes if node.get_gid() == name]
            if name != "stop" and not any(on_the_rim(node, point) for node in places):
                loose.append((arrow.get_gid(), name))
    return loose


def test_no_word_lies_on_another(diagram):
    assert overlaps(diagram) == []


def test_words_are_inside_the_figure_and_large_enough_for_a_phone(diagram):
    whole = diagram.bbox.padded(-4)
    for text in words_of(diagram):
        box = Text.get_window_extent(text)
        assert whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1), text.get_text()
        pixels_on_a_phone = text.get_fontsize() / 72 * diagram.dpi * 340 / diagram.bbox.width
        assert pixels_on_a_phone >= 9, text.get_text()
        assert not str(text.get_color()).startswith("#d"), "a pale word"


def test_patches_are_inside_the_figure(diagram):
    for axes in diagram.axes:
        for patch in axes.patches:
            box = patch.get_window_extent()
            assert diagram.bbox.contains(box.x0, box.y0) and diagram.bbox.contains(box.x1, box.y1), patch


def test_the_width_is_that_of_a_page_and_the_words_say_what_is_seen(diagram):
    assert 500 <= diagram.bbox.width <= 900
    assert len(diagram.alt_text) > 200 and diagram.alt_text.endswith(".")
    assert "$" not in diagram.alt_text and "\\" not in diagram.alt_text
    assert max(len(sentence.split()) for sentence in diagram.alt_text.split(". ")) <= 40


def test_every_arrow_joins_the_nodes_that_it_names(diagram):
    assert loose_ends(diagram) == []


def test_the_checks_see_a_word_on_another_and_an_arrow_into_the_void():
    sketch = Sketch(20, "A sketch with 2 nodes.")
    a, b = sketch.disc("a", 10, 10, "$a$"), sketch.block("b", 30, 10, (6, 6), "b")
    sketch.link(a, b)
    sketch.figure.canvas.draw()
    assert overlaps(sketch.figure) == [] and loose_ends(sketch.figure) == []
    sketch.words(10.5, 10, "over a")
    sketch.route([(10, 14), (27, 10)], "a -> b")
    sketch.figure.canvas.draw()
    assert overlaps(sketch.figure) == [("$a$", "over a")] and loose_ends(sketch.figure) == [("a -> b", "a")]


@pytest.mark.parametrize("is_round", [True, False])
def test_a_line_leaves_a_node_at_its_rim(is_round):
    node = Node("a", 5, 4, 6, 6, is_round)
    for start, end in (((5, 4), (9, 9)), ((6, 4), (6, -9)), ((4, 5), (-7, 5.5))):
        point = node.border(start, end)
        along, whole = np.subtract(point, start), np.subtract(end, start)
        assert np.isclose(along[0] * whole[1], along[1] * whole[0]) and along @ whole > 0
        away = np.abs(np.subtract(point, node.middle))
        assert np.isclose(np.hypot(*away) if is_round else away.max(), 3)


def test_the_plate_has_an_arrow_for_each_dependence():
    def joined(figure):
        return sorted((arrow.get_gid(), arrow.get_linestyle() == "-") for arrow in arrows_of(figure))

    assert joined(plots.plate_diagram()) == [
        ("weights -> x", True),
        ("weights -> z", False),
        ("x -> z", False),
        ("z -> x", True),
    ]
    extra = set(joined(plots.plate_diagram(condition="y"))) - set(joined(plots.plate_diagram()))
    assert extra == {("y -> x", True), ("y -> z", False)}
    assert "p(v | u, y)" in DIAGRAMS["plate, condition"]().alt_text
    assert "M images" in DIAGRAMS["plate, condition"]().alt_text


def gradients(figure):
    return [arrow.get_gid() for arrow in arrows_of(figure) if arrow.get_edgecolor()[:3] == colour(GRADIENT)]


def colour(code):
    return tuple(int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))


def test_the_gradient_stops_at_a_draw_and_passes_a_computation():
    names = ["loss", "decoder", "z", "outputs", "encoder"]
    whole = [f"{a} -> {b}" for a, b in pairwise(names)]
    assert sorted(gradients(plots.reparameterization_graphs())) == sorted([*whole, *whole[:2], "z -> stop"])


def test_the_gradient_passes_the_quantizer_straight_through():
    figure = plots.quantizer_path()
    assert gradients(figure) == ["decoder -> z_q", "z_e -> encoder", "z_q -> z_e"]
    distances = [t.get_text() for t in words_of(figure) if t.get_text().replace(".", "").isdigit()]
    assert min(distances, key=float) == "1.00" and len(distances) == 5
    (bold,) = [t for t in words_of(figure) if t.get_fontweight() == "bold"]
    assert bold.get_text() == "1.00" and "nearest code vector, e2," in figure.alt_text


def test_the_ladder_says_what_is_drawn_when():
    figure = plots.ladder_wiring()
    places = {text.get_text(): text.get_position() for text in words_of(figure)}
    middle = figure.axes[0].get_xlim()[1] / 2
    order = {words.split("\n")[0]: [] for words in places if words.startswith("drawn")}
    for words, (x, y) in places.items():
        if words.startswith("drawn"):
            order[words.split("\n")[0]].append((x > middle, y))
    upper, lower = 11, 25
    assert sorted(order["drawn first"]) == [(False, lower), (True, upper)]
    assert sorted(order["drawn second"]) == [(False, upper), (True, lower)]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.plate_diagram("latent"), "latent='latent': expected a name of one or two letters"),
        (lambda: plots.plate_diagram(condition=""), "condition='': expected a name"),
        (lambda: plots.tug_of_war(0.0), "noise=0.0: expected a number from 0.2 to 1"),
        (lambda: plots.gaussian_approximation(5), "x=5: expected a number from -1 to 4"),
        (lambda: plots.gaussian_approximation(noise=0.1), "noise=0.1: expected a number from 0.2 to 2"),
    ],
)
def test_bad_input(draw, message):
    with pytest.raises(BadInput, match=message):
        draw()
