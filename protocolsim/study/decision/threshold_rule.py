"""A rule whose threshold can be moved after the fact, and the trial with that rule forced to either branch.

Where a parameter is the bound of one comparison that each subject meets at most once, after enrolment, only the branch
taken depends on it: each subject is simulated once per branch, and every threshold is a choice between the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from protocolsim.arrays import Floats, Mask
from protocolsim.endpoint.base import Endpoint
from protocolsim.engine.base import Trial
from protocolsim.errors import RuleError, UsageError, unknown
from protocolsim.protocol.evaluation import compiled
from protocolsim.protocol.rules import Name, Node, Operation, names_in, parse
from protocolsim.protocol.states import END, Protocol, Transition, reachable
from protocolsim.scenario.file.yaml_reader import Address, spell
from protocolsim.scenario.measures import OWN
from protocolsim.scenario.places import is_expression
from protocolsim.scenario.scenario import Definition, Scenario
from protocolsim.study.decision.counterfactual import Further, with_rules

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True)
class ThresholdRule:
    """A rule `measure op threshold`: the transition it guards, and both sides.

    `measure` is the expression compared, `op` as if the threshold stood on the right.
    """

    parameter: str
    transition: Transition
    op: str
    measure: Node

    def measured(self, scenario: Scenario) -> Definition:
        """What the rule compares, as a definition over the protocol's summaries."""
        summaries = scenario.trial.protocol.reader.summaries
        slots = {s.name: k for k, s in enumerate(summaries)}
        constants = {name: n.value for name, n in scenario.named.items()}
        evaluate = compiled(self.measure, constants, slots)
        group = scenario.trial.protocol.group_of(self.transition)
        return Definition(OWN, "the rule's own", "", evaluate, group.reads)

    def holds(self, measured: Floats, threshold: float) -> Mask:
        """Which subjects take the transition at this threshold (internal units); what is undefined never does."""
        return self.compare(measured, np.broadcast_to(np.float64(threshold), measured.shape))

    def compare(self, measured: Floats, thresholds: Floats) -> Mask:
        """The same, each subject at a threshold of its own."""
        node = Operation(self.op, Name("x"), Name("t"))
        with np.errstate(all="ignore"):
            mask: Mask = np.asarray(compiled(node, {}, {"x": 0, "t": 1})([measured, thresholds]), dtype=np.bool_)
        return mask


def threshold_rule(scenario: Scenario, parameter: str | None = None) -> ThresholdRule | str:
    """The rule of this parameter, or of the only one there is; or a sentence that says why it is more than a threshold.

    Raises UsageError for an unknown parameter, for one that no course depends on, or where the scenario has several
    and none is named.
    """
    if parameter is None:
        parameter = _only(scenario)
    if parameter not in scenario.named:
        raise UsageError(f"--rule: {unknown('parameter', parameter, scenario.named)}")
    used = places_of(scenario, parameter)
    if not used:
        raise UsageError(f"--rule {parameter}: it is no threshold, and changes nothing that happens in the trial")
    return _parted(scenario, parameter, used)


def places_of(scenario: Scenario, parameter: str) -> list[str]:
    """The places of the file, but for the endpoints, whose expressions use a parameter."""
    return _places(scenario, [parameter])[parameter]


def _places(scenario: Scenario, parameters: Iterable[str]) -> dict[str, list[str]]:
    """The same of each of these parameters."""
    rooms = {k: scenario.document.data.get(k) for k in ("parameters", "cohort", "drugs", "protocol")}
    places: dict[str, list[str]] = {parameter: [] for parameter in parameters}
    for place, node in _expressions(rooms, ()):
        for name in names_in(node):
            if name in places:
                places[name].append(place)
    return places


def _parted(scenario: Scenario, parameter: str, used: Sequence[str]) -> ThresholdRule | str:
    rules = [t for t in scenario.trial.protocol.transitions if t.rule and parameter in names_in(parse(t.rule.words))]
    if len(used) != 1 or len(rules) != 1 or rules[0].rule is None:
        return f"'{parameter}' is more than the bound of one rule (it stands in {', '.join(used)})"
    node = parse(rules[0].rule.words)
    bound = _bound(node, parameter)
    if bound is None:
        return f"'{parameter}' is part of a longer rule: {rules[0].rule.words}"
    op, measure = bound
    why = _entangled(scenario.trial.protocol, rules[0])
    if scenario.interim is not None:
        why = f"looks at the accumulating data read what follows '{parameter}', and end the trial"
    return why if why is not None else ThresholdRule(parameter, rules[0], op, measure)


def _only(scenario: Scenario) -> str:
    declared = list(dict.fromkeys(d.threshold for d in scenario.decisions.values()))
    places = {} if declared else _places(scenario, scenario.named)
    only = declared or [n for n, used in places.items() if isinstance(_parted(scenario, n, used), ThresholdRule)]
    if len(only) == 1:
        return only[0]
    which = f"it has {', '.join(only)}: name one with --rule" if only else "it has no rule with a threshold of its own"
    raise UsageError(f"{scenario.name}: {which}")


def _bound(node: Node, parameter: str) -> tuple[str, Node] | None:
    if not isinstance(node, Operation) or node.op not in _MIRRORED:
        return None
    if node.right == Name(parameter) and parameter not in names_in(node.left):
        return node.op, node.left
    if node.left == Name(parameter) and parameter not in names_in(node.right):
        return _MIRRORED[node.op], node.right
    return None


def unmoved(scenario: Scenario, parameter: str) -> dict[str, Endpoint]:
    """The endpoints that are not themselves defined by this parameter: only these can be estimated along its curve.

    Nor by whom they are of, nor by the endpoint that they compare.
    """
    populations, endpoints = _reading(scenario, "populations", parameter), _reading(scenario, "endpoints", parameter)
    for _ in scenario.populations:  # one may stand above that which it is part of
        populations |= {name for name, p in scenario.populations.items() if p.of in populations}

    def moves(endpoint: Endpoint) -> bool:
        of = getattr(endpoint, "of", None)
        return endpoint.name in endpoints or endpoint.among in populations or (isinstance(of, Endpoint) and moves(of))

    return {name: endpoint for name, endpoint in scenario.endpoints.items() if not moves(endpoint)}


def _reading(scenario: Scenario, room: str, parameter: str) -> set[str]:
    """What stands in a room of the file and has this parameter in an expression of its own, by name."""
    written: Mapping[str, Any] = scenario.document.data.get(room) or {}
    return {
        name
        for name, part in written.items()
        if any(parameter in names_in(node) for _, node in _expressions(part, (room, name)))
    }


def _expressions(whole: Any, at: Address) -> Iterator[tuple[str, Node]]:
    """Every expression in this part of a scenario, with its place."""
    endpoint = whole if at[:1] == ("endpoints",) else None
    open_: list[tuple[Address, Any]] = [(at, whole)]
    while open_:
        place, value = open_.pop(0)
        if isinstance(value, Mapping):
            open_ += [((*place, str(k)), v) for k, v in value.items()]
        elif isinstance(value, list):
            open_ += [((*place, k), v) for k, v in enumerate(value)]
        elif isinstance(value, str) and is_expression(place, endpoint):
            try:
                yield spell(place), parse(value)
            except RuleError:
                continue


def _entangled(protocol: Protocol, transition: Transition) -> str | None:
    """Why more than a subject's own branch depends on this rule, or None where nothing else does."""
    state = protocol.states[transition.source]
    successors = protocol.successors
    after = reachable(successors, successors[state.number])
    if transition.trigger != END or state.number in after:
        return f"the rule of '{state.name}' may be tried more than once for the same subject"
    if not state.on_study:
        return f"the rule of '{state.name}' decides which subjects are enrolled, so that others take the places"
    if any(set(t.destinations) and t.randomise is not None and t.source in after for t in protocol.transitions):
        return f"subjects are randomised after the rule of '{state.name}', in an order that depends on it"
    if transition.randomise is not None or any(
        t.randomise is not None for t in protocol.group_of(transition).transitions
    ):
        return f"the rule of '{state.name}' leads to a randomisation"
    return None


def forced(trial: Trial, transition: Transition, taken: bool, further: Further | None = None) -> Trial:
    """The trial in which this transition's rule always holds, or never does; the rules beside it decide as before."""
    return with_rules(trial, trial.protocol.group_of(transition), {transition.number: taken}, further)


def defined(definition: Definition, reads: Sequence[int], columns: Sequence[Floats], size: int) -> Floats:
    """The values of a definition for so many subjects, from the recorded summaries `reads`, one column each."""
    values: list[Any] = [None] * (max(reads, default=0) + 1)
    for number, column in zip(reads, columns, strict=True):
        values[number] = column
    with np.errstate(all="ignore"):
        evaluate = definition.evaluate(values)
    return np.broadcast_to(np.asarray(evaluate, dtype=np.float64), (size,)).copy()
