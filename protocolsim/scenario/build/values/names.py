"""The names of one scenario file: where they are declared, which are used, and which are unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from protocolsim.errors import nearest, unknown
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.file.yaml_reader import Address, Document

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""What a parameter or a summary may be called: what a rule can spell."""

# Where names of each kind are declared in a scenario. A fault there silences what would follow from it.
_DECLARED: Mapping[str, tuple[Address, ...]] = {
    "state": (("protocol", "states"),),
    "name": (("parameters",), ("protocol", "variables"), ("protocol", "summaries")),
    "variable of the protocol": (("protocol", "variables"),),
    "randomisation": (("protocol", "randomisations"),),
    "population": (("populations",),),
    "endpoint": (("endpoints",),),
    "site": (("cohort", "sites"),),
}
FROM_COMPONENTS = ("variable", "assessment", "event", "drug", "assessment or drug")
"""The kinds of names that diseases and drugs declare."""

Part = TypeVar("Part")


class Names:
    """The names that a document declares and uses; an unknown one becomes a fault, with the nearest right word.

    used: what anything has used so far, by kind and name.
    """

    def __init__(self, document: Document, faults: Faults) -> None:
        self._data = document.data
        self._faults = faults
        self.used: set[tuple[str, str]] = set()
        self._refused: set[Address] = set()  # where names stand that cannot be; that has been reported
        self._broken: set[str] = set()  # declared with a fault of their own; using them is no second fault
        self._following: tuple[str, ...] = ()  # declared further down than what is being read
        self._unknown: dict[tuple[str, str], list[tuple[Address, bool, Sequence[str]]]] = {}
        self._silent = {what for what, rooms in _DECLARED.items() for room in rooms if faults.within_mended(room)}

    # Declaring -----------------------------------------------------------------------------------------------------

    def declared(self, *room: str) -> tuple[str, ...]:
        """The names that stand in a mapping of the file, sound or not."""
        here: Any = self._data
        for step in room:
            here = here.get(step) if isinstance(here, dict) else None
        return tuple(here) if isinstance(here, dict) else ()

    def in_order(self, room: Address, parts: Mapping[str, Part]) -> Iterator[tuple[str, Part]]:
        """What is declared in a mapping of the file, in file order; each may use the names before it.

        A name that cannot be is left out. Call `broken` for one whose declaration turns out to be at fault.
        """
        self._broken |= set(self.declared(*map(str, room))) - set(parts)
        following = dict.fromkeys(parts)
        for name, part in parts.items():
            self._following = tuple(following)
            following.pop(name)
            if self.refused((*room, name)):
                self.broken(name)
            else:
                yield name, part
        self._following = ()

    def broken(self, name: str) -> None:
        """Let it be no second fault to use this name: its declaration is at fault."""
        self._broken.add(name)

    def refuse(self, address: Address) -> None:
        """Take down that the name which stands here cannot be one; the fault has been reported."""
        self._refused.add(address)

    def refused(self, address: Address) -> bool:
        """Whether the name that stands here cannot be one."""
        return address in self._refused

    def refused_in(self, *rooms: str) -> bool:
        """Whether a name in one of these parts of the file cannot be one."""
        return any(address[0] in rooms for address in self._refused)

    def silence(self, *kinds: str) -> None:
        """Report no unknown names of these kinds: what declares them is at fault, and that has been reported."""
        self._silent |= set(kinds)

    # Using ---------------------------------------------------------------------------------------------------------

    def known(self, address: Address, what: str, word: str, known: Iterable[str], *, at_key: bool = False) -> bool:
        """Whether this word is known; a fault with the nearest right word where it is not."""
        names = list(known)
        self.used.add((what, word))
        if word in names:
            return True
        self._faults.unsound()
        if what not in self._silent and not self._faults.suppressed(address):
            self._unknown.setdefault((what, word), []).append((address, at_key, names))
        return False

    def all_known(self, address: Address, names: Iterable[str], known: Iterable[str]) -> bool:
        """Whether an expression's names are all known and sound; faults for those that are not."""
        known = list(known)
        sound = True
        with self._faults.watch() as here:
            for name in names:
                if name in self._following:
                    self.used.add(("name", name))
                    self._faults.append(
                        address, f"'{name}' does not stand above it; an expression uses what stands before it"
                    )
                elif name in self._broken:
                    self.used.add(("name", name))
                    sound = False
                else:
                    self.known(address, "name", name, known)
        return sound and here.ok

    def settle(self) -> None:
        """Turn the unknown names into faults: one for each name, however often it stands there.

        A name that several places use, and that is almost one which is declared and never used, is right;
        the declaration is wrong.
        """
        for (what, word), places in self._unknown.items():
            address, at_key, known = places[0]
            close = nearest(word, known)
            declared = self._declaration(what, close) if close is not None else None
            if len(places) > 1 and declared is not None and (what, close) not in self.used:
                self._faults.append(
                    declared,
                    f"nothing uses it, but {len(places)} places say '{word}'; did you mean '{word}'?",
                    at_key=True,
                )
                continue
            more = f" (it stands in {len(places)} places)" if len(places) > 1 else ""
            self._faults.append(address, unknown(what, word, known) + more, at_key=at_key)
        self._unknown.clear()

    def _declaration(self, what: str, word: str) -> Address | None:
        for room in _DECLARED.get(what, ()):
            if word in self.declared(*(str(step) for step in room)):
                return (*room, word)
        return None
