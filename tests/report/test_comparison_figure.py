"""The figure of what differs between two designs draws the comparison's own numbers."""

from __future__ import annotations

import pytest

from protocolsim.errors import UsageError
from protocolsim.report.comparison.figures import difference_frame, differences
from protocolsim.report.style.figures import caption, rows, svg
from protocolsim.scenario.load import load
from protocolsim.study.compare import compare


@pytest.fixture(scope="module")
def found():
    return compare(load("ms_no_drug"), load("ms_daclizumab"), replicates=10)


def test_every_share_is_drawn_with_its_paired_error(found):
    """Percentage points and two paired errors on either side, of the shares and of nothing else."""
    frame = difference_frame(found).set_index("name")
    shares = {p.name: p for p in found.pairs if p.a.unit == "%" and p.difference == p.difference}
    assert set(frame.index) == set(shares)
    for name, pair in shares.items():
        assert frame.loc[name, "difference"] == pytest.approx(100 * (pair.b.value - pair.a.value))
        if pair.mcse == pair.mcse:
            assert frame.loc[name, "upper"] - frame.loc[name, "lower"] == pytest.approx(400 * pair.mcse)


def test_the_figure_is_about_these_rows(found):
    """What can be downloaded are the rows that are drawn, and the words name the largest difference."""
    chart = differences(found)
    drawn = rows(chart)
    assert set(drawn["name"].dropna()) == set(difference_frame(found)["name"])
    largest = str(difference_frame(found).set_index("label")["difference"].abs().idxmax())
    assert f"Largest: {largest.replace(chr(10), ' ')}" in caption(chart)
    assert "<svg" in svg(chart)


def test_without_a_common_share_there_is_nothing_to_draw(found):
    """That is said in words."""
    import dataclasses

    with pytest.raises(UsageError, match="no share"):
        differences(dataclasses.replace(found, pairs=()))
