"""The trial ms_daclizumab as one compiled loop, written by hand for this trial alone, patient after patient.

It was meant as the practical limit. The batch engine has overtaken it: that one does several patients in one
instruction, and saves more time by it than its generality costs.

One pass per candidate, in the order of their numbers, until the cohort of a replicate is full. The patient model, the
keyed random numbers and the records are the package's own, to the last bit (test_benchmarks.py compares).
All that a program can do without is left out: no protocol is read at run time, no charts are kept, no summaries are
worked out from them, nobody waits in a list; what depends on the calendar alone is computed once. The rows go
straight into columns that are used again for the next piece, so whoever takes one must be done with it before asking
for another.

What this program cannot do is the reason for the other one: change the protocol, and it must be written again.

Run it: python benchmarks/fused.py [subjects enrolled] [replicates]
"""

# Numba knows plain named tuples; and the loop shares the components' private numbering on purpose.
# ruff: noqa: PYI024, SLF001

from __future__ import annotations

import sys
import time
from collections import namedtuple
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import protocolsim
from protocolsim.arithmetic import exp, kernel, log, power, sqrt
from protocolsim.disease import relapsing_ms as ms
from protocolsim.drug import daclizumab as dac
from protocolsim.drug import interferon_beta as ifn
from protocolsim.kinetics import step, two_rates
from protocolsim.randomness import (
    ARRIVAL,
    binomial_quantile,
    exponential_quantile,
    normal_quantile,
    poisson_search,
    uniform,
)
from protocolsim.records import SUBJECTS_TOGETHER, TABLES, Records, columns_of
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK

Floats = NDArray[np.float64]

# What the scenario file says, a second time and for the loop alone.
ELIGIBLE_CELS, RESPONSE_THRESHOLD, RESCUE_LEVEL, DOSE = 2.0, 0.75, 1.0, 1.0
TOLERANCE = 1e-9
FOUR_WEEKS = 4 * MINUTES_PER_WEEK
BASELINE_ENDS, DECISION, END = 12 * MINUTES_PER_WEEK, 38 * MINUTES_PER_WEEK, 78 * MINUTES_PER_WEEK
BASELINE, COMBINATION, MONOTHERAPY, DOSE_DOUBLED, RESCUED, COMPLETED, SCREEN_FAILURE, WITHDRAWN = range(8)
MRI, EDSS, LYMPHOCYTES = range(3)
CEL, NEW_CEL, EDSS_RATED, NK, CD8 = range(5)
DACLIZUMAB = 1
SEVERE, ADVERSE = range(2)
STOPPED = WITHDRAWN  # a subject stopped in state s took transition 7 + s

LEVELS = 10  # of the EDSS
FEW = 64  # lesions for which the chance that none persists stands in a table
HALF_MONTHS = 40  # steps of two weeks for which the excess at referral stands in a table
TWO_WEEKS_APART, FOUR_WEEKS_APART = 0, 1  # the gaps between scans that occur

# The most rows of one subject. Adverse events have no bound: where they would need more room, the run is refused.
MOST = {"subjects": 1, "observations": 100, "doses": 24, "moves": 5, "events": 64}
# How many rows per candidate there is room for on average; a piece ends where some table is full.
ROOM = {"subjects": 1.0, "observations": 66.0, "doses": 12.0, "moves": 3.0, "events": 0.5}

Subjects = namedtuple(
    "Subjects",
    "replicate subject site arrival_day enrolled enrolled_minute final_state end_minute weight age "
    "new_lesion_rate edss_at_entry loss_factor long_run_rate_ratio clearance volume nk_baseline "
    "nk_expansion",
)
Observations = namedtuple(
    "Observations",
    "replicate subject state assessment variable index planned minute status value truth",
)
Doses = namedtuple(
    "Doses",
    "replicate subject state drug index planned minute status dose amount",
)
Moves = namedtuple(
    "Moves",
    "replicate subject minute left entered transition read_0 read_1 read_2",
)
Events = namedtuple(
    "Events",
    "replicate subject minute state event",
)
_KINDS: dict[str, Any] = {
    "subjects": Subjects, "observations": Observations, "doses": Doses, "moves": Moves, "events": Events,
}  # fmt: skip

# What is the same for everybody and follows from the components' constants, in one array. Two numbers each for the two
# gaps between scans (_REMEMBERED to _ODDS), then the tables.
(
    _ARRIVAL, _SEVERE, _ADVERSE, _LOG_LOSS, _LOG_LOSS_SD, _ONSET, _OFFSET, _ONSET_4, _OFFSET_4,
    _REMEMBERED, _, _KEPT, _, _FRESH, _, _CHANCE, _, _ODDS, _,
) = range(19)  # fmt: skip
_REFERRAL = 19
_EDSS_TOTAL = _REFERRAL + HALF_MONTHS + 1
_NONE_LEFT = _EDSS_TOTAL + LEVELS

# --- the patient ---------------------------------------------------------------------------------


@kernel
def _normal(seed: int, r: int, n: int, stream: int, index: int) -> float:
    return normal_quantile(uniform(seed, r, n, stream, index))


@kernel
def _age(u: float, low: float, mode: float, high: float) -> float:
    if u * (high - low) < mode - low:
        return low + sqrt(u * (high - low) * (mode - low))
    return high - sqrt((1.0 - u) * (high - low) * (high - mode))


@kernel
def _scan(
    c: Any, x: Any, seed: int, r: int, n: int, k: int, gap: int, minute: int, rate: float, activity: float,
    before: float, drugs: float,
) -> tuple[float, float, float, float, float]:  # fmt: skip
    """Activity now, lesions, new ones, and the truths behind both counts."""
    sd = c[ms._ACTIVITY_SD]
    activity = x[_REMEMBERED + gap] * activity + x[_FRESH + gap] * _normal(seed, r, n, ms._DRAW_ACTIVITY, k)
    expected = (
        rate
        * exp(activity - 0.5 * sd * sd + drugs)
        * x[_REFERRAL + minute // (2 * MINUTES_PER_WEEK)]
        * x[_CHANCE + gap]
    )
    new = poisson_search(uniform(seed, r, n, ms._DRAW_NEW, k), expected, exp(-expected))
    total = new
    if before > 0.0:
        u = uniform(seed, r, n, ms._DRAW_PERSISTING, k)
        if before < FEW:
            count = 0.0
            probability = x[_NONE_LEFT + gap * FEW + int(before)]
            below = probability
            while u > below and count < before and (count < before * x[_KEPT + gap] or probability > 1e-17):
                count += 1.0
                probability *= x[_ODDS + gap] * (before - count + 1.0) / count
                below += probability
            total += count
        else:
            total += binomial_quantile(u, before, x[_KEPT + gap])
    return activity, total, new, expected + before * x[_KEPT + gap], expected


@kernel
def _wait(x: Any, seed: int, r: int, n: int, level: int, jump: int) -> Any:
    return exponential_quantile(uniform(seed, r, n, ms._DRAW_WAIT, jump)) / x[_EDSS_TOTAL + level]


@kernel
def _play(
    c: Any, x: Any, seed: int, r: int, n: int, level: int, jump: int, due: float, minute: int
) -> tuple[int, int, float]:
    """The true EDSS up to this minute: level, jumps made, minute of the next."""
    while due <= minute:
        jump += 1
        goal = uniform(seed, r, n, ms._DRAW_LEVEL, jump) * x[_EDSS_TOTAL + level]
        first, below, reached = ms._LEVELS + level * LEVELS, 0.0, level
        for j in range(LEVELS):
            chance = c[first + j]
            if chance > 0.0 and below < goal:
                reached = j
            below += chance
        level = reached
        due += _wait(x, seed, r, n, level, jump + 1)
    return level, jump, due


@kernel
def _rated(c: Any, seed: int, r: int, n: int, level: int, k: int) -> Any:
    score = level + c[ms._RATING_SD] * _normal(seed, r, n, ms._DRAW_RATING, k)
    if score < 0.5:
        return 0.0
    return min(10.0, max(1.0, np.floor(2.0 * score + 0.5) / 2.0))


@kernel
def _steady(c: Any, weight: float, volume: float, back: float, fast: float, slow: float, own: float) -> Any:
    """Log rate ratio before an infusion in the steady state of the reference regimen, whose interval is four weeks."""
    share = c[dac._K_DOSE] * weight / (fast - slow)
    interval = c[dac._K_INTERVAL]
    central_fast = share * (fast - back) / (1.0 - exp(-fast * interval))
    central_slow = share * (back - slow) / (1.0 - exp(-slow * interval))
    week_fast, week_slow = exp(-fast * 7.0), exp(-slow * 7.0)
    gone_fast, gone_slow = 1.0 - week_fast, 1.0 - week_slow
    onset = c[dac._K_ONSET]
    left = exp(-7.0 / onset)
    ratio = 0.0
    for week in range(4):
        now = 7.0 * week
        left_fast = 1.0 if week == 0 else week_fast if week == 1 else exp(-fast * now)
        left_slow = 1.0 if week == 0 else week_slow if week == 1 else exp(-slow * now)
        area = central_fast * left_fast * gone_fast / fast
        area += central_slow * left_slow * gone_slow / slow
        goal = _ratio_goal(c, area / (volume * 7.0), own)
        ratio = goal + (ratio - goal) * left
    return ratio / (1.0 - exp(-interval / onset))


@kernel
def _ratio_goal(c: Any, concentration: float, own: float) -> Any:
    on_drug = min(1.0, concentration / c[dac._K_ON_DRUG])
    return c[dac._K_FULL_EFFECT] * (concentration / (c[dac._K_HALF_EFFECT] + concentration)) + own * on_drug


@kernel
def _due(threshold: float, rate: float, now: int) -> int:
    return now + int(np.ceil(threshold / rate))


# --- the loop ------------------------------------------------------------------------------------


@kernel
def _observe(
    o_replicate: Any, o_subject: Any, o_state: Any, o_assessment: Any, o_variable: Any, o_index: Any, o_planned: Any,
    o_minute: Any, o_status: Any, o_value: Any, o_truth: Any, at: int, r: int, n: int, state: int, assessment: int,
    variable: int, index: int, minute: int, value: float, truth: float,
) -> None:  # fmt: skip
    o_replicate[at] = r
    o_subject[at] = n
    o_state[at] = state
    o_assessment[at] = assessment
    o_variable[at] = variable
    o_index[at] = index
    o_planned[at] = minute
    o_minute[at] = minute
    o_status[at] = 0
    o_value[at] = value
    o_truth[at] = truth


@kernel
def _move(
    m_replicate: Any, m_subject: Any, m_minute: Any, m_left: Any, m_entered: Any, m_transition: Any, m_read_0: Any,
    m_read_1: Any, m_read_2: Any, at: int, r: int, n: int, minute: int, left: int, entered: int, transition: int,
) -> None:  # fmt: skip
    m_replicate[at], m_subject[at], m_minute[at] = r, n, minute
    m_left[at], m_entered[at], m_transition[at] = left, entered, transition
    m_read_0[at] = m_read_1[at] = m_read_2[at] = np.nan


@kernel
def loop(
    c: Any,
    q: Any,
    x: Any,
    size: int,
    candidates: int,
    seed: int,
    last: int,
    place: Any,
    clock: Any,
    counts: Any,
    room: Any,
    s: Any,
    o: Any,
    d: Any,
    m: Any,
    e: Any,
) -> None:
    """Candidates from `place` (replicate, number, enrolled so far) on, as many as there is room for.

    `clock` holds the minute of the last arrival; `counts` receives the number of rows written to each table.
    """
    (
        s_replicate,
        s_subject,
        s_site,
        s_arrival_day,
        s_enrolled,
        s_enrolled_minute,
        s_final_state,
        s_end_minute,
        s_weight,
        s_age,
        s_new_lesion_rate,
        s_edss_at_entry,
        s_loss_factor,
        s_long_run_rate_ratio,
        s_clearance,
        s_volume,
        s_nk_baseline,
        s_nk_expansion,
    ) = s
    (
        o_replicate,
        o_subject,
        o_state,
        o_assessment,
        o_variable,
        o_index,
        o_planned,
        o_minute,
        o_status,
        o_value,
        o_truth,
    ) = o
    d_replicate, d_subject, d_state, d_drug, d_index, d_planned, d_minute, d_status, d_dose, d_amount = d
    m_replicate, m_subject, m_minute, m_left, m_entered, m_transition, m_read_0, m_read_1, m_read_2 = m
    e_replicate, e_subject, e_minute, e_state, e_event = e
    r, n, enrolled = place[0], place[1], place[2]
    sd = c[ms._ACTIVITY_SD]
    shared = q[dac._K_NK_CORRELATION]
    nk_error, cd8_error = q[dac._K_NK_ASSAY], q[dac._K_CD8_ASSAY]
    arrival = clock[0]
    ns = no = nd = nm = ne = 0
    while r < last and ns < room[0] and no < room[1] and nd < room[2] and nm < room[3] and ne < room[4]:
        # Who this is.
        arrival = (arrival if n > 0 else 0.0) + exponential_quantile(uniform(seed, r, n, ARRIVAL, 0)) / x[_ARRIVAL]
        weight = c[ms._WEIGHT_MEDIAN] * exp(c[ms._WEIGHT_LOG_SD] * _normal(seed, r, n, ms._DRAW_WEIGHT, 0))
        rate = exp(c[ms._RATE_LOG_MEAN] + c[ms._RATE_LOG_SD] * _normal(seed, r, n, ms._DRAW_RATE, 0))
        activity = sd * _normal(seed, r, n, ms._DRAW_ACTIVITY, 0)
        then = rate * exp(activity - 0.5 * sd * sd) * x[_REFERRAL + HALF_MONTHS]
        mean = then / (1.0 - c[ms._PERSISTENCE])
        lesions = poisson_search(uniform(seed, r, n, ms._DRAW_NEW, 0), mean, exp(-mean))
        z = np.floor(c[ms._ENTRY_MEAN] + c[ms._ENTRY_SD] * _normal(seed, r, n, ms._DRAW_ENTRY, 0) + 0.5)
        level = int(min(LEVELS - 1.0, max(0.0, z)))
        jump, jump_due = 0, _wait(x, seed, r, n, level, 1)
        nk = q[dac._K_NK_BASELINE] * exp(q[dac._K_NK_BASELINE_SD] * _normal(seed, r, n, dac._DRAW_NK_BASELINE, 0))
        cd8, nk_baseline = 1.0, nk
        log_loss = x[_LOG_LOSS] + x[_LOG_LOSS_SD] * _normal(seed, r, n, ifn._DRAW_LOSS, 0)
        relative = weight / q[dac._K_WEIGHT]
        on_clearance = power(relative, q[dac._K_CLEARANCE_POWER])
        on_volume = power(relative, q[dac._K_VOLUME_POWER])
        spread = exp(q[dac._K_CLEARANCE_SD] * _normal(seed, r, n, dac._DRAW_CLEARANCE, 0))
        clearance = q[dac._K_CLEARANCE] * on_clearance * spread
        volume = q[dac._K_VOLUME] * on_volume * exp(q[dac._K_VOLUME_SD] * _normal(seed, r, n, dac._DRAW_VOLUME, 0))
        exchange = q[dac._K_EXCHANGE] * on_clearance
        to, back = exchange / volume, exchange / (q[dac._K_PERIPHERAL_VOLUME] * on_volume)
        fast, slow = two_rates(clearance / volume, to, back)
        effect = _normal(seed, r, n, dac._DRAW_EFFECT, 0)
        other = _normal(seed, r, n, dac._DRAW_NK_EXPANSION, 0)
        own = q[dac._K_EFFECT_SD] * effect
        expansion = q[dac._K_NK_MAX] * exp(
            q[dac._K_NK_MAX_SD] * (shared * effect + sqrt(1.0 - shared * shared) * other)
        )
        s_replicate[ns], s_subject[ns], s_site[ns], s_arrival_day[ns] = r, n, 0, -(arrival // -MINUTES_PER_DAY)
        s_weight[ns], s_new_lesion_rate[ns], s_edss_at_entry[ns] = weight, rate, level
        s_age[ns] = _age(uniform(seed, r, n, ms._DRAW_AGE, 0), c[ms._AGE_LOW], c[ms._AGE_MODE], c[ms._AGE_HIGH])
        s_loss_factor[ns], s_clearance[ns], s_volume[ns] = exp(log_loss), clearance, volume
        s_long_run_rate_ratio[ns] = exp(_steady(q, weight, volume, back, fast, slow, own))
        s_nk_baseline[ns], s_nk_expansion[ns] = nk_baseline, expansion

        # Baseline: four scans, on interferon alone.
        scans = lymphocytes = ratings = 0
        entry_cel = cels = edss = 0.0
        for visit in range(4):
            minute = visit * FOUR_WEEKS
            scans += 1
            activity, lesions, new, truth, expected = _scan(
                c, x, seed, r, n, scans, FOUR_WEEKS_APART, minute, rate, activity, lesions, 0.0
            )
            _observe(
                o_replicate,
                o_subject,
                o_state,
                o_assessment,
                o_variable,
                o_index,
                o_planned,
                o_minute,
                o_status,
                o_value,
                o_truth,
                no,
                r,
                n,
                BASELINE,
                MRI,
                CEL,
                scans,
                minute,
                lesions,
                truth,
            )
            _observe(
                o_replicate,
                o_subject,
                o_state,
                o_assessment,
                o_variable,
                o_index,
                o_planned,
                o_minute,
                o_status,
                o_value,
                o_truth,
                no + 1,
                r,
                n,
                BASELINE,
                MRI,
                NEW_CEL,
                scans,
                minute,
                new,
                expected,
            )
            no += 2
            cels += lesions
            if visit == 2:
                entry_cel = cels
            if visit in (0, 3):
                lymphocytes += 1
                ratings += 1
                a = nk * exp(
                    nk_error * _normal(seed, r, n, dac._DRAW_NK_ASSAY, lymphocytes) - 0.5 * nk_error * nk_error
                )
                b = exp(cd8_error * _normal(seed, r, n, dac._DRAW_CD8_ASSAY, lymphocytes) - 0.5 * cd8_error * cd8_error)
                level, jump, jump_due = _play(c, x, seed, r, n, level, jump, jump_due, minute)
                edss = _rated(c, seed, r, n, level, ratings)
                _observe(
                    o_replicate,
                    o_subject,
                    o_state,
                    o_assessment,
                    o_variable,
                    o_index,
                    o_planned,
                    o_minute,
                    o_status,
                    o_value,
                    o_truth,
                    no,
                    r,
                    n,
                    BASELINE,
                    LYMPHOCYTES,
                    NK,
                    lymphocytes,
                    minute,
                    a,
                    nk,
                )
                _observe(
                    o_replicate,
                    o_subject,
                    o_state,
                    o_assessment,
                    o_variable,
                    o_index,
                    o_planned,
                    o_minute,
                    o_status,
                    o_value,
                    o_truth,
                    no + 1,
                    r,
                    n,
                    BASELINE,
                    LYMPHOCYTES,
                    CD8,
                    lymphocytes,
                    minute,
                    b,
                    cd8,
                )
                _observe(
                    o_replicate,
                    o_subject,
                    o_state,
                    o_assessment,
                    o_variable,
                    o_index,
                    o_planned,
                    o_minute,
                    o_status,
                    o_value,
                    o_truth,
                    no + 2,
                    r,
                    n,
                    BASELINE,
                    EDSS,
                    EDSS_RATED,
                    ratings,
                    minute,
                    edss,
                    level,
                )
                no += 3
        baseline_cel = cels / 4.0
        eligible = entry_cel - ELIGIBLE_CELS >= -TOLERANCE and edss - 1.0 >= -TOLERANCE and 6.5 - edss >= -TOLERANCE
        state = COMBINATION if eligible else SCREEN_FAILURE
        _move(
            m_replicate,
            m_subject,
            m_minute,
            m_left,
            m_entered,
            m_transition,
            m_read_0,
            m_read_1,
            m_read_2,
            nm,
            r,
            n,
            BASELINE_ENDS,
            BASELINE,
            state,
            0 if eligible else 1,
        )
        m_read_0[nm], m_read_1[nm] = entry_cel, edss
        nm += 1
        s_enrolled[ns], s_enrolled_minute[ns] = eligible, BASELINE_ENDS if eligible else -1
        now = minute = BASELINE_ENDS
        if eligible:
            enrolled += 1
            cc, cp, pc, pp, ac, ap = step(to, back, fast, slow, volume, 7.0)
            central = peripheral = ratio = withdrawal = written = 0.0
            severe_due = _due(exponential_quantile(uniform(seed, r, n, dac.SEVERE_STREAM, 1)), x[_SEVERE], now)
            occurrence = 1
            adverse_due = _due(exponential_quantile(uniform(seed, r, n, dac.ADVERSE_STREAM, 1)), x[_ADVERSE], now)
            dose, infusions, previous = DOSE, 0, lesions
            next_rating = BASELINE_ENDS + 10 * MINUTES_PER_WEEK
        while eligible:
            # First the events before the visit or with it: those that change nothing, then the one that stops.
            while adverse_due <= min(severe_due, minute):
                if ne + 1 >= e_minute.shape[0]:
                    raise ValueError("more adverse events than there is room for")
                e_replicate[ne], e_subject[ne], e_minute[ne] = r, n, adverse_due
                e_state[ne], e_event[ne] = state, ADVERSE
                ne += 1
                occurrence += 1
                threshold = exponential_quantile(uniform(seed, r, n, dac.ADVERSE_STREAM, occurrence))
                adverse_due = _due(threshold, x[_ADVERSE], adverse_due)
            if severe_due <= minute:
                now = severe_due
                e_replicate[ne], e_subject[ne], e_minute[ne], e_state[ne], e_event[ne] = r, n, now, state, SEVERE
                ne += 1
                _move(
                    m_replicate,
                    m_subject,
                    m_minute,
                    m_left,
                    m_entered,
                    m_transition,
                    m_read_0,
                    m_read_1,
                    m_read_2,
                    nm,
                    r,
                    n,
                    now,
                    state,
                    STOPPED,
                    7 + state,
                )
                nm += 1
                state = STOPPED
                break
            if minute == END:
                now = minute
                _move(
                    m_replicate,
                    m_subject,
                    m_minute,
                    m_left,
                    m_entered,
                    m_transition,
                    m_read_0,
                    m_read_1,
                    m_read_2,
                    nm,
                    r,
                    n,
                    now,
                    state,
                    COMPLETED,
                    3 + state,
                )
                nm += 1
                state = COMPLETED
                break
            # Drugs and their effects go on to the visit.
            if minute > now:
                if withdrawal != (1.0 if state == MONOTHERAPY else 0.0):
                    passed = minute - now
                    if state == MONOTHERAPY:
                        left = x[_OFFSET_4] if passed == FOUR_WEEKS else exp(-passed / x[_OFFSET])
                        withdrawal = 1.0 + (withdrawal - 1.0) * left
                    else:
                        left = x[_ONSET_4] if passed == FOUR_WEEKS else exp(-passed / x[_ONSET])
                        withdrawal = 0.0 + (withdrawal - 0.0) * left
                    written = withdrawal * log_loss
                while now < minute:
                    if minute - now >= MINUTES_PER_WEEK:
                        now += MINUTES_PER_WEEK
                        average = ac * central + ap * peripheral
                        central, peripheral = cc * central + cp * peripheral, pc * central + pp * peripheral
                        on_ratio, on_nk, on_cd8 = q[dac._K_WEEK_ONSET], q[dac._K_WEEK_NK], q[dac._K_WEEK_CD8]
                    else:
                        days = (minute - now) / MINUTES_PER_DAY
                        now = minute
                        p_cc, p_cp, p_pc, p_pp, p_ac, p_ap = step(to, back, fast, slow, volume, days)
                        average = p_ac * central + p_ap * peripheral
                        central, peripheral = p_cc * central + p_cp * peripheral, p_pc * central + p_pp * peripheral
                        on_ratio = exp(-days / q[dac._K_ONSET])
                        on_nk = exp(-days * q[dac._K_NK_LOSS])
                        on_cd8 = exp(-days / q[dac._K_CD8_TIME])
                    goal = _ratio_goal(q, average, own)
                    ratio = goal + (ratio - goal) * on_ratio
                    goal = nk_baseline * (1.0 + expansion * (average / (q[dac._K_NK_HALF] + average)))
                    nk = goal + (nk - goal) * on_nk
                    goal = 1.0 - q[dac._K_CD8_DEPTH] * (average / (q[dac._K_CD8_HALF] + average))
                    cd8 = goal + (cd8 - goal) * on_cd8
            if minute == DECISION:
                reduction = 1.0 - lesions / baseline_cel if baseline_cel != 0.0 else np.nan
                passed_rule = reduction - RESPONSE_THRESHOLD > TOLERANCE
                state = MONOTHERAPY if passed_rule else DOSE_DOUBLED
                dose = DOSE if passed_rule else 2.0 * DOSE
                _move(
                    m_replicate,
                    m_subject,
                    m_minute,
                    m_left,
                    m_entered,
                    m_transition,
                    m_read_0,
                    m_read_1,
                    m_read_2,
                    nm,
                    r,
                    n,
                    now,
                    COMBINATION,
                    state,
                    2 if passed_rule else 3,
                )
                m_read_0[nm], m_read_1[nm], m_read_2[nm] = baseline_cel, lesions, reduction
                nm += 1
                next_rating = DECISION
            if minute > BASELINE_ENDS:
                # The visit: a scan, lymphocytes, at times a rating; then, on daclizumab alone, the rule of rescue.
                gap = TWO_WEEKS_APART if minute == BASELINE_ENDS + 2 * MINUTES_PER_WEEK else FOUR_WEEKS_APART
                scans += 1
                lymphocytes += 1
                previous = lesions
                activity, lesions, new, truth, expected = _scan(
                    c, x, seed, r, n, scans, gap, minute, rate, activity, lesions, ratio + written
                )
                a = nk * exp(
                    nk_error * _normal(seed, r, n, dac._DRAW_NK_ASSAY, lymphocytes) - 0.5 * nk_error * nk_error
                )
                b = cd8 * exp(
                    cd8_error * _normal(seed, r, n, dac._DRAW_CD8_ASSAY, lymphocytes) - 0.5 * cd8_error * cd8_error
                )
                _observe(
                    o_replicate,
                    o_subject,
                    o_state,
                    o_assessment,
                    o_variable,
                    o_index,
                    o_planned,
                    o_minute,
                    o_status,
                    o_value,
                    o_truth,
                    no,
                    r,
                    n,
                    state,
                    MRI,
                    CEL,
                    scans,
                    minute,
                    lesions,
                    truth,
                )
                _observe(
                    o_replicate,
                    o_subject,
                    o_state,
                    o_assessment,
                    o_variable,
                    o_index,
                    o_planned,
                    o_minute,
                    o_status,
                    o_value,
                    o_truth,
                    no + 1,
                    r,
                    n,
                    state,
                    MRI,
                    NEW_CEL,
                    scans,
                    minute,
                    new,
                    expected,
                )
                _observe(
                    o_replicate,
                    o_subject,
                    o_state,
                    o_assessment,
                    o_variable,
                    o_index,
                    o_planned,
                    o_minute,
                    o_status,
                    o_value,
                    o_truth,
                    no + 2,
                    r,
                    n,
                    state,
                    LYMPHOCYTES,
                    NK,
                    lymphocytes,
                    minute,
                    a,
                    nk,
                )
                _observe(
                    o_replicate,
                    o_subject,
                    o_state,
                    o_assessment,
                    o_variable,
                    o_index,
                    o_planned,
                    o_minute,
                    o_status,
                    o_value,
                    o_truth,
                    no + 3,
                    r,
                    n,
                    state,
                    LYMPHOCYTES,
                    CD8,
                    lymphocytes,
                    minute,
                    b,
                    cd8,
                )
                no += 4
                rated = minute == next_rating
                recent = (previous + lesions) / 2.0
                rescued = state == MONOTHERAPY and recent - RESCUE_LEVEL * baseline_cel > TOLERANCE
                if rated or rescued:
                    # Ratings begin anew in the state of rescue; one made at this very visit counts for it.
                    ratings += 1
                    level, jump, jump_due = _play(c, x, seed, r, n, level, jump, jump_due, minute)
                    edss = _rated(c, seed, r, n, level, ratings)
                    _observe(
                        o_replicate,
                        o_subject,
                        o_state,
                        o_assessment,
                        o_variable,
                        o_index,
                        o_planned,
                        o_minute,
                        o_status,
                        o_value,
                        o_truth,
                        no,
                        r,
                        n,
                        state if rated else RESCUED,
                        EDSS,
                        EDSS_RATED,
                        ratings,
                        minute,
                        edss,
                        level,
                    )
                    no += 1
                    next_rating = minute + 12 * MINUTES_PER_WEEK
                if rescued:
                    _move(
                        m_replicate,
                        m_subject,
                        m_minute,
                        m_left,
                        m_entered,
                        m_transition,
                        m_read_0,
                        m_read_1,
                        m_read_2,
                        nm,
                        r,
                        n,
                        now,
                        state,
                        RESCUED,
                        4,
                    )
                    m_read_0[nm], m_read_1[nm] = baseline_cel, recent
                    nm += 1
                    state = RESCUED
            infusions += 1
            amount = dose * weight
            central += amount
            d_replicate[nd], d_subject[nd], d_state[nd], d_drug[nd] = r, n, state, DACLIZUMAB
            d_index[nd], d_planned[nd], d_minute[nd], d_status[nd] = infusions, minute, minute, 0
            d_dose[nd], d_amount[nd] = dose, amount
            nd += 1
            minute += FOUR_WEEKS if minute > BASELINE_ENDS else 2 * MINUTES_PER_WEEK
        s_final_state[ns], s_end_minute[ns] = state, now
        ns += 1
        n += 1
        if enrolled == size:
            r, n, enrolled = r + 1, 0, 0
        elif n == candidates:
            raise ValueError("the candidates ran out before the cohort was full")
    place[0], place[1], place[2], clock[0] = r, n, enrolled, arrival
    counts[0], counts[1], counts[2], counts[3], counts[4] = ns, no, nd, nm, ne


# --- around it -----------------------------------------------------------------------------------


def fixed(scenario: Any) -> tuple[Floats, Floats, Floats]:
    """What is the same for everybody: the constants of disease and daclizumab, and what follows from all constants."""
    trial = scenario.trial
    parts = {part.component.name: part.constants for part in (trial.disease, *trial.drugs)}
    c, i = parts["relapsing_ms"], parts["interferon_beta"]
    x = np.empty(_NONE_LEFT + 2 * FEW)
    x[_ARRIVAL] = trial.cohort.sites[0].rate
    x[_SEVERE], x[_ADVERSE] = (cause.rates[COMBINATION] for cause in trial.causes)
    x[_LOG_LOSS], x[_LOG_LOSS_SD] = i[ifn._LOG_MEDIAN], i[ifn._LOG_SD]
    x[_ONSET], x[_OFFSET] = i[ifn._ONSET], i[ifn._OFFSET]
    x[_ONSET_4], x[_OFFSET_4] = exp(-FOUR_WEEKS / i[ifn._ONSET]), exp(-FOUR_WEEKS / i[ifn._OFFSET])
    persistence, autocorrelation = c[ms._PERSISTENCE], c[ms._AUTOCORRELATION]
    for gap, months in ((TWO_WEEKS_APART, 0.5), (FOUR_WEEKS_APART, 1.0)):
        remembered = power(autocorrelation, months) if months != 1.0 else autocorrelation
        kept = power(persistence, months) if months != 1.0 else persistence
        x[_REMEMBERED + gap], x[_KEPT + gap] = remembered, kept
        x[_FRESH + gap] = c[ms._ACTIVITY_SD] * sqrt(1.0 - remembered * remembered)
        x[_CHANCE + gap], x[_ODDS + gap] = (1.0 - kept) / (1.0 - persistence), kept / (1.0 - kept)
        x[_NONE_LEFT + gap * FEW : _NONE_LEFT + (gap + 1) * FEW] = [exp(n * log(1.0 - kept)) for n in range(FEW)]
    # The last entry belongs to the unrecorded scan before the first.
    since = [*(k * 2.0 * MINUTES_PER_WEEK for k in range(HALF_MONTHS)), -float(FOUR_WEEKS)]
    x[_REFERRAL:_EDSS_TOTAL] = [1.0 + c[ms._EXCESS] * exp(-c[ms._REFERRAL_DECAY] * t) for t in since]
    x[_EDSS_TOTAL:_NONE_LEFT] = c[ms._TOTALS :]
    return c, parts["daclizumab"], x


def pieces(scenario: Any, seed: int, replicates: int) -> Iterator[Records]:
    """Records of these replicates, piece by piece; the next piece overwrites the one before."""
    labels = scenario.trial.labels
    rows = {t: int(SUBJECTS_TOGETHER * ROOM[t]) for t in TABLES}
    columns = {t: {c: np.empty(rows[t] + MOST[t], dtype=k) for c, k in columns_of(t, labels).items()} for t in TABLES}
    tables = [_KINDS[t](*columns[t].values()) for t in TABLES]
    room = np.array([rows[t] for t in TABLES])
    place, clock, counts = np.zeros(3, dtype=np.int64), np.zeros(1), np.zeros(len(TABLES), dtype=np.int64)
    constants = fixed(scenario)
    size, candidates = scenario.trial.cohort.size, scenario.trial.cohort.max_candidates
    while place[0] < replicates:
        loop(*constants, size, candidates, seed, replicates, place, clock, counts, room, *tables)
        filled = {t: {c: a[:n] for c, a in columns[t].items()} for t, n in zip(TABLES, counts.tolist(), strict=True)}
        yield Records(labels, filled, whole=False)


def main() -> None:
    """Run once, and print patients per second."""
    size, replicates = ([int(argument) for argument in sys.argv[1:]] + [15, 2000][len(sys.argv) - 1 :])[:2]
    scenario = protocolsim.load("ms_daclizumab", set={"cohort.size": size})
    for _ in pieces(scenario, scenario.seed, 1):
        pass
    started = time.perf_counter()
    enrolled = sum(int(piece["subjects"]["enrolled"].sum()) for piece in pieces(scenario, scenario.seed, replicates))
    seconds = time.perf_counter() - started
    print(f"{enrolled} enrolled in {seconds:.2f} s: {enrolled / seconds:.0f} patients a second")


if __name__ == "__main__":
    main()
