"""Two-compartment kinetics by its two exponentials: an interval of any length in closed form.

Amounts in the central and the peripheral compartment move linearly, so an interval is six numbers: where each amount
goes, and what each adds to the average concentration meanwhile. A component that often takes the same step keeps them.
What is absorbed from a depot (under the skin, say) adds four more.
"""

from __future__ import annotations

from protocolsim.arithmetic import exp, inlined, sqrt

Step = tuple[float, float, float, float, float, float]


@inlined
def two_rates(out: float, to: float, back: float) -> tuple[float, float]:
    """The fast and the slow rate, from those out of the body, to the periphery, and back (all per day)."""
    total = out + to + back
    fast = 0.5 * (total + sqrt(total * total - 4.0 * out * back))
    return fast, out * back / fast


@inlined
def step(to: float, back: float, fast: float, slow: float, volume: float, days: float) -> Step:
    """What an interval of `days` does.

    Returns (cc, cp, pc, pp, ac, ap): afterwards central = cc * central + cp * peripheral, peripheral = pc * central +
    pp * peripheral, and the average concentration of the interval was ac * central + ap * peripheral, with the amounts
    of its beginning (mg; mg/L with the central volume in L).
    """
    left_fast, left_slow = exp(-fast * days), exp(-slow * days)
    apart = 1.0 / (fast - slow)
    between = left_fast - left_slow
    area_slow = (1.0 - left_slow) / slow
    area_between = (1.0 - left_fast) / fast - area_slow
    central = (fast - back) * apart
    per_litre_day = 1.0 / (volume * days)
    return (
        left_slow + central * between,
        -back * apart * between,
        -to * apart * between,
        left_slow + (back - slow) * apart * between,
        (area_slow + central * area_between) * per_litre_day,
        -back * apart * area_between * per_litre_day,
    )


@inlined
def absorbed(
    rate: float, to: float, back: float, fast: float, slow: float, clearance: float, days: float
) -> tuple[float, float, float, float]:
    """What an interval of `days` does with 1 mg in a depot that is absorbed at `rate` (per day).

    Returns (left, central, peripheral, average): what is left in the depot, what of it is in each compartment
    afterwards, and what it added to the average concentration of the interval (mg/L). `clearance` is in L/day.
    """
    left = exp(-rate * days)
    by_fast, by_slow = _passed_on(rate, fast, days), _passed_on(rate, slow, days)
    apart = 1.0 / (fast - slow)
    central = ((fast - back) * by_fast + (back - slow) * by_slow) * apart
    peripheral = to * (by_slow - by_fast) * apart
    # What is nowhere has been cleared, and what was cleared is the area under the concentration times the clearance.
    average = (1.0 - left - central - peripheral) / (clearance * days)
    return left, central, peripheral, average


@inlined
def _passed_on(rate: float, out: float, days: float) -> float:
    """What 1 mg in a depot has brought to a place that it leaves at rate `out`; also where both rates are the same."""
    slower, apart = min(rate, out), abs(rate - out) * days
    # (1 - exp(-x)) / x, by its series near 0, where the difference has lost its digits.
    near = 1.0 - apart * (0.5 - apart * (0.16666666666666666 - apart * 0.041666666666666664))
    factor = near if apart < 1e-3 else (1.0 - exp(-apart)) / apart
    return rate * days * exp(-slower * days) * factor


@inlined
def saturation(x: float, half: float) -> float:
    """The share of the greatest effect at x; one half at `half`."""
    return x / (half + x)
