"""Daclizumab (high-yield process, subcutaneous): as the intravenous one, by way of a depot under the skin.

A dose waits for the lag, is absorbed from the depot by one exponential, and then moves as an infusion does. All is
in closed form over intervals of at most 7 days, counted from where an interval begins; the effects see its average
concentration. It is a drug of its own beside `daclizumab`, because it is another preparation with other kinetics, and
because a regimen then says by its drug's name how it is given. What the antibody does at a concentration is the
same function for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocolsim.arithmetic import exp, kernel, log, power, sqrt
from protocolsim.arrays import Floats
from protocolsim.by_name.model import ByName
from protocolsim.component import Hazard, Trait
from protocolsim.drug._daclizumab_effect import LYMPHOCYTES, log_ratio_goal
from protocolsim.drug._daclizumab_parameters import SUBCUTANEOUS
from protocolsim.drug.base import Drug
from protocolsim.kinetics import absorbed, saturation, step, two_rates
from protocolsim.randomness import log_sd
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK

_DAY, _PIECE = float(MINUTES_PER_DAY), float(MINUTES_PER_WEEK)


def _derived(p: Any) -> Mapping[str, float]:
    """What the kernels read besides; kinetics and effects in days."""
    return {
        "clearance_per_day": p.clearance * _DAY,
        "clearance_log_sd": log_sd(p.clearance_cv),
        "central_volume_log_sd": log_sd(p.central_volume_cv),
        "exchange_per_day": p.intercompartmental_clearance * _DAY,
        "absorption_per_day": p.absorption_rate * _DAY,
        "absorption_log_sd": log_sd(p.absorption_cv),
        "full_effect": 1.0,  # what it is, `constants_of` finds
        "nk_loss_per_day": p.nk_production * _DAY / p.nk_baseline,
        "nk_max_expansion_log_sd": log_sd(p.nk_max_expansion_cv),
        "nk_assay_log_sd": log_sd(p.nk_residual_cv),
        "cd8_depth": p.cd8_fall / saturation(p.cd8_fall_concentration, p.cd8_half_effect_concentration),
        "cd8_assay_log_sd": log_sd(p.cd8_assay_cv),
    }


MODEL = ByName(
    stream=2200,
    parameters=SUBCUTANEOUS,
    fields=(
        "level",
        "waiting", "lag_left",  # mg of the last dose that will be absorbed, and the minutes until that begins
        "depot", "central", "peripheral",  # mg
        "concentration",  # mg/L in the central compartment
        "log_rate_ratio",  # of new lesions, on drug over off it, at this moment: what is written
        "nk_cd56bright",  # share of lymphocytes
        "cd8",  # share of own baseline
        "clearance", "central_volume",  # L/day, L
        "absorption", "to_peripheral", "from_peripheral", "fast_rate", "slow_rate",  # 1/day
        "own_log_effect",  # added to the median patient's log rate ratio while on drug
        "nk_baseline",  # share of lymphocytes
        "nk_max_expansion",  # production of NK cells rises by this many times itself at most
        "long_run_rate_ratio",
        "week[10]",  # what 7 days do to both compartments and to the depot (kinetics.step, kinetics.absorbed)
    ),
    draws={
        "clearance": 0, "volume": 1, "effect": 2, "nk_baseline": 3, "nk_expansion": 4, "nk_assay": 5, "cd8_assay": 6,
        "severe": 7, "adverse": 8, "absorption": 9,
    },
    needs=("weight",),
    derived=_derived,
)  # fmt: skip
_DRAW = MODEL.draw
_P = MODEL.constant  # for the one kernel below that is no subject's


@MODEL.part
def _absorbed_of(p: Any, amount: float) -> float:
    """The share of a dose of so many mg that is absorbed."""
    along = (amount - p.small_dose) / (p.large_dose - p.small_dose)
    share: float = p.small_dose_availability + (p.availability - p.small_dose_availability) * min(1.0, max(0.0, along))
    return share


@MODEL.part
def _steady_log_ratio(
    p: Any, weight: float, clearance: float, volume: float, rate: float, to: float, back: float, fast: float,
    slow: float, own_effect: float,
) -> float:  # fmt: skip
    """Log rate ratio in the steady state of the reference regimen, just before an injection, when scans are made."""
    amount = p.reference_dose * weight
    amount = amount * _absorbed_of(p, amount)
    days, late = p.reference_interval / _DAY, (p.reference_interval - p.absorption_lag) / _DAY
    # Before an injection: what the interval leaves of what was there, and what it makes of the injection.
    cc, cp, pc, pp, _, _ = step(to, back, fast, slow, volume, days)
    left, into_central, into_peripheral, _ = absorbed(rate, to, back, fast, slow, clearance, days)
    new_depot, new_central, new_peripheral, _ = absorbed(rate, to, back, fast, slow, clearance, late)
    depot = amount * new_depot / (1.0 - left)
    given_central = into_central * depot + amount * new_central
    given_peripheral = into_peripheral * depot + amount * new_peripheral
    whole = (1.0 - cc) * (1.0 - pp) - cp * pc
    central = ((1.0 - pp) * given_central + cp * given_peripheral) / whole
    peripheral = (pc * given_central + (1.0 - cc) * given_peripheral) / whole
    lag, passed, ratio = p.absorption_lag, 0.0, 0.0
    while passed < p.reference_interval:
        minutes = min(_PIECE, p.reference_interval - passed)
        days = minutes / _DAY
        cc, cp, pc, pp, ac, ap = step(to, back, fast, slow, volume, days)
        left, into_central, into_peripheral, average = absorbed(rate, to, back, fast, slow, clearance, days)
        average = average * depot + ac * central + ap * peripheral
        then = cc * central + cp * peripheral + into_central * depot
        peripheral = pc * central + pp * peripheral + into_peripheral * depot
        central, depot = then, left * depot
        if amount > 0.0 and lag < minutes:
            late = (minutes - lag) / _DAY
            left, into_central, into_peripheral, more = absorbed(rate, to, back, fast, slow, clearance, late)
            average += amount * more * late / days
            depot, central, peripheral = (
                depot + amount * left,
                central + amount * into_central,
                peripheral + amount * into_peripheral,
            )
            amount = 0.0
        lag = max(0.0, lag - minutes)
        goal = log_ratio_goal(
            p.full_effect, p.half_effect_concentration, p.effect_steepness, p.on_drug_concentration, average, own_effect
        )
        ratio = goal + (ratio - goal) * exp(-minutes / p.effect_onset)
        passed += minutes
    steady: float = ratio / (1.0 - exp(-p.reference_interval / p.effect_onset))
    return steady


@MODEL.start
def start(me: Any, p: Any, draw: Any, disease: Any) -> None:
    """Draw how this patient handles the drug and answers to it; nobody has had any."""
    z_clearance, z_effect, shared = draw.normal("clearance"), draw.normal("effect"), p.nk_effect_correlation
    linked = p.absorption_clearance_correlation
    relative = disease.weight / p.reference_weight
    on_clearance = power(relative, p.clearance_weight_exponent)
    on_volume = power(relative, p.volume_weight_exponent)
    me.clearance = p.clearance_per_day * on_clearance * exp(p.clearance_log_sd * z_clearance)
    me.central_volume = p.central_volume * on_volume * exp(p.central_volume_log_sd * draw.normal("volume"))
    z_absorption = linked * z_clearance + sqrt(1.0 - linked * linked) * draw.normal("absorption")
    me.absorption = p.absorption_per_day * exp(p.absorption_log_sd * z_absorption)
    exchange = p.exchange_per_day * on_clearance
    me.to_peripheral = exchange / me.central_volume
    me.from_peripheral = exchange / (p.peripheral_volume * on_volume)
    me.fast_rate, me.slow_rate = two_rates(me.clearance / me.central_volume, me.to_peripheral, me.from_peripheral)
    me.own_log_effect = p.rate_ratio_log_sd * z_effect
    me.nk_baseline = p.nk_baseline * exp(p.nk_baseline_log_sd * draw.normal("nk_baseline"))
    expansion = shared * z_effect + sqrt(1.0 - shared * shared) * draw.normal("nk_expansion")
    me.nk_max_expansion = p.nk_max_expansion * exp(p.nk_max_expansion_log_sd * expansion)
    steady = _steady_log_ratio(
        p, disease.weight, me.clearance, me.central_volume, me.absorption, me.to_peripheral, me.from_peripheral,
        me.fast_rate, me.slow_rate, me.own_log_effect,
    )  # fmt: skip
    me.long_run_rate_ratio = exp(steady)
    me.week[0], me.week[1], me.week[2], me.week[3], me.week[4], me.week[5] = step(
        me.to_peripheral, me.from_peripheral, me.fast_rate, me.slow_rate, me.central_volume, _PIECE / _DAY
    )
    me.week[6], me.week[7], me.week[8], me.week[9] = absorbed(
        me.absorption, me.to_peripheral, me.from_peripheral, me.fast_rate, me.slow_rate, me.clearance, _PIECE / _DAY
    )
    me.level = me.waiting = me.lag_left = me.depot = me.central = me.peripheral = 0.0
    me.concentration = me.log_rate_ratio = 0.0
    me.nk_cd56bright, me.cd8 = me.nk_baseline, 1.0


@MODEL.part
def _untouched(me: Any) -> bool:
    """Whether there is no drug and no effect left: then no time changes anything."""
    drug = me.waiting != 0.0 or me.depot != 0.0 or me.central != 0.0 or me.peripheral != 0.0
    effect = me.log_rate_ratio != 0.0 or me.nk_cd56bright != me.nk_baseline or me.cd8 != 1.0
    return not (drug or effect)


@MODEL.part
def _moved(me: Any, minutes: float) -> float:
    """Move the amounts on by so many minutes, at most 7 days; the average concentration meanwhile."""
    days = minutes / _DAY
    if minutes == _PIECE:
        cc, cp, pc, pp, ac, ap = me.week[0], me.week[1], me.week[2], me.week[3], me.week[4], me.week[5]
        left, into_central, into_peripheral, ad = me.week[6], me.week[7], me.week[8], me.week[9]
    else:
        cc, cp, pc, pp, ac, ap = step(
            me.to_peripheral, me.from_peripheral, me.fast_rate, me.slow_rate, me.central_volume, days
        )
        left, into_central, into_peripheral, ad = absorbed(
            me.absorption, me.to_peripheral, me.from_peripheral, me.fast_rate, me.slow_rate, me.clearance, days
        )
    average: float = ac * me.central + ap * me.peripheral + ad * me.depot
    central = cc * me.central + cp * me.peripheral + into_central * me.depot
    peripheral = pc * me.central + pp * me.peripheral + into_peripheral * me.depot
    depot = left * me.depot
    if me.waiting > 0.0 and me.lag_left < minutes:  # absorption begins on the way
        late = (minutes - me.lag_left) / _DAY
        left, into_central, into_peripheral, ad = absorbed(
            me.absorption, me.to_peripheral, me.from_peripheral, me.fast_rate, me.slow_rate, me.clearance, late
        )
        average += ad * me.waiting * late / days
        central += into_central * me.waiting
        peripheral += into_peripheral * me.waiting
        depot += left * me.waiting
        me.waiting = 0.0
    me.lag_left = max(0.0, me.lag_left - minutes)
    me.depot, me.central, me.peripheral = depot, central, peripheral
    return average


@MODEL.part
def _relax(me: Any, p: Any, minutes: float, average: float) -> None:
    """Let effects and cells relax for so many minutes towards what this average concentration asks for."""
    goal = log_ratio_goal(
        p.full_effect, p.half_effect_concentration, p.effect_steepness, p.on_drug_concentration, average,
        me.own_log_effect,
    )  # fmt: skip
    me.log_rate_ratio = goal + (me.log_rate_ratio - goal) * exp(-minutes / p.effect_onset)
    goal = me.nk_baseline * (1.0 + me.nk_max_expansion * saturation(average, p.nk_half_effect_concentration))
    me.nk_cd56bright = goal + (me.nk_cd56bright - goal) * exp(-minutes / _DAY * p.nk_loss_per_day)
    goal = 1.0 - p.cd8_depth * saturation(average, p.cd8_half_effect_concentration)
    me.cd8 = goal + (me.cd8 - goal) * exp(-minutes / p.cd8_time)


@MODEL.advance
def advance(me: Any, p: Any, since: int, until: int) -> None:
    """Move drug and effects from since to until, in pieces of at most 7 days counted from since."""
    if _untouched(me):
        return
    minutes = float(until - since)
    while minutes > 0.0:
        piece = min(_PIECE, minutes)
        average = _moved(me, piece)
        _relax(me, p, piece, average)
        minutes -= piece
    me.concentration = me.central / me.central_volume


@MODEL.give
def give(me: Any, p: Any, disease: Any, dose: float, per_weight: bool) -> float:
    """Put the dose (mg/kg by body weight, or mg) under the skin; what will be absorbed of it waits for the lag."""
    amount: float = dose * disease.weight if per_weight else dose
    if me.waiting == 0.0:
        me.lag_left = p.absorption_lag
    me.waiting += amount * _absorbed_of(p, amount)
    return amount


@MODEL.observe(*LYMPHOCYTES)
def observe_lymphocytes(me: Any, p: Any, draw: Any, see: Any) -> None:
    """Measure NK and CD8 cells, with lognormal errors of mean 1."""
    nk_sd, cd8_sd = p.nk_assay_log_sd, p.cd8_assay_log_sd
    nk_error = exp(nk_sd * draw.normal("nk_assay") - 0.5 * nk_sd * nk_sd)
    cd8_error = exp(cd8_sd * draw.normal("cd8_assay") - 0.5 * cd8_sd * cd8_sd)
    see.nk_cd56bright = me.nk_cd56bright * nk_error, me.nk_cd56bright
    see.cd8 = me.cd8 * cd8_error, me.cd8


@MODEL.rate
def severe_event_rate(p: Any, level: float) -> float:
    """Adverse events that end treatment, per minute, at any dose; none off treatment."""
    rate: float = p.severe_event_rate if level > 0.0 else 0.0
    return rate


@MODEL.rate
def adverse_event_rate(p: Any, level: float) -> float:
    """Adverse events that do not end treatment, per minute, at any dose; none off treatment."""
    rate: float = p.adverse_event_rate if level > 0.0 else 0.0
    return rate


@kernel
def _median_log_ratio(constants: Floats, weight: float) -> float:
    """The log rate ratio of the median patient, for a full effect of `constants`."""
    relative = weight / constants[_P.reference_weight]
    on_clearance = power(relative, constants[_P.clearance_weight_exponent])
    on_volume = power(relative, constants[_P.volume_weight_exponent])
    clearance = constants[_P.clearance_per_day] * on_clearance
    exchange, volume = constants[_P.exchange_per_day] * on_clearance, constants[_P.central_volume] * on_volume
    out, to, back = clearance / volume, exchange / volume, exchange / (constants[_P.peripheral_volume] * on_volume)
    fast, slow = two_rates(out, to, back)
    ratio: float = _steady_log_ratio(
        constants, weight, clearance, volume, constants[_P.absorption_per_day], to, back, fast, slow, 0.0
    )
    return ratio


def constants_of(values: Mapping[str, float]) -> Floats:
    """What the kernels read; the full effect is whatever gives the median patient the median ratio."""
    made = MODEL.constants(values)
    made[_P.full_effect] = log(made[_P.median_rate_ratio]) / _median_log_ratio(made, made[_P.median_weight])
    return made


TRAITS = (
    Trait("long_run_rate_ratio", MODEL.field.long_run_rate_ratio, "",
          "own rate of new lesions in the long run on the reference regimen over that off drug"),
    Trait("daclizumab_clearance", MODEL.field.clearance, "L/day", "own clearance of daclizumab"),
    Trait("daclizumab_central_volume", MODEL.field.central_volume, "L", "own central volume of daclizumab"),
    Trait("daclizumab_absorption", MODEL.field.absorption, "1/day", "own rate of absorption of daclizumab"),
    Trait("nk_baseline", MODEL.field.nk_baseline, "", "own CD56bright NK cells off drug, share of lymphocytes"),
    Trait("nk_max_expansion", MODEL.field.nk_max_expansion, "",
          "own greatest rise of NK production on drug, as a multiple of itself"),
)  # fmt: skip

COMPONENT = MODEL.component(
    Drug,
    name="daclizumab_sc",
    meaning="daclizumab (anti-CD25 antibody, high-yield process), subcutaneous",
    description="""Daclizumab under the skin, in mg or mg/kg.

    Absorbed after a lag, with kinetics of the high-yield preparation; small doses are absorbed less. What it does at
    a concentration is what `daclizumab` does: the log rate of new lesions relaxes towards an effect that saturates,
    plus a deviation of the patient's own. The two adverse-event rates hold on treatment only, at any dose.
    """,
    traits=TRAITS,
    writes={"log_new_lesion_rate": MODEL.field.log_rate_ratio, "anti_cd25_concentration": MODEL.field.concentration},
    hazards=(
        Hazard("severe adverse event", _DRAW.severe, severe_event_rate),
        Hazard("adverse event", _DRAW.adverse, adverse_event_rate),
    ),
    start=start,
    advance=advance,
    give=give,
    constants=constants_of,
)
