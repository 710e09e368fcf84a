"""Relapsing multiple sclerosis: contrast-enhancing lesions on MRI, and disability on the EDSS.

Rates hold on what patients arrive on: those of the first population have failed interferon beta and take it, and the
parameters' own values are theirs; other populations stand in `_relapsing_ms_populations.py`. Lesions
are drawn at scans only, and depend on the weeks since the last scan that was made, so that a missed scan does not
change the law of the next one. Disability is a Markov chain in continuous time, played jump by jump: its law does
not depend on when anybody looks. It drifts upwards, and no drug acts on it.

Marks: F found in text, F2 found second-hand, D derived from found numbers, A assumption, M from memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from protocolsim.arithmetic import exp, inlined, log, power, sqrt
from protocolsim.arrays import Floats
from protocolsim.by_name.model import ByName, alike
from protocolsim.component import Parameter, Trait, Variable
from protocolsim.disease._relapsing_ms_populations import CHOICE, POPULATIONS, VELEZ
from protocolsim.disease.base import Disease
from protocolsim.randomness import log_sd
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK

_FOUR_WEEKS = 4.0 * MINUTES_PER_WEEK
_YEAR = 365.25 * MINUTES_PER_DAY

# Rates per year from one EDSS level (row) to another, 0..9 [D]: the logarithm of the annual matrix of the British
# Columbia cohort, onset at 28 or later (Palace 2014, BMJ Open 4:e004073) [M: its entries are from memory; that its
# rows sum to 1 is the only check made]. Rows were scaled to sum to 1 and negative rates (none below -0.00007) set to
# 0; one year of these rates gives the annual matrix back to within 0.00011.
EDSS_RATES = (
    (0.00000, 0.28834, 0.07629, 0.01149, 0.00000, 0.00005, 0.00007, 0.00000, 0.00000, 0.00000),
    (0.08282, 0.00000, 0.23807, 0.06422, 0.01428, 0.00002, 0.00000, 0.00004, 0.00000, 0.00000),
    (0.01630, 0.17921, 0.00000, 0.28807, 0.05621, 0.01350, 0.00001, 0.00000, 0.00000, 0.00000),
    (0.00484, 0.06138, 0.19704, 0.00000, 0.16255, 0.09234, 0.14786, 0.00000, 0.00007, 0.00001),
    (0.00009, 0.02162, 0.09704, 0.19922, 0.00000, 0.19793, 0.22374, 0.02046, 0.00000, 0.00007),
    (0.00000, 0.00000, 0.03658, 0.08501, 0.16255, 0.00000, 0.43210, 0.02829, 0.01396, 0.00000),
    (0.00000, 0.00000, 0.00000, 0.03279, 0.04321, 0.06283, 0.00000, 0.15139, 0.03876, 0.00350),
    (0.00000, 0.00008, 0.00000, 0.00004, 0.00837, 0.00009, 0.16223, 0.00000, 0.19894, 0.01799),
    (0.00000, 0.00000, 0.00000, 0.00001, 0.00008, 0.00000, 0.01778, 0.06941, 0.00000, 0.02351),
    (0.00000, 0.00000, 0.00001, 0.00000, 0.00000, 0.00000, 0.00006, 0.00003, 0.20296, 0.00000),
)
_HIGHEST = len(EDSS_RATES) - 1

_REGISTRY = "NCT00001934, registry: age 18 to 65"

PARAMETERS = (
    Parameter("new_lesion_rate", 1.2, "1/4 weeks", 0.6, 2.5, "A",
              f"between {CHOICE}, and {VELEZ} without treatment: screened patients of one clinic that few others are"
              " like. Those who pass the trial's entry rule show more than CHOICE's",
              "mean over screened patients of their long-run rate of new lesions, on what they arrive on",
              least=0.0001),
    Parameter("new_lesion_rate_log_sd", 1.0, "", 0.8, 1.4, "A",
              "between 0.82, of NIH patients, and 1.35, of patients on interferon beta in large trials",
              "spread of the long-run rate between patients (SD of its logarithm)"),
    Parameter("activity_sd", 0.5, "", 0.3, 0.7, "A",
              f"gives the variance-to-mean ratio within patients of 1.9 ({VELEZ}) at their rate of 3.26 a month, and"
              " less at the lower rates here",
              "spread of disease activity within a patient over time (SD of its logarithm)"),
    Parameter("activity_autocorrelation", 0.6, "", 0.2, 0.75, "A",
              f"between 0.87, which {VELEZ} ask for, and 0.25, of trials where counts correlate near 0.1",
              "correlation of log activity with itself 4 weeks later", most=0.99),
    Parameter("lesion_persistence", 20.0, "%", 14.0, 35.0, "D",
              "86 % of lesions enhance on one monthly scan only (AJR 1992;159:1041); 1 to 2 months (Guttmann 1995)",
              "share of enhancing lesions that still enhance 4 weeks later", most=95),
    Parameter("referral_excess", 30.0, "%", 0.0, 60.0, "A", "",
              "how far activity stands above the patient's own long run at the first scan: patients come when active"),
    Parameter("referral_half_life", 16.0, "weeks", 8.0, 26.0, "A", "",
              "time in which the excess at referral falls by half, from the first scan on"),
    Parameter("weight_median", 72.0, "kg", 50.0, 100.0, "A", "", "median body weight; weights are lognormal"),
    Parameter("weight_cv", 21.0, "%", 10.0, 35.0, "A", "", "spread of body weight (15 kg in 72)"),
    Parameter("age_youngest", 18.0, "", 18.0, 40.0, "F", _REGISTRY, "youngest age at entry, years"),
    Parameter("age_commonest", 36.0, "", 18.0, 65.0, "A", "", "most common age at entry, years; ages are triangular"),
    Parameter("age_oldest", 65.0, "", 40.0, 65.0, "F", _REGISTRY, "oldest age at entry, years"),
    Parameter("edss_entry_mean", 3.4, "", 2.0, 5.0, "A", "",
              "centre of true EDSS at entry: a normal, rounded to whole levels 0 to 9; some 3 % fall outside 1 to 6.5"),
    Parameter("edss_entry_sd", 1.4, "", 0.5, 2.0, "A", "", "spread of true EDSS at entry, before rounding"),
    Parameter("edss_worsening", 1.0, "", 0.5, 2.0, "A", "", "multiplies every rate towards a higher EDSS level"),
    Parameter("edss_rating_sd", 0.25, "", 0.14, 0.3, "D",
              "two raters: 69 % the same score, 92 % within one step (Neurology 1990;40:971)",
              "error of one EDSS rating, in points, before it is put on the scale"),
)  # fmt: skip


def _derived(p: Any) -> Mapping[str, float | Floats]:
    """What the kernels read besides; times in minutes, the EDSS rates per minute."""
    rates = np.array(EDSS_RATES) / _YEAR
    worsening = np.triu(np.ones_like(rates), 1) == 1.0
    rates = np.where(worsening, rates * p.edss_worsening, rates)
    return {
        "weight_log_sd": log_sd(p.weight_cv),
        "rate_log_mean": log(p.new_lesion_rate * _FOUR_WEEKS)
        - 0.5 * p.new_lesion_rate_log_sd * p.new_lesion_rate_log_sd,
        "referral_decay": log(2.0) / p.referral_half_life,
        "edss_rates": rates,
        "edss_leaving": rates.cumsum(axis=1)[:, -1],  # from left to right, as nothing else says of a sum
    }


MODEL = ByName(
    stream=1000,
    parameters=PARAMETERS,
    fields=(
        "weight",
        "age",
        "new_lesion_rate",  # long-run mean of new lesions, per 4 weeks
        "activity",  # log of this month's rate over the long-run one
        "lesions",  # enhancing at the last scan
        "first_scan",  # minute; nan before it
        "last_scan",  # minute; nan before the first
        "edss",  # true level, 0..9
        "edss_jumps",  # jumps made so far
        "edss_next_jump",  # minute of the next one
        "edss_at_entry",
    ),
    draws={
        "weight": 0, "age": 1, "rate": 2, "activity": 3, "new": 4, "persisting": 5,
        "entry": 6, "wait": 7, "level": 8, "rating": 9,
    },
    reads=("log_new_lesion_rate",),
    derived=_derived,
)  # fmt: skip


@inlined
def _triangular_quantile(u: float, low: float, mode: float, high: float) -> float:
    below, above = sqrt(u * (high - low) * (mode - low)), sqrt((1.0 - u) * (high - low) * (high - mode))
    return low + below if u * (high - low) < mode - low else high - above


@inlined
def _on_scale(x: float) -> float:
    """The nearest EDSS score: 0, then 1 to 10 in steps of 0.5 (there is no 0.5)."""
    score: float = min(10.0, max(1.0, np.floor(2.0 * x + 0.5) / 2.0))
    return 0.0 if x < 0.5 else score


@MODEL.part
def _referral(p: Any, since_first: float) -> float:
    factor: float = 1.0 + p.referral_excess * exp(-p.referral_decay * since_first)
    return factor


@MODEL.part
def _destination(p: Any, level: int, u: float) -> int:
    """Where a jump of the EDSS leads: each level in proportion to its rate."""
    wanted, below, reached = u * p.edss_leaving[level], 0.0, level
    for j in range(_HIGHEST + 1):
        rate = p.edss_rates[level, j]
        if rate > 0.0:
            reached = j
        below += rate
        if below >= wanted:
            break
    return reached


@MODEL.start
def start(me: Any, p: Any, draw: Any) -> None:
    """Draw the patient, and the unrecorded scan four weeks before the first (on what it arrives on)."""
    me.weight = p.weight_median * exp(p.weight_log_sd * draw.normal("weight"))
    me.age = _triangular_quantile(draw.uniform("age"), p.age_youngest, p.age_commonest, p.age_oldest)
    me.new_lesion_rate = exp(p.rate_log_mean + p.new_lesion_rate_log_sd * draw.normal("rate"))
    me.activity = p.activity_sd * draw.normal("activity")
    before = _referral(p, -_FOUR_WEEKS)
    rate = me.new_lesion_rate * exp(me.activity - 0.5 * p.activity_sd * p.activity_sd) * before
    me.lesions = draw.poisson("new", rate / (1.0 - p.lesion_persistence))
    me.first_scan = me.last_scan = np.nan
    entry = np.floor(p.edss_entry_mean + p.edss_entry_sd * draw.normal("entry") + 0.5)
    me.edss = me.edss_at_entry = min(float(_HIGHEST), max(0.0, entry))
    me.edss_jumps = 0.0
    me.edss_next_jump = draw.exponential("wait", use=1) / p.edss_leaving[me.edss]


@MODEL.observe(
    "mri",
    "brain MRI with gadolinium",
    Variable("cel", "", "contrast-enhancing lesions, new and persisting", least=0, whole=True, label="CELs"),
    Variable(
        "new_cel",
        "",
        "contrast-enhancing lesions that the last scan did not show",
        least=0,
        whole=True,
        label="new CELs",
    ),
    label="MRI",
)
def observe_mri(me: Any, p: Any, draw: Any, signal: Any, now: int, see: Any) -> None:
    """Count enhancing lesions; truth is their expected number given the last scan and today's hidden rate."""
    first = np.isnan(me.last_scan)
    gap = 1.0 if first else (now - me.last_scan) / _FOUR_WEEKS  # the unrecorded scan was 4 weeks before the first
    me.first_scan = now if first else me.first_scan
    me.last_scan = now
    since_first = now - me.first_scan
    with alike(gap, since_first):
        remembered = power(p.activity_autocorrelation, gap) if gap != 1.0 else p.activity_autocorrelation
        kept = power(p.lesion_persistence, gap) if gap != 1.0 else p.lesion_persistence
        fresh = p.activity_sd * sqrt(1.0 - remembered * remembered)
        log_lost, lost = log(1.0 - kept), (1.0 - kept) / (1.0 - p.lesion_persistence)
        referral = _referral(p, since_first)
    me.activity = remembered * me.activity + fresh * draw.normal("activity")
    exponent = me.activity - 0.5 * p.activity_sd * p.activity_sd + signal.log_new_lesion_rate
    expected = me.new_lesion_rate * exp(exponent) * referral * lost
    new, before = draw.poisson("new", expected), me.lesions
    me.lesions = draw.binomial("persisting", before, kept, none=exp(before * log_lost)) + new
    see.cel = me.lesions, expected + before * kept
    see.new_cel = new, expected


@MODEL.observe(
    "edss",
    "rating on the Expanded Disability Status Scale",
    Variable(
        "edss", "", "EDSS as rated, 0 to 10; the truth behind it is a whole level", least=0, most=10, label="EDSS"
    ),
    label="EDSS rating",
)
def observe_edss(me: Any, p: Any, draw: Any, now: int, see: Any) -> None:
    """Play the true EDSS up to this minute, jump by jump, and rate it."""
    while me.edss_next_jump <= now:
        me.edss_jumps += 1.0
        me.edss = _destination(p, int(me.edss), draw.uniform("level", use=me.edss_jumps))
        # Endless where no rate leads away.
        me.edss_next_jump += draw.exponential("wait", use=me.edss_jumps + 1.0) / p.edss_leaving[me.edss]
    see.edss = _on_scale(me.edss + p.edss_rating_sd * draw.normal("rating")), me.edss


COMPONENT = MODEL.component(
    Disease,
    name="relapsing_ms",
    meaning="relapsing multiple sclerosis, as lesions on MRI and disability",
    description="""Patients with relapsing multiple sclerosis, of several populations; those of a trial that names none
    have failed interferon beta alone, and take it.

    Long-run lesion rates are lognormal between patients; within one, log activity is autoregressive over 4 weeks
    and starts above its long run, since patients come when they are active. At a scan, lesions that appeared since
    the last one and still enhance are Poisson, and each older one is still seen with a fixed probability.
    """,
    traits=(
        Trait("weight", MODEL.field.weight, "kg", "body weight at entry", hidden=False, least=0),
        Trait("age", MODEL.field.age, "", "age at entry, years", hidden=False, least=0),
        Trait(
            "new_lesion_rate",
            MODEL.field.new_lesion_rate,
            "1/4 weeks",
            "own long-run rate of new lesions, on the treatment of its arrival",
        ),
        Trait("edss_at_entry", MODEL.field.edss_at_entry, "", "true EDSS level at entry"),
    ),
    start=start,
    populations=POPULATIONS,
)
