"""The trial ms_daclizumab written by hand with SimPy and transitions, to compare protocolsim with.

A plain script, as somebody would write it who knows both libraries: one process per patient, one machine shared by
all patients of a trial, one NumPy generator drawn from in the order of events, rows appended to lists. It holds the
same patient model and the same protocol, runs trials of the same size, and leaves the same five tables with the same
columns. It imports nothing of protocolsim: the numbers below stand here a second time on purpose. Where they come from
is said beside the parameters of the package.

Run it: python benchmarks/handwritten.py [subjects enrolled, in trials of 15] [seed]
"""

from __future__ import annotations

import bisect
import math
import sys
import time
from collections.abc import Generator
from typing import Any

import numpy as np
import pandas as pd
import simpy
from scipy.linalg import logm
from transitions import Machine

WEEK = 7.0  # time runs in days

# What the trial does, in weeks since the state was entered.
BASELINE_SCANS = (0, 4, 8, 12)
COMBINATION_INFUSIONS = (0, 2, 6, 10, 14, 18, 22)
COMBINATION_RATINGS = (10, 22)
COMBINATION_WEEKS, SECOND_WEEKS = 26, 40
RESPONSE_THRESHOLD, RESCUE_LEVEL, DOSE = 0.75, 1.0, 1.0
TRIAL_SIZE = 15

# The annual EDSS matrix (levels 0 to 9), from which the rates are taken.
ANNUAL = np.array([
    [.6954, .2029, .0725, .0217, .0042, .0014, .0018, .0001, .0000, .0000],
    [.0583, .6950, .1578, .0609, .0164, .0046, .0064, .0005, .0001, .0000],
    [.0159, .1213, .6079, .1680, .0446, .0185, .0216, .0017, .0005, .0000],
    [.0059, .0496, .1201, .5442, .0911, .0585, .1165, .0103, .0036, .0003],
    [.0017, .0221, .0666, .1152, .4894, .1039, .1681, .0258, .0067, .0006],
    [.0005, .0053, .0294, .0587, .0874, .4869, .2731, .0388, .0188, .0010],
    [.0001, .0013, .0044, .0250, .0307, .0408, .7407, .1090, .0438, .0042],
    [.0000, .0002, .0005, .0025, .0073, .0039, .1168, .6927, .1606, .0156],
    [.0000, .0000, .0000, .0003, .0006, .0005, .0188, .0557, .9034, .0207],
    [.0000, .0000, .0000, .0000, .0000, .0000, .0018, .0057, .1741, .8183],
])  # fmt: skip
_generator = np.real(logm(ANNUAL / ANNUAL.sum(axis=1, keepdims=True))) / 365.25
np.fill_diagonal(_generator, 0.0)
_generator = np.maximum(_generator, 0.0)
EDSS_TOTAL = _generator.sum(axis=1).tolist()
EDSS_BELOW = np.cumsum(_generator, axis=1).tolist()

UNREAD = (math.nan, math.nan, math.nan)  # beside a move that no rule decided

STATES = (
    ["baseline", "combination", "monotherapy", "dose_doubled", "rescued", "completed", "screen_failure", "withdrawn"]
)  # fmt: skip
ON_TREATMENT = ["combination", "monotherapy", "dose_doubled", "rescued"]
TRANSITIONS: list[dict[str, Any]] = [
    {"trigger": "finish", "source": "baseline", "dest": "combination", "conditions": "is_eligible"},
    {"trigger": "finish", "source": "baseline", "dest": "screen_failure"},
    {"trigger": "finish", "source": "combination", "dest": "monotherapy", "conditions": "has_responded"},
    {"trigger": "finish", "source": "combination", "dest": "dose_doubled"},
    {"trigger": "scanned", "source": "monotherapy", "dest": "rescued", "conditions": "is_active_again"},
    {"trigger": "finish", "source": ["monotherapy", "dose_doubled", "rescued"], "dest": "completed"},
    {"trigger": "stop", "source": ON_TREATMENT, "dest": "withdrawn"},
]


def log_sd(cv: float) -> float:
    """SD of the logarithm of a lognormal with this coefficient of variation."""
    return math.sqrt(math.log(1.0 + cv * cv))


ACTIVITY_SD, AUTOCORRELATION, PERSISTENCE = 0.5, 0.6, 0.2
MEDIAN_RATE_RATIO, HALF_EFFECT = 0.25, 6.0
NK_BASELINE, NK_LOSS = 0.006, 4.12e-6 * 24.0 / 0.006
CD8_HALF = 2.07
CD8_DEPTH = 0.093 / (22.8 / (CD8_HALF + 22.8))
SEVERE_RATE, ADVERSE_RATE = 0.009 / 28.0, 0.01716 / 28.0


class Kinetics:
    """Daclizumab in one body: two compartments, moved along by their two exponentials (mg, L, days)."""

    def __init__(self, weight: float, clearance_factor: float = 1.0, volume_factor: float = 1.0) -> None:
        relative = weight / 80.0
        self.clearance = 0.36 * relative**0.54 * clearance_factor
        self.volume = 2.5 * relative**0.64 * volume_factor
        exchange = 0.207 * relative**0.54
        out, self.to = self.clearance / self.volume, exchange / self.volume
        self.back = exchange / (3.4 * relative**0.64)
        total = out + self.to + self.back
        self.fast = 0.5 * (total + math.sqrt(total * total - 4.0 * out * self.back))
        self.slow = out * self.back / self.fast
        self.central = self.peripheral = 0.0

    def distribute(self, days: float) -> float:
        """Both compartments forward by so many days; the average concentration meanwhile (mg/L)."""
        fast, slow = self.fast, self.slow
        after_fast, after_slow = math.exp(-fast * days), math.exp(-slow * days)
        c_fast = ((fast - self.back) * self.central - self.back * self.peripheral) / (fast - slow)
        c_slow = self.central - c_fast
        p_fast = ((self.back - slow) * self.peripheral - self.to * self.central) / (fast - slow)
        p_slow = self.peripheral - p_fast
        self.central = c_fast * after_fast + c_slow * after_slow
        self.peripheral = p_fast * after_fast + p_slow * after_slow
        area = c_fast * (1.0 - after_fast) / fast + c_slow * (1.0 - after_slow) / slow
        return float(area / (self.volume * days))

    def steady_rate_ratio(self, weight: float, own_effect: float) -> float:
        """Rate of new lesions over that off drug, before an infusion, after ever so many of 1 mg/kg every 4 weeks."""
        share, interval, felt = DOSE * weight / (self.fast - self.slow), 4 * WEEK, 0.0
        parts = [
            (rate, share * flow / (1.0 - math.exp(-rate * interval)))
            for rate, flow in ((self.fast, self.fast - self.back), (self.slow, self.back - self.slow))
        ]
        for week in range(4):
            area = sum(
                size * math.exp(-rate * week * WEEK) * (1.0 - math.exp(-rate * WEEK)) / rate for rate, size in parts
            )
            average = area / (self.volume * WEEK)
            goal = FULL_EFFECT * average / (HALF_EFFECT + average) + own_effect * min(1.0, average)
            felt = goal + (felt - goal) * math.exp(-1.0 / 6.0)
        return math.exp(felt / (1.0 - math.exp(-4.0 / 6.0)))


def steady_exposure() -> float:
    """What a median patient of 72 kg feels before an infusion, after two years of 1 mg/kg every 4 weeks.

    The share of the full effect, as it enters the log rate ratio: the average over past weeks that onset makes of it.
    """
    body, felt = Kinetics(72.0), 0.0
    for week in range(104):
        if week % 4 == 0:
            body.central += DOSE * 72.0
        average = body.distribute(WEEK)
        goal = average / (HALF_EFFECT + average)
        felt = goal + (felt - goal) * math.exp(-1.0 / 6.0)
    return felt


FULL_EFFECT = math.log(MEDIAN_RATE_RATIO) / steady_exposure()


class Patient:
    """One candidate: the hidden truth, what was observed of it, and the state (kept by the machine)."""

    state: str

    def __init__(self, number: int, rng: np.random.Generator, trial: Trial) -> None:
        self.who, self.rng, self.trial = (trial.replicate, number), rng, trial
        self.entry = trial.env.now
        self.enrolled_day = math.nan
        self.counts: dict[str, int] = {}
        self.read = UNREAD  # what the rule that was asked last has read
        self.cels: list[int] = []
        self.edss_seen: list[float] = []
        self.draw_disease()
        self.draw_drugs()

    def draw_disease(self) -> None:
        """Body, long-run rate, activity, the unrecorded scan four weeks before the first, and disability."""
        rng = self.rng
        self.weight = 72.0 * math.exp(log_sd(0.21) * rng.normal())
        self.age = rng.triangular(18.0, 36.0, 65.0)
        self.rate = 1.2 * math.exp(rng.normal() - 0.5)
        self.activity = ACTIVITY_SD * rng.normal()
        mean = self.new_lesion_rate(-4 * WEEK) / (1.0 - PERSISTENCE)
        self.lesions = int(rng.poisson(mean))
        self.last_scan = -4 * WEEK
        self.edss = self.edss_at_entry = int(min(9, max(0, math.floor(rng.normal(3.4, 1.4) + 0.5))))
        self.next_jump = rng.exponential(1.0 / EDSS_TOTAL[self.edss])

    def draw_drugs(self) -> None:
        """Kinetics and answers to both drugs; nobody has had daclizumab, everybody takes interferon."""
        rng = self.rng
        spread = [math.exp(log_sd(cv) * rng.normal()) for cv in (0.15, 0.27)]
        self.drug = Kinetics(self.weight, *spread)
        effect = rng.normal()
        expansion = -0.4 * effect + math.sqrt(1.0 - 0.4**2) * rng.normal()
        self.own_effect = 0.8 * effect
        self.long_run_ratio = self.drug.steady_rate_ratio(self.weight, self.own_effect)
        self.log_ratio = 0.0
        self.nk_baseline = self.nk = NK_BASELINE * math.exp(0.67 * rng.normal())
        self.nk_rise = 7.89 * math.exp(log_sd(0.67) * expansion)
        self.cd8 = 1.0
        self.interferon = True
        self.withdrawal = 0.0
        self.log_loss = rng.normal(math.log(1.3), 0.3)
        self.advanced = 0.0

    # --- the body ------------------------------------------------------------------------------

    @property
    def day(self) -> float:
        """Days since this patient entered screening."""
        return float(self.trial.env.now - self.entry)

    def new_lesion_rate(self, day: float) -> float:
        """New lesions per 4 weeks at this day, off daclizumab and on interferon."""
        referral = 1.0 + 0.3 * 0.5 ** (day / (16 * WEEK))
        return float(self.rate * math.exp(self.activity - 0.5 * ACTIVITY_SD**2) * referral)

    def advance(self) -> None:
        """Drugs and their effects up to now, in pieces of at most a week."""
        while self.advanced < self.day:
            days = min(WEEK, self.day - self.advanced)
            average = self.drug.distribute(days)
            seen = average / (HALF_EFFECT + average)
            self.relax(days, average, FULL_EFFECT * seen + self.own_effect * min(1.0, average))
            self.advanced += days

    def relax(self, days: float, average: float, goal: float) -> None:
        """The effects forward by so many days at this average concentration."""
        self.log_ratio = goal + (self.log_ratio - goal) * math.exp(-days / (6 * WEEK))
        goal = self.nk_baseline * (1.0 + self.nk_rise * average / (18.0 + average))
        self.nk = goal + (self.nk - goal) * math.exp(-days * NK_LOSS)
        goal = 1.0 - CD8_DEPTH * average / (CD8_HALF + average)
        self.cd8 = goal + (self.cd8 - goal) * math.exp(-days / (4 * WEEK))
        goal, constant = (0.0, 1 * WEEK) if self.interferon else (1.0, 8 * WEEK)
        self.withdrawal = goal + (self.withdrawal - goal) * math.exp(-days / constant)

    # --- what is done and seen -----------------------------------------------------------------

    def planned(self, activity: str) -> int:
        """The number of this activity for this patient, counted from 1."""
        self.counts[activity] = self.counts.get(activity, 0) + 1
        return self.counts[activity]

    def observe(self, assessment: str, *shown: tuple[str, float, float]) -> None:
        """One row for each variable: name, value seen, truth behind it."""
        index = self.planned(assessment)
        for variable, value, truth in shown:
            self.trial.tables["observations"].append(
                (*self.who, self.state, assessment, variable, index, self.day, self.day, "made", value, truth)
            )

    def scan(self) -> None:
        """Count enhancing lesions, new and persisting."""
        rng, day = self.rng, self.day
        gap = (day - self.last_scan) / (4 * WEEK)
        remembered = AUTOCORRELATION**gap
        self.activity = remembered * self.activity + ACTIVITY_SD * math.sqrt(1.0 - remembered**2) * rng.normal()
        kept = PERSISTENCE**gap
        drugs = math.exp(self.log_ratio + self.withdrawal * self.log_loss)
        expected = self.new_lesion_rate(day) * drugs * (1.0 - kept) / (1.0 - PERSISTENCE)
        new = int(rng.poisson(expected))
        total = new + int(rng.binomial(self.lesions, kept))
        before, self.lesions, self.last_scan = self.lesions, total, day
        self.cels.append(total)
        self.observe("mri", ("cel", total, expected + before * kept), ("new_cel", new, expected))

    def count_lymphocytes(self) -> None:
        """CD56bright NK and CD8 cells, each with a lognormal error of mean 1."""
        rng = self.rng
        nk, cd8 = (math.exp(sd * rng.normal() - 0.5 * sd * sd) for sd in (log_sd(0.29), log_sd(0.10)))
        self.observe("lymphocytes", ("nk_cd56bright", self.nk * nk, self.nk), ("cd8", self.cd8 * cd8, self.cd8))

    def rate_edss(self) -> None:
        """Play the true level up to now, jump by jump, and rate it: 0, then 1 to 10 in halves."""
        rng = self.rng
        while self.next_jump <= self.day:
            below, total = EDSS_BELOW[self.edss], EDSS_TOTAL[self.edss]
            self.edss = bisect.bisect_right(below, rng.random() * total)
            self.next_jump += rng.exponential(1.0 / EDSS_TOTAL[self.edss])
        rated = self.edss + 0.25 * rng.normal()
        seen = 0.0 if rated < 0.5 else min(10.0, max(1.0, math.floor(2.0 * rated + 0.5) / 2.0))
        self.edss_seen.append(seen)
        self.observe("edss", ("edss", seen, float(self.edss)))

    def infuse(self) -> None:
        """One infusion, by body weight."""
        dose = 2.0 * DOSE if self.state == "dose_doubled" else DOSE
        self.drug.central += dose * self.weight
        day, amount = self.day, dose * self.weight
        row = (*self.who, self.state, "daclizumab", self.planned("daclizumab"), day, day, "made", dose, amount)
        self.trial.tables["doses"].append(row)

    # --- the rules: they read observations only -------------------------------------------------

    @property
    def baseline_cel(self) -> float:
        """Mean count of the baseline scans."""
        return sum(self.cels[: len(BASELINE_SCANS)]) / len(BASELINE_SCANS)

    def is_eligible(self, _: Any) -> bool:
        """Two lesions or more on the first three scans together, and EDSS 1 to 6.5."""
        found, edss = sum(self.cels[:3]), self.edss_seen[-1]
        self.read = (found, edss, math.nan)
        return found >= 2 and 1.0 <= edss <= 6.5

    def has_responded(self, _: Any) -> bool:
        """A reduction by more than the threshold on the last scan; never where the baseline is zero."""
        before, last = self.baseline_cel, self.cels[-1]
        reduction = 1.0 - last / before if before > 0.0 else math.nan
        self.read = (before, last, reduction)
        return reduction > RESPONSE_THRESHOLD + 1e-9

    def is_active_again(self, _: Any) -> bool:
        """The mean of the last two scans above the baseline."""
        recent, before = (self.cels[-2] + self.cels[-1]) / 2.0, self.baseline_cel
        self.read = (before, recent, math.nan)
        return recent > RESCUE_LEVEL * before + 1e-9

    def moved(self, event: Any) -> None:
        """Called by the machine after every change of state."""
        source, dest = event.transition.source, event.transition.dest
        read = UNREAD if dest in ("completed", "withdrawn") else self.read
        self.trial.tables["moves"].append((*self.who, self.day, source, dest, event.event.name, *read))
        self.interferon = dest != "monotherapy"
        if dest == "combination":
            self.enrolled_day = self.advanced = self.day
        if dest in ("completed", "screen_failure", "withdrawn"):
            drug, loss = self.drug, math.exp(self.log_loss)
            truth = (self.rate, self.edss_at_entry, loss, self.long_run_ratio, drug.clearance, drug.volume)
            body = (self.weight, self.age, *truth, self.nk_baseline, self.nk_rise)
            enrolled = not math.isnan(self.enrolled_day)
            row = (*self.who, 1, self.entry, enrolled, self.enrolled_day, dest, self.day, *body)
            self.trial.tables["subjects"].append(row)


class Trial:
    """The clinic's calendar; the five tables are those of all trials."""

    def __init__(self, replicate: int, rng: np.random.Generator, tables: dict[str, list[tuple[Any, ...]]]) -> None:
        self.replicate, self.rng, self.tables = replicate, rng, tables
        self.env = simpy.Environment()
        self.machine = Machine(
            model=None,
            states=STATES,
            transitions=TRANSITIONS,
            initial="baseline",
            auto_transitions=False,
            send_event=True,
            ignore_invalid_triggers=True,
            after_state_change="moved",
        )
        self.places = TRIAL_SIZE

    def recruit(self) -> Generator[simpy.Event, Any, None]:
        """Screen as many candidates as there are places left, until none is left."""
        number = 0
        while self.places > 0:
            candidates = range(number, number + self.places)
            number += self.places
            yield self.env.all_of([self.env.process(self.screening(n)) for n in candidates])

    def screening(self, number: int) -> Generator[simpy.Event, Any, None]:
        """Twelve weeks on interferon alone, then the decision on enrolment."""
        patient = Patient(number, self.rng, self)
        self.machine.add_model(patient)
        for week in BASELINE_SCANS:
            yield self.env.timeout(week * WEEK - patient.day)
            patient.scan()
            if week % 12 == 0:
                patient.count_lymphocytes()
                patient.rate_edss()
        patient.finish()  # type: ignore[attr-defined] # the machine adds its triggers
        if patient.state == "combination":
            self.places -= 1
            course = self.env.process(self.treatment(patient))
            self.env.process(self.severe_event(patient, course))
            self.env.process(self.adverse_events(patient))

    def treatment(self, patient: Any) -> Generator[simpy.Event, Any, None]:
        """Both stages of treatment, unless a severe adverse event ends them."""
        try:
            yield from self.combination(patient)
            yield from self.second_stage(patient)
        except simpy.Interrupt as interrupt:
            self.tables["events"].append((*patient.who, patient.day, patient.state, interrupt.cause))
            patient.stop()

    def combination(self, patient: Any) -> Generator[simpy.Event, Any, None]:
        """Twenty-six weeks on both drugs; a scan before each infusion but the first, whose scan was baseline's last."""
        entered = self.env.now
        for week in COMBINATION_INFUSIONS:
            yield self.env.timeout(entered + week * WEEK - self.env.now)
            patient.advance()
            if week > 0:
                patient.scan()
                patient.count_lymphocytes()
            if week in COMBINATION_RATINGS:
                patient.rate_edss()
            patient.infuse()
        yield self.env.timeout(entered + COMBINATION_WEEKS * WEEK - self.env.now)
        patient.advance()
        patient.finish()

    def second_stage(self, patient: Any) -> Generator[simpy.Event, Any, None]:
        """Forty weeks on what the rule decided; a scan may bring interferon back."""
        entered = self.env.now
        next_rating = 0
        for week in range(0, SECOND_WEEKS, 4):
            yield self.env.timeout(entered + week * WEEK - self.env.now)
            patient.advance()
            patient.scan()
            patient.count_lymphocytes()
            rated = week == next_rating
            if rated:
                patient.rate_edss()
                next_rating += 12
            if patient.scanned():  # rescued: the ratings begin anew in the state entered
                next_rating = week + 12
                if not rated:
                    patient.rate_edss()
            patient.infuse()
        yield self.env.timeout(entered + SECOND_WEEKS * WEEK - self.env.now)
        patient.advance()
        patient.finish()

    def severe_event(self, patient: Patient, course: simpy.Process) -> Generator[simpy.Event, Any, None]:
        """The severe adverse event of this patient, if it comes before the end."""
        yield self.env.timeout(self.rng.exponential(1.0 / SEVERE_RATE))
        if course.is_alive:
            patient.advance()
            course.interrupt("severe adverse event")

    def adverse_events(self, patient: Patient) -> Generator[simpy.Event, Any, None]:
        """Adverse events that change nothing but the record, for as long as treatment lasts."""
        while True:
            yield self.env.timeout(self.rng.exponential(1.0 / ADVERSE_RATE))
            if patient.state not in ON_TREATMENT:
                return
            self.tables["events"].append((*patient.who, patient.day, patient.state, "adverse event"))


KEY = ["replicate", "subject"]
MOMENT = ["index", "planned_day", "day", "status"]
TRUTH = ["new_lesion_rate", "edss_at_entry", "interferon_loss_factor", "long_run_rate_ratio", "clearance"]
TRUTH += ["central_volume", "nk_baseline", "nk_max_expansion"]
COLUMNS = {
    "subjects": [*KEY, "site", "arrival_day", "enrolled", "enrolled_day", "final_state", "end_day", "weight", "age"]
    + [f"truth_{name}" for name in TRUTH],
    "observations": [*KEY, "state", "assessment", "variable", *MOMENT, "value", "truth"],
    "doses": [*KEY, "state", "drug", *MOMENT, "dose", "amount"],
    "moves": [*KEY, "day", "from_state", "to_state", "trigger", "value_0", "value_1", "value_2"],
    "events": [*KEY, "day", "state", "event"],
}


def run(n_enrolled: int, seed: int) -> dict[str, pd.DataFrame]:
    """Trials of 15, each screening candidates until it is full and following all to their end; the five tables."""
    rng = np.random.default_rng(seed)
    tables: dict[str, list[tuple[Any, ...]]] = {name: [] for name in COLUMNS}
    for replicate in range(max(1, n_enrolled // TRIAL_SIZE)):
        trial = Trial(replicate, rng, tables)
        trial.env.process(trial.recruit())
        trial.env.run()
    return {name: pd.DataFrame(tables[name], columns=columns) for name, columns in COLUMNS.items()}


def main() -> None:
    """Run once, and print patients per second."""
    arguments = [int(argument) for argument in sys.argv[1:]]
    n_enrolled, seed = (arguments + [1000, 1][len(arguments) :])[:2]
    started = time.perf_counter()
    frames = run(n_enrolled, seed)
    seconds = time.perf_counter() - started
    screened, enrolled = len(frames["subjects"]), int(frames["subjects"]["enrolled"].sum())
    print(f"{enrolled} enrolled of {screened} screened in {seconds:.2f} s: {enrolled / seconds:.0f} patients a second")
    print(frames["subjects"]["final_state"].value_counts().to_string())


if __name__ == "__main__":
    main()
