"""The faults of one scenario file, collected so that all of them are reported together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from protocolsim.errors import Fault
from protocolsim.scenario.file.shape_check import Said
from protocolsim.scenario.file.yaml_reader import Address, Document


@dataclass
class Reading:
    """One part of the file while it is read: whether it has no fault so far, reported or suppressed."""

    ok: bool = True


class Faults:
    """Every fault of a document, in the order in which they were seen.

    What is wrong at a place that was mended, below it or above it follows from a fault that is reported already: it
    is suppressed, but what was read there is unsound all the same.
    """

    def __init__(self, document: Document, mended: Iterable[Address] = ()) -> None:
        self._document = document
        self._mended = frozenset(mended)
        self._reported: list[Fault] = []
        self._readings: list[Reading] = []

    def __bool__(self) -> bool:
        return bool(self._reported)

    @property
    def reported(self) -> tuple[Fault, ...]:
        """All of them so far."""
        return tuple(self._reported)

    def append(self, address: Address, message: str, *, at_key: bool = False) -> None:
        """Report a fault at this place in the file, unless it is suppressed there."""
        self.unsound()
        if not self.suppressed(address):
            self._reported.append(self._document.fault(address, message, at_key=at_key))

    def extend(self, shape: Iterable[Said]) -> None:
        """Report the faults of the file's shape, which are those of the mended places themselves."""
        self._reported += [self._document.fault(s.address, s.message, at_key=s.at_key) for s in shape]

    def unsound(self) -> None:
        """Let what is being read count as unsound without a report: there is one already, or will be."""
        for reading in self._readings:
            reading.ok = False

    @contextmanager
    def watch(self) -> Iterator[Reading]:
        """Watch whether what is read meanwhile is sound: `with faults.watch() as here: ...`, then `here.ok`."""
        reading = Reading()
        self._readings.append(reading)
        try:
            yield reading
        finally:
            self._readings.pop()  # the last to be opened is the first to be closed

    def suppressed(self, address: Address) -> bool:
        """Whether a fault here is not reported: this place, one above it or one below it was mended."""
        return self.within_mended(address) or any(m[: len(address)] == address for m in self._mended if address)

    def within_mended(self, address: Address) -> bool:
        """Whether this place or one above it was mended."""
        return any(address[:end] in self._mended for end in range(1, len(address) + 1))

    def any_in(self, part: str) -> bool:
        """Whether a fault is reported in this part of the file, such as 'protocol'."""
        return any(fault.path.startswith(part) for fault in self._reported)
