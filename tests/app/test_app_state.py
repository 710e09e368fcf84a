"""What a visitor has set up: in the address, in a file, in a form made from the scenario alone."""

from __future__ import annotations

import contextlib
from functools import cache
from urllib.parse import urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocolsim.app.controls import controls
from protocolsim.app.described import DescribedPart, described
from protocolsim.app.limits import MOST_LETTERS, MOST_SUBJECTS, bounded, looked_at
from protocolsim.app.opening import opening
from protocolsim.app.session import _fresh
from protocolsim.app.state import VisitorState, restored, scenario_file, scenario_of
from protocolsim.app.view.catalogue import views
from protocolsim.app.view.rule import CurvePart
from protocolsim.errors import ProtocolsimError, ScenarioError, UsageError
from protocolsim.scenario.file.library import names
from protocolsim.scenario.load import load, load_text
from protocolsim.study.arguments import replicates_of_a_point
from protocolsim.study.decision.threshold_rule import ThresholdRule, threshold_rule
from tests.cli.test_cli import command

__all__ = ["command"]

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)
PAIRS = st.dictionaries(WORDS, WORDS, max_size=4).map(lambda d: tuple(sorted(d.items())))
STATES = st.builds(
    VisitorState,
    scenario=st.sampled_from(names()),
    text=st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=300),
    settings=PAIRS,
    other=PAIRS,
    replicates=st.none() | st.integers(1, 1000),
    seed=st.none() | st.integers(0, 1000),
    draw=st.integers(0, 1000),
    patient=st.integers(0, 1000),
    measure=st.sampled_from(["", "new"]),
    beside=st.sampled_from(["", "ms_no_drug"]),
    view=st.sampled_from(["", "rule"]),
)


@given(STATES)
def test_an_address_holds_the_whole_state(state):
    """Whatever was set up, its address restores exactly that."""
    assert restored(state.address(), VisitorState("another")) == state


@given(st.text(max_size=200))
def test_any_other_address_is_a_state_or_a_refusal(address):
    """No address breaks the page: it is read, or refused in words."""
    with contextlib.suppress(UsageError):
        assert isinstance(restored(address, VisitorState("ms_daclizumab")), VisitorState)


def test_an_address_does_not_swell():
    """A small address that unpacks into an enormous text is refused before it is unpacked."""
    bomb = VisitorState("x", text="a" * 20_000_000).address()
    assert len(bomb) < 100_000
    with pytest.raises(UsageError, match=r"longer than|damaged"):
        restored(bomb, VisitorState("ms_daclizumab"))
    with pytest.raises(UsageError, match="longer than"):
        scenario_of(VisitorState("x", text="a" * (MOST_LETTERS + 1)))


@pytest.mark.parametrize("name", names())
def test_every_scenario_has_a_form(name):
    """Each parameter has a row with its meaning and unit; set to its own value it changes nothing; ranges hold it."""
    scenario = load(name)
    rows = controls(scenario)
    assert {r.name for r in rows} >= set(scenario.named) | {f"{p.component}.{p.name}" for p in scenario.parameters}
    for row in rows:
        assert row.parameter.meaning
        assert (
            row.parameter.low is None
            or row.parameter.high is None
            or row.parameter.low <= row.value <= row.parameter.high
        )
    said = tuple(sorted((r.name, r.parameter.write(r.value)) for r in rows))
    own = scenario_of(VisitorState(name, settings=said))
    for key, named in scenario.named.items():
        assert own.named[key].value == pytest.approx(named.value, rel=1e-9)
    for before, after in zip(scenario.parameters, own.parameters, strict=True):
        assert after.value == pytest.approx(before.value, rel=1e-9)
    if scenario.effect is not None:
        assert rows[0].name == scenario.effect.parameter
        load(name, set=dict(scenario.effect.none))


def test_the_step_of_a_slider_is_round():
    """About a hundred steps over a range; whole ones where only whole numbers stand there."""
    steps = {r.name: r.step for r in controls(load("ms_daclizumab"))}
    assert (steps["response_threshold"], steps["eligible_cels"], steps["daclizumab_dose"]) == (1.0, 1.0, 0.1)


@pytest.mark.parametrize("name", ["ms_daclizumab", "ms_no_drug", "maa_daclizumab"])
def test_a_saved_file_is_the_same_scenario(name):
    """Saved on top of a shipped scenario, or as a whole text, the file is the scenario that was set up."""
    base = load(name)
    rows = [r for r in controls(base) if r.parameter.low is not None and r.parameter.high is not None][:6]
    ends = [
        (r.name, r.parameter.write((r.parameter.low if k % 2 else r.parameter.high) or 0.0)) for k, r in enumerate(rows)
    ]
    settings = tuple(sorted(ends))
    for state in (
        VisitorState(name, settings=settings, seed=3),
        VisitorState(name, base.document.text, settings=settings, seed=3),
    ):
        try:
            expected = scenario_of(state)
        except ProtocolsimError:
            pytest.fail("a slider led out of what the scenario allows")
        saved = load_text(scenario_file(state), "saved.yaml")
        assert (saved.seed, saved.replicates) == (3, replicates_of_a_point(base))
        assert {k: n.value for k, n in saved.named.items()} == {k: n.value for k, n in expected.named.items()}
        assert [p.value for p in saved.parameters] == [p.value for p in expected.parameters]


WHOLE = sorted({"seed", "replicates", "cohort.size", "title"})
SAID = st.sampled_from(["0", "1", "7", "0x10", "-1", "1e3", "50 %", "2 weeks", "null", "'=1'", ".nan", "[1]", "a: b"])


@settings(max_examples=60)
@example(name="ms_daclizumab", whole=False, own_parameters={"cohort.size": "1001"}, numbers={})
@given(
    name=st.sampled_from(["ms_daclizumab", "ms_smart", "maa_daclizumab"]),
    whole=st.booleans(),
    own_parameters=st.dictionaries(
        st.integers(0, 200) | st.sampled_from(WHOLE), SAID | st.floats().map(str), max_size=3
    ),
    numbers=st.fixed_dictionaries(
        {}, optional={key: st.sampled_from(["0", "1", "5", str(2**62), "-1", "1e3"]) for key in ("seed", "replicates")}
    ),
)
def test_a_download_is_what_the_page_simulates_or_refused(name, whole, own_parameters, numbers):
    """Any address is refused in words, or its file is one that `run` takes, with the trial that the page simulates."""
    base = base_of(name)
    rows = [row.name for row in controls(base)]
    pairs = {k if isinstance(k, str) else rows[k % len(rows)]: value for k, value in own_parameters.items()}
    where = VisitorState("edited", base.document.text) if whole else VisitorState(name)
    try:
        state = restored(
            f"{where.address()}&{urlencode({**{f'set.{k}': v for k, v in pairs.items()}, **numbers})}", where
        )
        shown = scenario_of(state)
        text = scenario_file(state)
    except ProtocolsimError:
        return
    saved = load_text(text, "saved.yaml")
    assert saved.seed == (shown.seed if state.seed is None else state.seed)
    # A page simulates no more at once than it may: of trials that are too large for the usual number, fewer.
    fits = replicates_of_a_point(shown) * shown.trial.cohort.size <= MOST_SUBJECTS
    own = replicates_of_a_point(shown) if fits else max(1, MOST_SUBJECTS // shown.trial.cohort.size)
    assert saved.replicates == (own if state.replicates is None else state.replicates)
    assert (saved.title, saved.named, saved.parameters) == (shown.title, shown.named, shown.parameters)
    assert saved.trial.cohort.size == shown.trial.cohort.size


@cache
def base_of(name):
    return load(name)


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_asked_goes_before_what_was_set(whole):
    """A seed and a number of replicates that are asked for stand in the file, whatever a setting says of them."""
    text = base_of("ms_no_drug").document.text if whole else None
    settings = (("replicates", "9"), ("seed", "8"))
    saved = load_text(scenario_file(VisitorState("ms_no_drug", text, settings, seed=3, replicates=2)), "saved.yaml")
    assert (saved.seed, saved.replicates) == (3, 2)
    own = load_text(scenario_file(VisitorState("ms_no_drug", text, settings)), "saved.yaml")
    assert (own.seed, own.replicates) == (8, 9)


@pytest.mark.parametrize(
    ("key", "value"), [("replicates", "0"), ("replicates", "00"), ("seed", str(2**64)), ("seed", "-1")]
)
def test_a_number_that_a_run_refuses_is_refused_in_the_address(key, value):
    """What could not be run is neither shown nor saved."""
    with pytest.raises(UsageError, match=f"{key}: expected a whole number from"):
        restored(f"{key}={value}", VisitorState("ms_daclizumab"))


@pytest.mark.parametrize("count", [421, 3000])
def test_an_address_that_says_too_much_is_refused(count):
    """Hundreds of fields are a refusal in words; as many as a page may write are read."""
    with pytest.raises(UsageError, match="more than 420 things"):
        restored("&".join(f"a{k}=1" for k in range(count)), VisitorState("ms_daclizumab"))
    assert restored("&".join(f"a{k}=1" for k in range(420)), VisitorState("ms_no_drug")) == VisitorState("ms_no_drug")


def test_a_file_that_extends_its_neighbour_opens_whole(tmp_path):
    """The page has no folder to look into, so such a file is opened with everything in it."""
    (tmp_path / "mine.yaml").write_text("extends: ms_daclizumab\ncohort: {size: 9}\n")
    (tmp_path / "yours.yaml").write_text("extends: ./mine.yaml\nseed: 4\n")
    state = opening(str(tmp_path / "yours.yaml"))
    assert (scenario_of(state).seed, scenario_of(state).trial.cohort.size) == (4, 9)
    assert opening("ms_no_drug") == VisitorState("ms_no_drug")
    with pytest.raises(UsageError, match="did you mean 'ms_no_drug'"):
        opening("ms_no_drugs")


def test_work_is_bounded():
    """More subjects than one visitor may ask for are refused; single patients are looked at in fewer still."""
    scenario = load("ms_daclizumab")
    assert bounded(scenario, 2000) == 2000
    with pytest.raises(UsageError, match="75,000"):
        bounded(scenario, 5000)
    assert looked_at(scenario, 2000) == 200
    assert looked_at(load("ms_daclizumab", set={"cohort.size": 30_000}), 2000) == 1


def test_the_effect_of_a_scenario_is_declared():
    """Which parameter is the effect stands in the file; a wrong name, or a range upside down, is a fault."""
    effect = load("ms_daclizumab").effect
    assert effect is not None
    assert effect.parameter == "daclizumab.median_rate_ratio"
    none = load("ms_daclizumab", set=dict(effect.none))
    assert none.parameters == load("ms_no_drug").parameters
    assert isinstance(threshold_rule(none), ThresholdRule)
    text = "extends: ms_daclizumab\neffect: {parameter: daclizumab.median_rate_ratoi, none: {nobody: 1}}\n"
    with pytest.raises(ProtocolsimError) as refused:
        load_text(text, "x.yaml")
    assert "did you mean 'daclizumab.median_rate_ratio'" in str(refused.value)
    assert "unknown parameter 'nobody'" in str(refused.value)
    with pytest.raises(ProtocolsimError, match="is not below the highest"):
        load_text("extends: ms_daclizumab\neffect: {range: [1, 0.5]}\n", "x.yaml")


def test_code_is_loaded_only_where_the_page_was_started_so():
    """Whether a scenario may name code is said when the page starts: no address changes it, every choice keeps it."""
    text = "extends: ms_daclizumab\ndrugs: {blue: {kind: 'tests.support.plugins_for_tests:PLACEBO'}}\n"
    address = VisitorState("mine", text).address()
    with pytest.raises(ScenarioError, match="only with --allow-plugins"):
        scenario_of(restored(address + "&allow_plugins=true", VisitorState("ms_daclizumab")))
    allowed = restored(address, VisitorState("ms_daclizumab", allow_plugins=True))
    assert allowed.allow_plugins
    assert "plugins" not in allowed.address().replace(address, "")
    assert "placebo" not in {d.component.name for d in scenario_of(VisitorState("ms_daclizumab")).trial.drugs}
    assert scenario_of(allowed).allow_plugins
    assert opening("ms_no_drug", allow_plugins=True).allow_plugins
    assert _fresh(allowed, "ms_no_drug").allow_plugins
    for part in [DescribedPart(), *(part for view in views() for part in view.parts)]:
        assert part.reduced(allowed).allow_plugins


def test_a_threshold_is_found_where_code_may_be_loaded():
    """The curve of a scenario that names code is shared by all thresholds, as that of any other."""
    text = "extends: ms_daclizumab\ndrugs: {blue: {kind: 'tests.support.plugins_for_tests:PLACEBO'}}\n"
    allowed = VisitorState("mine", text, allow_plugins=True)
    moved = allowed.setting("response_threshold", "50 %")
    assert CurvePart().reduced(moved) == CurvePart().reduced(allowed)


def test_whoever_lets_anybody_in_loads_no_code(command):
    """--public and --allow-plugins together would let anybody load code."""
    status, _, err = command("app", "--public", "--allow-plugins")
    assert status == 2
    assert "say which" in err


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("hcv_response_guided", {"chronic hepatitis C", "telaprevir", "peginterferon and ribavirin"}),
        ("ms_daclizumab", {"relapsing multiple sclerosis", "interferon beta", "daclizumab"}),
    ],
)
def test_the_form_calls_models_what_readers_call_them(scenario, said):
    """Over its parameters a disease has the words of its meaning, and a drug its label: no name of a file."""
    assert set(described(VisitorState(scenario)).spoken.values()) == said
