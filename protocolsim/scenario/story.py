"""A guided story of a scenario: questions, what is predicted, and the picture and the number that answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PICTURES: Mapping[str, str] = {
    "lanes": "one trial, a lane for each patient",
    "patient": "one patient: states, observations and doses on one line of time",
    "flow": "how many patients go from state to state",
    "waiting": "how late planned assessments are made where patients wait for a resource, and how many are not made",
    "over_time": "the followed variable of each patient of one trial, over time",
    "rule": "the decision at every threshold, with the treatment's effect and without",
    "looks": "what each look reads of the simulated trials, and the bounds that it is compared with",
    "endings": "how many of the simulated trials end at each look, and why",
    "trials": "the simulated trials alone, a dot for each of a few",
    "published": "the published results among the simulated trials",
}
"""What a step can show, each with what that is."""

CHANGED = "set"
"""How a sentence of a step names the trial with what that step sets: {set.endpoint}."""


@dataclass(frozen=True)
class StoryChoice:
    """One of several answers: right where the number lies from `low` to `high`, or the patient entered `state`."""

    words: str
    low: float | None = None
    high: float | None = None
    state: str = ""


@dataclass(frozen=True)
class StoryStep:
    """One step of a story.

    `kind` is how the prediction is made: "slider" from `low` to `high`, "choice", or "number", beside whose field
    stands `label`. Numbers are in the unit of the answer (shares 0 to 1). `answer` names what is predicted as findings
    do, "" where the choices are states of the patient shown; `patient` is its number in trial 0, None for the first one
    enrolled. `given` is what the step sets, so that its picture, and what it quotes as {set.endpoint}, are of the trial
    with that; `called` is what that trial is called beside the scenario's own, "" for the settings in words. `compare`
    names more numbers, of the answer's unit, whose trials are drawn below its own.
    """

    heading: str
    question: str
    kind: str
    picture: str
    sentence: str
    answer: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[StoryChoice, ...] = ()
    patient: int | None = None
    given: tuple[tuple[str, Any], ...] = ()
    label: str = ""
    compare: tuple[str, ...] = ()
    called: str = ""
