"""The summary in a terminal."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from protocolsim.report.parameters import summary as parameters
from protocolsim.report.parameters.console import print_shares
from protocolsim.report.protocol import text as protocol_text
from protocolsim.report.run import decision, findings, levels
from protocolsim.report.run.warnings import warnings
from protocolsim.report.style import numbers
from protocolsim.report.style.console import Column, Screen
from protocolsim.scenario.build.companions import quoted as quotes
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.result import Result
from protocolsim.study.validation import published_rows

if TYPE_CHECKING:
    from rich.console import Console

    from protocolsim.report.looks.summary import EndingsOfLook, LooksSummary

_SAMPLING = Column("Sampling range,\nfixed parameters", short="Sampling\nrange")
_PREDICTION = Column("Prediction range,\nparameters included", short="Prediction\nrange")
_ROLE = Column("Role", words=True)
MOST_LINES = 60
"""Of a run at 80 columns, without --explain."""
_NOMINAL = 80
_COMPARED, _LOOKS, _OF_LOOKS = "published result", "look", "number of trials with looks"
# The fewest rows of each table in the short form; what is not here stands whole.
_LEAST = {"result": 0, "test": 1, "estimate between arms": 0, _OF_LOOKS: 6}


def print_summary(result: Result, console: Console, *, explain: bool = False) -> None:
    """Print what was found: findings, the decision, then the numbers, in at most `MOST_LINES` at 80 columns.

    What does not fit is counted in the last lines. `explain`: all of it, what every column means, and the caveats.
    """
    lead = [line for line in (*findings.sentences(result), decision.sentence(result)) if line]
    shown = None if explain else _fitting(result, lead)
    _summary(Screen(console), result, lead, shown)


def _summary(screen: Screen, result: Result, lead: Sequence[str], shown: Mapping[str, int] | None) -> None:
    """Everything, or of each table as many rows as `shown` says; `lead`: the findings and the decision."""
    put = screen.put
    put(result.scenario.title, "bold")
    if result.scenario.question:
        put(result.scenario.question)
    for line in warnings(result):
        put(f"Warning: {line}", "bold yellow")
    _said(screen, lead)
    of_looks = _looks_of(result)
    hidden = []
    for name, (draw, rows) in _tables(result, of_looks, brief=shown is not None).items():
        kept = len(rows) if shown is None else shown[name]
        hidden += [_more(len(rows) - kept, name)] if kept < len(rows) else []
        if kept:
            put("")
            draw(screen, rows[:kept])
    put("")
    put(numbers.verdict(result))
    if undefined := numbers.undefined_note(result.estimates.values()):
        put(undefined if shown is None else _some_undefined(result))
    if result.drawn is not None:
        put("")
        put(parameters.drawn(result))
        if shown is None:
            put("")
            print_shares(screen, result)
        elif result.shares:
            put(parameters.learn_next(result))
    put("")
    if shown is None:
        _definitions(screen, result, _marks_mean(result, *lead, *result.scenario.notes))
        put("")
    else:
        put(_where_more(result, hidden, _marks_mean(result, *lead)), "dim")
    put(_how_it_ran(result), "dim")


def _looks_of(result: Result) -> LooksSummary | None:
    """What is said of looks, which is imported for a trial that has them."""
    if result.scenario.interim is None:
        return None
    from protocolsim.report.looks.summary import summary_of

    return summary_of(result)


def _said(screen: Screen, lead: Sequence[str]) -> None:
    """The findings and the decision, each a point of a list."""
    if lead:
        screen.put("")
    for line in lead:
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
            _COMPARED: (partial(_compared, result=result), compared),
            "result": (partial(_briefly, result=result), others),
            "test": (
                partial(_tests, result=result, brief=True),
                sorted(numbers.tests(result), key=lambda e: e.name not in quoted),
            ),
        }
    else:
        tables = {
            "result": (partial(_endpoints, result=result), ends),
            "test": (partial(_tests, result=result), numbers.tests(result)),
        }
    tables |= {"estimate between arms": (_contrasts, numbers.over_trials(result))}
    if of_looks is not None:
        looks = {_LOOKS: (partial(_looks, looks=of_looks), of_looks.rows), _OF_LOOKS: (_over_all, of_looks.over_all)}
        tables = looks | tables
    return {name: (draw, rows) for name, (draw, rows) in tables.items() if rows}


def _fitting(result: Result, lead: Sequence[str]) -> dict[str, int]:
    """How many rows of each table fit: what was published, what findings quote and the looks stand whole.

    Counted at 80 columns whatever the terminal, so that every terminal says the same.
    """
    from rich.console import Console

    tables = _tables(result, _looks_of(result), brief=True)
    shown = {name: len(rows) for name, (_, rows) in tables.items()}
    while True:
        out = io.StringIO()
        _summary(Screen(Console(file=out, width=_NOMINAL, color_system=None)), result, lead, shown)
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


def _where_more(result: Result, hidden: Sequence[str], marks: str) -> str:
    """What the evidence marks mean, what the short form leaves out, and where it stands."""
    caveats = [numbers.count(len(result.scenario.notes), "caveat")] if result.scenario.notes else []
    also = protocol_text.listed([*hidden, "what each column means", *caveats])
    said = (
        "± is the Monte Carlo standard error; a range holds 90 % of single simulated trials.",
        marks,
        f"With --explain, and in the report: {also}.",
    )
    return " ".join(filter(None, said))


def _marks_mean(result: Result, *lines: str) -> str:
    """What the evidence marks mean of the question, published results and these lines."""
    return numbers.marks_mean(result.scenario.question, *map(numbers.published, result.estimates.values()), *lines)


def _some_undefined(result: Result) -> str:
    few = [e for e in numbers.of_subjects(result) if e.n_undefined]
    return f"In some trials there is no value (nobody in the denominator) of {numbers.count(len(few), 'endpoint')}."


def _number_of(level: str) -> str:
    """How often a test rejects without an effect, without how that effect was taken away."""
    if level.startswith("not shown"):
        return "not shown"
    return level.partition("), ")[0] + ")" if "), " in level else level


def _definitions(screen: Screen, result: Result, marks: str) -> None:
    """What the columns and the evidence marks mean, and the caveats."""
    for line in (*_meanings(result), *([marks] if marks else [])):
        screen.put(line, "dim")
    for line in result.scenario.notes:
        screen.put(f"Caveat: {line}")


def _meanings(result: Result) -> list[str]:
    """What the columns of these tables mean."""
    told = [
        (True, numbers.RANGE_MEANS),
        (True, numbers.PARAMETERS_FIXED if result.drawn is None else numbers.PREDICTION_MEANS),
        (result.shares, f"{parameters.MEANS} {parameters.coupling(result)}"),
        (any(e.published is not None for e in result.estimates.values()), numbers.ROLES_MEAN),
        (numbers.tests(result), numbers.TESTS_MEAN),
        (result.levels, levels.LEVELS_MEAN),
        (numbers.over_trials(result), numbers.CONTRASTS_MEAN),
    ]
    if result.scenario.interim is not None:
        from protocolsim.report.looks.summary import OVER_ALL_MEANS

        told.append((True, OVER_ALL_MEANS))
    return [line for there, line in told if there]


def print_validation(result: Result, console: Console) -> None:
    """Print the published results one by one, each with its verdict, and what that verdict is worth."""
    screen = Screen(console)
    put = screen.put
    compared = published_rows(result)
    columns = (
        *(Column("Published result", words=True), Column("Published", words=True), Column("Exact 95 %")),
        *([_SAMPLING] if result.drawn is None else [_SAMPLING, _PREDICTION]),
        *(Column("Of"), Column("Ends"), Column("Holds"), Column("Width"), Column("Verdict", words=True), _ROLE),
    )
    rows = [
        (one.estimate.label, numbers.published(one.estimate), numbers.exact(one),
         *([] if result.drawn is None else [numbers.fixed_range(one)]), numbers.one_trial(one.estimate),
         "" if one.size is None else f"{one.size:,}", numbers.ends(one), numbers.holds(one), numbers.width(one),
         one.verdict, one.published.role)
        for one in compared
    ]  # fmt: skip
    put(result.scenario.title, "bold")
    screen.table(columns, rows, expand=True)
    put("")
    put(numbers.verdict(result))
    put("")
    ranges = (numbers.RANGE_MEANS, numbers.PARAMETERS_FIXED if result.drawn is None else numbers.PREDICTION_MEANS)
    for line in (numbers.VERDICT_MEANS, *ranges, numbers.ROLE_MEANS):
        put(line, "dim")
    for line in (*numbers.warnings_of(compared), *warnings(result)):
        put(f"Warning: {line}", "bold yellow")
    put("")
    put(_how_it_ran(result), "dim")


def _how_it_ran(result: Result) -> str:
    """Not from `provenance`: its checksum of the scenario and versions of packages take a tenth of a short command."""
    trials = numbers.count(result.replicates, "replicate")
    made = f"{result.engine} engine, protocolsim {result.version}, {result.seconds:.1f} s"
    return f"seed {result.seed}, {trials}, {made}"


def _endpoints(screen: Screen, rows: Sequence[Estimate], *, result: Result) -> None:
    """One row per endpoint; columns of what was published, or of drawn parameters, appear only where there is any."""
    compared = any(e.published is not None for e in rows)
    columns = [Column("Endpoint", words=True), Column("Simulated"), *_ranges(result)]
    if compared:
        columns += [Column("Published", words=True), Column("Percentile", short="Pctl."), _ROLE]
    cells = []
    for endpoints in rows:
        # A long unit would widen two columns of numbers; it stands once, beside the label.
        unit = "" if endpoints.unit in ("", "%") else f"{endpoints.unit}; "
        row = [f"{endpoints.label} ({unit}of {endpoints.among})", *_numbers(result, endpoints)]
        if compared:
            judged = _judged(result, endpoints)
            row += [numbers.published(endpoints), numbers.percentile(judged), endpoints.role or ""]
        cells.append(row)
    screen.table(columns, cells, expand=True)


def _compared(screen: Screen, rows: Sequence[Estimate], *, result: Result) -> None:
    """What was published beside what was simulated, without the denominators."""
    columns = [Column("Endpoint", words=True), Column("Simulated"), *_ranges(result, brief=True)]
    columns += [Column("Published", words=True), _ROLE]
    cells = [[_with_unit(e), *_numbers(result, e), numbers.published(e), e.role or ""] for e in rows]
    screen.table(columns, cells, expand=True)


def _briefly(screen: Screen, rows: Sequence[Estimate], *, result: Result) -> None:
    """One line per endpoint, without the denominators."""
    columns = [Column("Endpoint", words=True), Column("Simulated"), *_ranges(result, brief=True)]
    screen.table(columns, [[_with_unit(e), *_numbers(result, e)] for e in rows], expand=True)


def _ranges(result: Result, *, brief: bool = False) -> list[Column]:
    """The columns of ranges: that of drawn parameters only where any were drawn."""
    columns = [_SAMPLING] if result.drawn is None else [_SAMPLING, _PREDICTION]
    return [Column(column.short) for column in columns] if brief else columns


def _judged(result: Result, estimate: Estimate) -> Estimate:
    """The estimate that published values are judged by: that of drawn parameters where any were drawn."""
    return estimate if result.drawn is None else result.drawn.estimates[estimate.name]


def _numbers(result: Result, estimate: Estimate) -> list[str]:
    """What was simulated and its ranges, without the unit."""
    shown = [numbers.simulated(estimate), numbers.one_trial(estimate)]
    if result.drawn is not None:
        shown.append(numbers.one_trial(_judged(result, estimate)))
    return [numbers.bare(text, estimate) for text in shown]


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
    screen.table([Column("Trials with these looks", words=True), Column("Simulated"), _SAMPLING], cells, expand=True)


def _contrasts(screen: Screen, rows: Sequence[Estimate]) -> None:
    """One row per coverage and bias of a contrast between arms."""
    screen.table(
        [Column("Estimates between arms, over trials", words=True), Column("Simulated")],
        [(e.label, numbers.simulated(e)) for e in rows],
        expand=True,
    )


def _tests(screen: Screen, rows: Sequence[Estimate], *, result: Result, brief: bool = False) -> None:
    """One row per test: what it tests, how often it rejects, and how often without an effect where that is known."""
    columns = [Column("Test of each trial", words=True), Column("Rejects")]
    labels = [e.label if brief else f"{e.label} ({e.counting.partition('; ')[2]})" for e in rows]
    cells = [[label, numbers.simulated(e)] for label, e in zip(labels, rows, strict=True)]
    if result.levels:
        columns.append(Column("Without an effect", words=True))
        found = [levels.level(result, e) for e in rows]
        cells = [[*row, _number_of(text) if brief else text] for row, text in zip(cells, found, strict=True)]
    screen.table(columns, cells, expand=True)
