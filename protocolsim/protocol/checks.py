"""Static checks of a protocol's structure: unreachable states, missing exits, loops that take no time, and so on.

Each check yields (path in the scenario, message) pairs; the scenario package adds line numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from protocolsim.protocol.rules import names_in, parse
from protocolsim.protocol.states import Group, Protocol, State, Transition, reachable
from protocolsim.protocol.summaries import Formula, Observed
from protocolsim.units import MINUTES_PER_WEEK

Path = tuple[str | int, ...]
Finding = tuple[Path, str]


def findings(
    protocol: Protocol,
    shows: Mapping[int, tuple[int, ...]],
    variables: tuple[str, ...],
    gap: Callable[[State], str | None],
) -> list[Finding]:
    """Every structural fault. `shows` maps an assessment to its variables.

    `gap` is called for each state whose transitions at its end are all conditional: it returns a counterexample, a
    patient for whom no rule holds, in words, or None if the rules are proven exhaustive.
    """
    result: list[Finding] = list(_start(protocol))
    if result:
        return result  # further findings would only be consequences of these
    for check in _CHECKS:
        result.extend(check(protocol))
    result.extend(_gaps(protocol, gap))
    result.extend(_unobserved(protocol, shows, variables))
    return result


def _path(state: State) -> Path:
    return ("protocol", "states", state.name)


def _start(protocol: Protocol) -> Iterator[Finding]:
    first = protocol.states[0]
    if first.final:
        yield _path(first), "every subject starts in the first state, so it cannot be final"
    if not any(s.enrolled for s in protocol.states):
        yield ("protocol", "states"), "no state is marked 'enrolled: true', so nobody would ever count"


def _never_reached(protocol: Protocol) -> Iterator[Finding]:
    first = protocol.states[0]
    reached = reachable(protocol.successors, [first.number])
    for state in protocol.states:
        if state.number not in reached:
            yield _path(state), f"no transition leads here from '{first.name}', where every subject starts"


def _without_end(protocol: Protocol) -> Iterator[Finding]:
    successors = protocol.successors
    in_time = {s.number: [to for t in _at_end(s) for to in t.destinations] for s in protocol.states}
    final = {s.number for s in protocol.states if s.final}
    for state in protocol.states:
        if state.final:
            continue
        if not state.timed:
            yield (
                _path(state),
                "it can never end: say how long it lasts (lasts: 12 weeks), or make it final (final: OUTCOME)",
            )
        elif state.until is not None and (state.longest == 0 or state.number in protocol.before_enrolment):
            yield _path(state), "'until' counts from enrolment, but subjects can be here before it: say 'lasts'"
        elif state.at_end is None:
            yield _path(state), "it can never end: no transition is tried when its time is over"
        elif not reachable(successors, [state.number]) & final:
            yield _path(state), "no final state can be reached from here"
        elif (
            state.number in reachable(in_time, in_time[state.number]) and not reachable(in_time, [state.number]) & final
        ):
            yield (
                _path(state),
                "a subject to whom nothing happens never leaves: no final state follows when the time is over",
            )


def _final_with_more(protocol: Protocol) -> Iterator[Finding]:
    for state in protocol.states:
        if not state.final:
            continue
        for group in state.groups:
            for transition in group.transitions:
                yield (
                    ("protocol", "transitions", transition.item),
                    f"'{state.name}' is final; nobody leaves it",
                )
        if state.visits or state.timed:
            yield _path(state), "it is final: it has no duration, treatment or assessments"
        if state.enrolled:
            yield _path(state), "it is final: who is enrolled on entering it has no course to count"


def _beyond_duration(protocol: Protocol) -> Iterator[Finding]:
    for state in protocol.states:
        longest = state.longest
        late = [v.offset for v in state.visits if longest is not None and v.offset > longest]
        if late:
            yield (
                _path(state),
                (
                    f"something is planned for week {late[0] / MINUTES_PER_WEEK:g}, but the state lasts "
                    f"{(longest or 0) / MINUTES_PER_WEEK:g} weeks"
                ),
            )


def _otherwise(protocol: Protocol) -> Iterator[Finding]:
    for state in protocol.states:
        # What is tried at one named visit (`at`) counts, though it may not be at another.
        tried = {t.item for group in state.groups for t in group.transitions if t not in _late(group)}
        for group in state.groups:
            for late in _late(group):
                if late.item not in tried:
                    tried.add(late.item)
                    yield (
                        ("protocol", "transitions", late.item),
                        f"it is never tried: an earlier transition from '{state.name}' is always taken",
                    )


def _gaps(protocol: Protocol, gap: Callable[[State], str | None]) -> Iterator[Finding]:
    for state in protocol.states:
        if state.at_end is None or any(t.rule is None for t in state.at_end.transitions):
            continue
        who = gap(state)
        if who is not None:
            yield (
                ("protocol", "transitions", state.at_end.transitions[-1].item),
                (
                    f"'{state.name}' may end with no transition to take{who}: "
                    f"add {{from: {state.name}, to: ..., otherwise: true}}"
                ),
            )


def _at_end(state: State) -> tuple[Transition, ...]:
    return state.at_end.transitions if state.at_end is not None else ()


def _late(group: Group) -> tuple[Transition, ...]:
    """The transitions behind one that is always taken."""
    always = next((k for k, t in enumerate(group.transitions) if t.rule is None), len(group.transitions))
    return group.transitions[always + 1 :]


def _timeless_cycles(protocol: Protocol) -> Iterator[Finding]:
    instant = {
        s.number: [to for t in (s.at_end.transitions if s.at_end else ()) for to in t.destinations]
        if s.shortest == 0 or s.until is not None
        else []
        for s in protocol.states
    }
    for state in protocol.states:
        following = instant[state.number]
        if following and state.number in reachable(instant, following):
            yield (
                _path(state),
                "a cycle that takes no time: every state on the way back here lasts 0, or may be past its 'until'",
            )


def _never_tried(protocol: Protocol) -> Iterator[Finding]:
    """Transitions after an assessment that is not scheduled in their source states."""
    tried: dict[int, bool] = {}
    for state in protocol.states:
        made = {a for visit in state.visits for a in visit.assessments}
        for assessment, group in state.after.items():
            for t in group.transitions:
                tried[t.item] = tried.get(t.item, False) or assessment in made
        tried |= {t.item: True for group in state.at_visit.values() for t in group.transitions}
    for transition in protocol.transitions:
        if not tried.pop(transition.item, True):
            name = protocol.states[transition.source].name
            yield (
                ("protocol", "transitions", transition.item, "after"),
                f"'{name}' makes no such assessment, so it is never tried",
            )


def _repeated_randomisation(protocol: Protocol) -> Iterator[Finding]:
    successors = protocol.successors
    for transition in protocol.transitions:
        if transition.randomise is None:
            continue
        users = {t.source for t in protocol.transitions if t.randomise is transition.randomise}
        if reachable(successors, transition.destinations) & users:
            yield (
                ("protocol", "transitions", transition.item),
                (
                    f"a subject could be randomised by '{transition.randomise.name}' twice; give the second time a "
                    "randomisation of its own"
                ),
            )


_CHECKS: tuple[Callable[[Protocol], Iterator[Finding]], ...] = (
    _never_reached,
    _without_end,
    _final_with_more,
    _beyond_duration,
    _otherwise,
    _timeless_cycles,
    _never_tried,
    _repeated_randomisation,
)


def _unobserved(
    protocol: Protocol, shows: Mapping[int, tuple[int, ...]], variables: tuple[str, ...]
) -> Iterator[Finding]:
    """Rules that read observations which no visit on any path to them makes."""
    seen_in = {
        s.number: {(v, s.number) for visit in s.visits for a in visit.assessments for v in shows[a]}
        for s in protocol.states
    }
    known = _known_on_entry(protocol, seen_in)
    told: set[tuple[int, int]] = set()
    for state in protocol.states:
        here = known[state.number] | seen_in[state.number]
        for transition in (t for g in state.groups for t in g.transitions):
            for number in _observed_in(protocol, transition):
                made = protocol.reader.summaries[number].made_by
                assert isinstance(made, Observed)
                wanted = [s for v, s in here if v == made.variable and (not made.during or s in made.during)]
                line = transition.item
                if not wanted and (line, number) not in told:
                    told.add((line, number))
                    ruled = transition.rule is not None
                    key = "when" if ruled else "choose" if transition.choose else "randomise"
                    key = "set" if not ruled and transition.to is None and transition.internal else key
                    yield (
                        ("protocol", "transitions", line, key),
                        (
                            f"it reads '{protocol.reader.summaries[number].name}', but no visit has observed "
                            f"'{variables[made.variable]}' by then{_where(protocol, made)}"
                        ),
                    )


def _where(protocol: Protocol, made: Observed) -> str:
    return " during " + ", ".join(f"'{protocol.states[s].name}'" for s in made.during) if made.during else ""


def _observed_in(protocol: Protocol, transition: Transition) -> list[int]:
    """The summaries of observations on which one transition's rules depend."""
    summaries = protocol.reader.summaries
    rules = [transition.rule] if transition.rule is not None else []
    rules += transition.randomise.strata if transition.randomise is not None else ()
    words = [*(rule.words for rule in rules), *(s.words for s in transition.sets)]
    words += [c.words for c in transition.choose.chances if c.evaluate] if transition.choose is not None else []
    names = {name for text in words for name in names_in(parse(text))}
    reads = closure(
        {k for k, s in enumerate(summaries) if s.name in names}, {k: s.made_by for k, s in enumerate(summaries)}
    )
    return [k for k in reads if isinstance(summaries[k].made_by, Observed)]


def _known_on_entry(protocol: Protocol, seen_in: Mapping[int, set[tuple[int, int]]]) -> dict[int, set[tuple[int, int]]]:
    known: dict[int, set[tuple[int, int]]] = {s.number: set() for s in protocol.states}
    changed = True
    while changed:
        changed = False
        for transition in protocol.transitions:
            for to in transition.destinations:
                new = known[transition.source] | seen_in[transition.source]
                if not new <= known[to]:
                    known[to] |= new
                    changed = True
    return known


def closure(wanted: set[int], made_by: Mapping[int, object]) -> tuple[int, ...]:
    """Transitive closure: the wanted summaries and all that their formulas read, in order of definition."""
    result, open_ = set(wanted), list(wanted)
    while open_:
        made = made_by[open_.pop()]
        for number in made.reads if isinstance(made, Formula) else ():
            if number not in result:
                result.add(number)
                open_.append(number)
    return tuple(sorted(result))
