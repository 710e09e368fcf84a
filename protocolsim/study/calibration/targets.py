"""Calibration targets: published summaries, and the free parameters with their priors, read from a YAML file.

    parameters:                          # which are fitted; any name that --set takes
      drugs.some_drug.median_rate_ratio: {scale: log}
      rescue_level: {range: [50 %, 150 %]}
    targets:                             # what they are fitted to; any endpoint of the scenario
      controlled_on_monotherapy: {value: 9/13, source: Bielekova 2009 abstract, mark: F}

Without `range` a parameter moves within its plausible range. A target is what one trial of the scenario's own size
reported; `from: another trial` makes a count a binomial of its own patients, and `standard_error` makes a number
a mean that is known so well. All faults of the file are reported at once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StrictStr

from protocolsim.component import Mark, Scale
from protocolsim.endpoint.base import Endpoint
from protocolsim.endpoint.share import Share
from protocolsim.errors import ScenarioError, UsageError, unknown
from protocolsim.names import as_column
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.extends import with_settings
from protocolsim.scenario.file.library import find_targets
from protocolsim.scenario.file.parts import FilePart, Scalar, Text
from protocolsim.scenario.file.shape_check import check_as
from protocolsim.scenario.file.yaml_reader import Address, Document, read
from protocolsim.scenario.published_number import PublishedNumber, published_number
from protocolsim.scenario.scenario import Scenario
from protocolsim.scenario.settable import SAMPLE, SettableParameter
from protocolsim.scenario.setting_names import settings
from protocolsim.units import (
    Quantity,
    UnitError,
    dimension_name,
    in_words,
    is_zero_rate,
    rounded,
    unit_of,
    unit_product,
)
from protocolsim.units import quantity as read_quantity

WEIGHT = "weight"
"""The column of weights beside those of the parameters, in the draws of a posterior."""
THIS_TRIAL, ANOTHER_TRIAL = "this trial", "another trial"

_SAME_THROUGHOUT = ("seed", "replicates")


class FreePart(FilePart):
    """A parameter that is fitted."""

    range: Annotated[list[Scalar], Field(min_length=2, max_length=2)] | None = Field(default=None, description="prior")
    scale: Scale | None = Field(
        default=None, description="the scale on which its prior is uniform; the parameter's own where absent"
    )


class TargetPart(FilePart):
    """A published summary."""

    value: Scalar = Field(description="as printed: 9/13, 72 %, 2")
    standard_error: Scalar | None = Field(default=None, description="of a mean that is known so well")
    from_: Literal["this trial", "another trial"] | None = Field(default=None, alias="from", description="whose count")
    source: Text = Field(description="where it was published")
    mark: Mark = Field(description="how it is known: F, F2, D, A or M")
    note: StrictStr = Field(default="", description="what a reader must know beside the number")


class TargetsPart(FilePart):
    """A file of targets."""

    title: StrictStr = Field(default="", description="one line that names the calibration")
    notes: list[Text] = Field(default_factory=list, description="caveats that a reader must know")
    parameters: dict[str, FreePart] = Field(default_factory=dict, description="fitted, named as for --set")
    targets: dict[str, TargetPart] = Field(default_factory=dict, description="what they are fitted to, by endpoint")


@dataclass(frozen=True)
class Target:
    """A published summary of one endpoint, in the endpoint's own terms (a share is 0 to 1).

    Its error is that of a single simulated trial, unless it is a count of `patients` of another trial, or a mean with a
    `standard_error`.
    """

    endpoint: str
    value: float
    text: str
    source: str
    mark: Mark
    patients: int | None = None
    standard_error: float | None = None
    note: str = ""

    @property
    def error(self) -> str:
        """Whose error it has, in words."""
        if self.standard_error is not None:
            return "its standard error"
        return "one simulated trial" if self.patients is None else f"binomial, {self.patients} patients"


@dataclass(frozen=True)
class Targets:
    """A sound file of targets. `parameters` are those that are fitted: the range and scale of each are its prior's."""

    source: str
    title: str
    notes: tuple[str, ...]
    parameters: tuple[SettableParameter, ...]
    targets: tuple[Target, ...]
    warnings: tuple[str, ...]
    text: str


def load_targets(name_or_path: str, scenario: Scenario) -> Targets:
    """Read and check targets for a scenario, by the name of shipped ones or by the path of a file.

    Raises ScenarioError with every fault of the file, UsageError for a name that no shipped targets have.
    """
    return targets_of(read(find_targets(name_or_path), name_or_path), scenario)


def targets_of(document: Document, scenario: Scenario) -> Targets:
    """The targets of a document. Raises ScenarioError with every fault."""
    return _TargetsReader(document, scenario).targets()


class _UnfitError(Exception):
    """A value that cannot stand where it stands; the message says why."""


class _TargetsReader:
    """Checks one file of targets against its scenario; every fault is noted, none stops the rest."""

    def __init__(self, document: Document, scenario: Scenario) -> None:
        self.document, self.scenario = document, scenario
        shape = check_as(TargetsPart, document.data)
        self.part = shape.part if shape.part is not None else TargetsPart()
        self.faults = [document.fault(s.address, s.message, at_key=s.at_key) for s in shape.said]
        self.mended = shape.mended

    def fault(self, address: Address, message: str, *, at_key: bool = False) -> None:
        """Note a fault, unless this place has one of shape already."""
        if not any(address[:end] in self.mended for end in range(1, len(address) + 1)):
            self.faults.append(self.document.fault(address, message, at_key=at_key))

    def targets(self) -> Targets:
        """Everything, or all the faults."""
        free = self._parameters()
        targets = [t for t in (self._target(n, p) for n, p in self.part.targets.items()) if t is not None]
        for key, what in (("parameters", "parameter to fit"), ("targets", "target to fit to")):
            if not self.document.data.get(key):
                self.fault((key,), f"no {what} stands here: {key} needs one at least", at_key=True)
        if self.faults:
            raise ScenarioError(self.document.source, self.faults)
        return Targets(
            source=self.document.source,
            title=self.part.title,
            notes=tuple(self.part.notes),
            parameters=tuple(free),
            targets=tuple(targets),
            warnings=tuple(_warnings(free, targets)),
            text=self.document.text,
        )

    # Parameters --------------------------------------------------------------------------------------------------

    def _parameters(self) -> list[SettableParameter]:
        parameters: dict[str, SettableParameter] = {}
        for name, part in self.part.parameters.items():
            address: Address = ("parameters", name)
            try:
                (path,) = settings(self.scenario.document, {name: 0}, self.scenario.allow_plugins)
            except UsageError as error:
                self.fault(address, str(error).removeprefix(f"--set {name}: "), at_key=True)
                continue
            if as_column(name) == WEIGHT:
                self.fault(address, f"'{name}' is a column of the draws already; write '{path}'", at_key=True)
            elif path in _SAME_THROUGHOUT:
                self.fault(address, f"'{name}' is no parameter of the trial", at_key=True)
            elif path in parameters:
                self.fault(address, f"it is the same as '{parameters[path].name}'", at_key=True)
            else:
                try:
                    free = self._free(name, path, part)
                    self._ends(free)
                except _UnfitError as unfit:
                    self.fault((*address, "range") if part.range is not None else address, str(unfit))
                    continue
                parameters[path] = free
        return list(parameters.values())

    def _free(self, name: str, path: str, part: FreePart) -> SettableParameter:
        parameter = self.scenario.settable(path)
        if parameter.expression and path.startswith("parameters."):
            raise _UnfitError(f"its value is an expression, '{parameter.text}'; fit what that is made of")
        low, high = parameter.low, parameter.high
        if part.range is not None:
            ends = [_read(text) for text in part.range]
            if parameter.path not in {p.path for p in self.scenario.settables}:
                unit = next((unit for end in part.range if (unit := unit_of(end))), "")
                own = self.scenario.written_at(parameter, unit)
                parameter = dataclasses.replace(parameter, unit=unit, value=own)
            for text, end in zip(part.range, ends, strict=True):
                if end.dimension != parameter.dimension and not is_zero_rate(end, parameter.dimension):
                    expected, given = dimension_name(parameter.dimension), dimension_name(end.dimension)
                    raise _UnfitError(f"expected {expected}, found '{text}', {given}")
            low, high = (rounded(end.value / unit_product(parameter.unit).value) for end in ends)
        if low is None or high is None:
            raise _UnfitError("it has no plausible range of its own; give one, such as range: [0.5, 2]")
        if not low < high:
            raise _UnfitError(f"the lowest value, {low:g}, is not below the highest, {high:g}")
        scale = part.scale or parameter.scale
        if scale == "log" and low <= 0.0:
            raise _UnfitError(f"on a log scale the lowest value must be above 0, and it is {low:g}")
        return dataclasses.replace(parameter, name=name, path=path, low=low, high=high, scale=scale)

    def _ends(self, free: SettableParameter) -> None:
        """Whether the scenario can be built at both ends of the range, and at a number between that is not round."""
        for position in (0.0, 1.0, SAMPLE):
            setting = free.setting(position)
            try:
                document = with_settings(self.scenario.document, {free.path: setting})
                build(document, allow_plugins=self.scenario.allow_plugins)
            except (ScenarioError, UsageError) as error:
                said = "; ".join(f.message for f in error.faults) if isinstance(error, ScenarioError) else str(error)
                raise _UnfitError(f"at {setting}: {said.replace(' (from --set)', '')}") from None

    # Targets -----------------------------------------------------------------------------------------------------

    def _target(self, name: str, part: TargetPart) -> Target | None:
        address: Address = ("targets", name)
        known = self.scenario.endpoints
        if name not in known:
            self.fault(address, unknown("estimate", name, known), at_key=True)
            return None
        try:
            target = _value(known[name], part)
        except _UnfitError as unfit:
            self.fault((*address, "value"), str(unfit))
            return None
        try:
            return dataclasses.replace(target, **_error(known[name], part))
        except _UnfitError as unfit:
            key = "standard_error" if part.standard_error is not None else "from" if part.from_ is not None else "value"
            self.fault((*address, key), str(unfit))
            return None


def _value(endpoint: Endpoint, part: TargetPart) -> Target:
    """The target without its error."""
    text = str(part.value)
    number = _published(part.value)
    if number.count is not None and not isinstance(endpoint, Share):
        raise _UnfitError(f"'{text}' is a count, and '{endpoint.name}' is no share of subjects")
    value = _in_its_terms(endpoint, part.value)
    if isinstance(endpoint, Share) and not 0.0 <= value <= 1.0:
        raise _UnfitError(f"{text} is not between 0 and 100 %")
    return Target(endpoint.name, value, text, part.source, part.mark, note=part.note)


def _error(endpoint: Endpoint, part: TargetPart) -> dict[str, Any]:
    """Whose error the target has: the patients of another trial, or a standard error; nothing for a simulated trial."""
    count = _published(part.value).count
    if part.standard_error is not None:
        if count is not None:
            raise _UnfitError("a count has the error of its own number of patients; leave this out")
        if part.from_ == THIS_TRIAL:
            raise _UnfitError(
                "what this trial reported has the error of one simulated trial; leave this out, or 'from'"
            )
        error = _in_its_terms(endpoint, part.standard_error)
        if error <= 0.0:
            raise _UnfitError(f"{part.standard_error} is not above 0 (a standard error)")
        return {"standard_error": error}
    if part.from_ != ANOTHER_TRIAL:
        return {}
    if count is None:
        raise _UnfitError("a number from another trial needs its standard_error, or must be a count such as 19/45")
    return {"patients": count[1]}


def _in_its_terms(endpoint: Endpoint, text: str | float) -> float:
    """A written number in the endpoint's own terms: weeks, mg/kg, a share, or plain."""
    number = _published(text)
    if not number.fits(endpoint.unit):
        raise _UnfitError(f"expected a value in {endpoint.unit or 'plain numbers'}, found '{text}'")
    return number.value


def _published(text: str | float) -> PublishedNumber:
    try:
        return published_number(text)
    except UnitError as error:
        raise _UnfitError(str(error)) from None


def _read(text: str | float) -> Quantity:
    try:
        return read_quantity(text)
    except UnitError as error:
        raise _UnfitError(str(error)) from None


def _warnings(free: list[SettableParameter], targets: list[Target]) -> list[str]:
    warnings = []
    if len(targets) < len(free):
        warnings.append(
            f"{len(targets)} target{'s' if len(targets) != 1 else ''} for {len(free)} parameters: some of them, "
            "or some combination, cannot be identified whatever the data"
        )
    for one in free:
        low, high = one.ends
        if one.value is None or not low <= one.value <= high:
            own = "no single number" if one.value is None else in_words(one.value, one.unit)
            warnings.append(
                f"the scenario's own {one.name}, {own}, is not within {low:g} to {in_words(high, one.unit)}"
            )
    return warnings
