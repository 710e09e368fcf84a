"""How long patients wait: every planned assessment that waits for a resource stands in one bar, once."""

from __future__ import annotations

import pytest

from protocolsim.endpoint.subjects.rows import rows_of
from protocolsim.errors import UsageError
from protocolsim.records import MADE
from protocolsim.report.run.waiting import NOT_MADE, ON_TIME, delays, waiting
from protocolsim.report.style.figures import alternative
from protocolsim.scenario.load import load
from protocolsim.study.run import run

QUEUED = run(load("ms_scanner_shortage"), replicates=1)


def test_the_bars_are_all_planned_assessments():
    """Shares add up to one, those not made are the endpoint's, and the mean delay of the others is too."""
    frame = delays(QUEUED)
    assert frame["share"].sum() == pytest.approx(1.0)
    share = dict(zip(frame["days"], frame["share"], strict=True))
    assert share[NOT_MADE] == pytest.approx(QUEUED.estimates["scans_missed"].value)
    whole = sum(int(day) * part for day, part in share.items() if day not in (ON_TIME, NOT_MADE))
    mean = QUEUED.estimates["scan_delay"].value
    assert whole / (1.0 - share[NOT_MADE]) <= mean < whole / (1.0 - share[NOT_MADE]) + 1.0
    # Counted by hand, one variable of the scan at a time.
    records = QUEUED.shown
    table = records["observations"]
    mine = table["variable"] == records.labels.variables.index("cel")
    mine &= records["subjects"]["enrolled"][rows_of(records, "observations")]
    assert share[NOT_MADE] == pytest.approx(float((table["status"][mine] != MADE).mean()))


def test_two_trials_stand_side_by_side():
    """Both have their title and their numbers in words; where none waits there is nothing to draw."""
    said = alternative(waiting([("one", QUEUED), ("other", QUEUED)]))
    assert said.count("% not made") == 2
    assert "one: " in said
    with pytest.raises(UsageError, match="waits for a resource"):
        delays(run(load("ms_daclizumab"), replicates=1))
