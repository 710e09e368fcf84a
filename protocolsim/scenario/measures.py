"""What a study of a decision reports beside the trial's endpoints: its measures and columns have names of their own.

They stand on this floor because what a file names must not meet them (reserved.py).
"""

from __future__ import annotations

from collections.abc import Mapping

OWN = "own"
"""The definition of the measure that the rule itself compares, beside those that the file names."""

BRANCH = "branch"
"""The column that names the branch of the decision."""

_ALL = "those who reach the decision"
MEASURES: Mapping[str, tuple[str, str, str]] = {
    "share_sent": ("Share that passes the rule", "%", _ALL),
    "sensitivity": ("Sensitivity: true responders who pass", "%", "true responders who reach the decision"),
    "specificity": ("Specificity: others who do not pass", "%", "those without a true response who reach the decision"),
    "predictive_value_positive": ("True responders among those who pass", "%", "those who pass"),
    "predictive_value_negative": ("Others among those who do not pass", "%", "those who do not pass"),
    "expected_count": (
        "Expected count over the horizon",
        "",
        f"{_ALL}, hidden means rather than chance, as if nobody stopped",
    ),
    "expected_stop": ("Probability of stopping over the horizon", "%", f"{_ALL}, from the hazard in force"),
    "expected_dose": ("Expected dose over the horizon", "mg/kg", f"{_ALL}, as if nobody stopped"),
    "expected_loss": ("Expected loss over the horizon", "", f"{_ALL}, at the scenario's weights"),
}
"""Of a decision, by name: the label, the unit, and the population."""

POTENTIAL_OUTCOME_COLUMNS = ("replicate", "subject", BRANCH, "measured", "went", "entered", "outcome", "end_day")
FOLLOWING = ("count_after", "expected_count_after", "dose_after", "expected_dose_after", "stop_probability_after")
"""The columns of the table of potential outcomes, one row a subject and branch; one for each endpoint follows them."""
