"""Daclizumab (Zenapax, intravenous): concentration, effect on new lesions, lymphocytes, adverse events.

Two compartments by their two exponentials. An infusion takes 15 minutes, which is an instant beside a half-life of
20 days: it arrives at once. What the drug does sees the average concentration of the interval, and intervals over
7 days are cut into pieces of 7 days from their start: everything relaxes exponentially within a piece, in closed form.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from protocolsim.arithmetic import exp, inlined, kernel, log, power, sqrt, unsigned
from protocolsim.arrays import Floats, Integers
from protocolsim.component import Assessment, Hazard, Trait, Variable, in_base_units, put_back, taken
from protocolsim.drug._daclizumab_parameters import PARAMETERS
from protocolsim.drug.base import LEVEL, Drug
from protocolsim.kinetics import saturation, step, two_rates
from protocolsim.randomness import keys, keys_of_use, log_sd, normals
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK

STREAM = 2000
_DRAW_CLEARANCE, _DRAW_VOLUME, _DRAW_EFFECT, _DRAW_NK_BASELINE, _DRAW_NK_EXPANSION = range(STREAM, STREAM + 5)
_DRAW_NK_ASSAY, _DRAW_CD8_ASSAY, SEVERE_STREAM, ADVERSE_STREAM = range(STREAM + 5, STREAM + 9)

FIELDS = (
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
    *(f"week_{k}" for k in range(6)),  # what 7 days do to both compartments (see kinetics.step)
)  # fmt: skip
(
    _CENTRAL, _PERIPHERAL, _CONCENTRATION, _LOG_RATIO, _NK, _CD8, _CLEARANCE, _VOLUME, _TO, _FROM, _FAST, _SLOW,
    _OWN_EFFECT, _NK_BASELINE, _NK_EXPANSION, _LONG_RUN, _WEEK,
) = range(1, len(FIELDS) - 5)  # fmt: skip
(
    _K_CLEARANCE, _K_VOLUME, _K_PERIPHERAL_VOLUME, _K_EXCHANGE, _K_WEIGHT, _K_CLEARANCE_POWER, _K_VOLUME_POWER,
    _K_CLEARANCE_SD, _K_VOLUME_SD, _K_FULL_EFFECT, _K_HALF_EFFECT, _K_ONSET, _K_EFFECT_SD, _K_ON_DRUG,
    _K_DOSE, _K_INTERVAL, _K_NK_BASELINE, _K_NK_BASELINE_SD, _K_NK_LOSS, _K_NK_MAX, _K_NK_MAX_SD, _K_NK_HALF,
    _K_NK_CORRELATION, _K_NK_ASSAY, _K_CD8_DEPTH, _K_CD8_HALF, _K_CD8_TIME, _K_CD8_ASSAY,
    _K_SEVERE, _K_ADVERSE, _K_DOSE_EXPONENT, _K_WEEK_ONSET, _K_WEEK_NK, _K_WEEK_CD8,
) = range(34)  # fmt: skip
_PIECE, _PIECE_DAYS = MINUTES_PER_WEEK, 7.0
_TOGETHER = 512  # subjects whose fields stay in the nearest cache while the pieces of an interval pass


@inlined
def _ratio_goal(full: float, half: float, on_drug: float, concentration: float, own_effect: float) -> float:
    """Where the log rate ratio tends at this concentration."""
    common: float = full * saturation(concentration, half)
    return common + own_effect * min(1.0, concentration / on_drug)


@inlined
def _kinetics(
    constants: Floats, weight: float, z_clearance: float, z_volume: float
) -> tuple[float, float, float, float, float, float]:
    """Clearance, central volume, the rates to and from the periphery, and those of the two exponentials (per day)."""
    relative = weight / constants[_K_WEIGHT]
    on_clearance = power(relative, constants[_K_CLEARANCE_POWER])
    on_volume = power(relative, constants[_K_VOLUME_POWER])
    clearance = constants[_K_CLEARANCE] * on_clearance * exp(constants[_K_CLEARANCE_SD] * z_clearance)
    volume = constants[_K_VOLUME] * on_volume * exp(constants[_K_VOLUME_SD] * z_volume)
    exchange = constants[_K_EXCHANGE] * on_clearance
    out, to, back = clearance / volume, exchange / volume, exchange / (constants[_K_PERIPHERAL_VOLUME] * on_volume)
    fast, slow = two_rates(out, to, back)
    return clearance, volume, to, back, fast, slow


@kernel
def _steady_log_ratio(
    constants: Floats, weight: Floats, volume: Floats, back: Floats, fast: Floats, slow: Floats, own_effect: Floats
) -> Floats:
    """Log rate ratio in the steady state of the reference regimen, just before an infusion, when scans are made."""
    interval, onset, dose = constants[_K_INTERVAL], constants[_K_ONSET], constants[_K_DOSE]
    full, half, on_drug = constants[_K_FULL_EFFECT], constants[_K_HALF_EFFECT], constants[_K_ON_DRUG]
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
            goal = _ratio_goal(full, half, on_drug, area / (volume[k] * days), own_effect[k])
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
    weight, effect = taken(body, rows, links[1]), normals(seed, key, _DRAW_EFFECT)
    z_clearance = normals(seed, key, _DRAW_CLEARANCE)
    z_volume = normals(seed, key, _DRAW_VOLUME)
    other = normals(seed, key, _DRAW_NK_EXPANSION)
    z_nk = normals(seed, key, _DRAW_NK_BASELINE)
    count, shared = rows.shape[0], constants[_K_NK_CORRELATION]
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
        z_nk[k] = constants[_K_NK_BASELINE] * exp(constants[_K_NK_BASELINE_SD] * z_nk[k])
        effect[k] = constants[_K_EFFECT_SD] * effect[k]
        other[k] = constants[_K_NK_MAX] * exp(constants[_K_NK_MAX_SD] * expansion)
    steady = _steady_log_ratio(constants, weight, volume, back, fast, slow, effect)
    for k in range(count):
        steady[k] = exp(steady[k])
        i = np.uint64(rows[k])
        for field in (LEVEL, _CENTRAL, _PERIPHERAL, _CONCENTRATION, _LOG_RATIO):
            body[i, own + field] = 0.0
        body[i, own + _NK], body[i, own + _CD8] = z_nk[k], 1.0
    put_back(body, rows, own + _CLEARANCE, clearance)
    put_back(body, rows, own + _VOLUME, volume)
    put_back(body, rows, own + _TO, to)
    put_back(body, rows, own + _FROM, back)
    put_back(body, rows, own + _FAST, fast)
    put_back(body, rows, own + _SLOW, slow)
    put_back(body, rows, own + _OWN_EFFECT, effect)
    put_back(body, rows, own + _NK_BASELINE, z_nk)
    put_back(body, rows, own + _NK_EXPANSION, other)
    put_back(body, rows, own + _LONG_RUN, steady)
    for w in range(6):
        put_back(body, rows, own + _WEEK + w, week[w])


@inlined
def _untouched(body: Floats, i: int, own: int) -> bool:
    """Whether there is no drug and no effect left: then no time changes anything."""
    if body[i, own + _CENTRAL] != 0.0 or body[i, own + _PERIPHERAL] != 0.0 or body[i, own + _LOG_RATIO] != 0.0:
        return False
    unchanged: bool = body[i, own + _NK] == body[i, own + _NK_BASELINE] and body[i, own + _CD8] == 1.0
    return unchanged


@kernel
def _whole_pieces(body: Floats, rows: Integers, own: int, constants: Floats, pieces: Integers) -> None:
    """Move the subjects in rows on by pieces[k] times 7 days, several subjects at once."""
    at = own + _WEEK
    cc, cp = taken(body, rows, at), taken(body, rows, at + 1)
    pc, pp = taken(body, rows, at + 2), taken(body, rows, at + 3)
    ac, ap = taken(body, rows, at + 4), taken(body, rows, at + 5)
    central, peripheral = taken(body, rows, own + _CENTRAL), taken(body, rows, own + _PERIPHERAL)
    ratio, nk, cd8 = taken(body, rows, own + _LOG_RATIO), taken(body, rows, own + _NK), taken(body, rows, own + _CD8)
    own_effect, expansion = taken(body, rows, own + _OWN_EFFECT), taken(body, rows, own + _NK_EXPANSION)
    baseline = taken(body, rows, own + _NK_BASELINE)
    full, half, on_drug = constants[_K_FULL_EFFECT], constants[_K_HALF_EFFECT], constants[_K_ON_DRUG]
    nk_half, depth, cd8_half = constants[_K_NK_HALF], constants[_K_CD8_DEPTH], constants[_K_CD8_HALF]
    left, nk_left, cd8_left = constants[_K_WEEK_ONSET], constants[_K_WEEK_NK], constants[_K_WEEK_CD8]
    most = 0  # no array method here: it would load linear algebra with the kernel
    for k in range(pieces.shape[0]):
        most = max(most, pieces[k])
    for piece in range(most):
        for k in range(rows.shape[0]):
            going = pieces[k] > piece
            average = ac[k] * central[k] + ap[k] * peripheral[k]
            then, out = cc[k] * central[k] + cp[k] * peripheral[k], pc[k] * central[k] + pp[k] * peripheral[k]
            central[k], peripheral[k] = then if going else central[k], out if going else peripheral[k]
            goal = _ratio_goal(full, half, on_drug, average, own_effect[k])
            ratio[k] = goal + (ratio[k] - goal) * left if going else ratio[k]
            goal = baseline[k] * (1.0 + expansion[k] * saturation(average, nk_half))
            nk[k] = goal + (nk[k] - goal) * nk_left if going else nk[k]
            goal = 1.0 - depth * saturation(average, cd8_half)
            cd8[k] = goal + (cd8[k] - goal) * cd8_left if going else cd8[k]
    put_back(body, rows, own + _CENTRAL, central)
    put_back(body, rows, own + _PERIPHERAL, peripheral)
    put_back(body, rows, own + _LOG_RATIO, ratio)
    put_back(body, rows, own + _NK, nk)
    put_back(body, rows, own + _CD8, cd8)


@kernel
def _part_of_a_piece(body: Floats, rows: Integers, own: int, constants: Floats, days: Floats) -> None:
    """Move the subjects in rows on by days[k], less than 7, several subjects at once."""
    count = rows.shape[0]
    to, back = taken(body, rows, own + _TO), taken(body, rows, own + _FROM)
    fast, slow = taken(body, rows, own + _FAST), taken(body, rows, own + _SLOW)
    volume, average = taken(body, rows, own + _VOLUME), np.empty(count)
    central, peripheral = taken(body, rows, own + _CENTRAL), taken(body, rows, own + _PERIPHERAL)
    for k in range(count):
        cc, cp, pc, pp, ac, ap = step(to[k], back[k], fast[k], slow[k], volume[k], days[k])
        average[k] = ac * central[k] + ap * peripheral[k]
        then, out = cc * central[k] + cp * peripheral[k], pc * central[k] + pp * peripheral[k]
        central[k], peripheral[k] = then, out
    put_back(body, rows, own + _CENTRAL, central)
    put_back(body, rows, own + _PERIPHERAL, peripheral)
    ratio, nk, cd8 = taken(body, rows, own + _LOG_RATIO), taken(body, rows, own + _NK), taken(body, rows, own + _CD8)
    own_effect, expansion = taken(body, rows, own + _OWN_EFFECT), taken(body, rows, own + _NK_EXPANSION)
    baseline = taken(body, rows, own + _NK_BASELINE)
    full, half, on_drug = constants[_K_FULL_EFFECT], constants[_K_HALF_EFFECT], constants[_K_ON_DRUG]
    for k in range(count):
        goal = _ratio_goal(full, half, on_drug, average[k], own_effect[k])
        ratio[k] = goal + (ratio[k] - goal) * exp(-days[k] / constants[_K_ONSET])
        goal = baseline[k] * (1.0 + expansion[k] * saturation(average[k], constants[_K_NK_HALF]))
        nk[k] = goal + (nk[k] - goal) * exp(-days[k] * constants[_K_NK_LOSS])
        goal = 1.0 - constants[_K_CD8_DEPTH] * saturation(average[k], constants[_K_CD8_HALF])
        cd8[k] = goal + (cd8[k] - goal) * exp(-days[k] / constants[_K_CD8_TIME])
    put_back(body, rows, own + _LOG_RATIO, ratio)
    put_back(body, rows, own + _NK, nk)
    put_back(body, rows, own + _CD8, cd8)


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
        body[i, own + _CONCENTRATION] = body[i, own + _CENTRAL] / body[i, own + _VOLUME]


@kernel
def give(
    body: Floats,
    rows: Integers,
    links: Integers,
    constants: Floats,  # noqa: ARG001
    dose: Floats,
    per_weight: bool,
    amount: Floats,
) -> None:
    """Add the dose (mg/kg by body weight, or mg) to the central compartment; amount[k] receives the mg."""
    own, weight_at = links[0], links[1]
    for k in range(rows.shape[0]):
        i = np.uint64(rows[k])
        amount[k] = dose[k] * body[i, weight_at] if per_weight else dose[k]
        body[i, own + _CENTRAL] += amount[k]
        body[i, own + _CONCENTRATION] = body[i, own + _CENTRAL] / body[i, own + _VOLUME]


@kernel
def observe_lymphocytes(
    body: Floats,
    rows: Integers,
    links: Integers,
    constants: Floats,
    seed: int,
    who: Integers,
    index: Integers,
    minute: Integers,  # noqa: ARG001
    value: Floats,
    truth: Floats,
) -> None:
    """Measure NK and CD8 cells, with lognormal errors of mean 1."""
    own = links[0]
    nk_sd, cd8_sd = constants[_K_NK_ASSAY], constants[_K_CD8_ASSAY]
    key = keys(who, rows, index)
    nk_error, cd8_error = normals(seed, key, _DRAW_NK_ASSAY), normals(seed, key, _DRAW_CD8_ASSAY)
    for k in range(rows.shape[0]):
        nk_error[k] = exp(nk_sd * nk_error[k] - 0.5 * nk_sd * nk_sd)
        cd8_error[k] = exp(cd8_sd * cd8_error[k] - 0.5 * cd8_sd * cd8_sd)
    for k in range(rows.shape[0]):
        i = np.uint64(rows[k])
        truth[k, 0], truth[k, 1] = body[i, own + _NK], body[i, own + _CD8]
        value[k, 0], value[k, 1] = truth[k, 0] * nk_error[k], truth[k, 1] * cd8_error[k]


@kernel
def _dose_factor(constants: Floats, level: float) -> float:
    return 0.0 if level <= 0.0 else power(level / constants[_K_DOSE], constants[_K_DOSE_EXPONENT])


@kernel
def severe_event_rate(constants: Floats, level: float) -> float:
    """Adverse events that end treatment, per minute, at this dose level (mg/kg); none off treatment."""
    rate: float = constants[_K_SEVERE] * _dose_factor(constants, level)
    return rate


@kernel
def adverse_event_rate(constants: Floats, level: float) -> float:
    """Adverse events that do not end treatment, per minute, at this dose level (mg/kg); none off treatment."""
    rate: float = constants[_K_ADVERSE] * _dose_factor(constants, level)
    return rate


def constants_of(values: Mapping[str, float]) -> Floats:
    """What the kernels read; kinetics and effects in days, event rates per minute."""
    v = in_base_units(PARAMETERS, values)
    day = float(MINUTES_PER_DAY)
    numbers = {
        _K_CLEARANCE: v["clearance"] * day, _K_CLEARANCE_SD: log_sd(v["clearance_cv"]),
        _K_VOLUME: v["central_volume"], _K_VOLUME_SD: log_sd(v["central_volume_cv"]),
        _K_PERIPHERAL_VOLUME: v["peripheral_volume"], _K_EXCHANGE: v["intercompartmental_clearance"] * day,
        _K_WEIGHT: v["reference_weight"], _K_CLEARANCE_POWER: v["clearance_weight_exponent"],
        _K_VOLUME_POWER: v["volume_weight_exponent"],
        _K_FULL_EFFECT: 1.0, _K_HALF_EFFECT: v["half_effect_concentration"], _K_ONSET: v["effect_onset"] / day,
        _K_EFFECT_SD: v["rate_ratio_log_sd"], _K_ON_DRUG: v["on_drug_concentration"],
        _K_DOSE: v["reference_dose"], _K_INTERVAL: v["reference_interval"] / day,
        _K_NK_BASELINE: v["nk_baseline"], _K_NK_BASELINE_SD: v["nk_baseline_log_sd"],
        _K_NK_LOSS: v["nk_production"] * day / v["nk_baseline"], _K_NK_MAX: v["nk_max_expansion"],
        _K_NK_MAX_SD: log_sd(v["nk_max_expansion_cv"]), _K_NK_HALF: v["nk_half_effect_concentration"],
        _K_NK_CORRELATION: v["nk_effect_correlation"], _K_NK_ASSAY: log_sd(v["nk_residual_cv"]),
        _K_CD8_DEPTH: v["cd8_fall"] / saturation(v["cd8_fall_concentration"], v["cd8_half_effect_concentration"]),
        _K_CD8_HALF: v["cd8_half_effect_concentration"],
        _K_CD8_TIME: v["cd8_time"] / day, _K_CD8_ASSAY: log_sd(v["cd8_assay_cv"]),
        _K_SEVERE: v["severe_event_rate"], _K_ADVERSE: v["adverse_event_rate"],
        _K_DOSE_EXPONENT: v["adverse_event_dose_exponent"], _K_WEEK_ONSET: exp(-_PIECE / v["effect_onset"]),
        _K_WEEK_NK: exp(-_PIECE * v["nk_production"] / v["nk_baseline"]), _K_WEEK_CD8: exp(-_PIECE / v["cd8_time"]),
    }  # fmt: skip
    made = np.array([numbers[k] for k in range(len(numbers))])
    # The full effect is whatever gives the median patient the median ratio.
    _, volume, _, back, fast, slow = _kinetics(made, v["median_weight"], 0.0, 0.0)
    median = np.array([[v["median_weight"]], [volume], [back], [fast], [slow], [0.0]])
    made[_K_FULL_EFFECT] = log(v["median_rate_ratio"]) / _steady_log_ratio(made, *median)[0]
    return made


TRAITS = (
    Trait("long_run_rate_ratio", _LONG_RUN, "",
          "own rate of new lesions in the long run on the reference regimen over that off drug"),
    Trait("daclizumab_clearance", _CLEARANCE, "L/day", "own clearance of daclizumab"),
    Trait("daclizumab_central_volume", _VOLUME, "L", "own central volume of daclizumab"),
    Trait("nk_baseline", _NK_BASELINE, "", "own CD56bright NK cells off drug, share of lymphocytes"),
    Trait("nk_max_expansion", _NK_EXPANSION, "",
          "own greatest rise of NK production on drug, as a multiple of itself"),
)  # fmt: skip

COMPONENT = Drug(
    name="daclizumab",
    meaning="daclizumab (anti-CD25 antibody), intravenous",
    description="""Daclizumab by infusion, in mg/kg.

    The log rate of new lesions relaxes towards an effect that saturates with the concentration, plus a deviation of
    the patient's own; CD56bright NK cells follow by indirect response, CD8 T cells by simple relaxation. The two
    adverse-event rates hold on treatment only.
    """,
    stream=STREAM,
    parameters=PARAMETERS,
    fields=FIELDS,
    traits=TRAITS,
    needs=("weight",),
    writes={"log_new_lesion_rate": _LOG_RATIO, "anti_cd25_concentration": _CONCENTRATION},
    assessments=(
        Assessment(
            "lymphocytes",
            "lymphocytes by flow cytometry",
            (
                Variable("nk_cd56bright", "", "CD56bright NK cells, share of lymphocytes", least=0),
                Variable("cd8", "", "CD8 T cells, share of the patient's own baseline", least=0),
            ),
            observe_lymphocytes,
        ),
    ),
    hazards=(
        Hazard("severe adverse event", SEVERE_STREAM, severe_event_rate),
        Hazard("adverse event", ADVERSE_STREAM, adverse_event_rate),
    ),
    start=start,
    advance=advance,
    give=give,
    constants=constants_of,
)
