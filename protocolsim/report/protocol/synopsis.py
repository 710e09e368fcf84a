"""The protocol as a one-page synopsis in English, written from the file and the protocol that is executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from protocolsim.component import MARKS
from protocolsim.names import told_apart
from protocolsim.protocol.variables import ProtocolVariable
from protocolsim.report.protocol import text
from protocolsim.report.protocol.looks import looks
from protocolsim.report.protocol.schedule import schedule, schedule_html, schedule_text
from protocolsim.report.style.console import Screen
from protocolsim.scenario.build.protocol.transitions import ANY, ON_STUDY
from protocolsim.scenario.load import load
from protocolsim.scenario.scenario import Scenario
from protocolsim.text import markdown
from protocolsim.text.html import words

if TYPE_CHECKING:
    from rich.console import Console

_UNSURE = ("A", "M")


@dataclass(frozen=True)
class Synopsis:
    """A title and sections of sentences, in the order in which protocols have them."""

    scenario: Scenario
    title: str
    sections: Mapping[str, tuple[str, ...]]

    @property
    def text(self) -> str:
        """The synopsis as Markdown."""
        parts = [f"# {markdown.words(self.title)}"]
        for heading, lines in self.sections.items():
            plain = [markdown.words(line) for line in lines]
            body = plain[0] if len(plain) == 1 else markdown.listed(plain)
            parts.append(f"## {heading}\n\n{body}")
        return "\n\n".join(parts) + "\n"

    @property
    def html(self) -> str:
        """The sections as HTML, with the schedule of assessments as its table."""
        parts = []
        for heading, lines in self.sections.items():
            items = "".join(f"<li>{words(line)}</li>" for line in lines)
            body = f"<p>{words(lines[0])}</p>" if len(lines) == 1 else f"<ul>{items}</ul>"
            if heading == "Schedule of assessments":
                body = f'<div class="scroll" tabindex="0">{schedule_html(schedule(self.scenario))}</div>'
            parts.append(f"<section><h2>{words(heading)}</h2>{body}</section>")
        return "".join(parts)

    def page(self) -> str:
        """The synopsis as a self-contained page."""
        from protocolsim.report.style.sections_page import PageSection, plain_page

        return plain_page(self.title, "", [], [PageSection("Synopsis", self.html)])

    def summary(self) -> dict[str, Any]:
        """As `protocolsim describe --json` prints it."""
        return {
            "scenario": self.scenario.name,
            "title": self.title,
            "sections": {k: list(v) for k, v in self.sections.items()},
        }


def describe(scenario: str | Scenario) -> Synopsis:
    """The synopsis of a scenario: its name, its path, or as loaded. Sections that would be empty are left out."""
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario)
    sections = {
        "Question": [loaded.question],
        "Summary": [" ".join(loaded.description.split())],
        "Design": _design(loaded),
        "Population and sample size": _population(loaded),
        "Treatment": _treatment(loaded),
        "Decision rules": _rules(loaded),
        "What the rules read": _summaries(loaded),
        "Schedule of assessments": _visits(loaded),
        "Looks at the accumulating data": looks(loaded),
        "Endpoints": _endpoints(loaded),
        "Parameters of the protocol": _parameters(loaded, unsure=False),
        "Assumptions": [*_parameters(loaded, unsure=True), *_components(loaded)],
        "Caveats": [" ".join(n.split()) for n in loaded.notes],
        "Sources": list(loaded.sources),
    }
    kept = {heading: tuple(line for line in lines if line) for heading, lines in sections.items()}
    return Synopsis(loaded, loaded.title, {heading: lines for heading, lines in kept.items() if lines})


def _design(scenario: Scenario) -> list[str]:
    protocol = scenario.trial.protocol
    states = [s for s in protocol.states if not s.final]
    ends = [s for s in protocol.states if s.final]
    way = text.listed([f"'{s.label}'" for s in states])
    # Several states may end in one outcome.
    outcomes = told_apart([s.outcome or s.label for s in ends], [s.label for s in ends])
    end = text.listed([f"'{said}'" for said in outcomes])
    design = [f"{len(states)} states on the way: {way}.", f"{len(ends)} in which a patient's course ends: {end}."]
    for r in protocol.randomisations:
        arms = [f"{protocol.states[a].label} ({r.block.count(a)})" for a in r.arms]
        by = ["site"] * r.by_site + [text.rule(s.words, scenario) for s in r.strata]
        strata = f", by {text.listed(by)}" if by else ""
        design.append(f"Randomised ({text.spoken(r.name)}) in blocks of {len(r.block)}: {text.listed(arms)}{strata}.")
    if not protocol.randomisations:
        design.append("Not randomised: every patient follows the same rules.")
    return design


def _population(scenario: Scenario) -> list[str]:
    cohort, disease = scenario.trial.cohort, scenario.trial.disease.component
    enrolling = [s for s in scenario.trial.protocol.states if s.enrolled]
    population = [f"Model: {disease.meaning}.", *_patients(scenario)]
    ways = [
        t
        for t in scenario.trial.protocol.transitions
        if any(d in {s.number for s in enrolling} for d in t.destinations)
    ]
    early = scenario.trial.protocol.before_enrolment
    for t in (t for t in ways if t.source in early and t.rule is not None):
        assert t.rule is not None
        population.append(f"Eligible: {text.rule(t.rule.words, scenario)}.")
    at = text.listed([s.label for s in enrolling], "or")
    population.append(f"{cohort.size:,} patients are enrolled in each trial; enrolled is who enters {at}.")
    if cohort.dropout > 0.0:
        population.append("Patients may drop out at a rate of their own.")
    if cohort.no_show > 0.0:
        population.append(f"A planned visit is missed with probability {100 * cohort.no_show:g} %.")
    population += [_population_line(name, p) for name, p in scenario.populations.items()]
    return population


def _patients(scenario: Scenario) -> list[str]:
    """Whose patients they are, and what they take when they come."""
    population = scenario.population
    if population is None and not scenario.arrives_on:
        return []
    drug = scenario.spoken.drug(scenario.arrives_on)
    lines = [] if population is None else [f"Patients: {population.meaning} ('{population.name}')."]
    return [*lines, f"They come on {drug}." if drug else "They come without treatment."]


def _population_line(name: str, p: Any) -> str:
    said = [
        f"{words} {text.listed(list(getattr(p, key)), 'or')}"
        for key, words in (
            ("entered", "who entered"), ("not_entered", "who never entered"),
            ("ended_in", "who ended in"), ("not_ended_in", "who did not end in"),
        )
        if getattr(p, key)
    ]  # fmt: skip
    return f"'{name}': of {p.of or 'screened'}, those {' and '.join(said)}." if said else f"'{name}': {p.of}."


def _treatment(scenario: Scenario) -> list[str]:
    treatment = []
    for state in scenario.trial.protocol.states:
        if not state.final:
            reached = state.number in scenario.planned
            given = "; ".join(text.treatments(scenario, state)) or ("no treatment" if reached else "nobody gets here")
            lasts = text.ends(scenario, state)
            treatment.append(f"{state.label}{f' ({lasts})' if lasts else ''}: {given}.")
    return treatment


def _rules(scenario: Scenario) -> list[str]:
    states = scenario.trial.protocol.states
    transitions = scenario.trial.protocol.transitions
    rules = []
    for item in dict.fromkeys(t.item for t in transitions):
        alike = [t for t in transitions if t.item == item]
        written = scenario.document.data["protocol"]["transitions"][item]["from"]
        named = text.listed([f"'{states[t.source].label}'" for t in alike], "or")
        sources = {ON_STUDY: "any state on study", ANY: "any state"}.get(str(written), named)
        to = text.listed([f"'{states[n].label}'" for n in alike[0].destinations], "or")
        words = text.moved_by(scenario, alike[0])
        way = f"In {sources}" if alike[0].internal else f"From {sources} to {to}"
        rules.append(f"{way}{': ' + words if words else ''}.".replace("\u00a0", " "))
    return rules


def _summaries(scenario: Scenario) -> list[str]:
    """Each number that rules read, in the words of the file; first those that the protocol keeps."""
    written = scenario.document.data.get("protocol", {}).get("summaries", {})
    summaries = [_kept(scenario, v) for v in scenario.trial.protocol.variables]
    for name, made in written.items():
        summaries.append(f"{scenario.spoken.number(name)}: {_made(scenario, made)}.")
    return summaries


def _kept(scenario: Scenario, variable: ProtocolVariable) -> str:
    """A number that the protocol keeps: what it is, where it starts and its range."""
    meaning = f"{variable.meaning}, " if variable.meaning else ""
    start, low, high = (scenario.spoken.words(written) for written in variable.written)
    named = scenario.spoken.number(variable.name)
    return f"{named}: {meaning}kept for each patient; starts at {start}, from {low} to {high}."


def _made(scenario: Scenario, made: Any) -> str:
    """What a summary is made of, in the order of its file and in readers' words."""
    expression = made.get("value") if isinstance(made, Mapping) else made
    if expression is not None:
        return scenario.spoken.words(text.signs(str(expression)))
    labels = {s.name: s.label for s in scenario.trial.protocol.states}

    def said(key: str, value: Any) -> str:
        if key.endswith(" of") and key != "entries of":
            return f"{key} {scenario.spoken.variable(str(value))}"
        named = value if isinstance(value, list) else [value]
        if key in ("during", "entries of", "time since"):
            named = [f"'{labels[n]}'" if n in labels else n for n in named]
        return f"{key} {' or '.join(map(str, named))}"

    return ", ".join(said(str(key), value) for key, value in made.items() if key != "label")


def _visits(scenario: Scenario) -> list[str]:
    """A line for each state."""
    visits: list[str] = []
    for line in schedule_text(schedule(scenario)):
        if not line.startswith(" "):
            visits.append(line)
        else:
            visits[-1] += ("" if visits[-1].endswith(":") else ";") + f" {line.strip().replace(':', '')}"
    return visits


def _endpoints(scenario: Scenario) -> list[str]:
    endpoints = []
    for e in scenario.endpoints.values():
        said = (
            "" if e.published is None else f" Published: {e.published.text} [{e.published.mark}], {e.published.role}."
        )
        endpoints.append(f"{e.label}: {e.counting}.{said}")
    return endpoints


def _parameters(scenario: Scenario, *, unsure: bool) -> list[str]:
    parameters = []
    for k in scenario.own_parameters:
        if (k.mark in _UNSURE) == unsure:
            mark = f" [{k.mark}]" if k.mark else ""
            parameters.append(
                f"{k.label} = {scenario.spoken.words(k.text)}: {k.meaning}{mark}"
                + (f" ({k.source})" if k.source else "")
                + "."
            )
    return parameters


def _components(scenario: Scenario) -> list[str]:
    """The parameters of disease and drugs that nobody found anywhere, one line for each component and mark."""
    components = []
    rows = scenario.parameters
    for component in dict.fromkeys(r.component for r in rows):
        for mark, said in MARKS.items():
            if mark not in _UNSURE:
                continue
            named = [f"{r.called} {r.words}" for r in rows if r.component == component and r.mark == mark]
            if named:
                components.append(f"{text.spoken(component)}, {said} [{mark}]: {', '.join(named)}.")
        changed = [f"{r.called} {r.words}" for r in rows if r.component == component and r.changed]
        if changed:
            components.append(f"{text.spoken(component)}, changed by this scenario: {', '.join(changed)}.")
    return components


def print_synopsis(synopsis: Synopsis, console: Console) -> None:
    """Print the synopsis."""
    screen = Screen(console)
    screen.put(synopsis.title, "bold")
    for heading, lines in synopsis.sections.items():
        screen.put()
        screen.put(heading, "bold")
        for line in lines:
            screen.put(line, indent=2)
