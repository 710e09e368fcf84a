"""What is known of daclizumab in numbers, and how: what each route has of its own, and what both share.

Marks: F found in text, F2 found second-hand, D derived from found numbers, A assumption, M from memory.
"""

from __future__ import annotations

from protocolsim.component import Parameter

_LABEL = "Zenapax label (renal transplantation, 80 kg)"
_OTHMAN = "Othman 2014, Clin Pharmacokinet 53:907"
_DIAO = "Diao 2016, Br J Clin Pharmacol 82:1333-42"
_TRIAL = "Bielekova 2009, Arch Neurol 66:483-9"
_CHOICE = "CHOICE (Wynn 2010, Lancet Neurol 9:381-90)"
_DECIDE = "DECIDE, Mult Scler 2018;24:1725"

# What the antibody does at a concentration is one thing, however it got there.
_RESPONSE = (
    Parameter("rate_ratio_log_sd", 0.8, "", 0.5, 1.0, "D", f"calibrated together with the median ({_TRIAL})",
              "spread of the rate ratio between patients (SD of its logarithm)"),
    Parameter("half_effect_concentration", 6.0, "mg/L", 4.0, 10.0, "D",
              f"low and high dose of {_CHOICE}",
              "concentration with half of the greatest effect on the log rate"),
    Parameter("effect_steepness", 1.0, "", 0.5, 4.44, "A",
              f"no trial tells it: 1 serves both arms of CHOICE; CD25 is left free with exponent 4.44 ({_DIAO})",
              "Hill exponent of the concentration in the effect on new lesions; 1 is plain saturation", scale="log"),
    Parameter("effect_onset", 6.0, "weeks", 2.0, 10.0, "A",
              f"CHOICE counts from week 8; NK half-life 42 days ({_DIAO})",
              "time constant with which the effect on new lesions comes and goes"),
    Parameter("on_drug_concentration", 1.0, "mg/L", 0.1, 2.0, "A",
              f"CD25 back to baseline at or below 1 mg/L ({_DIAO})",
              "below this a patient's own deviation from the median effect fades with the concentration"),
)  # fmt: skip
_LYMPHOCYTES = (
    Parameter("median_weight", 72.0, "kg", 50.0, 100.0, "A", "",
              "body weight of the median patient, for whom median_rate_ratio holds"),
    Parameter("nk_baseline", 0.6, "%", 0.3, 1.0, "F2", _DIAO, "median share of NK cells off drug", least=0.001),
    Parameter("nk_baseline_log_sd", 0.67, "", 0.0, 1.0, "D", f"median 0.6, mean 0.75 ({_DIAO})",
              "spread of that baseline between patients (SD of its logarithm)"),
    Parameter("nk_production", 4.12e-4, "%/h", 2e-4, 8e-4, "F2", _DIAO,
              "production of CD56bright NK cells off drug; over the baseline it is their rate of loss, alike in all"),
    Parameter("nk_max_expansion", 7.89, "", 4.0, 12.0, "F2", _DIAO,
              "greatest rise of that production, as a multiple of itself (median)"),
    Parameter("nk_max_expansion_cv", 67.0, "%", 0.0, 100.0, "F2", _DIAO, "spread of that rise between patients"),
    Parameter("nk_half_effect_concentration", 18.0, "mg/L", 9.0, 36.0, "F2", _DIAO,
              "concentration with half of the greatest rise"),
    Parameter("nk_effect_correlation", -0.4, "", -0.7, -0.2, "A",
              "direction: NK expansion correlates with response (Bielekova 2006, PNAS 103:5941-6)",
              "correlation of the log of the NK rise with the log rate ratio, between patients", least=-1, most=1),
    Parameter("nk_residual_cv", 29.0, "%", 0.0, 50.0, "F2", _DIAO, "error of one NK measurement"),
    Parameter("cd8_fall", 9.3, "%", 2.0, 20.0, "F", _DECIDE,
              "fall of CD8 T cells on 150 mg every 4 weeks, after 96 weeks", most=99),
    Parameter("cd8_fall_concentration", 22.8, "mg/L", 15.0, 30.0, "D", "AUC 638 mg d/L over 28 days (150 mg label)",
              "average concentration at which that fall was seen"),
    Parameter("cd8_half_effect_concentration", 2.07, "mg/L", 0.5, 10.0, "A",
              f"taken from the desaturation of CD25 ({_DIAO})",
              "concentration with half of the greatest fall of CD8 T cells"),
    Parameter("cd8_time", 4.0, "weeks", 2.0, 12.0, "A", f"most of the fall by week 24, reversible in 12 ({_DECIDE})",
              "time constant with which CD8 T cells fall and recover"),
    Parameter("cd8_assay_cv", 10.0, "%", 0.0, 25.0, "A", "", "error of one CD8 measurement"),
)  # fmt: skip
_EVENTS = (
    Parameter("severe_event_rate", 0.009, "1/4 weeks", 0.0043, 0.025, "D", f"2 of 15 in 62 weeks ({_TRIAL})",
              "rate of adverse events that end treatment, on the reference dose"),
    Parameter("adverse_event_rate", 0.01716, "1/4 weeks", 0.005, 0.05, "D",
              f"5 of 15 with any adverse effect in 62 weeks ({_TRIAL}), less the severe ones",
              "rate of adverse events that do not end treatment, on the reference dose"),
)  # fmt: skip

INTRAVENOUS = (
    Parameter("clearance", 0.36, "L/day", 0.2, 0.5, "F", _LABEL, "clearance at the reference weight"),
    Parameter("central_volume", 2.5, "L", 2.0, 4.0, "F", _LABEL, "central volume at the reference weight"),
    Parameter("peripheral_volume", 3.4, "L", 2.0, 4.0, "F", _LABEL, "peripheral volume at the reference weight"),
    Parameter("intercompartmental_clearance", 0.207, "L/day", 0.1, 1.1, "D",
              f"the half-life of 20 days in the {_LABEL}",
              "exchange between the two compartments at the reference weight"),
    Parameter("reference_weight", 80.0, "kg", 50.0, 100.0, "F", _LABEL, "body weight for the four numbers above"),
    Parameter("clearance_weight_exponent", 0.54, "", 0.0, 1.0, "F", _OTHMAN, "power of body weight in both clearances"),
    Parameter("volume_weight_exponent", 0.64, "", 0.0, 1.2, "F", _OTHMAN, "power of body weight in both volumes"),
    Parameter("clearance_cv", 27.0, "%", 10.0, 51.0, "F2", _OTHMAN, "spread of clearance at one body weight"),
    Parameter("central_volume_cv", 31.0, "%", 20.0, 40.0, "F2", _OTHMAN, "spread of central volume at one body weight"),
    Parameter("median_rate_ratio", 0.42, "", 0.15, 0.6, "D",
              f"serves both arms of {_CHOICE}, by the curve of concentration that 0.34 under the skin gives",
              "rate of new lesions over that off drug: the median patient in the steady state of the reference regimen,"
              " at the scan before an infusion", least=0.001),
    *_RESPONSE,
    Parameter("reference_dose", 1.0, "mg/kg", 0.5, 2.0, "F", _TRIAL, "dose of the reference regimen"),
    Parameter("reference_interval", 4.0, "weeks", 2.0, 8.0, "F", _TRIAL, "interval of the reference regimen"),
    *_LYMPHOCYTES,
    *_EVENTS,
    Parameter("adverse_event_dose_exponent", 0.0, "", 0.0, 2.0, "A", "", "power of the dose in both rates"),
)  # fmt: skip

SUBCUTANEOUS = (
    Parameter("clearance", 0.215, "L/day", 0.17, 0.26, "D",
              f"0.212 L/day at 68 kg in relapsing MS ({_DIAO}); healthy volunteers 0.24 ({_OTHMAN})",
              "clearance at the reference weight"),
    Parameter("central_volume", 3.89, "L", 2.5, 5.0, "F", _OTHMAN, "central volume at the reference weight"),
    Parameter("peripheral_volume", 2.52, "L", 1.5, 4.0, "F", _OTHMAN, "peripheral volume at the reference weight"),
    Parameter("intercompartmental_clearance", 1.056, "L/day", 0.2, 2.0, "F", f"44 mL/h ({_OTHMAN})",
              "exchange between the two compartments at the reference weight"),
    Parameter("reference_weight", 70.0, "kg", 50.0, 100.0, "F", _OTHMAN, "body weight for the four numbers above"),
    Parameter("clearance_weight_exponent", 0.54, "", 0.0, 1.0, "F", _OTHMAN, "power of body weight in both clearances"),
    Parameter("volume_weight_exponent", 0.64, "", 0.0, 1.2, "F", _OTHMAN, "power of body weight in both volumes"),
    Parameter("clearance_cv", 27.0, "%", 10.0, 51.0, "F2", _OTHMAN, "spread of clearance at one body weight"),
    Parameter("central_volume_cv", 31.0, "%", 20.0, 40.0, "F2", _OTHMAN, "spread of central volume at one body weight"),
    Parameter("absorption_rate", 0.009, "1/h", 0.005, 0.015, "F2", _OTHMAN,
              "rate at which what is under the skin is absorbed (median)", least=0.0001),
    Parameter("absorption_cv", 58.0, "%", 0.0, 80.0, "F2", _OTHMAN, "spread of that rate between patients"),
    Parameter("absorption_clearance_correlation", -0.72, "", -0.9, 0.0, "F2", _OTHMAN,
              "correlation of the logs of absorption rate and clearance, between patients", least=-1, most=1),
    Parameter("absorption_lag", 2.0, "h", 0.0, 12.0, "F2", _OTHMAN,
              "time from the injection until absorption begins", least=0.0,
              most=24.0),
    Parameter("availability", 84.0, "%", 80.0, 95.0, "F2",
              f"{_OTHMAN}; 88 % ({_DIAO}), about 90 % (label)", "share of a large dose that is absorbed", most=100),
    Parameter("small_dose_availability", 57.0, "%", 40.0, 84.0, "F2", f"50 mg ({_OTHMAN})",
              "share of a small dose that is absorbed", most=100),
    Parameter("small_dose", 50.0, "mg", 25.0, 60.0, "F2", _OTHMAN,
              "dose up to which that share holds; between this and the next the share rises in a straight line",
              most=60.0),
    Parameter("large_dose", 100.0, "mg", 70.0, 150.0, "A", "",
              "dose from which on a large dose's share is absorbed", least=70.0),
    Parameter("median_rate_ratio", 0.34, "", 0.15, 0.6, "D",
              f"both arms of {_CHOICE} then lie inside what one such trial shows",
              "rate of new lesions over that off drug: the median patient in the steady state of the reference regimen,"
              " at the scan before an injection", least=0.001),
    *_RESPONSE,
    Parameter("reference_dose", 1.0, "mg/kg", 0.5, 2.0, "F", f"low dose of {_CHOICE}", "dose of the reference regimen"),
    Parameter("reference_interval", 4.0, "weeks", 2.0, 8.0, "F", f"low dose of {_CHOICE}",
              "interval of the reference regimen", least=1.0),
    *_LYMPHOCYTES,
    *_EVENTS,
)  # fmt: skip
