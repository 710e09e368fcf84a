"""One small trial in which everything that can be named is named, and all numbers that come of it, in order.

The same trial under other names must give the same numbers, whatever they are stored in, or be refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

import protocolsim
from protocolsim.records import TABLES, TRIAL_TABLES
from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load_text
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.potential_outcomes import potential_outcomes
from protocolsim.study.decision.thresholds import thresholds

REPLICATES = 2
# Two of one kind are never given the same name, so the others keep these.
PLAIN = {
    "parameter": "cut", "variable": "kept",
    "summary": "fall", "state": "treated", "end": "finished", "randomisation": "arms",
    "bound": "few", "site": "north", "population": "lefties", "endpoint": "fared", "analysis": "tested",
    "decision": "first", "measure": "last_one", "outcome": "ended well", "drug": "infusion",
    "transition": "converts", "model": "spare",
    "statistic": "better", "boundary": "enough", "look": "halfway", "reason": "found it",
}  # fmt: skip
IN_RULES = ("parameter", "variable", "summary", "measure", "statistic", "boundary")
"""Names that a rule must be able to spell."""


def draft(**given: str) -> dict[str, Any]:
    """The trial as a file would hold it, with some things named otherwise."""
    n = PLAIN | given
    return {
        "title": "Named",
        "parameters": {
            n["parameter"]: {"value": "20 %", "range": ["-100 %", "100 %"], "meaning": "the fall that passes"},
            "other": {"value": 1, "meaning": "another number"},
        },
        "cohort": {
            "disease": "tests.support.protocols:Drifting", "size": 5, "dropout": "1 % / 1 day",
            "sites": {n["site"]: {"arrivals": "2 / 1 day"}, "south": {"arrivals": "1 / 1 day"}},
        },
        "drugs": {
            n["drug"]: {"kind": "tests.support.protocols:Depot", "fever": "3 % / 1 day"},
            "pill": {"kind": "tests.support.toys:Pill", "rash": "3 % / 1 day"},
        },
        "protocol": {
            "variables": {n["variable"]: {"start": 1, "range": [0, 9]}},
            "summaries": {
                "before": {"first of": "height"},
                n["summary"]: {"last of": "height"},
                "fell": f"(1 - {n['summary']} / before) * other",
            },
            "states": {
                "begin": {"assessments": {"scan": {"days": [0]}}, "lasts": "1 day"},
                "left": {"lasts": "1 day"},
                "right": {"treatment": {"pill": "standard"}, "lasts": "1 day"},
                n["state"]: {
                    "enrolled": True, "lasts": "4 days", "assessments": {"scan": {"every": "1 day"}},
                    "treatment": {n["drug"]: {"dose": "1 mg/kg", "every": "2 days"}},
                },
                "strong": {"treatment": {n["drug"]: {"dose": "2 mg/kg", "days": [0, 2]}},
                           "assessments": {"scan": {"every": "1 day"}}, "until": "12 days"},
                "weak": {"treatment": {"pill": "standard"}, "assessments": {"scan": {"every": "2 days"}},
                         "until": "12 days"},
                n["end"]: {"final": n["outcome"]},
                "gone": {"final": "left early"},
            },
            "randomisations": {n["randomisation"]: {"between": {"left": 1, "right": 1}, "strata": ["site"]}},
            "transitions": [
                {"from": "begin", "randomise": n["randomisation"]},
                {"from": ["left", "right"], "to": n["state"]},
                {"from": n["state"], "to": "gone", "upon": "fever"},
                {"name": n["transition"], "from": n["state"], "to": "strong", "when": f"fell > {n['parameter']}"},
                {"from": n["state"], "to": "weak", "otherwise": True},
                {"from": "strong", "after": "scan", "set": {n["variable"]: f"{n['variable']} + 1"}},
                {"from": ["strong", "weak"], "to": n["end"], "set": {n["variable"]: 0}},
                {"from": "on study", "to": "gone", "upon": "dropout"},
            ],
            "always": {n["bound"]: {"doses of": n["drug"], "at most": 10}},
        },
        "models": {n["model"]: {"kind": "drug", "meaning": "a model that is not used"}},
        "populations": {n["population"]: {"entered": "left"}},
        "endpoints": {
            n["endpoint"]: {"kind": "share", "ended_in": n["end"], "among": n["population"]},
            "passed": {"kind": "share", "entered": "strong"},
            "given_dose": {"kind": "dose_total", "drug": n["drug"]},
            "until_end": {"kind": "time_to", "start": n["state"], "to": n["end"]},
        },
        "analysis": {
            n["analysis"]: {"kind": "exact_binomial", "of": n["endpoint"], "target": "30 %", "level": "5 %"},
        },
        "decisions": {
            n["decision"]: {
                "threshold": n["parameter"],
                "measures": {n["measure"]: {"label": "only the last", "value": f"1 - {n['summary']}"}},
                "responder": {"trait": "own", "below": 0.5},
                "horizon": "6 days",
                "loss": {"count": "spots", "stop": "fever", "stop_weight": 2, "drug": n["drug"], "dose_weight": 0.1},
            },
        },
        "interim": {
            "statistics": {n["statistic"]: {"z of": n["analysis"]}, "doubled": f"2 * {n['statistic']}"},
            "boundaries": {n["boundary"]: {"values": [9, 8]}},
            "looks": {
                n["look"]: {"when": {"members of": n["population"], "number": 1}}, "at_the_end": {"when": {"weeks": 9}},
            },
            "rules": [
                {"at": n["look"], "stop": n["reason"], "when": f"{n['statistic']} > {n['boundary']}"},
                {"at": "last", "conclude": "the end", "otherwise": True},
            ],
        },
        "published": {n["endpoint"]: {"value": "3/5", "role": "checked", "source": "a paper", "mark": "F"}},
        "findings": [f"It ends so: {{{n['endpoint']}}}."],
    }  # fmt: skip


def scenario(**given: str) -> Scenario:
    """The trial, read as a file: JSON is YAML. Raises ScenarioError."""
    return build(parse(json.dumps(draft(**given)), "named.yaml"), allow_plugins=True)


def without_looks(loaded: Scenario) -> Scenario:
    """The same trial without looks: where these end it, its decision has no curve."""
    return replace(loaded, trial=replace(loaded.trial, conduct=None), interim=None)


def numbers(loaded: Scenario, parameter: str) -> dict[str, Any]:
    """All numbers of this trial, in the order of the file: what is named otherwise changes none of them."""
    found: dict[str, Any] = {}
    runs = {e: protocolsim.run(loaded, replicates=REPLICATES, engine=e) for e in ("batch", "des")}
    for engine, result in runs.items():
        found[f"{engine} estimates"] = [_plain(e) for e in result.summary()["estimates"].values()]
        for table in (*TABLES, *TRIAL_TABLES):
            found[f"{engine} {table}"] = [column.tobytes() for column in result.records[table].values()]
            found[f"{engine} shown {table}"] = _columns(result.records.frame(table))
    again = load_text(runs["batch"].resolved, "again.yaml", allow_plugins=True)
    found["saved"] = [_plain(e) for e in protocolsim.run(again, replicates=REPLICATES).summary()["estimates"].values()]
    alone = without_looks(loaded)
    curve = thresholds(alone, parameter, replicates=REPLICATES)
    for k, name in enumerate(curve.definitions):
        found[f"definition {k}"] = _columns(curve.by(name).frame())
    found["both branches"] = _columns(potential_outcomes(alone, parameter, replicates=REPLICATES).frame)
    vary = {f"parameters.{parameter}.value": "0%,50%"}
    found["sweep"] = _columns(protocolsim.sweep(loaded, vary, replicates=REPLICATES).frame)
    return found


def _plain(estimate: Mapping[str, Any]) -> list[Any]:
    return [v for k, v in estimate.items() if k not in ("label", "among")]


def _columns(frame: pd.DataFrame) -> list[bytes]:
    """The numbers of every column in order, of words which of them are the same."""
    found = []
    for column in range(frame.shape[1]):
        values = frame.iloc[:, column]
        same = values if values.dtype.kind in "biuf" else pd.factorize(np.asarray(values.astype(str)))[0]
        found.append(np.asarray(same, dtype=np.float64).tobytes())
    return found
