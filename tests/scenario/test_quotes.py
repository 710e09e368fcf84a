"""Findings and companions are looked at before anybody is simulated, each fault at its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from protocolsim.cli import main
from protocolsim.errors import ScenarioError
from protocolsim.scenario.check import Checked, check, check_text
from protocolsim.scenario.load import load
from protocolsim.study.companions import companions

TRIAL = """title: A trial beside others
cohort: {size: 3, disease: relapsing_ms, arrives_on: nothing}
protocol:
  states:
    only: {enrolled: true, assessments: {mri: {weeks: [0]}}, lasts: 4 weeks}
    done: {final: completed}
  transitions:
    - {from: only, to: done}
endpoints:
  kept: {kind: share, entered: done}
  seen: {kind: share, entered: done}
beside:
  - ms_no_drug
  - ./other.yaml
findings:
  - Here {kept}, there {./other.yaml.kept}.
  - "{ms_no_drug.relapses}"
"""
OTHER = "\n".join(TRIAL.split("\n")[:10]) + "\n"


def _folder(tmp_path: Path, text: str = TRIAL, other: str | None = OTHER) -> str:
    (tmp_path / "trial.yaml").write_text(text)
    if other is not None:
        (tmp_path / "other.yaml").write_text(other)
    return str(tmp_path / "trial.yaml")


def _faults(checked: Checked) -> list[tuple[int, str]]:
    return [(f.line, f.message) for f in checked.findings if f.severity == "fault"]


def test_a_number_that_a_companion_does_not_have_has_its_line(tmp_path):
    """Of a shipped companion and of a file alike; what the companion has is no fault."""
    found = _faults(check(_folder(tmp_path, TRIAL.replace("yaml.kept", "yaml.seen"))))

    assert [line for line, _ in found] == [16, 17]
    assert "unknown endpoint 'seen'; known here: kept, in './other.yaml'" in found[0][1]
    assert "unknown endpoint 'relapses'" in found[1][1]


def test_what_only_a_companion_has_may_be_quoted(tmp_path):
    """A sentence may quote an endpoint that this scenario itself does not have, and the table has a row for it."""
    text = TRIAL.replace("ms_no_drug.relapses", "./other.yaml.more").replace("  - ms_no_drug\n", "")
    path = _folder(tmp_path, text, OTHER + "  more: {kind: share, entered: done}\n")

    assert _faults(check(path)) == []
    ran = CliRunner().invoke(main, ["run", path, "--replicates", "2", "--out", str(tmp_path / "out")])
    assert ran.exit_code == 0
    assert 'class="beside"' in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (None, "there is no such file"),
        (OTHER.replace("to: done", "to: don"), "has faults of its own (line 8: protocol.transitions[0].to"),
        ("a: [", "has faults of its own (line 1"),
    ],
)
def test_a_companion_that_cannot_be_used_is_a_fault_where_it_stands(tmp_path, other, said):
    """A file that is missing, or has faults, is found by `check` at its line in `beside`."""
    found = _faults(check(_folder(tmp_path, TRIAL.replace("ms_no_drug.relapses", "kept"), other)))

    assert [line for line, _ in found] == [14]
    assert said in found[0][1]


def test_nothing_is_simulated_in_vain(tmp_path, monkeypatch):
    """`run` refuses with the same fault, before it simulates or makes a folder."""
    path = _folder(tmp_path)
    monkeypatch.setattr("protocolsim.study.run.run", lambda *_, **__: pytest.fail("simulated in vain"))
    ran = CliRunner().invoke(main, ["run", path, "--out", str(tmp_path / "out")])

    assert ran.exit_code == 2
    assert "line 17, column 5  findings[1]: unknown endpoint 'relapses'" in ran.output
    assert not (tmp_path / "out").exists()
    with pytest.raises(ScenarioError, match="relapses"):
        companions(load(path))


def test_a_text_from_elsewhere_reads_no_file(tmp_path):
    """A text that is checked in the page may name any path beside it: no file is looked at."""
    text = TRIAL.replace("./other.yaml", str(tmp_path / "secret.yaml")).replace("ms_no_drug.relapses", "kept")
    (tmp_path / "secret.yaml").write_text("a: [")

    assert _faults(check_text(text)) == []


def test_an_engine_that_cannot_run_one_of_two_is_refused_first(monkeypatch):
    """Whether the engine can run both scenarios of a comparison is known before the first is simulated."""
    monkeypatch.setattr("protocolsim.study.compare.conduct", lambda *_, **__: pytest.fail("simulated in vain"))
    ran = CliRunner().invoke(main, ["compare", "ms_daclizumab", "ms_scanner_shortage", "--engine", "batch"])

    assert ran.exit_code == 2
    assert "ms_scanner_shortage: the batch engine cannot run this" in ran.output


class TestLooks:
    """Sentences may quote what looks bring about, by the names that a run gives them."""

    LOOKS = """extends: ms_randomised
interim:
  of: arm
  control: placebo
  statistics: {z: {z of: passed_between_arms}}
  looks: {when: {followed: [60, 120], for: 26 weeks}}
  rules:
    - {stop: efficacy, when: z >= 2.2}
findings:
  - "{trial[enrolled]} of 120, {ended[efficacy][look_1]} at the first look."
"""

    def test_a_name_of_a_run_is_known(self, tmp_path):
        """Nothing is found where the names are right."""
        assert _faults(check(_folder(tmp_path, self.LOOKS))) == []

    @pytest.mark.parametrize("name", ["trial[enroled]", "ended[futility]", "ended[efficacy][look_3]"])
    def test_another_is_a_fault(self, tmp_path, name):
        """A reason or a look that there is not has its line."""
        found = _faults(check(_folder(tmp_path, self.LOOKS.replace("trial[enrolled]", name))))

        assert [line for line, _ in found] == [10]
        assert f"unknown endpoint '{name}'" in found[0][1]

    def test_a_fault_of_the_looks_is_no_second_one(self, tmp_path):
        """Where the looks cannot be read, nobody can tell what they bring about."""
        found = _faults(check(_folder(tmp_path, self.LOOKS.replace("z >= 2.2", "zz >= 2.2"))))

        assert [line for line, _ in found] == [8]

    def test_without_looks_there_is_none(self, tmp_path):
        """A trial without looks brings none of it about."""
        text = self.LOOKS[: self.LOOKS.index("interim:")] + self.LOOKS[self.LOOKS.index("findings:") :]

        assert len(_faults(check(_folder(tmp_path, text)))) == 2
