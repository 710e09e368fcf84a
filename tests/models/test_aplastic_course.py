"""Aplastic anaemia that is watched, not treated: the published row, death and severe disease as events, engines."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate

from protocolsim.disease.aplastic_anaemia import COMPONENT as APLASTIC_ANAEMIA
from protocolsim.records import concatenate
from protocolsim.scenario.load import load
from protocolsim.study.engines import engine_named
from protocolsim.study.run import run
from tests.support.frames import differences

WEEKS = 286  # 66 months
WATCHED = """
title: Moderate aplastic anaemia without treatment
question: What becomes of it in 66 months?
description: Nobody is treated; counts are taken twice a year.
seed: 66
cohort: {{size: {size}, disease: aplastic_anaemia}}
protocol:
  summaries:
    entry_neutrophils: {{last of: neutrophils, during: entry}}
    neutrophils_now: {{smallest of: neutrophils, last: 2}}
    platelets_now: {{smallest of: platelets, last: 2}}
    haemoglobin_now: {{smallest of: haemoglobin, last: 2}}
    transfused_now: {{largest of: transfused, last: 2}}
  states:
    entry: {{assessments: {{blood_count: {{weeks: [0]}}}}, lasts: 1 minute}}
    watched:
      enrolled: true
      assessments: {{blood_count: {{weeks: [26, 52, 78, 104, 130, 156, 182, 208, 234, 260, {weeks}]}}}}
      lasts: {weeks} weeks
    resolved: {{final: normal counts}}
    as_before: {{final: no more and no less}}
    {severe}
    died: {{final: died}}
  transitions:
    - {{from: entry, to: watched}}
    - from: watched
      to: resolved
      when: neutrophils_now >= 1.5 and platelets_now >= 150 and haemoglobin_now >= 11 and transfused_now < 1
    - {{from: watched, to: as_before, otherwise: true}}
    - {{from: any, to: died, upon: death}}
    {upon}
endpoints:
  resolved: {{label: Resolved, kind: share, entered: resolved, among: enrolled}}
  died: {{label: Died, kind: share, entered: died, among: enrolled}}
"""
ENDING = {"severe": "severe: {final: severe disease}", "upon": "- {from: watched, to: severe, upon: progression}"}


def watched(folder: Path, size: int = 24, *, ends: bool = False) -> Any:
    """The untreated cohort; where it `ends`, it is left upon severe disease."""
    path = folder / "watched.yaml"
    how = ENDING if ends else {"severe": "", "upon": ""}
    path.write_text(WATCHED.format(size=size, weeks=WEEKS, **how))
    return load(path)


@cache
def _rates() -> dict[str, float]:
    """Each rate of the model's defaults, per week."""
    v = APLASTIC_ANAEMIA.defaults()
    per_year = {"lost": v["relapse"], "worse": v["progression"], "death": v["death"], "severe": v["death_severe"]}
    return {"self": v["spontaneous_recovery"] / 1200.0, **{n: r / 5200.0 for n, r in per_year.items()}}


def alive_in_recovery(weeks: float, rates: dict[str, float]) -> float:
    """Recovery begun before severe disease and death, complete four weeks later, not lost, and alive: by quadrature."""
    s, p, d, r = (rates[n] for n in ("self", "worse", "death", "lost"))
    return float(
        integrate.quad(
            lambda u: s * np.exp(-(s + p) * u) * np.exp(-r * max(0.0, weeks - u - 4.0)) * np.exp(-d * weeks), 0.0, weeks
        )[0]
    )


def test_the_published_share_resolves(tmp_path):
    """Of untreated patients 12 % have resolved after 66 months (Howard): simulated, and by quadrature of the rates."""
    result = run(watched(tmp_path), replicates=300)
    found = result.estimates["resolved"]
    assert alive_in_recovery(WEEKS, _rates()) == pytest.approx(0.12, abs=0.005)
    # Errors of counting, and recoveries of the last weeks, take some of them away; low normal counts do too.
    assert found.value == pytest.approx(0.12, abs=0.02)
    assert found.lo <= 0.12 <= found.hi


def test_deaths_come_at_the_two_rates(tmp_path):
    """Survival is that of two hazards, the second from the next multiple of four weeks after the disease is severe."""
    rates = _rates()
    scenario = watched(tmp_path, 1000)
    scenario = load(
        scenario.document.source,
        set={"spontaneous_recovery": "0 % / 12 weeks", "progression": "20 % / 52 weeks"},
    )
    p, d, severe = 0.20 / 52.0, rates["death"], rates["severe"]
    grid = np.arange(4.0, WEEKS + 4.0, 4.0)
    comes = np.exp(-p * (grid - 4.0)) - np.exp(-p * np.minimum(grid, WEEKS))
    found_at = np.minimum(grid, WEEKS)
    alive = np.sum(comes * np.exp(-d * found_at - severe * (WEEKS - found_at))) + np.exp(-(p + d) * WEEKS)
    estimate = run(scenario, replicates=10).estimates["died"]
    assert estimate.value == pytest.approx(1.0 - alive, abs=4.5 * np.sqrt(alive * (1 - alive) / 10_000))


def test_the_rate_of_death_is_the_registrys():
    """Without severe disease one in a hundred has died after two years, of which the rate was derived."""
    assert 1.0 - np.exp(-104 * _rates()["death"]) == pytest.approx(0.01, abs=0.0005)


def test_severe_disease_is_recorded_within_four_weeks(tmp_path):
    """Each `progression` comes in the first grid minute after the hidden time is over, and nobody has two."""
    result = run(watched(tmp_path, 500), replicates=2)
    progressed = result.events[result.events["event"] == "progression"]
    both = progressed.merge(result.subjects, on=["replicate", "subject"])
    waits = both["truth_weeks_to_progression"] * 7.0
    late = both["day"] - waits
    assert len(both) > 100
    assert not progressed.duplicated(["replicate", "subject"]).any()
    assert ((late > 0.0) & (late <= 28.01)).mean() > 0.97  # the others had recovered, and relapsed


@pytest.mark.parametrize("ends", [False, True])
def test_engines_agree_on_who_worsens_and_dies(tmp_path, ends):
    """The records of both engines are the same to the bit, whether a transition waits for severe disease or not."""
    scenario = watched(tmp_path, 30, ends=ends)
    pieces = (engine_named(n).pieces(scenario.trial, scenario.seed, range(4)) for n in ("batch", "des"))
    one, other = (concatenate(list(p)) for p in pieces)
    assert differences(one, other) == []
    assert len(one["events"]["subject"]) > 10


def test_a_transition_upon_severe_disease_is_an_end(tmp_path):
    """Who leaves upon severe disease does so at the minute at which it is recorded where nothing waits for it."""
    plain, leaving = (run(watched(tmp_path, 200, ends=ends), replicates=2) for ends in (False, True))
    events = plain.events[plain.events["event"] == "progression"].set_index(["replicate", "subject"])["day"]
    moves = leaving.moves[leaving.moves["to_state"] == "severe"].set_index(["replicate", "subject"])["day"]
    assert len(moves) > 30
    assert (moves == events.reindex(moves.index)).all()
