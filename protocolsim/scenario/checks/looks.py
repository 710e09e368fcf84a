"""What `check` says of the looks of a scenario: what its rules can do, and which claims rest on what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from protocolsim.analysis.base import Analysis
from protocolsim.endpoint.base import Endpoint
from protocolsim.endpoint.share import Share
from protocolsim.interim.base import Statistic
from protocolsim.interim.design import COUNTED, ENROLLED, FOLLOWED, INFORMATION, LOOK, Boundary, Design, TrialRule
from protocolsim.proof.base import Domain, Finding, Path
from protocolsim.proof.looks import LookRule, LooksCase, judge_looks
from protocolsim.proof.paths import Route, Routes
from protocolsim.protocol.rules import Name, Node, Operation, names_in, parse
from protocolsim.scenario.scenario import Scenario
from protocolsim.units import duration

_INTERIM: Path = ("interim",)
_AT_LEAST = (">=", ">")
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def look_findings(scenario: Scenario, routes: Routes) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Findings about the looks, and questions that were given up; nothing where there are none."""
    design = scenario.interim
    if design is None:
        return (), ()
    proven, given_up = judge_looks(looks_case(scenario, design))
    checks = (
        *proven,
        *_unread(design),
        *_scales(design),
        *_spent_together(design),
        *_early_conclusions(design),
        *_pipeline(design, scenario, routes),
        *_error(design),
    )
    return checks, given_up


def looks_case(scenario: Scenario, design: Design) -> LooksCase:
    """What is to be proven about the rules of a design."""
    size = float(scenario.trial.cohort.size)
    own = {s.name: Domain(*_limits(s, size), whole=s.whole) for s in design.statistics}
    everybody = Domain(0.0, size, whole=True)
    counted = {ENROLLED: everybody, FOLLOWED: everybody, INFORMATION: Domain(0.0, 1.0)}
    parameters = {name: named.value for name, named in scenario.named.items()}
    known = tuple(
        parameters | {b.name: b.values[k] for b in design.boundaries} | {LOOK: k + 1.0}
        for k in range(len(design.looks))
    )
    return LooksCase(
        looks=tuple(look.name for look in design.looks),
        domains=tuple(own | counted for _ in design.looks),
        defined=frozenset([*COUNTED, *(s.name for s in design.statistics if s.whole)]),
        formulas={f.name: f.words for f in design.formulas},
        known=known,
        expected=tuple(_expected(design, k) for k in range(len(design.looks))),
        rules=tuple(_rule(design, r) for r in design.rules),
    )


def _rule(design: Design, rule: TrialRule) -> LookRule:
    words = None if rule.rule is None else rule.rule.words
    claims, gives_up = rule.reason in design.success, rule.reason in design.futility
    return LookRule(rule.at, words, rule.reason, claims, gives_up)


def _limits(statistic: Statistic, size: float) -> tuple[float, float]:
    """The least and the greatest value; a count of subjects is no greater than the trial."""
    least, most = statistic.limits
    return least, min(most, size) if statistic.whole else most


def _expected(design: Design, look: int) -> dict[str, Domain]:
    """Closer domains of counts, where a look is held as soon as so many people count."""
    trigger = design.looks[look].trigger
    held_then = trigger.count is not None and trigger.not_before is None and trigger.after_previous is None
    if not held_then or trigger.count is None or trigger.count.of != "enrolled":
        return {}
    most = Domain(0.0, float(trigger.number), whole=True)
    asked = trigger.count.followed
    return {s.name: most for s in design.statistics if s.whole and (s.followed_for or 0) >= asked}


# What rules compare --------------------------------------------------------------------------------------------------


def _comparisons(node: Node) -> Iterator[tuple[str, str, str]]:
    """Every comparison of two names that must hold for the whole to hold: left, operator, right."""
    if isinstance(node, Operation) and node.op == "and":
        yield from _comparisons(node.left)
        yield from _comparisons(node.right)
    elif isinstance(node, Operation) and isinstance(node.left, Name) and isinstance(node.right, Name):
        yield node.left.name, node.op, node.right.name
        if node.op in _TURNED:
            yield node.right.name, _TURNED[node.op], node.left.name


def _claiming(design: Design) -> list[TrialRule]:
    return [r for r in design.rules if r.reason in design.success]


def _crossed(rule: TrialRule, design: Design) -> tuple[Statistic, Boundary] | None:
    """The statistic and the spending boundary that it must reach for the rule to hold; None where there is none."""
    statistics = {s.name: s for s in design.statistics}
    spending = {b.name: b for b in design.boundaries if b.spends == b.spends and not b.below}
    for left, op, right in () if rule.rule is None else _comparisons(parse(rule.rule.words)):
        if op in _AT_LEAST and left in statistics and right in spending:
            return statistics[left], spending[right]
    return None


def _unread(design: Design) -> Iterator[Finding]:
    read = {n for r in design.rules if r.rule is not None for n in names_in(parse(r.rule.words))}
    read |= {n for f in design.formulas for n in names_in(parse(f.words))}
    for b in design.boundaries:
        upper = any(other.below == b.name for other in design.boundaries)
        if b.name not in read:
            said = "no rule reads it" + (", and what lies below it is made as if one did" if upper else "")
            yield Finding("not read", "warning", (*_INTERIM, "boundaries", b.name), said)


def _scales(design: Design) -> Iterator[Finding]:
    """Boundaries on the scale of z that are compared with something else."""
    others = {s.name: s for s in design.statistics if s.key != "z of"}
    spending = {b.name for b in design.boundaries if b.spends == b.spends}
    for r in design.rules:
        for left, _, right in () if r.rule is None else _comparisons(parse(r.rule.words)):
            if left in others and right in spending:
                said = f"'{right}' is on the scale of z, and '{left}' is no z ({others[left].key})"
                yield Finding("scale", "warning", (*_INTERIM, "rules", r.number, "when"), said)


def _spent_together(design: Design) -> Iterator[Finding]:
    """More error than any boundary declares, where several of them claim an effect."""
    spent = dict.fromkeys(pair[1] for r in _claiming(design) if (pair := _crossed(r, design)) is not None)
    if len(spent) > 1:
        names = " and ".join(f"'{b.name}'" for b in spent)
        total = 100.0 * sum(b.spends for b in spent)
        said = f"{names} each spend on a claim of an effect: together up to {total:g} %"
        yield Finding("overspent", "warning", (*_INTERIM, "boundaries", list(spent)[-1].name), said)


def _early_conclusions(design: Design) -> Iterator[Finding]:
    last = len(design.looks) - 1
    for r in design.rules:
        early = sorted(r.at - {last})
        if r.action == "conclude" and early:
            name = design.looks[early[0]].name
            said = (
                f"it concludes at '{name}', which is not the last look: subjects are enrolled and followed as planned, "
                "and no look is held any more; 'stop' also ends enrolment"
            )
            yield Finding("early conclusion", "warning", (*_INTERIM, "rules", r.number), said)


# Who counts before the outcome can be known --------------------------------------------------------------------------


def _pipeline(design: Design, scenario: Scenario, routes: Routes) -> Iterator[Finding]:
    """Shares that count subjects whose outcome cannot be known yet as if they had none."""
    for s in design.statistics:
        share = _share_of(getattr(s, "of", None))
        if share is None:
            continue
        takes = _outcome_takes(share, scenario, routes)
        least = max(s.followed_for or 0, _waited(design))
        if takes is not None and takes > least:
            followed = f"follows for {duration(s.followed_for)}" if s.followed_for else "says no `followed for`"
            said = (
                f"'{share.name}' may take {duration(takes)} from enrolment to come about, and this {followed}: at a "
                "look it counts subjects as failures whose outcome cannot be known yet"
            )
            yield Finding("pipeline", "warning", (*_INTERIM, "statistics", s.name), said)


def _share_of(of: object) -> Share | None:
    if isinstance(of, Share):
        return of
    tested: Endpoint | None = getattr(of, "of", None) if isinstance(of, Analysis) else None
    return tested if isinstance(tested, Share) else None


def _waited(design: Design) -> int:
    """How long everybody enrolled has been followed at each look, where looks wait for the whole trial; else 0."""
    size = design.information.maximum
    whole = all(
        look.trigger.count is not None and look.trigger.count.of == "enrolled" and look.trigger.number >= size
        for look in design.looks
    )
    return min((look.trigger.count.followed for look in design.looks if look.trigger.count), default=0) if whole else 0


def _outcome_takes(share: Share, scenario: Scenario, routes: Routes) -> int | None:
    """The longest time from enrolment until what a share asks for may come about; None where it is not known."""
    if not routes.whole or share.with_event or share.not_entered or share.not_ended_in:
        return None
    names = [s.name for s in scenario.trial.protocol.states]
    wanted = {names.index(n) for n in (*share.entered, *share.ended_in) if n in names}
    times = [t for route in routes.found if (t := _reached(route, wanted)) is not None]
    return max(times, default=None)


def _reached(route: Route, wanted: set[int]) -> int | None:
    first = next((m for s, m in zip(route.states, route.minutes, strict=True) if s in wanted), None)
    return None if first is None or route.enrolled is None else first - route.enrolled


# What holds by construction ------------------------------------------------------------------------------------------


def _error(design: Design) -> Iterator[Finding]:
    """Whether the probability of a false claim is bounded by how the boundaries are made, or only simulated."""
    claiming = _claiming(design)
    if not claiming:
        if design.rules:
            said = "no rule claims an effect (success): there is no power and no type I error to report"
            yield Finding("no claim", "note", (*_INTERIM, "rules"), said)
        return
    reasons = list(dict.fromkeys(why for r in claiming for why in _why_simulated(r, design)))
    boundaries = dict.fromkeys(pair[1] for r in claiming if (pair := _crossed(r, design)) is not None)
    place: Path = (*_INTERIM, "boundaries", next(iter(boundaries)).name) if boundaries else (*_INTERIM, "rules")
    if reasons:
        said = (
            f"the type I error does not follow from how the trial is built, and is only simulated: {'; '.join(reasons)}"
        )
        yield Finding("simulated", "note", place, said)
        return
    total = 100.0 * sum(b.spends for b in boundaries)
    binding = [b.name for b in design.boundaries if b.binding]
    obeyed = f"as long as '{binding[0]}' is always obeyed" if binding else "whether futility is obeyed or not"
    said = (
        f"the type I error is at most {total:g} % by construction, {obeyed}, as far as z is normal and the information "
        "comes as planned; power and size are simulated"
    )
    yield Finding("by construction", "note", place, said)


def _why_simulated(rule: TrialRule, design: Design) -> Sequence[str]:
    pair = _crossed(rule, design)
    if pair is None:
        return [f"'{rule.reason}' is claimed without a boundary that spends an error"]
    statistic = pair[0]
    of = getattr(statistic, "of", None)
    if statistic.key != "z of" or not isinstance(of, Analysis):
        return [f"'{statistic.name}' is no z"]
    if not of.independent_increments:
        return [f"'{statistic.name}' ({of.kind}) has no independent increments"]
    return []
