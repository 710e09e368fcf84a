"""The view of the rule where a decision is more than one threshold: who goes where, over each of its numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from htmltools import Tag, TagList, tags

from protocolsim.app.figure import figure
from protocolsim.app.limits import looked_at
from protocolsim.app.state import VisitorState
from protocolsim.app.work.orders import Answer
from protocolsim.report.decision import captions
from protocolsim.report.decision.branch_figures import DrawnBranches, caption, percent
from protocolsim.report.run.figure_data import MOST_PATIENTS
from protocolsim.report.style import numbers
from protocolsim.scenario.build.values.spoken import at_head
from protocolsim.study.decision.branch_curve import BranchCurve, rows_of_trial


@dataclass(frozen=True)
class Branches:
    """The branches over one number beside the page, from which any value is read; `offered`: all numbers, in words."""

    curve: BranchCurve
    offered: dict[str, str]

    @cached_property
    def drawn(self) -> DrawnBranches:
        """As it is drawn."""
        return DrawnBranches(self.curve)

    @property
    def size(self) -> int:
        """Bytes, about."""
        return sum(a.nbytes for d in self.curve.decided for a in (d.replicate, d.subject, *d.read))


def shown_branches(branches: Branches, answer: Answer, state: VisitorState, where: tuple[str, str]) -> TagList:
    """The number's slider and read-outs, which number it is, the curve, and the table."""
    curve = branches.curve
    value = _value(branches, state)
    told = told_branches(branches, state)
    return TagList(
        tags.div(
            tags.div(class_="mirror", data_mirror=curve.parameter),
            tags.div(_readout(branches, value), id="rule-readout", role="status"),
            class_="sticky",
        ),
        _offered(branches),
        figure(where, "curves", answer, state, caption=caption(branches.drawn, value)),
        tags.div(_table(branches, value), id="rule-numbers"),
        tags.template(id="rule-marks", data_marks=json.dumps({k: v for k, v in told.items() if k != "table"})),
    )


def told_branches(branches: Branches, state: VisitorState) -> dict[str, Any]:
    """What the page is sent while the number moves: nothing is simulated."""
    drawn, value = branches.drawn, _value(branches, state)
    first = drawn.at(0, value)
    largest = max(first, key=lambda each: each[1].value if each[1].value == each[1].value else -1.0)
    return {
        "table": str(_table(branches, value)),
        "marks": {"curves": (drawn.across(value), None)},
        "captions": {"curves": caption(drawn, value)},
        "readout": str(_readout(branches, value)),
        "ends": drawn.ends,
        "log": drawn.parameter.log,
        "flag": f"{drawn.said(value)}: {percent(largest[1])} {largest[0]}",
        **_standing(branches, state, value),
    }


def _value(branches: Branches, state: VisitorState) -> float:
    """The value that is set up, in internal units, within the range that is drawn."""
    curve, ends = branches.curve, branches.curve.values
    value = state.number_set(curve.parameter, branches.drawn.parameter, curve.own)
    return float(min(max(value, ends[0]), ends[-1]))


def _standing(branches: Branches, state: VisitorState, value: float) -> dict[str, Any]:
    """The patients of the trial that is looked at, each where it would go another way."""
    curve, drawn = branches.curve, branches.drawn
    draw = state.draw % looked_at(curve.scenario, curve.replicates)
    patients = []
    for place, decided in enumerate(curve.decided):
        rows = rows_of_trial(decided, draw, MOST_PATIENTS // len(curve.decided), state.patient)
        taken, labels = curve.taken(place, value), curve.labels(place)
        for row, turn in zip(rows.tolist(), curve.turns(place, rows), strict=True):
            if turn is None:
                continue
            number, branch = int(decided.subject[row]), int(taken[row])
            way = labels[branch] if branch >= 0 else "no branch"
            words = f"Patient {number}: {way}; another way from {drawn.said(turn)} on"
            if value >= turn:
                words = f"Patient {number}: {way}; another way below {drawn.said(turn)}"
            mark = {"number": number, "at": drawn.across(turn), "said": words, "passes": branch == 0, "side": place}
            patients.append(mark)
    told = (
        f"Dots on the axis: the patients of trial {draw} whom this number sends one way or another, where that changes"
    )
    told += f"; filled ones now go to '{curve.labels(0)[0]}'." if len(curve.decided) == 1 else "."
    return {"standing": patients, "trial": draw, "standing_means": told}


def _readout(branches: Branches, value: float) -> TagList:
    drawn = branches.drawn
    cells = [tags.div(tags.b(drawn.said(value)), tags.span(drawn.name))]
    for place in range(len(branches.curve.decided)):
        side = f", after '{drawn.side(place)}'" if len(branches.curve.decided) > 1 else ""
        cells += [
            tags.div(tags.b(percent(share)), tags.span(f"{label}{side}"))
            for label, share in _first(drawn.at(place, value))
        ]
    return TagList(*cells)


def _first(branches: Sequence[tuple[str, Any]]) -> Sequence[tuple[str, Any]]:
    """As many as can be read at a glance; the table has all."""
    return branches[:3]


def _offered(branches: Branches) -> Tag | None:
    """The choice among the numbers that decide something."""
    if len(branches.offered) < 2:
        return None
    chosen = branches.curve.parameter
    options = [
        tags.option(at_head(said), value=name, selected="" if name == chosen else None)
        for name, said in branches.offered.items()
    ]
    return tags.p(
        tags.label("The number that moves ", for_="measure"),
        tags.select(*options, {"data-shiny-no-bind-input": ""}, id="measure", data_ask="measure", class_="form-select"),
        class_="choice",
    )


def _table(branches: Branches, value: float) -> TagList:
    """Every branch of every decision at the value."""
    curve, drawn = branches.curve, branches.drawn
    rows = []
    for place in range(len(curve.decided)):
        own = dict(drawn.at(place, curve.own))
        for label, share in drawn.at(place, value):
            cells = [
                tags.td(percent(share), data_exact=repr(share.value), data_column="0"),
                tags.td(percent(own[label])),
            ]
            rows.append(
                tags.tr(
                    tags.th(drawn.side(place), scope="row"),
                    tags.td(label, class_="words"),
                    *cells,
                    data_estimate=f"{place}-{label}",
                )
            )
    by_rule = curve.parted_by_rule(0)
    own_said = f"at the scenario's own {drawn.said(curve.own)}"
    heads = ["decided after", "by the rule" if by_rule else "goes to", f"at {drawn.said(value)}", own_said]
    head = tags.thead(tags.tr(*[tags.th(h, scope="col") for h in heads]))
    return TagList(
        tags.h3(f"The decision, at {drawn.name} {drawn.said(value)}"),
        tags.div(tags.table(head, tags.tbody(*rows), class_="estimates"), class_="scroll"),
        tags.p(
            f"{numbers.count(curve.replicates, 'simulated trial')}, seed {curve.seed}: the same patients at every "
            "value. The ± is the Monte Carlo standard error. What follows the decision is simulated anew in the other "
            f"views. {captions.without_curve(curve.scenario)}".rstrip(),
            class_="note",
        ),
    )
