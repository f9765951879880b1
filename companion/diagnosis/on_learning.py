"""Learning: whether every weight gets a gradient, and whether all of them are known to the model."""

from collections.abc import Iterator
from typing import Any

from companion.diagnosis.examination import BATCH, Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.report import Finding


def every_weight_moves(x: Examination) -> Iterator[Finding]:
    """One training step, taken back afterwards, changes every weight that has a gradient."""
    if not isinstance(x.patient, KerasPatient):
        return
    unmoved = x.patient.unmoved_weights(x.some[:BATCH].astype("float32"))
    if not unmoved:
        return
    count = len(x.patient.model.trainable_weights)
    if len(unmoved) == count:
        return  # a learning rate of 0, or a step that raised
    yield Finding(
        name="weights that do not learn",
        stage="learning",
        figure=f"{len(unmoved)} of {count} weights stand still in a training step: {', '.join(unmoved[:3])}"
        + (", ..." if len(unmoved) > 3 else ""),
        healthy="none",
        meaning="No gradient reaches them. A draw made in NumPy, a stop_gradient or an integer on the way cuts it off.",
        mend="draw with keras.random and keras.ops: z = z_mean + ops.exp(0.5 * z_log_var) * noise",
        chapter="03",
        after=("reconstruction averaged over pixels",) if _are_of_the_decoder(unmoved) else (),
    )


def exponentials_have_range(x: Examination) -> Iterator[Finding]:
    """A log variance of 12 gives a variance of 163,000, which half precision cannot hold."""
    if not isinstance(x.patient, KerasPatient) or x.encoded is None or "log" not in x.kind:
        return
    kind = x.patient.overflows(x.some[:BATCH])
    if kind is not None:
        yield Finding(
            name="an exponential in half precision",
            stage="loss",
            figure=f"the encoder's second output is {kind}; with a log variance of 12 the loss is not finite",
            healthy="a finite loss: the log variance is cast to float32 first",
            meaning="float16 ends at 65,504, which exp reaches at 11.1. One wide cloud makes the loss infinite.",
            mend='z_log_var = ops.cast(z_log_var, "float32"), or Dense(latent_dim, dtype="float32")',
            chapter="02",
        )


def _are_of_the_decoder(paths: list[str]) -> bool:
    return all("decoder" in path for path in paths)


def every_variable_is_tracked(x: Examination) -> Iterator[Finding]:
    """Variables of the engine that layers hold without Keras knowing them."""
    if not isinstance(x.patient, KerasPatient):
        return
    model = x.patient.model
    known = {id(variable.value) for variable in model.variables} | {
        id(variable) for variable in model.variables
    }
    lost = []
    for layer in model._flatten_layers():
        for name, value in vars(layer).items():
            if _is_a_variable(value) and id(value) not in known and not name.startswith("_"):
                lost.append(f"{layer.name}.{name}")
    if lost:
        yield Finding(
            name="variables that Keras does not know",
            stage="learning",
            figure=f"{len(lost)}: {', '.join(lost[:3])}",
            healthy="none",
            meaning="They are neither trained by fit nor saved with the model.",
            mend="make them with self.add_weight(...) in build",
            chapter="09",
        )


def _is_a_variable(value: Any) -> bool:
    return type(value).__name__ in {"ResourceVariable", "Variable"} and "tensorflow" in type(value).__module__


EXAMINE = (exponentials_have_range, every_variable_is_tracked, every_weight_moves)
