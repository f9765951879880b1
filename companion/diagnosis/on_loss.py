"""Loss: what the model's own number is made of, in nats per image."""

from collections.abc import Iterator

import numpy as np

from companion.diagnosis.examination import BATCH, Examination
from companion.diagnosis.loss_fit import KLS, RECONSTRUCTIONS, Fit
from companion.diagnosis.patient import Observation
from companion.diagnosis.report import NOTE, Finding
from companion.diagnosis.spread import STANDARD_DEVIATIONS

NEAR = 0.15  # relative: how near a factor must be to a known one
RIGHT = tuple(f"KL for a {kind}" for kind in STANDARD_DEVIATIONS)
WHOLE = "a loss of summed reconstruction error plus summed KL, with a weight of 1 each"


def near(value: float, target: float) -> bool:
    """Whether ``value`` is ``target`` up to what a fit can tell."""
    return abs(value - target) <= NEAR * abs(target)


def the_batch_is_averaged(x: Examination) -> Iterator[Finding]:
    """The loss of a batch twice as large, made of the same images, is the same; a sum over it doubles."""
    batch = x.some[: BATCH // 2]
    once, twice = x.patient.observe(batch), x.patient.observe(np.concatenate([batch, batch]))
    if once is None or twice is None or not once.loss:
        return
    if near(ratio := twice.loss / once.loss, 2.0):
        yield Finding(
            name="a sum over the batch",
            stage="loss",
            figure=f"twice the same images give {ratio:.2f} times the loss",
            healthy="1 time",
            meaning="The loss grows with the batch, so the step size and every comparison depend on the batch size, "
            "and the last, smaller batch of an epoch counts less.",
            mend="return keras.ops.mean(reconstruction + kl), with sums over pixels and code only",
            chapter="04",
        )


def the_two_terms_have_equal_weight(x: Examination) -> Iterator[Finding]:
    """The effective weight of the KL, and the mean that explains it."""
    fit = x.fit
    if fit is None or not fit.is_sure or not fit.a:
        return
    figure = f"loss = {fit.a:.3g} reconstruction + {fit.b:.3g} KL: an effective beta of {fit.beta:.3g}"
    units = x.encoded[0].shape[1] if x.encoded is not None else 1
    error = abs(fit.b_error / fit.a)
    if fit.b < -3 * abs(fit.b_error) and fit.a > 0:
        yield _of_weight(
            "the KL has the wrong sign", figure, "Training makes the KL large without limit.", "+ kl"
        )
    elif abs(fit.beta) < max(0.02 / units, 3 * error):
        meaning = "Nothing keeps codes near the prior, so images decoded from it look like no data."
        yield _of_weight("no KL in the loss", figure, meaning, "loss = reconstruction + kl")
    elif near(fit.beta, x.pixels):
        meaning = (
            f"The reconstruction error is a mean over {x.pixels} pixels and the KL is a sum, so the KL weighs "
            f"{x.pixels} times what it should; the code collapses."
        )
        yield _of_weight(
            "reconstruction averaged over pixels", figure, meaning, "sum over pixels: ops.sum(bce, (1, 2, 3))"
        )
    elif units > 1 and near(fit.beta, 1 / units):
        meaning = f"The KL is a mean over {units} units of the code where a sum belongs, a beta of 1/{units}."
        yield _of_weight("KL averaged over the code", figure, meaning, "kl = ops.sum(kl_per_unit, axis=-1)")
    elif _half_is_missing(fit):
        meaning = "Without its factor of one half the KL counts twice."
        yield _of_weight("the KL lacks its half", figure, meaning, "kl = 0.5 * ops.sum(..., axis=-1)")
    elif not near(fit.beta, 1.0) and fit.beta > 0 and "error" not in fit.reconstruction:
        meaning = (
            "The loss is that of a beta-VAE; only with beta 1 is it minus the ELBO, by which models compare."
        )
        yield Finding(
            name="a weight on the KL",
            stage="loss",
            figure=figure,
            healthy="an effective beta of 1, or the one you chose",
            meaning=meaning,
            mend="loss = reconstruction + kl, or name the weight: companion.beta_vae.BetaVAE(beta=...)",
            chapter="06",
            level=NOTE,
        )


def _half_is_missing(fit: Fit) -> bool:
    return near(fit.beta, 2.0) and "cross-entropy" in fit.reconstruction


def _of_weight(name: str, figure: str, meaning: str, mend: str) -> Finding:
    return Finding(name, "loss", figure, WHOLE, meaning, mend, "04")


def the_kl_is_the_formula(x: Examination) -> Iterator[Finding]:
    """The KL that explains the loss, against the meaning of the spread that the draws show."""
    fit = x.fit
    if fit is None or not fit.is_sure or abs(fit.b) <= 3 * abs(fit.b_error):
        return
    drawn = x.spread_kind
    if fit.kl not in RIGHT:
        yield Finding(
            name="a KL of another formula",
            stage="loss",
            figure=f"the loss fits a {fit.kl} ({fit.explained:.2%} of its variation)",
            healthy="0.5 * (mean^2 + variance - 1 - log variance), summed over the code",
            meaning="A term of the KL is missing, so the width of the clouds is pulled to a wrong value or not at all.",
            mend="kl = 0.5 * ops.sum(z_mean**2 + ops.exp(z_log_var) - 1 - z_log_var, axis=-1)",
            chapter="04",
        )
    elif drawn is not None and fit.kl != f"KL for a {drawn.kind}":
        yield Finding(
            name="KL and draw disagree about the spread",
            stage="loss",
            figure=f"the KL takes the second output for a {fit.kl.removeprefix('KL for a ')}, the draw for a "
            f"{drawn.kind}",
            healthy="the same meaning in both",
            meaning="The KL then belongs to another distribution than the one that codes are drawn from, so the loss "
            "is no bound on log p(x).",
            mend="z = z_mean + ops.exp(0.5 * z_log_var) * noise, and the KL of chapter 04 in z_log_var",
            chapter="03",
        )


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


def the_outputs_are_what_the_loss_takes_them_for(x: Examination) -> Iterator[Finding]:
    """Probabilities given to a loss of logits, and the reverse."""
    fit = x.fit
    if fit is None or not fit.is_sure or not x.observations:
        return
    outputs = np.concatenate([each.outputs.ravel() for each in x.observations])
    in_unit = outputs.min() >= 0 and outputs.max() <= 1
    if fit.reconstruction == "cross-entropy of logits" and in_unit:
        name, what = (
            "a sigmoid before a loss of logits",
            "probabilities, and the loss applies the sigmoid once more",
        )
        mend = "Dense(..., activation=None), or from_logits=False"
    elif fit.reconstruction == "cross-entropy of probabilities" and not in_unit:
        name, what = "logits given to a loss of probabilities", "logits, and the loss clips them to 0 and 1"
        mend = "from_logits=True"
    else:
        return
    yield Finding(
        name=name,
        stage="loss",
        figure=f"outputs from {outputs.min():.3g} to {outputs.max():.3g}; the loss is the {fit.reconstruction}",
        healthy="logits with a loss of logits, or probabilities with a loss of probabilities",
        meaning=f"The decoder gives {what}. Pictures stay grey, and most gradients vanish.",
        mend=mend,
        chapter="04",
    )


def a_squared_error_has_a_scale(x: Examination) -> Iterator[Finding]:
    """The pixel noise that a weighted squared error stands for."""
    fit = x.fit
    if fit is None or not fit.is_sure or "squared" not in fit.reconstruction or fit.b <= 0 or fit.a <= 0:
        return
    deviation = float(np.sqrt(0.5 * fit.b / fit.a))
    errors = [
        np.mean((each.images.reshape(each.outputs.shape) - each.outputs) ** 2) for each in x.observations[:1]
    ]
    if deviation > 1.0 and deviation > 3 * float(np.sqrt(np.mean(errors))):
        yield Finding(
            name="reconstruction averaged over pixels",
            stage="loss",
            figure=f"the loss implies pixel noise of standard deviation {deviation:.3g} on pixels in [0, 1]",
            healthy="about the root of the mean squared error",
            meaning="With so much noise no detail is worth a nat of code, so the code collapses and all pictures blur.",
            mend='sum the squared error over pixels, or let the scale be learned: likelihood="normal"',
            chapter="04",
        )


EXAMINE = (
    the_reconstruction_function_is_a_sum,
    the_kl_function_is_right,
    the_batch_is_averaged,
    the_outputs_are_what_the_loss_takes_them_for,
    a_squared_error_has_a_scale,
    the_kl_is_the_formula,
    the_two_terms_have_equal_weight,
)
