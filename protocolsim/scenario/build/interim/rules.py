"""From the file's `rules:` to rules of the trial, and which of their reasons claim or give up an effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocolsim.interim.design import TrialRule
from protocolsim.protocol.conduct import Look
from protocolsim.scenario.build.interim.events import stop_event
from protocolsim.scenario.build.interim.expressions import TrialNames
from protocolsim.scenario.build.interim.looks import FIRST, LAST
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.interim_schema import InterimPart, TrialRulePart
from protocolsim.scenario.file.parts import Names
from protocolsim.scenario.file.yaml_reader import Address, spell
from protocolsim.scenario.reserved import CONCLUSION

_RULES: Address = ("interim", "rules")
_CLAIMS = ("efficacy", "superiority", "effect", "success")
_GIVES_UP = ("futility",)


def rules_of(
    parts: Sequence[TrialRulePart], looks: Sequence[Look] | None, known: TrialNames, q: Expressions
) -> tuple[TrialRule, ...]:
    """Every sound rule; `looks` are None where they have faults."""
    found: list[TrialRule] = []
    names = None if looks is None else [look.name for look in looks]
    always: dict[int, int] = {}  # by look: the first rule that always holds
    for number, part in enumerate(parts):
        address: Address = (*_RULES, number)
        with q.faults.watch() as here:
            reason = _reason(address, part, q)
            at = None if names is None else _at((*address, "at"), part.at, names, q)
            if part.when is not None and part.otherwise:
                q.faults.append(address, "a rule says 'when' or 'otherwise', not both", at_key=True)
            rule = None if part.when is None else known.rule((*address, "when"), part.when, wants_truth=True)
        if at is not None and at and all(look in always for look in at):
            said = f"it is never tried: a rule before it always holds ({spell((*_RULES, always[min(at)]))})"
            q.faults.append(address, said, at_key=True)
        if at is not None and part.when is None:
            always |= {look: number for look in at if look not in always}
        if here.ok and reason is not None and at is not None and (rule is not None or part.when is None):
            action = "stop" if part.stop is not None else "conclude"
            found.append(TrialRule(number, action, reason, frozenset(at), rule))  # type: ignore[arg-type]
    return tuple(found)


def _reason(address: Address, part: TrialRulePart, q: Expressions) -> str | None:
    if (part.stop is None) == (part.conclude is None):
        q.faults.append(address, "a rule says 'stop' or 'conclude', one of them, and for which reason", at_key=True)
        return None
    key = "stop" if part.stop is not None else "conclude"
    reason = str(getattr(part, key))
    why = CONCLUSION.why_not(reason)
    if why is not None:
        q.faults.append((*address, key), why)
        return None
    return reason


def _at(address: Address, given: Names | None, names: Sequence[str], q: Expressions) -> list[int] | None:
    """The looks of a rule, by number."""
    if given is None:
        return list(range(len(names)))
    listed = [given] if isinstance(given, str) else given
    if not listed:
        q.faults.append(address, "no look stands here")
    places = {FIRST: 0, LAST: len(names) - 1} | {name: k for k, name in enumerate(names)}
    known = [
        q.names.known(address if isinstance(given, str) else (*address, k), "look", name, places)
        for k, name in enumerate(listed)
    ]
    return sorted({places[name] for name in listed}) if listed and all(known) else None


def meanings(part: InterimPart, q: Expressions) -> tuple[frozenset[str], frozenset[str]]:
    """The reasons that claim an effect, and those that give up for want of one."""
    reasons = tuple(dict.fromkeys(r for p in part.rules if (r := p.stop or p.conclude) is not None))
    claims = _chosen(("interim", "success"), part.success, reasons, _CLAIMS, q)
    gives_up = _chosen(("interim", "futility"), part.futility, reasons, _GIVES_UP, q)
    both = [r for r in reasons if r in claims & gives_up]
    if both:
        q.faults.append(("interim", "futility"), f"'{both[0]}' claims an effect (success) and gives up at once")
    return claims, gives_up


def _chosen(
    address: Address, given: Names | None, reasons: Sequence[str], usual: Sequence[str], q: Expressions
) -> frozenset[str]:
    if given is None:
        return frozenset(r for r in reasons if r in usual)
    listed = [given] if isinstance(given, str) else given
    for k, name in enumerate(listed):
        q.names.known(address if isinstance(given, str) else (*address, k), "reason of a rule", name, reasons)
    return frozenset(listed)


def events_of(rules: Sequence[TrialRule], codes: Mapping[str, int]) -> dict[str, int]:
    """The code of the event of each reason that a transition waits for."""
    reasons = dict.fromkeys(r.reason for r in rules if r.action == "stop")
    return {reason: codes[stop_event(reason)] for reason in reasons if stop_event(reason) in codes}
