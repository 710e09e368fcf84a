"""From the protocol's `always:` to bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protocolsim.protocol.states import Bound, State, one_unit
from protocolsim.scenario.build.protocol.visits import Vocabulary
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import AlwaysPart
from protocolsim.scenario.file.yaml_reader import Address
from protocolsim.units import NONE, TIME, unit_product

ENROLMENT = "enrolment"
_MEASURES = {"doses of": ("doses", NONE), "total dose of": ("total dose", NONE), "time since": ("time", TIME)}


def bounds_of(
    parts: Mapping[str, AlwaysPart],
    q: Expressions,
    words: Vocabulary,
    states: Sequence[str],
    numbers: Mapping[str, int],
    built: Sequence[State],
) -> tuple[Bound, ...]:
    """Every sound bound; faults go to `q.faults`. `states`: every name that is written, sound or not."""
    doses = [d for s in built for v in s.visits for d in v.doses]
    given = {d.drug for d in doses}
    units = {words.drug_names[k]: one_unit(d.unit for d in doses if d.drug == k) for k in given}
    bounds = []
    for name, part in parts.items():
        with q.faults.watch() as here:
            bound = _bound(("protocol", "always", name), name, part, q, words, states, numbers, units)
        if bound is not None and here.ok:
            bounds.append(bound)
    return tuple(bounds)


def _bound(
    address: Address,
    name: str,
    part: AlwaysPart,
    q: Expressions,
    words: Vocabulary,
    states: Sequence[str],
    numbers: Mapping[str, int],
    units: Mapping[str, str | None],
) -> Bound | None:
    written = {"doses of": part.doses_of, "total dose of": part.total_dose_of, "time since": part.time_since}
    said = {key: word for key, word in written.items() if word is not None}
    if len(said) != 1:
        q.faults.append(address, "a bound is on one of 'doses of', 'total dose of' and 'time since'", at_key=True)
        return None
    key, word = next(iter(said.items()))
    measure, dimension = _MEASURES[key]
    at: Address = (*address, "at most")
    unit = units.get(word, "") if measure == "total dose" else None
    if measure == "total dose" and unit is None:
        why = f"some doses of '{word}' are per weight and some are not, so that they cannot be added up"
        q.faults.append((*address, key), why)
        return None
    if unit == "":  # nothing gives it, or what gives it is at fault itself: any dose may stand there
        found = q.measured(at, part.at_most)
        at_most = None if found is None else found.value
    else:
        dimension = unit_product(unit).dimension if unit else dimension
        at_most = q.number(at, part.at_most, dimension, least=0.0, what=key)
    in_any = None
    if measure == "time":
        q.names.known((*address, key), "state", word, (*states, ENROLMENT))
        if part.in_any is not None:
            q.faults.append((*address, "in any"), "'in any' belongs to doses", at_key=True)
    else:
        q.names.known((*address, key), "drug", word, words.drug_names)
        if word in words.drug_names and words.drugs[words.drug_names.index(word)].give is None:
            q.faults.append((*address, key), f"'{word}' is not given in doses; bound a time instead")
        if part.in_any is not None:
            in_any = q.minutes((*address, "in any"), part.in_any, least=1.0, what="interval")
    if at_most is None:
        return None
    return Bound(
        name,
        measure,
        at_most,
        drug=-1 if measure == "time" or word not in words.drug_names else words.drug_names.index(word),
        since=None if measure != "time" or word == ENROLMENT else numbers.get(word),
        in_any=in_any,
    )
