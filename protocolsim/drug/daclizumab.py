"""Daclizumab (Zenapax, intravenous): concentration, effect on new lesions, lymphocytes, adverse events.

Two compartments by their two exponentials. An infusion takes 15 minutes, which is an instant beside a half-life of
20 days: it arrives at once. What the drug does sees the average concentration of the interval, and intervals over
7 days are cut into pieces of 7 days from their start: everything relaxes exponentially within a piece, in closed form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from protocolsim.arithmetic import exp, inlined, kernel, log, power, sqrt, unsigned
from protocolsim.arrays import Floats, Integers
from protocolsim.by_name.model import ByName
from protocolsim.component import Hazard, Trait, put_back, taken
from protocolsim.drug._daclizumab_effect import LYMPHOCYTES, log_ratio_goal
from protocolsim.drug._daclizumab_parameters import INTRAVENOUS
from protocolsim.drug.base import LEVEL, Drug
from protocolsim.kinetics import saturation, step, two_rates
from protocolsim.randomness import keys_of_use, log_sd, normals
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK

_PIECE, _PIECE_DAYS = MINUTES_PER_WEEK, 7.0
_TOGETHER = 512  # subjects whose fields stay in the nearest cache while the pieces of an interval pass


def _derived(p: Any) -> Mapping[str, float]:
    """What the kernels read besides; kinetics and effects in days."""
    day = float(MINUTES_PER_DAY)
    return {
        "clearance_per_day": p.clearance * day,
        "clearance_log_sd": log_sd(p.clearance_cv),
        "central_volume_log_sd": log_sd(p.central_volume_cv),
        "exchange_per_day": p.intercompartmental_clearance * day,
        "full_effect": 1.0,  # what it is, `constants_of` finds
        "onset_days": p.effect_onset / day,
        "interval_days": p.reference_interval / day,
        "nk_loss_per_day": p.nk_production * day / p.nk_baseline,
        "nk_max_expansion_log_sd": log_sd(p.nk_max_expansion_cv),
        "nk_assay_log_sd": log_sd(p.nk_residual_cv),
        "cd8_depth": p.cd8_fall / saturation(p.cd8_fall_concentration, p.cd8_half_effect_concentration),
        "cd8_days": p.cd8_time / day,
        "cd8_assay_log_sd": log_sd(p.cd8_assay_cv),
        "effect_left_of_week": exp(-_PIECE / p.effect_onset),
        "nk_left_of_week": exp(-_PIECE * p.nk_production / p.nk_baseline),
        "cd8_left_of_week": exp(-_PIECE / p.cd8_time),
    }


MODEL = ByName(
    stream=2000,
    parameters=INTRAVENOUS,
    fields=(
        "level", "central", "peripheral",  # mg
        "concentration",  # mg/L in the central compartment
        "log_rate_ratio",  # of new lesions, on drug over off it, at this moment: what is written
        "nk_cd56bright",  # share of lymphocytes
        "cd8",  # share of own baseline
        "clearance", "central_volume",  # L/day, L
        "to_peripheral", "from_peripheral", "fast_rate", "slow_rate",  # 1/day
        "own_log_effect",  # added to the median patient's log rate ratio while on drug
        "nk_baseline",  # share of lymphocytes
        "nk_max_expansion",  # production of NK cells rises by this many times itself at most
        "long_run_rate_ratio",
        "week[6]",  # what 7 days do to both compartments (see kinetics.step)
    ),
    draws={
        "clearance": 0, "volume": 1, "effect": 2, "nk_baseline": 3, "nk_expansion": 4, "nk_assay": 5, "cd8_assay": 6,
        "severe": 7, "adverse": 8,
    },
    needs=("weight",),
    derived=_derived,
)  # fmt: skip
# The places of the kernels below that are written over columns by hand: they look at few of many subjects, and take
# as many steps as each needs, several subjects at a time.
_F, _P, _DRAW = MODEL.field, MODEL.constant, MODEL.draw


@inlined
def _kinetics(
    constants: Floats, weight: float, z_clearance: float, z_volume: float
) -> tuple[float, float, float, float, float, float]:
    """Clearance, central volume, the rates to and from the periphery, and those of the two exponentials (per day)."""
    relative = weight / constants[_P.reference_weight]
    on_clearance = power(relative, constants[_P.clearance_weight_exponent])
    on_volume = power(relative, constants[_P.volume_weight_exponent])
    clearance = constants[_P.clearance_per_day] * on_clearance * exp(constants[_P.clearance_log_sd] * z_clearance)
    volume = constants[_P.central_volume] * on_volume * exp(constants[_P.central_volume_log_sd] * z_volume)
    exchange = constants[_P.exchange_per_day] * on_clearance
    out, to, back = clearance / volume, exchange / volume, exchange / (constants[_P.peripheral_volume] * on_volume)
    fast, slow = two_rates(out, to, back)
    return clearance, volume, to, back, fast, slow


@kernel
def _steady_log_ratio(
    constants: Floats, weight: Floats, volume: Floats, back: Floats, fast: Floats, slow: Floats, own_effect: Floats
) -> Floats:
    """Log rate ratio in the steady state of the reference regimen, just before an infusion, when scans are made."""
    interval, onset, dose = constants[_P.interval_days], constants[_P.onset_days], constants[_P.reference_dose]
    full, half, steepness, on_drug = (
        constants[_P.full_effect],
        constants[_P.half_effect_concentration],
        constants[_P.effect_steepness],
        constants[_P.on_drug_concentration],
    )
    count = weight.shape[0]
    ratio, central_fast, central_slow = np.zeros(count), np.empty(count), np.empty(count)
    gone_fast, gone_slow = np.empty(count), np.empty(count)
    for k in range(count):
        share = dose * weight[k] / (fast[k] - slow[k])
        central_fast[k] = share * (fast[k] - back[k]) / (1.0 - exp(-fast[k] * interval))
        central_slow[k] = share * (back[k] - slow[k]) / (1.0 - exp(-slow[k] * interval))
    now, last_days = 0.0, -1.0
    while now < interval:
        days = min(_PIECE_DAYS, interval - now)
        left = exp(-days / onset)
        if days != last_days:
            for k in range(count):
                gone_fast[k], gone_slow[k] = 1.0 - exp(-fast[k] * days), 1.0 - exp(-slow[k] * days)
        for k in range(count):
            area = central_fast[k] * exp(-fast[k] * now) * gone_fast[k] / fast[k]
            area += central_slow[k] * exp(-slow[k] * now) * gone_slow[k] / slow[k]
            goal = log_ratio_goal(full, half, steepness, on_drug, area / (volume[k] * days), own_effect[k])
            ratio[k] = goal + (ratio[k] - goal) * left
        now, last_days = now + days, days
    left = 1.0 - exp(-interval / onset)
    for k in range(count):
        ratio[k] = ratio[k] / left
    return ratio


@kernel
def start(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """Draw how this patient handles the drug and answers to it; nobody has had any."""
    own, key = links[0], keys_of_use(who, rows, 0)
    weight, effect = taken(body, rows, links[1]), normals(seed, key, _DRAW.effect)
    z_clearance = normals(seed, key, _DRAW.clearance)
    z_volume = normals(seed, key, _DRAW.volume)
    other = normals(seed, key, _DRAW.nk_expansion)
    z_nk = normals(seed, key, _DRAW.nk_baseline)
    count, shared = rows.shape[0], constants[_P.nk_effect_correlation]
    clearance, volume, to, back = np.empty(count), np.empty(count), np.empty(count), np.empty(count)
    fast, slow = np.empty(count), np.empty(count)
    for k in range(count):
        clearance[k], volume[k], to[k], back[k], fast[k], slow[k] = _kinetics(
            constants, weight[k], z_clearance[k], z_volume[k]
        )
    week = np.empty((6, count))
    for k in range(count):
        week[0, k], week[1, k], week[2, k], week[3, k], week[4, k], week[5, k] = step(
            to[k], back[k], fast[k], slow[k], volume[k], _PIECE_DAYS
        )
    for k in range(count):
        expansion = shared * effect[k] + sqrt(1.0 - shared * shared) * other[k]
        z_nk[k] = constants[_P.nk_baseline] * exp(constants[_P.nk_baseline_log_sd] * z_nk[k])
        effect[k] = constants[_P.rate_ratio_log_sd] * effect[k]
        other[k] = constants[_P.nk_max_expansion] * exp(constants[_P.nk_max_expansion_log_sd] * expansion)
    steady = _steady_log_ratio(constants, weight, volume, back, fast, slow, effect)
    for k in range(count):
        steady[k] = exp(steady[k])
        i = np.uint64(rows[k])
        for field in (LEVEL, _F.central, _F.peripheral, _F.concentration, _F.log_rate_ratio):
            body[i, own + field] = 0.0
        body[i, own + _F.nk_cd56bright], body[i, own + _F.cd8] = z_nk[k], 1.0
    put_back(body, rows, own + _F.clearance, clearance)
    put_back(body, rows, own + _F.central_volume, volume)
    put_back(body, rows, own + _F.to_peripheral, to)
    put_back(body, rows, own + _F.from_peripheral, back)
    put_back(body, rows, own + _F.fast_rate, fast)
    put_back(body, rows, own + _F.slow_rate, slow)
    put_back(body, rows, own + _F.own_log_effect, effect)
    put_back(body, rows, own + _F.nk_baseline, z_nk)
    put_back(body, rows, own + _F.nk_max_expansion, other)
    put_back(body, rows, own + _F.long_run_rate_ratio, steady)
    for w in range(6):
        put_back(body, rows, own + _F.week + w, week[w])


@inlined
def _untouched(body: Floats, i: int, own: int) -> bool:
    """Whether there is no drug and no effect left: then no time changes anything."""
    if (
        body[i, own + _F.central] != 0.0
        or body[i, own + _F.peripheral] != 0.0
        or body[i, own + _F.log_rate_ratio] != 0.0
    ):
        return False
    unchanged: bool = body[i, own + _F.nk_cd56bright] == body[i, own + _F.nk_baseline] and body[i, own + _F.cd8] == 1.0
    return unchanged


@kernel
def _whole_pieces(body: Floats, rows: Integers, own: int, constants: Floats, pieces: Integers) -> None:
    """Move the subjects in rows on by pieces[k] times 7 days, several subjects at once."""
    at = own + _F.week
    cc, cp = taken(body, rows, at), taken(body, rows, at + 1)
    pc, pp = taken(body, rows, at + 2), taken(body, rows, at + 3)
    ac, ap = taken(body, rows, at + 4), taken(body, rows, at + 5)
    central, peripheral = taken(body, rows, own + _F.central), taken(body, rows, own + _F.peripheral)
    ratio, nk, cd8 = (
        taken(body, rows, own + _F.log_rate_ratio),
        taken(body, rows, own + _F.nk_cd56bright),
        taken(body, rows, own + _F.cd8),
    )
    own_effect, expansion = taken(body, rows, own + _F.own_log_effect), taken(body, rows, own + _F.nk_max_expansion)
    baseline = taken(body, rows, own + _F.nk_baseline)
    full, half, steepness, on_drug = (
        constants[_P.full_effect],
        constants[_P.half_effect_concentration],
        constants[_P.effect_steepness],
        constants[_P.on_drug_concentration],
    )
    nk_half, depth, cd8_half = (
        constants[_P.nk_half_effect_concentration],
        constants[_P.cd8_depth],
        constants[_P.cd8_half_effect_concentration],
    )
    left, nk_left, cd8_left = (
        constants[_P.effect_left_of_week],
        constants[_P.nk_left_of_week],
        constants[_P.cd8_left_of_week],
    )
    most = 0  # no array method here: it would load linear algebra with the kernel
    for k in range(pieces.shape[0]):
        most = max(most, pieces[k])
    for piece in range(most):
        for k in range(rows.shape[0]):
            going = pieces[k] > piece
            average = ac[k] * central[k] + ap[k] * peripheral[k]
            then, out = cc[k] * central[k] + cp[k] * peripheral[k], pc[k] * central[k] + pp[k] * peripheral[k]
            central[k], peripheral[k] = then if going else central[k], out if going else peripheral[k]
            goal = log_ratio_goal(full, half, steepness, on_drug, average, own_effect[k])
            ratio[k] = goal + (ratio[k] - goal) * left if going else ratio[k]
            goal = baseline[k] * (1.0 + expansion[k] * saturation(average, nk_half))
            nk[k] = goal + (nk[k] - goal) * nk_left if going else nk[k]
            goal = 1.0 - depth * saturation(average, cd8_half)
            cd8[k] = goal + (cd8[k] - goal) * cd8_left if going else cd8[k]
    put_back(body, rows, own + _F.central, central)
    put_back(body, rows, own + _F.peripheral, peripheral)
    put_back(body, rows, own + _F.log_rate_ratio, ratio)
    put_back(body, rows, own + _F.nk_cd56bright, nk)
    put_back(body, rows, own + _F.cd8, cd8)


@kernel
def _part_of_a_piece(body: Floats, rows: Integers, own: int, constants: Floats, days: Floats) -> None:
    """Move the subjects in rows on by days[k], less than 7, several subjects at once."""
    count = rows.shape[0]
    to, back = taken(body, rows, own + _F.to_peripheral), taken(body, rows, own + _F.from_peripheral)
    fast, slow = taken(body, rows, own + _F.fast_rate), taken(body, rows, own + _F.slow_rate)
    volume, average = taken(body, rows, own + _F.central_volume), np.empty(count)
    central, peripheral = taken(body, rows, own + _F.central), taken(body, rows, own + _F.peripheral)
    for k in range(count):
        cc, cp, pc, pp, ac, ap = step(to[k], back[k], fast[k], slow[k], volume[k], days[k])
        average[k] = ac * central[k] + ap * peripheral[k]
        then, out = cc * central[k] + cp * peripheral[k], pc * central[k] + pp * peripheral[k]
        central[k], peripheral[k] = then, out
    put_back(body, rows, own + _F.central, central)
    put_back(body, rows, own + _F.peripheral, peripheral)
    ratio, nk, cd8 = (
        taken(body, rows, own + _F.log_rate_ratio),
        taken(body, rows, own + _F.nk_cd56bright),
        taken(body, rows, own + _F.cd8),
    )
    own_effect, expansion = taken(body, rows, own + _F.own_log_effect), taken(body, rows, own + _F.nk_max_expansion)
    baseline = taken(body, rows, own + _F.nk_baseline)
    full, half, steepness, on_drug = (
        constants[_P.full_effect],
        constants[_P.half_effect_concentration],
        constants[_P.effect_steepness],
        constants[_P.on_drug_concentration],
    )
    for k in range(count):
        goal = log_ratio_goal(full, half, steepness, on_drug, average[k], own_effect[k])
        ratio[k] = goal + (ratio[k] - goal) * exp(-days[k] / constants[_P.onset_days])
        goal = baseline[k] * (1.0 + expansion[k] * saturation(average[k], constants[_P.nk_half_effect_concentration]))
        nk[k] = goal + (nk[k] - goal) * exp(-days[k] * constants[_P.nk_loss_per_day])
        goal = 1.0 - constants[_P.cd8_depth] * saturation(average[k], constants[_P.cd8_half_effect_concentration])
        cd8[k] = goal + (cd8[k] - goal) * exp(-days[k] / constants[_P.cd8_days])
    put_back(body, rows, own + _F.log_rate_ratio, ratio)
    put_back(body, rows, own + _F.nk_cd56bright, nk)
    put_back(body, rows, own + _F.cd8, cd8)


@kernel
def advance(body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers) -> None:
    """Move drug and effects from since to until, in pieces of at most 7 days counted from since."""
    own = links[0]
    moving, pieces = np.empty(rows.shape[0], dtype=np.int64), np.empty(rows.shape[0], dtype=np.int64)
    parted, days = np.empty(rows.shape[0], dtype=np.int64), np.empty(rows.shape[0])
    count = parts = time = whole = 0
    rest = 0.0
    for i in unsigned(rows):
        if not _untouched(body, i, own):
            if until[i] - since[i] != time:  # mostly everybody's is the same
                time = until[i] - since[i]
                whole, rest = time // _PIECE, (time % _PIECE) / MINUTES_PER_DAY
            moving[count], pieces[count] = i, whole
            parted[parts], days[parts] = i, rest
            parts += rest > 0.0
            count += 1
    for first in range(0, count, _TOGETHER):
        last = min(count, first + _TOGETHER)
        _whole_pieces(body, moving[first:last], own, constants, pieces[first:last])
    if parts > 0:
        _part_of_a_piece(body, parted[:parts], own, constants, days[:parts])
    for i in unsigned(moving[:count]):
        body[i, own + _F.concentration] = body[i, own + _F.central] / body[i, own + _F.central_volume]


@MODEL.give
def give(me: Any, disease: Any, dose: float, per_weight: bool) -> float:
    """Add the dose (mg/kg by body weight, or mg) to the central compartment."""
    amount: float = dose * disease.weight if per_weight else dose
    me.central += amount
    me.concentration = me.central / me.central_volume
    return amount


@MODEL.observe(*LYMPHOCYTES)
def observe_lymphocytes(me: Any, p: Any, draw: Any, see: Any) -> None:
    """Measure NK and CD8 cells, with lognormal errors of mean 1."""
    nk_sd, cd8_sd = p.nk_assay_log_sd, p.cd8_assay_log_sd
    nk_error = exp(nk_sd * draw.normal("nk_assay") - 0.5 * nk_sd * nk_sd)
    cd8_error = exp(cd8_sd * draw.normal("cd8_assay") - 0.5 * cd8_sd * cd8_sd)
    see.nk_cd56bright = me.nk_cd56bright * nk_error, me.nk_cd56bright
    see.cd8 = me.cd8 * cd8_error, me.cd8


@MODEL.part
def _dose_factor(p: Any, level: float) -> float:
    return 0.0 if level <= 0.0 else power(level / p.reference_dose, p.adverse_event_dose_exponent)


@MODEL.rate
def severe_event_rate(p: Any, level: float) -> float:
    """Adverse events that end treatment, per minute, at this dose level (mg/kg); none off treatment."""
    rate: float = p.severe_event_rate * _dose_factor(p, level)
    return rate


@MODEL.rate
def adverse_event_rate(p: Any, level: float) -> float:
    """Adverse events that do not end treatment, per minute, at this dose level (mg/kg); none off treatment."""
    rate: float = p.adverse_event_rate * _dose_factor(p, level)
    return rate


def constants_of(values: Mapping[str, float]) -> Floats:
    """What the kernels read; the full effect is whatever gives the median patient the median ratio."""
    made = MODEL.constants(values)
    weight, ratio = made[_P.median_weight], made[_P.median_rate_ratio]
    _, volume, _, back, fast, slow = _kinetics(made, weight, 0.0, 0.0)
    median = np.array([[weight], [volume], [back], [fast], [slow], [0.0]])
    made[_P.full_effect] = log(ratio) / _steady_log_ratio(made, *median)[0]
    return made


TRAITS = (
    Trait("long_run_rate_ratio", _F.long_run_rate_ratio, "",
          "own rate of new lesions in the long run on the reference regimen over that off drug"),
    Trait("daclizumab_clearance", _F.clearance, "L/day", "own clearance of daclizumab"),
    Trait("daclizumab_central_volume", _F.central_volume, "L", "own central volume of daclizumab"),
    Trait("nk_baseline", _F.nk_baseline, "", "own CD56bright NK cells off drug, share of lymphocytes"),
    Trait("nk_max_expansion", _F.nk_max_expansion, "",
          "own greatest rise of NK production on drug, as a multiple of itself"),
)  # fmt: skip

COMPONENT = MODEL.component(
    Drug,
    name="daclizumab",
    meaning="daclizumab (anti-CD25 antibody), intravenous",
    description="""Daclizumab by infusion, in mg/kg.

    The log rate of new lesions relaxes towards an effect that saturates with the concentration, plus a deviation of
    the patient's own; CD56bright NK cells follow by indirect response, CD8 T cells by simple relaxation. The two
    adverse-event rates hold on treatment only.
    """,
    traits=TRAITS,
    writes={"log_new_lesion_rate": _F.log_rate_ratio, "anti_cd25_concentration": _F.concentration},
    hazards=(
        Hazard("severe adverse event", _DRAW.severe, severe_event_rate),
        Hazard("adverse event", _DRAW.adverse, adverse_event_rate),
    ),
    start=start,
    advance=advance,
    give=give,
    constants=constants_of,
)
