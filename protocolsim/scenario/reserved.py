"""The one place that knows which names a scenario may use for what, and which of ours they must not meet.

Where it was possible, names of the file and of the program stand apart, so that they cannot meet: estimates, sites,
parameters, definitions and outcomes are keys of mappings or cells of columns of their own; the chunks of a study put a
prefix before them, and the table of potential outcomes before an endpoint called as one of its own columns; the field
of a figure and the state of a diagram are called by our words and numbers. Where both stand in one row, a name that is
ours is refused at its line:

    parameter       what a rule can spell, and none of its words or units; not what the clinic knows (a trait)
    variable        of the protocol: likewise, and no parameter; a column of moves is called set_ and its name
    summary         likewise, and no parameter or variable; of a decision, none of the protocol's either
    state           letters, digits, _ and -; not 'any' and 'enrolment', which transitions and summaries say
    randomisation   a column of the table of subjects: no column of ours, whatever its capitals, no trait, no `truth_`
    endpoint, analysis   share the estimates, and the curve over a threshold with the measures of a decision; a sentence
                    quotes them, as {scenario.endpoint}, so that they have no dot
    population      none of those that are built in
    measure         what a rule can spell; not 'own', which is the rule's own
    drug            no assessment: a resource serves either by name; not 'nothing', which a cohort says
    transition      a path of `--set` names it, so that it has no dot
    model           letters, digits and _: it is the name of a file
    statistic, boundary   of looks: what a rule can spell, and no parameter; not what every look counts
    look            a path of `--set` names it, so that it has no dot
    site, resource, decision, bound, outcome, reason of a stop   any name

    of a component: trait (as a parameter, and a column), variable, assessment, event (not 'dropout', which is ours),
    parameter (not a key of `cohort:` or `drugs:`), population of patients (letters, digits and _)

All of them are names in the sense of `protocolsim/names.py`, and two of one kind must not read the same to other
programs ('1' and '01', 'e' with an accent in two spellings). A word of ours is taken from the code that uses it, so
that this list cannot be shorter than the truth.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from protocolsim.component import Component
from protocolsim.endpoint.base import BUILT_IN
from protocolsim.interim.design import BUILT_IN as COUNTED
from protocolsim.names import FORMULA, as_column, reading, shown, why_no_label, why_no_name
from protocolsim.protocol.rules import RESERVED
from protocolsim.records import HIDDEN, own_columns
from protocolsim.scenario.build.protocol.bounds import ENROLMENT
from protocolsim.scenario.build.protocol.transitions import ANY, ON_STUDY
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.build.values.names import NAME, Names
from protocolsim.scenario.file.models import NOTHING
from protocolsim.scenario.file.schema import CohortPart, DrugPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.scenario.measures import BRANCH, MEASURES, OWN

DROPOUT = "dropout"
"""The event that every trial may have."""

_EACH = "*"  # in a path: whatever name stands there
Path = tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """What is named, where its names are keys, and what they may be.

    `taken` says of a name of ours what it means already. `spelt`: the form that more than a name must have, and
    `wanted` says it. `column`: it is one, so that capitals make no difference. `without`: signs it must not have.
    """

    what: str
    rooms: tuple[Path, ...]
    taken: Mapping[str, str] = field(default_factory=dict)
    spelt: re.Pattern[str] | None = None
    wanted: str = ""
    column: bool = False
    without: str = ""

    def why_not(self, name: str) -> str | None:
        """Why this cannot name it, as a sentence; None where it can."""
        known = {as_column(own): why for own, why in self.taken.items()} if self.column else self.taken
        why = known.get(as_column(name) if self.column else name)
        if why is not None:
            return f"{shown(name)} {why}"
        if self.spelt is not None and not self.spelt.fullmatch(name):
            return f"{shown(name)} cannot name {self.what}; {self.wanted}"
        sign = next((s for s in self.without if s in name), None)
        why = why_no_name(name) if sign is None else f"has '{sign}', which stands between names where it is quoted"
        return None if why is None else f"{shown(name)} cannot name {self.what}: it {why}"

    @property
    def pattern(self) -> str:
        """Its form as a regular expression, as far as one can say it."""
        if self.spelt is not None:
            return f"^{self.spelt.pattern}$"
        never = re.escape("{}" + self.without)
        return rf"^[^\s{never}{re.escape(FORMULA)}]([^{never}]*[^\s{never}])?$"

    def reading(self, name: str) -> Hashable:
        """Two of them must not have the same."""
        return as_column(name) if self.column else reading(name)


def _ours(names: Sequence[str] | frozenset[str] | Mapping[str, Any], why: str) -> dict[str, str]:
    return dict.fromkeys(names, why)


_WORD = "use letters, digits and _, and no unit"
COLUMNS = frozenset([*own_columns(), BRANCH])
_COLUMN = _ours(COLUMNS, "is a column of our tables already; name it otherwise")
_SPELT_BY_RULES = {name: f"cannot name a {{}}; {_WORD}" for name in RESERVED}


def _of_rules(what: str, *rooms: Path, also: Mapping[str, str] | None = None, wanted: str = _WORD) -> Kind:
    taken = {name: why.format(what) for name, why in _SPELT_BY_RULES.items()} | dict(also or {})
    return Kind(f"a {what}", rooms, taken, NAME, wanted)


_NO_STATE = {name: "has a meaning of its own" for name in (ON_STUDY, ANY, ENROLMENT)}
_NO_ENDPOINT = _ours(MEASURES, "is a measure of every decision already; name it otherwise")
_NO_STATISTIC = _ours(COUNTED, "is what every look counts; name it otherwise")
KINDS = (
    _of_rules("parameter", ("parameters",)),
    _of_rules("variable", ("protocol", "variables")),
    _of_rules("summary", ("protocol", "summaries"), ("decisions", _EACH, "summaries")),
    Kind(
        "a state",
        (("protocol", "states"),),
        _NO_STATE,
        re.compile(r"[A-Za-z0-9_-]+"),
        "use letters, digits, _ and -",
    ),
    Kind("a randomisation", (("protocol", "randomisations"),), _COLUMN, column=True),
    Kind("a bound", (("protocol", "always"),)),
    Kind("a transition", (("protocol", "transitions"),), without=".[]"),
    Kind("a model", (("models",),), spelt=NAME, wanted="use letters, digits and _"),
    Kind("a site", (("cohort", "sites"),)),
    Kind("a resource", (("cohort", "capacity"),)),
    Kind("a drug", (("drugs",),), {NOTHING: "is what a cohort says whose patients arrive on no drug"}),
    Kind("a population", (("populations",),), _ours(BUILT_IN, "is built in; give this population another name")),
    Kind("an endpoint", (("endpoints",), ("analysis",)), _NO_ENDPOINT, without=".[]"),
    Kind("a decision", (("decisions",),)),
    _of_rules("statistic", ("interim", "statistics"), also=_NO_STATISTIC),
    _of_rules("boundary", ("interim", "boundaries"), also=_NO_STATISTIC),
    Kind("a look", (("interim", "looks"),), without=".[]"),
    Kind(
        "a measure",
        (("decisions", _EACH, "measures"),),
        {OWN: "is the rule's own measure; name this one otherwise"},
        NAME,
        "use letters, digits and _",
    ),
)
CONCLUSION = Kind("a reason", ())
OUTCOME = Kind("an outcome", (("protocol", "states", _EACH, "final"),))
_LABELS: tuple[Path, ...] = (
    ("title",),
    *((*room, _EACH, "label") for room in (("protocol", "states"), ("endpoints",), ("analysis",), ("decisions",))),
    *((*room, _EACH, "label") for room in (("parameters",), ("protocol", "variables"), ("protocol", "summaries"))),
    *(("decisions", _EACH, room, _EACH, "label") for room in ("measures", "summaries")),
    ("drugs", _EACH, "label"),
)
_CELLS: tuple[Path, ...] = (("published", _EACH, "source"), ("published", _EACH, "note"))


def check_names(data: Any, faults: Faults, names: Names) -> None:
    """Faults for every name and label of the file that cannot be; `names` takes down where they stand."""
    outcomes: dict[str, Address] = {}
    for place, text in (one for path in OUTCOME.rooms for one in _texts(data, path)):
        outcomes.setdefault(text, place)  # several states may share one
    for kind in KINDS:
        named = [((*room, name), name) for room in _rooms(data, kind.rooms) for name in names.declared(*room)]
        # Names of different decisions do not meet.
        _check(kind, named, faults, names, apart=any(_EACH in room for room in kind.rooms), at_key=True)
    _check(OUTCOME, [(place, text) for text, place in outcomes.items()], faults, names)
    for path in _LABELS:
        for place, text in _texts(data, path):
            _check_text(faults, place, text, why_no_label(text))
    for path in _CELLS:
        for place, text in _texts(data, path):
            begins = text[:1] in FORMULA and text != ""
            _check_text(faults, place, text, "begins like a formula of a spreadsheet" if begins else None)


def _check(
    kind: Kind,
    named: Sequence[tuple[Address, str]],
    faults: Faults,
    names: Names,
    *,
    apart: bool = False,
    at_key: bool = False,
) -> None:
    """Faults for these names. `apart`: those of different rooms do not meet."""
    seen: dict[Hashable, tuple[Address, str]] = {}
    for place, name in named:
        why = kind.why_not(name)
        if why is None:
            where, first = seen.setdefault((place[:-1] if apart else (), kind.reading(name)), (place, name))
            if first != name:
                why = f"{shown(name)} reads as {shown(first)} does; name one of them otherwise"
            elif where != place:
                why = f"there is {kind.what} {shown(name)} already; name it otherwise"
        if why is not None:
            faults.append(place, why, at_key=at_key)
            names.refuse(place)


def _check_text(faults: Faults, place: Address, text: str, why: str | None) -> None:
    if why is not None:
        faults.append(place, f"{shown(text)} cannot stand here: it {why}")


def _rooms(data: Any, paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from (place for place, here in _at(data, path) if isinstance(here, dict))


def _texts(data: Any, path: Path) -> Iterator[tuple[Path, str]]:
    yield from ((place, here) for place, here in _at(data, path) if isinstance(here, str) and here)


def _at(data: Any, path: Path, before: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Whatever stands at this path, with the names that stand there for each `*`."""
    if not path:
        yield before, data
    elif isinstance(data, dict):
        for step in list(data) if path[0] == _EACH else [s for s in path[:1] if s in data]:
            yield from _at(data[step], path[1:], (*before, step))


# Components ----------------------------------------------------------------------------------------------------------

_TRAIT = _of_rules("trait", also=_COLUMN)
_HIDDEN = Kind("a trait", ())
_SHOWS = Kind("a variable", (), spelt=NAME, wanted="use letters, digits and _")
_ASSESSES = Kind("an assessment", ())
_EVENT = Kind("an event", ())
_PATIENTS = Kind("a population", (), spelt=NAME, wanted="use letters, digits and _")


def why_no_component(component: Component, *, of_cohort: bool) -> list[str]:
    """Why what a component declares cannot be called so, a sentence each; `of_cohort`: it is the disease."""
    keys = CohortPart.model_fields if of_cohort else DrugPart.model_fields
    of_file = _ours(list(keys), f"is a key of `{'cohort' if of_cohort else 'drugs'}:` already")
    names: list[tuple[Kind, str]] = [
        *((_PATIENTS, p.name) for p in getattr(component, "populations", ())),
        *((_HIDDEN if t.hidden else _TRAIT, t.name) for t in component.traits),
        *((_ASSESSES, a.name) for a in component.assessments),
        *((_SHOWS, v.name) for a in component.assessments for v in a.variables),
        *((_EVENT, h.event) for h in getattr(component, "hazards", ())),
        *((Kind("a parameter", (), of_file, NAME, "use letters, digits and _"), p.name) for p in component.parameters),
    ]
    result = [why for kind, name in names if (why := kind.why_not(name)) is not None]
    result += [
        f"the trait {shown(t.name)} begins with '{HIDDEN}', as the columns of hidden traits do"
        for t in component.traits
        if not t.hidden and t.name.startswith(HIDDEN)
    ]
    result += [
        f"the parameter {shown(p.name)} has a log scale, so that its range must be above 0, and it begins at {p.low:g}"
        for p in component.parameters
        if p.scale == "log" and not p.low > 0.0
    ]
    return list(dict.fromkeys(result))


def check_meeting(faults: Faults, names: Names, components: Sequence[Component], drugs: Sequence[str]) -> None:
    """Faults where a name of the file meets one of its components; `drugs` are called so in the file."""
    traits = [t.name if not t.hidden else f"{HIDDEN}{t.name}" for c in components for t in c.traits]
    columns = {as_column(name): name for name in traits}
    assessed = {a.name for c in components for a in c.assessments}
    met: list[tuple[Path, str]] = [
        (("protocol", "randomisations", name), f"a trait '{columns[as_column(name)]}'")
        for name in names.declared("protocol", "randomisations")
        if as_column(name) in columns
    ]
    met += [(("drugs", name), f"an assessment '{name}'") for name in drugs if name in assessed]
    for place, other in met:
        if not names.refused(place):
            faults.append(place, f"there is {other} already; name it otherwise", at_key=True)
