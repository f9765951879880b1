"""Files of a part: SavedModel, ONNX and TensorFlow Lite, written by Keras's ``export`` and read back for comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from companion.errors import BadInput
from companion.export.parts import Part, as_part

# What a file's ending means; a folder without one is a SavedModel.
FORMATS = {"": "tf_saved_model", ".onnx": "onnx", ".tflite": "litert"}
_NEEDED = {".onnx": ("onnx", "tf2onnx", "onnxruntime")}

Function = Callable[..., dict[str, np.ndarray]]


def format_of(path: Path | str) -> str:
    """Keras's name of the format that the ending of ``path`` means.

    Raises :class:`~companion.errors.BadInput` for another ending, and where a package that it needs is missing.
    """
    ending = Path(path).suffix
    if ending not in FORMATS:
        raise BadInput(
            f"path={str(path)!r}: expected an ending of .onnx or .tflite, or none for a SavedModel; pass for example "
            f"'encoder.onnx'."
        )
    missing = [name for name in _NEEDED.get(ending, ()) if find_spec(name) is None]
    if missing:
        raise BadInput(
            f"path={str(path)!r} needs {', '.join(missing)}: expected the packages of the extra export; call pip "
            f"install '.[export]' in the project's folder."
        )
    return FORMATS[ending]


def save_part(model: Any, part: str, path: Path | str) -> Path:
    """Write ``part`` of ``model`` (see :func:`companion.export.as_part`) in the format of the ending of ``path``.

    Any number of rows may be computed at once. Keras writes it, or TensorFlow's converter for TensorFlow Lite. Raises
    :class:`~companion.errors.BadInput` as ``as_part`` and :func:`format_of` do, and on another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise BadInput(
            f"the backend is {keras.backend.backend()}: expected tensorflow, on which all three formats are tested; "
            f"load the .keras file with KERAS_BACKEND=tensorflow, and export it there."
        )
    kind, chosen = format_of(path), as_part(model, part)
    with _quiet():
        if kind == "onnx":
            _teach_log1p()
        if kind == "litert":
            _write_tflite(chosen, path)
        else:
            _write(chosen, path, kind)
    _check_opens(path, part)
    return Path(path)


def _write(part: Part, path: Path | str, form: str) -> None:
    part.export(str(path), format=form, verbose=False, input_signature=part.input_signature())


def _write_tflite(part: Part, path: Path | str) -> None:
    """By way of a SavedModel; before 3.15 Keras converts the model itself, and only one with fixed input shapes."""
    import tensorflow as tf

    with TemporaryDirectory() as folder:
        _write(part, folder, "tf_saved_model")
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS,
            tf.lite.OpsSet.SELECT_TF_OPS,
        ]
        converter.experimental_enable_resource_variables = True
        Path(path).write_bytes(converter.convert())


def load_part(path: Path | str) -> Function:
    """The function in a file that :func:`save_part` wrote: arrays in, named arrays out, computed by the file's engine.

    A SavedModel is run by TensorFlow, ``.onnx`` by ONNX Runtime, ``.tflite`` by TensorFlow Lite's interpreter. Inputs
    are given by name, as in ``function(images=x)``. Raises :class:`~companion.errors.BadInput` where there is no such
    file.
    """
    format_of(path)
    if not Path(path).exists():
        raise BadInput(f"{path} does not exist: expected what save_part wrote; correct the path.")
    return {"": _saved_model, ".onnx": _onnx, ".tflite": _tflite}[Path(path).suffix](str(path))


@contextmanager
def _quiet() -> Iterator[None]:
    """TensorFlow would say where it has put a file that Keras deletes again."""
    import tensorflow as tf

    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)


def _check_opens(path: Path | str, part: str) -> None:
    """Converters write a file even where an operation is missing in it; then its engine does not open it."""
    try:
        load_part(path)
    except Exception as error:  # of its own in every engine
        raise BadInput(
            f"{path}: its engine does not open the {part} ({str(error)[:200]}): expected operations that the format "
            f"has; export a SavedModel, with a path without an ending."
        ) from error


@cache
def _teach_log1p() -> None:
    """ONNX has no log(1 + x) in one operation and tf2onnx no words for it: let it write an addition and a logarithm."""
    from tf2onnx import handler

    @handler.tf_op("Log1p")
    class Log1p:
        @classmethod
        def version_1(cls, context: Any, node: Any, **_: Any) -> None:
            [x] = node.input
            one = context.make_const(f"{node.name}_one", np.ones((), "float32"))
            shapes, dtypes, outputs = node.output_shapes, node.output_dtypes, node.output
            context.remove_node(node.name)
            whole = context.make_node("Add", [x, one.output[0]], shapes=shapes, dtypes=dtypes)
            context.make_node("Log", [whole.output[0]], outputs=outputs, shapes=shapes, dtypes=dtypes)


def _as_arrays(named: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value, "float32") for name, value in named.items()}


def _saved_model(path: str) -> Function:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    signature = loaded.signatures["serving_default"]

    def call(**inputs: Any) -> dict[str, np.ndarray]:
        assert loaded  # its functions live as long as it does
        return _as_arrays(signature(**{name: tf.constant(each) for name, each in _as_arrays(inputs).items()}))

    return call


def _onnx(path: str) -> Function:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]

    def call(**inputs: Any) -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(None, _as_arrays(inputs)), strict=True))

    return call


def _tflite(path: str) -> Function:
    import warnings

    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it announces that the interpreter will move to a package of its own
        runner = tf.lite.Interpreter(model_path=path).get_signature_runner("serving_default")

    def call(**inputs: Any) -> dict[str, np.ndarray]:
        return dict(runner(**_as_arrays(inputs)))

    return call
