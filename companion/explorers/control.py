"""A control that trains a model: choose a value, press a button, watch the progress, see the result.

It is made of plain ipywidgets, version 7 or 8, and needs a kernel. The stored book shows the result of one recorded
training, with the advice to run the chapter.
"""

from collections.abc import Callable
from html import escape
from importlib.util import find_spec
from typing import Any

from companion.errors import check_choice
from companion.explorers.choices import CHOICES
from companion.explorers.control_still import html_of_still, picture
from companion.explorers.training import Trained, train
from companion.explorers.widget import is_stored

WITHOUT_IPYWIDGETS = (
    "This control needs the package ipywidgets: call `pip install ipywidgets`, restart the kernel and run the cell "
    "again. Without it, companion.explorers.training.train does the same."
)


class TrainingControl:
    """The control of one of :data:`~companion.explorers.choices.CHOICES`; ``result`` is that of the last press.

    ``train(choice, value, progress=...)`` is the function that is run, from the button or without it. An error in it is
    written under the button and raised again, so that the notebook shows the traceback.
    Raises :class:`~companion.errors.BadInput` for a choice that is not in the table.
    """

    def __init__(self, choice: str, train: Callable[..., Trained] = train) -> None:
        self.choice, self.train = check_choice("choice", choice, CHOICES), train
        self.result: Trained | None = None
        self._box: Any = None

    @property
    def box(self) -> Any:
        """The box with its parts ``values``, ``button``, ``progress``, ``picture`` and ``words``, made when needed."""
        if self._box is None:
            self._box = _box_of(self.choice)
            self._box.button.on_click(self.press)
        return self._box

    def press(self, *_button: Any) -> Trained:
        """What the button does: train with the chosen value and show the result."""
        box = self.box
        self.result = None
        box.button.disabled = box.values.disabled = True
        box.progress.value, box.words.value, box.picture.value = 0.0, "Training ...", ""
        try:
            self.result = self.train(self.choice, box.values.value, progress=self._progress)
            box.picture.value = picture(self.result.figure.image_bytes(), self.result.figure.alt_text)
            box.words.value = escape(self.result.words)
        except BaseException as error:
            box.words.value = f"<b>It stopped:</b> {escape(f'{type(error).__name__}: {error}')}"
            raise
        finally:
            box.button.disabled = box.values.disabled = False
        return self.result

    def _progress(self, part: float) -> None:
        self.box.progress.value = part

    # Both versions of ipywidgets come to the page by `display`; only one of them has a bundle to pass on.
    def _ipython_display_(self) -> None:
        from IPython.display import display

        if not is_stored() and find_spec("ipywidgets"):
            display(self.box)
        else:
            display(self.still(), raw=True)

    def still(self) -> dict[str, str]:
        """What is shown where nothing can be pressed: the recorded picture and, in a kernel, what is missing."""
        missing = "" if is_stored() else WITHOUT_IPYWIDGETS
        line = f"<p>{escape(missing)}</p>" if missing else ""
        words = missing or f"A control that trains: {CHOICES[self.choice].label}"
        return {"text/html": html_of_still(self.choice) + line, "text/plain": words}


def training_control(choice: str) -> TrainingControl:
    """A control that trains a small model of the digits with a value that you choose.

    As the last line of a cell it shows itself. ``choice`` says what is chosen: ``code_size`` in chapter 01,
    ``hidden_units`` in 02, ``estimator`` in 03, ``sigma`` in 04, ``latent_dim`` in 05, ``beta`` in 06, ``num_labels``
    in 07, ``free_bits`` in 08, ``num_codes`` in 09 and ``k`` in 10. Without the package ipywidgets it is a still
    picture with a line that says so. Raises :class:`~companion.errors.BadInput` for another choice.
    """
    return TrainingControl(choice)


def _box_of(choice: str) -> Any:
    import ipywidgets  # type: ignore[import-untyped]

    row = CHOICES[choice]
    wide = {"description_width": "initial"}
    box = ipywidgets.VBox()
    box.values = ipywidgets.Dropdown(
        options=[(str(value), value) for value in row.values],
        value=row.first,
        description=row.label,
        style=wide,
        layout={"width": "auto", "max_width": "100%"},
    )
    box.button = ipywidgets.Button(description="Train", tooltip=f"Train with the chosen {row.label}")
    box.progress = ipywidgets.FloatProgress(min=0.0, max=1.0, description="progress", style=wide)
    box.words, box.picture = ipywidgets.HTML(), ipywidgets.HTML()
    # Wrapped, so that the three are below each other on a phone.
    row_of_three = ipywidgets.HBox((box.values, box.button, box.progress), layout={"flex_flow": "row wrap"})
    box.children = (row_of_three, box.picture, box.words)
    return box
