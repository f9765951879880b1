"""Protects the pictures: that what is drawn is what was given, that the words of an alt text are measured,
that every picture is legible (type size, width, opaque card, colours that colour-blind readers tell apart,
nothing clipped, no word on another or on an image), that a notebook shows it once, and that bad input is
named before anything is drawn.
"""

import re
import subprocess
import sys
from base64 import b64decode
from io import BytesIO
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import matplotlib.colors
import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text
from scipy.stats import norm

from companion import plots
from companion.errors import BadInput
from companion.plots.scatter import class_medians
from companion.plots.words import apart, number, spread

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(0)
IMAGES = RNG.random((10, 8, 8, 1)).astype("float32")
LABELS = np.arange(200) % 10
CODES = np.stack([np.cos(LABELS), np.sin(LABELS)], 1) * 2 + RNG.normal(scale=0.3, size=(200, 2))
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class ToyModel:
    """Decodes a code to an 8 x 8 image whose upper half shows z1 and lower half z2, squeezed into [0, 1]."""

    def __init__(self, latent_dim=2):
        self.latent_dim = latent_dim
        self.asked: list[np.ndarray] = []

    def decode(self, codes):
        self.asked.append(np.array(codes))
        share = norm.cdf(np.asarray(codes)[:, :2])
        return np.repeat(share, 32, axis=1).reshape(-1, 8, 8, 1).astype("float32")

    def sample(self, n):
        return self.decode(np.random.default_rng(1).normal(size=(n, self.latent_dim)))


def a_history(scale=1.0):
    falling = scale * (100 + 200 * np.exp(-np.arange(12) / 3))
    run = {
        "loss": falling,
        "neg_elbo": falling,
        "reconstruction_loss": falling - 5,
        "kl_loss": 5 - 4 / (1 + np.arange(12)),
    }
    run = {key: [float(v) for v in values] for key, values in run.items()}
    return run | {f"val_{key}": [1.02 * v for v in values] for key, values in run.items()}


X = np.linspace(-4, 4, 101)
PICTURES = {
    "reconstructions": lambda: plots.originals_and_reconstructions(IMAGES, IMAGES[::-1]),
    "reconstructions titled": lambda: plots.originals_and_reconstructions(
        IMAGES,
        {"autoencoder": IMAGES[::-1], "VAE": IMAGES * 0.5},
        range(10),
        title="What two models make of ten images",
    ),
    "reconstructions, twenty": lambda: plots.originals_and_reconstructions(
        np.repeat(IMAGES, 2, 0), {"conv VAE": np.repeat(IMAGES, 2, 0)}
    ),
    "one image": lambda: plots.originals_and_reconstructions(
        IMAGES[:1], IMAGES[:1], title="A title longer than the image"
    ),
    "reconstructions, named": lambda: plots.originals_and_reconstructions(
        IMAGES, IMAGES, FASHION, title="Ten garments"
    ),
    "samples, named": lambda: plots.samples(IMAGES, columns=8, labels=FASHION),
    "samples": lambda: plots.samples(ToyModel(), 24, columns=8, title="Draws from the prior"),
    "samples, colour": lambda: plots.samples(
        RNG.random((3, 12, 8, 3)), columns=3, labels=["red", "green", "blue"]
    ),
    "points": lambda: plots.decoded_points(
        ToyModel(), CODES[:20], captions=np.linspace(-1234, 9, 20), caption_name="ELBO"
    ),
    "scatter": lambda: plots.latent_scatter(CODES, LABELS, title="Codes"),
    "scatter, plain": lambda: plots.latent_scatter(CODES),
    "scatter, classes on one spot": lambda: plots.latent_scatter(RNG.normal(size=(200, 2)), LABELS),
    "scatter, names": lambda: plots.latent_scatter(
        CODES, LABELS, FASHION, extra_points={"drawn": (-0.5, -0.5)}
    ),
    "scatter, two": lambda: plots.latent_scatter(
        {"autoencoder": CODES * 4, "VAE": CODES},
        LABELS,
        title="Each on its own scale",
        extra_points={"VAE": {"(-0.5, -0.5)": (-0.5, -0.5), "far": (5, 5)}},
    ),
    "scatter, two, names": lambda: plots.latent_scatter(
        {"autoencoder": CODES * 4, "VAE": CODES}, LABELS, FASHION
    ),
    "scatter, three": lambda: plots.latent_scatter({"a": CODES * 4, "b": CODES, "c": -CODES}, LABELS),
    "manifold": lambda: plots.manifold_grid(ToyModel(), title="Equal shares of the prior"),
    "conditions": lambda: plots.condition_grid(
        lambda codes, labels: IMAGES[np.asarray(labels)],
        CODES[:4],
        range(10),
        title="A code a row, a label a column",
    ),
    "conditions, named": lambda: plots.condition_grid(
        lambda codes, labels: IMAGES[np.asarray(labels)], CODES[:2], range(10), label_names=FASHION
    ),
    "manifold, small": lambda: plots.manifold_grid(ToyModel(), 4),
    "lines": lambda: plots.latent_lines(
        ToyModel(), [(-0.5, 0.5), (-8, 8), ((-3, 0), (3, 0))], title="Along lines"
    ),
    "lines, ten dimensions": lambda: plots.latent_lines(ToyModel(10), [(-0.5, 0.5), (-8, 8)]),
    "curves": lambda: plots.learning_curves(a_history()),
    "curves, one": lambda: plots.learning_curves({"loss": [3.0, 2.0, 1.0]}, title="An autoencoder"),
    "curves, two runs": lambda: plots.learning_curves(
        {"dense": a_history(), "conv": a_history(1.02)}, title="Two"
    ),
    "curves, long names": lambda: plots.learning_curves(
        {"a run with a long name": a_history(), "b": a_history(1.01)}
    ),
    "line": lambda: plots.line_plot(
        {"importance bound": ([1, 10, 5000], [-7.0, -6.9, -6.8]), "ELBO": ([1, 5000], [-7.0, -7.0])},
        xlabel="samples k",
        ylabel="nats per image",
        xscale="log",
        hlines={"exact log p(x)": -6.796},
        alt="Bounds on log p(x)",
        title="The bound rises",
    ),
    "line, band": lambda: plots.line_plot(
        {
            name: (X, norm.pdf(X, scale=s), 0 * X + 0.02)
            for name, s in (("narrow", 1), ("wide", 2), ("wider", 3))
        },
        xlabel="x",
        ylabel="density",
        alt="Three densities",
    ),
    "bars": lambda: plots.bars(
        {"VAE": 12.44, "something longer": -2}, xlabel="nats", alt="Compared", spreads=[0.2, 0.1]
    ),
    "seeds": lambda: plots.seed_dots(
        {"VAE": [93.9, 94.1, 93.8], "something longer": [91.0]},
        {"VAE": (93.6, 94.3), "something longer": (-np.inf, np.inf)},
        xlabel="nats per image",
        alt="Two arms",
    ),
    "histogram": lambda: plots.histogram(
        {"train": RNG.normal(size=500), "test": RNG.normal(1, size=99)}, xlabel="log p(x)"
    ),
    "diagram, autoencoder": lambda: plots.model_diagram("autoencoder"),
    "diagram, vae": lambda: plots.model_diagram("vae"),
    "diagram, conv": lambda: plots.model_diagram(
        "vae",
        ("28x28x1", "16x16x32", "8x8x64", "4x4x128", "2048", "2"),
        image=IMAGES[0],
        reconstruction=IMAGES[1, :, :, 0],
    ),
}


@pytest.fixture(scope="module", params=list(PICTURES))
def picture(request):
    figure = PICTURES[request.param]()
    figure.words = words_of(figure)
    return figure


def pixels_of(png):
    return matplotlib.image.imread(BytesIO(png), format="png")


def words_of(figure):
    """The texts that are seen: those that draw themselves and have something to say."""
    drawn = []
    draw = Text.draw

    def draw_and_note(text, renderer):
        drawn.append(text)
        return draw(text, renderer)

    with mock.patch.object(Text, "draw", draw_and_note):
        figure.png = figure.image_bytes()
    return [text for text in dict.fromkeys(drawn) if text.get_visible() and text.get_text().strip()]


# ---- every picture ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_png_is_at_most_900_pixels_wide_and_opaque_white_at_the_rim(picture):
    pixels = pixels_of(picture.png)
    assert 250 <= pixels.shape[1] <= 900
    assert picture.get_facecolor() == (1, 1, 1, 1), "a notebook prints the figure with this colour"
    assert pixels.shape[2] == 3 or np.all(pixels[..., 3] == 1)
    rim = np.concatenate([pixels[:3].reshape(-1, pixels.shape[2]), pixels[-3:].reshape(-1, pixels.shape[2])])
    assert np.all(rim[:, :3] == 1), "something is drawn at the very edge, or the card is not white"
    assert pixels[..., :3].min() < 0.4, "nothing dark was drawn"


@pytest.mark.slow
def test_words_are_large_enough_and_inside_the_figure(picture):
    whole = picture.bbox
    for text in picture.words:
        assert text.get_fontsize() >= 8, text
        box = text.get_window_extent()
        assert whole.x0 <= box.x0 and box.x1 <= whole.x1 and whole.y0 <= box.y0 and box.y1 <= whole.y1, (
            text.get_text()
        )


@pytest.mark.slow
def test_no_word_lies_on_another(picture):
    for a, b in combinations(picture.words, 2):
        if a.get_rotation() == b.get_rotation() and a.get_rotation() % 90:
            continue  # leaning words run side by side, though their upright boxes overlap
        one, other = (Text.get_window_extent(text).padded(-1.5) for text in (a, b))
        assert not one.overlaps(other), (a.get_text(), b.get_text())


def test_no_word_lies_on_an_image(picture):
    for image in (image for axes in picture.axes for image in axes.images):
        box = image.get_window_extent().padded(-1)
        for text in picture.words:
            assert not box.overlaps(Text.get_window_extent(text)), text.get_text()


def test_words_stand_out_from_the_card(picture):
    for text in picture.words:
        assert contrast(matplotlib.colors.to_rgb(text.get_color()), (1, 1, 1)) >= 4.5, text


def test_alt_text_is_prose_with_a_measure_and_no_file_name(picture):
    assert len(picture.alt_text) >= 40 and picture.alt_text.endswith(".") and "\n" not in picture.alt_text
    assert re.search(r"\d", picture.alt_text)
    assert not re.search(r"\.(png|svg|jpe?g)|_images|nan|inf\b", picture.alt_text)


def test_pyplot_knows_no_figure(picture):
    assert plt.get_fignums() == []


# ---- colours ---------------------------------------------------------------------------------------------


def linear(rgb):
    rgb = np.asarray(rgb, dtype="float64")
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    """The contrast ratio of WCAG 2."""
    light, dark = sorted((float(linear(c) @ (0.2126, 0.7152, 0.0722)) for c in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(linear_rgb):
    """CIE L*a*b* under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ np.clip(linear_rgb, 0, 1) / (0.9505, 1.0, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    "full": np.eye(3),
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
}


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(("palette", "least"), [("LINE_COLOURS", 10), ("CLASS_COLOURS", 9)])
def test_colours_differ_for_every_sight(sight, palette, least):
    colours = getattr(plots, palette)
    seen = [lab(np.asarray(SIGHT[sight]) @ linear(matplotlib.colors.to_rgb(colour))) for colour in colours]
    distances = {(a, b): np.linalg.norm(seen[a] - seen[b]) for a, b in combinations(range(len(colours)), 2)}
    closest = min(distances, key=distances.get)
    assert distances[closest] >= least, (colours[closest[0]], colours[closest[1]], distances[closest])


def test_the_check_of_colours_sees_a_red_and_a_green_that_look_alike():
    red, green = (
        lab(np.asarray(SIGHT["deuteranopia"]) @ linear(matplotlib.colors.to_rgb(c)))
        for c in ("#a05a2c", "#7a7a2c")
    )
    assert np.linalg.norm(red - green) < 10


def test_palettes_have_enough_colours():
    assert len(set(plots.CLASS_COLOURS)) == 10 and len(set(plots.LINE_COLOURS)) == 7


# ---- the figure itself -----------------------------------------------------------------------------------


def test_mime_bundle_holds_the_png_and_the_alt_text():
    figure = plots.manifold_grid(ToyModel(), 3)
    bundle = figure._repr_mimebundle_()
    assert set(bundle) == {"image/png", "text/plain"} and bundle["text/plain"] == figure.alt_text
    assert b64decode(bundle["image/png"]).startswith(b"\x89PNG")


def test_a_readers_own_dark_style_changes_nothing():
    plain = plots.learning_curves(a_history()).image_bytes()
    with (
        plt.style.context("dark_background"),
        plt.rc_context({"savefig.transparent": True, "font.size": 3, "axes.grid": True}),
    ):
        assert plots.learning_curves(a_history()).image_bytes() == plain


def test_drawing_twice_gives_the_same_files():
    figure = plots.latent_scatter(CODES, LABELS)
    assert figure.image_bytes() == figure.image_bytes()
    assert plots.latent_scatter(CODES, LABELS).image_bytes("svg") == figure.image_bytes("svg")


@pytest.mark.parametrize("name", ["picture.png", "picture.svg"])
def test_save_writes_the_picture_with_its_alt_text(tmp_path, name):
    figure = plots.model_diagram("vae")
    content = figure.save(tmp_path / name).read_bytes()
    assert content.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")
    assert b"Diagram of a variational autoencoder" in content


def test_import_brings_neither_keras_nor_pyplot():
    heavy = ("keras", "tensorflow", "matplotlib.pyplot")
    code = f"import sys, companion.plots; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_notebook_shows_each_figure_once_whatever_its_backend():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    make = "from companion import plots\n"
    make += "figure = plots.bars({'VAE': 2.5, 'AE': 1}, xlabel='nats', alt='Two models'); figure"
    cells = [
        "%matplotlib inline\nimport matplotlib.pyplot as plt",
        make,
        "figure;",
        "%config InlineBackend.figure_format='retina'\nfigure",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    ).execute()
    shown = [cell.outputs for cell in book.cells]
    assert [len(outputs) for outputs in shown] == [0, 1, 0, 1]
    data = shown[1][0].data
    assert set(data) == {"image/png", "text/plain"}
    assert data["text/plain"] == "Two models: VAE 2.5 and AE 1."
    height, width = pixels_of(b64decode(data["image/png"])).shape[:2]
    assert (width, height) == (
        744,
        round(120 * (0.9 + 0.36 * 2)),
    )  # the whole figure, not cropped by the backend


# ---- images ----------------------------------------------------------------------------------------------


def drawn_images(figure):
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]


def test_reconstructions_draw_every_image_and_measure_the_difference():
    rows = {"autoencoder": IMAGES[::-1], "VAE": np.clip(IMAGES + 0.1, 0, 1)}
    figure = plots.originals_and_reconstructions(IMAGES, rows, labels=range(10))
    drawn = drawn_images(figure)
    assert len(drawn) == 30
    np.testing.assert_array_equal(drawn, np.concatenate([IMAGES, *rows.values()])[..., 0])
    for name, row in rows.items():
        measured = f"{np.abs(row - IMAGES).mean():.3g}"
        assert f"{name}: mean absolute pixel difference {measured}" in figure.alt_text
        assert any(text.get_text() == f"{name}\noff by {measured}" for text in words_of(figure))
    places = [image.get_extent() for image in figure.axes[0].images]
    assert places[0][2] < places[10][2] < places[20][2], "the originals stand above (y points down)"
    assert len({place[0] for place in places}) == 10


def test_grey_is_never_stretched():
    for image in plots.samples(np.full((2, 4, 4), 0.5)).axes[0].images:
        assert image.get_clim() == (0, 1) and image.get_cmap().name == "gray_r"


def test_samples_of_a_model_are_its_own_draws():
    model = ToyModel()
    figure = plots.samples(model, 7, columns=3)
    assert [len(asked) for asked in model.asked] == [7] and len(drawn_images(figure)) == 7
    drawn = ToyModel().sample(7)
    assert figure.alt_text.startswith(
        "7 sampled images in 3 rows of 3; the mean pixel is " + number(drawn.mean())
    )
    assert number(drawn.std(axis=0).mean()) in figure.alt_text


def test_only_what_a_model_drew_is_called_sampled():
    images = np.zeros((3, 4, 4))
    assert plots.samples(images, labels=[5, 0, 4]).alt_text.startswith(
        "3 images of 5, 0 and 4 in 1 row of 3;"
    )


def test_colour_images_are_drawn_in_colour():
    images = RNG.random((2, 5, 6, 3)).astype("float32")
    np.testing.assert_array_equal(drawn_images(plots.samples(images)), images)


def test_decoded_points_write_the_value_under_its_image():
    figure = plots.decoded_points(
        ToyModel().decode, CODES[:3], captions=[1, -2.5, 1234.4], caption_name="log p(x)"
    )
    assert [t.get_text() for t in words_of(figure)] == ["1", "\u22122.5", "1234"]
    assert "log p(x): -2.5 to 1234, mean 411" in figure.alt_text
    lengths = np.linalg.norm(CODES[:3], axis=1)
    assert f"between {number(lengths.min())} and {number(lengths.max())} from its origin" in figure.alt_text


# ---- latent space ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 5, 15])
def test_manifold_decodes_the_quantiles_of_the_prior_with_the_largest_z2_on_top(n):
    model = ToyModel()
    figure = plots.manifold_grid(model, n)
    quantiles = norm.ppf((np.arange(n) + 0.5) / n)
    (codes,) = model.asked
    grid = codes.reshape(n, n, 2)
    np.testing.assert_allclose(grid[..., 0], np.tile(quantiles, (n, 1)), atol=1e-6)
    np.testing.assert_allclose(grid[..., 1], np.tile(quantiles[::-1, None], (1, n)), atol=1e-6)
    (montage,) = drawn_images(figure)
    blocks = montage.reshape(n, 8, n, 8).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(
        blocks[:, :, 7, 0], np.tile((np.arange(n)[::-1, None] + 0.5) / n, (1, n)), atol=1e-6
    )
    np.testing.assert_allclose(blocks[:, :, 0, 0], np.tile((np.arange(n) + 0.5) / n, (n, 1)), atol=1e-6)
    image = figure.axes[0].images[0]
    assert list(image.get_extent()) == [0, n, 0, n] and image.origin == "upper"
    assert figure.axes[0].get_ylim() == (0, n), "y points up"
    ends = f"{number(quantiles[0])} to {number(quantiles[-1])}"
    assert f"z1 from {ends} left to right, z2 from {ends} bottom to top" in figure.alt_text


def test_manifold_ticks_name_the_code_of_their_cell():
    axes = plots.manifold_grid(ToyModel(), 15).axes[0]
    for axis in (axes.xaxis, axes.yaxis):
        for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True):
            assert float(label.get_text().replace("\u2212", "-")) == pytest.approx(
                norm.ppf(place / 15), abs=0.006
            )


def test_manifold_says_how_much_neighbours_differ():
    figure = plots.manifold_grid(ToyModel(), 5)
    assert "Neighbours differ by 0.1 per pixel" in figure.alt_text  # steps of 1/5 in half of an image


def test_lines_decode_eleven_equal_steps_from_end_to_end():
    model = ToyModel()
    figure = plots.latent_lines(model, [(-8, 8), ((-3, 0), (3, 1))])
    (codes,) = model.asked
    np.testing.assert_allclose(codes[:11], np.linspace([-8, -8], [8, 8], 11), atol=1e-6)
    np.testing.assert_allclose(codes[11:], np.linspace([-3, 0], [3, 1], 11), atol=1e-6)
    rows = ToyModel().decode(codes).reshape(2, 11, -1)
    np.testing.assert_array_equal(np.reshape(drawn_images(figure), (2, 11, -1)), rows)
    changes = np.abs(np.diff(rows, axis=1)).mean(axis=(1, 2))
    assert (
        f"(-8, -8) to (8, 8) ({number(changes[0])}) and (-3, 0) to (3, 1) ({number(changes[1])})"
        in figure.alt_text
    )
    shown = [text.get_text() for text in words_of(figure)]
    assert shown == ["(\u22128, \u22128)", "(\u22123, 0)", "(8, 8)", "(3, 1)"]


def test_scatter_puts_each_code_in_the_colour_of_its_class():
    figure = plots.latent_scatter(CODES, LABELS)
    (points,) = figure.axes[0].collections
    np.testing.assert_allclose(points.get_offsets(), CODES, rtol=1e-6)
    wanted = matplotlib.colors.to_rgba_array([plots.CLASS_COLOURS[label] for label in LABELS])
    np.testing.assert_allclose(points.get_facecolors()[:, :3], wanted[:, :3])


def test_a_class_keeps_its_colour_when_others_are_left_out():
    some = np.isin(LABELS, (3, 7))
    (points,) = plots.latent_scatter(CODES[some], LABELS[some]).axes[0].collections
    np.testing.assert_allclose(
        points.get_facecolors()[0, :3], matplotlib.colors.to_rgb(plots.CLASS_COLOURS[3])
    )


def test_scatter_names_each_class_near_its_median_and_counts_who_lies_nearest():
    figure = plots.latent_scatter(CODES, LABELS)
    medians = {str(label): np.median(CODES[label == LABELS], axis=0) for label in range(10)}
    named = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert set(named) == set(medians)
    for name, place in named.items():
        np.testing.assert_allclose(place, medians[name], atol=0.35)
    centres = np.stack(list(medians.values()))
    nearest = ((CODES[:, None] - centres) ** 2).sum(-1).argmin(1)
    assert f"{100 * np.mean(nearest == LABELS):.0f}% of them lie nearest" in figure.alt_text
    low, high = CODES.min(0), CODES.max(0)
    assert f"first coordinate from {number(low[0])} to {number(high[0])}, the second" in figure.alt_text
    np.testing.assert_allclose(class_medians(CODES, LABELS, np.arange(10)), centres, rtol=1e-6)


def test_scatter_legend_explains_what_stands_on_the_classes():
    figure = plots.latent_scatter(CODES, LABELS, FASHION)
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [
        f"{i}  {name}" for i, name in enumerate(FASHION)
    ]
    assert {text.get_text() for text in figure.axes[0].texts} == set("0123456789")


def test_two_latent_spaces_stand_side_by_side_on_their_own_scales():
    figure = plots.latent_scatter(
        {"autoencoder": CODES * 4, "VAE": CODES}, LABELS, extra_points={"VAE": {"here": (1, 2)}}
    )
    left, right = figure.axes
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("autoencoder", "VAE")
    assert np.ptp(left.get_xlim()) > 3 * np.ptp(right.get_xlim())
    assert [len(axes.collections) for axes in (left, right)] == [1, 2]
    np.testing.assert_allclose(right.collections[1].get_offsets(), [(1, 2)])
    assert "VAE: 200 codes" in figure.alt_text and "marked in black: here at (1, 2)" in figure.alt_text


def test_scatter_shows_the_two_dimensions_that_were_named():
    codes = RNG.normal(size=(30, 5))
    figure = plots.latent_scatter(codes, dims=(4, 1))
    np.testing.assert_allclose(figure.axes[0].collections[0].get_offsets(), codes[:, [4, 1]], rtol=1e-6)
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("z5", "z2")


# ---- curves ----------------------------------------------------------------------------------------------


def test_learning_curves_draw_training_and_validation_of_three_terms_in_nats():
    run = a_history()
    figure = plots.learning_curves(SimpleNamespace(history=run))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "\u2212ELBO",
        "reconstruction term",
        "KL term",
    ]
    assert figure.axes[0].get_ylabel() == "nats per image"
    for axes, key in zip(figure.axes, ("neg_elbo", "reconstruction_loss", "kl_loss"), strict=True):
        training, validation = axes.lines
        np.testing.assert_allclose(training.get_ydata(), run[key])
        np.testing.assert_allclose(validation.get_ydata(), run[f"val_{key}"])
        np.testing.assert_array_equal(training.get_xdata(), np.arange(1, 13))
        assert validation.get_linestyle() == "-"
        assert training.get_linestyle() != "-"
        assert [text.get_text() for text in axes.texts] == ["training", "validation"]
        first, last = (number(run[key][i], 4) for i in (0, -1))
        assert f"training from {first} to {last}; validation from " in figure.alt_text


def test_learning_curves_of_two_runs_name_the_runs_and_explain_the_dashes():
    figure = plots.learning_curves(
        {"dense": a_history(), "conv": SimpleNamespace(history=a_history(2))}, metrics=["kl_loss"]
    )
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["dense", "conv"] and len(axes.lines) == 4
    assert len({line.get_color() for line in axes.lines}) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["validation", "training"]


def test_an_autoencoder_without_an_elbo_shows_its_loss():
    figure = plots.learning_curves({"loss": [3.0, 2.0], "val_loss": [3.5, 2.5]})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss"]


def test_line_plot_draws_what_it_was_given_and_says_where_it_runs():
    figure = plots.line_plot(
        {"bound": ([100, 1, 10], [-6.8, -7.0, -6.9]), "dip": ([0.5, 2, 3], [0, -3, 1], [0.1, 0.1, 0.1])},
        xlabel="k",
        ylabel="nats",
        alt="Bounds.",
        hlines={"exact": -6.796},
    )
    bound, dip, exact = figure.axes[0].lines
    np.testing.assert_allclose(bound.get_xydata(), [(1, -7.0), (10, -6.9), (100, -6.8)])  # in order along x
    assert set(exact.get_ydata()) == {-6.796} and len(figure.axes[0].collections) == 1
    assert figure.alt_text == (
        "Bounds. bound: -7 at 1, -6.8 at 100; dip: 0 at 0.5, 1 at 3, lowest -3 at 2; exact at -6.796."
    )
    assert [text.get_text() for text in figure.axes[0].texts] == ["bound", "dip", "exact"]
    assert dip.get_linestyle() != bound.get_linestyle(), "lines differ without colour too"


def test_a_noisy_line_is_described_by_its_ends_alone():
    dip = {"dip": ([0.5, 2, 3], [0.0, -3.0, 1.0])}
    how = {"xlabel": "k", "ylabel": "nats", "alt": "Bounds"}
    assert plots.line_plot(dip, **how).alt_text == "Bounds. dip: 0 at 0.5, 1 at 3, lowest -3 at 2."
    assert plots.line_plot(dip, **how, extremes=False).alt_text == "Bounds. dip: 0 at 0.5, 1 at 3."


def test_names_at_the_ends_of_lines_stand_level_with_them_or_just_apart():
    np.testing.assert_allclose(spread(np.array([0.5, 0.1]), 0.1), [0.5, 0.1])
    np.testing.assert_allclose(spread(np.array([0.5, 0.5, 0.5]), 0.1), [0.4, 0.5, 0.6])
    np.testing.assert_allclose(spread(np.array([1.0, 0.99]), 0.1), [1.0, 0.9])
    np.testing.assert_allclose(spread(np.array([0.0, 0.01]), 0.1), [0.0, 0.1])
    pushed = apart(np.zeros((6, 2)), least=10)
    assert min(np.linalg.norm(a - b) for a, b in combinations(pushed, 2)) > 9.5


def test_every_seed_is_a_dot_and_a_single_one_has_no_interval():
    figure = plots.seed_dots(
        {"a": [1.0, 3.0], "b": [5.0]},
        {"a": (0.5, 3.5), "b": (-np.inf, np.inf)},
        xlabel="nats",
        alt="Two arms",
    )
    (axes,) = figure.axes
    dots = [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"]
    assert dots == [[1.0, 3.0], [5.0]]
    bars = [list(line.get_xdata()) for line in axes.lines if line.get_linewidth() == 6]
    assert bars == [[0.5, 3.5]]
    assert figure.alt_text == "Two arms: a 2 (interval 0.5 to 3.5, 2 seeds) and b 5 (one seed)."


def test_bars_are_as_long_as_their_numbers():
    figure = plots.bars({"a": 3.21, "b": -2}, xlabel="nats", alt="Two numbers")
    assert [bar.get_width() for bar in figure.axes[0].patches] == [3.21, -2]
    assert [text.get_text() for text in figure.axes[0].texts] == ["3.21", "\u22122"]
    assert figure.alt_text == "Two numbers: a 3.21 and b -2."
    assert figure.axes[0].get_xlim()[0] < -2 and figure.axes[0].yaxis_inverted()


def test_histograms_count_every_value_in_common_bins():
    sets = {"train": RNG.normal(size=400), "test": RNG.normal(3, size=50)}
    figure = plots.histogram(sets, xlabel="log p(x)", bins=12)
    outlines = [patch for patch in figure.axes[0].patches if not patch.get_fill()]
    assert [patch.get_data().values.sum() for patch in outlines] == [400, 50]
    np.testing.assert_array_equal(*[patch.get_data().edges for patch in outlines])
    for name, values in sets.items():
        said = f"mean {number(values.mean())}, standard deviation {number(values.std())}"
        assert f"{name}: {len(values)} values, {said}" in figure.alt_text
    area = plots.histogram(sets, xlabel="log p(x)", density=True).axes[0].patches[0].get_data()
    assert np.sum(area.values * np.diff(area.edges)) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["autoencoder", "vae"])
def test_diagrams_show_every_size_and_only_the_vae_draws(kind):
    figure = plots.model_diagram(kind, ("32x32x3", "400", "50", "7"))
    shown = " ".join(text.get_text() for text in words_of(figure))
    assert shown.count("400") == shown.count("50") == 2 and shown.count("32\u00d732\u00d73") == 2
    assert shown.count("7") == (3 if kind == "vae" else 1)
    random = {"z_mean", "z_log_var", "\u03b5"}
    assert (
        (random & set(re.findall(r"\w+", shown)) == random)
        == (kind == "vae")
        == ("epsilon" in figure.alt_text)
    )


def test_numbers_are_written_with_three_digits_and_no_minus_zero():
    assert [number(v) for v in (0.06142, -6.796, 5000, 12345.6, -0.0, 3e8)] == [
        "0.0614",
        "-6.8",
        "5000",
        "12346",
        "0",
        "3e+08",
    ]


# ---- bad input -------------------------------------------------------------------------------------------

BAD = {
    "flat images": (
        lambda: plots.samples(np.zeros((3, 784))),
        "samples have shape (3, 784): expected (n, height, width), (n, height, width, 1) or (n, height, "
        "width, 3); pass images.reshape((-1, 28, 28)).",
    ),
    "one image": (lambda: plots.samples(np.zeros((28, 28, 1))), "if that is one image, pass images[None]."),
    "no images": (lambda: plots.samples(np.zeros((0, 8, 8))), "expected at least one image"),
    "bytes": (
        lambda: plots.samples(np.full((2, 8, 8), 255.0)),
        "expected pixels in [0, 1]; pass ",
    ),
    "nan": (lambda: plots.samples(np.full((2, 8, 8), np.nan)), "values that are NaN or infinite"),
    "no samples": (lambda: plots.samples(ToyModel(), 0), "n=0: expected a whole number of at least 1"),
    "no columns": (
        lambda: plots.samples(IMAGES, columns=0),
        "columns=0: expected a whole number of at least 1",
    ),
    "too many columns": (
        lambda: plots.samples(IMAGES, columns=21),
        "21 images in a row: expected at most 20",
    ),
    "labels of samples": (
        lambda: plots.samples(IMAGES, labels=[1]),
        "1 labels for 10 images: expected one each",
    ),
    "unequal reconstructions": (
        lambda: plots.originals_and_reconstructions(IMAGES, IMAGES[:9]),
        "'reconstruction' has shape (9, 8, 8, 1) for images of shape (10, 8, 8, 1): expected the same; "
        "pass model.reconstruct(images) of the same images.",
    ),
    "no reconstructions": (
        lambda: plots.originals_and_reconstructions(IMAGES, {}),
        "got 0 rows of reconstructions: expected 1 to 6 rows of reconstructions by name",
    ),
    "too many originals": (
        lambda: plots.originals_and_reconstructions(np.zeros((297, 8, 8)), np.zeros((297, 8, 8))),
        "297 images in a row: expected at most 20; pass fewer, for example images[:10].",
    ),
    "labels of originals": (
        lambda: plots.originals_and_reconstructions(IMAGES, IMAGES, labels=[1, 2]),
        "2 labels for 10 images: expected one each; pass the same number of both.",
    ),
    "codes of another size": (
        lambda: plots.decoded_points(ToyModel(3), CODES),
        "expected (n, 3) real numbers",
    ),
    "captions": (
        lambda: plots.decoded_points(ToyModel(), CODES[:3], captions=[1]),
        "1 captions for 3 images",
    ),
    "no decoder": (
        lambda: plots.decoded_points("vae", CODES),
        "got a str to decode codes with: expected a model with decode(codes), or a function",
    ),
    "a decoder that loses images": (
        lambda: plots.manifold_grid(lambda codes: IMAGES[:1], 3),
        "decode gave 1 images for 9 codes: expected one image per code",
    ),
    "a decoder that gives logits": (
        lambda: plots.manifold_grid(lambda codes: np.full((len(codes), 8, 8), -3.0), 3),
        "decoded images hold values from -3 to -3: expected pixels in [0, 1]",
    ),
    "manifold of ten dimensions": (
        lambda: plots.manifold_grid(ToyModel(10)),
        "latent_dim=10: expected 2, since the grid shows a plane; build the model with latent_dim=2, or draw "
        "latent_lines(model, ...).",
    ),
    "manifold of a bound decode": (
        lambda: plots.manifold_grid(ToyModel(10).decode),
        "latent_dim=10: expected 2",
    ),
    "manifold of one image": (
        lambda: plots.manifold_grid(ToyModel(), 1),
        "n=1: expected a whole number of at least 2",
    ),
    "manifold too fine": (
        lambda: plots.manifold_grid(ToyModel(), 31),
        "n=31: expected at most 30 images along an axis",
    ),
    "scatter of eight dimensions": (
        lambda: plots.latent_scatter(np.zeros((5, 8))),
        "codes have 8 coordinates: expected 2; choose two with dims=(0, 1), or project them first",
    ),
    "scatter of what encode returns": (
        lambda: plots.latent_scatter((CODES, CODES, CODES)),
        "codes have shape (3, 200, 2): expected (n, 2); a VAE's encode returns z_mean, z_log_var and z",
    ),
    "dims": (
        lambda: plots.latent_scatter(np.zeros((5, 8)), dims=(0, 8)),
        "dims=(0, 8): expected two different coordinates",
    ),
    "scatter labels": (
        lambda: plots.latent_scatter(CODES, [1, 2]),
        "2 labels for 200 codes: expected one each",
    ),
    "eleven classes": (
        lambda: plots.latent_scatter(CODES, np.arange(200) % 11),
        "labels have 11 different values: expected at most 10",
    ),
    "class names": (
        lambda: plots.latent_scatter(CODES, LABELS, ["a", "b"]),
        "labels from 0 to 9 for 2 class names: expected whole numbers from 0 to 1",
    ),
    "extra points of an unknown panel": (
        lambda: plots.latent_scatter({"VAE": CODES}, extra_points={"AE": {"here": (0, 0)}}),
        "extra_points for 'AE': expected points by name for the panels 'VAE'",
    ),
    "nan codes": (
        lambda: plots.latent_scatter(CODES * np.nan),
        "hold NaN or infinity: expected finite numbers",
    ),
    "no lines": (lambda: plots.latent_lines(ToyModel(), []), "lines=[]: expected 1 to 12 pairs (start, end)"),
    "a line without end": (
        lambda: plots.latent_lines(ToyModel(), [-3, 3]),
        "expected 1 to 12 pairs (start, end)",
    ),
    "end points of another size": (
        lambda: plots.latent_lines(ToyModel(), [((0, 0, 0), (1, 1, 1))]),
        "an end point has shape (3,): expected 2 coordinates, or one number for all of them; pass for example (0, 0).",
    ),
    "one column": (
        lambda: plots.latent_lines(ToyModel(), [(0, 1)], columns=1),
        "columns=1: expected a whole number of at least 2",
    ),
    "empty history": (
        lambda: plots.learning_curves({}),
        "history '' is {}: expected a dict with a list of numbers per metric",
    ),
    "no history": (
        lambda: plots.learning_curves([1, 2]),
        "history '' is [1, 2]: expected a dict with a list of numbers per metric",
    ),
    "unknown metric": (
        lambda: plots.learning_curves({"loss": [1], "val_loss": [2]}, metrics=["elbo"]),
        "metric 'elbo' is in no history: expected one of loss; pass metrics=['loss'].",
    ),
    "nan in a curve": (
        lambda: plots.learning_curves({"loss": [1, np.nan]}),
        "'loss' holds 1 values that are NaN or infinite",
    ),
    "unequal x and y": (
        lambda: plots.line_plot({"a": ([1, 2], [1])}, xlabel="", ylabel="", alt="a"),
        "1 values of 'a' for 2 places on the x axis: expected one each",
    ),
    "y alone": (
        lambda: plots.line_plot({"a": [1, 2, 3]}, xlabel="", ylabel="", alt="a"),
        "expected (x, y) or (x, y, spread)",
    ),
    "log of zero": (
        lambda: plots.line_plot({"a": ([0, 1], [1, 2])}, xlabel="", ylabel="", alt="a", xscale="log"),
        "xscale='log' for values down to 0: expected values above 0; pass xscale='symlog'.",
    ),
    "unknown scale": (
        lambda: plots.line_plot({"a": ([0, 1], [1, 2])}, xlabel="", ylabel="", alt="a", yscale="ln"),
        "yscale='ln': expected one of linear, log, symlog",
    ),
    "no arms": (
        lambda: plots.seed_dots({}, {}, xlabel="", alt="a"),
        "got 0 arms: expected 1 to 24 arms by name",
    ),
    "no bars": (lambda: plots.bars({}, xlabel="", alt="a"), "got 0 bars: expected 1 to 16 bars by name"),
    "spreads": (lambda: plots.bars({"a": 1}, xlabel="", alt="a", spreads=[1, 2]), "2 spreads for 1 bars"),
    "empty histogram": (lambda: plots.histogram({"a": []}, xlabel="x"), "'a' has shape (0,)"),
    "unknown diagram": (lambda: plots.model_diagram("gan"), "kind='gan': expected one of autoencoder, vae"),
    "diagram sizes": (
        lambda: plots.model_diagram("vae", ("784", "2")),
        "expected the image, 1 to 4 hidden layers and the code",
    ),
    "long sizes": (
        lambda: plots.model_diagram("vae", ("784", "1024 units", "2")),
        "expected at most 9 letters each",
    ),
    "too wide": (
        lambda: plots.BookFigure(9, 3, alt_text="x"),
        "a figure of 9 by 3 inches: expected a positive size, at most 7.5",
    ),
    "no alt text": (
        lambda: plots.BookFigure(alt_text=" "),
        "alt_text=' ': expected a sentence that says what the figure shows",
    ),
    "another ending": (
        lambda: plots.model_diagram("vae").save("picture.jpg"),
        "path='picture.jpg': expected a file name ending in .png or .svg; pass for example 'figure.png'.",
    ),
    "a missing folder": (
        lambda: plots.model_diagram("vae").save("no such folder/picture.png"),
        "cannot be written (No such file or directory): expected a name in an existing folder that you may "
        "write to; make the folder or pass another path.",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    act, message = BAD[name]
    with pytest.raises(BadInput) as caught:
        act()
    assert message in str(caught.value)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_a_folder_in_the_way_of_a_file_is_named(tmp_path):
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(BadInput, match=r"cannot be written \(Is a directory\)"):
        plots.model_diagram("vae").save(tmp_path / "taken.png")


def test_the_legend_names_only_the_parts_that_are_drawn():
    trained = {"loss": [3.0, 2.0]}
    legends = {
        "training": {"a": trained, "b": trained},
        "validation training": {"a": trained, "b": {**trained, "val_loss": [3.1, 2.2]}},
    }
    for names, histories in legends.items():
        (legend,) = plots.learning_curves(histories).legends
        assert " ".join(text.get_text() for text in legend.get_texts()) == names
