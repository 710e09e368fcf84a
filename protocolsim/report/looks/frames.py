"""What the figures of looks are drawn from: plain tables made of records, estimates and one trial's looks."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protocolsim.arrays import Integers
from protocolsim.endpoint.subjects.rows import stays
from protocolsim.interim.design import COUNTED, Design, TrialRule
from protocolsim.interim.estimates.made import ending_name
from protocolsim.protocol.rules import Name, Negation, Node, Number, Operation, names_in, parse
from protocolsim.records import FAR, READ, Records
from protocolsim.report.looks.wording import spoken
from protocolsim.report.run.figure_data import labels_of_states
from protocolsim.study.result import Result
from protocolsim.study.trial_looks import HeldLook, TrialLooks
from protocolsim.units import MINUTES_PER_WEEK

if TYPE_CHECKING:
    import pandas as pd

MOST_TRIALS = 200
MOST_LANES = 120
_COMPARES = ("<", "<=", ">", ">=")
_COMPUTES = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


@dataclass(frozen=True)
class _RuleBound:
    """What a rule compares a statistic with: a boundary by its name, or a number by the rule's reason and its text."""

    statistic: str
    name: str
    number: Node | None
    rule: TrialRule


def bounded(design: Design) -> dict[str, tuple[str, ...]]:
    """The statistics that some rule compares with a bound, each with the names of these.

    Boundaries have their own names and stand first, in file order; a number, or what is computed of how many were
    followed, has the reason that its rule gives.
    """
    found = _bounds(design)
    order = [*(b.name for b in design.boundaries), *design.conclusions]
    return {
        statistic: tuple(sorted({b.name for b in found if b.statistic == statistic}, key=order.index))
        for statistic in dict.fromkeys(b.statistic for b in found)
    }


def _bounds(design: Design) -> list[_RuleBound]:
    """Every comparison of a statistic with a bound, in file order."""
    boundaries = {b.name for b in design.boundaries}
    names = set(design.values) - set(COUNTED)
    found = []
    for rule in design.rules:
        for node in [] if rule.rule is None else _comparisons(parse(rule.rule.words)):
            for one, other in ((node.left, node.right), (node.right, node.left)):
                if not (isinstance(one, Name) and one.name in names):
                    continue
                if isinstance(other, Name) and other.name in boundaries:
                    found.append(_RuleBound(one.name, other.name, None, rule))
                elif _names(other) <= set(COUNTED):
                    found.append(_RuleBound(one.name, rule.reason, other, rule))
    return found


def _names(node: Node) -> set[str]:
    return set(names_in(node))


def _level(node: Node, counted: Mapping[str, float]) -> float:
    """The number that an expression of numbers and counts stands for; nan where it is another kind of expression."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Name):
        return counted[node.name]
    if isinstance(node, Negation):
        return -_level(node.operand, counted) if node.op == "-" else float("nan")
    if not isinstance(node, Operation) or node.op not in _COMPUTES:
        return float("nan")
    return float(_COMPUTES[node.op](_level(node.left, counted), _level(node.right, counted)))


def counts(design: Design, records: Records) -> dict[str, list[float]]:
    """What is counted at each look, by name: the mean over the trials in which it was held, nan without any."""
    looks = records["looks"]
    held = [(looks["look"] == k) & looks["held"] for k in range(len(design.looks))]
    return {
        name: [float(looks[f"{READ}{name}"][mine].mean()) if mine.any() else float("nan") for mine in held]
        for name in COUNTED
    }


def _comparisons(node: Node) -> list[Operation]:
    """Every comparison in an expression."""
    if isinstance(node, Negation):
        return _comparisons(node.operand)
    if not isinstance(node, Operation):
        return []
    if node.op in _COMPARES:
        return [node]
    return [*_comparisons(node.left), *_comparisons(node.right)]


def fractions(design: Design, records: Records) -> list[float]:
    """The information fraction at which each look stands: planned, or the mean of those found; nan without any."""
    looks = records["looks"]
    result = []
    for k, look in enumerate(design.looks):
        found = looks[f"{READ}information"][(looks["look"] == k) & looks["held"]]
        mean = float(found.mean()) if len(found) else float("nan")
        result.append(mean if look.planned != look.planned else look.planned)
    return result


def boundary_frame(
    design: Design, at: Sequence[float], statistic: str, counted: Mapping[str, Sequence[float]] | None = None
) -> pd.DataFrame:
    """One row for each bound of a statistic: `boundary`, `look`, `information` and `value`; none where it has none.

    counted: what `counts` gives, for bounds that are computed of it; those are left out without.
    """
    import pandas as pd

    values = {b.name: list(b.values) for b in design.boundaries}
    for bound in _bounds(design):
        if bound.statistic == statistic and bound.number is not None:
            mine = values.setdefault(bound.name, [float("nan")] * len(design.looks))
            for k in range(len(design.looks)):
                if design.may_hold(bound.rule, k) and (counted is not None or not _names(bound.number)):
                    mine[k] = _level(bound.number, {n: c[k] for n, c in (counted or {}).items()})
    rows = [
        (name, spoken(look.name), at[k], values[name][k])
        for name in bounded(design)[statistic]
        for k, look in enumerate(design.looks)
        if np.isfinite(values[name][k]) and np.isfinite(at[k])
    ]
    return pd.DataFrame(rows, columns=["boundary", "look", "information", "value"])


def fan_frame(design: Design, records: Records, statistic: str) -> pd.DataFrame:
    """One row for each look held in the first 200 trials: `trial`, `look`, `information`, `value`, `ending`.

    A trial's looks end where it ended; undefined values are left out.
    """
    import pandas as pd

    looks, trials = records["looks"], records["trials"]
    conclusion = dict(zip(trials["replicate"].tolist(), trials["conclusion"].tolist(), strict=True))
    shown = looks["held"] & (looks["replicate"] < records.first_replicate + MOST_TRIALS)
    value = looks[f"{READ}{statistic}"]
    rows = np.flatnonzero(shown & ~np.isnan(value))
    endings = endings_of(design)
    return pd.DataFrame(
        {
            "trial": looks["replicate"][rows],
            "look": [spoken(design.looks[k].name) for k in looks["look"][rows].tolist()],
            "information": looks[f"{READ}information"][rows],
            "value": value[rows],
            "ending": [endings[conclusion[r]] for r in looks["replicate"][rows].tolist()],
        }
    )


def endings_of(design: Design) -> tuple[str, ...]:
    """How a trial may end, by the code of its conclusion; the last one is for no conclusion."""
    words = []
    for reason in design.conclusions:
        actions = {r.action for r in design.rules if r.reason == reason}
        stops, concludes = f"stopped for {reason}", f"concluded '{reason}'"
        both = f"ended with '{reason}'"
        words.append(stops if actions == {"stop"} else concludes if actions == {"conclude"} else both)
    return (*words, "no conclusion")


def one_trial_frame(trial: TrialLooks, statistic: str) -> pd.DataFrame:
    """The path of one trial: `look`, `information`, `value`, and `as_if` for looks that were not held.

    The last look that was held stands in both, so that two lines join.
    """
    import pandas as pd

    ended = trial.last_held.number
    rows = [(look, False) for look in trial.looks if look.held]
    rows += [(look, True) for look in trial.as_if[ended:] if look.held] if ended + 1 < len(trial.looks) else []
    return pd.DataFrame(
        [(spoken(one.name), one.values["information"], one.values[statistic], as_if) for one, as_if in rows],
        columns=["look", "information", "value", "as_if"],
    ).dropna(subset=["value"])


def endings_frame(result: Result) -> pd.DataFrame:
    """The share of trials that end at each look, by reason: `look`, `ending`, `share`, `mcse`, and where bars lie.

    `before` and `after` are the shares up to the bar and with it; a last look holds those without a conclusion.
    """
    import pandas as pd

    design = result.scenario.interim
    assert design is not None
    words = endings_of(design)
    rows, total = [], 0.0
    for look in design.looks:
        before = 0.0
        for code, reason in enumerate(design.conclusions):
            estimate = result.estimates.get(ending_name(reason, look.name))
            if estimate is None:
                continue
            after = before + estimate.value
            rows.append((spoken(look.name), words[code], estimate.value, estimate.mcse, before, after))
            before = after
        total += before
    last = spoken(design.looks[-1].name)
    if 1.0 - total > 1e-9:
        top = sum(r[2] for r in rows if r[0] == last)
        rows.append((last, words[-1], 1.0 - total, float("nan"), top, top + 1.0 - total))
    return pd.DataFrame(rows, columns=["look", "ending", "share", "mcse", "before", "after"])


def lanes_frame(trial: TrialLooks, cutoff: int) -> pd.DataFrame:
    """The stays of the trial's enrolled had it gone on, a lane each, cut at the cut-off.

    `lane` is the place in the order of enrolment (from 1), `start` and `end` are weeks of the trial's calendar,
    `known` says whether the stay lies before the cut-off. Of many patients every n-th is shown.
    """
    import pandas as pd

    records, labels = trial.full, labels_of_states(trial.scenario, trial.full.labels.states)
    chosen, numbers_ = lanes(records)
    begun = records.begins()
    frame: list[tuple[int, str, float, float, bool]] = []
    for (row, mine), lane in zip(stays(records, chosen.tolist()), numbers_.tolist(), strict=True):
        for state, a, b in mine:
            start, end = int(begun[row]) + a, int(begun[row]) + b
            for low, high, known in ((start, min(end, cutoff), True), (max(start, cutoff), end, False)):
                if high > low:
                    frame.append((lane, labels[state], low / MINUTES_PER_WEEK, high / MINUTES_PER_WEEK, known))
    return pd.DataFrame(frame, columns=["lane", "state", "start", "end", "known"])


def lanes(records: Records) -> tuple[Integers, Integers]:
    """The rows of the enrolled in order of enrolment, at most 120 of them evenly taken, and their places from 1."""
    subjects = records["subjects"]
    enrols = np.where(subjects["enrolled"], records.begins() + subjects["enrolled_minute"], FAR)
    order = np.argsort(enrols, kind="stable")[: int(subjects["enrolled"].sum())]
    step = -(-len(order) // MOST_LANES) if len(order) else 1
    places = np.arange(0, len(order), step)
    return order[places].astype(np.int64), places + 1


def marks_frame(looks: Sequence[HeldLook]) -> pd.DataFrame:
    """Where looks lie in the calendar: `look`, `week` of the cut-off."""
    import pandas as pd

    held = [(spoken(look.name), look.cutoff / MINUTES_PER_WEEK) for look in looks if look.held]
    return pd.DataFrame(held, columns=["look", "week"])


def enrolment_frame(trial: TrialLooks) -> pd.DataFrame:
    """How many were enrolled by each week: `week`, `number`, `trial` ("as it was", or "had it gone on")."""
    import pandas as pd

    parts = []
    for records, words in ((trial.full, "had it gone on"), (trial.final, "as it was")):
        subjects = records["subjects"]
        weeks = np.sort((records.begins() + subjects["enrolled_minute"])[subjects["enrolled"]]) / MINUTES_PER_WEEK
        end = weeks[-1] if len(weeks) else 0.0
        week = np.concatenate([[0.0], weeks, [end]])
        number = np.concatenate([np.arange(len(weeks) + 1), [len(weeks)]])
        parts.append(pd.DataFrame({"week": week, "number": number, "trial": words}))
    return pd.concat(parts, ignore_index=True)


def decided_at(trial: TrialLooks) -> HeldLook:
    """The look whose cut-off parts what was known from what was not: the one that ended the trial, or its last."""
    ended = trial.ended
    return trial.last_held if ended is None else ended
