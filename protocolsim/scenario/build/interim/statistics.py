"""From the file's `statistics:` to statistics: their kinds are found, and their fields are read by what these name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from protocolsim.analysis.base import Analysis
from protocolsim.endpoint.base import BUILT_IN, Endpoint
from protocolsim.endpoint.contrast import Contrast
from protocolsim.endpoint.time_to import TimeTo
from protocolsim.errors import UsageError, raised, unknown
from protocolsim.interim.base import Statistic
from protocolsim.interim.catalogue import kinds
from protocolsim.interim.design import Boundary
from protocolsim.interim.keys import FOLLOWED_FOR, StatisticKey, keys_of
from protocolsim.protocol.conduct import Look
from protocolsim.scenario.build.interim.around import Around
from protocolsim.scenario.build.values.names import NAME
from protocolsim.scenario.file.interim_schema import InterimPart, StatisticPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import NONE

_STATISTICS: Address = ("interim", "statistics")
_OF_KIND = " of kind "


class StatisticsBuilder:
    """Builds statistics; every fault goes to `around.q.faults`. `looks` are None where they have faults."""

    def __init__(
        self, part: InterimPart, around: Around, looks: Sequence[Look] | None, boundaries: Sequence[Boundary]
    ) -> None:
        self.part, self.around, self.looks, self.q = part, around, looks, around.q
        self.boundaries = {b.name: b for b in boundaries}
        self._readers: Mapping[str, Callable[[Address, Any, StatisticKey], Any]] = {
            "minutes": self._minutes, "number": self._number, "whole number": self._whole, "share": self._share,
            "choice": self._choice, "population": self._population, "text": self._text, "states": self._states,
            "share or control": self._compared, "two numbers": self._two, "number or boundary": self._bound,
            "number or trend": self._drift,
        }  # fmt: skip

    def statistic(self, name: str, part: StatisticPart) -> Statistic | None:
        """The statistic, or None at a fault."""
        address: Address = (*_STATISTICS, name)
        written = {**(part.model_extra or {})}
        kind = self._kind(address, written)
        if kind is None:
            return None
        keys = keys_of(kind)
        values: dict[str, Any] = {}
        with self.q.faults.watch() as here:
            for key, given in written.items():
                place: Address = (*address, key)
                if key not in keys:
                    words = f"key of a '{kind.key}' statistic"
                    self.q.faults.append(place, unknown(words, key, (*keys, FOLLOWED_FOR)), at_key=True)
                else:
                    values[keys[key].field] = self._value(place, given, keys[key])
            if part.followed_for is not None:
                values["followed_for"] = self.q.minutes((*address, FOLLOWED_FOR), part.followed_for)
        if not here.ok:
            return None
        missing = next((k for k, f in keys.items() if f.required and f.field not in values), None)
        if missing is not None:
            self.q.faults.append(address, f"'{missing}' is missing here", at_key=True)
            return None
        if part.followed_for is None:
            values["followed_for"] = self._followed(address, values.values())
        elif values["followed_for"] == 0:
            values["followed_for"] = None
        if not self._enough_at_the_end(address, keys, written, values):
            return None
        return self._made(address, name, kind, values)

    def _enough_at_the_end(
        self, address: Address, keys: Mapping[str, StatisticKey], written: Mapping[str, Any], values: Mapping[str, Any]
    ) -> bool:
        """Whether a statistic counts as many at the end as each look waits for; a fault where it does not."""
        field = keys.get("of")
        number = None if field is None or field.holds != "whole number" else values.get(field.field)
        if number is None or self.looks is None:
            return True
        most = max(self.looks, key=lambda look: look.trigger.number if look.trigger.count is not None else 0)
        if number >= most.trigger.number:
            return True
        said = f"{written['of']} is fewer than the {most.trigger.number} that '{most.name}' waits for"
        self.q.faults.append((*address, "of"), said)
        return False

    def _made(self, address: Address, name: str, kind: type[Statistic], values: Mapping[str, Any]) -> Statistic | None:
        try:
            return kind(name=name, **values)
        except UsageError as error:
            self.q.faults.append(address, str(error).removeprefix(f"statistic '{name}': "), at_key=True)
        except Exception as error:  # noqa: BLE001 - a kind's own bug, which is no fault of the file
            self.q.faults.append(address, f"the statistic '{kind.key}' failed: {raised(error)}", at_key=True)
        return None

    def _kind(self, address: Address, written: Mapping[str, Any]) -> type[Statistic] | None:
        found = [key for key in written if key in kinds()]
        if len(found) == 1:
            return kinds()[found[0]]
        if found:
            both = " and ".join(f"'{key}'" for key in found)
            self.q.faults.append(address, f"a statistic is one thing; {both} are two", at_key=True)
            return None
        beside = {key for kind in kinds().values() for key in keys_of(kind)}
        wrong = next((key for key in written if key not in beside), None)
        if wrong is None:
            one_of = ", ".join(f"'{key}'" for key in kinds())
            self.q.faults.append(address, f"a statistic says what it is of: one of {one_of}", at_key=True)
        else:
            self.q.faults.append((*address, wrong), unknown("statistic", wrong, kinds()), at_key=True)
        return None

    # Potential follow-up -----------------------------------------------------------------------------------------

    def _followed(self, address: Address, values: Any) -> int | None:
        """The `for` of the looks; None where times to an event are censored, or where looks do not all say one."""
        if self.looks is None or any(_censors(v) for v in values):
            return None
        times = {look.trigger.count.followed if look.trigger.count is not None else 0 for look in self.looks}
        if 0 in times:
            return None
        if len(times) > 1:
            said = "the looks follow for different times; say whom this counts, such as followed for: 26 weeks"
            self.q.faults.append(address, said, at_key=True)
            return None
        return times.pop()

    # Values ------------------------------------------------------------------------------------------------------

    def _value(self, address: Address, given: Any, key: StatisticKey) -> Any:
        if key.holds in self._readers:
            return self._readers[key.holds](address, given, key)
        if isinstance(given, str):
            return self._named(address, given, key.holds)
        self.q.faults.append(address, f"expected the name of an {key.holds}, found {_shown(given)}")
        return None

    def _named(self, address: Address, name: str, holds: str) -> Endpoint | None:
        """An endpoint or analysis: `endpoint or analysis`, `analysis`, `endpoint of kind share`."""
        what, _, kind = holds.partition(_OF_KIND)
        rooms: dict[str, tuple[str, ...]] = {
            "endpoint": self.q.names.declared("endpoints"), "analysis": self.q.names.declared("analysis"),
        }  # fmt: skip
        allowed = [room for room in rooms if room in what]
        other = next(
            (r for r in rooms if r not in allowed and name in rooms[r] and name not in rooms[allowed[0]]), None
        )
        if other is not None:
            known = ", ".join(rooms[allowed[0]]) or "none here"
            self.q.faults.append(address, f"'{name}' is an {other}; expected an {allowed[0]}: {known}")
            return None
        known_names = [n for room in allowed for n in rooms[room]]
        if not self.q.names.known(address, what, name, known_names):
            return None
        found: Endpoint | None = self.around.endpoints.get(name) or self.around.analyses.get(name)
        if found is None:
            self.q.faults.unsound()  # it has a fault of its own
        elif kind and found.kind != kind:
            like = [n for n in known_names if (e := self._built(n)) is not None and e.kind == kind]
            said = f"'{name}' is of kind {found.kind}; expected one of kind {kind}: {', '.join(like) or 'none here'}"
            self.q.faults.append(address, said)
            return None
        return found

    def _built(self, name: str) -> Endpoint | None:
        return self.around.endpoints.get(name) or self.around.analyses.get(name)

    def _minutes(self, address: Address, given: Any, _: StatisticKey) -> int | None:
        if isinstance(given, str):
            return self.q.minutes(address, given)
        self.q.faults.append(address, f"expected a time with a unit, such as '26 weeks', found {_shown(given)}")
        return None

    def _number(self, address: Address, given: Any, _: StatisticKey) -> float | None:
        if isinstance(given, str | int | float) and not isinstance(given, bool):
            return self.q.number(address, given, NONE)
        self.q.faults.append(address, f"expected a number, found {_shown(given)}")
        return None

    def _share(self, address: Address, given: Any, key: StatisticKey) -> float | None:
        value = self._number(address, given, key)
        if value is not None and not 0.0 <= value <= 1.0:
            self.q.faults.append(address, f"{given} is not between 0 and 100 %")
            return None
        return value

    def _whole(self, address: Address, given: Any, key: StatisticKey) -> int | None:
        value = self._number(address, given, key)
        if value is not None and (value != int(value) or value < 1.0):
            self.q.faults.append(address, f"{given} is not a whole number above 0")
            return None
        return None if value is None else int(value)

    def _choice(self, address: Address, given: Any, key: StatisticKey) -> Any:
        self.q.names.known(address, "choice", str(given), key.choices)
        return given

    def _text(self, address: Address, given: Any, _: StatisticKey) -> Any:
        if not isinstance(given, str):
            self.q.faults.append(address, f"expected text, found {_shown(given)}")
        return given

    def _population(self, address: Address, given: Any, _: StatisticKey) -> Any:
        known = (*BUILT_IN, *self.q.names.declared("populations"))
        if not isinstance(given, str):
            self.q.faults.append(address, f"expected the name of a population, found {_shown(given)}")
        else:
            self.q.names.known(address, "population", given, known)
        return given

    def _states(self, address: Address, given: Any, _: StatisticKey) -> Any:
        return self.around.reader.value(address, "states", None, given)

    def _compared(self, address: Address, given: Any, key: StatisticKey) -> Any:
        """`control`, or a share."""
        if given != "control":
            return self._share(address, given, key)
        if self.part.of is None or self.part.control is None:
            self.q.faults.append(address, "'control' is the arm that `interim.control` names, and it names none")
            return None
        return (self.part.control,)

    def _two(self, address: Address, given: Any, key: StatisticKey) -> tuple[float, ...] | None:
        if not isinstance(given, list) or len(given) != 2:
            self.q.faults.append(
                address, f"expected the two numbers of a beta distribution, [1, 1], found {_shown(given)}"
            )
            return None
        numbers = [self._number((*address, k), text, key) for k, text in enumerate(given)]
        for k, value in enumerate(numbers):
            if value is not None and value <= 0.0:
                self.q.faults.append((*address, k), f"{given[k]} is not above 0 (a number of a beta distribution)")
        return None if None in numbers else tuple(float(v or 0.0) for v in numbers)

    def _drift(self, address: Address, given: Any, key: StatisticKey) -> Any:
        """`trend`, or a number."""
        if isinstance(given, str) and NAME.fullmatch(given) and given not in self.q.parameters.values:
            self.q.names.known(address, "drift", given, ("trend", *self.q.parameters.values))
            return given
        return self._number(address, given, key)

    def _bound(self, address: Address, given: Any, key: StatisticKey) -> float | None:
        """A number, or the name of a boundary: its last value."""
        if not isinstance(given, str) or NAME.fullmatch(given) is None or given in self.q.parameters.values:
            return self._number(address, given, key)
        if not self.q.names.known(address, "boundary", given, self.part.boundaries):
            return None
        if given not in self.boundaries:
            self.q.faults.unsound()  # it has a fault of its own
            return None
        last = self.boundaries[given].values[-1]
        if last != last:  # nan: it has none at the last look
            self.q.faults.append(address, f"'{given}' has no bound at the last look")
            return None
        return last


def _censors(value: Any) -> bool:
    """Whether this is, tests or contrasts an endpoint of times to an event."""
    return isinstance(value, TimeTo) or (
        isinstance(value, Analysis | Contrast) and isinstance(getattr(value, "of", None), TimeTo)
    )


def _shown(given: Any) -> str:
    return "a mapping" if isinstance(given, dict) else "a list" if isinstance(given, list) else f"'{given}'"
