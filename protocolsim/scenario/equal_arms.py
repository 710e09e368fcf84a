"""The trial whose arms are alike: every other arm is treated, assessed and followed as the control arm is.

That is where a comparison of arms has no effect to find. A drug that does nothing is not: its side effects still stop
patients, so that the numbers which are compared differ between the arms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from protocolsim.errors import UsageError, unknown
from protocolsim.scenario.file.templates import expanded
from protocolsim.scenario.scenario import Scenario

_NEVER = "1 > 2"


def equal_arms(scenario: Scenario, randomisation: str = "", control: str = "") -> Scenario:
    """The scenario in which every other arm's first state is a copy of the control arm's, under its own name.

    It has the same treatment, assessments and length, and the same transitions lead out of it, to the same states;
    what rules read of the control arm they read of each. `randomisation` and `control` are those of `interim:` unless
    given. Raises UsageError where there is no such randomisation or arm, or where rules ask how long ago, or how often,
    the control arm was entered, which a copy cannot answer.
    """
    design = scenario.interim
    if design is not None:
        randomisation, control = randomisation or design.of, control or design.control
    document = expanded(scenario.document)
    data = deepcopy(document.data)
    protocol = data["protocol"]
    between = _arms(scenario, protocol, randomisation, control)
    others = [arm for arm in between if arm != control]
    states = protocol["states"]
    for arm in others:
        label = {"label": states[arm]["label"]} if "label" in states[arm] else {}
        states[arm] = {**deepcopy(states[control]), **label}
    written = protocol["transitions"]
    # Where the arms' own transitions led must still be states that can be reached, as the protocol's checks see it.
    unused = [t for one in written for t in _unused(one, control, others)]
    protocol["transitions"] = [*unused, *(t for one in written for t in _copied(one, control, others))]
    for name, summary in _summaries(data):
        _read_of_each(name, summary, control, others)
    built = scenario.builder(replace(document, data=data), allow_plugins=scenario.allow_plugins)
    return replace(built, seed=scenario.seed, replicates=scenario.replicates)


def _arms(scenario: Scenario, protocol: Mapping[str, Any], randomisation: str, control: str) -> Sequence[str]:
    declared = protocol.get("randomisations") or {}
    if not (randomisation and control):
        raise UsageError(
            f"{scenario.name}: equal arms need a randomisation and its control arm: `of:` and `control:` in `interim:`"
        )
    if randomisation not in declared:
        raise UsageError(f"{scenario.name}: {unknown('randomisation', randomisation, declared)}")
    between = list(declared[randomisation]["between"])
    if control not in between:
        raise UsageError(f"{scenario.name}: {unknown('arm', control, between)}")
    return between


def _copied(transition: Mapping[str, Any], control: str, others: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What becomes of one transition: those out of the control arm lead out of each, the arms' own are gone."""
    sources = _listed(transition["from"])
    stay = [s for s in sources if s not in others]
    if stay:
        yield {**transition, "from": stay[0] if len(stay) == 1 else stay}
    if control in sources:
        for arm in others:
            mine = {key: value for key, value in transition.items() if key != "name"}
            yield {**mine, "from": arm, **({"to": arm} if transition.get("to") == control else {})}


def _unused(transition: Mapping[str, Any], control: str, others: Sequence[str]) -> Iterator[dict[str, Any]]:
    sources = _listed(transition["from"])
    for arm in others if control not in sources else ():
        if arm in sources and "randomise" in transition:
            yield {"from": arm, "randomise": transition["randomise"], "when": _NEVER}
        elif arm in sources:
            ends = [transition["to"]] if "to" in transition else list(transition.get("choose") or ())
            yield from ({"from": arm, "to": to, "when": _NEVER} for to in ends)


def _summaries(data: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    rooms = [data["protocol"], *(data.get("decisions") or {}).values()]
    for room in rooms:
        yield from ((name, s) for name, s in (room.get("summaries") or {}).items() if isinstance(s, dict))


def _read_of_each(name: str, summary: dict[str, Any], control: str, others: Sequence[str]) -> None:
    for key in ("time since", "entries of"):
        if summary.get(key) == control:
            raise UsageError(f"arms cannot be made equal: the summary '{name}' has `{key}: {control}`, one arm's own")
    during = _listed(summary.get("during", ()))
    if control in during:
        summary["during"] = list(dict.fromkeys([*during, *others]))


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
