"""The populations of relapsing MS: whose patients a trial enrols, with the published rows that each follows from.

How each value follows stands in `relapsing_ms.md`, and `tests/models/test_relapsing_populations.py` simulates the rows.
"""

from __future__ import annotations

from protocolsim.disease.base import PatientPopulation, PopulationValue

CHOICE = "CHOICE placebo arm, 4.75 new or enlarged lesions in the 5 scans of weeks 8 to 24 (Wynn 2010)"
VELEZ = "9 NIH patients over 48 months (Velez de Mendizabal 2013, PLoS ONE 8:e73361)"
_VELEZ_MODEL = f"published model of {VELEZ}"
_STELLMANN = "placebo cohorts after 6 months, 1.19 lesions a scan (0.87 to 1.51; Stellmann 2015)"
_SPREADS = "SELECT placebo (size 0.50), REFLEX (mean 1.3, SD 2.9, 41 % with a lesion), Amsterdam (43 % of scans)"
_DECIDE = "DECIDE on interferon beta at week 96 (mean 1.0, SD 2.8)"
_ELSEWHERE = "correlation of monthly counts near 0.1, variance-to-mean ratio of 1.9 within patients"

POPULATIONS = (
    PatientPopulation(
        "nih_interferon_failures",
        "patients of the NIH clinic, still active on interferon beta, as in the trial of daclizumab of 2009",
        arrives_on="interferon_beta",
    ),
    PatientPopulation(
        "nih_natural_history",
        "untreated patients whom the NIH clinic follows by monthly MRI",
        values=(
            PopulationValue(
                "new_lesion_rate", 3.16, 2.0, 5.0, "D",
                f"{VELEZ}: 3.26 a month [F2], less the mean excess of referral, 3 %; range: two standard errors of 9"
                " patients",
            ),
            PopulationValue(
                "new_lesion_rate_log_sd", 0.82, 0.5, 1.1, "D",
                f"{_VELEZ_MODEL}: coefficient of variation between patients 0.97 = sqrt(exp(s^2) - 1)",
            ),
            PopulationValue(
                "activity_sd", 0.58, 0.4, 0.75, "D",
                f"{_VELEZ_MODEL}: variance-to-mean ratio 1.9 = 1 + m (exp(s^2) - 1) at its typical patient's m = 2.29",
            ),
            PopulationValue(
                "activity_autocorrelation", 0.87, 0.6, 0.95, "D",
                f"{_VELEZ_MODEL}: least squares to its autocorrelations of 0.51, 0.37 and 0.23 in 1 to 3 months;"
                " at a variance-to-mean ratio of 1.9 none can be above 0.47",
            ),
        ),
    ),
    PatientPopulation(
        "interferon_failures",
        "patients of large trials who are active on interferon beta, as in CHOICE; before a trial's own entry rule",
        arrives_on="interferon_beta",
        values=(
            PopulationValue(
                "new_lesion_rate", 0.82, 0.5, 1.3, "D",
                f"{CHOICE}: 0.95 a scan, less the mean excess of referral in those weeks, 15 %; range: [A]",
            ),
            PopulationValue(
                "new_lesion_rate_log_sd", 1.35, 1.0, 1.5, "D",
                f"{_DECIDE}: log-variance 2.04 of one scan, less 0.23 within patients; the interval of CHOICE's high"
                " dose, 34 to 88 % [M], asks for 1.4",
            ),
            PopulationValue(
                "activity_autocorrelation", 0.25, 0.1, 0.6, "D", f"as of relapsing_trials: {_ELSEWHERE}"
            ),
        ),
    ),
    PatientPopulation(
        "relapsing_trials",
        "ordinary patients of large trials in relapsing disease, untreated when they come",
        values=(
            PopulationValue(
                "new_lesion_rate", 0.86, 0.55, 1.4, "D",
                f"{_STELLMANN}: 0.95 new, less the excess of referral that is left, 11 %; range: that interval, as wide"
                " again for a single trial [A]",
            ),
            PopulationValue(
                "new_lesion_rate_log_sd", 1.15, 0.9, 1.4, "D",
                f"{_SPREADS}: log-variances of one scan of 1.10, 1.64, 2.4 and 1.2, on average 1.55, less 0.23 within"
                " patients",
            ),
            PopulationValue("activity_autocorrelation", 0.25, 0.1, 0.6, "D", _ELSEWHERE),
        ),
    ),
)  # fmt: skip
