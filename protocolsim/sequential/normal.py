"""The standard normal distribution over arrays, to the same bits on every processor."""

from __future__ import annotations

from typing import Any

import numpy as np

from protocolsim.arithmetic import exp, inlined, kernel
from protocolsim.arrays import Floats
from protocolsim.randomness import normal_quantile

_PEAK = 0.3989422804014327  # 1 / sqrt(2 pi)


@inlined
def density(x: float) -> float:
    """Density of the standard normal."""
    return _PEAK * exp(-0.5 * x * x)


@inlined
def below(x: float) -> float:
    """P(Z < x), to about 1e-15 of itself in both tails (Cody 1969, Rational Chebyshev approximations for erf)."""
    y = abs(x)
    if y > 38.0:  # what is left is no number any more
        return 0.0 if x < 0.0 else 1.0
    if y <= 0.67448975:
        s = x * x
        top = (((0.065682337918207449113 * s + 2.2352520354606839287) * s + 161.02823106855587881) * s
               + 1067.6894854603709582) * s + 18154.981253343561249  # fmt: skip
        low = (((s + 47.20258190468824187) * s + 976.09855173777669322) * s + 10260.932208618978205) * s
        return 0.5 + x * top / (low + 45507.789335026729956)
    if y <= 5.656854249492380:  # sqrt(32)
        top = (((((((1.0765576773720192317e-8 * y + 0.39894151208813466764) * y + 8.8831497943883759412) * y
                  + 93.506656132177855979) * y + 597.27027639480026226) * y + 2494.5375852903726711) * y
                + 6848.1904505362823326) * y + 11602.651437647350124) * y + 9842.7148383839780218  # fmt: skip
        low = (((((((y + 22.266688044328115691) * y + 235.38790178262499861) * y + 1519.377599407554805) * y
                  + 6485.558298266760755) * y + 18615.571640885098091) * y + 34900.952721145977266) * y
               + 38912.003286093271411) * y + 19685.429676859990727  # fmt: skip
        ratio = top / low
    else:
        s = 1.0 / (y * y)
        top = ((((0.02307344176494017303 * s + 0.21589853405795699) * s + 0.1274011611602473639) * s
                + 0.022235277870649807) * s + 0.001421619193227893466) * s + 2.9112874951168792e-5  # fmt: skip
        low = ((((s + 1.28426009614491121) * s + 0.468238212480865118) * s + 0.0659881378689285515) * s
               + 0.00378239633202758244) * s + 7.29751555083966205e-5  # fmt: skip
        ratio = (_PEAK - s * top / low) / y
    # x * x in two parts, so that the error of the product is not multiplied by x * x.
    near = np.floor(y * 16.0) / 16.0
    tail = exp(-0.5 * near * near) * exp(-0.5 * (y - near) * (y + near)) * ratio
    return tail if x < 0.0 else 1.0 - tail


@kernel
def _each_below(x: Floats) -> Floats:
    probability = np.empty(x.shape[0])
    for k in range(x.shape[0]):
        probability[k] = below(x[k])
    return probability


def probability_below(x: Any) -> Any:
    """P(Z < x) for a number or an array, in its shape; nan stays nan."""
    values = np.asarray(x, dtype=np.float64)
    result = _each_below(values.ravel()).reshape(values.shape)
    return float(result) if values.ndim == 0 else result


def quantile(probability: float) -> float:
    """The z with P(Z < z) = probability; accurate where the probability is small, so ask for the smaller tail."""
    return float(normal_quantile(probability))
