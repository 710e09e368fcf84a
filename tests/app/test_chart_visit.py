"""A visit that goes astray and finds its way: back, fast clicks, wrong numbers, a connection that is lost."""

from __future__ import annotations

import pytest

import protocolsim

pytestmark = pytest.mark.flaky(reruns=2)


@pytest.mark.parametrize(
    ("scenario", "title", "rule"),
    [
        ("ms_daclizumab", "Fifteen patients", True),
        ("maa_daclizumab", "Seventeen patients", True),
        ("hcv_response_guided", "540 patients", True),
        ("arrest_ecmo", "180 patients", False),
    ],
)
def test_views_fit_their_scenario(visit_trial, scenario, title, rule):
    """The trial is called by its size, and who has no number that decides has no view of one."""
    at = visit_trial("view=design", scenario)
    at.page.wait_for_selector(f"#view a:has-text('{title}')")
    assert at.page.is_visible('#view a[data-value="rule"]') is rule


def test_back_leads_to_the_view_before(visit_trial):
    """A tab is a place to come back to, with what was set up there."""
    at = visit_trial("view=fifteen&draw=3")
    at.page.wait_for_selector(".fifteen-trial h2:has-text('Trial 3,')")
    at.view("rule")
    at.page.wait_for_selector("#rule-readout b")
    at.page.go_back()
    at.page.wait_for_selector("#view a.active[data-value=fifteen]")
    at.page.wait_for_selector(".fifteen-trial h2:has-text('Trial 3,')")
    assert "draw=3" in at.page.url
    at.page.go_forward()
    at.page.wait_for_selector("#view a.active[data-value=rule]")


def test_a_patient_who_is_not_there(visit_trial):
    """Number 999 is answered in words, with who is there, and the buttons still work."""
    at = visit_trial("view=patient&patient=999")
    at.page.wait_for_selector(".patient-story .alert")
    told = at.page.inner_text(".patient-story .alert")
    assert "Patient 999 is not there in trial 0; enrolled are 1, 5, 6" in told
    at.page.wait_for_selector(".patient-story h2:has-text('Patient 1 of trial 0')")
    at.page.click("text=Next patient")
    at.page.wait_for_selector(".patient-story p:has-text('number 2 of 15')")
    assert at.page.locator(".patient-story .alert").count() == 0


def test_six_quick_clicks_show_the_last_at_once(visit_trial):
    """Where somebody is going stands in the heading before it is simulated, and only the last one is shown."""
    at = visit_trial("view=patient")
    at.page.wait_for_selector(".patient-story figure svg")
    subjects = protocolsim.run(protocolsim.load("ms_daclizumab"), replicates=1).subjects
    seventh = int(subjects[subjects["enrolled"]]["subject"].iloc[6])
    for _ in range(6):
        at.page.click("text=Next patient")
    at.page.wait_for_selector(f".patient-story h2:has-text('Patient {seventh} of trial 0')", timeout=1500)
    at.page.wait_for_selector(".patient-story p:has-text('number 7 of 15')")


def test_a_wrong_number_is_said_at_its_box_and_the_view_stays(visit_trial):
    """What cannot be set is refused where it was typed; the figures stay, and a right number mends it."""
    at = visit_trial("view=fifteen")
    at.page.wait_for_selector("figure[data-figure=swimmers] svg")
    box = '[data-parameter="response_threshold"] [data-role=number]'
    at.page.fill(box, "150")
    at.page.press(box, "Enter")
    at.page.wait_for_selector('[data-parameter="response_threshold"] .wrong')
    told = at.page.inner_text(".wrong")
    assert "--set" not in told
    assert at.page.get_attribute(box, "aria-invalid") == "true"
    assert at.page.is_visible("figure[data-figure=swimmers] svg")
    assert at.page.locator("main .tab-pane.active .alert").count() == 0
    at.page.fill(box, "50")
    at.page.press(box, "Enter")
    at.page.wait_for_selector(".wrong", state="detached")
    at.page.wait_for_function("() => location.search.includes('response_threshold=50')")


def test_edited_is_said_only_of_what_was_edited(visit_trial):
    """A shipped scenario stands under its name; a text that was typed is called edited."""
    at = visit_trial("view=scenario")
    assert at.page.input_value("#scenario") == "ms_daclizumab"
    assert "(edited)" not in at.page.inner_text("#scenario >> nth=0")
    at.page.wait_for_selector(".scenario-check .sound")
    at.page.fill("#editor", at.page.input_value("#editor").replace("size: 15", "size: 14"))
    at.page.wait_for_selector(".scenario-check .sound")
    at.page.click("#use")
    at.page.wait_for_function("() => document.querySelector('#scenario').selectedOptions[0].textContent === '(edited)'")
    at.page.wait_for_selector("#view a:has-text('Fourteen patients')", state="attached")


def test_a_lost_connection_is_said_and_comes_back(visit_trial):
    """When the connection ends the page says so, keeps what it shows, and opens again as it was set up."""
    at = visit_trial("view=fifteen&draw=2")
    at.page.wait_for_selector(".fifteen-trial h2:has-text('Trial 2,')")
    at.page.evaluate("window.before = true")
    at.page.evaluate("Shiny.shinyapp.$socket.close()")
    at.page.wait_for_selector("#lost")
    at.page.wait_for_function("() => window.before === undefined")
    at.page.wait_for_selector(".fifteen-trial h2:has-text('Trial 2,')")
    assert at.page.locator("#lost").count() == 0
