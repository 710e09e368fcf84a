"""From the file's `populations:`, `endpoints:` and `published:` to objects."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from protocolsim.endpoint.base import BUILT_IN, Endpoint, Published
from protocolsim.endpoint.catalogue import kinds
from protocolsim.endpoint.subjects.population import Population
from protocolsim.errors import UsageError, raised, unknown
from protocolsim.names import readable, told_apart
from protocolsim.protocol.conditions import CourseCondition
from protocolsim.protocol.summaries import Reader
from protocolsim.scenario.build.protocol.summaries import SummariesBuilder
from protocolsim.scenario.build.protocol.visits import Vocabulary
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import AnalysisPart, EndpointPart, PublishedPart, ScenarioPart, endpoint_fields
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.published_number import published_number
from protocolsim.units import NONE, UnitError

ANOTHER = "endpoint"
"""What a field holds that names another endpoint, of any kind."""

# Keys of an endpoint that are two ends; 1: they may be met, so that both may be the same.
_ENDS = {("at_least", "at_most"): 1, ("from_at_least", "from_at_most"): 1, ("after", "before"): 0}

# Keys of an endpoint that do nothing where another is missing, or says this.
_IDLE = (("first_gap", "per", "scan"), ("window", "at", None))


class EndpointsBuilder:
    """Builds populations and endpoints; every fault goes to `q.faults`."""

    def __init__(
        self,
        part: ScenarioPart,
        q: Expressions,
        words: Vocabulary,
        rules: SummariesBuilder,
        dose_units: Mapping[str, str | None],
    ) -> None:
        """`rules` has built the protocol, and knows its states and summaries; `dose_units` are of its drugs."""
        self.part, self.q, self.words, self.rules, self.dose_units = part, q, words, rules, dose_units
        states = rules.names
        self.names = {
            "states": ("state", tuple(states)),
            "events": ("event", words.events),
            "variable": ("variable", words.variable_names),
            "drug": ("drug", words.drug_names),
        }
        written: dict[str, EndpointPart | AnalysisPart] = {**part.endpoints, **part.analysis}
        said = [p.label or readable(name).capitalize() for name, p in written.items()]
        self.labels = dict(zip(written, told_apart(said, list(written)), strict=True))

    def build(self) -> tuple[dict[str, Population], dict[str, Endpoint]]:
        """Every sound population and endpoint."""
        populations = self._populations()
        published = {name: p for name, p in ((n, self._published(n, p)) for n, p in self.part.published.items()) if p}
        for name in self.part.published:
            self.q.names.known(("published", name), "endpoint", name, self.q.names.declared("endpoints"), at_key=True)
            self._same_as(name)
        endpoints: dict[str, Endpoint] = {}
        # Those that are of another endpoint come after all others, wherever they stand.
        for name, part in sorted(self.part.endpoints.items(), key=lambda one: _is_of_another(one[1])):
            built = self._endpoint(name, part, published.get(name), endpoints)
            if built is not None:
                endpoints[name] = built
        return populations, {name: endpoints[name] for name in self.part.endpoints if name in endpoints}

    # Populations -----------------------------------------------------------------------------------------------

    def _populations(self) -> dict[str, Population]:
        populations = {}
        known = (*BUILT_IN, *self.q.names.declared("populations"))
        for name, part in self.part.populations.items():
            address: Address = ("populations", name)
            self.q.names.known((*address, "of"), "population", part.of, known)
            if self._circular(name):
                self.q.faults.append((*address, "of"), f"'{name}' is part of itself")
                continue
            keys = ("entered", "not_entered", "ended_in", "not_ended_in")
            states = {k: self._listed((*address, k), "states", getattr(part, k)) for k in keys}
            where = None if part.where is None else self._condition((*address, "where"), part.where)
            populations[name] = Population(of=part.of, **states, where=where)
        return populations

    def _condition(self, address: Address, text: str | float) -> CourseCondition | None:
        """A rule over what the chart holds at the end of a course, or None where it is at fault."""
        rule = self.rules.rule(address, text)
        if rule is None:
            return None
        factors = tuple(v.factor for v in self.words.variables)
        return CourseCondition(
            rule, Reader(self.rules.summaries), self.rules.reads([text]), factors, self.rules.variables
        )

    def _circular(self, name: str) -> bool:
        seen: list[str] = []
        while name in self.part.populations and name not in BUILT_IN:
            if name in seen:
                return True
            seen.append(name)
            name = self.part.populations[name].of
        return False

    def _listed(self, address: Address, what: str, given: str | Sequence[str]) -> tuple[str, ...]:
        names = (given,) if isinstance(given, str) else tuple(given)
        if not names and address[0] in ("endpoints", "analysis"):
            self.q.faults.append(address, "no name stands here")
        word, known = self.names[what]
        for k, name in enumerate(names):
            self.q.names.known(address if isinstance(given, str) else (*address, k), word, name, known)
        return names

    # Endpoints -------------------------------------------------------------------------------------------------

    def _endpoint(
        self, name: str, part: EndpointPart, published: Published | None, others: Mapping[str, Endpoint]
    ) -> Endpoint | None:
        address: Address = ("endpoints", name)
        if not self.q.names.known((*address, "kind"), "kind of endpoint", part.kind, kinds()):
            return None
        kind = kinds()[part.kind]
        fields = endpoint_fields(kind)
        values: dict[str, Any] = {}
        with self.q.faults.watch() as here:
            self.q.names.known(
                (*address, "among"), "population", part.among, (*BUILT_IN, *self.q.names.declared("populations"))
            )
            for key, given in (part.model_extra or {}).items():
                if key not in fields:
                    self.q.faults.append(
                        (*address, key),
                        unknown(f"key of a '{part.kind}' endpoint", key, (*fields, "label", "among")),
                        at_key=True,
                    )
                elif fields[key][0] == ANOTHER:
                    values[key] = self._another((*address, key), given, others)
                else:
                    values[key] = self.value((*address, key), *fields[key], given)
            self._ordered(address, values)
            self._idle(address, fields, values)
        if not here.ok or any(value is None for value in values.values()):
            return None
        of = values.get("of")
        among = of.among if isinstance(of, Endpoint) and "among" not in part.model_fields_set else part.among
        missing = missing_field(kind, fields, values)
        if missing is not None:
            self.q.faults.append(address, f"'{missing}' is missing here", at_key=True)
            return None
        try:
            built = kind(name=name, label=self.labels[name], among=among, published=published, **values)
            built = built.with_dose_units(self.dose_units)
        except UsageError as error:
            self.q.faults.append(address, str(error).removeprefix(f"endpoint '{name}': "), at_key=True)
        except Exception as error:  # noqa: BLE001 - a kind's own bug, which is no fault of the file
            self.q.faults.append(address, f"the kind of endpoint '{part.kind}' failed: {raised(error)}", at_key=True)
        else:
            self._fits(name, built)
            return built
        return None

    def _ordered(self, address: Address, values: Mapping[str, Any]) -> None:
        """Faults for two ends between which nothing lies."""
        for (low, high), same in _ENDS.items():
            least, most = values.get(low), values.get(high)
            if isinstance(least, int | float) and isinstance(most, int | float) and (least, 0) >= (most, same):
                self.q.faults.append((*address, high), f"nothing lies between `{low}` and this", at_key=True)

    def _idle(self, address: Address, fields: Iterable[str], values: Mapping[str, Any]) -> None:
        """Faults for keys that would do nothing."""
        for key, other, unread in _IDLE:
            if key in values and other in fields and values.get(other) == unread:
                why = f"without `{other}`" if unread is None else f"beside `{other}: {unread}`"
                self.q.faults.append((*address, key), f"'{key}' does nothing {why}; leave it out", at_key=True)

    def value(self, address: Address, what: str, choices: Sequence[str] | None, given: Any) -> Any:
        """What a key says, in the terms of its kind; a fault, and something or nothing, where it cannot say that."""
        if what in ("states", "events"):
            if isinstance(given, str) or (isinstance(given, list) and all(isinstance(g, str) for g in given)):
                return self._listed(address, what, given)
            self.q.faults.append(address, "expected a name or a list of names")
        elif what == "minutes":
            if isinstance(given, str):
                return self.q.minutes(address, given)
            self.q.faults.append(address, f"expected a time with a unit, such as '6 weeks', found '{given}'")
        elif what == "number":
            if isinstance(given, str | int | float) and not isinstance(given, bool):
                return self.q.number(address, given, NONE, what="a bound on values")
            self.q.faults.append(address, f"expected a number, found '{given}'")
        elif not isinstance(given, str):
            self.q.faults.append(address, f"expected text, found '{given}'")
        elif what == "choice":
            self.q.names.known(address, "choice", given, choices or ())
        elif what in self.names:
            self.q.names.known(address, self.names[what][0], given, self.names[what][1])
        return given

    def _another(self, address: Address, given: Any, others: Mapping[str, Endpoint]) -> Endpoint | None:
        """The endpoint of this name; None where there is none, or where it has faults of its own."""
        if not isinstance(given, str):
            self.q.faults.append(address, f"expected the name of an endpoint, found '{given}'")
        elif self.q.names.known(address, "endpoint", given, self.q.names.declared("endpoints")):
            part = self.part.endpoints.get(given)
            if part is not None and _is_of_another(part):
                self.q.faults.append(address, f"'{given}' is of another endpoint itself; expected one that is not")
            else:
                return others.get(given)
        return None

    def _fits(self, name: str, endpoint: Endpoint) -> None:
        """Whether what was published could be a value of its endpoint at all."""
        if endpoint.published is None:
            return
        address: Address = ("published", name, "value")
        text = endpoint.published.text
        if not published_number(text).fits(endpoint.unit):
            self.q.faults.append(address, f"expected a value in {endpoint.unit}, found '{text}'")
        elif endpoint.unit == "%" and endpoint.published.value > 1.0:
            self.q.faults.append(address, f"{text} is above 100 %")

    def _same_as(self, name: str) -> None:
        """Whether the datum that this one says otherwise can be published, and does not point elsewhere itself.

        An endpoint whose published value a file took away (null) may stay named here: this one is then the datum.
        """
        part, address = self.part.published, ("published", name, "same as")
        other = part[name].same_as
        others = [n for n in dict.fromkeys([*part, *self.q.names.declared("endpoints")]) if n != name]
        if other is None or not self.q.names.known(address, "published result", other, others):
            return
        if other in part and part[other].same_as is not None:
            why = f"'{other}' is itself said to be the same as '{part[other].same_as}'; name that one"
            self.q.faults.append(address, why)

    def _published(self, name: str, part: PublishedPart) -> Published | None:
        address: Address = ("published", name, "value")
        try:
            number = published_number(part.value)
        except UnitError as error:
            self.q.faults.append(address, str(error))
            return None
        above, below = number.count or (None, None)
        return Published(
            number.value,
            str(part.value),
            part.role,
            part.source,
            part.mark,
            above,
            below,
            part.note,
            part.same_as,
            part.explanation,
        )


def _is_of_another(part: EndpointPart) -> bool:
    """Whether its kind reads another endpoint, which must be there before it."""
    kind = kinds().get(part.kind)
    return kind is not None and any(what == ANOTHER for what, _ in endpoint_fields(kind).values())


def missing_field(kind: type[Endpoint], fields: Iterable[str], given: Iterable[str]) -> str | None:
    """The first field that a kind asks for and nobody gave; None where all are there."""
    had = set(given)
    return next((f for f in fields if f not in had and _required(kind, f)), None)


def _required(kind: type[Endpoint], field: str) -> bool:
    declared = {f.name: f for f in dataclasses.fields(kind)}[field]
    return declared.default is dataclasses.MISSING and declared.default_factory is dataclasses.MISSING
