"""The numbers of the README are those of the run that it names, to the digit."""

from __future__ import annotations

import re

from protocolsim.scenario.load import load
from protocolsim.study.run import run
from tests.support import readme_numbers


def test_the_table_is_what_the_command_gives():
    """Values, errors, ranges and published results are those of `protocolsim run ms_daclizumab` as it is shipped."""
    text = readme_numbers.README.read_text(encoding="utf-8")
    assert f"protocolsim run {readme_numbers.SCENARIO}" in text
    assert text == readme_numbers.renewed(text, readme_numbers.simulated()), (
        "renew with: python -m tests.support.readme_numbers"
    )


def test_what_passes_without_any_drug_is_what_is_said():
    """Of the patients "about a third" pass the rule on a drug that does nothing."""
    said = re.sub(r"\s+", " ", readme_numbers.README.read_text(encoding="utf-8"))
    assert "About a third of the patients pass the 75 % rule all the same" in said
    passed = run(load("ms_no_drug"), replicates=200).estimates["assigned_monotherapy"]
    assert abs(passed.value - 1 / 3) < 0.05
