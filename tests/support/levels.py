"""A trial so plain that the variance of its result is known in closed form.

Each patient has a level: first + 2 x second + SD x a standard normal number, and `idle` does nothing. A trial of N
patients reports their mean, whose variance is Var(first) + 4 Var(second) + SD^2 / N. A parameter in the middle of its
plausible range is uniform over it.
"""

from __future__ import annotations

from protocolsim.scenario.build.assemble import build
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.scenario import Scenario

SD = 6.0
FIRST, SECOND = 6.0, 1.5
"""Half the width of the plausible range of each."""
_TEXT = """\
title: Levels
seed: 5
replicates: 400
parameters:
  cut: {{value: 100, range: [50, 150]{plausible}, meaning: a choice of the design}}
cohort: {{size: {size}, disease: levels{cohort}}}
models:
  levels:
    kind: disease
    meaning: a level that each patient has
    parameters:
      first: {{value: 80, range: [74, 86], meaning: first part, mark: A}}
      second: {{value: 10, range: [8.5, 11.5], meaning: second part, mark: {mark}, source: a text}}
      idle: {{value: 1, range: [0, 2], meaning: what nothing reads, mark: A}}
    traits:
      own: {{normal: {{mean: first + 2 * second, sd: 6}}, meaning: own level}}
    assessments:
      visit: {{level: {{shows: own, meaning: level}}}}
protocol:
  states:
    treated: {{enrolled: true, assessments: {{visit: {{weeks: [0]}}}}, lasts: 1 week}}
    done: {{final: completed}}
  transitions:
    - {{from: treated, to: done}}
endpoints:
  mean: {{kind: level, variable: level, at: 0 weeks}}
  high: {{kind: level, variable: level, at: 0 weeks, reading: share, at_least: cut}}
published:
  mean: {{value: 88, role: checked, source: made up, mark: A}}
"""


def levels(*, size: int = 9, mark: str = "A", cohort: str = "", plausible: str = "") -> Scenario:
    """The trial; `mark` is that of the second parameter.

    `cohort` and `plausible` are more that the file says of the cohort, and of the scenario's own parameter.
    """
    text = _TEXT.format(size=size, mark=mark, cohort=cohort, plausible=plausible)
    return build(parse(text, "levels.yaml"))
