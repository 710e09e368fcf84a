"""Critical values for several arms compared with one control."""

from __future__ import annotations

import numpy as np

from protocolsim.arithmetic import exp
from protocolsim.errors import UsageError
from protocolsim.sequential.normal import probability_below
from protocolsim.sequential.quadrature import panels

_FAR = 8.5


def any_above(critical: float, arms: int, control: float = 1.0) -> float:
    """P(the largest of the arms' Z lies above the critical value), if no arm differs from the control.

    Parameters
    ----------
    critical : on the scale of Z, whose variance is known.
    arms : number of arms beside the control, all of one size.
    control : subjects of the control for one of an arm.
    """
    # Given the control's mean x the arms are independent: one integral, whatever the number of arms.
    shared = float(np.sqrt(1.0 / (1.0 + control)))
    own = float(np.sqrt(control / (1.0 + control)))
    x, weight = panels(-_FAR, _FAR, 1.0)
    each = np.asarray(probability_below((critical + shared * x) / own))
    none = np.ones(len(x))
    for _ in range(arms):
        none *= each
    density = 0.3989422804014327 * np.array([exp(-0.5 * float(v) * float(v)) for v in x])
    return float(np.cumsum(weight * density * (1.0 - none))[-1])


def critical_value(arms: int, alpha: float, control: float = 1.0) -> float:
    """Dunnett's one-sided critical value for known variance: the largest Z exceeds it with probability alpha.

    Dunnett 1955, J Am Stat Assoc 50:1096. Parameters are those of `any_above`. Raises UsageError.
    """
    from scipy.optimize import brentq

    if not (arms >= 1 and 0.0 < alpha < 0.5 and control > 0.0):
        raise UsageError(f"arms {arms}, alpha {alpha:g}, control {control:g}: expected arms, alpha below 0.5")
    return float(brentq(lambda c: any_above(c, arms, control) - alpha, -1.0, _FAR, xtol=1e-12, rtol=1e-14))
