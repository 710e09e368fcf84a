"""A posterior in a file: what calibrate writes, how it is drawn from, and every way in which it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import protocolsim
from protocolsim.errors import UsageError
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.parameters.asked import draws_asked
from protocolsim.study.parameters.draws import ParameterDraws
from protocolsim.study.parameters.posterior_file import POSTERIOR, posterior_text, sealed
from tests.cli.test_cli import command as command  # noqa: PLC0414 - a fixture, used by name
from tests.support.levels import levels

MS = "ms_daclizumab"
PATHS = ("drugs.daclizumab.median_rate_ratio", "drugs.daclizumab.severe_event_rate")
ROWS = [(0.2, 0.008), (0.25, 0.010), (0.3, 0.015), (0.4, 0.020)]
WEIGHTS = [0.1, 0.2, 0.3, 0.4]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A posterior of the shipped trial: four joint draws, in which one value goes with the other."""
    path = tmp_path / POSTERIOR
    path.write_text(posterior_text(load(MS), PATHS, ROWS, WEIGHTS), encoding="utf-8")
    return path


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(sealed(content)))
    return path


def draws_of(path: Path, scenario: Scenario | None = None, seed: int = 1) -> ParameterDraws:
    draws = draws_asked(load(MS) if scenario is None else scenario, path, seed)
    assert draws is not None
    return draws


def test_joint_draws_by_weight(file: Path) -> None:
    """Rows stay together, each comes as often as its weight says, and the draw belongs to its number and seed."""
    draws = draws_of(file)
    table = draws.table(range(4000))
    assert {tuple(row) for row in table.tolist()} == set(ROWS)
    for row, weight in zip(ROWS, WEIGHTS, strict=True):
        count = (table[:, 0] == row[0]).sum()
        assert abs(count - 4000 * weight) < 5 * np.sqrt(4000 * weight * (1 - weight))
    assert np.array_equal(draws.table(range(7, 9)), table[7:9])
    assert not np.array_equal(draws_of(file, seed=2).table(range(20)), table[:20])


def test_a_folder_is_its_posterior(file: Path) -> None:
    """The folder that calibrate wrote may be named in place of the file in it."""
    assert draws_of(file.parent).table(range(9)).tolist() == draws_of(file).table(range(9)).tolist()


def test_designs_stay_paired(file: Path) -> None:
    """Another design of the same models has the same draws; what it supposes, or is set, is held."""
    ours = draws_of(file)
    theirs = draws_of(file, load("ms_threshold_50"))
    assert np.array_equal(ours.table(range(9)), theirs.table(range(9)))
    for held in (draws_of(file, load("ms_no_drug")), draws_of(file, load(MS, set={"median_rate_ratio": 0.3}))):
        assert [p.path for p in held.parameters] == [PATHS[1]]


def test_it_is_used(file: Path) -> None:
    """The trials have what was drawn: only these parameters vary, and the file is named."""
    result = protocolsim.run(MS, replicates=24, parameters=file)
    frame = result.draws_frame
    assert set(frame["parameter.daclizumab.median_rate_ratio"]) <= {row[0] for row in ROWS}
    drawn = ["parameter.daclizumab.median_rate_ratio", "parameter.daclizumab.severe_event_rate"]
    assert [c for c in map(str, frame) if c.startswith("parameter.")] == drawn
    said = result.summary()["parameters"]
    assert (said["drawn_from"], said["source"]) == ("posterior", str(file))


def test_calibrate_writes_it(tmp_path: Path) -> None:
    """The draws of a calibration with their weights, as its own table has them; run reads them back."""
    scenario = levels()
    (tmp_path / "targets.yaml").write_text(
        "parameters:\n  first: {}\ntargets:\n  mean: {value: 98, standard_error: 2, source: made up, mark: A}\n"
    )
    fitted = protocolsim.calibrate(scenario, str(tmp_path / "targets.yaml"), points=32, trials=2)
    path = tmp_path / POSTERIOR
    path.write_text(fitted.posterior_json)
    draws = draws_of(path, scenario)
    assert [p.key for p in draws.parameters] == ["levels.first"]
    assert draws.joint is not None
    assert draws.joint.values == tuple((v,) for v in fitted.draws["first"].tolist())
    assert draws.joint.weights == tuple(fitted.draws["weight"].tolist())
    found = protocolsim.run(scenario, replicates=40, parameters=path)
    assert found.drawn is not None
    assert found.drawn.estimates["mean"].value < found.estimates["mean"].value


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no posterior": (lambda c: c.pop("format"), "this is no posterior that calibrate wrote"),
    "no weights": (lambda c: c.update(weights=[0, 0, 0, 0]), "this is no posterior that calibrate wrote"),
    "too few weights": (lambda c: c["weights"].pop(), "this is no posterior that calibrate wrote"),
    "a short row": (lambda c: c["draws"][1].pop(), "this is no posterior that calibrate wrote"),
    "no number": (lambda c: c["draws"][1].insert(0, "x"), "this is no posterior that calibrate wrote"),
    "unknown": (
        lambda c: c["parameters"][0].update(name="daclizumab.median_rate_ration", path="drugs.daclizumab.x"),
        "unknown parameter 'daclizumab.median_rate_ration'; did you mean 'daclizumab.median_rate_ratio'?",
    ),
    "another unit": (lambda c: c["parameters"][1].update(unit="mg"), "daclizumab.severe_event_rate is in mg; expected"),
    "outside": (
        lambda c: c["draws"][2].__setitem__(0, -0.5),
        "draw 2: daclizumab.median_rate_ratio = -0.5 is below 0.001, the least that is accepted",
    ),
    "not finite": (lambda c: c["draws"][2].__setitem__(1, float("nan")), "draw 2: daclizumab.severe_event_rate = nan"),
    "other models": (
        lambda c: c.update(models=["x"]),
        "belongs to 'ms_daclizumab', whose models are x; this scenario has",
    ),
    "other values": (
        lambda c: c["values"].update({"cohort.new_lesion_rate": 9.0}),
        "belongs to 'ms_daclizumab', where relapsing_ms.new_lesion_rate is 9 / 4 weeks; here it is 1.2 / 4 weeks",
    ),
    "nothing left": (
        lambda c: c.update(parameters=c["parameters"][:1], draws=[r[:1] for r in c["draws"]]),
        "",
    ),
}


@pytest.mark.parametrize("why", [name for name in REFUSED if name != "nothing left"])
def test_refusals(file: Path, command, why: str) -> None:
    """Each fault of the file is one sentence that names it, with status 2 and no traceback."""
    change, said = REFUSED[why]
    status, out, err = command("run", MS, "--parameters", str(changed(file, change)))
    assert (status, out) == (2, "")
    assert said in err, err
    assert err.count("\n") == 1


def test_another_scenario(file: Path) -> None:
    """A posterior of other models, or of a scenario that holds all of its parameters, is refused."""
    with pytest.raises(UsageError, match=r"belongs to 'ms_daclizumab', whose models are .*; this scenario has levels"):
        draws_of(file, levels())
    only = changed(file, REFUSED["nothing left"][0])
    with pytest.raises(UsageError, match="holds all of its parameters at values of its own"):
        draws_of(only, load("ms_no_drug"))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format": 1}', b"12"])
def test_no_posterior(tmp_path: Path, content: bytes) -> None:
    """Whatever else stands in a file: it is none."""
    path = tmp_path / "some.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="this is no posterior that calibrate wrote"):
        draws_of(path)


def test_whatever_is_changed_is_refused(file: Path) -> None:
    """Of any single bit that is flipped, and any byte that is lost, the file is refused or draws what it did."""
    whole, scenario = file.read_bytes(), load(MS)
    table = draws_of(file, scenario).table(range(50)).tolist()
    refused = 0
    for place in range(0, len(whole), 7):
        for spoilt in (bytes([whole[place] ^ (1 << place % 7)]), b""):
            file.write_bytes(whole[:place] + spoilt + whole[place + 1 :])
            try:
                assert draws_of(file, scenario).table(range(50)).tolist() == table, place
            except UsageError:
                refused += 1
    assert refused > len(whole) // 7


def test_not_there(tmp_path: Path) -> None:
    """A file or folder without a posterior."""
    with pytest.raises(UsageError, match="there is no such file"):
        draws_of(tmp_path / "none.json")
    with pytest.raises(UsageError, match="there is no such file"):
        draws_of(tmp_path)
