"""A control over real training: choose a value, press a button, watch the progress, see what came out.

It is made of plain ipywidgets, versions 7 and 8 alike, and needs a kernel. In the stored book stands what one training
gave, with the advice to run the chapter.
"""

import json
from base64 import b64encode
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from companion.errors import check_choice
from companion.explorers.recording import folder, light_png
from companion.explorers.training import CHOICES, Trained, train
from companion.explorers.widget import is_stored

STILLS = "training"


class TrainingControl:
    """The control for one of :data:`~companion.explorers.training.CHOICES`; ``result`` is what the last press gave.

    ``train`` is the function that is run, headless as well as from the button. An error in it is written under the
    button and raised again, so that the notebook shows its whole story.
    """

    def __init__(self, choice: str, train: Callable[..., Trained] = train) -> None:
        self.choice, self.train = check_choice("choice", choice, CHOICES), train
        self.result: Trained | None = None
        self.shown: Any = None

    def press(self, *_button: Any) -> Trained:
        """What the button does: train with the chosen value and show the result."""
        box = self.widget()
        box.button.disabled = True
        box.words.value, box.picture.value = "Training ...", ""
        try:
            self.result = self.train(self.choice, box.values.value, progress=self._progress)
        except BaseException as error:
            box.words.value = f"<b>It stopped:</b> {escape(f'{type(error).__name__}: {error}')}"
            raise
        finally:
            box.button.disabled = False
        box.words.value = escape(self.result.words)
        box.picture.value = _image(self.result.figure.image_bytes(), self.result.figure.alt_text)
        return self.result

    def widget(self) -> Any:
        """The box of widgets, made when it is first asked for."""
        if self.shown is None:
            import ipywidgets

            offered = CHOICES[self.choice]
            box = ipywidgets.VBox()
            box.values = ipywidgets.Dropdown(
                options=offered.values, value=offered.first, description=self.choice
            )
            box.button = ipywidgets.Button(
                description="Train", tooltip=f"Train with the chosen {offered.words}"
            )
            box.progress = ipywidgets.FloatProgress(min=0.0, max=1.0, description="progress")
            box.words, box.picture = ipywidgets.HTML(), ipywidgets.HTML()
            box.button.on_click(self.press)
            box.children = (
                ipywidgets.HBox((box.values, box.button, box.progress)), box.words, box.picture
            )  # fmt: skip
            self.shown = box
        return self.shown

    def _progress(self, part: float) -> None:
        self.widget().progress.value = part

    def _ipython_display_(self) -> None:
        from IPython.display import HTML, display

        display(HTML(still_html(self.choice)) if is_stored() else self.widget())


def training_control(choice: str) -> TrainingControl:
    """A control that trains a small model of the digits: ``choice`` is ``latent_dim``, ``beta`` or ``k``.

    As the last line of a cell it shows itself. Raises :class:`~companion.errors.BadInput` for another choice. Stands in
    chapters 05, 06 and 10.
    """
    return TrainingControl(choice)


def record_still(choice: str, out: Path) -> None:
    """Train with the first value of ``choice`` and keep the figure and its words in ``out``, for the stored book."""
    result = train(choice, CHOICES[choice].first)
    out.mkdir(parents=True, exist_ok=True)
    facts = {"alt": result.figure.alt_text, "words": result.words}
    (out / f"{choice}.png").write_bytes(light_png(result.figure.image_bytes()))
    (out / f"{choice}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def still_html(choice: str) -> str:
    """What stands in the book: the figure of one training, what it measured, and how to train another."""
    place = folder() / STILLS
    facts = json.loads((place / f"{choice}.json").read_text(encoding="utf-8"))
    picture = _image((place / f"{choice}.png").read_bytes(), facts["alt"])
    return (
        f'<div class="training-control">{picture}<p>{escape(facts["words"])} To train with another '
        f"{escape(CHOICES[choice].words)}, run this chapter in Colab or Jupyter.</p></div>"
    )


def _image(png: bytes, alt: str) -> str:
    source = f"data:image/png;base64,{b64encode(png).decode('ascii')}"
    return f'<img style="max-width: 100%" src="{source}" alt="{escape(alt)}">'
