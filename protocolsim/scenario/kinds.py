"""Every kind that a scenario file can name, with its keys and an example that runs: what a reference is made from.

The kinds are found as the builder finds them, so that a new one is here without a line of its own.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic.fields import FieldInfo

from protocolsim.analysis.base import Analysis
from protocolsim.analysis.catalogue import kinds as analysis_kinds
from protocolsim.endpoint.base import Endpoint
from protocolsim.endpoint.catalogue import kinds as endpoint_kinds
from protocolsim.interim.base import Statistic
from protocolsim.interim.catalogue import kinds as statistic_kinds
from protocolsim.interim.keys import FOLLOWED_FOR, keys_of
from protocolsim.scenario.file.interim_schema import StatisticPart
from protocolsim.scenario.file.kind_keys import meaning_of
from protocolsim.scenario.file.schema import AnalysisPart, EndpointPart, SummaryPart, endpoint_fields
from protocolsim.sequential.shapes.base import BoundaryShape
from protocolsim.sequential.shapes.catalogue import shapes

Section = Literal["endpoint", "analysis", "summary", "statistic", "boundary shape"]

# A summary stands in the protocol of the trial that its example extends.
_SUMMARY = "extends: ms_daclizumab\nprotocol:\n  summaries:\n    example: {written}\n"
_SHAPE = """\
extends: ms_randomised
interim:
  statistics: {{z: {{z of: passed_between_arms}}}}
  boundaries: {{efficacy: {{spends: 2.5 %, as: {written}}}}}
  looks: {{when: {{followed: [60, 120], for: 26 weeks}}}}
  rules:
    - {{stop: efficacy, when: z >= efficacy}}
"""


@dataclass(frozen=True)
class KindKey:
    """One key of a kind.

    `holds` says what stands behind it: "states", "events", "variable", "drug", "minutes" (a time), "number", "text",
    "choice" (one of `choices`), "endpoint of kind ...", or "population". `default` is None where it is `required`.
    """

    name: str
    holds: str
    required: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    meaning: str = ""


@dataclass(frozen=True)
class KindEntry:
    """One kind: the name that a file writes, what it is in a phrase, at length (Markdown), its keys, and an example.

    `example` is the whole text of a scenario file, which runs as it stands. `module` is where the kind is written.
    """

    section: Section
    name: str
    meaning: str
    text: str
    keys: tuple[KindKey, ...]
    example: str
    module: str


def kind_entries() -> tuple[KindEntry, ...]:
    """All kinds of endpoints, analyses, summaries, statistics of looks and boundary shapes, by name within each."""
    return (
        *(_of_class("endpoint", kind) for kind in endpoint_kinds().values()),
        *(_of_class("analysis", kind) for kind in analysis_kinds().values()),
        *_summaries(),
        *(_of_statistic(kind) for kind in statistic_kinds().values()),
        *(_of_shape(shape) for shape in shapes().values()),
    )


def _of_class(section: Section, kind: type[Endpoint]) -> KindEntry:
    part = EndpointPart if section == "endpoint" else AnalysisPart
    shared = [_shared_key(name, field) for name, field in part.model_fields.items() if name != "kind"]
    return KindEntry(
        section,
        kind.kind,
        kind.meaning,
        inspect.getdoc(kind) or "",
        (*_keys(kind), *shared),
        kind.EXAMPLE,
        kind.__module__,
    )


def _keys(kind: type[Endpoint]) -> Iterator[KindKey]:
    declared = {field.name: field for field in dataclasses.fields(kind)}
    fields = endpoint_fields(kind)
    # `level` belongs to every analysis and is declared first, but what is tested comes first for a reader.
    for name in sorted(fields, key=lambda n: n in _inherited(kind)):
        holds, choices = fields[name]
        default = declared[name].default
        required = default is dataclasses.MISSING and declared[name].default_factory is dataclasses.MISSING
        default = None if required else default
        yield KindKey(name, holds, required, default, tuple(choices or ()), meaning_of(kind, name))


def _inherited(kind: type[Endpoint]) -> set[str]:
    # Not what only some kinds share, which is as much their own.
    shared = [base for base in kind.__mro__[1:] if base in (Analysis, *Analysis.__mro__)]
    return {name for base in shared for name in vars(base).get("__annotations__", {})}


def _shared_key(name: str, field: FieldInfo) -> KindKey:
    holds = "population" if name == "among" else "text"
    return KindKey(name, holds, default=field.default, meaning=field.description or "")


def _of_statistic(kind: type[Statistic]) -> KindEntry:
    keys = [
        KindKey(k.name, k.holds, k.required, k.default, k.choices, k.meaning or _OF.get(k.holds, ""))
        for k in keys_of(kind).values()
    ]
    followed = StatisticPart.model_fields["followed_for"].description or ""
    shared = KindKey(FOLLOWED_FOR, "minutes", meaning=followed)
    text = inspect.getdoc(kind) or ""
    return KindEntry("statistic", kind.key, kind.meaning, text, (*keys, shared), kind.EXAMPLE, kind.__module__)


_OF = {
    "analysis": "the analysis that it is of",
    "endpoint or analysis": "the endpoint that it is of",
    "population": "the population that it is of",
}
"""What the key means that says what a statistic is of, where its kind says no more."""


def _of_shape(shape: BoundaryShape) -> KindEntry:
    """A boundary shape, whose parameter stands in brackets behind its name."""
    parameter = shape.parameter
    written, text = shape.kind, f"{inspect.getdoc(shape)}\n\nSource: {shape.source}."
    if parameter is not None:
        written = f"{shape.kind}({parameter.usual:g})"
        between = f"from {parameter.least:g} to {parameter.most:g}"
        text += f" Written `{shape.kind}({parameter.name})`, with `{parameter.name}` {between}: {parameter.meaning}."
    example = _SHAPE.format(written=written)
    return KindEntry("boundary shape", shape.kind, shape.meaning, text, (), example, type(shape).__module__)


def _summaries() -> Iterator[KindEntry]:
    fields = {field.alias or name: field for name, field in SummaryPart.model_fields.items()}
    filters = {name: field for name, field in fields.items() if name in _FILTERED_BY}
    for name, field in fields.items():
        if field.examples and name not in _FILTERED_BY:
            of = "variable" if name not in ("entries of", "time since") else "state"
            keys = [KindKey(name, of, required=True, meaning=field.description or "")]
            if of == "variable":
                keys += [KindKey(n, _FILTERED_BY[n], meaning=f.description or "") for n, f in filters.items()]
            text = (field.description or "").capitalize() + "."
            example = _SUMMARY.format(written=field.examples[0])
            yield KindEntry(
                "summary", name, field.description or "", text, tuple(keys), example, SummaryPart.__module__
            )


_FILTERED_BY = {"during": "states", "within": "minutes", "first": "whole number", "last": "whole number",
                "at": "visit"}  # fmt: skip
