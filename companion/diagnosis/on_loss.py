"""Loss: what the model's own number is made of, in nats per image."""

from collections.abc import Iterator

import numpy as np

from companion.diagnosis.examination import BATCH, Examination
from companion.diagnosis.loss_fit import RIGHT, Fit
from companion.diagnosis.report import NOTE, Finding

NEAR = 0.15  # relative: how near a factor must be to a known one
WHOLE = "a loss of summed reconstruction error plus summed KL, with a weight of 1 each"


def near(value: float, target: float) -> bool:
    """Whether ``value`` is ``target`` up to what a fit can tell."""
    return abs(value - target) <= NEAR * abs(target)


def the_batch_is_averaged(x: Examination) -> Iterator[Finding]:
    """The loss of a batch twice as large, made of the same images, is the same; a sum over it doubles.

    Large values, such as bytes, are made smaller first: with them the loss varies more from draw to draw than by two.
    """
    batch = x.some[: BATCH // 2] / max(1.0, float(np.abs(x.some).max()))
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
            bars=(("once", once.loss), ("the images twice", twice.loss)),
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
            "the KL has the wrong sign",
            figure,
            "Training makes the KL large without limit.",
            "+ kl",
            fit.beta,
        )
    elif abs(fit.beta) < max(0.02 / units, 3 * error):
        meaning = "Nothing keeps codes near the prior, so images decoded from it look like no data."
        yield _of_weight("no KL in the loss", figure, meaning, "loss = reconstruction + kl", fit.beta)
    elif near(fit.beta, x.pixels):
        meaning = (
            f"The reconstruction error is a mean over {x.pixels} pixels and the KL is a sum, so the KL weighs "
            f"{x.pixels} times what it should; the code collapses."
        )
        yield _of_weight(
            "reconstruction averaged over pixels",
            figure,
            meaning,
            "sum over pixels: ops.sum(bce, (1, 2, 3))",
            fit.beta,
        )
    elif units > 1 and near(fit.beta, 1 / units):
        meaning = f"The KL is a mean over {units} units of the code where a sum belongs, a beta of 1/{units}."
        yield _of_weight(
            "KL averaged over the code", figure, meaning, "kl = ops.sum(kl_per_unit, axis=-1)", fit.beta
        )
    elif _half_is_missing(fit):
        meaning = "Without its factor of one half the KL counts twice."
        yield _of_weight(
            "the KL lacks its half", figure, meaning, "kl = 0.5 * ops.sum(..., axis=-1)", fit.beta
        )
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
            bars=(("effective beta", fit.beta), ("a VAE", 1.0)),
        )


def _half_is_missing(fit: Fit) -> bool:
    return near(fit.beta, 2.0) and "cross-entropy" in fit.reconstruction


def _of_weight(name: str, figure: str, meaning: str, mend: str, beta: float) -> Finding:
    bars = (("effective beta", beta), ("a VAE", 1.0))
    return Finding(name, "loss", figure, WHOLE, meaning, mend, "04", bars=bars)


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
            figure=f"the KL takes the second output for a {fit.kl.removeprefix('KL for a ')}, "
            + (f"the draw for a {drawn.kind}" if x.told is None else f"you for a {x.told}"),
            healthy="the same meaning in both",
            meaning="The KL then belongs to another distribution than the one that codes are drawn from, so the loss "
            "is no bound on log p(x).",
            mend="z = z_mean + ops.exp(0.5 * z_log_var) * noise, and the KL of chapter 04 in z_log_var",
            chapter="03",
        )


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
            bars=(("implied", deviation), ("measured", float(np.sqrt(np.mean(errors))))),
        )


EXAMINE = (
    the_batch_is_averaged,
    the_outputs_are_what_the_loss_takes_them_for,
    a_squared_error_has_a_scale,
    the_kl_is_the_formula,
    the_two_terms_have_equal_weight,
)
