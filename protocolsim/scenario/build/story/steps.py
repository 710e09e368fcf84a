"""From the file's `story:` to steps, with a fault at each name, number or key that cannot be."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

from protocolsim.endpoint.base import Endpoint
from protocolsim.errors import ProtocolsimError, UsageError
from protocolsim.scenario.build.companions import check_quoted, quoted
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.build.values.faults import Faults
from protocolsim.scenario.build.values.names import Names
from protocolsim.scenario.file.schema import PredictPart, ScenarioPart, StoryStepPart
from protocolsim.scenario.file.yaml_reader import Address, Document
from protocolsim.scenario.setting_names import places_of, settings
from protocolsim.scenario.story import CHANGED, PICTURES, StoryChoice, StoryStep
from protocolsim.units import NONE, UnitError, quantity

_KINDS = ("slider", "choice", "number")
MOST_STEPS, MOST_CHOICES, MOST_COMPARED = 20, 9, 6


def story_of(
    part: ScenarioPart,
    q: Expressions,
    endpoints: Mapping[str, Endpoint],
    made: Collection[str] | None,
    document: Document,
    allow_plugins: bool,
) -> tuple[StoryStep, ...]:
    """The steps; what is wrong with any goes to `q.faults`. `made` as for `check_findings`."""
    if len(part.story) > MOST_STEPS:
        q.faults.append(("story",), f"{len(part.story)} steps; at most {MOST_STEPS} are possible", at_key=True)
        return ()
    reader = _Steps(part, q.faults, q.names, endpoints, made, document, allow_plugins)
    steps = [reader.step(k, step) for k, step in enumerate(part.story)]
    return tuple(step for step in steps if step is not None)


class _Steps:
    """Reads the steps of one scenario."""

    def __init__(
        self,
        part: ScenarioPart,
        faults: Faults,
        names: Names,
        endpoints: Mapping[str, Endpoint],
        made: Collection[str] | None,
        document: Document,
        allow_plugins: bool,
    ) -> None:
        self._part, self._faults, self._names = part, faults, names
        self._endpoints, self._made = endpoints, made
        self._document, self._allow_plugins = document, allow_plugins

    @cached_property
    def _places(self) -> Mapping[str, list[str]]:
        """What can be set, found once for all steps."""
        return places_of(self._document, self._allow_plugins)

    def step(self, number: int, part: StoryStepPart) -> StoryStep | None:
        """One step, or None where it has faults."""
        at: Address = ("story", number)
        with self._faults.watch() as here:
            self._names.known((*at, "picture"), "picture", part.picture, PICTURES)
            self._possible((*at, "picture"), part.picture)
            if part.patient < 1:
                self._faults.append((*at, "patient"), f"{part.patient} is below 1; patients are counted from 1")
            self._quotes((*at, "question"), quoted(part.question), part)
            self._quotes((*at, "sentence"), quoted(part.sentence), part)
            self._compared((*at, "compare"), part)
            self._set((*at, "set"), part)
            kind = self._kind(at, part)
        if not here.ok or kind is None:
            return None
        choices = () if part.predict.choice is None else self._choices((*at, "predict", "choice"), part)
        low, high = self._ends((*at, "predict", "slider"), part.predict.slider, part.answer)
        return StoryStep(
            part.heading, part.question, kind, part.picture, part.sentence, part.answer or "", low, high, choices,
            part.patient, tuple(part.given.items()), part.predict.number or "",
            tuple(part.compare),
        )  # fmt: skip

    def _kind(self, at: Address, part: StoryStepPart) -> str | None:
        """How the prediction is made, with the answer that this takes."""
        kinds = [kind for kind in _KINDS if getattr(part.predict, kind) is not None]
        if len(kinds) != 1:
            found = " and ".join(kinds) or "none of them"
            self._faults.append((*at, "predict"), f"expected one of slider, choice, number; found {found}", at_key=True)
            return None
        if part.answer is not None:
            self._quotes((*at, "answer"), quoted(f"{{{part.answer}}}"), part)
        elif not _of_states(part.predict):
            self._faults.append(
                at,
                "'answer' is missing here: the endpoint whose number is predicted, as findings quote it",
                at_key=True,
            )
        return kinds[0]

    def _possible(self, at: Address, picture: str) -> None:
        """A fault where the scenario has nothing to show on such a picture."""
        part = self._part
        lacking = {
            "lanes": (part.follow is None, "follow", "the variable that is drawn for each patient"),
            "over_time": (part.follow is None, "follow", "the variable that is drawn for each patient"),
            "rule": (not part.decisions, "decisions", "the rule whose threshold is moved"),
            "published": (not part.published, "published", "the results of the real trial"),
            "waiting": (not part.cohort.capacity, "cohort.capacity", "the resources that patients wait for"),
            "looks": (part.interim is None, "interim", "the looks at the accumulating data"),
            "endings": (part.interim is None, "interim", "the looks at the accumulating data"),
        }
        missing, key, what = lacking.get(picture, (False, "", ""))
        if missing:
            self._faults.append(at, f"this scenario has nothing to show there: `{key}` is missing, {what}")

    def _quotes(self, at: Address, pairs: Sequence[tuple[str, str]], part: StoryStepPart) -> None:
        """Faults for what no number stands behind."""
        for scenario, endpoint in pairs:
            if scenario == CHANGED and not part.given:
                self._faults.append(
                    at, f"{{{CHANGED}.{endpoint}}} is of the trial with what the step sets; it has no `set`"
                )
        own = [("" if scenario == CHANGED else scenario, endpoint) for scenario, endpoint in pairs]
        check_quoted(at, own, self._part, self._names, self._faults, self._made)

    def _compared(self, at: Address, part: StoryStepPart) -> None:
        """Faults for more numbers than an axis holds, for what no number stands behind, for none to compare with."""
        if part.compare and part.answer is None:
            self._faults.append(at, "there is no `answer` to compare these numbers with", at_key=True)
        if len(part.compare) > MOST_COMPARED:
            self._faults.append(at, f"expected at most {MOST_COMPARED} numbers, found {len(part.compare)}", at_key=True)
        for k, name in enumerate(part.compare):
            self._quotes((*at, k), quoted(f"{{{name}}}"), part)

    def _set(self, at: Address, part: StoryStepPart) -> None:
        """Faults for names that cannot be set."""
        own = self._names.declared("parameters")
        for name, value in part.given.items():
            try:
                settings(self._document, {name: value}, self._allow_plugins, self._places)
            except ProtocolsimError as error:
                if "." not in name and name not in own:
                    self._names.all_known((*at, name), (name,), own)  # one misspelt name is one fault
                else:
                    self._faults.append((*at, name), str(error).removeprefix(f"--set {name}: "), at_key=True)

    def _ends(
        self, at: Address, ends: Sequence[float | str] | None, answer: str | None
    ) -> tuple[float | None, float | None]:
        """A range in the unit of what is predicted."""
        if ends is None:
            return None, None
        low, high = (self._number((*at, k), end, answer) for k, end in enumerate(ends))
        if low is not None and high is not None and low >= high:
            self._faults.append(at, f"the lowest value, {ends[0]}, is not below the highest, {ends[1]}")
        return low, high

    def _number(self, at: Address, said: float | str, answer: str | None) -> float | None:
        """A number as the answer counts: a share from 0 to 1, all else in its own unit, which may stand behind it."""
        unit = self._unit(answer)
        text = str(said).strip()
        bare = text.removesuffix(unit).strip() if unit not in ("", "%") else text
        try:
            found = quantity(bare)
        except (UsageError, UnitError) as error:
            self._faults.append(at, str(error))
            return None
        if found.dimension != NONE:
            wanted = f"in {unit}" if unit else "without a unit"
            self._faults.append(at, f"expected a number {wanted}, as the answer is; found '{said}'")
            return None
        return float(found.value)

    def _unit(self, answer: str | None) -> str:
        """The unit of an answer; of a companion's, that of the scenario's own endpoint of the name."""
        name = (answer or "").rpartition(".")[2]
        return self._endpoints[name].unit if name in self._endpoints else "%"

    def _choices(self, at: Address, part: StoryStepPart) -> tuple[StoryChoice, ...]:
        offered = part.predict.choice or {}
        if not 2 <= len(offered) <= MOST_CHOICES:
            self._faults.append(at, f"expected from 2 to {MOST_CHOICES} choices, found {len(offered)}", at_key=True)
        choices = []
        for words, right in offered.items():
            if isinstance(right, str):
                self._names.known((*at, words), "state", right, self._names.declared("protocol", "states"))
                choices.append(StoryChoice(words, state=right))
            else:
                low, high = self._ends((*at, words), right, part.answer)
                choices.append(StoryChoice(words, low, high))
        if len({bool(choice.state) for choice in choices}) > 1:
            self._faults.append(at, "expected states for all of them, or ranges for all; found both", at_key=True)
        elif choices and choices[0].state and part.picture != "patient":
            self._faults.append(at, "choices that are states need the picture 'patient', which says whose", at_key=True)
        else:
            self._meet(at, offered, choices)
        return tuple(choices)

    def _meet(self, at: Address, offered: Mapping[str, Any], choices: Sequence[StoryChoice]) -> None:
        """A fault where a number would be right for two of the ranges, or lies between them and is right for none."""
        ranges = sorted((c.low, c.high, c.words) for c in choices if c.low is not None and c.high is not None)
        for (_, high, below), (low, _, words) in pairwise(ranges):
            ends = f"'{below}' ends at {offered[below][1]} and '{words}' begins at {offered[words][0]}"
            if low < high:
                self._faults.append((*at, words), f"{ends}: what lies between is right for both", at_key=True)
            elif low > high:
                self._faults.append((*at, words), f"{ends}: what lies between is right for none", at_key=True)


def _of_states(predict: PredictPart) -> bool:
    """Whether the choices are states, so that the patient shown is the answer."""
    return bool(predict.choice) and all(isinstance(right, str) for right in (predict.choice or {}).values())
