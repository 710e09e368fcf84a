"""Examples of the scenario language: whole files of a few lines that `protocolsim check` accepts as they stand.

A kind of endpoint or analysis carries its own (`EXAMPLE`); here are those of the parts of a file, by the name of their
model in scenario/file/schema.py, and those of single keys that deserve their own, by path.
"""

from __future__ import annotations

from collections.abc import Mapping

EXAMPLES: Mapping[str, str] = {
    "ScenarioPart": """\
extends: ms_daclizumab
title: A larger trial of daclizumab
question: How far do the results of single trials lie apart with 100 patients?
notes: ["Nobody did this trial: the size is an assumption [A]."]
seed: 7
replicates: 500
cohort: {size: 100}
""",
    "beside": """\
extends: ms_no_drug
title: The daclizumab trial without daclizumab, beside the trial itself
beside: [ms_daclizumab]
findings:
  - "{assigned_monotherapy} pass the rule without any drug, {ms_daclizumab.assigned_monotherapy} with it."
""",
    "findings": """\
extends: ms_daclizumab
findings:
  - "{assigned_monotherapy} pass the rule; {controlled_on_monotherapy} are controlled on daclizumab alone."
""",
    "story": """\
extends: ms_daclizumab
beside: [ms_no_drug]
story:
  - heading: Without a drug
    question: How many pass the rule where daclizumab does nothing?
    predict: {slider: [0 %, 100 %]}
    answer: ms_no_drug.assigned_monotherapy
    picture: trials
    sentence: "{ms_no_drug.assigned_monotherapy} pass without it, {assigned_monotherapy} with it."
""",
    "StoryStepPart": """\
extends: ms_daclizumab
story:
  - heading: A milder rule
    question: How many pass where the rule asks for a fall of more than 50 %?
    predict: {number: share that passes}
    answer: set.assigned_monotherapy
    picture: rule
    set: {response_threshold: 50 %}
    sentence: "{set.assigned_monotherapy} at 50 %, {assigned_monotherapy} at 75 %."
""",
    "PredictPart": """\
extends: ms_daclizumab
story:
  - heading: One patient
    question: Which way does the third patient go?
    predict: {choice: {daclizumab alone: monotherapy, both drugs: dose_doubled}}
    picture: patient
    patient: 3
    sentence: One scan decides.
  - heading: All patients
    question: How many pass?
    predict: {choice: {few: [0 %, 50 %], most: [50 %, 100 %]}}
    answer: assigned_monotherapy
    picture: lanes
    sentence: "{assigned_monotherapy} do."
""",
    "ScenarioParameter": """\
extends: ms_daclizumab
parameters:
  washout:
    value: 4 weeks
    range: [0 weeks, 12 weeks]
    meaning: how long the baseline is longer than in the trial
    mark: A
    source: the question, not the trial
  leaving: {value: 0.5 % / 4 weeks, range: [0.05 % / 4 weeks, 5 % / 4 weeks], scale: log, meaning: rate of dropout}
cohort: {dropout: leaving}
protocol:
  states:
    baseline: {lasts: 12 weeks + washout}
  transitions:
    - {from: baseline, to: combination, when: entry_cel >= eligible_cels}
    - {from: baseline, to: screen_failure, otherwise: true}
    - {from: combination, to: monotherapy, when: cel_reduction > response_threshold}
    - {from: combination, to: dose_doubled, otherwise: true}
    - {from: monotherapy, to: rescued, after: mri, when: recent_cel > rescue_level * baseline_cel}
    - {from: [monotherapy, dose_doubled, rescued], to: completed}
    - {from: on study, to: withdrawn, upon: severe adverse event}
    - {from: on study, to: withdrawn, upon: dropout}
  always: {on_study: {at most: 66 weeks}}
""",
    "CohortPart": """\
extends: ms_randomised
cohort:
  size: 40
  population: interferon_failures
  arrives_on: interferon_beta
  no_show: 5 %
""",
    "ModelPopulation": """\
title: Who feels better
cohort: {size: 50, disease: ache, population: of_specialists}
models:
  ache:
    kind: disease
    meaning: pain on a scale of 0 to 10
    parameters:
      usual: {value: 4, range: [2, 6], meaning: mean pain}
    populations:
      of_practices: {meaning: patients of general practices}
      of_specialists:
        meaning: patients whom practices have referred
        parameters:
          usual: {value: 6, range: [5, 8], mark: A}
    traits:
      pain: {normal: {mean: usual, sd: 2}, meaning: pain}
    assessments:
      asking: {score: {shows: pain, at least: 0, at most: 10, meaning: pain as said}}
protocol:
  states:
    asked: {enrolled: true, assessments: {asking: {weeks: [0, 4]}}, lasts: 4 weeks}
    done: {final: completed}
  transitions:
    - {from: asked, to: done}
""",
    "SitePart": """\
extends: ms_daclizumab
cohort:
  size: 30
  sites:
    north: {arrivals: 4 / 4 weeks}
    south: {arrivals: 2 / 4 weeks, opens: 12 weeks}
""",
    "ResourcePart": """\
extends: ms_daclizumab
cohort:
  sites:
    north: {arrivals: 4 / 4 weeks}
    south: {arrivals: 2 / 4 weeks}
  capacity:
    scanner: {serves: mri, at: north, slot: 60 minutes, opens_at: 8 hours, closes_at: 12 hours, weekdays: 5}
    infusion_chair: {serves: daclizumab, units: 2, slot: 90 minutes}
protocol:
  always: {on_study: null}
""",
    "DrugPart": """\
extends: ms_daclizumab
drugs:
  daclizumab:
    median_rate_ratio: 0.6
    severe_event_rate: 0.5 % / 4 weeks
""",
    "ProtocolPart": """\
extends: ms_daclizumab
protocol:
  summaries:
    last_two: {mean of: cel, last: 2}
  transitions:
    - {from: baseline, to: combination, when: entry_cel >= eligible_cels}
    - {from: baseline, to: screen_failure, otherwise: true}
    - {from: combination, to: monotherapy, when: last_two <= 0.25 * baseline_cel}
    - {from: combination, to: dose_doubled, otherwise: true}
    - {from: monotherapy, to: rescued, after: mri, when: last_two > rescue_level * baseline_cel}
    - {from: [monotherapy, dose_doubled, rescued], to: completed}
    - {from: on study, to: withdrawn, upon: severe adverse event}
decisions: null
parameters: {true_response_cut: null, weight_of_stopping: null, weight_of_dose: null}
""",
    "VariablePart": """\
title: A dose that follows what is seen
cohort: {size: 20, disease: relapsing_ms, population: relapsing_trials}
protocol:
  variables:
    dose: {start: 1 mg/kg, range: [1 mg/kg, 2 mg/kg], meaning: dose in force, mark: A}
  summaries: {new_lesions: {last of: new_cel}}
  states:
    baseline: {assessments: {mri: {weeks: [0]}}, lasts: 4 weeks}
    treated:
      enrolled: true
      treatment: {daclizumab: {dose: dose, every: 4 weeks}}
      assessments: {mri: {every: 4 weeks}}
      lasts: 26 weeks
    done: {final: completed}
  transitions:
    - {from: baseline, to: treated}
    - {from: treated, after: mri, when: new_lesions > 0, set: {dose: dose + 0.25 mg/kg}}
    - {from: treated, to: done}
""",
    "StatePart": """\
extends: ms_daclizumab
protocol:
  states:
    rescued:
      label: Both drugs again
      treatment:
        interferon_beta: standard
        daclizumab: {dose: 2 * daclizumab_dose, every: 4 weeks}
      assessments:
        mri: {every: 8 weeks}
      until: 66 weeks
""",
    "protocol.states.NAME.for": """\
title: Two doses of daclizumab, by lot
cohort: {size: 40, disease: relapsing_ms, population: relapsing_trials}
protocol:
  states:
    baseline: {enrolled: true, assessments: {mri: {weeks: [0, 4]}}, lasts: 4 weeks}
    treated:                 # makes treated_low and treated_high
      for: {dose: {low: 1 mg/kg, high: 2 mg/kg}}
      label: "Daclizumab, {dose}"
      treatment: {daclizumab: {dose: "{dose}", every: 4 weeks}}
      assessments: {mri: {every: 4 weeks}}
      lasts: 24 weeks
    completed: {final: completed}
    withdrawn: {final: stopped}
  randomisations:
    arm: {between: {treated: 1}}
  transitions:
    - {from: baseline, randomise: arm}
    - {from: treated, to: completed}
    - {from: on study, to: withdrawn, upon: severe adverse event}
""",
    "Schedule": """\
extends: ms_daclizumab
protocol:
  states:
    baseline:
      assessments:
        mri: {weeks: [0, 4, 8, 12]}
        lymphocytes: {weeks: null, days: [0, 84]}     # instead of the weeks of the trial that it extends
    combination:
      assessments:
        mri: {weeks: null, every: 2 weeks, through: end}  # at week 26 as well: `every` alone leaves out the end
    monotherapy:
      assessments:
        mri: {every: 4 weeks, start: 2 weeks, times: 8}
""",
    "Regimen": """\
extends: ms_daclizumab
protocol:
  states:
    combination:
      treatment:
        daclizumab: {dose: 2 * daclizumab_dose, weeks: [0, 2, 6, 10, 14, 18, 22]}
    monotherapy:
      treatment:
        daclizumab: {dose: 1 mg/kg, every: 4 weeks}
""",
    "SummaryPart": """\
extends: ms_daclizumab
protocol:
  summaries:
    all_cels: {sum of: cel, during: combination}
    mean_cel: {mean of: cel, last: 3}
    recent: {last of: new_cel, within: 4 weeks}
    at_entry: {first of: edss}
    best: {smallest of: cel, during: combination}
    worst: {largest of: cel, during: [baseline, combination]}
    third_scan: {last of: cel, at: week 10, during: combination}
    half_a_year: {last of: cel, at: week 26 since enrolment}
    scans: {count of: cel, within: 26 weeks}
    rescues: {entries of: rescued}
    on_study_for: {time since: enrolment}
    change_from_worst: 1 - recent / worst
""",
    "TransitionPart": """\
extends: ms_daclizumab
protocol:
  transitions:
    - {from: baseline, to: combination, when: entry_cel >= eligible_cels and entry_edss <= 6.5}
    - {from: baseline, to: screen_failure, otherwise: true}
    - {from: combination, to: monotherapy, when: cel_reduction > response_threshold}
    - name: accepts          # by chance: nine in ten accept the larger dose, the others go off study
      from: combination
      choose: {dose_doubled: 90 %, withdrawn: otherwise}
    - {from: monotherapy, to: rescued, after: mri, when: recent_cel > rescue_level * baseline_cel}
    - {from: monotherapy, to: rescued, after: mri, at: week 12, when: recent_cel > 4}   # at this visit alone
    - {from: [monotherapy, dose_doubled, rescued], to: completed}
    - {from: on study, to: withdrawn, upon: severe adverse event}
""",
    "protocol.transitions": """\
extends: ms_daclizumab
protocol:
  transitions:               # by the names of the file that it extends
    rescue: {when: recent_cel > 2 * rescue_level * baseline_cel}
    early: {from: combination, to: dose_doubled, after: mri, at: week 14, when: cel_reduction < 0}
    second_look: {from: monotherapy, to: withdrawn, after: mri, when: recent_cel > 20, place: before rescue}
""",
    "RandomisationPart": """\
extends: ms_randomised
protocol:
  randomisations:
    arm: {between: {combination: 2, placebo: 1}, block: 6, strata: [entry_cel >= 10]}
""",
    "AlwaysPart": """\
extends: ms_daclizumab
protocol:
  always:
    infusions: {doses of: daclizumab, at most: 18}
    in_a_month: {doses of: daclizumab, in any: 28 days, at most: 2}
    total: {total dose of: daclizumab, at most: 40 mg/kg}
    on_combination: {time since: combination, at most: 66 weeks}
""",
    "PopulationPart": """\
extends: ms_daclizumab
populations:
  completers: {of: evaluable, ended_in: completed}
  never_rescued: {of: decided, entered: monotherapy, not_entered: rescued}
  active_at_entry: {where: baseline_cel >= 5 and age < 40}
endpoints:
  completers_alone: {kind: share, entered: monotherapy, among: completers}
""",
    "DecisionPart": """\
extends: ms_daclizumab
decisions:
  month_6_5:
    horizon: 26 weeks
    responder: {trait: long_run_rate_ratio, below: 2 * true_response_cut}
    summaries:
      first_scan: {first of: cel, during: combination}
    measures:
      first_scan: {label: "total CELs, first scan on treatment", value: 1 - first_scan / baseline_cel}
    loss: {stop_weight: 2 * weight_of_stopping}
""",
    "EffectPart": """\
extends: ms_daclizumab
effect:
  parameter: daclizumab.median_rate_ratio
  range: [0.1, 1]
  none: {daclizumab.median_rate_ratio: 1, daclizumab.rate_ratio_log_sd: 0}
""",
    "InterimPart": """\
extends: ms_randomised
title: The randomised daclizumab trial, with looks at the accumulating data
interim:
  of: arm
  control: placebo
  data_lag: 2 weeks
  decided_after: 4 weeks
  statistics: {z: {z of: passed_between_arms}, passed: {value of: passed_the_rule}, per_look: z / look}
  boundaries:
    efficacy: {spends: 2.5 %, as: obrien_fleming}
    futility: {values: [0, 0, 0]}
  looks: {when: {followed: {from: 30, every: 30, to: 120}, for: 26 weeks}}
  rules:
    - {stop: efficacy, when: z >= efficacy}
    - {stop: futility, when: z < futility and passed < 50 %}
    - {at: last, conclude: no effect, otherwise: true}
""",
    "LookPart": """\
extends: ms_randomised
title: Looks with names of their own
interim:
  information: {followed: 120, for: 26 weeks}
  statistics: {z: {z of: passed_between_arms, followed for: 26 weeks}}
  looks:
    early: {when: {members of: decided, number: 20}, not_before: 40 weeks, at_the_latest: 200 weeks}
    half: {when: {information: 50 %}, after_previous: 12 weeks}
    end: {when: {followed: 120, for: 26 weeks}}
  rules:
    - {at: [early, half], stop: efficacy, when: z >= 3}
    - {at: end, conclude: effect, when: z >= 2}
    - {at: end, conclude: no effect, otherwise: true}
""",
    "EndpointPart": """\
extends: ms_daclizumab
endpoints:
  scans_missed: {kind: visits, variable: cel, label: Planned scans not made, among: enrolled}
""",
    "AnalysisPart": """\
extends: ms_daclizumab
analysis:
  half_controlled:
    label: Test finds more than half controlled
    kind: exact_binomial
    of: controlled_on_monotherapy
    target: 50 %
    level: 2.5 %
""",
    "PublishedPart": """\
extends: ms_daclizumab
published:
  adverse_events:
    value: 5/15
    role: fitted
    source: Bielekova 2009 abstract
    mark: F
    note: the hazard of adverse events was derived from it
""",
}
"""Parts that hold only one another (`responder`, `loss`, `measures`) share the example of what holds them."""

TARGETS = """\
parameters:
  drugs.daclizumab.median_rate_ratio: {scale: log}
  rescue_level: {range: [50 %, 150 %]}
targets:
  new_cel_inhibition: {value: 72 %, source: Bielekova 2009 abstract, mark: F}
  controlled_on_monotherapy: {value: 9/13, source: Bielekova 2009 abstract, mark: F}
"""
"""A file of targets, for `protocolsim calibrate ms_daclizumab --to FILE`."""
