"""The summary in a terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from protocolsim.report.looks.summary import OVER_ALL_MEANS, EndingsOfLook, LooksSummary, summary_of
from protocolsim.report.protocol import text as protocol_text
from protocolsim.report.run import decision, findings
from protocolsim.report.style import numbers
from protocolsim.report.style.console import Column, Screen
from protocolsim.scenario.build.companions import quoted as quotes
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.result import Result
from protocolsim.study.validation import published_rows

if TYPE_CHECKING:
    from rich.console import Console

_RANGE = Column("One trial,\n5-95 %")
_ROLE = Column("Role", words=True)
MOST_LINES = 60
"""Of a run at 80 columns, without --explain."""
_NOMINAL = 80
_COMPARED, _LOOKS, _OF_LOOKS = "published result", "look", "number of trials with looks"
# The fewest rows of each table in the short form; what is not here stands whole.
_LEAST = {"result": 3, "test": 1, "estimate between arms": 0, _OF_LOOKS: 6}


def print_summary(result: Result, console: Console, *, explain: bool = False) -> None:
    """Print what was found: findings, the decision, then the numbers, in at most `MOST_LINES` at 80 columns.

    What does not fit is counted in the last lines. `explain`: all of it, what every column means, and the caveats.
    """
    shown = None if explain else _fitting(result)
    _summary(Screen(console), result, shown)


def _summary(screen: Screen, result: Result, shown: Mapping[str, int] | None) -> None:
    """Everything, or of each table as many rows as `shown` says."""
    put = screen.put
    put(result.scenario.title, "bold")
    if result.scenario.question:
        put(result.scenario.question)
    for line in result.scenario.warnings:
        put(f"Warning: {line}", "bold yellow")
    _said(screen, result)
    of_looks = summary_of(result)
    hidden = []
    for name, (draw, rows) in _tables(result, of_looks, brief=shown is not None).items():
        kept = len(rows) if shown is None else shown[name]
        hidden += [_more(len(rows) - kept, name)] if kept < len(rows) else []
        if kept:
            put("")
            draw(screen, rows[:kept])
    put("")
    for line in (numbers.verdict(result), numbers.undefined_note(result.estimates.values())):
        if line:
            put(line)
    put("")
    if shown is None:
        _definitions(screen, result)
        put("")
    else:
        put(_where_more(result, hidden), "dim")
    put(_how_it_ran(result), "dim")


def _said(screen: Screen, result: Result) -> None:
    """The findings and the decision, each a point of a list."""
    lines = [line for line in (*findings.sentences(result), decision.sentence(result)) if line]
    if lines:
        screen.put("")
    for line in lines:
        screen.point(line)


def _tables(result: Result, of_looks: LooksSummary | None, *, brief: bool) -> dict[str, tuple[Any, Sequence[Any]]]:
    """The tables that there is something for: how each is printed, and its rows, the most telling first."""
    quoted = {endpoint for text in result.scenario.findings for scenario, endpoint in quotes(text) if not scenario}
    ends = numbers.of_subjects(result)
    compared = [e for e in ends if e.published is not None]
    tables: dict[str, tuple[Any, Sequence[Any]]]
    if brief:
        others = [e for e in ends if e.published is None]
        others = sorted(others, key=lambda e: e.name not in quoted)
        tables = {
            _COMPARED: (_compared, compared),
            "result": (_briefly, others),
            "test": (partial(_tests, brief=True), sorted(numbers.tests(result), key=lambda e: e.name not in quoted)),
        }
    else:
        tables = {"result": (_endpoints, ends), "test": (_tests, numbers.tests(result))}
    tables |= {"estimate between arms": (_contrasts, numbers.over_trials(result))}
    if of_looks is not None:
        looks = {_LOOKS: (partial(_looks, looks=of_looks), of_looks.rows), _OF_LOOKS: (_over_all, of_looks.over_all)}
        tables = looks | tables
    return {name: (draw, rows) for name, (draw, rows) in tables.items() if rows}


def _fitting(result: Result) -> dict[str, int]:
    """How many rows of each table fit: what was published, what findings quote and the looks stand whole.

    Counted at 80 columns whatever the terminal, so that every terminal says the same.
    """
    from rich.console import Console

    tables = _tables(result, summary_of(result), brief=True)
    shown = {name: len(rows) for name, (_, rows) in tables.items()}
    while True:
        out = io.StringIO()
        _summary(Screen(Console(file=out, width=_NOMINAL, color_system=None)), result, shown)
        over = out.getvalue().count("\n") - MOST_LINES
        least = {name: _LEAST.get(name, shown[name]) for name in shown}
        longest = max(shown, key=lambda name: shown[name] - least[name])
        spare = shown[longest] - least[longest]
        if over <= 0 or spare <= 0:
            return shown
        # A row takes a line or two: half of what is too much leaves none out that would have fitted.
        shown[longest] -= min(spare, max(1, over // 3))


def _more(number: int, name: str) -> str:
    return f"{number} more of all trials" if name == _OF_LOOKS else numbers.count(number, f"more {name}")


def _where_more(result: Result, hidden: Sequence[str]) -> str:
    """What the short form leaves out, and where it stands."""
    caveats = [numbers.count(len(result.scenario.notes), "caveat")] if result.scenario.notes else []
    also = protocol_text.listed([*hidden, "what each column means", *caveats])
    return (
        "± is the Monte Carlo standard error; a range holds 90 % of single simulated trials. "
        f"With --explain, and in the report: {also}."
    )


def _definitions(screen: Screen, result: Result) -> None:
    """What the columns mean, and the caveats."""
    put = screen.put
    put(numbers.RANGE_MEANS, "dim")
    if any(e.published is not None for e in result.estimates.values()):
        put(numbers.ROLES_MEAN, "dim")
    if numbers.tests(result):
        put(numbers.TESTS_MEAN, "dim")
    if numbers.over_trials(result):
        put(numbers.CONTRASTS_MEAN, "dim")
    if summary_of(result) is not None:
        put(OVER_ALL_MEANS, "dim")
    for line in result.scenario.notes:
        put(f"Caveat: {line}")


def print_validation(result: Result, console: Console) -> None:
    """Print the published results one by one, each with its verdict, and what that verdict is worth."""
    screen = Screen(console)
    put = screen.put
    compared = published_rows(result)
    columns = (
        *(Column("Published result", words=True), Column("Published", words=True), Column("Exact 95 %")),
        *(_RANGE, Column("Of"), Column("Ends"), Column("Holds"), Column("Verdict", words=True), _ROLE),
    )
    rows = [
        (one.estimate.label, numbers.published(one.estimate), numbers.exact(one), numbers.one_trial(one.estimate),
         "" if one.size is None else f"{one.size:,}", numbers.ends(one), numbers.holds(one), one.verdict,
         one.published.role)
        for one in compared
    ]  # fmt: skip
    put(result.scenario.title, "bold")
    screen.table(columns, rows, expand=True)
    put("")
    put(numbers.verdict(result))
    put("")
    for line in (numbers.VERDICT_MEANS, numbers.ROLE_MEANS):
        put(line, "dim")
    for line in (*numbers.warnings_of(compared), *result.scenario.warnings):
        put(f"Warning: {line}", "bold yellow")
    put("")
    put(_how_it_ran(result), "dim")


def _how_it_ran(result: Result) -> str:
    parts = [
        f"seed {result.seed}",
        numbers.count(result.replicates, "replicate"),
        f"{result.engine} engine",
        f"protocolsim {result.version}",
    ]
    if "run time" in result.provenance:
        parts.append(result.provenance["run time"])
    return ", ".join(parts)


def _endpoints(screen: Screen, rows: Sequence[Estimate]) -> None:
    """One row per endpoint; the published columns appear only where something was published."""
    compared = any(e.published is not None for e in rows)
    columns = [Column("Endpoint", words=True), Column("Simulated"), _RANGE]
    if compared:
        columns += [Column("Published", words=True), Column("Percentile", short="Pctl."), _ROLE]
    cells = []
    for endpoints in rows:
        # A long unit would widen two columns of numbers; it stands once, beside the label.
        unit = "" if endpoints.unit in ("", "%") else f"{endpoints.unit}; "
        row = [f"{endpoints.label} ({unit}of {endpoints.among})", *_numbers(endpoints)]
        if compared:
            row += [numbers.published(endpoints), numbers.percentile(endpoints), endpoints.role or ""]
        cells.append(row)
    screen.table(columns, cells, expand=True)


def _compared(screen: Screen, rows: Sequence[Estimate]) -> None:
    """What was published beside what was simulated, without the denominators."""
    columns = [Column("Endpoint", words=True), Column("Simulated"), _RANGE, Column("Published", words=True), _ROLE]
    cells = [[_with_unit(e), *_numbers(e), numbers.published(e), e.role or ""] for e in rows]
    screen.table(columns, cells, expand=True)


def _briefly(screen: Screen, rows: Sequence[Estimate]) -> None:
    """One line per endpoint, without the denominators."""
    columns = [Column("Endpoint", words=True), Column("Simulated"), _RANGE]
    screen.table(columns, [[_with_unit(e), *_numbers(e)] for e in rows], expand=True)


def _numbers(estimate: Estimate) -> list[str]:
    """What was simulated and its range, without the unit."""
    return [numbers.bare(shown(estimate), estimate) for shown in (numbers.simulated, numbers.one_trial)]


def _with_unit(estimate: Estimate) -> str:
    return estimate.label if estimate.unit in ("", "%") else f"{estimate.label} ({estimate.unit})"


def _looks(screen: Screen, rows: Sequence[EndingsOfLook], *, looks: LooksSummary) -> None:
    """A row for each look with how trials end there."""
    reasons = [Column(f"{reason[0].upper()}{reason[1:]}", words=False) for reason in looks.reasons]
    columns = [Column("Look", words=True), Column("Information"), Column("Held"), *reasons]
    screen.table(columns, [(r.name, r.information, r.held, *r.endings) for r in rows], apart=len(rows) - 1)


def _over_all(screen: Screen, rows: Sequence[Estimate]) -> None:
    """One row for each number of all trials with looks."""
    cells = [(e.label, numbers.simulated(e), numbers.one_trial(e)) for e in rows]
    screen.table([Column("Trials with these looks", words=True), Column("Simulated"), _RANGE], cells, expand=True)


def _contrasts(screen: Screen, rows: Sequence[Estimate]) -> None:
    """One row per coverage and bias of a contrast between arms."""
    screen.table(
        [Column("Estimates between arms, over trials", words=True), Column("Simulated")],
        [(e.label, numbers.simulated(e)) for e in rows],
        expand=True,
    )


def _tests(screen: Screen, rows: Sequence[Estimate], *, brief: bool = False) -> None:
    """One row per test: what it tests, and how often it rejects."""
    cells = [(e.label if brief else f"{e.label} ({e.counting.partition('; ')[2]})", numbers.simulated(e)) for e in rows]
    screen.table([Column("Test of each trial", words=True), Column("Rejects")], cells, expand=True)
