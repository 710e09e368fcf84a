"""Where things stand in a report, in a browser of 1280x800: findings, decision and a figure on the first screen."""

from __future__ import annotations

import pytest

from protocolsim.report.decision.page import charts, threshold_page
from protocolsim.report.decision.summary import CurveSummary
from protocolsim.report.run import decision, findings
from protocolsim.report.run.page import page
from protocolsim.scenario.load import load
from protocolsim.study.companions import companions
from protocolsim.study.decision.thresholds import thresholds
from protocolsim.study.run import run
from tests.support.browser import browser

FEW = 3
BOTTOM = "selector => document.querySelector(selector).getBoundingClientRect().bottom"
# Of what is drawn, so that a folded part is not taken for one that is seen.
SEEN = "selector => [...document.querySelectorAll(selector)].filter(e => e.checkVisibility()).length"


@pytest.fixture(scope="module")
def running():
    with browser() as found:
        yield found


def opened(running, text: str):
    shown = running.new_page(viewport={"width": 1280, "height": 800})
    shown.set_content(text)
    return shown


def assert_links_lead_somewhere_seen(shown) -> None:
    """Each line of the contents leads to a part that is seen, folded or not."""
    links = shown.locator("nav[aria-label=Contents] a")
    assert links.count() >= 3
    for k in range(links.count()):
        links.nth(k).click()
        target = links.nth(k).get_attribute("href").removeprefix("#")
        shown.wait_for_function("id => document.getElementById(id).checkVisibility()", arg=target)


@pytest.mark.parametrize("name", ["ms_daclizumab", "ms_two_stage", "amd_treat_and_extend"])
def test_a_report_opens_with_what_was_found(running, name):
    """Findings, decision, the first figure and the contents are on the first screen; the long tables are folded."""
    scenario = load(name)
    result = run(scenario, replicates=FEW, companions=companions(scenario))
    shown = opened(running, page(result))
    try:
        first = shown.locator("#findings li").all_text_contents()
        said = [*findings.sentences(result), decision.sentence(result)]
        assert [line.strip() for line in first] == [line for line in said if line]
        assert shown.evaluate(BOTTOM, ".lead ul") <= 800
        assert shown.evaluate(BOTTOM, ".lead figure svg") <= 800
        assert shown.evaluate(BOTTOM, ".contents") <= 800
        assert shown.evaluate(SEEN, "#parameters, #caveats, #provenance") == 0
        assert shown.evaluate(SEEN, "table.results") == 1
        assert shown.locator('#protocol svg[aria-label^="State chart"]').count() == 1
        assert_links_lead_somewhere_seen(shown)
        assert shown.evaluate("document.documentElement.scrollWidth") <= 1280
    finally:
        shown.close()


def test_a_report_of_thresholds_opens_with_the_decision(running):
    """The decision and a figure are on the first screen; what else the numbers say is folded, and nothing is lost."""
    told = CurveSummary(thresholds(load("ms_daclizumab"), None, replicates=FEW), "batch", 0.0)
    drawn = charts(told)
    text = threshold_page(told, {"curves": drawn["curves"], "roc": drawn["roc"]})
    shown = opened(running, text)
    try:
        lead, others = told.said()
        assert 1 < len(lead) < 6
        assert set(told.sentences()) - {""} <= {*lead, *others}
        assert [line.strip() for line in shown.locator("#decision p").all_text_contents()] == lead
        assert shown.evaluate(BOTTOM, "#decision") <= 800
        assert shown.evaluate(BOTTOM, ".lead figure svg") <= 800
        assert shown.evaluate(SEEN, "#sentences p") == 0
        assert_links_lead_somewhere_seen(shown)
    finally:
        shown.close()
