"""The STRESS-DES checklist of a scenario (Monks et al. 2019), filled in from the scenario itself."""

from __future__ import annotations

from collections.abc import Sequence

from protocolsim.endpoint.catalogue import kinds
from protocolsim.report.documentation.model_page import names
from protocolsim.report.protocol.state_chart import mermaid, state_chart
from protocolsim.scenario.scenario import Scenario, StateRow
from protocolsim.text.markdown import code, listed, table, words
from protocolsim.text.shell import command
from protocolsim.units import MINUTES_PER_DAY

_HEAD = """
# STRESS-DES checklist

Strengthening the reporting of empirical simulation studies: discrete-event simulation (Monks et al. 2019, J Simulation
13:55-67, doi:10.1080/17477778.2018.1442155), filled in for the scenario
"""


def stress_des(scenario: Scenario) -> str:
    """The checklist as Markdown. What the scenario says is taken from it; the rest holds for every scenario."""
    parts = [f"{_HEAD.strip()} {code(scenario.name)}: {words(scenario.title)}."]
    for title, items in _sections(scenario):
        parts.append(f"## {title}")
        for heading, text in items:
            parts += [f"### {heading}", text]
    parts.append(f"*Written by {code(command('docs', scenario.name))}.*")
    return "\n\n".join(parts) + "\n"


def _sections(s: Scenario) -> list[tuple[str, list[tuple[str, str]]]]:
    return [
        ("1. Objectives", [("1.1 Purpose of the model", _purpose(s)), ("1.2 Model outputs", _outputs(s)),
                           ("1.3 Experimentation aims", _aims(s))]),
        ("2. Logic", [("2.1 Base model overview diagram", f"```mermaid\n{mermaid(state_chart(s)).strip()}\n```"),
                      ("2.2 Base model logic", _logic(s)), ("2.3 Scenario logic", _scenario_logic(s)),
                      ("2.4 Algorithms", _ALGORITHMS), ("2.5 Components", _components(s))]),
        ("3. Data", [("3.1 Data sources", listed(map(words, s.sources)) or "None named."),
                     ("3.2 Pre-processing", _PREPROCESSING),
                     ("3.3 Input parameters", _inputs(s)), ("3.4 Assumptions", _assumptions(s))]),
        ("4. Experimentation", [("4.1 Initialisation", _INITIALISATION), ("4.2 Run length", _run_length(s)),
                                ("4.3 Estimation approach", _estimation(s))]),
        ("5. Implementation", [("5.1 Software or programming language", _SOFTWARE), ("5.2 Random sampling", _RANDOM),
                               ("5.3 Model execution", _execution(s)), ("5.4 System specification", _SYSTEM)]),
        ("6. Code access", [("6.1 Computer model sharing statement", _SHARING)]),
    ]  # fmt: skip


def _purpose(s: Scenario) -> str:
    return "\n\n".join(words(part) for part in (s.question, s.description) if part) or words(s.title)


def _outputs(s: Scenario) -> str:
    outputs = table(
        ("Output", "Unit", "Denominator, and who is left out", "Published"),
        (
            [words(e.label), e.unit, words(e.counting),
             f"{words(e.published.text)} [{e.published.mark}], {e.published.role}" if e.published else ""]
            for e in s.endpoints.values()
        ),
    )  # fmt: skip
    used = sorted({e.kind for e in s.endpoints.values()})
    how = listed(f"`{kind}`: {kinds()[kind].meaning}" for kind in used)
    return "\n\n".join(
        part
        for part in (
            "All are worked out from the records after the run, of all trials together and of each one:",
            outputs,
            how,
            _ERRORS,
        )
        if part
    )


def _aims(s: Scenario) -> str:
    said = []
    if s.beside:
        said.append("Scenario-based: shown beside " + ", ".join(map(code, s.beside)) + ", with common random numbers.")
    if s.decisions:
        thresholds = ", ".join(f"`{d.threshold}`" for d in s.decisions.values())
        said.append(f"The threshold of a decision rule is studied over its whole range: {thresholds}.")
    ranged = [k for k in s.own_parameters if k.range]
    said.append("Parameters that can be varied over a range:")
    said.append(
        table(
            ("Parameter", "Value", "Range", "Meaning"),
            ([words(t) for t in (k.name, k.text, k.range, k.meaning)] for k in ranged),
        )
    )
    return "\n\n".join(part for part in said if part)


def _logic(s: Scenario) -> str:
    rows = (
        [_state(d), words(d.treatment or "none"), words(d.assessments or "none"), d.lasts]
        for d in s.design
        if not d.outcome
    )
    ways = listed(words(f"{d.label}: {'; '.join(d.ways_out)}") for d in s.design if d.ways_out)
    return "\n\n".join(
        [table(("State", "Treatment", "Assessments", "Lasts"), rows), f"Ways out, tried in this order:\n\n{ways}"]
    )


def _state(d: StateRow) -> str:
    return f"{words(d.label)} ({code(d.name)})"


def _scenario_logic(s: Scenario) -> str:
    changed = [p for p in s.parameters if p.changed]
    if not changed:
        return "Every parameter of the disease and the drugs has its default."
    rows = ([f"`{p.component}.{p.name}`", p.words, p.default_words, p.meaning] for p in changed)
    return "Changed from the defaults of the disease and the drugs:\n\n" + table(
        ("Parameter", "Here", "Default", "Meaning"), rows
    )


def _components(s: Scenario) -> str:
    cohort, disease = s.trial.cohort, s.trial.disease.component
    assessed = "; ".join(dict.fromkeys(m.assessment.meaning for m in s.trial.assessments))
    drugs = "; ".join(p.component.meaning for p in s.trial.drugs) or "none"
    limited = [
        f"{words(r.name)}: {r.units} at each of {len(r.sites)} sites, for {', '.join(r.serves)}, {r.slot} minutes a use"
        for r in cohort.capacity
    ]
    window = f"{s.trial.protocol.window / MINUTES_PER_DAY:g} days"
    waits = f"First come, first served; a visit not made within {window} of its day is missed"
    ends = ", ".join(dict.fromkeys(words(d.outcome) for d in s.design if d.outcome))
    sites = [
        f"{words(c.name)}, a Poisson process of {_per_year(c.rate):.3g} candidates in 52 weeks" for c in cohort.sites
    ]
    parts = (
        ("2.5.1 Entities", f"Candidates with {disease.meaning}, of whom {cohort.size} are enrolled in each trial"),
        ("2.5.2 Activities", f"Visits on planned days. Assessments: {assessed}. Drugs: {drugs}"),
        ("2.5.3 Resources", "; ".join(limited) or "None is limited"),
        ("2.5.4 Queues", waits if limited else "None: nobody waits for anybody"),
        ("2.5.5 Entry and exit points", f"Entry: {'; '.join(sites)}. Exit: {ends}"),
    )
    return "\n\n".join(f"**{name}.** {text}." for name, text in parts)


def _page(component: str) -> str:
    """A link to a component's page; only shipped ones have one."""
    known = {name for _, name in names()}
    return f"[`{component}`](models/{component}.md)" if component in known else f"`{component}`"


def _per_year(per_minute: float) -> float:
    return per_minute * MINUTES_PER_DAY * 7 * 52


def _inputs(s: Scenario) -> str:
    own_parameters = table(
        ("Parameter", "Value", "Meaning", "Evidence"),
        (
            [code(k.name), k.text, words(k.meaning), f"[{k.mark}] {words(k.source)}" if k.mark else words(k.source)]
            for k in s.own_parameters
        ),
    )
    links = ", ".join(_page(name) for name in dict.fromkeys(p.component for p in s.parameters))
    said = f"Those of the disease and the drugs, each with its range, evidence mark and source: {links}."
    return "\n\n".join(part for part in ("Of the protocol:" if own_parameters else "", own_parameters, said) if part)


def _assumptions(s: Scenario) -> str:
    named = [f"`{p.component}.{p.name}`: {p.meaning}" for p in s.parameters if p.mark == "A"]
    named += [f"{code(k.name)}: {words(k.meaning)}" for k in s.own_parameters if k.mark == "A"]
    return "\n\n".join(
        part
        for part in (
            listed(map(words, s.notes)),
            "Numbers without a source, each marked [A]:" if named else "",
            listed(named),
        )
        if part
    )


def _run_length(s: Scenario) -> str:
    return (
        f"No warm-up. Each subject is followed from day 0 to a final state: {_longest(s.design)}. A trial ends with "
        f"its last subject. {s.replicates:,} trials unless told otherwise."
    )


def _longest(design: Sequence[StateRow]) -> str:
    lasting = [f"{d.lasts} in '{words(d.label)}'" for d in design if d.lasts]
    return ", ".join(lasting) or "as long as its rules say"


def _estimation(s: Scenario) -> str:
    return (
        f"{s.replicates:,} independent trials by default. The estimate is the endpoint of all trials together; its "
        "standard error is the jackknife over trials. Scenarios and points of a sweep share their random numbers, so "
        "that differences are paired, subject by subject."
    )


def _execution(s: Scenario) -> str:
    engine = "the reference engine, since subjects wait for each other" if s.trial.limited else "the fast engine"
    return (
        "Next-event time advance, in whole minutes. At one moment events with a clock of their own come first, then "
        "visits, then the end of a state; within a visit assessments, the rules after them, then doses (the list "
        "stands in `protocolsim/engine/base.py`). Two engines give equal records, bit for bit; this scenario runs on "
        f"{engine}. Numbers do not depend on the order of subjects, on chunks or on workers."
    )


_ERRORS = (
    "Each carries its Monte Carlo standard error (jackknife over trials) and the sampling range of single trials at "
    "fixed parameters, from the 5th to the 95th percentile; with `--parameters plausible` also the prediction range, "
    "in which the uncertain parameters are drawn, and whose the variance is."
)
_ALGORITHMS = (
    "The equations of the disease and of each drug stand on their pages under `docs/models/`. Between moments "
    "everything moves in closed form. Hazards accumulate to a unit-exponential threshold of the subject and cause. "
    "Randomisation is by permuted blocks."
)
_PREPROCESSING = (
    "None: published numbers stand as printed. Where a parameter was worked out from them it is marked [D] and names "
    "them."
)
_INITIALISATION = (
    "A trial begins empty. Candidates arrive in the order of their numbers; each begins on day 0 in the first state, "
    "with the history that the disease model draws."
)
_SOFTWARE = (
    "Python, with NumPy and Numba for the kernels, and SimPy and transitions for the reference engine. The lower "
    "bounds of versions stand in `pyproject.toml`; those used stand in each result's `provenance.json`."
)
_RANDOM = (
    "Philox4x32-10, a counter-based generator: each number is looked up by seed, trial, subject, purpose and index, "
    "and never drawn in order. Distributions are quantile functions of it."
)
_SYSTEM = (
    "Any; results are equal to the last bit on every processor. Time and machine of a run stand in its "
    "`provenance.json`."
)
_SHARING = "The package, this scenario, its tests and this page are open (MIT licence), in one repository."
