"""Two arms with an immediate binary outcome, looked at: small enough that thousands of trials take a second."""

from __future__ import annotations

from protocolsim.scenario.load import load_text
from protocolsim.scenario.scenario import Scenario

_TRIAL = """\
title: Two arms and one outcome
parameters:
  p_new: {{value: {new}, range: [0 %, 100 %], meaning: chance of success on the new treatment}}
  p_old: {{value: {old}, range: [0 %, 100 %], meaning: chance of success on the old treatment}}
replicates: 200
models:
  ailment:
    kind: disease
    meaning: an ailment of which nothing is measured
    traits: {{severity: {{uniform: {{from: 0, to: 1}}, meaning: how severe it is}}}}
cohort: {{size: {size}, disease: ailment, arrivals: {arrivals}}}
protocol:
  randomisations: {{arm: {{between: {{new: 1, old: 1}}, block: 2}}}}
  states:
    arrival: {{lasts: 1 day}}
    new: {{enrolled: true, lasts: {lasts}}}
    old: {{enrolled: true, lasts: {lasts}}}
    success: {{final: success}}
    failure: {{final: failure}}
  transitions:
    - {{from: arrival, randomise: arm}}
{upon}    - {{name: of new, from: new, choose: {{success: p_new, failure: otherwise}}}}
    - {{name: of old, from: old, choose: {{success: p_old, failure: otherwise}}}}
populations:
  on_new: {{of: enrolled, entered: new}}
  on_old: {{of: enrolled, entered: old}}
  succeeded: {{of: enrolled, entered: success}}
endpoints:
  succeed: {{label: Success, kind: share, entered: success, among: enrolled}}
  succeed_on_new: {{label: Success on the new treatment, kind: share, entered: success, among: on_new}}
  succeed_on_old: {{label: Success on the old treatment, kind: share, entered: success, among: on_old}}
analysis:
  better: {{label: The new one is better, kind: two_shares, of: succeed, arm: new, against: old, alternative: greater,
            level: 2.5 %}}
{interim}"""

OBRIEN_FLEMING = """\
interim:
  of: arm
  control: old
  statistics: {z: {z of: better}}
  boundaries: {efficacy: {values: [2.7965, 1.9774]}}
  looks: {when: {followed: [50, 100], for: 2 days}}
  rules:
    - {stop: efficacy, when: z >= efficacy}
    - {at: last, conclude: no effect, otherwise: true}
"""
"""O'Brien and Fleming's two looks, one-sided at 2.5 %."""

FOUR_LOOKS = """\
interim:
  of: arm
  control: old
  data_lag: 3 days
  decided_after: 1 week
  statistics:
    z: {z of: better}
    on_new: {value of: succeed_on_new}
    on_old: {value of: succeed_on_old}
    difference: on_new - on_old
  boundaries:
    efficacy: {spends: 2.5 %, as: obrien_fleming}
    futility: {values: [0, 0.2, 0.4]}
  looks: {when: {followed: {from: 20, every: 20, to: 80}, for: 3 weeks}}
  rules:
    - {stop: efficacy, when: z >= efficacy}
    - {at: [look_2, look_3], conclude: settled, when: z >= 0.5 and on_old > 40 %}
    - {stop: futility, when: z < futility}
    - {at: last, conclude: no effect, otherwise: true}
"""
"""Four looks with all that a look may have: a lag, a delay, futility, a conclusion, estimates and one of estimates."""


def two_arms(
    interim: str = FOUR_LOOKS,
    *,
    new: str = "50 %",
    old: str = "30 %",
    size: int = 80,
    arrivals: str = "5 / week",
    lasts: str = "3 weeks",
    upon: str = "",
) -> Scenario:
    """The trial; with `arrivals` of 1 in ten years no two patients come on one day."""
    text = _TRIAL.format(new=new, old=old, size=size, arrivals=arrivals, lasts=lasts, upon=upon, interim=interim)
    return load_text(text, "two_arms.yaml")


def exact_two_arms(new: str, old: str) -> Scenario:
    """The trial of which enumeration knows everything: 25 and 25 at the first look, 50 and 50 at the second."""
    return two_arms(OBRIEN_FLEMING, new=new, old=old, size=100, arrivals="1 / 520 weeks", lasts="1 day")
