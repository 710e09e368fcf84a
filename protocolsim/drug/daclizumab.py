"""Daclizumab (Zenapax, intravenous): concentration, effect on new lesions, lymphocytes, adverse events.

Two compartments by their two exponentials. An infusion takes 15 minutes, which is an instant beside a half-life of
20 days: it arrives at once. What the drug does sees the average concentration of the interval, and intervals over
7 days are cut into pieces of 7 days from their start: everything relaxes exponentially within a piece, in closed form.

Marks: F found in text, F2 found second-hand, D derived from found numbers, A assumption, M from memory.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from protocolsim.arithmetic import exp, kernel, log, power, sqrt
from protocolsim.component import Assessment, Floats, Hazard, Integers, Parameter, Trait, Variable
from protocolsim.drug.base import LEVEL, Drug
from protocolsim.kinetics import saturation, step, two_rates
from protocolsim.randomness import log_sd, normal_quantile, uniform
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK, unit_product

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

_LABEL = "Zenapax label (renal transplantation, 80 kg)"
_OTHMAN = "Othman 2014, Clin Pharmacokinet 53:907"
_DIAO = "Diao 2016, Br J Clin Pharmacol 82:1333-42"
_TRIAL = "Bielekova 2009, Arch Neurol 66:483-9"
_DECIDE = "DECIDE, Mult Scler 2018;24:1725"

PARAMETERS = (
    Parameter("clearance", 0.36, "L/day", 0.2, 0.5, "F", _LABEL, "clearance at the reference weight"),
    Parameter("central_volume", 2.5, "L", 2.0, 4.0, "F", _LABEL, "central volume at the reference weight"),
    Parameter("peripheral_volume", 3.4, "L", 2.0, 4.0, "F", _LABEL, "peripheral volume at the reference weight"),
    Parameter("intercompartmental_clearance", 0.207, "L/day", 0.1, 1.1, "D",
              f"the half-life of 20 days in the {_LABEL}",
              "exchange between the two compartments at the reference weight"),
    Parameter("reference_weight", 80.0, "kg", 50.0, 100.0, "F", _LABEL, "body weight for the four numbers above"),
    Parameter("clearance_weight_exponent", 0.54, "", 0.0, 1.0, "F", _OTHMAN, "power of body weight in both clearances"),
    Parameter("volume_weight_exponent", 0.64, "", 0.0, 1.2, "F", _OTHMAN, "power of body weight in both volumes"),
    Parameter("clearance_cv", 27.0, "%", 10.0, 51.0, "F2", _OTHMAN, "spread of clearance at one body weight"),
    Parameter("central_volume_cv", 31.0, "%", 20.0, 40.0, "F2", _OTHMAN, "spread of central volume at one body weight"),
    Parameter("median_rate_ratio", 0.22, "", 0.15, 0.6, "D", f"calibrated to 72 % inhibition of new lesions ({_TRIAL})",
              "rate of new lesions over that off drug: the median patient in the steady state of the reference regimen,"
              " at the scan before an infusion; 0.60 agrees with the low dose of CHOICE", least=0.001),
    Parameter("rate_ratio_log_sd", 0.8, "", 0.5, 1.0, "D", f"calibrated together with the median ({_TRIAL})",
              "spread of the rate ratio between patients (SD of its logarithm)"),
    Parameter("half_effect_concentration", 6.0, "mg/L", 4.0, 10.0, "D",
              "low and high dose of CHOICE (Wynn 2010, Lancet Neurol 9:381-90)",
              "concentration with half of the greatest effect on the log rate"),
    Parameter("effect_onset", 6.0, "weeks", 2.0, 10.0, "A",
              f"CHOICE counts from week 8; NK half-life 42 days ({_DIAO})",
              "time constant with which the effect on new lesions comes and goes"),
    Parameter("on_drug_concentration", 1.0, "mg/L", 0.1, 2.0, "A",
              f"CD25 back to baseline at or below 1 mg/L ({_DIAO})",
              "below this a patient's own deviation from the median effect fades with the concentration"),
    Parameter("reference_dose", 1.0, "mg/kg", 0.5, 2.0, "F", _TRIAL, "dose of the reference regimen"),
    Parameter("reference_interval", 4.0, "weeks", 2.0, 8.0, "F", _TRIAL, "interval of the reference regimen"),
    Parameter("median_weight", 72.0, "kg", 50.0, 100.0, "A", "",
              "body weight of the median patient, for whom median_rate_ratio holds"),
    Parameter("nk_baseline", 0.6, "%", 0.3, 1.0, "F2", _DIAO, "median share of NK cells off drug", least=0.001),
    Parameter("nk_baseline_log_sd", 0.67, "", 0.0, 1.0, "D", f"median 0.6, mean 0.75 ({_DIAO})",
              "spread of that baseline between patients (SD of its logarithm)"),
    Parameter("nk_production", 4.12e-4, "%/h", 2e-4, 8e-4, "F2", _DIAO,
              "production of CD56bright NK cells off drug; over the baseline it is their rate of loss, alike in all"),
    Parameter("nk_max_expansion", 7.89, "", 4.0, 12.0, "F2", _DIAO,
              "greatest rise of that production, as a multiple of itself (median)"),
    Parameter("nk_max_expansion_cv", 67.0, "%", 0.0, 100.0, "F2", _DIAO, "spread of that rise between patients"),
    Parameter("nk_half_effect_concentration", 18.0, "mg/L", 9.0, 36.0, "F2", _DIAO,
              "concentration with half of the greatest rise"),
    Parameter("nk_effect_correlation", -0.4, "", -0.7, -0.2, "A",
              "direction: NK expansion correlates with response (Bielekova 2006, PNAS 103:5941-6)",
              "correlation of the log of the NK rise with the log rate ratio, between patients", least=-1, most=1),
    Parameter("nk_residual_cv", 29.0, "%", 0.0, 50.0, "F2", _DIAO, "error of one NK measurement"),
    Parameter("cd8_fall", 9.3, "%", 2.0, 20.0, "F", _DECIDE,
              "fall of CD8 T cells on 150 mg every 4 weeks, after 96 weeks", most=99),
    Parameter("cd8_fall_concentration", 22.8, "mg/L", 15.0, 30.0, "D", "AUC 638 mg d/L over 28 days (150 mg label)",
              "average concentration at which that fall was seen"),
    Parameter("cd8_half_effect_concentration", 2.07, "mg/L", 0.5, 10.0, "A",
              f"taken from the desaturation of CD25 ({_DIAO})",
              "concentration with half of the greatest fall of CD8 T cells"),
    Parameter("cd8_time", 4.0, "weeks", 2.0, 12.0, "A", f"most of the fall by week 24, reversible in 12 ({_DECIDE})",
              "time constant with which CD8 T cells fall and recover"),
    Parameter("cd8_assay_cv", 10.0, "%", 0.0, 25.0, "A", "", "error of one CD8 measurement"),
    Parameter("severe_event_rate", 0.009, "1/4 weeks", 0.0043, 0.025, "D", f"2 of 15 in 62 weeks ({_TRIAL})",
              "rate of adverse events that end treatment, on the reference dose"),
    Parameter("adverse_event_rate", 0.01716, "1/4 weeks", 0.005, 0.05, "D",
              f"5 of 15 with any adverse effect in 62 weeks ({_TRIAL}), less the severe ones",
              "rate of adverse events that do not end treatment, on the reference dose"),
    Parameter("adverse_event_dose_exponent", 0.0, "", 0.0, 2.0, "A", "", "power of the dose in both rates"),
)  # fmt: skip


@kernel
def _log_ratio_goal(constants: Floats, concentration: float, own_effect: float) -> float:
    """Where the log rate ratio tends at this concentration."""
    on_drug: float = min(1.0, concentration / constants[_K_ON_DRUG])
    common: float = constants[_K_FULL_EFFECT] * saturation(concentration, constants[_K_HALF_EFFECT])
    goal: float = common + own_effect * on_drug
    return goal


@kernel
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
    constants: Floats, weight: float, volume: float, back: float, fast: float, slow: float, own_effect: float
) -> float:
    """Log rate ratio in the steady state of the reference regimen, just before an infusion, when scans are made."""
    interval, onset = constants[_K_INTERVAL], constants[_K_ONSET]
    share = constants[_K_DOSE] * weight / (fast - slow)
    central_fast = share * (fast - back) / (1.0 - exp(-fast * interval))
    central_slow = share * (back - slow) / (1.0 - exp(-slow * interval))
    ratio = now = 0.0
    while now < interval:
        days = min(_PIECE_DAYS, interval - now)
        area = central_fast * exp(-fast * now) * (1.0 - exp(-fast * days)) / fast
        area += central_slow * exp(-slow * now) * (1.0 - exp(-slow * days)) / slow
        goal = _log_ratio_goal(constants, area / (volume * days), own_effect)
        ratio = goal + (ratio - goal) * exp(-days / onset)
        now += days
    return ratio / (1.0 - exp(-interval / onset))


@kernel
def start(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """Draw how this patient handles the drug and answers to it; nobody has had any."""
    own, weight_at = links[0], links[1]
    for i in rows:
        r, n = who[i, 0], who[i, 1]
        weight = body[i, weight_at]
        for field in (LEVEL, _CENTRAL, _PERIPHERAL, _CONCENTRATION, _LOG_RATIO):
            body[i, own + field] = 0.0
        z_clearance = normal_quantile(uniform(seed, r, n, _DRAW_CLEARANCE, 0))
        z_volume = normal_quantile(uniform(seed, r, n, _DRAW_VOLUME, 0))
        clearance, volume, to, back, fast, slow = _kinetics(constants, weight, z_clearance, z_volume)
        body[i, own + _CLEARANCE] = clearance
        body[i, own + _VOLUME] = volume
        body[i, own + _TO], body[i, own + _FROM] = to, back
        body[i, own + _FAST], body[i, own + _SLOW] = fast, slow
        week = step(to, back, fast, slow, volume, _PIECE_DAYS)
        for k in range(6):
            body[i, own + _WEEK + k] = week[k]
        effect = normal_quantile(uniform(seed, r, n, _DRAW_EFFECT, 0))
        other = normal_quantile(uniform(seed, r, n, _DRAW_NK_EXPANSION, 0))
        shared = constants[_K_NK_CORRELATION]
        expansion = shared * effect + sqrt(1.0 - shared * shared) * other
        z = normal_quantile(uniform(seed, r, n, _DRAW_NK_BASELINE, 0))
        baseline = constants[_K_NK_BASELINE] * exp(constants[_K_NK_BASELINE_SD] * z)
        body[i, own + _OWN_EFFECT] = constants[_K_EFFECT_SD] * effect
        body[i, own + _NK_EXPANSION] = constants[_K_NK_MAX] * exp(constants[_K_NK_MAX_SD] * expansion)
        body[i, own + _NK_BASELINE] = baseline
        body[i, own + _NK] = baseline
        body[i, own + _CD8] = 1.0
        steady = _steady_log_ratio(constants, weight, volume, back, fast, slow, constants[_K_EFFECT_SD] * effect)
        body[i, own + _LONG_RUN] = exp(steady)


@kernel
def _distribute(body: Floats, i: int, own: int, days: float) -> float:
    """Move both compartments on by this many days; the average concentration meanwhile, in mg/L."""
    at = own + _WEEK
    cc, cp, pc, pp = body[i, at], body[i, at + 1], body[i, at + 2], body[i, at + 3]
    ac, ap = body[i, at + 4], body[i, at + 5]
    if days != _PIECE_DAYS:
        to, back = body[i, own + _TO], body[i, own + _FROM]
        cc, cp, pc, pp, ac, ap = step(
            to, back, body[i, own + _FAST], body[i, own + _SLOW], body[i, own + _VOLUME], days
        )
    central, peripheral = body[i, own + _CENTRAL], body[i, own + _PERIPHERAL]
    body[i, own + _CENTRAL] = cc * central + cp * peripheral
    body[i, own + _PERIPHERAL] = pc * central + pp * peripheral
    average: float = ac * central + ap * peripheral
    return average


@kernel
def _respond(body: Floats, i: int, own: int, constants: Floats, average: float, days: float) -> None:
    """Let the effects relax for this many days towards where this average concentration leads."""
    onset, nk, cd8 = constants[_K_WEEK_ONSET], constants[_K_WEEK_NK], constants[_K_WEEK_CD8]
    if days != _PIECE_DAYS:
        onset = exp(-days / constants[_K_ONSET])
        nk = exp(-days * constants[_K_NK_LOSS])
        cd8 = exp(-days / constants[_K_CD8_TIME])
    goal = _log_ratio_goal(constants, average, body[i, own + _OWN_EFFECT])
    body[i, own + _LOG_RATIO] = goal + (body[i, own + _LOG_RATIO] - goal) * onset
    rise = body[i, own + _NK_EXPANSION] * saturation(average, constants[_K_NK_HALF])
    goal = body[i, own + _NK_BASELINE] * (1.0 + rise)
    body[i, own + _NK] = goal + (body[i, own + _NK] - goal) * nk
    goal = 1.0 - constants[_K_CD8_DEPTH] * saturation(average, constants[_K_CD8_HALF])
    body[i, own + _CD8] = goal + (body[i, own + _CD8] - goal) * cd8


@kernel
def _untouched(body: Floats, i: int, own: int) -> bool:
    """Whether there is no drug and no effect left: then no time changes anything."""
    if body[i, own + _CENTRAL] != 0.0 or body[i, own + _PERIPHERAL] != 0.0 or body[i, own + _LOG_RATIO] != 0.0:
        return False
    unchanged: bool = body[i, own + _NK] == body[i, own + _NK_BASELINE] and body[i, own + _CD8] == 1.0
    return unchanged


@kernel
def advance(body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers) -> None:
    """Move drug and effects from since to until, in pieces of at most 7 days counted from since."""
    own = links[0]
    for i in rows:
        if _untouched(body, i, own):
            continue
        now = since[i]
        while now < until[i]:
            then = min(now + _PIECE, until[i])
            days = (then - now) / MINUTES_PER_DAY
            average = _distribute(body, i, own, days)
            _respond(body, i, own, constants, average, days)
            now = then
        body[i, own + _CONCENTRATION] = body[i, own + _CENTRAL] / body[i, own + _VOLUME]


@kernel
def give(
    body: Floats,
    rows: Integers,
    links: Integers,
    constants: Floats,  # noqa: ARG001
    dose: Floats,
    amount: Floats,
) -> None:
    """Add dose[i] (mg/kg) by body weight to the central compartment; amount[i] receives the mg."""
    own, weight_at = links[0], links[1]
    for i in rows:
        amount[i] = dose[i] * body[i, weight_at]
        body[i, own + _CENTRAL] += amount[i]
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
    for i in rows:
        r, n, k = who[i, 0], who[i, 1], index[i]
        truth[i, 0], truth[i, 1] = body[i, own + _NK], body[i, own + _CD8]
        sd = constants[_K_NK_ASSAY]
        value[i, 0] = truth[i, 0] * exp(sd * normal_quantile(uniform(seed, r, n, _DRAW_NK_ASSAY, k)) - 0.5 * sd * sd)
        sd = constants[_K_CD8_ASSAY]
        value[i, 1] = truth[i, 1] * exp(sd * normal_quantile(uniform(seed, r, n, _DRAW_CD8_ASSAY, k)) - 0.5 * sd * sd)


@kernel
def _dose_factor(constants: Floats, level: float) -> float:
    if level <= 0.0:
        return 0.0
    return power(level / constants[_K_DOSE], constants[_K_DOSE_EXPONENT])


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


class Daclizumab(Drug):
    """Daclizumab by infusion, in mg/kg.

    The log rate of new lesions relaxes towards an effect that saturates with the concentration, plus a deviation of
    the patient's own; CD56bright NK cells follow by indirect response, CD8 T cells by simple relaxation. The two
    adverse-event rates hold on treatment only.
    """

    name = "daclizumab"
    meaning = "daclizumab (anti-CD25 antibody), intravenous"
    stream = STREAM
    parameters = PARAMETERS
    fields = FIELDS
    traits = (
        Trait("long_run_rate_ratio", _LONG_RUN, "",
              "own rate of new lesions in the long run on the reference regimen over that off drug"),
        Trait("daclizumab_clearance", _CLEARANCE, "L/day", "own clearance of daclizumab"),
        Trait("daclizumab_central_volume", _VOLUME, "L", "own central volume of daclizumab"),
        Trait("nk_baseline", _NK_BASELINE, "", "own CD56bright NK cells off drug, share of lymphocytes"),
        Trait("nk_max_expansion", _NK_EXPANSION, "",
              "own greatest rise of NK production on drug, as a multiple of itself"),
    )  # fmt: skip
    needs = ("weight",)
    writes = {"log_new_lesion_rate": _LOG_RATIO, "anti_cd25_concentration": _CONCENTRATION}  # noqa: RUF012 - as declared
    assessments = (
        Assessment(
            "lymphocytes",
            "lymphocytes by flow cytometry",
            (
                Variable("nk_cd56bright", "", "CD56bright NK cells, share of lymphocytes", least=0),
                Variable("cd8", "", "CD8 T cells, share of the patient's own baseline", least=0),
            ),
            observe_lymphocytes,
        ),
    )
    hazards = (
        Hazard("severe adverse event", SEVERE_STREAM, severe_event_rate),
        Hazard("adverse event", ADVERSE_STREAM, adverse_event_rate),
    )
    start = staticmethod(start)
    advance = staticmethod(advance)
    give = staticmethod(give)

    def constants(self, values: Mapping[str, float]) -> Floats:
        """What the kernels read; kinetics and effects in days, event rates per minute."""
        v = {p.name: values[p.name] * unit_product(p.unit).value for p in self.parameters}
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
        effect = _steady_log_ratio(made, v["median_weight"], volume, back, fast, slow, 0.0)
        made[_K_FULL_EFFECT] = log(v["median_rate_ratio"]) / effect
        return made


COMPONENT = Daclizumab
