"""The interface of engines, the trial they simulate, and the order of events that every engine keeps.

The order of events (both engines; each sentence has a test in tests/engine/test_order_of_events.py):

1. The next moment is the earliest of: an event with a clock of its own, a grid minute (where a hazard changes on the
   grid), a visit due, the end of the state; in that order at a tie.
2. Drugs and disease advance to exactly the minutes of observation or treatment: those of visits, and of entering a
   state that is not final. An event by itself does not advance them. Where a component has a step, they also advance to
   every grid minute in between, drugs first: the whole multiples, on the subject's own clock, of the greatest common
   divisor of all steps.
3. Event (adverse event, dropout): it is recorded, and the transitions upon it are tried. Events that no transition of
   the state waits for are recorded first at a tie.
4. Visit: assessments, then their observations, then the transitions `after` each assessment, in file order. If one is
   taken, the old state's remaining activities lapse, that day's dose too. The rule's own words with the numbers it
   read are recorded as the reason.
   An internal transition (without a destination) only sets variables of the protocol, all from the values before it:
   nothing lapses, no clock starts anew, and the transitions behind it in its group are not tried. Where a dose is
   computed for each subject, drugs and disease first come to that minute, and the new dose is in force from it on.
5. Otherwise the doses due are given: an infusion follows its scan. A computed dose is found out then.
6. End of a state: visits due at that instant come first (the interval is closed), then the leaving transitions in file
   order. One must hold.
7. How long a state lasts is found out on entering it, where that is computed. A state entered at t does its offset-0
   activities at t; an assessment already made at t is not repeated; an `after` transition is tried only after an
   assessment made in that state.

No-shows: a subject who does not show up for a visit misses all of it; that is recorded at the planned moment.
Queueing: where capacity is limited, planned days never move; a slip moves that visit alone. A dose of the same day
waits for its scan to the end of the visit window, then is given. A visit not made by the end of its window is recorded
as missed. The end of a state waits for its open visits.
Clocks: one unit-exponential threshold per subject, cause and occurrence; hazard accumulates at the rate in force, which
changes with the state; the event falls linearly inside the interval, rounded up to the minute.
Hazards of a patient: a multiplier is found out on entry into a state that is not final, when the treatment there is in
force, and where it changes on the grid at each grid minute, after the events due by then; it is in force from there to
the next, so that a visit more or less changes no event. With a baseline the cumulative hazard grows by the multiplier
times the increase of the baseline's, and the event falls where that reaches the threshold, rounded up to the minute.
The index of a visit's draws is its planned number (the third scan of this subject), made or missed.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from protocolsim.arrays import Floats, Integers, Mask
from protocolsim.cohort.cohort import Cohort
from protocolsim.component import (
    AdvanceKernel,
    Assessment,
    Baseline,
    Component,
    GiveKernel,
    ObserveKernel,
    RateKernel,
    StartKernel,
)
from protocolsim.engine.baselines import OwnHazards
from protocolsim.protocol.conduct import Conduct
from protocolsim.protocol.states import Protocol, State
from protocolsim.protocol.summaries import Observed
from protocolsim.records import Labels, Records

Progress = Callable[[int], None]
"""Progress callback: called with the number of replicates simulated since the previous call."""

NO_STREAM = 0
"""The stream of what is not drawn."""

# Upper limit of transitions per subject, by which a loop without an exit is detected.
MOST_MOVES = 5000


@dataclass(frozen=True)
class PlacedComponent:
    """A component of a trial: the offsets of its columns in `body` (`links`), and the constants its kernels read.

    `values` is what these were made of: by name, each in its parameter's own unit.
    """

    component: Component
    links: Integers
    constants: Floats
    start: StartKernel
    advance: AdvanceKernel | None
    give: GiveKernel | None
    values: Mapping[str, float] = field(default_factory=dict, repr=False)
    offset: int = field(init=False)
    """The component's first column in `body`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "offset", int(self.links[0]))


@dataclass(frozen=True)
class Measured:
    """An assessment of a trial: the part whose kernel observes it, and the codes of the variables it shows.

    factors: what each variable's recorded values are multiplied by for the chart, which rules read.
    """

    part: PlacedComponent
    assessment: Assessment
    observe: ObserveKernel
    variables: tuple[int, ...]
    factors: tuple[float, ...]


@dataclass(frozen=True)
class Cause:
    """A cause of events (competing hazard): its event's code, its random stream, its rate per minute by state.

    A `given` one has no hazard: its event is one of the trial itself, which comes at a minute told to each subject.
    With a `baseline` the rates are what that is multiplied by. With a `multiplier`, a kernel with the links and
    constants that it reads, they are 1 where the hazard is in force and 0 elsewhere. Where it `follows_dose`, it is
    found out again when a dose that is computed for each subject changes. `of_draws`: rates [draws, states] where
    subjects of several draws are simulated together, and the column of `body` that holds each one's (pooled.py).
    """

    event: int
    stream: int
    rates: tuple[float, ...]
    multiplier: tuple[RateKernel, Integers, Floats] | None = None
    baseline: Baseline | None = None
    since_enrolment: bool = False
    once: bool = False
    changing: bool = False
    follows_dose: bool = False
    given: bool = False
    of_draws: tuple[Floats, int] | None = None

    @property
    def own(self) -> bool:
        """Whether its hazard is not just a rate that is the same for everybody in a state."""
        return bool(self.multiplier or self.baseline or self.since_enrolment or self.once or self.of_draws)


@dataclass(frozen=True)
class Trial:
    """A frozen bundle of independent parts; the only thing an engine is given besides keys.

    `parts` start in order (the disease first, so that drugs find its traits); drugs advance before the disease, which
    reads their signals. `visible` and `hidden` are columns of `body` shown in the table of subjects, `enrolment` the
    one that holds the minute of enrolment, where a component reads it. `conduct` decides about the trial itself.
    """

    protocol: Protocol
    cohort: Cohort
    disease: PlacedComponent
    drugs: tuple[PlacedComponent, ...]
    width: int
    assessments: tuple[Measured, ...]
    causes: tuple[Cause, ...]
    visible: tuple[int, ...]
    hidden: tuple[int, ...]
    labels: Labels
    enrolment: int | None = None
    conduct: Conduct | None = None

    # Found out once, when a trial is built: what engines ask at every step.
    advancing: tuple[tuple[AdvanceKernel, Integers, Floats], ...] = field(init=False, repr=False)
    limited: bool = field(init=False)
    step: int | None = field(init=False)
    noted: frozenset[int] = field(init=False)
    settled: tuple[frozenset[int], ...] = field(init=False, repr=False)
    streams: Integers = field(init=False, repr=False)
    happens: Integers = field(init=False, repr=False)
    rates: Floats = field(init=False, repr=False)
    awaited: NDArray[np.bool_] = field(init=False, repr=False)
    given: Mask = field(init=False, repr=False)
    every_cause: Mask = field(init=False, repr=False)
    changing: Mask | None = field(init=False, repr=False)
    following: Mask = field(init=False, repr=False)
    own_hazards: OwnHazards | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        parts, states, causes = (*self.drugs, self.disease), self.protocol.states, self.causes
        summaries = [s.made_by for s in self.protocol.reader.summaries]
        changing = np.array([c.changing for c in causes], dtype=np.bool_)
        following = np.array([c.follows_dose for c in causes], dtype=np.bool_)
        if following.any():
            following |= changing
        found = {
            "advancing": tuple((p.advance, p.links, p.constants) for p in parts if p.advance is not None),
            "limited": bool(self.cohort.capacity),
            "step": int(np.gcd.reduce([p.component.step or 0 for p in parts])) or None,
            "noted": frozenset(m.variable for m in summaries if isinstance(m, Observed)),
            "settled": _settled(summaries, states),
            "streams": np.array([c.stream for c in causes], dtype=np.int64),
            "happens": np.array([c.event for c in causes], dtype=np.int64),
            "rates": np.array([[c.rates[s.number] for c in causes] for s in states], dtype=np.float64),
            "awaited": np.array([[c.event in s.upon for c in causes] for s in states], dtype=np.bool_),
            "given": np.array([c.given for c in causes], dtype=np.bool_),
            "every_cause": np.ones(len(causes), dtype=np.bool_),
            "changing": changing if changing.any() else None,
            "following": following,
            "own_hazards": OwnHazards.of([(c.baseline, c.since_enrolment, c.once) for c in causes])
            if any(c.own for c in causes) else None,
        }  # fmt: skip
        for name, value in found.items():
            object.__setattr__(self, name, value)

    @cached_property
    def announcing(self) -> Trial:
        """The same trial where subjects can be told of decisions about it, each an event of a cause of its own.

        These causes come first, as their events do in their minute, and have a rate of 0: what is drawn for them is
        never looked at. An event happens once, at the minute that its clock is told (`Clocks.due`).
        """
        if self.conduct is None:
            return self
        nowhere = (0.0,) * len(self.protocol.states)
        told = tuple(Cause(event, NO_STREAM, nowhere, given=True) for event in self.conduct.announces)
        return replace(self, causes=(*told, *self.causes))

    def moments(self, since: int, until: int) -> list[int]:
        """`since`, the grid minutes between, and `until`: what drugs and disease advance by."""
        step = self.step or until + 1
        return [since, *range((since // step + 1) * step, until, step), until]


def _settled(summaries: Sequence[object], states: Sequence[State]) -> tuple[frozenset[int], ...]:
    """By state: the summaries that are constant during a stay, since they read other states' observations only.

    Not those at the very start of a state: its visit may have been made in the state before.
    """
    dated = {n: m.during for n, m in enumerate(summaries)
             if isinstance(m, Observed) and m.during and m.within < 0
             and (m.at is None or m.at.offset > 0)}  # fmt: skip
    return tuple(frozenset(n for n, during in dated.items() if state.number not in during) for state in states)


class Engine(typing.Protocol):
    """Simulates trials. All engines that support a trial give the same records, bit for bit."""

    @property
    def name(self) -> str:
        """The name by which users choose it."""

    def unsupported(self, trial: Trial) -> str | None:
        """Why this engine cannot simulate a trial, as a sentence; None if it can."""

    def pieces(self, trial: Trial, seed: int, replicates: range, progress: Progress | None = None) -> Iterator[Records]:
        """The records of these replicates in order: several whole replicates at a time, or parts of a large one.

        Raises UsageError for a trial that is `unsupported`, SimulationError if a cohort cannot be filled.
        """


def find_rates(
    trial: Trial, state: State, which: Mask, body: Floats, rows: Integers, now: Integers, rates: Floats
) -> None:
    """Fill rates[c, k] with what the cause c, if in `which`, has in this state for the subject rows[k] now."""
    for number in np.flatnonzero(which).tolist():
        cause = trial.causes[number]
        rates[number] = cause.rates[state.number]
        if cause.of_draws is not None:
            by_draw, column = cause.of_draws
            rates[number] = by_draw[body[rows, column].astype(np.int64), state.number]
        if cause.multiplier is not None and cause.rates[state.number] > 0.0:
            multiplier, links, constants = cause.multiplier
            multiplier(body, rows, links, constants, now, rates[number])


def never_ends(replicate: int, subject: int, state: str) -> str:
    """The error message for a subject in a loop whose exit condition never holds."""
    return (
        f"replicate {replicate}, subject {subject}: moved {MOST_MOVES:,} times and is still in '{state}'; the rules "
        "may never let this subject out of a loop"
    )


def not_filled(cohort: Cohort, replicate: int, enrolled: int) -> str:
    """The error message where the candidates run out before the cohort is full."""
    return (
        f"replicate {replicate}: after {cohort.max_candidates} candidates only {enrolled} of {cohort.size} subjects "
        "are enrolled; loosen the entry rule, or raise cohort.max_candidates"
    )
