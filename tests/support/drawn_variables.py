"""Numbers that a drawn protocol keeps: variables, what sets them, and doses and durations that read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from protocolsim.arrays import Floats
from protocolsim.drug.base import Drug
from tests.support.toys import give, start_nothing

Draw = Callable[..., Any]
Draft = dict[str, Any]

_COMPARISONS = ("number < 3", "number >= 2", "gap > 2 days", "gap <= 36 hours", "amount != {unit}", "amount < 2 {unit}")
_SETS = {
    "number": ("number + 1", "number - 2", "2 * number + 0.5", "-number", "if(number > 2, 0, number + 1)", "{plain}"),
    "gap": ("gap + 36 hours", "gap / 2", "min(gap * 1.5, 5 days)", "gap * number", "1 day", "gap / number"),
    "amount": ("amount + 0.7 {unit}", "amount / 2", "amount * number",
               "max(amount - 1 {unit}, 0.5 {unit})", "0 {unit}"),
}  # fmt: skip
_DOSES = ("amount", "2 * amount", "amount / (1 + number)", "amount * {plain}", "amount - {unit}")


def keep_numbers(draw: Draw, draft: Draft) -> None:
    """Add variables to a draft: rules read them, transitions set them, doses and durations follow them."""
    protocol = draft["protocol"]
    doses = [s["treatment"]["depot"] for s in protocol["states"].values() if "depot" in s.get("treatment", {})]
    unit = draw(st.sampled_from(["mg/kg", "mg/kg", "mg"]))
    if unit == "mg":
        for dose in doses:
            dose["dose"] = dose["dose"].replace("mg/kg", "mg")
    plain = [n for n, s in protocol["summaries"].items() if n[0] in "mf" and "store" not in str(s)]
    words = _Words(draw, {"unit": unit, "plain": draw(st.sampled_from(plain)) if plain else "number"})
    protocol["variables"] = {
        "number": {"start": 0, "range": [0, 6], "meaning": "a count"},
        "gap": {"start": "2 days", "range": ["12 hours", "6 days"]},
        "amount": {"start": f"1 {unit}", "range": [f"0 {unit}", f"3 {unit}"]},
    }
    for dose in doses:
        if words.often(2):
            dose["dose"] = words.one_of(_DOSES)
        elif unit == "mg" and words.often(2):
            dose["dose"] = "weight * 0.02 mg/kg"
    for state in protocol["states"].values():
        for key in ("lasts", "until"):
            if state.get(key, "0 days") != "0 days" and words.often(2):
                state[key] = _computed(int(state[key].removesuffix(" days")))
    for transition in protocol["transitions"]:
        if words.often(3):
            transition["set"] = words.settings()
        if "when" in transition and words.often(4):
            transition["when"] = f"({transition['when']}) and {words.one_of(_COMPARISONS)}"
    protocol["transitions"][:0] = list(_internal(words, protocol["states"]))


class _Words:
    """Draws expressions."""

    def __init__(self, draw: Draw, names: dict[str, str]) -> None:
        self.draw, self.names = draw, names

    def often(self, of: int) -> bool:
        """True once in `of` times."""
        return bool(self.draw(st.integers(1, of)) == of)

    def one_of(self, texts: Sequence[str]) -> str:
        """One of these, with names put in."""
        return str(self.draw(st.sampled_from(texts))).replace("- {unit}", "- 1 {unit}").replace(
            "!= {unit}", "!= 1 {unit}"
        ).format(**self.names)  # fmt: skip

    def settings(self) -> Draft:
        """What a transition sets."""
        names = self.draw(st.lists(st.sampled_from(list(_SETS)), min_size=1, max_size=3, unique=True))
        return {name: self.one_of(_SETS[name]) for name in names}


def _computed(days: int) -> str:
    """A duration that is at most so many days, and is so only where the gap is widest."""
    return f"gap + {days - 6} days" if days >= 7 else f"gap * {days / 6:.17g}"


def _internal(words: _Words, states: Draft) -> Sequence[Draft]:
    """Transitions that only set variables, after assessments and upon events."""
    found = []
    for name, state in states.items():
        triggers = [("after", a) for a in state.get("assessments", {})]
        triggers += [("upon", e) for e in ("fever", "rash")] if "final" not in state else []
        for key, what in triggers:
            if words.often(3):
                found.append({"from": name, key: what, "when": words.one_of(_COMPARISONS), "set": words.settings()})
    return found


def _no_constants(values: Mapping[str, float]) -> Floats:
    return np.zeros(1)


# Given in doses of international units; its store is what was given so far.
Insulin = Drug(
    name="toy_insulin",
    meaning="dosed in units",
    stream=93_000,
    parameters=(),
    fields=("level", "store"),
    needs=("weight",),
    start=start_nothing,
    give=give,
    dose_unit="IU",
    constants=_no_constants,
)
