"""Functions: a patient's own KL and reconstruction error, each against the formulas that are met."""

from collections.abc import Iterator

import numpy as np

from companion.diagnosis.examination import BATCH, Examination
from companion.diagnosis.loss_fit import KLS, RECONSTRUCTIONS, RIGHT
from companion.diagnosis.on_loss import near
from companion.diagnosis.patient import Observation
from companion.diagnosis.report import Finding


def the_kl_function_is_right(x: Examination) -> Iterator[Finding]:
    """The patient's own KL, on random means and spreads, beside the formulas that are met."""
    if not x.patient.has("kl"):
        return
    shape = (256, x.encoded[0].shape[1] if x.encoded is not None else 2)
    mean, spread = x.rng.normal(size=shape), x.rng.uniform(0.2, 1.5, shape)
    given = x.patient.kl(mean, spread)
    formulas = {name: kl(_of_codes(mean, spread)) for name, kl in KLS.items()}
    name, factor = _nearest(formulas, given)
    if name in RIGHT and near(factor, 1.0):
        return
    if name in RIGHT and near(factor, 1 / shape[1]):
        meaning = (
            f"The KL is a mean over {shape[1]} units of the code where a sum belongs, a beta of 1/{shape[1]}."
        )
        finding, mend = "KL averaged over the code", "kl = sum of the KL over the last axis"
    elif name in RIGHT and near(factor, 2.0):
        finding, meaning, mend = (
            "the KL lacks its half",
            "Without its half the KL counts twice.",
            "0.5 * (...)",
        )
    elif name in RIGHT and near(factor, -1.0):
        finding, meaning, mend = (
            "the KL has the wrong sign",
            "Training makes the KL large without limit.",
            "+ kl",
        )
    else:
        finding, meaning = (
            "a KL of another formula",
            "The width of the clouds is pulled to a wrong value, or not at all.",
        )
        mend = "kl = 0.5 * (mean**2 + exp(log_var) - 1 - log_var), summed over the code"
    yield Finding(
        name=finding,
        stage="loss",
        figure=f"on random codes it is {factor:.3g} times the {name}",
        healthy="1 time 0.5 * (mean^2 + variance - 1 - log variance), summed over the code",
        meaning=meaning,
        mend=mend,
        chapter="04",
    )


def the_reconstruction_function_is_a_sum(x: Examination) -> Iterator[Finding]:
    """The patient's own reconstruction error, on outputs between 0 and 1, beside those that are met."""
    if not x.patient.has("reconstruction"):
        return
    images = x.some[:BATCH].reshape(len(x.some[:BATCH]), -1)
    outputs = x.rng.uniform(0.05, 0.95, images.shape)
    shape = x.some[:BATCH].shape
    given = x.patient.reconstruction(images.reshape(shape), outputs.reshape(shape))
    name, factor = _nearest({each: error(images, outputs) for each, error in RECONSTRUCTIONS.items()}, given)
    if near(factor, 1 / x.pixels):
        yield Finding(
            name="reconstruction averaged over pixels",
            stage="loss",
            figure=f"on random outputs it is {factor:.3g} times the summed {name}, one over {1 / factor:.0f}",
            healthy="1 time, or 1/2 of a squared error",
            meaning=f"Beside a KL that is a sum, it makes the KL weigh {x.pixels} times what it should.",
            mend="sum over the pixels of each image",
            chapter="04",
        )


def _of_codes(mean: np.ndarray, spread: np.ndarray) -> Observation:
    return Observation(mean, mean, spread, mean, mean, 0.0)


def _nearest(formulas: dict[str, np.ndarray], given: np.ndarray) -> tuple[str, float]:
    """The formula that is nearest to ``given`` up to a factor, and this factor."""
    misfits = {}
    for name, values in formulas.items():
        factor = float(values @ given / (values @ values))
        misfits[name] = (float(np.mean((given - factor * values) ** 2)), factor)
    best = min(misfits, key=lambda each: misfits[each][0])
    return best, misfits[best][1]


EXAMINE = (the_reconstruction_function_is_a_sum, the_kl_function_is_right)
