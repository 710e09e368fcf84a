"""What a visitor has set up: all of it stands in the page's address, and can be saved as a scenario file."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from protocolsim.app.limits import MOST_FIELDS, MOST_LETTERS, MOST_SETTINGS, MOST_WORD, own_replicates
from protocolsim.errors import UsageError
from protocolsim.randomness import MAX_REPLICATES, MAX_SEED
from protocolsim.scenario.file.library import is_path, names
from protocolsim.scenario.load import load, load_text, saved, value_of
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.settable import SettableParameter

OWN_TEXT = "edited"
_SET, _OTHER = "set.", "other."
NUMBERS: Mapping[str, tuple[int, int]] = {
    "replicates": (1, MAX_REPLICATES - 1), "seed": (0, MAX_SEED), "draw": (0, MAX_REPLICATES - 1),
    "patient": (0, 1_000_000_000),
}  # fmt: skip
"""The whole numbers of a state, each with the least and the most that it may be."""

MOST_NAME = 60


@dataclass(frozen=True)
class VisitorState:
    """A visitor's choices.

    `scenario` is a shipped one by name, unless `text` is there: then it is what that text is called. `settings` are
    what --set would say, in words. The design to compare with is the same scenario with the settings `other`, or the
    shipped one `beside`; `walk` says which patients walk beside those of this trial. `replicates` and `seed` are the
    scenario's own where None; `draw` is the replicate looked at, `patient` the subject's number in it, as in the lanes
    and in `protocolsim trace`; None is the first one enrolled. `allow_plugins`: whether code that a scenario names may
    be loaded; whoever starts the page says so, never an address.
    """

    scenario: str
    text: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    other: tuple[tuple[str, str], ...] = ()
    replicates: int | None = None
    seed: int | None = None
    draw: int = 0
    patient: int | None = None
    measure: str = ""
    beside: str = ""
    view: str = ""
    walk: str = ""
    allow_plugins: bool = False

    @property
    def simulated(self) -> VisitorState:
        """Without what makes no difference to a simulation: which trial or patient of it is looked at, and how."""
        return replace(self, draw=0, patient=None, other=(), beside="", measure="", view="", walk="")

    def alone(self, settings: tuple[tuple[str, str], ...] = ()) -> VisitorState:
        """The scenario as it is in the file but for these settings, and whether its code may be loaded."""
        return VisitorState(self.scenario, self.text, settings=settings, allow_plugins=self.allow_plugins)

    def number_set(self, name: str, settable: SettableParameter, own: float) -> float:
        """The number that a parameter is set to, in internal units; its own where it is not set.

        Raises UsageError for what is no such quantity.
        """
        said = dict(self.settings).get(name)
        return own if said is None else settable.internal(settable.read(said))

    def setting(self, name: str, value: str | None, *, other: bool = False) -> VisitorState:
        """With one setting changed, or taken back (None)."""
        old = self.other if other else self.settings
        kept = tuple(s for s in old if s[0] != name)
        new = kept if value is None else tuple(sorted((*kept, (name, value))))
        if len(new) > MOST_SETTINGS:
            raise UsageError(f"more than {MOST_SETTINGS} settings")
        return replace(self, other=new) if other else replace(self, settings=new)

    def address(self) -> str:
        """The query of an address that restores this, without the '?'."""
        pairs: list[tuple[str, str]] = [("scenario", self.scenario)]
        pairs += [(_SET + name, value) for name, value in self.settings]
        pairs += [(_OTHER + name, value) for name, value in self.other]
        pairs += [(k, str(v)) for k in ("replicates", "seed", "patient") if (v := getattr(self, k)) is not None]
        pairs += [(k, str(v)) for k in ("draw",) if (v := getattr(self, k))]
        pairs += [(k, v) for k in ("measure", "beside", "walk", "view") if (v := getattr(self, k))]
        if self.text is not None:
            pairs.append(("text", base64.urlsafe_b64encode(zlib.compress(self.text.encode(), 9)).decode().rstrip("=")))
        return urlencode(pairs)


def restored(address: str, first: VisitorState) -> VisitorState:
    """The state of an address's query; what it does not say is as in `first`.

    Raises UsageError for what no page has written.
    """
    if not address.strip("?"):
        return first
    try:
        pairs = parse_qsl(address.lstrip("?"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise UsageError(f"the address is damaged: it says more than {MOST_FIELDS} things") from None
    result = dict(pairs)
    view, measure, beside, walk = (result.get(key, "")[:MOST_NAME] for key in ("view", "measure", "beside", "walk"))
    state = VisitorState(_scenario(result, first), _text(result), allow_plugins=first.allow_plugins)
    state = replace(state, view=view, measure=measure, beside=beside, walk=walk)
    if "scenario" not in result and state.text is None:
        state = replace(state, text=first.text)
    for name in NUMBERS:
        if name in result:
            changed: dict[str, Any] = {name: asked(name, result[name])}
            state = replace(state, **changed)
    for key, value in pairs:
        if len(key) > MOST_WORD or (key != "text" and len(value) > MOST_WORD):
            raise UsageError(f"the address is damaged: '{key[:40]}' is too long")
        for prefix, other in ((_SET, False), (_OTHER, True)):
            if key.startswith(prefix):
                state = state.setting(key.removeprefix(prefix), value, other=other)
    return state


def _scenario(scenario: Mapping[str, str], first: VisitorState) -> str:
    name = scenario.get("scenario", first.scenario)
    if "text" not in scenario and "scenario" in scenario and name not in names() and name != first.scenario:
        raise UsageError(
            f"the address names the scenario '{name[:MOST_NAME]}', which is not here; here are: {', '.join(names())}"
        )
    return name[:MOST_NAME]


def _text(text: Mapping[str, str]) -> str | None:
    if "text" not in text:
        return None
    packed = text["text"]
    try:
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), MOST_LETTERS + 1)
        return small(raw.decode())
    except (binascii.Error, zlib.error, ValueError) as error:
        raise UsageError("the address is damaged: its scenario text cannot be read") from error


def small(text: str) -> str:
    """The text, if it is no longer than a scenario may be here. Raises UsageError."""
    if len(text) > MOST_LETTERS:
        raise UsageError(
            f"longer than {MOST_LETTERS:,} characters, which is more than this page reads; a scenario has some 12,000"
        )
    return text


def asked(name: str, text: str) -> int:
    """A whole number of a state in words. Raises UsageError."""
    if name not in NUMBERS:
        raise UsageError(f"there is no '{name[:40]}' to ask for")
    least, most = NUMBERS[name]
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise UsageError(f"{name}: expected a whole number from {least} to {most:,}, found '{text[:40]}'")
    return int(text)


def scenario_of(state: VisitorState) -> Scenario:
    """The scenario as set up, checked; code from outside is loaded only where whoever started the page allowed it.

    Raises ScenarioError for its faults, UsageError for what cannot be set.
    """
    return _loaded(state.scenario, state.text, state.settings, state.allow_plugins)


def other_of(state: VisitorState) -> Scenario:
    """The design to compare with, likewise."""
    if state.beside:
        return _loaded(state.beside, None, (), state.allow_plugins)
    return _loaded(state.scenario, state.text, state.other, state.allow_plugins)


def over(settings: Sequence[tuple[str, str]], more: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Settings with others on top."""
    return tuple(sorted({**dict(settings), **{name: str(value) for name, value in more.items()}}.items()))


@lru_cache(maxsize=64)
def _loaded(name: str, text: str | None, settings: tuple[tuple[str, str], ...], allow_plugins: bool) -> Scenario:
    given = {key: value_of(key, value) for key, value in settings}
    if text is None:
        if is_path(name):
            raise UsageError(f"'{name}' is a path; here are the shipped scenarios only")
        return load(name, set=given, allow_plugins=allow_plugins)
    return load_text(small(text), f"{name}.yaml", set=given, allow_plugins=allow_plugins)


def scenario_file(state: VisitorState) -> str:
    """What was set up as a scenario file that runs on the command line with the same results.

    Raises ScenarioError or UsageError where it could not be read again.
    """
    scenario = scenario_of(state)
    replicates = state.replicates
    own = own_replicates(scenario)
    if replicates is None and (not scenario.says_replicates or own != scenario.replicates):
        replicates = own  # the page answers with fewer than a command
    numbers = {"seed": state.seed, "replicates": replicates}
    given = {key: value_of(key, value) for key, value in state.settings}
    text = saved(scenario, state.scenario if state.text is None else None, given, numbers)
    load_text(text, "scenario.yaml", allow_plugins=state.allow_plugins)
    return text
