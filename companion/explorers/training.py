"""The training behind a training control: one run with the chosen value, its figures and its picture."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

from companion.errors import BadInput, check_choice, check_whole_number
from companion.explorers.choices import CHOICES, Choice
from companion.plots import BookFigure

Progress = Callable[[float], object]


@dataclass(frozen=True)
class Trained:
    """The result of one training: the picture, the figures by name and in words, the settings, and the model."""

    figure: BookFigure
    figures: dict[str, float]
    words: str
    settings: dict[str, Any]
    model: Any


def train(
    choice: str, value: Any, *, epochs: int | None = None, progress: Progress = lambda part: None
) -> Trained:
    """Train a small model of the digits with ``choice`` set to ``value``, and measure it on unseen images.

    ``choice`` is a name of :data:`~companion.explorers.choices.CHOICES`, ``value`` one of the values offered there;
    ``epochs`` replaces those of its settings. ``progress`` is called after each epoch with the part that is done, up to
    1. Figures in nats are means over images. The seeds of Python, NumPy and Keras are set.
    Raises :class:`~companion.errors.BadInput` for a choice or value that is not offered, and for epochs below 1.
    """
    row = CHOICES[check_choice("choice", choice, CHOICES)]
    value = check_offered(choice, row, value)
    settings = {"choice": choice, "value": value, **row.settings}
    if epochs is not None:
        settings["epochs"] = check_whole_number("epochs", epochs)

    import keras

    from companion import data

    dataset = data.load(settings["dataset"])
    keras.utils.set_random_seed(settings["seed"])
    model = row.build(value, dataset.image_shape, settings)
    # Without XLA, which would have to compile first.
    model.compile(keras.optimizers.Adam(settings["learning_rate"]), jit_compile=False)
    told = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: progress((epoch + 1) / settings["epochs"])
    )
    model.fit(
        row.inputs(value, dataset.x_train, dataset.y_train),
        batch_size=settings["batch_size"],
        epochs=settings["epochs"],
        callbacks=[told],
        verbose=0,
    )
    unseen = row.inputs(value, dataset.x_test, dataset.y_test)
    figures = row.measure(model, unseen)
    return Trained(row.draw(model, unseen), figures, words_of(settings, figures), settings, model)


def words_of(settings: dict[str, Any], figures: dict[str, float]) -> str:
    """One line that says what was trained and what was measured."""
    row, epochs = CHOICES[settings["choice"]], settings["epochs"]
    what = f"{row.label}: {settings['value']}. After {epochs} epoch{'s' if epochs > 1 else ''}"
    return f"{what}: {row.sentence.format(**figures)}.".replace(" -", " −")


def check_offered(name: str, row: Choice, value: Any) -> Any:
    """The value of ``row`` that equals ``value``; raises :class:`~companion.errors.BadInput` where there is none."""
    if isinstance(value, str) or (isinstance(value, Real) and not isinstance(value, bool)):
        for offered in row.values:
            if value == offered:
                return offered
    raise BadInput(f"{name}={value!r}: expected one of {'; '.join(map(str, row.values))}; pass one of these.")
