"""The pictures of the book: originals and reconstructions, samples, latent space, curves, diagrams.

Every function returns a :class:`BookFigure`: at most 900 pixels wide, opaque, in colours that colour-blind
readers tell apart, with an ``alt_text`` that says what is to be seen in measured numbers. Models are whatever
has ``decode(codes)`` or ``sample(n)``, so nothing here imports Keras. Taught in chapter 05, latent space.
"""

from companion.plots.balance import gaussian_approximation, tug_of_war
from companion.plots.code_maps import code_maps
from companion.plots.conditions import condition_grid
from companion.plots.contours import density_contours
from companion.plots.curves import learning_curves
from companion.plots.diagrams import model_diagram
from companion.plots.figure import CLASS_COLOURS, LINE_COLOURS, BookFigure, book_style
from companion.plots.flows import flow_diagram
from companion.plots.graphs import quantizer_path, reparameterization_graphs
from companion.plots.images import decoded_points, originals_and_reconstructions, samples
from companion.plots.latent import latent_lines, manifold_grid
from companion.plots.lines import bars, histogram, line_plot
from companion.plots.plates import ladder_wiring, plate_diagram
from companion.plots.scatter import latent_scatter
from companion.plots.seeds import seed_dots
from companion.plots.traversals import traversals

__all__ = [
    "CLASS_COLOURS",
    "LINE_COLOURS",
    "BookFigure",
    "bars",
    "book_style",
    "code_maps",
    "condition_grid",
    "decoded_points",
    "density_contours",
    "flow_diagram",
    "gaussian_approximation",
    "histogram",
    "ladder_wiring",
    "latent_lines",
    "latent_scatter",
    "learning_curves",
    "line_plot",
    "manifold_grid",
    "model_diagram",
    "originals_and_reconstructions",
    "plate_diagram",
    "quantizer_path",
    "reparameterization_graphs",
    "samples",
    "seed_dots",
    "traversals",
    "tug_of_war",
]
