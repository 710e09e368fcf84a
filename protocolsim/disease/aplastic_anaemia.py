"""Moderate aplastic anaemia: blood counts, response to a blocked IL-2 receptor, recovery, relapse, worsening, death.

Whether and when a patient would answer to treatment is decided at entry; the answer comes only while the drug is
there. Recovery is a share of the way from the counts at entry to those after response: it rises with the time under
blockade, or by itself in the few who recover spontaneously, and is lost at relapse. Whose counts have not begun to
recover may pass into severe disease, in which nothing recovers any more. Nothing of this depends on when counts are
taken, but that blockade is judged at the end of each interval between the moments of a protocol. Death is an event, and
so is the passing into severe disease; both are found out every four weeks.

Marks: F found in text, F2 found second-hand, D derived from found numbers, A assumption, M from memory.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from protocolsim.arithmetic import exp, kernel, log, sqrt
from protocolsim.arrays import Floats, Integers
from protocolsim.component import Assessment, Hazard, Parameter, Trait, Variable, in_base_units, signal_sum
from protocolsim.disease.base import Disease
from protocolsim.randomness import exponential_quantile, log_sd, normal_quantile, uniform
from protocolsim.units import MINUTES_PER_WEEK

STREAM = 1100
(
    _DRAW_WEIGHT, _DRAW_NEUTROPHILS, _DRAW_PLATELETS, _DRAW_HAEMOGLOBIN, _DRAW_RETICULOCYTES, _DRAW_DEPENDENT,
    _DRAW_RESPONDER, _DRAW_TIME, _DRAW_EXTENT, _DRAW_LINEAGE, _DRAW_SPONTANEOUS, _DRAW_RELAPSE, _DRAW_LEVEL,
) = range(STREAM, STREAM + 13)  # fmt: skip
_DRAW_COUNT = STREAM + 13  # four of them, one for each count
_DRAW_PROGRESSION, _CLOCK_PROGRESSION, _CLOCK_DEATH = range(STREAM + 17, STREAM + 20)

FIELDS = (
    "weight",
    "dependent",  # 1: on red-cell transfusions at entry
    "responder",  # 1: the drug would bring a response
    "response_time",  # minutes under blockade until it is complete
    "complete",  # 1: a response to the drug is of all three lineages, else of one
    "lineage",  # which one: 0 neutrophils, 1 platelets, 2 red cells
    "spontaneous",  # minute at which a recovery without treatment begins
    "relapse_wait",  # minutes from full recovery to relapse
    "blocked",  # minutes under blockade so far
    "full",  # minute at which recovery was full; nan before it
    "recovery",  # 0 as at entry, 1 all that this patient recovers: the greater of the next two
    "recovery_by_drug",
    "recovery_by_itself",
    "begun",  # minute at which a recovery would begin, were the disease not severe before; nan before it
    "progression_wait",  # minutes at risk until the disease is severe
    "severe_from",  # minute from which on it is; nan before it
    "severity",  # 0 moderate, 1 counts as low as they get
    "whole_by_itself",  # 1: a recovery by itself is of all three lineages, else of one
    "weeks_to_response",
    "weeks_to_progression",
    *(f"{count}_at_entry" for count in ("neutrophils", "platelets", "haemoglobin", "reticulocytes")),
    *(f"{count}_goal" for count in ("neutrophils", "platelets", "haemoglobin", "reticulocytes")),
    *(f"{count}_by_itself" for count in ("neutrophils", "platelets", "haemoglobin", "reticulocytes")),
)
(
    _WEIGHT, _DEPENDENT, _RESPONDER, _TIME, _COMPLETE, _LINEAGE, _SPONTANEOUS, _RELAPSE, _BLOCKED, _FULL, _RECOVERY,
    _BY_DRUG, _BY_ITSELF, _BEGUN, _PROGRESSION, _SEVERE_FROM, _SEVERITY, _WHOLE, _WEEKS, _WEEKS_AT_RISK, _ENTRY,
) = range(21)  # fmt: skip
_GOAL, _GOAL_BY_ITSELF = _ENTRY + 4, _ENTRY + 8
_RED, _HAEMOGLOBIN = 2, 2  # the lineage, and the first of its two counts

(
    _K_WEIGHT, _K_WEIGHT_SD, _K_CUT, _K_DEPENDENT, _K_IF_DEPENDENT, _K_IF_NOT, _K_LOG_TIME, _K_TIME_SD, _K_COMPLETE,
    _K_BLOCKING, _K_RECOVERY, _K_SPONTANEOUS, _K_RELAPSE, _K_NORMAL_SD, _K_GAIN_SD, _K_FREE, _K_WHOLE, _K_PROGRESSION,
    _K_SEVERE_COUNTS, _K_DEATH, _K_DEATH_SEVERE,
) = range(21)  # fmt: skip
_K_CENTRE, _K_SPREAD, _K_NORMAL, _K_GAIN, _K_ERROR = range(21, 41, 4)  # four numbers each, one for each count
_THREE_MONTHS = 12.0 * MINUTES_PER_WEEK
STEP = 4 * MINUTES_PER_WEEK
"""How often it is found out who has severe disease, and dies the faster."""
AT_ONCE = 1e6
"""A hazard per minute that strikes within the minute."""
# The definition of moderate aplastic anaemia [F]: two of neutrophils, platelets (10^9/L), and red cells: haemoglobin
# (g/dL) and reticulocytes (10^9/L).
AFFECTED = (1.2, 70.0, 8.5, 60.0)

_SLOAND = "Sloand 2010, Haematologica 95:382-7"
_TRIAL = "Maciejewski 2003, Blood 102:3584-6"
_HOWARD = "Howard, moderate aplastic anaemia"
_DIAO = "Diao 2016, Br J Clin Pharmacol 82:1333-42"

PARAMETERS = (
    Parameter("neutrophils_median", 0.8, "", 0.5, 1.2, "A", "", "candidates' median neutrophils, 10^9/L"),
    Parameter("neutrophils_log_sd", 0.5, "", 0.3, 0.8, "A", "", "spread of neutrophils between candidates"),
    Parameter("platelets_median", 30.0, "", 20.0, 50.0, "A", "", "candidates' median platelets, 10^9/L"),
    Parameter("platelets_log_sd", 0.6, "", 0.3, 0.9, "A", "", "spread of platelets between candidates"),
    Parameter("haemoglobin_mean", 8.5, "", 7.5, 10.0, "A", "",
              "candidates' mean haemoglobin, g/dL, in the dependent as transfusions keep it"),
    Parameter("haemoglobin_sd", 1.2, "", 0.8, 1.8, "A", "", "spread of haemoglobin between candidates, g/dL"),
    Parameter("reticulocytes_median", 35.0, "", 20.0, 60.0, "A", "", "candidates' median reticulocytes, 10^9/L"),
    Parameter("reticulocytes_log_sd", 0.5, "", 0.3, 0.8, "A", "", "spread of reticulocytes between candidates"),
    Parameter("entry_truncation", 2.5, "", 2.0, 3.5, "A", "",
              "no candidate's count lies further than so many SDs from the middle", least=0.5),
    Parameter("transfusion_dependent", 62.0, "%", 40.0, 80.0, "D", f"28 of 45 ({_SLOAND})",
              "share on red-cell transfusions at entry, whatever their counts", most=100),
    Parameter("weight_median", 72.0, "kg", 50.0, 100.0, "A", "", "median body weight; weights are lognormal"),
    Parameter("weight_cv", 21.0, "%", 10.0, 35.0, "A", "", "spread of body weight (15 kg in 72)"),
    Parameter("response", 42.0, "%", 31.0, 54.0, "D", f"19 of 45 at 3 months ({_SLOAND}); range: Beta(20, 27)",
              "share whose response is complete after 12 weeks under blockade", least=0.1, most=95),
    Parameter("response_within_12_weeks", 90.0, "%", 75.0, 97.0, "D", f"19 of 21 responders ({_SLOAND})",
              "share of all responses that are complete after 12 weeks under blockade", least=55, most=99.9),
    Parameter("response_time", 8.0, "weeks", 6.0, 10.0, "A", "",
              "median time under blockade until a response is complete; times are lognormal", most=11.5),
    Parameter("independence_odds_ratio", 3.0, "", 1.0, 6.0, "A",
              f"direction: independence of transfusions predicted response ({_SLOAND})",
              "odds of response without dependence on transfusions over those with it", least=0.01),
    Parameter("complete_share", 33.3, "%", 13.0, 66.0, "D", f"2 of 6 responders ({_TRIAL}); range: Beta(3, 5)",
              "share of responses that are of all lineages; the others are of one affected lineage", most=100),
    Parameter("blocking_concentration", 1.0, "mg/L", 0.5, 5.0, "A",
              f"CD25 is free again at or below 1 mg/L and saturated from 5 mg/L ({_DIAO})",
              "antibody against CD25 from which on time counts as under blockade"),
    Parameter("recovery_time", 4.0, "weeks", 2.0, 8.0, "A", "",
              "how long counts take to recover, up to the completion of a response, and to fall at relapse"),
    Parameter("spontaneous_recovery", 0.7, "%/12 weeks", 0.1, 2.0, "D",
              f"12 % resolved after 66 months without treatment ({_HOWARD}), at the rates assumed here for the rest",
              "rate at which a recovery begins without any treatment", least=0, scale="log"),
    Parameter("spontaneous_complete", 100.0, "%", 33.0, 100.0, "A", "'resolved', read as normal counts",
              "share of recoveries without treatment that are of all lineages", most=100),
    Parameter("progression", 5.0, "%/52 weeks", 1.0, 20.0, "A", "",
              "rate at which moderate disease becomes severe in who has not begun to recover", scale="log"),
    Parameter("severe_counts", 30.0, "%", 10.0, 60.0, "A", "",
              "what is left of neutrophils, platelets and reticulocytes in severe disease", most=100),
    Parameter("death", 0.5, "%/52 weeks", 0.02, 2.5, "D",
              "1 of 100 in the registry NCT00001962, whose other diseases count too, over some two years [A]",
              "rate of death without severe disease", scale="log"),
    Parameter("death_severe", 10.0, "%/52 weeks", 3.0, 40.0, "A", "", "rate of death in severe disease", scale="log"),
    Parameter("relapse", 3.0, "%/52 weeks", 0.0, 10.0, "A", "'lengthy remissions' in the abstract of that trial",
              "rate of relapse after full recovery"),
    Parameter("neutrophils_normal", 3.0, "", 2.0, 4.5, "A", "", "median neutrophils after complete recovery, 10^9/L"),
    Parameter("platelets_normal", 220.0, "", 150.0, 300.0, "A", "", "median platelets after complete recovery, 10^9/L"),
    Parameter("haemoglobin_normal", 13.5, "", 12.0, 15.0, "A", "", "median haemoglobin after complete recovery, g/dL"),
    Parameter("reticulocytes_normal", 70.0, "", 50.0, 100.0, "A", "",
              "median reticulocytes after complete recovery, 10^9/L"),
    Parameter("normal_cv", 10.0, "%", 5.0, 25.0, "A", "", "spread of those four, high or low together"),
    Parameter("neutrophils_gain", 1.0, "", 0.5, 2.0, "A", "", "median gain of neutrophils in a response of theirs"),
    Parameter("platelets_gain", 40.0, "", 20.0, 80.0, "A", "", "median gain of platelets in a response of theirs"),
    Parameter("haemoglobin_gain", 3.0, "", 1.5, 5.0, "A", "", "median gain of haemoglobin in a response of red cells"),
    Parameter("reticulocytes_gain", 40.0, "", 20.0, 80.0, "A", "", "median gain of reticulocytes in the same"),
    Parameter("gain_cv", 20.0, "%", 10.0, 50.0, "A", "", "spread of a gain between patients"),
    Parameter("transfusion_free_at", 50.0, "%", 30.0, 100.0, "A", "",
              "recovery of red cells from which on a dependent patient needs no transfusions", least=1, most=100),
    Parameter("neutrophils_cv", 20.0, "%", 10.0, 40.0, "A", "", "day-to-day error of one count of neutrophils"),
    Parameter("platelets_cv", 10.0, "%", 5.0, 25.0, "A", "", "the same of platelets"),
    Parameter("haemoglobin_error", 4.0, "%", 2.0, 8.0, "A", "", "the same of haemoglobin"),
    Parameter("reticulocytes_cv", 20.0, "%", 10.0, 40.0, "A", "", "the same of reticulocytes"),
)  # fmt: skip


@kernel
def _truncated(u: float, constants: Floats) -> float:
    """Quantile of a standard normal cut off at both sides."""
    cut = constants[_K_CUT]
    return normal_quantile(cut + (1.0 - 2.0 * cut) * u)


@kernel
def _share_of_way(at: float, begin: float, end: float) -> float:
    """How far from begin to end, in a straight line: 0 before, 1 after."""
    way: float = min(1.0, max(0.0, (at - begin) / (end - begin)))
    return way


@kernel
def _affected(body: Floats, i: int, own: int, lineage: int) -> bool:
    """Whether a lineage is affected at entry; who depends on transfusions has affected red cells."""
    at = own + _ENTRY
    if lineage < _RED:
        below: bool = body[i, at + lineage] <= AFFECTED[lineage]
        return below
    low: bool = body[i, at + _HAEMOGLOBIN] <= AFFECTED[2] and body[i, at + _HAEMOGLOBIN + 1] <= AFFECTED[3]
    return low or body[i, own + _DEPENDENT] == 1.0


@kernel
def _chosen_lineage(body: Floats, i: int, own: int, u: float) -> float:
    """One of the affected lineages, each as likely; the first where none is."""
    number = 0
    for lineage in range(3):
        number += _affected(body, i, own, lineage)
    passed = 0
    for lineage in range(3):
        if _affected(body, i, own, lineage):
            passed += 1
            if u * number < passed:
                return float(lineage)
    return 0.0


@kernel
def start(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """Draw the candidate: counts at entry, whether and when treatment would help, what would recover."""
    own = links[0]
    for i in rows:
        r, n = who[i, 0], who[i, 1]
        z = normal_quantile(uniform(seed, r, n, _DRAW_WEIGHT, 0))
        body[i, own + _WEIGHT] = constants[_K_WEIGHT] * exp(constants[_K_WEIGHT_SD] * z)
        for count in range(4):
            z = _truncated(uniform(seed, r, n, _DRAW_NEUTROPHILS + count, 0), constants)
            entry = constants[_K_CENTRE + count] + constants[_K_SPREAD + count] * z
            body[i, own + _ENTRY + count] = entry if count == _HAEMOGLOBIN else exp(entry)
        dependent = uniform(seed, r, n, _DRAW_DEPENDENT, 0) < constants[_K_DEPENDENT]
        would = constants[_K_IF_DEPENDENT] if dependent else constants[_K_IF_NOT]
        z = normal_quantile(uniform(seed, r, n, _DRAW_TIME, 0))
        time = exp(constants[_K_LOG_TIME] + constants[_K_TIME_SD] * z)
        body[i, own + _DEPENDENT] = 1.0 if dependent else 0.0
        body[i, own + _RESPONDER] = 1.0 if uniform(seed, r, n, _DRAW_RESPONDER, 0) < would else 0.0
        body[i, own + _TIME] = time
        body[i, own + _WEEKS] = time / MINUTES_PER_WEEK
        whole = uniform(seed, r, n, _DRAW_EXTENT, 0) < constants[_K_COMPLETE]
        body[i, own + _COMPLETE] = 1.0 if whole else 0.0
        body[i, own + _LINEAGE] = _chosen_lineage(body, i, own, uniform(seed, r, n, _DRAW_LINEAGE, 0))
        wait = exponential_quantile(uniform(seed, r, n, _DRAW_SPONTANEOUS, 0))
        body[i, own + _SPONTANEOUS] = wait / constants[_K_SPONTANEOUS]
        body[i, own + _RELAPSE] = exponential_quantile(uniform(seed, r, n, _DRAW_RELAPSE, 0)) / constants[_K_RELAPSE]
        wait = exponential_quantile(uniform(seed, r, n, _DRAW_PROGRESSION, 0)) / constants[_K_PROGRESSION]
        body[i, own + _PROGRESSION] = wait
        body[i, own + _WEEKS_AT_RISK] = wait / MINUTES_PER_WEEK
        body[i, own + _WHOLE] = 1.0 if uniform(seed, r, n, _DRAW_EXTENT, 0) < constants[_K_WHOLE] else 0.0
        for field in (_FULL, _BEGUN, _SEVERE_FROM):
            body[i, own + field] = np.nan
        z = normal_quantile(uniform(seed, r, n, _DRAW_LEVEL, 0))
        _set_goals(body, i, own, constants, z, body[i, own + _COMPLETE] == 1.0, _GOAL)
        _set_goals(body, i, own, constants, z, body[i, own + _WHOLE] == 1.0, _GOAL_BY_ITSELF)


@kernel
def _set_goals(body: Floats, i: int, own: int, constants: Floats, z: float, whole: bool, goals: int) -> None:
    """Where each count goes in a recovery; a count that does not recover stays where it is."""
    for count in range(4):
        entry = body[i, own + _ENTRY + count]
        goal = entry
        if whole:
            goal = max(entry, constants[_K_NORMAL + count] * exp(constants[_K_NORMAL_SD] * z))
        elif body[i, own + _LINEAGE] == min(count, _RED):
            goal = entry + constants[_K_GAIN + count] * exp(constants[_K_GAIN_SD] * z)
        body[i, own + goals + count] = goal


@kernel
def advance(body: Floats, rows: Integers, links: Integers, constants: Floats, since: Integers, until: Integers) -> None:
    """Count the time under blockade; recover with it, or spontaneously; relapse; pass into severe disease."""
    own = links[0]
    for i in rows:
        now = float(until[i])
        if signal_sum(body, i, links, 1) >= constants[_K_BLOCKING]:
            body[i, own + _BLOCKED] += now - since[i]
        blocked, time = body[i, own + _BLOCKED], body[i, own + _TIME]
        spontaneous, ramp = body[i, own + _SPONTANEOUS], constants[_K_RECOVERY]
        recovering = _begins_to_recover(body, i, own, ramp, now)
        by_drug, by_itself = 0.0, 0.0
        if recovering:
            by_itself = _share_of_way(now, spontaneous, spontaneous + ramp)
            if body[i, own + _RESPONDER] == 1.0:
                by_drug = _share_of_way(blocked, max(0.0, time - ramp), time)
        if max(by_drug, by_itself) == 1.0 and np.isnan(body[i, own + _FULL]):
            full = spontaneous + ramp if by_itself == 1.0 else now
            if by_drug == 1.0:
                full = min(full, now - (blocked - time))
            body[i, own + _FULL] = full
        relapse = body[i, own + _FULL] + body[i, own + _RELAPSE]
        kept = 1.0
        if now > relapse:  # never, while either is unknown
            kept = 1.0 - _share_of_way(now, relapse, relapse + ramp)
        body[i, own + _BY_DRUG], body[i, own + _BY_ITSELF] = by_drug * kept, by_itself * kept
        body[i, own + _RECOVERY] = max(by_drug, by_itself) * kept
        _worsen(body, i, own, relapse + ramp, ramp, now)


@kernel
def _begins_to_recover(body: Floats, i: int, own: int, ramp: float, now: float) -> bool:
    """Note when a recovery would begin; whether it does, severe disease not having come before."""
    first = body[i, own + _SPONTANEOUS]
    need = max(0.0, body[i, own + _TIME] - ramp)
    if body[i, own + _RESPONDER] == 1.0 and body[i, own + _BLOCKED] > need:
        first = min(first, now - (body[i, own + _BLOCKED] - need))
    if np.isnan(body[i, own + _BEGUN]) and first <= now:
        body[i, own + _BEGUN] = first
    recovering: bool = body[i, own + _BEGUN] < body[i, own + _PROGRESSION]  # not while it is unknown
    return recovering


@kernel
def _worsen(body: Floats, i: int, own: int, lost: float, ramp: float, now: float) -> None:
    """Become severe when the time at risk is over, which stands still from a recovery until it is `lost` again."""
    wait, begun = body[i, own + _PROGRESSION], body[i, own + _BEGUN]
    severe_from = np.nan
    if wait <= (now if np.isnan(begun) else begun):
        severe_from = wait
    elif lost + (wait - begun) <= now:  # not while either is unknown
        severe_from = lost + (wait - begun)
    body[i, own + _SEVERE_FROM] = severe_from
    body[i, own + _SEVERITY] = _share_of_way(now, severe_from, severe_from + ramp) if now > severe_from else 0.0


@kernel
def observe_blood_count(
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
    """Count blood cells, with lognormal errors of mean 1, and note whether transfusions are needed."""
    own = links[0]
    for k in range(rows.shape[0]):
        i = rows[k]
        by_drug, by_itself = body[i, own + _BY_DRUG], body[i, own + _BY_ITSELF]
        left = 1.0 - body[i, own + _SEVERITY] * (1.0 - constants[_K_SEVERE_COUNTS])
        for count in range(4):
            entry = body[i, own + _ENTRY + count]
            rise = by_drug * (body[i, own + _GOAL + count] - entry)
            level = entry + max(rise, by_itself * (body[i, own + _GOAL_BY_ITSELF + count] - entry))
            truth[k, count] = level if count == _HAEMOGLOBIN else level * left
            z = normal_quantile(uniform(seed, who[i, 0], who[i, 1], _DRAW_COUNT + count, index[i]))
            sd = constants[_K_ERROR + count]
            value[k, count] = truth[k, count] * exp(sd * z - 0.5 * sd * sd)
        truth[k, 4] = _transfused(body, i, own, constants[_K_FREE])
        value[k, 4] = truth[k, 4]


@kernel
def _transfused(body: Floats, i: int, own: int, free_at: float) -> float:
    """1 where red cells are transfused: in severe disease, and in who depends on it until the red cells recover."""
    if body[i, own + _SEVERITY] > 0.0:
        return 1.0
    of_red = body[i, own + _LINEAGE] == _RED
    by_drug = (of_red or body[i, own + _COMPLETE] == 1.0) and body[i, own + _BY_DRUG] >= free_at
    by_itself = (of_red or body[i, own + _WHOLE] == 1.0) and body[i, own + _BY_ITSELF] >= free_at
    needed: float = 0.0 if by_drug or by_itself else body[i, own + _DEPENDENT]
    return needed


@kernel
def rate_of_progression(
    body: Floats,
    rows: Integers,
    links: Integers,
    constants: Floats,  # noqa: ARG001
    now: Integers,  # noqa: ARG001
    out: Floats,
) -> None:
    """At once where the disease has become severe, else never."""
    for k in range(rows.shape[0]):
        out[k] = 0.0 if np.isnan(body[rows[k], links[0] + _SEVERE_FROM]) else AT_ONCE


@kernel
def rate_of_death(
    body: Floats,
    rows: Integers,
    links: Integers,
    constants: Floats,
    now: Integers,  # noqa: ARG001
    out: Floats,
) -> None:
    """One rate in severe disease, another without."""
    for k in range(rows.shape[0]):
        moderate = np.isnan(body[rows[k], links[0] + _SEVERE_FROM])
        out[k] = constants[_K_DEATH] if moderate else constants[_K_DEATH_SEVERE]


def constants_of(values: Mapping[str, float]) -> Floats:
    """What the kernels read; times in minutes, the middle of counts on the scale on which they are normal."""
    v = in_base_units(PARAMETERS, values)
    ever = min(0.999, v["response"] / v["response_within_12_weeks"])
    odds = _odds_if_dependent(ever, v["transfusion_dependent"], v["independence_odds_ratio"])
    better = odds * v["independence_odds_ratio"]
    numbers = [
        v["weight_median"], log_sd(v["weight_cv"]), _normal_below(-v["entry_truncation"]),
        v["transfusion_dependent"], odds / (1.0 + odds), better / (1.0 + better), log(v["response_time"]),
        log(_THREE_MONTHS / v["response_time"]) / normal_quantile(v["response_within_12_weeks"]),
        v["complete_share"], v["blocking_concentration"], v["recovery_time"], v["spontaneous_recovery"],
        v["relapse"], log_sd(v["normal_cv"]), log_sd(v["gain_cv"]), v["transfusion_free_at"],
        v["spontaneous_complete"], v["progression"], v["severe_counts"], v["death"], v["death_severe"],
        log(v["neutrophils_median"]), log(v["platelets_median"]), v["haemoglobin_mean"],
        log(v["reticulocytes_median"]),
        v["neutrophils_log_sd"], v["platelets_log_sd"], v["haemoglobin_sd"], v["reticulocytes_log_sd"],
        v["neutrophils_normal"], v["platelets_normal"], v["haemoglobin_normal"], v["reticulocytes_normal"],
        v["neutrophils_gain"], v["platelets_gain"], v["haemoglobin_gain"], v["reticulocytes_gain"],
        log_sd(v["neutrophils_cv"]), log_sd(v["platelets_cv"]), log_sd(v["haemoglobin_error"]),
        log_sd(v["reticulocytes_cv"]),
    ]  # fmt: skip
    return np.array(numbers)


@kernel
def _normal_below(x: float) -> float:
    """The standard normal distribution function, from its own quantile by halving: to about 1e-15."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if normal_quantile(middle) < x:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@kernel
def _odds_if_dependent(share: float, dependent: float, ratio: float) -> float:
    """The odds of the dependent, where all respond by `share` and the others' odds are `ratio` times these: a root."""
    square = ratio * (1.0 - share)
    linear = dependent + (1.0 - dependent) * ratio - share * (1.0 + ratio)
    odds: float = (sqrt(linear * linear + 4.0 * square * share) - linear) / (2.0 * square)
    return odds


COMPONENT = Disease(
    name="aplastic_anaemia",
    meaning="moderate aplastic anaemia, in which the immune system suppresses the marrow",
    description="""Candidates with moderate aplastic anaemia, of whom the protocol's entry rule admits some.

    A share would respond to blockade of the IL-2 receptor (CD25), more of them where no transfusions are needed. In a
    responder the counts rise in a straight line while the receptor is blocked, and have risen in full when the time
    under blockade reaches the patient's own, which is lognormal. Recoveries are of all lineages or of one that is
    affected; those that come by themselves are of all. Full recovery is lost at a constant rate. Who has not begun to
    recover passes into severe disease at a constant rate: counts fall, red cells are transfused, nothing recovers any
    more, and death comes faster.
    """,
    stream=STREAM,
    step=STEP,
    parameters=PARAMETERS,
    fields=FIELDS,
    traits=(
        Trait("weight", _WEIGHT, "kg", "body weight at entry", hidden=False, least=0),
        Trait(
            "transfusion_dependent",
            _DEPENDENT,
            "",
            "1: on red-cell transfusions at entry",
            hidden=False,
            least=0,
            most=1,
            whole=True,
        ),
        Trait("responder", _RESPONDER, "", "1: blockade of CD25 would bring a response"),
        Trait("weeks_to_response", _WEEKS, "weeks", "time under blockade until that response is complete"),
        Trait("complete_recovery", _COMPLETE, "", "1: a response would be of all lineages"),
        Trait("weeks_to_progression", _WEEKS_AT_RISK, "weeks", "time without recovery until the disease is severe"),
    ),
    hazards=(
        Hazard("progression", _CLOCK_PROGRESSION, multiplier=rate_of_progression, once=True, changing=True),
        Hazard("death", _CLOCK_DEATH, multiplier=rate_of_death, once=True, changing=True),
    ),
    reads=("anti_cd25_concentration",),
    assessments=(
        Assessment(
            "blood_count",
            "blood count, and whether red cells were transfused",
            (
                Variable("neutrophils", "", "absolute neutrophil count, 10^9/L", least=0),
                Variable("platelets", "", "platelet count, 10^9/L", least=0),
                Variable("haemoglobin", "", "haemoglobin, g/dL", least=0),
                Variable("reticulocytes", "", "absolute reticulocyte count, 10^9/L", least=0),
                Variable(
                    "transfused", "", "1: red cells were transfused since the last count", least=0, most=1, whole=True
                ),
            ),
            observe_blood_count,
        ),
    ),
    start=start,
    advance=advance,
    constants=constants_of,
)
