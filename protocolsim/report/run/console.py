"""The summary in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from protocolsim.report.looks.summary import OVER_ALL_MEANS, LooksSummary, summary_of
from protocolsim.report.parameters import summary as parameters
from protocolsim.report.parameters.console import print_shares
from protocolsim.report.run import findings, levels
from protocolsim.report.style import numbers
from protocolsim.report.style.console import Column, Screen
from protocolsim.study.estimation.estimate import Estimate
from protocolsim.study.result import Result
from protocolsim.study.validation import published_rows

if TYPE_CHECKING:
    from rich.console import Console

_SAMPLING = Column("Sampling range,\nfixed parameters", short="Sampling\nrange")
_PREDICTION = Column("Prediction range,\nparameters included", short="Prediction\nrange")
_ROLE = Column("Role", words=True)


def print_summary(result: Result, console: Console) -> None:
    """Print the table of endpoints, what its columns mean, and how to run it again."""
    screen = Screen(console)
    put = screen.put
    put(result.scenario.title, "bold")
    if result.scenario.question:
        put(result.scenario.question)
    _endpoints(screen, result)
    tests, of_looks = numbers.tests(result), summary_of(result)
    if tests:
        put("")
        _tests(screen, result, tests)
    if contrasts := numbers.over_trials(result):
        put("")
        _contrasts(screen, contrasts)
    if of_looks is not None:
        put("")
        _looks(screen, of_looks)
    put("")
    for line in (numbers.verdict(result), numbers.undefined_note(result.estimates.values())):
        if line:
            put(line)
    for line in findings.sentences(result):
        put("")
        put(line)
    if result.drawn is not None:
        put("")
        put(parameters.drawn(result))
        put("")
        print_shares(screen, result)
    put("")
    for line in _meanings(result):
        put(line, "dim")
    _warnings(screen, result)
    put("")
    put(_how_it_ran(result), "dim")


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
        (summary_of(result), OVER_ALL_MEANS),
    ]
    return [line for there, line in told if there]


def _warnings(screen: Screen, result: Result) -> None:
    """What is unusual, and what a reader must be told."""
    for line in (*result.scenario.warnings, *levels.warnings(result)):
        screen.put(f"Warning: {line}", "bold yellow")
    for line in result.scenario.notes:
        screen.put(f"Caveat: {line}")


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


def _endpoints(screen: Screen, result: Result) -> None:
    """One row per endpoint; columns of what was published, or of drawn parameters, appear only where there is any."""
    compared = any(e.published is not None for e in result.estimates.values())
    columns = [Column("Endpoint", words=True), Column("Simulated"), _SAMPLING]
    if result.drawn is not None:
        columns.append(_PREDICTION)
    if compared:
        columns += [Column("Published", words=True), Column("Percentile", short="Pctl."), _ROLE]
    rows = []
    for endpoints in numbers.of_subjects(result):
        # A long unit would widen two columns of numbers; it stands once, beside the label.
        unit = "" if endpoints.unit in ("", "%") else f"{endpoints.unit}; "
        cells = [numbers.bare(shown(endpoints), endpoints) for shown in (numbers.simulated, numbers.one_trial)]
        row = [f"{endpoints.label} ({unit}of {endpoints.among})", *cells]
        judged = endpoints if result.drawn is None else result.drawn.estimates[endpoints.name]
        if result.drawn is not None:
            row.append(numbers.bare(numbers.one_trial(judged), judged))
        if compared:
            row += [numbers.published(endpoints), numbers.percentile(judged), endpoints.role or ""]
        rows.append(row)
    screen.table(columns, rows, expand=True)


def _looks(screen: Screen, looks: LooksSummary) -> None:
    """A row for each look with how trials end there; then one for each number of all trials."""
    reasons = [Column(f"{reason[0].upper()}{reason[1:]}", words=False) for reason in looks.reasons]
    columns = [Column("Look", words=True), Column("Information"), Column("Held"), *reasons]
    screen.table(columns, [(r.name, r.information, r.held, *r.endings) for r in looks.rows], apart=len(looks.rows) - 1)
    screen.put("")
    rows = [(e.label, numbers.simulated(e), numbers.one_trial(e)) for e in looks.over_all]
    screen.table([Column("Trials with these looks", words=True), Column("Simulated"), _SAMPLING], rows, expand=True)


def _contrasts(screen: Screen, contrasts: Sequence[Estimate]) -> None:
    """One row per coverage and bias of a contrast between arms."""
    screen.table(
        [Column("Estimates between arms, over trials", words=True), Column("Simulated")],
        [(e.label, numbers.simulated(e)) for e in contrasts],
        expand=True,
    )


def _tests(screen: Screen, result: Result, tests: Sequence[Estimate]) -> None:
    """One row per test: what it tests, how often it rejects, and how often without an effect where that is known."""
    columns = [Column("Test of each trial", words=True), Column("Rejects")]
    rows = [[f"{e.label} ({e.counting.partition('; ')[2]})", numbers.simulated(e)] for e in tests]
    if result.levels:
        columns.append(Column("Without an effect", words=True))
        rows = [[*row, levels.level(result, e)] for row, e in zip(rows, tests, strict=True)]
    screen.table(columns, rows, expand=True)
