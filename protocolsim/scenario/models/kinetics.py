"""Kinetics of doses: amounts in one or two compartments, with or without a depot, in closed form.

Amounts move linearly, so what becomes of them over an interval is a sum of exponentials with the amounts of its
beginning. Where two rates of three are equal the sums would divide by zero: one is taken a ten-millionth larger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocolsim.model import instructions as code
from protocolsim.model.terms import ColumnTerm, apply, number
from protocolsim.model.terms import field as field_term
from protocolsim.scenario.file.model_schema import QuantityPart
from protocolsim.scenario.models.draws import LN2, below, exponential, minus, over, plus, times
from protocolsim.units import NONE, RATE, TIME, Dimension

_APART = 1.0 + 1e-7


@dataclass(frozen=True)
class Compartments:
    """The field of the central amount; what fields become over an interval; and what a dose makes of one of them."""

    central: int
    always: dict[int, ColumnTerm]
    doses: dict[int, Callable[[ColumnTerm], ColumnTerm]]


def compartments(
    name: str, part: QuantityPart, read: Callable[[str, str | float, Dimension, str], ColumnTerm | None],
    missing: Callable[[str], None], add_field: Callable[[str], int],
) -> Compartments | None:  # fmt: skip
    """The compartments of a quantity that doses enter; None where something is at fault.

    `read(key, text, dimension, what)` gives the term of one of its keys, which does not change with time, or notes a
    fault; `missing(key)` notes that a key is missing.
    """

    def rate_of(key: str, text: str | float | None, *, half_life: bool) -> ColumnTerm | None:
        if text is None:
            missing(key)
            return None
        wants, what = (TIME, "a half-life") if half_life else (RATE, "a rate")
        found = read(key, text, wants, what)
        return found if found is None or not half_life else over(number(LN2), found)

    two = part.doses_enter == "two compartments"
    out = rate_of("half-life", part.half_life, half_life=True)
    depot = part.absorption_half_life is not None
    absorbed = rate_of("absorption half-life", part.absorption_half_life, half_life=True) if depot else None
    to = rate_of("to periphery", part.to_periphery, half_life=False) if two else None
    back = rate_of("from periphery", part.from_periphery, half_life=False) if two else None
    share = read("available", part.available, NONE, "a share")
    if out is None or share is None or (depot and absorbed is None) or (two and (to is None or back is None)):
        return None
    entered = add_field(f"{name} (depot)") if depot else -1
    peripheral = add_field(f"{name} (periphery)") if two else -1
    central = add_field(name)

    def amount(place: int) -> ColumnTerm:
        return field_term(place, changes=True)

    always: dict[int, ColumnTerm] = {}
    if two:
        assert to is not None
        assert back is not None
        _two(always, out, to, back, central, peripheral, amount)
    else:
        always[central] = times(amount(central), _left(out))
    if absorbed is not None:
        _from_depot(always, absorbed, out, to, back, entered, central, peripheral, amount)
    target = entered if depot else central

    def dosed(dose: ColumnTerm) -> ColumnTerm:
        return plus(amount(target), times(dose, share))

    return Compartments(central, always, {target: dosed})


def _left(rate: ColumnTerm) -> ColumnTerm:
    """The share that is left after the interval."""
    return exponential(apply(code.NEGATE, times(rate, apply(code.ELAPSED))))


def _rates(out: ColumnTerm, to: ColumnTerm, back: ColumnTerm) -> tuple[ColumnTerm, ColumnTerm]:
    """The fast and the slow rate of two compartments."""
    total = plus(plus(out, to), back)
    root = apply(code.SQRT, minus(times(total, total), times(number(4.0), times(out, back))))
    fast = times(number(0.5), plus(total, root))
    return fast, over(times(out, back), fast)


def _two(
    always: dict[int, ColumnTerm], out: ColumnTerm, to: ColumnTerm, back: ColumnTerm, central: int, peripheral: int,
    amount: Callable[[int], ColumnTerm],
) -> None:  # fmt: skip
    fast, slow = _rates(out, to, back)
    apart = minus(fast, slow)
    left_fast, left_slow = _left(fast), _left(slow)
    between = minus(left_fast, left_slow)
    inside, beside = amount(central), amount(peripheral)
    stays = plus(left_slow, times(over(minus(fast, back), apart), between))
    returns = apply(code.NEGATE, times(over(back, apart), between))
    leaves = apply(code.NEGATE, times(over(to, apart), between))
    remains = plus(left_slow, times(over(minus(back, slow), apart), between))
    always[central] = plus(times(stays, inside), times(returns, beside))
    always[peripheral] = plus(times(leaves, inside), times(remains, beside))


def _from_depot(
    always: dict[int, ColumnTerm], absorbed: ColumnTerm, out: ColumnTerm, to: ColumnTerm | None,
    back: ColumnTerm | None, entered: int, central: int, peripheral: int, amount: Callable[[int], ColumnTerm],
) -> None:  # fmt: skip
    """Add what comes from the depot meanwhile."""
    depot = amount(entered)
    if to is None or back is None:
        in_depot = absorbed
        always[central] = plus(always[central], times(times(depot, absorbed), _passed_on(absorbed, out)))
    else:
        fast, slow = _rates(out, to, back)
        in_depot = plus(slow, _apart(plus(fast, _apart(absorbed, fast)), slow))
        flow = times(depot, in_depot)
        lefts = (_left(in_depot), _left(fast), _left(slow))
        pairs = (
            times(minus(fast, in_depot), minus(slow, in_depot)),
            times(minus(in_depot, fast), minus(slow, fast)),
            times(minus(in_depot, slow), minus(fast, slow)),
        )
        rates = (in_depot, fast, slow)
        to_central = [over(times(minus(back, r), left), p) for r, left, p in zip(rates, lefts, pairs, strict=True)]
        beyond = [over(times(to, left), p) for left, p in zip(lefts, pairs, strict=True)]
        always[central] = plus(always[central], times(flow, plus(plus(to_central[0], to_central[1]), to_central[2])))
        always[peripheral] = plus(always[peripheral], times(flow, plus(plus(beyond[0], beyond[1]), beyond[2])))
    always[entered] = times(depot, _left(in_depot))


def _passed_on(rate: ColumnTerm, other: ColumnTerm) -> ColumnTerm:
    """How long what left at one rate is there before it leaves at the other: for two rates the same from either side.

    exp(-slow t) t (1 - exp(-x)) / x, where x is the difference of the rates times t; its series where that is small.
    """
    elapsed = apply(code.ELAPSED)
    x = times(apply(code.ABS, minus(rate, other)), elapsed)
    series = minus(
        number(1.0), times(x, minus(number(1.0 / 2.0), times(x, minus(number(1.0 / 6.0), over(x, number(24.0))))))
    )
    whole = over(minus(number(1.0), exponential(apply(code.NEGATE, x))), x)
    share = apply(code.CHOOSE, below(x, number(1e-4)), series, whole)
    return times(times(_left(apply(code.MIN, rate, other)), elapsed), share)


def _apart(rate: ColumnTerm, other: ColumnTerm) -> ColumnTerm:
    """rate - other, but never nearly 0."""
    difference = minus(rate, other)
    near = below(apply(code.ABS, difference), times(other, number(1e-7)))
    return apply(code.CHOOSE, near, times(other, number(_APART - 1.0)), difference)
