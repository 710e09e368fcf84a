"""From the file's `analysis:` to objects: tests that are applied to every simulated trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protocolsim.analysis.base import Analysis
from protocolsim.analysis.catalogue import kinds
from protocolsim.endpoint.base import Endpoint
from protocolsim.errors import UsageError, raised, unknown
from protocolsim.scenario.build.endpoints import EndpointsBuilder, missing_field
from protocolsim.scenario.build.values.expressions import Expressions
from protocolsim.scenario.file.schema import OF_KIND, AnalysisPart, ScenarioPart, endpoint_fields
from protocolsim.scenario.file.yaml_reader import Address


def analyses_of(
    part: ScenarioPart, q: Expressions, endpoints: Mapping[str, Endpoint], builder: EndpointsBuilder
) -> dict[str, Analysis]:
    """Every sound analysis; faults go to `q.faults`. `builder` reads what endpoints and analyses share."""
    analyses = {}
    for name, one in part.analysis.items():
        built = _analysis(name, one, q, endpoints, builder)
        if built is not None:
            analyses[name] = built
    return analyses


def _analysis(
    name: str, part: AnalysisPart, q: Expressions, endpoints: Mapping[str, Endpoint], builder: EndpointsBuilder
) -> Analysis | None:
    address: Address = ("analysis", name)
    if not q.names.known((*address, "kind"), "kind of analysis", part.kind, kinds()):
        return None
    kind = kinds()[part.kind]
    fields = endpoint_fields(kind)
    values: dict[str, Any] = {}
    with q.faults.watch() as here:
        for key, given in (part.model_extra or {}).items():
            place: Address = (*address, key)
            if key not in fields:
                q.faults.append(
                    place, unknown(f"key of a '{part.kind}' analysis", key, (*fields, "label")), at_key=True
                )
            elif fields[key][0].startswith(OF_KIND):
                values[key] = _endpoint(place, given, fields[key][0].removeprefix(OF_KIND), q, endpoints)
            else:
                values[key] = builder.value(place, *fields[key], given)
    if not here.ok or any(value is None for value in values.values()):
        return None
    of = values.get("of")
    if isinstance(of, Endpoint):
        values["among"] = of.among
    missing = missing_field(kind, fields, values)
    if missing is not None:
        q.faults.append(address, f"'{missing}' is missing here", at_key=True)
        return None
    try:
        return kind(name=name, label=builder.labels[name], **values)
    except UsageError as error:
        q.faults.append(address, str(error).removeprefix(f"analysis '{name}': "), at_key=True)
    except Exception as error:  # noqa: BLE001 - a kind's own bug, which is no fault of the file
        q.faults.append(address, f"the kind of analysis '{part.kind}' failed: {raised(error)}", at_key=True)
    return None


def _endpoint(
    address: Address, given: Any, kind: str, q: Expressions, endpoints: Mapping[str, Endpoint]
) -> Endpoint | None:
    """The endpoint of this name, if it is of the right kind."""
    if not isinstance(given, str):
        q.faults.append(address, f"expected the name of an endpoint of kind {kind}, found '{given}'")
    elif q.names.known(address, "endpoint", given, q.names.declared("endpoints")) and given in endpoints:
        wanted = kind.split(" or ")
        if endpoints[given].kind in wanted:
            return endpoints[given]
        like = [name for name, e in endpoints.items() if e.kind in wanted]
        shown = ", ".join(like) or "none here"
        q.faults.append(address, f"'{given}' is of kind {endpoints[given].kind}; expected one of kind {kind}: {shown}")
    return None
