"""The page, driven in a real browser: what a visitor moves, sees, saves and shares, and what is refused."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import protocolsim
from protocolsim.app.limits import MOST_LETTERS
from protocolsim.app.view.catalogue import views
from protocolsim.errors import ScenarioError
from protocolsim.report.patient.story import trace as story_of
from protocolsim.scenario.load import load_text
from protocolsim.study.compare import compare
from protocolsim.study.decision.potential_outcomes import potential_outcomes
from tests.support.browser import Served, Visit

REPLICATES = 40
# A browser and two workers share two processors with the other tests: what is only late is asked once more.
pytestmark = pytest.mark.flaky(reruns=2)


def fetched(page: Served, path: str, data: bytes | None = None) -> tuple[int, bytes]:
    """The status and the content of an address, asked for by a program that has the token."""
    wanted = urllib.request.Request(f"{page.address}/{path}", data, {"Authorization": f"Bearer {page.token}"})  # noqa: S310
    try:
        with urllib.request.urlopen(wanted) as found:  # noqa: S310 - our own server
            return found.status, found.read()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read()


def rule_at(threshold: str) -> str:
    return f"?view=rule&replicates={REPLICATES}&set.response_threshold={threshold}%20%25"


def of_the_run(**settings: object) -> dict[str, float]:
    scenario = protocolsim.load("ms_daclizumab", set={k.replace("__", "."): v for k, v in settings.items()})
    return {n: e.value for n, e in protocolsim.run(scenario, replicates=REPLICATES).estimates.items()}


def shown(at: Visit, names: list[str]) -> dict[str, float]:
    return {name: at.value(name) for name in names}


def assert_shown(at: Visit, expected: dict[str, float]) -> None:
    """Every estimate of the trial on the page has the value of the run, and none of those that matter is missing.

    What a curve cannot have (an endpoint that the threshold itself defines, a test of a whole trial) is not there.
    """
    rows = at.page.query_selector_all("#rule-numbers .trial tr[data-estimate]")
    names = [str(row.get_attribute("data-estimate")) for row in rows]
    assert {"assigned_monotherapy", "new_cel_inhibition", "edss_change", "daclizumab_given"} <= set(names)
    assert shown(at, names) == {name: expected[name] for name in names}


def wait_for_threshold(at: Visit, said: str) -> None:
    at.page.wait_for_function(f"() => document.querySelector('#rule-numbers h3')?.textContent.endsWith(' {said}')")


@pytest.mark.parametrize("view", [v.name for v in views()])
def test_every_view_renders(visit, view):
    """Each tab shows all its parts, with a caption, words for who cannot see, and three files for every figure."""
    at = visit(f"?view={view}&replicates={REPLICATES}")
    for part in next(v for v in views() if v.name == view).parts:
        at.page.wait_for_selector(f".{view}-{part.name} .shown > *", state="attached")
    at.idle()
    for figure in at.page.query_selector_all("main .tab-pane.active figure[data-figure]"):
        assert figure.query_selector("figcaption p").inner_text()
        assert figure.query_selector("svg:is([role=img], [role=group])").get_attribute("aria-label")
        assert [a.inner_text() for a in figure.query_selector_all(".files a")] == ["PNG", "SVG", "data"]
    assert [a.inner_text() for a in at.page.query_selector_all("main .tab-pane.active .alert")] == []


def test_the_threshold_slider_shows_what_the_command_line_gives(visit):
    """At 50 % the page has, to the last bit, the numbers of the run at 50 %, and the marks stand there."""
    at = visit(f"?view=rule&replicates={REPLICATES}")
    wait_for_threshold(at, "75 %")
    before = at.page.eval_on_selector(
        "figure[data-figure=curves] [class*=' own_'] line", "e => e.getAttribute('transform')"
    )
    at.move("response_threshold", "50", settled=False)
    wait_for_threshold(at, "50 %")
    expected = of_the_run(response_threshold="50 %")
    assert_shown(at, expected)
    after = at.page.eval_on_selector(
        "figure[data-figure=curves] [class*=' own_'] line", "e => e.getAttribute('transform')"
    )
    assert before.startswith("translate(525,")
    assert after.startswith("translate(350,")


def test_the_effect_slider_shows_what_the_command_line_gives(visit):
    """A weaker drug is simulated anew and gives the numbers of that run; without it, those of one that does nothing."""
    at = visit(f"?view=rule&replicates={REPLICATES}")
    wait_for_threshold(at, "75 %")
    at.move("daclizumab.median_rate_ratio", "0.6")
    expected = of_the_run(daclizumab__median_rate_ratio=0.6)
    at.page.wait_for_function(
        f"() => Number(document.querySelector('#rule-numbers tr[data-estimate=new_cel_inhibition] td').dataset.exact)"
        f" === {expected['new_cel_inhibition']!r}"
    )
    assert_shown(at, expected)
    nothing = protocolsim.run(protocolsim.load("ms_no_drug"), replicates=REPLICATES)
    assert at.value("assigned_monotherapy", 1) == nothing.estimates["assigned_monotherapy"].value


def test_the_keyboard_moves_a_slider(visit):
    """An arrow key on the focused slider moves the threshold by one step."""
    at = visit(f"?view=rule&replicates={REPLICATES}")
    wait_for_threshold(at, "75 %")
    at.page.focus('[data-parameter="response_threshold"] [data-role=slider]')
    at.page.keyboard.press("ArrowRight")
    wait_for_threshold(at, "76 %")


def test_the_address_restores_the_page(visit):
    """Another visitor who opens the address sees the same settings and the same numbers."""
    at = visit(f"?view=rule&replicates={REPLICATES}")
    wait_for_threshold(at, "75 %")
    at.move("response_threshold", "40")
    at.move("dose_multiple", "3")
    at.page.wait_for_function(
        "() => location.search.includes('dose_multiple=3') && location.search.includes('threshold=40')"
    )
    at.idle()
    wait_for_threshold(at, "40 %")
    other = visit(at.page.url.removeprefix(at.address + "/"))
    wait_for_threshold(other, "40 %")
    for name, value in (("response_threshold", "40"), ("dose_multiple", "3")):
        assert other.page.input_value(f'[data-parameter="{name}"] [data-role=slider]') == value
    names = ["assigned_monotherapy", "daclizumab_given", "expected_loss"]
    assert shown(other, names) == shown(at, names)
    assert shown(at, ["daclizumab_given"]) == {
        "daclizumab_given": of_the_run(response_threshold="40 %", dose_multiple=3)["daclizumab_given"]
    }


def test_a_saved_scenario_runs_on_the_command_line(visit, tmp_path):
    """The file that the page saves gives the page's numbers, with its seed and its replicates."""
    at = visit(rule_at("60") + "&seed=5&set.daclizumab.median_rate_ratio=0.5")
    wait_for_threshold(at, "60 %")
    with at.page.expect_download() as started:
        at.page.click("text=Save as a file")
    target = tmp_path / "saved.yaml"
    started.value.save_as(target)
    result = protocolsim.run(protocolsim.load(str(target)))
    assert (result.seed, result.replicates) == (5, REPLICATES)
    assert_shown(at, {n: e.value for n, e in result.estimates.items()})


def test_a_new_draw_is_another_trial(visit):
    """Each draw is one replicate of the run: its own numbers, and other lanes."""
    at = visit(f"?view=fifteen&replicates={REPLICATES}")
    at.page.wait_for_selector("figure[data-figure=swimmers] svg")
    one = protocolsim.run(protocolsim.load("ms_daclizumab"), replicates=1)
    cell = "tr[data-estimate=new_cel_inhibition] td[data-column='0']"
    assert float(at.page.get_attribute(cell, "data-exact")) == one.estimates["new_cel_inhibition"].value
    first = at.page.inner_html("figure[data-figure=swimmers] .drawing")
    at.page.click("text=New trial >> nth=0")
    at.page.wait_for_function("() => document.querySelector('.fifteen-trial h2')?.textContent.startsWith('Trial 1,')")
    assert at.page.inner_html("figure[data-figure=swimmers] .drawing") != first


def test_the_state_chart_counts_the_run(visit):
    """The chart counts the patients of the run that is set up: all who are enrolled, and as many in each state."""
    at = visit(f"?view=design&replicates={REPLICATES}")
    at.page.wait_for_selector("figure[data-figure=states] svg")
    words = at.page.text_content("figure[data-figure=states] svg")
    moves = protocolsim.run(protocolsim.load("ms_daclizumab"), replicates=REPLICATES).moves
    for state in ("combination", "monotherapy", "dose_doubled", "completed"):
        assert f"{int((moves['to_state'] == state).sum()):,} entered" in words
    assert f"{15 * REPLICATES:,} entered" in words


def test_one_patient_after_the_other(visit):
    """The story is that of `protocolsim trace`, and the other branch leads where the rule would not have led."""
    at = visit(f"?view=patient&replicates={REPLICATES}&draw=2")
    subjects = protocolsim.run(protocolsim.load("ms_daclizumab"), replicates=3).subjects
    first, second = map(int, subjects[(subjects["replicate"] == 2) & subjects["enrolled"]]["subject"].iloc[:2])
    at.page.wait_for_selector(f".patient-story h2:has-text('Patient {first} of trial 2')")
    at.page.wait_for_selector(".patient-story p:has-text('number 1 of 15')")
    at.page.click("text=Next patient")
    at.page.wait_for_selector(".patient-story p:has-text('number 2 of 15')")
    assert at.page.inner_text(".patient-story h2") == f"Patient {second} of trial 2"
    assert f"patient={second}&" in at.page.url
    told = story_of("ms_daclizumab", second, replicate=2)
    at.page.click("summary:has-text('The story, visit by visit')")
    listed = [li.inner_text() for li in at.page.query_selector_all("ul.story li")]
    assert [words.partition("\n")[0] for words in listed] == [*(line.text for line in told.lines), told.end]
    both = potential_outcomes(protocolsim.load("ms_daclizumab"), replicate=2, subject=second).frame
    labels = {"monotherapy": "Daclizumab alone", "dose_doubled": "dose doubled"}
    for figure, went in (("own", True), ("other", False)):
        entered = str(both.loc[both["went"] == went, "entered"].iloc[0])
        assert labels[entered] in at.page.text_content(f"figure[data-figure={figure}] svg")


def test_two_designs_are_compared_in_pairs(visit):
    """What was kept is A, what is set up is B, and the page has the differences of `protocolsim compare`."""
    at = visit(f"?view=compare&replicates={REPLICATES}&set.dose_multiple=3")
    at.page.wait_for_selector(".compare-pairs tr[data-estimate=daclizumab_given]")
    at.page.click("#keep")
    at.page.wait_for_selector(".compare-pairs .missing:has-text('Nothing differs')")
    at.move("dose_multiple", "1")
    at.page.wait_for_selector(".compare-pairs code:has-text('dose_multiple')")
    a, b = (protocolsim.load("ms_daclizumab", set={"dose_multiple": v}) for v in (3, 1))
    pairs = compare(a, b, replicates=REPLICATES).pairs
    cells = ".compare-pairs tr[data-estimate={}] td[data-column='2']"
    shown = {p.name: at.page.get_attribute(cells.format(p.name), "data-exact") for p in pairs}
    assert shown == {p.name: repr(float(p.difference)) for p in pairs}
    at.page.select_option("#beside", "ms_no_drug")
    at.page.wait_for_selector(".compare-pairs p:has-text('does nothing')")
    other = visit(at.page.url.removeprefix(at.address + "/"))
    other.page.wait_for_selector(".compare-pairs p:has-text('does nothing')")


def test_faults_stand_at_their_lines_as_one_types(visit):
    """The editor marks the lines that the reader names, lists every fault, and jumps to one; mended, it says so."""
    at = visit("?view=scenario")
    text = at.page.input_value("#editor")
    broken = text.replace("to: combination, when", "to: combnation, when").replace("size: 15", "size: -3")
    with pytest.raises(ScenarioError) as refused:
        load_text(broken, "edited.yaml")
    expected = refused.value.faults
    at.page.fill("#editor", broken)
    at.page.wait_for_selector(".scenario-check .faulty")
    listed = [li.inner_text() for li in at.page.query_selector_all(".scenario-check ol li")]
    assert len(listed) == len(expected) >= 2
    for words, fault in zip(listed, expected, strict=True):
        assert f"line {fault.line}, column {fault.column}" in words
        assert fault.message in words
    at.page.wait_for_selector("#gutter .bad")
    marked = [e.inner_text().strip("● \n") for e in at.page.query_selector_all("#gutter .bad")]
    assert marked == [str(n) for n in sorted({f.line for f in expected})]
    at.page.click(".scenario-check ol li:last-child button")
    last = max(expected)
    caret = at.page.eval_on_selector("#editor", "e => e.value.slice(0, e.selectionStart)")
    assert (caret.count("\n") + 1, len(caret.rpartition("\n")[2]) + 1) == (last.line, last.column)
    at.page.fill("#editor", text)
    at.page.wait_for_selector(".scenario-check .sound")
    at.page.wait_for_selector("#gutter .bad", state="detached")


def test_an_edited_scenario_is_what_every_view_shows(visit, tmp_path):
    """What was typed is simulated once it is used, its address restores it, and its saved file has all of it."""
    at = visit("?view=scenario")
    text = at.page.input_value("#editor").replace("size: 15", "size: 12").replace("\nseed:", "\nreplicates: 20\nseed:")
    at.page.fill("#editor", text)
    at.page.wait_for_selector(".scenario-check .sound")
    at.page.click("#use")
    at.page.wait_for_function("() => location.search.includes('text=')")
    expected = protocolsim.run(load_text(text, "edited.yaml")).estimates["assigned_monotherapy"].value
    other = visit(at.page.url.removeprefix(at.address + "/"))
    assert other.page.input_value("#editor") == text
    other.view("rule")
    wait_for_threshold(other, "75 %")
    assert other.value("assigned_monotherapy") == expected
    with other.page.expect_download() as started:
        other.page.click("text=Save as a file")
    started.value.save_as(tmp_path / "saved.yaml")
    again = protocolsim.run(protocolsim.load(str(tmp_path / "saved.yaml")))
    assert again.estimates["assigned_monotherapy"].value == expected


def test_an_enormous_file_is_refused(visit, tmp_path):
    """Too large a file is not even read; sent past the page's own check it is refused by the server, which lives on."""
    at = visit("?view=scenario")
    large = tmp_path / "large.yaml"
    large.write_text("a: 1\n" * 1_000_000)
    before = at.page.input_value("#editor")
    at.page.set_input_files("#open", str(large))
    at.page.wait_for_selector("#open-refused:has-text('refused')")
    assert at.page.input_value("#editor") == before
    for name in ("typed", "used"):
        at.page.evaluate(f"() => Shiny.setInputValue('{name}', 'a'.repeat({MOST_LETTERS + 1}), {{priority: 'event'}})")
        at.page.wait_for_selector("#refused .alert:has-text('longer than')")
    at.page.wait_for_timeout(100)
    at.move("response_threshold", "74")
    at.page.wait_for_function("() => location.search.includes('threshold=74')")


def test_an_upload_is_refused(address):
    """The server takes no file, whatever a program sends it, and no file of its own disk can be named."""
    assert fetched(address, "session/x/upload/y", b"x" * 1000)[0] == 413
    for scenario in ("/etc/passwd", "../README.md", "./scenarios/ms_no_drug.yaml"):
        status, words = fetched(address, f"download/scenario.yaml?scenario={scenario}")
        assert (status, b"is not here" in words) == (422, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [x, x]\nb: [*a, *a, *a]\n", "anchors and aliases are not allowed"),
        ("title: !!python/object/apply:os.system [ls]\n", "tags are not allowed"),
        ("extends: ../../../etc/passwd\n", "is a path"),
        ("extends: ms_daclizumab\ncohort: {disease: 'tests.support.plugins_for_tests:Anything'}\n", "allow-plugins"),
        ("[" * 200, "nested deeper"),
        ("title: '<img src=x onerror=alert(1)>'\n<script>: 1\n", "<script>"),
    ],
)
def test_a_hostile_text_is_refused_and_only_ever_read(visit, text, said):
    """Bombs, tags, paths, code from outside and markup end as a fault in plain words."""
    at = visit("?view=scenario")
    at.page.wait_for_selector(".scenario-check .sound")
    at.page.fill("#editor", text)
    at.page.wait_for_selector(".scenario-check .faulty")
    assert said in at.page.inner_text(".scenario-check ol")
    assert at.page.query_selector_all("main img, main script") == []


@pytest.mark.parametrize(("form", "begins"), [("png", b"\x89PNG"), ("svg", b"<svg"), ("csv", b"")])
def test_every_figure_can_be_taken_along(address, form, begins):
    """The files are what they say; the data hold the drawn rows; what is not there is refused in words."""
    query = rule_at("50")
    status, content = fetched(address, f"download/rule/curve/roc.{form}{query}")
    assert status == 200
    assert content.startswith(begins)
    if form == "csv":
        assert "sensitivity" in content.decode().splitlines()[0]
    status, words = fetched(address, f"download/rule/curve/rock.{form}{query}")
    assert (status, b"did you mean 'roc'" in words) == (422, True)


def test_a_long_simulation_can_be_stopped(visit):
    """Cancelled, it ends at once, says nothing wrong, and the next change is answered."""
    at = visit(f"?view=rule&replicates={REPLICATES}")
    wait_for_threshold(at, "75 %")
    at.idle()
    at.page.select_option("#replicates", "2000")
    # As soon as it can be seen: a quick machine is done before a slow hand finds the button.
    at.page.wait_for_function(
        "() => { const found = document.querySelector('#status-rule-curve:not([hidden]) button'); "
        "if (found) found.click(); return found !== null; }"
    )
    at.page.wait_for_selector("#status-rule-curve", state="hidden")
    assert "40 simulated trials" in at.page.inner_text("#rule-numbers")
    at.page.select_option("#replicates", "50")
    at.page.wait_for_function(
        "() => document.querySelector('#rule-numbers').textContent.includes('50 simulated trials')"
    )


def test_more_than_a_visitor_may_ask_is_refused(visit):
    """Too many subjects are refused with their number; the form still works."""
    at = visit("?view=fifteen&replicates=100000")
    at.page.wait_for_selector(".fifteen-trial .alert")
    assert "1,500,000" in at.page.inner_text(".fifteen-trial .alert")


def test_a_damaged_address_opens_the_page_and_says_so(visit):
    """What no page has written is refused in words, and the page opens as if nothing had been asked."""
    at = visit("?text=not-a-scenario")
    at.page.wait_for_selector("#refused .alert")
    assert "damaged" in at.page.inner_text("#refused")


def test_light_and_dark(visit):
    """The figures' ink follows the mode."""
    at = visit(f"?view=rule&replicates={REPLICATES}")
    at.page.wait_for_selector("figure[data-figure=curves] svg")
    ink = "getComputedStyle(document.querySelector('figure[data-figure=curves] svg text')).fill"
    tints = []
    for mode in ("light", "dark"):
        at.page.evaluate(f"document.documentElement.dataset.bsTheme = '{mode}'")
        tints.append(at.page.evaluate(ink))
    assert tints == ["rgb(27, 31, 36)", "rgb(230, 233, 237)"]


def test_the_summary_that_the_tests_compare_with_is_that_of_the_command_line(tmp_path: Path, capsys):
    """`protocolsim run --json` prints the values that the tests above took from the library."""
    from protocolsim.cli import main

    with pytest.raises(SystemExit):
        main(["run", "ms_daclizumab", "--set", "response_threshold=50%", "--replicates", str(REPLICATES), "--json"])
    printed = json.loads(capsys.readouterr().out)["estimates"]
    assert {n: e["value"] for n, e in printed.items()} == of_the_run(response_threshold="50 %")


def test_the_form_says_what_its_numbers_are_of(visit_trial):
    """A number that was refused, or left half typed, stands there no longer once the page shows something else."""
    at = visit_trial("view=rule")
    at.page.fill("#seed", "1.5")
    at.page.press("#seed", "Tab")
    at.page.wait_for_function("() => document.getElementById('refused').textContent.includes('1.5')")
    box = '[data-parameter="dose_multiple"] [data-role=number]'
    at.page.fill(box, "")
    at.page.press(box, "Tab")
    at.move("response_threshold", "50")
    at.page.wait_for_function("() => location.search.includes('set.response_threshold=50')")
    at.page.wait_for_function("() => document.getElementById('seed').value === '2009'")
    assert at.page.inner_text("#refused") == ""
    assert at.page.input_value(box) == at.page.get_attribute('[data-parameter="dose_multiple"]', "data-own")
    assert at.page.input_value('[data-parameter="response_threshold"] [data-role=number]') == "50"
    at.idle()
