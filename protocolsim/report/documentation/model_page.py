"""One page for each disease and drug: its equations, written beside the code, and all its numbers, from the code."""

from __future__ import annotations

import inspect
from collections import Counter
from importlib import resources

from protocolsim.component import ENROLMENT, MARKS, Component, Hazard, Parameter, level_of
from protocolsim.disease.base import Disease
from protocolsim.errors import UsageError
from protocolsim.report.documentation.declared_page import sections
from protocolsim.scenario.build.cast.components import disease_names, drug_names, load_shipped, shipped_model
from protocolsim.text.markdown import listed, table
from protocolsim.units import in_words

_DECLARED_FOOT = "*Written by `protocolsim docs --pages docs` from `scenarios/models/{name}.yaml`.*"
SECTIONS = ("## Equations", "## Limits", "## What cannot be known")
"""What the text beside the code must say, in this order."""

_FOOT = (
    "*Written by `protocolsim docs --pages docs` from `protocolsim/{room}/{name}.py`; equations, limits and what "
    "cannot be known stand in `{name}.md` beside it.*"
)


def names() -> list[tuple[str, str]]:
    """(room, name) of every shipped disease and drug."""
    return [*(("disease", n) for n in disease_names()), *(("drug", n) for n in drug_names())]


def index_page() -> str:
    """The list of the models, as Markdown."""
    rows = [
        (f"[{n.replace('_', ' ').capitalize()}]({n}.md)", f"`{n}`", r, load_shipped(r, n).meaning) for r, n in names()
    ]
    words = (
        "Diseases and drugs: the equations, every number with how it is known, the limits, and what cannot be known."
    )
    return "\n\n".join(["# Models", words, table(("Model", "Name", "What", "Meaning"), rows)]) + "\n"


def model_page(room: str, name: str) -> str:
    """The page of a shipped component, as Markdown. Raises UsageError where nobody wrote what it leaves out."""
    component, declared = load_shipped(room, name), shipped_model(name)
    beside = resources.files("protocolsim").joinpath(room, f"{name}.md")
    if declared is None and not beside.is_file():
        raise UsageError(f"{room} {name}: its equations and limits are not written yet: expected {beside}")
    written = beside.read_text(encoding="utf-8") if declared is None else sections(declared)
    parts = [
        f"# {name.replace('_', ' ').capitalize()}",
        f"`{name}`, a {room}: {component.meaning}.",
        inspect.cleandoc(component.description),
        written.strip(),
        "## Parameters",
        _marks(component),
        table(
            ("Name", "Value", "Plausible", "Meaning", "Evidence"),
            (
                [f"`{p.name}`", _value(p), f"{p.low:g} to {p.high:g}", p.meaning, _evidence(p)]
                for p in component.parameters
            ),
        ),
        *_populations(component),
        *_shown(component),
        *_couplings(room, component),
        (_FOOT if declared is None else _DECLARED_FOOT).format(room=room, name=name),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _populations(component: Component) -> list[str]:
    """Whose patients a disease knows, and which numbers are others in them."""
    if not isinstance(component, Disease) or not component.populations:
        return []
    units = {p.name: p.unit for p in component.parameters}
    words = (
        "`cohort: {population: NAME}` chooses one; the first is that of a trial that names none. Rates hold on what "
        "its patients arrive on, which `arrives_on:` of the cohort can say otherwise."
    )
    who = [
        [f"`{p.name}`", p.meaning, f"`{p.arrives_on}`" if p.arrives_on else "nothing"] for p in component.populations
    ]
    rows = [
        [f"`{p.name}`", f"`{v.parameter}`", in_words(v.value, units.get(v.parameter, "")), f"{v.low:g} to {v.high:g}",
         f"[{v.mark}] {v.source}".strip()]
        for p in component.populations for v in p.values
    ]  # fmt: skip
    return [
        "## Populations",
        words,
        table(("Name", "Patients", "Arrive on"), who),
        *([table(("Population", "Parameter", "Value", "Plausible", "Evidence"), rows)] if rows else []),
    ]


def _value(p: Parameter) -> str:
    return in_words(p.value, p.unit)


def _evidence(p: Parameter) -> str:
    return f"[{p.mark}] {p.source}".strip()


def _marks(component: Component) -> str:
    """How many numbers are known in which way."""
    counted = Counter(p.mark for p in component.parameters)
    said = "; ".join(f"{counted[m]} [{m}] {meaning}" for m, meaning in MARKS.items() if counted[m])
    return f"{len(component.parameters)} numbers: {said}. Any of them can be set by its name."


def _shown(component: Component) -> list[str]:
    """What the clinic sees, and what only the simulator knows."""
    variables = [
        [f"`{a.name}`", a.meaning, f"`{v.name}`", v.meaning + (f" ({v.unit})" if v.unit else "")]
        for a in component.assessments
        for v in a.variables
    ]
    traits = [
        [f"`{'truth_' if t.hidden else ''}{t.name}`", t.meaning + (f" ({t.unit})" if t.unit else ""),
         "the simulator" if t.hidden else "the clinic"]
        for t in component.traits
    ]  # fmt: skip
    result = []
    if variables:
        result += ["## Assessments", table(("Assessment", "What it is", "Variable", "What it shows"), variables)]
    if traits:
        result += ["## What is each patient's own", table(("Column of subjects", "Meaning", "Known to"), traits)]
    return result


def _couplings(room: str, component: Component) -> list[str]:
    """How it hangs together with others: by names of traits and signals alone."""
    lines = [
        *(f"needs the trait `{need}` of the disease" for need in component.needs),
        *(_read(signal) for signal in component.reads),
        *(f"writes the signal `{signal}`" for signal in component.writes),
        *(f"brings the event `{h.event}`, by a clock of its own{_how_often(h)}" for h in component.hazards),
    ]
    return [f"## How this {room} meets others", listed(lines)] if lines else []


def _read(signal: str) -> str:
    if signal == ENROLMENT:
        return "reads the time of enrolment"
    if signal.startswith(level_of("")):
        return f"reads the treatment in force with `{signal.removeprefix(level_of(''))}`"
    return f"reads the signal `{signal}`, summed over drugs"


def _how_often(hazard: Hazard) -> str:
    """What a reader must know of a hazard beyond that it is there."""
    words = []
    if hazard.multiplier is not None:
        when = "changes as the patient does" if hazard.changing else "is set on entry into each state"
        words.append(f"its rate is each patient's own and {when}")
    if hazard.baseline is not None:
        words.append(f"it depends on the time since {'enrolment' if hazard.since == 'enrolment' else 'entry'}")
    elif hazard.since == "enrolment":
        words.append("it comes from enrolment on")
    if hazard.once:
        words.append("it comes once")
    return "".join(f"; {w}" for w in words)
