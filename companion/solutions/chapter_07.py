"""Solutions of chapter 07.

Let the class guess how much a label can tell before you show the figure. A decoder that ignores the label is found
quickest by asking for a digit.
"""

from typing import Any

import numpy as np
from scipy.special import softmax


def cost_under_a_learned_prior() -> float:
    """The means agree, so only the widths enter the KL: half of variance minus one minus log variance.

    Discuss: the KL to the standard normal is half a nat larger, for the distance of the means. Why did the bound of the
    chapter not improve by that much?
    """
    variance = 0.5**2
    return float(0.5 * (variance - 1 - np.log(variance)))


def label_from_bounds(bounds: Any, prior: Any) -> Any:
    """Bayes' rule in logarithms. With bounds in the place of log p(x|y) the answer is approximate."""
    return softmax(bounds + np.log(prior), axis=1)


def standardized_code(q_mean: Any, q_log_var: Any, p_mean: Any, p_log_var: Any) -> Any:
    """Moments of epsilon = (z - p_mean) / p_sigma under q, and its KL to N(0, 1), coordinate by coordinate.

    Discuss: step 3 equals KL(q || p) before the change of variable. Which network undoes the change, and when can it
    not?
    """
    mean = (q_mean - p_mean) / np.exp(0.5 * p_log_var)
    log_var = q_log_var - p_log_var
    kl = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var)
    return np.stack([mean, log_var, kl])


def same_hand(model: Any, image: Any, label: Any, new_label: Any) -> Any:
    """The encoder gets the label of the image, the decoder the new one."""
    style, _, _ = model.encode((image, label))
    return model.decode(style, new_label)


def asked_and_got() -> dict[str, Any]:
    """Expect: nearly every picture is judged as asked, and the judge is right about 99 of 100 real images.

    Discuss: judge and model learned from the same images, so they may agree for reasons that a person would not; and a
    rate above the judge's own accuracy is no miracle, since generated digits are less varied than real ones.
    """
    because = (
        "The rate lies within two standard errors of one, and the judge's own accuracy bounds what it proves."
    )
    return {"pictures": 2000, "agreed": 0.998, "judge": 0.99, "stderr": 0.001, "because": because}
