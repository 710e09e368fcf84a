"""From the file's `looks:` to looks with their triggers, and what the information of the trial is counted in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from protocolsim.errors import unknown
from protocolsim.interim.design import Information
from protocolsim.protocol.conduct import Count, Look, Trigger
from protocolsim.protocol.rules import TOLERANCE
from protocolsim.records import NEVER
from protocolsim.scenario.build.interim.around import Around
from protocolsim.scenario.build.interim.counted import states_of
from protocolsim.scenario.build.interim.events import is_stop
from protocolsim.scenario.build.interim.numbers import MOST_LOOKS, Given, Placed, spread
from protocolsim.scenario.file.interim_schema import InterimPart, LookPart, LooksPart, WhenPart
from protocolsim.scenario.file.parts import Scalar
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import MINUTES_PER_WEEK, NONE, TIME, dimension_name, known_units

FIRST, LAST = "first", "last"
_LOOKS: Address = ("interim", "looks")
_BOUNDS = ("not_before", "at_the_latest", "after_previous")
_KINDS = ("enrolled", "followed", "members of", "events of", "weeks", "information")
# The keys that stand beside those that count, and with which.
_BESIDE: Mapping[str, tuple[str, ...]] = {
    "for": ("followed",), "number": ("members of", "events of"), "followed for": ("members of",),
}  # fmt: skip
_MOST = 10**9


@dataclass(frozen=True)
class _Waits:
    """What one look waits for: a count and its number, a minute, or a share of the information; and where it stands."""

    address: Address
    count: Count | None = None
    number: int = 0
    minute: int = 0
    share: float | None = None


@dataclass(frozen=True)
class LooksRead:
    """The looks, where each stands in the file, and the information of the trial."""

    looks: tuple[Look, ...]
    places: tuple[Address, ...]
    information: Information


def looks_of(part: InterimPart, around: Around) -> LooksRead | None:
    """The looks of a file, or None where some are at fault."""
    return _LooksBuilder(part, around).build()


class _LooksBuilder:
    def __init__(self, part: InterimPart, around: Around) -> None:
        self.part, self.around, self.q = part, around, around.q

    def build(self) -> LooksRead | None:
        with self.q.faults.watch() as here:
            waits = self._all()
            information = self._information([w for _, w, _ in waits])
        if not here.ok or information is None or not waits:
            return None
        with self.q.faults.watch() as here:
            looks = [self._look(name, w, bounds, information) for name, w, bounds in waits]
            if here.ok:
                self._in_order(looks, [w.address for _, w, _ in waits])
        return LooksRead(tuple(looks), tuple(w.address for _, w, _ in waits), information) if here.ok else None

    # What they wait for ----------------------------------------------------------------------------------------

    def _all(self) -> list[tuple[str, _Waits, dict[str, Placed]]]:
        part, found = self.part.looks, []
        if part.when is not None:
            found += self._listed(part)
        elif any(getattr(part, key) is not None for key in _BOUNDS):
            self.q.faults.append(_LOOKS, "'when' is missing here: what the looks of the list wait for", at_key=True)
        listed = {name for name, _, _ in found}
        for name, look in (part.model_extra or {}).items():
            address: Address = (*_LOOKS, name)
            if self.q.names.refused(address):
                self.q.faults.unsound()  # that has been reported
                continue
            if name in listed:
                self.q.faults.append(address, f"a look of the list is called '{name}'; name it otherwise", at_key=True)
            one = self._series(address, look.when, look)
            if one is not None and len(one) > 1:
                said = (
                    f"'{name}' is one look, and that makes {len(one)}; a list of looks has its 'when' in looks itself"
                )
                self.q.faults.append((*address, "when"), said)
            elif one is not None:
                found.append((name, *one[0]))
        names = [name for name, _, _ in found]
        if not names and part.when is None and not part.model_extra:
            self.q.faults.append(_LOOKS, "no look stands here", at_key=True)
        for word, place in ((FIRST, 0), (LAST, -1)):
            if word in names and names[place] != word:
                said = f"'{word}' in a rule means the {word} look, which is '{names[place]}'; name this one otherwise"
                self.q.faults.append((*_LOOKS, word), said, at_key=True)
        if len(found) > MOST_LOOKS:
            self.q.faults.append(_LOOKS, f"that is {len(found)} looks; at most {MOST_LOOKS} are possible", at_key=True)
        return found

    def _listed(self, part: LooksPart) -> list[tuple[str, _Waits, dict[str, Placed]]]:
        assert part.when is not None
        one = self._series(_LOOKS, part.when, part)
        return [] if one is None else [(f"look_{k + 1}", w, bounds) for k, (w, bounds) in enumerate(one)]

    def _series(
        self, address: Address, when: WhenPart, part: LookPart | LooksPart
    ) -> list[tuple[_Waits, dict[str, Placed]]] | None:
        """What the looks of one `when` wait for, and their bounds in time."""
        waits = self._when((*address, "when"), when)
        bounds = {k: self._times((*address, k), given) for k in _BOUNDS if (given := getattr(part, k)) is not None}
        if waits is None or any(times is None for times in bounds.values()):
            self.q.faults.unsound()  # what it names may be at fault elsewhere
            return None
        spread_ = {k: times for k, times in bounds.items() if times is not None}
        columns = self._alike([[Placed(w.address, 0.0) for w in waits], *spread_.values()])
        if columns is None:
            return None
        number = len(columns[0])
        waits = waits if len(waits) == number else waits * number
        each = [{k: c[n] for k, c in zip(spread_, columns[1:], strict=True)} for n in range(number)]
        return list(zip(waits, each, strict=True))

    def _alike(self, columns: Sequence[list[Placed]]) -> list[list[Placed]] | None:
        """The columns with one length: what is said once holds for all."""
        longest = max(columns, key=len)
        for column in columns:
            if len(column) not in (1, len(longest)):
                said = f"{len(column)} stand here, and {len(longest)} in another list of the same looks"
                self.q.faults.append(column[0].address[:-1], said)
                return None
        return [column if len(column) == len(longest) else column * len(longest) for column in columns]

    def _when(self, address: Address, part: WhenPart) -> list[_Waits] | None:
        """What is waited for, once for each look of a list; None at a fault."""
        given = {
            f.alias or name: v for name, f in WhenPart.model_fields.items() if (v := getattr(part, name)) is not None
        }
        with self.q.faults.watch() as here:
            for key in part.model_extra or {}:
                self._refuse((*address, key), key)
            kinds = [key for key in _KINDS if key in given]
            if len(kinds) != 1 and here.ok:
                one_of = ", ".join(f"'{k}'" for k in _KINDS[:-1])
                self.q.faults.append(address, f"a look waits for one of {one_of} and '{_KINDS[-1]}'", at_key=True)
            for key, with_ in _BESIDE.items():
                if key in given and kinds and kinds[0] not in with_:
                    said = f"'{key}' belongs to {' and '.join(repr(w) for w in with_)}"
                    self.q.faults.append((*address, key), said, at_key=True)
            for kind, needs in (("followed", "for"), ("members of", "number"), ("events of", "number")):
                if kinds == [kind] and needs not in given:
                    self.q.faults.append(address, f"'{needs}' is missing here, beside '{kind}'", at_key=True)
        if not here.ok:
            return None
        readers: Mapping[str, Callable[[Address, Mapping[str, Given | str]], list[_Waits] | None]] = {
            "weeks": self._weeks, "information": self._share,
        }  # fmt: skip
        return readers.get(kinds[0], self._counts)(address, given)

    def _refuse(self, address: Address, key: str) -> None:
        """A key that counts nothing: a statistic, most likely."""
        reads = (*self.q.names.declared("interim", "statistics"), *self.q.names.declared("interim", "boundaries"))
        if key in reads or key in (*self.q.names.declared("endpoints"), *self.q.names.declared("analysis")):
            said = f"a look's date may not depend on what it reads ('{key}'); it waits for people, events or time"
            self.q.faults.append(address, said, at_key=True)
        else:
            known = [f.alias or name for name, f in WhenPart.model_fields.items()]
            self.q.faults.append(address, unknown("key", key, known), at_key=True)

    def _counts(self, address: Address, given: Mapping[str, Given | str]) -> list[_Waits] | None:
        kind = next(key for key in _KINDS if key in given)
        key = kind if kind in ("enrolled", "followed") else "number"
        numbers = spread((*address, key), given[key], self._whole, self.q.faults)
        time = "for" if kind == "followed" else "followed for"
        followed = self._times((*address, time), given[time]) if time in given else [Placed(address, 0.0)]
        count = self._count((*address, kind), kind, given[kind])
        if numbers is None or followed is None or count is None:
            return None
        both = self._alike([numbers, followed])
        if both is None:
            return None
        return [
            _Waits(n.address, replace(count, followed=int(f.value)), int(n.value)) for n, f in zip(*both, strict=True)
        ]

    def _count(self, address: Address, kind: str, given: Given | str) -> Count | None:
        if kind in ("enrolled", "followed"):
            return Count("enrolled")
        if kind == "members of":
            known = ("enrolled", *self.q.names.declared("populations"))
            if given != "screened" and not self.q.names.known(address, "population", str(given), known):
                return None
            states = states_of(address, str(given), self.around)
            return None if states is None else Count("entered", states) if states else Count("enrolled")
        events = [e for e in self.around.words.events if not is_stop(e)]
        if not self.q.names.known(address, "event", str(given), events):
            return None
        return Count("event", event=self.around.words.events.index(str(given)))

    def _weeks(self, address: Address, given: Mapping[str, Given | str]) -> list[_Waits] | None:
        minutes = spread((*address, "weeks"), given["weeks"], self._of_the_calendar, self.q.faults)
        return None if minutes is None else [_Waits(m.address, minute=int(m.value)) for m in minutes]

    def _share(self, address: Address, given: Mapping[str, Given | str]) -> list[_Waits] | None:
        shares = spread((*address, "information"), given["information"], self._part, self.q.faults)
        return None if shares is None else [_Waits(s.address, share=s.value) for s in shares]

    # Numbers ---------------------------------------------------------------------------------------------------

    def _reads(self, address: Address, text: Scalar) -> bool:
        """Whether a number is made of what looks read, which is a fault: their dates would depend on the data."""
        words = re.findall(r"[^\W\d]\w*", text) if isinstance(text, str) else []
        for room, what in ((self.part.statistics, "statistic"), (self.part.boundaries, "boundary")):
            for name in (w for w in words if w in room and w not in known_units()):
                said = f"'{name}' is a {what}; when a look is held depends on dates and counts, never on what it reads"
                self.q.faults.append(address, said)
                return True
        return False

    def _whole(self, address: Address, text: Scalar) -> float | None:
        if self._reads(address, text):
            return None
        return self.q.whole(address, text, least=1, most=_MOST, what="how many")

    def _part(self, address: Address, text: Scalar) -> float | None:
        if self._reads(address, text):
            return None
        share = self.q.number(address, text, NONE, least=0.0, what="a share of the information")
        if share is not None and not 0.0 < share <= 1.0:
            self.q.faults.append(
                address, f"{text} is {'above 100 %' if share > 1.0 else '0'} (a share of the information)"
            )
            return None
        return share

    def _of_the_calendar(self, address: Address, text: Scalar) -> float | None:
        """Weeks as a number, or a time with its unit."""
        if self._reads(address, text):
            return None
        given = self.q.measured(address, text)
        if given is None:
            return None
        if given.dimension not in (NONE, TIME):
            said = f"expected weeks, or a time, found '{text}', {dimension_name(given.dimension)}"
            self.q.faults.append(address, said)
            return None
        plain = given.dimension == NONE
        minutes = given.value * MINUTES_PER_WEEK if plain else given.value
        if not 0.0 < minutes <= 5200.0 * MINUTES_PER_WEEK:
            self.q.faults.append(address, f"{text} is {'not above 0' if minutes <= 0.0 else 'above 5200 weeks'}")
            return None
        return self.q.whole_minutes(address, f"{text} weeks" if plain else text, minutes)

    def _times(self, address: Address, given: Given | str) -> list[Placed] | None:
        return spread(address, given, self.q.minutes, self.q.faults)

    # The information, and the looks ------------------------------------------------------------------------------

    def _information(self, waits: Sequence[_Waits]) -> Information | None:
        """What is counted, and the maximum of it."""
        if self.part.information is None:
            last = waits[-1] if waits else None
            if last is not None and last.count is not None:
                return Information(last.count, float(last.number))
            size = None if self.around.cohort is None else self.around.cohort.size
            return None if size is None else Information(Count("enrolled"), float(size))
        address: Address = ("interim", "information")
        read = self._when(address, self.part.information)
        if read is None:
            return None
        if len(read) > 1:
            self.q.faults.append(address, f"that is {len(read)} numbers; information has one maximum")
        elif read[0].count is None:
            self.q.faults.append(address, "information is counted in people or events", at_key=True)
        elif self._can_come(read[0]):
            return Information(read[0].count, float(read[0].number))
        return None

    def _look(self, name: str, waits: _Waits, bounds: Mapping[str, Placed], information: Information) -> Look:
        share, planned = waits.share, float("nan")
        if share is not None:
            number = -int((TOLERANCE - share * information.maximum) // 1.0)  # rounded up
            waits = replace(waits, count=information.count, number=number)
            planned = share
        elif waits.count == information.count:
            planned = waits.number / information.maximum
            if planned > 1.0:
                said = f"{waits.number} is more than the maximum of the information, {information.maximum:g}"
                if self.part.information is None:
                    said += ", which the last look waits for: looks come in order"
                self.q.faults.append(waits.address, said)
        self._can_come(waits)
        early, late = bounds.get("not_before"), bounds.get("at_the_latest")
        if early is not None and late is not None and late.value < early.value:
            self.q.faults.append(late.address, "that is before not_before, so that no look could be held")
        minutes = {key: int(bound.value) for key, bound in bounds.items()}
        return Look(name, Trigger(waits.count, waits.number, waits.minute, **minutes), planned)

    def _can_come(self, waits: _Waits) -> bool:
        """Whether there can be so many; a fault where there cannot."""
        cohort = self.around.cohort
        if waits.count is None or cohort is None or waits.number <= cohort.size:
            return True
        each = {"enrolled": "can be enrolled", "entered": "can belong to it", "event": "can have the event"}
        said = f"{waits.number} is more than {each[waits.count.of]}: cohort.size is {cohort.size}"
        self.q.faults.append(waits.address, said)
        return False

    def _in_order(self, looks: Sequence[Look], places: Sequence[Address]) -> None:
        """Faults of looks that certainly come no later than the one before them."""
        for before, look, place in zip(looks, looks[1:], places[1:], strict=False):
            why = _not_later(before.trigger, look.trigger)
            if why is not None:
                said = f"'{look.name}' comes no later than '{before.name}', which stands before it: {why}"
                self.q.faults.append(place, said)


def _not_later(before: Trigger, after: Trigger) -> str | None:
    """Why a trigger certainly lies no later than the one before it; None where it may."""
    late = after.at_the_latest
    if late is not None and before.not_before is not None and late <= before.not_before:
        return "at_the_latest of this one is not behind not_before of that one"
    if late is not None and before.count is None and late <= before.minute:
        return "at_the_latest of this one is not behind the time of that one"
    # A bound of its own may hold a look back.
    if after.not_before is not None or after.after_previous is not None or before.at_the_latest is not None:
        return None
    if before.count is None and after.count is None:
        return "its time is not behind" if after.minute <= before.minute else None
    if before.count is None or after.count is None:
        return None
    one, other = before.count, after.count
    alike = replace(one, followed=0) == replace(other, followed=0)
    # Whoever counts for the others has been enrolled, so that the enrolled are never later.
    sooner = other.of == "enrolled" and one.of != "enrolled" and other.event == NEVER
    if (alike or sooner) and after.number <= before.number and other.followed <= one.followed:
        return f"it waits for {after.number}, that one for {before.number}" if alike else "it waits for fewer"
    return None
