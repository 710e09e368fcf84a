"""Relapsing multiple sclerosis: contrast-enhancing lesions on MRI, and disability on the EDSS.

Whoever arrives has failed interferon beta and takes it: every rate here is a rate on interferon beta. Lesions
are drawn at scans only, and depend on the weeks since the last scan that was made, so that a missed scan does not
change the law of the next one. Disability is a Markov chain in continuous time, played jump by jump: its law does
not depend on when anybody looks. It drifts upwards, and no drug acts on it.

Marks: F found in text, F2 found second-hand, D derived from found numbers, A assumption, M from memory.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from protocolsim.arithmetic import exp, inlined, kernel, log, power, sqrt, unsigned
from protocolsim.component import (
    Assessment,
    Floats,
    Integers,
    Parameter,
    Trait,
    Variable,
    in_base_units,
    put_back,
    signal_sums,
    taken,
)
from protocolsim.disease.base import Disease
from protocolsim.randomness import (
    binomial_counts,
    exponential_quantile,
    keys,
    keys_of_use,
    log_sd,
    normals,
    poisson_counts,
    uniforms,
)
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK

STREAM = 1000
_DRAW_WEIGHT, _DRAW_AGE, _DRAW_RATE, _DRAW_ACTIVITY, _DRAW_NEW, _DRAW_PERSISTING = range(STREAM, STREAM + 6)
_DRAW_ENTRY, _DRAW_WAIT, _DRAW_LEVEL, _DRAW_RATING = range(STREAM + 6, STREAM + 10)

FIELDS = (
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
)
(_WEIGHT, _AGE, _RATE, _ACTIVITY, _LESIONS, _FIRST, _LAST, _EDSS, _JUMPS, _NEXT_JUMP, _EDSS_AT_ENTRY) = range(11)

_CONSTANTS = 16  # the last is where the table of EDSS rates begins, which the sums of its rows follow
(
    _WEIGHT_MEDIAN, _WEIGHT_LOG_SD, _AGE_LOW, _AGE_MODE, _AGE_HIGH,
    _RATE_LOG_MEAN, _RATE_LOG_SD, _ACTIVITY_SD, _AUTOCORRELATION, _PERSISTENCE,
    _EXCESS, _REFERRAL_DECAY, _ENTRY_MEAN, _ENTRY_SD, _RATING_SD, _LEVELS,
) = range(_CONSTANTS)  # fmt: skip
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
_NUMBER_OF_LEVELS = len(EDSS_RATES)
_TOTALS = _LEVELS + _NUMBER_OF_LEVELS * _NUMBER_OF_LEVELS

_CHOICE = "CHOICE placebo arm, 0.95 new or enlarged lesions a scan (Wynn 2010, Lancet Neurol 9:381-90)"
_VELEZ = "Velez de Mendizabal 2013, PLoS ONE 8:e73361"
_REGISTRY = "NCT00001934, registry: age 18 to 65"

PARAMETERS = (
    Parameter("new_lesion_rate", 1.2, "1/4 weeks", 0.6, 2.5, "D",
              f"{_CHOICE}; NIH untreated 3.26 a month ({_VELEZ}), less what interferon beta does",
              "mean over screened patients of their long-run rate of new lesions on interferon beta", least=0.0001),
    Parameter("new_lesion_rate_log_sd", 1.0, "", 0.8, 1.4, "D",
              f"single-scan spread in SELECT, DECIDE and REFLEX less the spread within; CV 0.97 in {_VELEZ}",
              "spread of the long-run rate between patients (SD of its logarithm)"),
    Parameter("activity_sd", 0.5, "", 0.3, 0.7, "D", f"variance-to-mean ratio about 1.9 within patients ({_VELEZ})",
              "spread of disease activity within a patient over time (SD of its logarithm)"),
    Parameter("activity_autocorrelation", 0.6, "", 0.2, 0.75, "D",
              f"month-to-month correlation of counts, 0.5 in {_VELEZ} and near 0.1 elsewhere",
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


@inlined
def _triangular_quantile(u: float, low: float, mode: float, high: float) -> float:
    if u * (high - low) < mode - low:
        return low + sqrt(u * (high - low) * (mode - low))
    return high - sqrt((1.0 - u) * (high - low) * (high - mode))


@inlined
def _on_scale(x: float) -> float:
    """The nearest EDSS score: 0, then 1 to 10 in steps of 0.5 (there is no 0.5)."""
    score: float = min(10.0, max(1.0, np.floor(2.0 * x + 0.5) / 2.0))
    return 0.0 if x < 0.5 else score


@inlined
def _referral(excess: float, decay: float, since_first: float) -> float:
    return 1.0 + excess * exp(-decay * since_first)


@kernel
def _destination(constants: Floats, level: int, u: float) -> int:
    """Where a jump of the EDSS leads: each level in proportion to its rate."""
    first, wanted = _LEVELS + level * _NUMBER_OF_LEVELS, u * constants[_TOTALS + level]
    below = 0.0
    reached = level
    for j in range(_NUMBER_OF_LEVELS):
        rate = constants[first + j]
        if rate > 0.0:
            reached = j
        below += rate
        if below >= wanted:
            break
    return reached


@kernel
def start(body: Floats, rows: Integers, links: Integers, constants: Floats, seed: int, who: Integers) -> None:
    """Draw the patient, and the unrecorded scan four weeks before the first (on interferon beta, no other drug)."""
    own, count, key = links[0], rows.shape[0], keys_of_use(who, rows, 0)
    z_weight, z_rate = normals(seed, key, _DRAW_WEIGHT), normals(seed, key, _DRAW_RATE)
    z_activity, z_entry = normals(seed, key, _DRAW_ACTIVITY), normals(seed, key, _DRAW_ENTRY)
    u_age, u_new = uniforms(seed, key, _DRAW_AGE), uniforms(seed, key, _DRAW_NEW)
    u_wait = uniforms(seed, keys_of_use(who, rows, 1), _DRAW_WAIT)
    sd, low, mode, high = constants[_ACTIVITY_SD], constants[_AGE_LOW], constants[_AGE_MODE], constants[_AGE_HIGH]
    before = _referral(constants[_EXCESS], constants[_REFERRAL_DECAY], -_FOUR_WEEKS)
    rate, expected, none, wait, level = np.empty(count), np.empty(count), np.empty(count), np.empty(count), z_entry
    for k in range(count):
        rate[k] = exp(constants[_RATE_LOG_MEAN] + constants[_RATE_LOG_SD] * z_rate[k])
        z_activity[k] = sd * z_activity[k]
        then = rate[k] * exp(z_activity[k] - 0.5 * sd * sd) * before
        expected[k] = then / (1.0 - constants[_PERSISTENCE])
    for k in range(count):
        none[k] = exp(-expected[k])
        wait[k] = exponential_quantile(u_wait[k])
        z_weight[k] = constants[_WEIGHT_MEDIAN] * exp(constants[_WEIGHT_LOG_SD] * z_weight[k])
        entry = np.floor(constants[_ENTRY_MEAN] + constants[_ENTRY_SD] * z_entry[k] + 0.5)
        level[k] = min(_NUMBER_OF_LEVELS - 1.0, max(0.0, entry))
    lesions = poisson_counts(u_new, expected, none)
    for k in range(count):
        i = np.uint64(rows[k])
        body[i, own + _WEIGHT], body[i, own + _AGE] = z_weight[k], _triangular_quantile(u_age[k], low, mode, high)
        body[i, own + _RATE], body[i, own + _ACTIVITY], body[i, own + _LESIONS] = rate[k], z_activity[k], lesions[k]
        body[i, own + _FIRST] = body[i, own + _LAST] = np.nan
        body[i, own + _EDSS] = body[i, own + _EDSS_AT_ENTRY] = level[k]
        body[i, own + _JUMPS] = 0.0
        body[i, own + _NEXT_JUMP] = wait[k] / constants[_TOTALS + int(level[k])]


@kernel
def _date_scan(
    body: Floats, rows: Integers, own: int, constants: Floats, minute: Integers
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Date the scan.

    Returns the factor of referral today; then what happened since the last scan: the share of log activity that is
    remembered, the SD of what is new in it, the share of lesions that still enhance, the log of the share that does
    not, and that share over what it is in 4 weeks.
    """
    count, others = rows.shape[0], 0
    now, first, gap = np.empty(count), taken(body, rows, own + _FIRST), taken(body, rows, own + _LAST)
    for k in range(count):
        now[k] = minute[np.uint64(rows[k])]
    put_back(body, rows, own + _LAST, now)
    for k in range(count):
        none = np.isnan(gap[k])
        gap[k] = 1.0 if none else (now[k] - gap[k]) / _FOUR_WEEKS  # the unrecorded scan was 4 weeks before the first
        first[k] = now[k] if none else first[k]
    put_back(body, rows, own + _FIRST, first)
    for k in range(count):
        now[k] -= first[k]
    for k in range(1, count):
        others += (gap[k] != gap[k - 1]) | (now[k] != now[k - 1])
    referral, remembered, fresh = now, np.empty(count), np.empty(count)
    kept, log_lost, lost = gap, np.empty(count), np.empty(count)
    computed = count if others > 0 else min(count, 1)  # mostly everybody's are the same
    for k in range(computed):
        remember, still = constants[_AUTOCORRELATION], constants[_PERSISTENCE]
        if gap[k] != 1.0:
            remember, still = power(remember, gap[k]), power(still, gap[k])
        remembered[k], fresh[k] = remember, constants[_ACTIVITY_SD] * sqrt(1.0 - remember * remember)
        kept[k], log_lost[k], lost[k] = still, log(1.0 - still), (1.0 - still) / (1.0 - constants[_PERSISTENCE])
        referral[k] = _referral(constants[_EXCESS], constants[_REFERRAL_DECAY], now[k])
    if computed < count:
        referral[:], remembered[:], fresh[:] = referral[0], remembered[0], fresh[0]
        kept[:], log_lost[:], lost[:] = kept[0], log_lost[0], lost[0]
    return referral, remembered, fresh, kept, log_lost, lost


@kernel
def observe_mri(
    body: Floats,
    rows: Integers,
    links: Integers,
    constants: Floats,
    seed: int,
    who: Integers,
    index: Integers,
    minute: Integers,
    value: Floats,
    truth: Floats,
) -> None:
    """Count enhancing lesions; truth is their expected number given the last scan and today's hidden rate."""
    own, count = links[0], rows.shape[0]
    key = keys(who, rows, index)
    innovation = normals(seed, key, _DRAW_ACTIVITY)
    u_new, u_persisting = uniforms(seed, key, _DRAW_NEW), uniforms(seed, key, _DRAW_PERSISTING)
    referral, remembered, fresh, kept, log_lost, lost = _date_scan(body, rows, own, constants, minute)
    activity, on_drug = taken(body, rows, own + _ACTIVITY), signal_sums(body, rows, links, 1)
    rate, before = taken(body, rows, own + _RATE), taken(body, rows, own + _LESIONS)
    sd = constants[_ACTIVITY_SD]
    expected, none_new, none_kept = np.empty(count), np.empty(count), np.empty(count)
    for k in range(count):
        activity[k] = remembered[k] * activity[k] + fresh[k] * innovation[k]
        exponent = activity[k] - 0.5 * sd * sd + on_drug[k]
        expected[k] = rate[k] * exp(exponent) * referral[k] * lost[k]
    for k in range(count):
        none_new[k] = exp(-expected[k])
        none_kept[k] = exp(before[k] * log_lost[k])
    new = poisson_counts(u_new, expected, none_new)
    persisting = binomial_counts(u_persisting, before, kept, none_kept)
    put_back(body, rows, own + _ACTIVITY, activity)
    for k in range(count):
        persisting[k] += new[k]
    put_back(body, rows, own + _LESIONS, persisting)
    for k in range(count):
        value[k, 0], value[k, 1] = persisting[k], new[k]
    for k in range(count):
        truth[k, 0], truth[k, 1] = expected[k] + before[k] * kept[k], expected[k]


@kernel
def _play_on(
    body: Floats, rows: Integers, own: int, constants: Floats, seed: int, who: Integers, minute: Integers
) -> None:
    """Every jump of the EDSS that is due by minute[i]: one of all who have one, then the next where there is one."""
    jumping, few = np.empty(rows.shape[0], dtype=np.int64), 0
    for i in unsigned(rows):
        jumping[few] = i
        few += body[i, own + _NEXT_JUMP] <= minute[i]
    while few > 0:
        key = keys_of_use(who, jumping[:few], 0)
        for k in range(few):
            key[2, k] = int(body[jumping[k], own + _JUMPS]) + 1
        u_level = uniforms(seed, key, _DRAW_LEVEL)
        for k in range(few):
            key[2, k] += 1
        u_wait = uniforms(seed, key, _DRAW_WAIT)
        jumped, few = few, 0
        for k in range(jumped):
            i = jumping[k]
            level = _destination(constants, int(body[i, own + _EDSS]), u_level[k])
            body[i, own + _EDSS] = level
            body[i, own + _JUMPS] += 1.0
            # Endless where no rate leads away.
            body[i, own + _NEXT_JUMP] += exponential_quantile(u_wait[k]) / constants[_TOTALS + level]
            jumping[few] = i
            few += body[i, own + _NEXT_JUMP] <= minute[i]


@kernel
def observe_edss(
    body: Floats,
    rows: Integers,
    links: Integers,
    constants: Floats,
    seed: int,
    who: Integers,
    index: Integers,
    minute: Integers,
    value: Floats,
    truth: Floats,
) -> None:
    """Play the true EDSS up to this minute, and rate it."""
    own = links[0]
    error = normals(seed, keys(who, rows, index), _DRAW_RATING)
    _play_on(body, rows, own, constants, seed, who, minute)
    level, sd = taken(body, rows, own + _EDSS), constants[_RATING_SD]
    for k in range(rows.shape[0]):
        value[k, 0], truth[k, 0] = _on_scale(level[k] + sd * error[k]), level[k]


def constants_of(values: Mapping[str, float]) -> Floats:
    """What the kernels read; times in minutes, the EDSS rates per minute and their sums last."""
    v = in_base_units(PARAMETERS, values)
    spread = v["new_lesion_rate_log_sd"]
    numbers = np.empty(_TOTALS + _NUMBER_OF_LEVELS)
    numbers[_WEIGHT_MEDIAN] = v["weight_median"]
    numbers[_WEIGHT_LOG_SD] = log_sd(v["weight_cv"])
    numbers[_AGE_LOW] = v["age_youngest"]
    numbers[_AGE_MODE] = v["age_commonest"]
    numbers[_AGE_HIGH] = v["age_oldest"]
    numbers[_RATE_LOG_MEAN] = log(v["new_lesion_rate"] * _FOUR_WEEKS) - 0.5 * spread * spread
    numbers[_RATE_LOG_SD] = spread
    numbers[_ACTIVITY_SD] = v["activity_sd"]
    numbers[_AUTOCORRELATION] = v["activity_autocorrelation"]
    numbers[_PERSISTENCE] = v["lesion_persistence"]
    numbers[_EXCESS] = v["referral_excess"]
    numbers[_REFERRAL_DECAY] = log(2.0) / v["referral_half_life"]
    numbers[_ENTRY_MEAN] = v["edss_entry_mean"]
    numbers[_ENTRY_SD] = v["edss_entry_sd"]
    numbers[_RATING_SD] = v["edss_rating_sd"]
    rates = np.array(EDSS_RATES) / _YEAR
    worsening = np.triu(np.ones_like(rates), 1) == 1.0
    rates = np.where(worsening, rates * v["edss_worsening"], rates)
    numbers[_LEVELS:_TOTALS] = rates.ravel()
    numbers[_TOTALS:] = rates.cumsum(axis=1)[:, -1]  # from left to right, as nothing else says of a sum
    return numbers


COMPONENT = Disease(
    name="relapsing_ms",
    meaning="relapsing multiple sclerosis in patients whom interferon beta alone has failed",
    description="""Patients with relapsing multiple sclerosis in whom interferon beta alone has failed.

    Long-run lesion rates are lognormal between patients; within one, log activity is autoregressive over 4 weeks
    and starts above its long run, since patients come when they are active. At a scan, lesions that appeared since
    the last one and still enhance are Poisson, and each older one is still seen with a fixed probability.
    """,
    stream=STREAM,
    parameters=PARAMETERS,
    fields=FIELDS,
    traits=(
        Trait("weight", _WEIGHT, "kg", "body weight at entry", hidden=False, least=0),
        Trait("age", _AGE, "", "age at entry, years", hidden=False, least=0),
        Trait("new_lesion_rate", _RATE, "1/4 weeks", "own long-run rate of new lesions on interferon beta"),
        Trait("edss_at_entry", _EDSS_AT_ENTRY, "", "true EDSS level at entry"),
    ),
    reads=("log_new_lesion_rate",),
    assessments=(
        Assessment(
            "mri",
            "brain MRI with gadolinium",
            (
                Variable("cel", "", "contrast-enhancing lesions, new and persisting", least=0, whole=True),
                Variable(
                    "new_cel", "", "contrast-enhancing lesions that the last scan did not show", least=0, whole=True
                ),
            ),
            observe_mri,
        ),
        Assessment(
            "edss",
            "rating on the Expanded Disability Status Scale",
            (Variable("edss", "", "EDSS as rated, 0 to 10; the truth behind it is a whole level", least=0, most=10),),
            observe_edss,
        ),
    ),
    start=start,
    constants=constants_of,
)
