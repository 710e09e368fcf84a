"""Conditional and predictive power at a look, and what an unblinded increase of the size may rest on."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from protocolsim.arrays import Floats
from protocolsim.errors import UsageError
from protocolsim.sequential.normal import probability_below, quantile

TREND: Literal["trend"] = "trend"


def conditional_power(z: Any, t: Any, drift: Any, critical: Any) -> Any:
    """P(Z at t = 1 reaches the critical value), given Z at information fraction t.

    Lan, Simon & Halperin 1982. Arguments are numbers or arrays of shapes that go together.

    Parameters
    ----------
    z : statistic at the look; nan where there is none.
    t : information fraction at the look, 0 to 1; from 1 on the result is 0 or 1.
    drift : mean of Z at t = 1 that is assumed for what is to come; "trend": what the data say, z / sqrt(t).
    critical : value of Z at t = 1 that rejects.

    Returns
    -------
    Probabilities in the shape of the arguments; nan where z is nan, or with the trend at t = 0.
    """
    z, t, critical = (np.asarray(values, dtype=np.float64) for values in (z, t, critical))
    root = np.sqrt(t)
    if isinstance(drift, str):
        if drift != TREND:
            raise UsageError(f"drift is '{drift}'; expected a number or '{TREND}'")
        drift = _ratio(z, root)
    to_come = np.maximum(0.0, 1.0 - t)
    mean = z * root + np.asarray(drift, dtype=np.float64) * to_come
    return _reached(mean, np.sqrt(to_come), critical)


def predictive_power(z: Any, t: Any, critical: Any) -> Any:
    """P(Z at t = 1 reaches the critical value), given Z at information fraction t, averaged over a flat prior's drift.

    Spiegelhalter, Freedman & Blackburn 1986: Phi((z - critical * sqrt(t)) / sqrt(1 - t)). Arguments and result are as
    of `conditional_power`; nan at t = 0, where a flat prior predicts nothing.
    """
    z, t, critical = (np.asarray(values, dtype=np.float64) for values in (z, t, critical))
    z = np.where(t > 0.0, z, np.nan)
    return _reached(z, np.sqrt(np.maximum(0.0, 1.0 - t)), critical * np.sqrt(np.minimum(t, 1.0)))


def information_for(z: Any, t: Any, target: float, critical: float, cap: float) -> Any:
    """Information, in units of that planned, at which conditional power under the trend is `target`; from 1 to `cap`.

    Mehta & Pocock 2011, Stat Med 30:3267, formula 9: the size that an unblinded re-estimation would ask for; the cap
    where z is not above 0.
    """
    z, t = (np.asarray(values, dtype=np.float64) for values in (z, t))
    positive = np.where(z > 0.0, z, np.nan)
    # Z of the second stage alone that rejects at the planned end, and what is added to it for the target.
    needed = (critical - z * np.sqrt(t)) / np.sqrt(1.0 - t) - quantile(1.0 - target)
    asked = t + t * (needed / positive) * (needed / positive)
    asked = np.where(needed > 0.0, asked, 1.0)
    found = np.where(np.isnan(z), np.nan, np.clip(np.where(z > 0.0, asked, cap), 1.0, cap))
    return float(found) if found.ndim == 0 else found


def promising_from(t: float, cap: float, target: float = 0.8, critical: float | None = None) -> float:
    """Least conditional power (under the trend) from which the size may be increased without spending more alpha.

    Mehta & Pocock 2011, table 1: where conditional power at the look is at least this, the size may be increased to
    `information_for`, up to `cap` times that planned, and the usual statistic compared with the usual critical value.

    Parameters
    ----------
    t : information fraction of the look, between 0 and 1.
    cap : largest size, in units of that planned; above 1.
    target : conditional power that is to be restored.
    critical : one-sided critical value; that for alpha .025 where it is not given.
    """
    from scipy.optimize import brentq

    if not (0.0 < t < 1.0 and cap > 1.0 and 0.5 < target < 1.0):
        raise UsageError(f"t {t:g}, cap {cap:g}, target {target:g}: expected 0 < t < 1, cap > 1, 0.5 < target < 1")
    value = -quantile(0.025) if critical is None else critical

    def excess(z: float) -> float:
        """By how much the critical value that keeps alpha after the increase lies above the usual one."""
        size = information_for(z, t, target, value, cap)
        missing = value - z * np.sqrt(t)
        kept = (np.sqrt((size - t) / (1.0 - t)) * missing + z * np.sqrt(t)) / np.sqrt(size)
        return float(kept - value)

    # Where the trend leads just to the critical value, conditional power is 1/2, from where an increase is always safe.
    even = value * float(np.sqrt(t))
    return float(conditional_power(brentq(excess, 1e-6, even, xtol=1e-13), t, TREND, value))


def _reached(mean: Floats, sd: Floats, critical: Floats) -> Any:
    """P(a normal variable reaches the critical value); 0 or 1 where its sd is 0."""
    short = mean - critical
    z = np.where(short >= 0.0, np.inf, np.where(np.isnan(short), np.nan, -np.inf))
    sd = np.broadcast_to(sd, z.shape)
    return probability_below(np.divide(short, sd, out=z, where=sd > 0.0))


def _ratio(z: Floats, root: Floats) -> Floats:
    z, root = np.broadcast_arrays(z, root)
    return np.asarray(np.divide(z, root, out=np.full(z.shape, np.nan), where=root > 0.0))
