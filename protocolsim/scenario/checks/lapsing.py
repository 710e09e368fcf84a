"""What never takes place: of what is planned, and of what endpoints count. Each is said with its place in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from protocolsim.endpoint.base import Endpoint
from protocolsim.endpoint.time_to import TimeTo
from protocolsim.engine.base import Trial
from protocolsim.proof.planned.reachable import Planned, Reachable, moments, reached
from protocolsim.proof.planned.since_enrolment import SinceEnrolment, Span
from protocolsim.protocol.states import State
from protocolsim.protocol.states import reachable as reachable_states
from protocolsim.scenario.build.proof_case import possible_events
from protocolsim.scenario.file.schema import Regimen, ScenarioPart, Schedule
from protocolsim.scenario.file.yaml_reader import Address, spell
from protocolsim.units import MINUTES_PER_DAY, MINUTES_PER_WEEK, duration

_SHOWN = 4


def reachable_in(trial: Trial) -> Reachable:
    """What can take place in a trial, and in which order."""
    may_miss = trial.cohort.no_show > 0.0 or trial.limited
    return reached(trial.protocol, possible_events(trial), may_miss=may_miss)


def lapsing(part: ScenarioPart, trial: Trial, result: Planned) -> Iterator[tuple[Address, str]]:
    """Everything planned that never takes place. Of what repeats to the end, only where it never does."""
    for state in trial.protocol.states:
        address: Address = ("protocol", "states", state.name)
        written = part.protocol.states[state.name]
        if state.number not in result:
            if state.visits:
                yield address, "nobody ever gets here, so nothing that is planned here takes place"
            continue
        for key, given in (("assessments", written.assessments), ("treatment", written.treatment)):
            for name, schedule in given.items():
                if isinstance(schedule, Schedule | Regimen):
                    yield from _activity(trial, result, state, (*address, key, name), schedule)


def uncounted(trial: Trial, reachable: Reachable, endpoints: Mapping[str, Endpoint]) -> Iterator[tuple[Address, str]]:
    """Endpoints that have no value, or are 0, whoever comes: what they count never takes place where they count it."""
    names = {state.name: state for state in trial.protocol.states}
    since = None if trial.limited else SinceEnrolment(trial.protocol, reachable)
    for name, endpoint in endpoints.items():
        what, shown = _counted(trial, endpoint)
        where = {key: getattr(endpoint, key) for key in ("baseline", "during") if getattr(endpoint, key, None)}
        found = True
        for key, states in (where or {"kind": ()}).items() if what else ():
            if not any(moments(reachable.visits, names[s], **w) for s in states or names for w in shown):
                there = f" in {either(states)}" if states else ""
                yield ("endpoints", name, key), f"{what}{there}, so that nothing is counted"
                found = False
        if what and found and since is not None:
            states = [names[s] for s in where.get("during") or names]
            planned = [(s, offset) for s in states for w in shown for offset in moments(reachable.visits, s, **w)]
            yield from _out_of_time(endpoint, what, [span for s, offset in planned for span in since.of(s, offset)])
        if isinstance(endpoint, TimeTo) and not _leads(reachable, names, endpoint):
            never = f"nobody who was in {either(endpoint.start)} comes to be in {either(endpoint.to)} later"
            yield ("endpoints", name, "to"), f"{never}, so that nothing is counted"
        ended = getattr(endpoint, "ended_in", None) or ()
        if ended and not any(names[s].final for s in ended):
            yield ("endpoints", name, "ended_in"), f"nobody's course ends in {either(ended)}: that is no final state"


def _out_of_time(endpoint: Endpoint, what: str, spans: Sequence[Span]) -> Iterator[tuple[Address, str]]:
    """Where what an endpoint counts takes place, but never at the time since enrolment at which it is counted."""
    wanted = endpoint.counted_at
    if wanted is None or any(begins <= wanted[1] and ends >= wanted[0] for begins, ends in spans):
        return
    first, last = max(0.0, wanted[0]), wanted[1]
    when = f"from {duration(first)} " + ("on" if last == float("inf") else f"to {duration(last)}")
    latest = max(ends for _, ends in spans)
    known = f" (the last comes at {duration(latest)})" if 0 <= latest < first else ""
    key = "at" if hasattr(endpoint, "at") else "after"
    yield ("endpoints", endpoint.name, key), f"{what} {when} after enrolment{known}, so that nothing is counted"


def _leads(reachable: Reachable, names: Mapping[str, State], endpoint: TimeTo) -> bool:
    """Whether one of the states counted from may be followed by one of those counted to."""
    leads = {number: [to for t in ways for to in t.possible] for number, ways in reachable.ways.items()}
    next_ = [to for s in endpoint.start for to in leads.get(names[s].number, ())]
    return not reachable_states(leads, next_).isdisjoint(names[s].number for s in endpoint.to)


def _counted(trial: Trial, endpoint: Endpoint) -> tuple[str, list[dict[str, int]]]:
    """What an endpoint counts, in words that say it is not there, and the activities that it comes of; "" of others."""
    variable, drug = getattr(endpoint, "variable", None), getattr(endpoint, "drug", None)
    if drug is not None:
        return f"'{drug}' is never dosed", [{"drug": trial.labels.drugs.index(drug)}]
    if variable is None:
        return "", []
    code = trial.labels.variables.index(variable)
    shown = [{"assessment": k} for k, m in enumerate(trial.assessments) if code in m.variables]
    return f"no visit shows '{variable}'", shown


def either(states: Sequence[str]) -> str:
    """Some names, of which any one will do."""
    return " or ".join(f"'{s}'" for s in states)


def said(address: Address, message: str) -> str:
    """One of them among other warnings."""
    return f"{spell(address)}: {message}"


def _activity(
    trial: Trial, activity: Planned, state: State, address: Address, schedule: Schedule | Regimen
) -> Iterator[tuple[Address, str]]:
    name = str(address[-1])
    which: Mapping[str, int]
    if address[-2] == "assessments":
        which = {"assessment": trial.labels.assessments.index(name)}
        wanted = [v.offset for v in state.visits if which["assessment"] in v.assessments]
    else:
        which = {"drug": trial.labels.drugs.index(name)}
        wanted = [v.offset for v in state.visits if any(d.drug == which["drug"] for d in v.doses)]
    possible = moments(activity, state, **which)
    never = [offset for offset in wanted if offset not in possible]
    if schedule.every is not None and not wanted:
        yield address, "it never takes place: the state takes no time, and what repeats is not done at its end"
    elif never and (schedule.every is None or schedule.times is not None or not possible):
        yield (
            address,
            f"it never takes place {_when(never)}, counted from the start of the state: {_why(state, never[0])}",
        )


def _why(state: State, offset: int) -> str:
    if state.lasts is not None and offset == state.lasts:
        return "the state is over by then, and what repeats is not done at its very end"
    if state.until is not None:
        return "for everybody the state is over by then"
    return "everybody has moved on by then"


def _when(offsets: Sequence[int]) -> str:
    """The times as they are counted in the file: 'in week 50', 'on days 3 and 4'."""
    whole = all(o % MINUTES_PER_WEEK == 0 for o in offsets)
    if not whole and any(o % MINUTES_PER_DAY for o in offsets):
        return f"{duration(offsets[0])} after the start of the state" + (" and later" if len(offsets) > 1 else "")
    unit, length = ("week", MINUTES_PER_WEEK) if whole else ("day", MINUTES_PER_DAY)
    said = [str(o // length) for o in offsets[:_SHOWN]]
    more = ", ..." if len(offsets) > _SHOWN else ""
    return f"in {unit}{'' if len(offsets) == 1 else 's'} {', '.join(said)}{more}"
