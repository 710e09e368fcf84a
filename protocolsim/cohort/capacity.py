"""Limited capacity at sites: resources such as scanners and infusion chairs, with opening hours."""

from __future__ import annotations

from dataclasses import dataclass

from protocolsim.units import MINUTES_PER_DAY


@dataclass(frozen=True)
class Resource:
    """A pool of equal units (scanners, infusion chairs) at each of some sites; a unit serves one subject at a time.

    `serves` names assessments and drugs; one use takes `slot` minutes and begins and ends within the opening hours
    (`opens_at` to `closes_at`, minutes of the day) of one of the first `weekdays` days of the week. Day 0 of the
    trial's calendar is the first day of a week.
    """

    name: str
    serves: tuple[str, ...]
    sites: tuple[int, ...]
    units: int
    slot: int
    opens_at: int
    closes_at: int
    weekdays: int

    def next_start(self, minute: int) -> int:
        """The first minute at or after this one at which a use may begin, within opening hours."""
        day, clock = divmod(minute, MINUTES_PER_DAY)
        if clock + self.slot > self.closes_at:
            day, clock = day + 1, 0
        if day % 7 >= self.weekdays:
            day, clock = day + 7 - day % 7, 0
        return day * MINUTES_PER_DAY + max(clock, self.opens_at)
