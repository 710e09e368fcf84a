"""From the file's `interim:` to a Design, the conduct that engines are handed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from protocolsim.interim.base import Statistic
from protocolsim.interim.design import BUILT_IN, COUNTED, LOOK, Boundary, Design, LookFormula
from protocolsim.scenario.build.interim.around import Around
from protocolsim.scenario.build.interim.boundaries import boundaries_of
from protocolsim.scenario.build.interim.expressions import TrialNames
from protocolsim.scenario.build.interim.looks import LooksRead, looks_of
from protocolsim.scenario.build.interim.rules import events_of, meanings, rules_of
from protocolsim.scenario.build.interim.statistics import StatisticsBuilder
from protocolsim.scenario.file.interim_schema import EQUAL_ARMS, InterimPart, StatisticPart
from protocolsim.scenario.file.yaml_reader import Address

_INTERIM: Address = ("interim",)


def design_of(part: InterimPart, around: Around) -> Design | None:
    """The design, or None where it has faults, which go to `around.q.faults`."""
    q = around.q
    with q.faults.watch() as here:
        _meeting(part, around)
        arms = _arms(part, around)
        lag = q.minutes((*_INTERIM, "data_lag"), part.data_lag)
        after = q.minutes((*_INTERIM, "decided_after"), part.decided_after)
        read = looks_of(part, around)
        boundaries = boundaries_of(part.boundaries, None if read is None else read.looks, q)
        statistics, formulas = _numbers(part, around, read, boundaries)
        names = _names(part, around, statistics, formulas, boundaries)
        rules = rules_of(part.rules, None if read is None else read.looks, names, q)
        success, futility = meanings(part, q)
        null = _null(part, around, arms)
    if not here.ok or read is None or lag is None or after is None:
        return None
    codes = {event: code for code, event in enumerate(around.words.events)}
    return Design(
        looks=read.looks,
        statistics=tuple(statistics.values()),
        formulas=tuple(formulas.values()),
        boundaries=boundaries,
        rules=rules,
        information=read.information,
        populations=around.populations,
        data_lag=lag,
        decided_after=after,
        of=part.of or "",
        control=part.control or "",
        events=events_of(rules, codes),
        success=success,
        futility=futility,
        null=null,
    )


def _meeting(part: InterimPart, around: Around) -> None:
    """Faults of names that mean two things in one rule."""
    q = around.q
    taken = {name: "is a parameter of the scenario" for name in around.part.parameters}
    for name in around.part.parameters:
        if name in BUILT_IN:
            said = f"'{name}' is what every look counts (interim); name it otherwise"
            q.faults.append(("parameters", name), said, at_key=True)
    for room, parts, what in (
        ("statistics", part.statistics, "a statistic"),
        ("boundaries", part.boundaries, "a boundary"),
    ):
        for name in parts:
            if name in taken:
                q.faults.append(
                    (*_INTERIM, room, name), f"'{name}' {taken[name]} already; name it otherwise", at_key=True
                )
            taken.setdefault(name, f"is {what}")


def _arms(part: InterimPart, around: Around) -> bool:
    """Whether the arms and the control are given, and sound."""
    q = around.q
    randomisations = around.part.protocol.randomisations
    if part.control is not None and part.of is None:
        q.faults.append(
            (*_INTERIM, "control"), "'control' belongs to 'of', the randomisation whose arm it is", at_key=True
        )
        return False
    if part.of is None:
        return False
    known = q.names.declared("protocol", "randomisations")
    if not q.names.known((*_INTERIM, "of"), "randomisation", part.of, known) or part.of not in randomisations:
        return False
    if part.control is None:
        return False
    return q.names.known((*_INTERIM, "control"), "arm", part.control, randomisations[part.of].between)


def _null(part: InterimPart, around: Around, arms: bool) -> Mapping[str, float | str] | None:
    """What to set for the trial without an effect; None for equal arms, and nothing where there is no such trial."""
    address: Address = (*_INTERIM, "without_effect")
    given, q = part.without_effect, around.q
    if given is None:
        return None if arms else {}
    if isinstance(given, str):
        assert given == EQUAL_ARMS
        if part.of is None or part.control is None:
            said = f"'{EQUAL_ARMS}' needs 'of' and 'control': the arms, and the one that all of them become equal to"
            q.faults.append(address, said)
        return None
    if not given:
        q.faults.append(address, "no setting stands here")
    dimensions = {row.key: row.dimension for row in around.rows} | q.parameters.dimensions
    for name, value in given.items():
        if q.names.known((*address, name), "parameter", name, dimensions, at_key=True):
            q.number((*address, name), value, dimensions[name])
    return dict(given)


def _numbers(
    part: InterimPart, around: Around, read: LooksRead | None, boundaries: tuple[Boundary, ...]
) -> tuple[dict[str, Statistic], dict[str, LookFormula]]:
    """What is read: statistics, and formulas over them, in file order."""
    builder = StatisticsBuilder(part, around, None if read is None else read.looks, boundaries)
    statistics: dict[str, Statistic] = {}
    written: dict[str, str | int | float] = {}
    formulas: dict[str, LookFormula] = {}
    for name, one in around.q.names.in_order((*_INTERIM, "statistics"), part.statistics):
        if not isinstance(one, StatisticPart):
            written[name] = one
            names = _names(part, around, statistics, dict.fromkeys(written), boundaries)
            rule = names.rule((*_INTERIM, "statistics", name), one, wants_truth=False)
            if rule is not None:
                formulas[name] = LookFormula(name, rule.words, rule.evaluate)
                continue
        else:
            built = builder.statistic(name, one)
            if built is not None:
                statistics[name] = built
                continue
        around.q.names.broken(name)
    return statistics, _compiled_anew(formulas, part, around, statistics, boundaries)


def _compiled_anew(
    formulas: Mapping[str, LookFormula],
    part: InterimPart,
    around: Around,
    statistics: Mapping[str, Statistic],
    boundaries: tuple[Boundary, ...],
) -> dict[str, LookFormula]:
    """The formulas with the places that names have now that all statistics are known."""
    names = _names(part, around, statistics, formulas, boundaries)
    found = {
        name: names.rule((*_INTERIM, "statistics", name), f.words, wants_truth=False) for name, f in formulas.items()
    }
    return {name: replace(formulas[name], evaluate=rule.evaluate) for name, rule in found.items() if rule is not None}


def _names(
    part: InterimPart,
    around: Around,
    statistics: Mapping[str, Statistic],
    formulas: Mapping[str, object],
    boundaries: tuple[Boundary, ...],
) -> TrialNames:
    """What rules may name, with the places that `Design.slots` gives."""
    values = (*statistics, *formulas, *COUNTED, *(b.name for b in boundaries), LOOK)
    slots = {name: k for k, name in enumerate(values)}
    return TrialNames(around, tuple(part.statistics), tuple(part.boundaries), slots)
