"""Which operating characteristics a design has, by name, in the order in which a reader meets them."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protocolsim.endpoint.base import Endpoint
from protocolsim.interim.estimates.base import OperatingCharacteristic
from protocolsim.interim.estimates.bias import BiasAtStopping
from protocolsim.interim.estimates.endings import EndingShare, FlippedShare
from protocolsim.interim.estimates.size import InformationFound, InformationPlanned, Pipeline, StudyDuration, TrialMean
from protocolsim.names import readable
from protocolsim.protocol.conduct import Count
from protocolsim.protocol.rules import Name, Negation, Node, Operation, names_in, parse

if TYPE_CHECKING:
    from protocolsim.interim.design import Design

CLAIMS, IGNORING = "trial[claims_effect]", "trial[claims_effect_ignoring_futility]"
ENROLLED, SCREENED, LOOKS = "trial[enrolled]", "trial[screened]", "trial[looks_held]"
DECISION, DURATION = "trial[weeks_to_decision]", "trial[duration]"
PIPELINE, FLIPPED = "trial[pipeline]", "trial[flipped]"
_OF_ALL = "all trials are in the denominator"


def ending_name(reason: str, look: str | None = None) -> str:
    """The name of the share of trials that end with a conclusion, at a look or at any."""
    return f"ended[{reason}]" if look is None else f"ended[{reason}][{look}]"


def bias_name(statistic: str, look: str | None = None) -> str:
    """The name of the bias of a statistic, of all trials or of those that end at a look."""
    return f"bias[{statistic}]" if look is None else f"bias[{statistic}][{look}]"


def is_bias(name: str) -> bool:
    """Whether a number of this name is a bias, and so the difference of two values."""
    return name.startswith("bias[")


def characteristics_of(design: Design) -> dict[str, OperatingCharacteristic]:
    """Every operating characteristic of a design, by name."""
    made = (*_claims(design), *_endings(design), *_size(design), *_information(design), *_bias(design))
    return {one.name: one for one in made}


@dataclass(frozen=True)
class Estimated:
    """A statistic that estimates something of the patients: what a reader calls it, and its unit."""

    label: str
    unit: str


def estimated(design: Design) -> dict[str, Estimated]:
    """The statistics that are estimates, by name: values of endpoints, and what is computed of nothing but those.

    A test that rejects or does not is none.
    """
    values = {s.name: getattr(s, "of", None) for s in design.statistics if s.key == "value of"}
    endpoints = {name: of for name, of in values.items() if isinstance(of, Endpoint) and not of.decides}
    found = {name: Estimated(of.label, of.unit) for name, of in endpoints.items()}
    others = {*design.slots()}
    for formula in design.formulas:
        node = parse(formula.words)
        read = others.intersection(names_in(node))
        if read and read <= found.keys():
            units = {found[name].unit for name in read}
            unit = units.pop() if len(units) == 1 and _adds(node) else ""
            found[formula.name] = Estimated(readable(formula.name), unit)
    return found


def _adds(node: Node) -> bool:
    """Whether an expression only adds and subtracts names, so that it is in their unit."""
    if isinstance(node, Operation):
        return node.op in ("+", "-") and _adds(node.left) and _adds(node.right)
    return isinstance(node, Name) or (isinstance(node, Negation) and node.op == "-" and _adds(node.operand))


def _claims(design: Design) -> Iterator[OperatingCharacteristic]:
    codes = frozenset(design.conclusions.index(r) for r in design.success)
    if not codes:
        return
    reasons = " or ".join(f"'{r}'" for r in design.conclusions if r in design.success)
    said = f"share of trials that end with {reasons}: the power where there is an effect, the type I error without one"
    yield EndingShare(name=CLAIMS, label="claims an effect", said=f"{said}; {_OF_ALL}", codes=codes)
    if any(r.reason in design.futility and r.action == "stop" for r in design.rules):
        yield EndingShare(
            name=IGNORING, label="claims an effect, were no stop for futility obeyed",
            said=f"{said}, in the same trials going on after stops for futility; {_OF_ALL}",
            codes=codes, column="ignoring_futility",
        )  # fmt: skip


def _endings(design: Design) -> Iterator[OperatingCharacteristic]:
    for code, reason in enumerate(design.conclusions):
        mine = [r for r in design.rules if r.reason == reason]
        actions = {r.action for r in mine}
        words = _words(actions, reason)
        yield EndingShare(
            name=ending_name(reason), label=f"probability of {words}",
            said=f"share of trials that end so at any look; {_OF_ALL}", codes=frozenset({code}),
        )  # fmt: skip
        for k, look in enumerate(design.looks):
            here = {r.action for r in mine if design.may_hold(r, k)}
            if here:
                yield EndingShare(
                    name=ending_name(reason, look.name),
                    label=f"probability of {_words(here, reason)} at {spoken(look.name)}",
                    said=f"share of trials that end so at this look; {_OF_ALL}", codes=frozenset({code}), at=k,
                )  # fmt: skip


def _words(actions: AbstractSet[str], reason: str) -> str:
    if actions == {"stop"}:
        return f"stopping for {reason}"
    return f"concluding '{reason}'" if actions == {"conclude"} else f"ending with '{reason}'"


def spoken(look: str) -> str:
    """A look's name in a sentence."""
    return readable(look)


def _size(design: Design) -> Iterator[OperatingCharacteristic]:
    means = (
        (ENROLLED, "expected sample size", "enrolled", "patients", "patients enrolled, those after a decision too"),
        (SCREENED, "expected number screened", "screened", "patients", "candidates screened"),
        (LOOKS, "expected number of looks held", "looks_held", "looks", "looks held"),
        (DECISION, "expected time to the decision", "decision_minute", "weeks",
         "weeks from the trial's first day to the decision that ended it, or to that of its last look"),
    )  # fmt: skip
    for name, label, column, unit, said in means:
        yield TrialMean(
            name=name, label=label, column=column, in_units=unit, said=f"mean over trials: {said}; {_OF_ALL}"
        )
    yield StudyDuration(
        name=DURATION, label="expected study duration", column="last_minute", in_units="weeks",
        said="mean over trials: weeks from the trial's first day to the last patient's end, or to the decision where "
        f"that comes later; {_OF_ALL}",
    )  # fmt: skip
    yield Pipeline(
        name=PIPELINE, label="expected number in the pipeline at the decision",
        said="mean over trials: patients enrolled by the decision and not followed for as long as the look counts "
        f"(where it counts no follow-up: still in the trial); {_OF_ALL}",
        followed=tuple(_followed(look.trigger.count, design.information.count) for look in design.looks),
    )  # fmt: skip
    if any(r.action == "stop" and min(r.at, default=0) < len(design.looks) - 1 for r in design.rules):
        yield FlippedShare(
            name=FLIPPED, label="early stops that the overrun analysis contradicts",
            said="share of early stops after which the same analysis of all patients enrolled, followed to their end, "
            "comes to another conclusion; trials that are not stopped early are left out",
        )  # fmt: skip


def _followed(*counts: Count | None) -> Count | None:
    """The first of these counts that counts people with follow-up."""
    return next((c for c in counts if c is not None and c.of == "enrolled" and c.followed > 0), None)


def _information(design: Design) -> Iterator[OperatingCharacteristic]:
    for k, look in enumerate(design.looks):
        if not np.isnan(look.planned):
            yield InformationPlanned(
                name=f"information[{look.name}][planned]",
                label=f"information fraction planned for {spoken(look.name)}",
                said="share of the maximum information, as planned", fraction=look.planned,
            )  # fmt: skip
        yield InformationFound(
            name=f"information[{look.name}][found]", label=f"information fraction found at {spoken(look.name)}",
            said="mean over trials that hold the look; those that ended before it are left out", look=k,
        )  # fmt: skip


def _bias(design: Design) -> Iterator[OperatingCharacteristic]:
    for name, of in estimated(design).items():
        said = "mean where trials ended minus the mean of the same trials at full length, as if never stopped"
        yield BiasAtStopping(
            name=bias_name(name), label=f"bias at stopping: {of.label}", said=f"{said}; {_OF_ALL}",
            statistic=name, in_units=of.unit,
        )  # fmt: skip
        for k, look in enumerate(design.looks):
            if any(design.may_hold(r, k) for r in design.rules):
                yield BiasAtStopping(
                    name=bias_name(name, look.name),
                    label=f"bias of trials that end at {spoken(look.name)}: {of.label}",
                    said="mean of the trials that ended at this look minus the mean of all trials at full length",
                    statistic=name, in_units=of.unit, at=k,
                )  # fmt: skip
