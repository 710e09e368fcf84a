"""Simulation output: tables of plain columns, the same from every engine; five of subjects, two of looks at the trial.

    subjects      one row for each subject screened: site, arrival, outcome, traits, hidden truth
    observations  one row for each variable of each planned assessment, made or missed
    doses         one row for each planned dose, given or missed
    moves         one row for each transition, with the values its rule read and what it set; of an internal one,
                  which a subject does not leave the state by, from_state and to_state are the same
    events        one row for each event that occurs at random times (adverse events, dropout)

Where decisions about the trial itself are declared (`interim:`), two more, in calendar minutes:

    looks         one row for each replicate and planned look, held or not, with what it read and the rule that held
    trials        one row for each replicate: how it ended, when, how large it was, and what would have come

Times of subjects are whole minutes since the subject's own day 0 (entry into the first state); rows are in the order
(replicate, subject, time). Names are stored as codes into `Labels`; `frame` decodes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from protocolsim.arrays import Floats, Integers
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK

if TYPE_CHECKING:
    import pandas as pd

Column = NDArray[Any]
Table = Mapping[str, Column]  # a snapshot's takes a column when it is first read

TABLES = ("subjects", "observations", "doses", "moves", "events")
TRIAL_TABLES = ("looks", "trials")
"""The tables of decisions about the trial, which have no subject."""

MADE, MISSED, NO_SHOW = 0, 1, 2
STATUS = ("made", "missed", "no-show")

# Columns that every run has; subjects and moves get more from the trial (see `columns_of`).
_COLUMNS: dict[str, dict[str, str]] = {
    "subjects": {
        "replicate": "i8",
        "subject": "i8",
        "site": "i2",
        "arrival_day": "f8",
        "enrolled": "?",
        "enrolled_minute": "i8",
        "final_state": "i2",
        "end_minute": "i8",
    },
    "observations": {
        "replicate": "i8",
        "subject": "i8",
        "state": "i2",
        "assessment": "i2",
        "variable": "i2",
        "index": "i4",
        "planned_minute": "i8",
        "minute": "i8",
        "status": "i1",
        "value": "f8",
        "truth": "f8",
    },
    "doses": {
        "replicate": "i8",
        "subject": "i8",
        "state": "i2",
        "drug": "i2",
        "index": "i4",
        "planned_minute": "i8",
        "minute": "i8",
        "status": "i1",
        "dose": "f8",
        "amount": "f8",
    },
    "moves": {
        "replicate": "i8",
        "subject": "i8",
        "minute": "i8",
        "from_state": "i2",
        "to_state": "i2",
        "transition": "i2",
    },
    "events": {"replicate": "i8", "subject": "i8", "minute": "i8", "state": "i2", "event": "i2"},
    "looks": {
        "replicate": "i8",
        "look": "i2",
        "held": "?",
        "trigger_minute": "i8",
        "cutoff_minute": "i8",
        "decision_minute": "i8",
        "rule": "i2",
        "conclusion": "i2",
    },
    "trials": {
        "replicate": "i8",
        "looks_held": "i2",
        "ended_at": "i2",
        "conclusion": "i2",
        "stopped_early": "?",
        "decision_minute": "i8",
        "last_minute": "i8",
        "screened": "i8",
        "enrolled": "i8",
        "overrun_conclusion": "i2",
        "flipped": "?",
        "ignoring_futility": "i2",
    },
}
# Which label each coded column points into.
_CODES = {
    "site": "sites",
    "final_state": "states",
    "state": "states",
    "from_state": "states",
    "to_state": "states",
    "assessment": "assessments",
    "variable": "variables",
    "drug": "drugs",
    "event": "events",
    "look": "looks",
    "ended_at": "looks",
    "conclusion": "conclusions",
    "overrun_conclusion": "conclusions",
    "ignoring_futility": "conclusions",
}
_MINUTES = ("enrolled_minute", "end_minute", "planned_minute", "minute")
_CALENDAR = ("trigger_minute", "cutoff_minute", "decision_minute", "last_minute")
# Columns that `frame` adds: those derived from others in a table; the day beside each minute.
_SHOWN = {"subjects": ("outcome",), "moves": ("trigger", "reason")}
HIDDEN, READ, SET, AS_IF = "truth_", "value_", "set_", "full_"
"""Prefixes of columns: hidden traits, the values that a rule read, what a move set each variable to (nan where it
did not: its transition does not set that variable, or what it would be set to is undefined, so that it stayed), and
what the last planned look would have read in the trial never stopped."""
# A large replicate is streamed in blocks of so many candidates.
SUBJECTS_TOGETHER = 8192
NEVER = -1  # a minute that never came (a subject who was not enrolled)
FAR = np.iinfo(np.int64).max // 4
"""The same where minutes are compared: later than any."""


@dataclass(frozen=True)
class Labels:
    """The names that codes stand for, and the columns that depend on the trial."""

    states: tuple[str, ...]
    outcomes: tuple[str, ...]  # of each state; '' for those that are not final
    assessments: tuple[str, ...]
    variables: tuple[str, ...]
    drugs: tuple[str, ...]
    events: tuple[str, ...]
    sites: tuple[str, ...]
    randomisations: tuple[str, ...] = ()  # one column of subjects each: the state allocated to
    traits: tuple[str, ...] = ()  # columns of subjects, hidden ones already named truth_*
    reasons: int = 0  # columns of moves that hold the numbers a rule read: value_0, value_1, ...
    kept: tuple[str, ...] = ()  # the variables of the protocol; a column of moves each, set_<name>
    internal: frozenset[int] = frozenset()  # the transitions after which a subject is still in the state
    allocating: tuple[frozenset[int], ...] = ()  # of each randomisation, the transitions that allocate by it
    truth: bool = True  # whether there are columns of what no clinic could know
    dose_units: tuple[str | None, ...] = ()  # of each drug's doses; None where some are per weight and some are not
    explain: Callable[[int, Sequence[float]], tuple[str, str]] | None = None
    looks: tuple[str, ...] = ()  # the looks at the accumulating data, in order
    conclusions: tuple[str, ...] = ()  # the reasons by which a look may end the trial
    read: tuple[str, ...] = ()  # what every look reads: columns of looks and trials, value_<name>

    @cached_property
    def without_truth(self) -> Labels:
        """The labels of records that hold nothing but what a clinic could know."""
        return replace(self, truth=False, traits=tuple(t for t in self.traits if not t.startswith(HIDDEN)))


def own_columns() -> frozenset[str]:
    """The columns of all tables that are in every trial, those that `frame` shows included."""
    fixed = (name for table in TABLES for name in _COLUMNS[table])
    shown = (name for columns in _SHOWN.values() for name in columns)
    return frozenset([*fixed, *shown, *map(_day, _MINUTES)])


def _day(minute: str) -> str:
    """The column of days beside a column of minutes."""
    return minute.replace("minute", "day")


def columns_of(table: str, labels: Labels) -> dict[str, str]:
    """Every column of a table, in order, with its NumPy type."""
    columns = dict(_COLUMNS[table])
    if table == "subjects":
        columns |= {name: "i2" for name in labels.randomisations}
        columns |= {name: "f8" for name in labels.traits}
    if table == "observations" and not labels.truth:
        del columns["truth"]
    if table == "moves":
        columns |= {f"{READ}{k}": "f8" for k in range(labels.reasons)}
        columns |= {f"{SET}{name}": "f8" for name in labels.kept}
    if table in TRIAL_TABLES:
        columns |= {f"{READ}{name}": "f8" for name in labels.read}
    if table == "trials":
        columns |= {f"{AS_IF}{name}": "f8" for name in labels.read}
    return columns


def table_from_rows(table: str, labels: Labels, rows: Sequence[Sequence[Any]]) -> dict[str, Column]:
    """Columns from rows written in the order of `columns_of`."""
    columns = columns_of(table, labels)
    if not rows:
        return {name: np.empty(0, dtype=kind) for name, kind in columns.items()}
    return {
        name: np.array(values, dtype=kind)
        for (name, kind), values in zip(columns.items(), zip(*rows, strict=True), strict=True)
    }


@dataclass(frozen=True)
class Seen:
    """The made assessments of one variable: the row of the subject in `subjects`, state, minute and value of each."""

    row: Integers
    state: Integers
    minute: Integers
    value: Floats


@dataclass(frozen=True)
class Records:
    """The tables of one or more replicates; `whole` is False for some of the subjects of one large replicate.

    The looks of a replicate that comes in parts stand in one of them.
    """

    labels: Labels
    tables: Mapping[str, Table]
    first_replicate: int = 0
    replicates: int = 1
    whole: bool = True
    derived: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)  # cache of `once`
    trial_tables: Mapping[str, Table] = field(default_factory=dict)  # TRIAL_TABLES, where looks are declared

    def __getitem__(self, table: str) -> Table:
        return self.trial_tables[table] if table in self.trial_tables else self.tables[table]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its tables, in order."""
        return (*TABLES, *(t for t in TRIAL_TABLES if t in self.trial_tables))

    def frame(self, table: str) -> pd.DataFrame:
        """One table as pandas shows it: names for codes, days beside minutes, reasons in words."""
        frame: pd.DataFrame = self.once(("frame", table), lambda: _frame(table, self))
        return frame

    def once(self, key: object, work_out: Callable[[], Any]) -> Any:
        """The result of `work_out`, cached under `key`; records are immutable."""
        if key not in self.derived:
            self.derived[key] = work_out()
        return self.derived[key]

    def taken_from(self) -> tuple[Records, NDArray[np.bool_] | None]:
        """The records of which these hold some subjects with the whole of their courses, and which; else themselves."""
        return self, None

    def subject_rows(self, table: str) -> Integers:
        """For each row of a table, the row of its subject in `subjects`."""
        rows: Integers = self.once(("rows", table), lambda: _subject_rows(self["subjects"], self[table]))
        return rows

    def begins(self) -> Integers:
        """The minute of the trial's calendar at which each subject's own clock begins."""
        minutes: Integers = self.once("begins", self._find_begins)
        return minutes

    def _find_begins(self) -> Integers:
        return np.asarray(np.rint(self["subjects"]["arrival_day"] * MINUTES_PER_DAY), dtype=np.int64)

    def trials(self) -> Integers:
        """The place of each subject's replicate among those of the records."""
        places: Integers = self.once("trials", self._find_trials)
        return places

    def _find_trials(self) -> Integers:
        return np.asarray(self["subjects"]["replicate"] - self.first_replicate, dtype=np.int64)

    def first_states(self) -> Integers:
        """The state in which each subject began: no move leads into it, so it is read from the first move."""
        began: Integers = self.once("first states", self._find_first_states)
        return began

    def _find_first_states(self) -> Integers:
        began = self["subjects"]["final_state"].astype(np.int64)
        rows = self.subject_rows("moves")
        first = first_of_each(rows)
        began[rows[first]] = self["moves"]["from_state"][first]
        return began

    def first_entries(self, state: int) -> Integers:
        """The minute at which each subject was first in a state, on the subject's own clock; NEVER where not."""
        entries: Integers = self.once(("first entries", state), lambda: self._find_first_entries(state))
        return entries

    def _find_first_entries(self, state: int) -> Integers:
        into = np.flatnonzero(self["moves"]["to_state"] == state)[::-1]
        entries = np.full(len(self["subjects"]["subject"]), NEVER, dtype=np.int64)
        # Backwards: of repeated places the last assignment stays, and rows stand in order of time.
        entries[self.subject_rows("moves")[into]] = self["moves"]["minute"][into]
        entries[self.first_states() == state] = 0
        return entries

    def was_in(self, state: int) -> NDArray[np.bool_]:
        """Whether each subject was ever in a state."""
        was: NDArray[np.bool_] = self.once(("was in", state), lambda: self._find_was_in(state))
        return was

    def _find_was_in(self, state: int) -> NDArray[np.bool_]:
        return np.asarray(self.first_entries(state) != NEVER)

    def seen(self, variable: int) -> Seen:
        """What was seen of a variable, by its code; what was missed or shows nothing of it is left out."""
        result: Seen = self.once(("seen", variable), lambda: self._find_seen(variable))
        return result

    def _find_seen(self, variable: int) -> Seen:
        table = self["observations"]
        # An assessment that was made may show nothing of it.
        shows = (table["variable"] == variable) & (table["status"] == MADE) & ~np.isnan(table["value"])
        made = np.flatnonzero(shows)
        return Seen(
            self.subject_rows("observations")[made],
            table["state"][made].astype(np.int64),
            table["minute"][made].astype(np.int64),
            table["value"][made],
        )

    def equal(self, other: Records) -> bool:
        """Whether every table is equal, bit for bit."""
        return self.trial_tables.keys() == other.trial_tables.keys() and all(
            mine.keys() == theirs.keys() and all(mine[c].tobytes() == theirs[c].tobytes() for c in mine)
            for mine, theirs in ((self[t], other[t]) for t in (*TABLES, *self.trial_tables))
        )


def _subject_rows(subjects: Table, table: Table) -> Integers:
    replicate, subject = table["replicate"], table["subject"]
    # Rows of one subject follow each other: only the first of them is looked up.
    first = np.ones(len(subject), dtype=np.bool_)
    first[1:] = (subject[1:] != subject[:-1]) | (replicate[1:] != replicate[:-1])
    begins = np.flatnonzero(first)
    if len(begins) == len(subjects["subject"]):  # nobody is without a row
        return np.repeat(np.arange(len(begins)), np.diff(begins, append=len(subject)))
    keys = keys_of(subjects["replicate"], subjects["subject"])
    theirs = keys_of(replicate[begins], subject[begins])
    # Mostly every subject has rows, and need not be looked up.
    rows = np.arange(len(keys)) if np.array_equal(keys, theirs) else np.searchsorted(keys, theirs)
    return np.repeat(rows.astype(np.int64, copy=False), np.diff(begins, append=len(subject)))


def keys_of(replicate: NDArray[Any], subject: NDArray[Any]) -> Integers:
    """One number for each subject, in the order of replicates and subjects."""
    # Both numbers are below 2^31 (see randomness), so one 64-bit key keeps their order.
    return replicate.astype(np.int64) * (1 << 32) + subject.astype(np.int64)


def first_of_each(rows: Integers) -> Integers:
    """Where each run of equal numbers begins."""
    begins = np.ones(len(rows), dtype=np.bool_)
    np.not_equal(rows[1:], rows[:-1], out=begins[1:])
    return np.flatnonzero(begins)


def leaving(records: Records) -> NDArray[np.bool_]:
    """Of each move, whether it leads into a state, its own perhaps; those of internal transitions do not."""
    transitions = records["moves"]["transition"]
    return ~np.isin(transitions, list(records.labels.internal))


def concatenate(parts: Sequence[Records]) -> Records:
    """Records of consecutive replicates (or parts of one) as one."""
    first = parts[0]
    tables = {t: {c: np.concatenate([p.tables[t][c] for p in parts]) for c in first.tables[t]} for t in TABLES}
    last = parts[-1]
    replicates = last.first_replicate + last.replicates - first.first_replicate
    have = [p.trial_tables for p in parts if p.trial_tables]  # of a replicate in parts, one of them
    of_trials = {t: {c: np.concatenate([p[t][c] for p in have]) for c in have[0][t]} for t in have[0]} if have else {}
    return Records(first.labels, tables, first.first_replicate, replicates, trial_tables=of_trials)


@dataclass(frozen=True)
class Coded:
    """A categorical column: `codes` into `labels`."""

    codes: Column
    labels: tuple[str, ...]


def shown(records: Records, table: str) -> dict[str, Column | Coded]:
    """The columns of one table as shown: names for codes, days beside minutes (nan: never), reasons in words.

    Beside calendar minutes, which are those of trials, stand weeks.
    """
    columns, labels = records[table], records.labels
    result: dict[str, Column | Coded] = {}
    for name in (name for name in columns_of(table, labels) if name in _COLUMNS[table]):
        values = columns[name]
        if name == "status":
            result[name] = Coded(values, STATUS if table == "observations" else ("given", *STATUS[1:]))
        elif name in _CODES:
            result[name] = Coded(values, getattr(labels, _CODES[name]))
        else:
            result[name] = values
        if name in _MINUTES:
            result[_day(name)] = np.where(values == NEVER, np.nan, values / MINUTES_PER_DAY)
        if name in _CALENDAR:
            result[name.replace("minute", "week")] = np.where(values == NEVER, np.nan, values / MINUTES_PER_WEEK)
    if table == "subjects":
        result |= {name: Coded(columns[name], labels.states) for name in labels.randomisations}
        result |= {name: columns[name] for name in labels.traits}
        # Several final states may share an outcome, which codes cannot say.
        outcomes = tuple(dict.fromkeys(o for o in labels.outcomes if o))
        places = np.array([outcomes.index(o) if o else NEVER for o in labels.outcomes], dtype=np.int64)
        result["outcome"] = Coded(places[columns["final_state"]], outcomes)
    if table == "moves":
        result |= {f"{SET}{name}": columns[f"{SET}{name}"] for name in labels.kept}
    if table in TRIAL_TABLES:
        result |= {name: values for name, values in columns.items() if name not in _COLUMNS[table]}
    if table == "moves" and labels.explain is not None:
        result["trigger"], result["reason"] = _explained(columns, labels, labels.explain)
    return result


def _explained(
    columns: Table, labels: Labels, explain: Callable[[int, Sequence[float]], tuple[str, str]]
) -> tuple[Coded, Coded]:
    """Trigger and reason of each transition, as text; each distinct set of values is formatted once."""
    read = [columns["transition"].astype(np.float64), *(columns[f"{READ}{k}"] for k in range(labels.reasons))]
    rows = np.ascontiguousarray(np.column_stack(read))
    whole = rows.view(f"V{rows.itemsize * rows.shape[1]}").reshape(-1)
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    said = [explain(int(rows[k, 0]), [float(v) for v in rows[k, 1:]]) for k in first]
    return _coded([trigger for trigger, _ in said], which), _coded([reason for _, reason in said], which)


def _coded(texts: Sequence[str], which: Column) -> Coded:
    labels = tuple(dict.fromkeys(texts))
    place = {text: code for code, text in enumerate(labels)}
    return Coded(np.array([place[text] for text in texts], dtype=np.int64)[which], labels)


def _frame(table: str, records: Records) -> pd.DataFrame:
    import pandas as pd

    frame: dict[str, Any] = {}
    for name, column in shown(records, table).items():
        if not isinstance(column, Coded):
            frame[name] = column
        elif name in _SHOWN["moves"]:
            frame[name] = np.array(column.labels, dtype=object)[column.codes]
        else:
            frame[name] = pd.Categorical.from_codes(column.codes.astype(np.int64), pd.Index(list(column.labels)))
    return pd.DataFrame(frame)
