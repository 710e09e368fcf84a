"""What readers are told that things are called: the labels of a scenario's file and of its models, by kind of name.

Where there is no label, `names.readable` makes words of the name, there and nowhere else. A name that a person types
(`--set`, `--rule`) is shown as it is typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from protocolsim.engine.base import Trial
from protocolsim.names import readable
from protocolsim.scenario.build.values.names import NAME
from protocolsim.units import duration, usual_time_unit


class SpokenNames:
    """The names of one scenario in words, as they stand within a sentence.

    `data` is the document of its file, `trial` what is made of it, `named` its own parameters, `followed` the variable
    that is drawn for each patient.
    """

    def __init__(self, data: Mapping[str, Any], trial: Trial, named: Iterable[str], followed: str | None) -> None:
        self._data, self._trial, self._named, self._followed = data, trial, frozenset(named), followed

    def number(self, name: str) -> str:
        """What a rule reads: a parameter, a summary, a variable of the protocol, a trait that the clinic knows."""
        return self._numbers.get(name) or self._variables.get(name) or readable(name)

    def variable(self, name: str) -> str:
        """What an assessment measures."""
        return self._variables.get(name) or readable(name)

    def assessment(self, name: str) -> str:
        """What a visit makes."""
        return self._assessments.get(name) or readable(name)

    def drug(self, name: str) -> str:
        """What is given."""
        return self._drugs.get(name) or readable(name)

    def trigger(self, trigger: str) -> str:
        """When rules are tried: 'after MRI', 'upon fever'."""
        word, _, rest = trigger.partition(" ")
        assessment, at, visit = rest.partition(" at ")
        return f"{word} {self.assessment(assessment)}{at}{visit}" if word == "after" else readable(trigger)

    def time(self, minutes: float) -> str:
        """A time in the unit in which the file writes its times: '26 weeks', '10 days'."""
        return duration(minutes, self._written_in)

    @cached_property
    def _written_in(self) -> str:
        """The unit of most times of the protocol; a schedule in days or weeks is one of them."""
        states = (self._data.get("protocol") or {}).get("states") or {}
        written: list[str] = []
        open_ = [state for state in states.values() if isinstance(state, Mapping)]
        while open_:
            part = open_.pop()
            written += [str(part[key]) for key in ("lasts", "until", "every") if key in part]
            # A visit at the very beginning is on day 0 in any unit.
            written += [f"1 {key}" for key in ("days", "weeks") if key in part and part[key] != [0]]
            open_ += [value for value in part.values() if isinstance(value, Mapping)]
        return usual_time_unit(written)

    @property
    def follow(self) -> str:
        """The variable that is drawn for each patient, at length where its model says what it is; "" for none."""
        shown = (v for planned in self._trial.assessments for v in planned.assessment.variables)
        meaning = next((v.meaning for v in shown if v.name == self._followed), "")
        return meaning or self.variable(self._followed or "")

    def words(self, expression: str) -> str:
        """An expression with its names in words."""
        return NAME.sub(lambda found: self.number(found[0]) if found[0] in self._known else found[0], expression)

    @cached_property
    def _known(self) -> frozenset[str]:
        """The names that an expression may use: not its functions and its words."""
        return self._named | {s.name for s in self._trial.protocol.reader.summaries}

    @cached_property
    def _numbers(self) -> Mapping[str, str]:
        protocol = self._trial.protocol
        parameters = self._data.get("parameters") or {}
        labels = {name: part.get("label") for name, part in parameters.items() if isinstance(part, Mapping)}
        labels |= {s.name: s.label for s in protocol.reader.summaries} | {v.name: v.label for v in protocol.variables}
        return {name: str(label) for name, label in labels.items() if label}

    @cached_property
    def _variables(self) -> Mapping[str, str]:
        made = self._trial.assessments
        return {v.name: v.label for planned in made for v in planned.assessment.variables if v.label}

    @cached_property
    def _assessments(self) -> Mapping[str, str]:
        made = (planned.assessment for planned in self._trial.assessments)
        return {one.name: one.label for one in made if one.label}

    @cached_property
    def _drugs(self) -> Mapping[str, str]:
        drugs = self._data.get("drugs") or {}
        return {n: str(part["label"]) for n, part in drugs.items() if isinstance(part, Mapping) and part.get("label")}


def at_head(words: str) -> str:
    """Words at the head of a line: 'response threshold' begins with a capital, 'CELs' stays."""
    return re.sub(r"^\w", lambda first: first[0].upper(), words)
