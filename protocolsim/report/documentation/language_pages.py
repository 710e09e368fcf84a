"""The pages of the scenario language's reference and of the glossary, as Markdown, made from the entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from protocolsim.protocol.functions import FUNCTIONS
from protocolsim.protocol.rules import GRAMMAR, MAX_DEPTH, MAX_LENGTH, RESERVED, TOLERANCE
from protocolsim.report.documentation.examples import EXAMPLES
from protocolsim.report.documentation.explain import NAME, Entry
from protocolsim.report.documentation.reference import (
    Section,
    holds,
    kind_default,
    marks,
    measures,
    sections,
    target_sections,
    terms,
    units,
)
from protocolsim.scenario.kinds import KindEntry, kind_entries
from protocolsim.study.sweep.grid_values import FORM
from protocolsim.text.markdown import table

_FOOT = "*Written by `protocolsim docs --pages docs` from the code; do not edit it here.*"
_ENDPOINTS = (
    "The kinds of endpoint: the numbers that each simulated trial reports. They stand in `endpoints:`, by a name of "
    "your own. Each may have a `label` and says in `among` which population is its denominator."
)
_ANALYSES = (
    "The kinds of analysis: hypothesis tests applied to every simulated trial. They stand in `analysis:`, by a name of "
    "your own, and test an endpoint of the scenario. The share of trials that reject is the power where there is an "
    "effect, and the type I error where there is none."
)
_SUMMARIES = (
    "The kinds of summary: numbers that decision rules may use. They stand in `protocol.summaries:`, and in "
    "`decisions.NAME.summaries:` for other measures of a decision. Only what had been observed by that visit counts; "
    "without an observation a summary is undefined."
)
_STATISTICS = (
    "The kinds of statistic: numbers that a look at the accumulating data reads, and that rules about the trial "
    "compare. They stand in `interim.statistics:`, by a name of your own. A look sees what is known at its cut-off: no "
    "hidden quantity, and no observation that has not reached the database by then."
)
_SHAPES = (
    "The shapes of group-sequential boundaries, which `as:` names in `interim.boundaries:`. A spending function says "
    "how much of the error is spent by each share of the information; of the others the bounds are known but for one "
    "constant, which is solved for. Bounds are on the scale of z, one-sided, and rounded to 6 decimals."
)
_KINDS = {
    "endpoint": ("endpoints", "Endpoints", _ENDPOINTS),
    "analysis": ("analyses", "Analyses", _ANALYSES),
    "summary": ("summaries", "Summaries", _SUMMARIES),
    "statistic": ("statistics", "Statistics of looks", _STATISTICS),
    "boundary shape": ("boundaries", "Boundary shapes", _SHAPES),
}
"""Of each section of kinds: its page, the title, and what is said at its top."""


def pages() -> dict[str, str]:
    """Every page that is made from the language, by its path in the docs."""
    return {
        "reference/scenario/keys.md": _keys_page(),
        **{f"reference/scenario/{name}.md": _kinds_page(section) for section, (name, *_) in _KINDS.items()},
        "reference/scenario/rules.md": _rules_page(),
        "reference/scenario/units.md": _units_page(),
        "reference/scenario/measures.md": _measures_page(),
        "reference/scenario/targets.md": _targets_page(),
        "glossary.md": _glossary_page(),
    }


def anchor(heading: str) -> str:
    """The anchor that the site gives to a heading."""
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", *(part for part in parts if part), _FOOT]) + "\n"


def _yaml(text: str) -> str:
    return f"```yaml\n{text.rstrip()}\n```"


def _keys_page() -> str:
    there = sections()
    return _page(
        "Keys of a scenario file",
        "Every key, from the whole file inwards. `NAME` is a name of your own. An example is a whole file: save it, "
        "then `protocolsim check FILE`. A file that `extends` another says only what differs; `null` takes a key away. "
        "`protocolsim explain KEY` says the same in the terminal, and `protocolsim schema` prints the JSON Schema.",
        *_sections(there, {section.model.__name__: section.path for section in there}),
    )


def _targets_page() -> str:
    there = target_sections()
    return _page(
        "Targets of a calibration",
        "The file that `protocolsim calibrate SCENARIO --to FILE` reads: which parameters are fitted, and to what.",
        *_sections(there, {section.model.__name__: section.path for section in there}),
    )


def _sections(there: Iterable[Section], paths: Mapping[str, str]) -> list[str]:
    parts = []
    last = ""
    for section in there:
        parts += [
            f"## {_heading(section.path)}",
            section.meaning,
            _elsewhere(section),
            table(("Key", "Type", "Default", "Meaning"), (_row(key, section, paths) for key in section.keys)),
            _yaml(section.example) if section.example != last else "",
            *(_yaml(key.example) for key in section.keys if key.name in EXAMPLES),
        ]
        last = section.example
    return parts


def _heading(path: str) -> str:
    return f"`{path}`" if path not in ("", "targets file") else "The whole file"


def _row(key: Entry, section: Section, paths: Mapping[str, str]) -> Sequence[str]:
    word = key.name.removeprefix(f"{section.path}.") if section.path else key.name
    field = next(f for name, f in section.model.model_fields.items() if (f.alias or name) == word)
    inner = [model for model in paths if model in re.findall(r"\w+", str(field.annotation))]
    links = ", ".join(f"[`{paths[model]}`](#{anchor(paths[model])})" for model in inner)
    typed = key.type.replace("a mapping of keys", f"a mapping of keys ({links})" if links else "a mapping of keys")
    return f"`{word}`", typed, _code(key.default), _sentence(key.meaning)


def _elsewhere(section: Section) -> str:
    """Where the keys stand that a kind or a component adds."""
    if section.path == f"endpoints.{NAME}":
        return "The other keys are those of its kind: see [Endpoints](endpoints.md)."
    if section.path == f"analysis.{NAME}":
        return "The other keys are those of its kind: see [Analyses](analyses.md)."
    if section.path in ("cohort", f"drugs.{NAME}"):
        return "The other keys are parameters of the model: see [Models](../../models/index.md)."
    if section.path == f"interim.statistics.{NAME}":
        return "The other keys are those of its kind: see [Statistics of looks](statistics.md)."
    if section.path == f"interim.boundaries.{NAME}":
        return "Each shape has an example in [Boundary shapes](boundaries.md)."
    if section.path == f"protocol.summaries.{NAME}":
        return "Each kind has an example in [Summaries](summaries.md)."
    return ""


def _code(text: str) -> str:
    return f"`{text}`" if text and text not in ("required", "none") else text


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _kinds_page(section: str) -> str:
    _, title, words = _KINDS[section]
    return _page(title, words, *(part for kind in kind_entries() if kind.section == section for part in _kind(kind)))


def _kind(kind: KindEntry) -> list[str]:
    rows = (
        [f"`{k.name}`", holds(k), _code(kind_default(k)), _sentence(k.meaning)] for k in kind.keys if k.name != "label"
    )
    return [
        f"## `{kind.name}`",
        _sentence(kind.meaning) + ".",
        kind.text if kind.text.rstrip(".").lower() != kind.meaning.lower() else "",
        table(("Key", "Type", "Default", "Meaning"), rows) if kind.keys else "",
        _yaml(kind.example),
    ]


def _rules_page() -> str:
    return _page(
        "Rules and expressions",
        "A decision rule (`when:`) is an expression that is true or false. Doses, durations, thresholds and parameters "
        "may be expressions that are numbers. The language has arithmetic, comparisons, `and`, `or`, `not` and a few "
        "functions; nothing is ever evaluated as code.",
        "```yaml\nwhen: cel_reduction > response_threshold and not (edss > 6.5)\n```",
        "## Syntax",
        "In EBNF, where `{ }` is any number of times, `[ ]` at most once, and `,` one after the other:",
        f"```ebnf\n{GRAMMAR.rstrip()}\n```",
        "A `number` is a decimal number such as `75`, `0.5` or `1e-3`; a `unit` is one of [the units](units.md); a "
        f"`name` is a parameter, a summary or a trait that the clinic knows: letters, digits and `_`, none of "
        f"{', '.join(f'`{word}`' for word in sorted(RESERVED))}.",
        "## Functions",
        table(("Function", "Value"), [[f"`{f.name}({f.arguments})`", f.meaning] for f in FUNCTIONS.values()]),
        "## Meaning",
        "- **Units must fit.** `+`, `-` and comparisons need the same dimension on both sides; `*` and `/` combine "
        "them. `75 %` is 0.75.\n"
        "- **Undefined.** A summary without an observation, and a division by zero, are undefined; so is what is "
        "computed from them. A comparison with something undefined is false, so that its `not` is true.\n"
        f"- **Equal within {TOLERANCE:g}.** Values within that distance of a bound count as equal to it, so that "
        "`1 - 7/10 > 0.30` is false, as on paper.\n"
        f"- **Limits.** At most {MAX_LENGTH} characters, and {MAX_DEPTH} brackets within each other.\n"
        "- **What a rule sees.** Only what had been observed by that visit; never a hidden quantity.",
        "`protocolsim check SCENARIO` proves what the rules of a state do for every patient.",
    )


def _units_page() -> str:
    rows = [[f"`{e.name}`", _sentence(e.meaning), e.text, ", ".join(f"`{u}`" for u in e.see)] for e in units()]
    return _page(
        "Units and marks",
        "A number carries its unit: `12 weeks`, `1 mg/kg`, `75 %`, `0.9 % / 4 weeks`. Units multiply and divide: what "
        "follows a stroke is one divisor, so that `1 % / 4 weeks` is 1 % in four weeks. There are no months and no "
        "years: a month is written as 4 weeks, a year as 52 weeks.",
        "## Units",
        table(("Unit", "What it measures", "Note", "Others of the same kind"), rows),
        "## On the command line",
        "`--set NAME=VALUE` sets a value as a file would hold it: `--set response_threshold=50%`, "
        "`--set cohort.size=30`, `--set daclizumab.median_rate_ratio=0.6`. "
        f"A sweep takes `--vary {FORM}`: `--vary response_threshold=25%:75%:25%`, "
        "`--vary 'daclizumab_dose=0.5,1,2 mg/kg'`. Numbers without a unit take it from those that have one; where that "
        "is `%`, each number but 0 says it. Of a parameter with `scale: log` the third number is how many values, at "
        "equal factors: `--vary rate=0.1:10:5` is 0.1, 0.316228, 1, 3.16228 and 10.",
        "A plain `0` is a rate as well.",
        "## Marks",
        "Each clinical number says how it is known.",
        table(("Mark", "Meaning"), ([f"`{e.name}`", _sentence(e.meaning)] for e in marks())),
    )


def _measures_page() -> str:
    rows = [[f"`{e.name}`", _sentence(e.meaning), e.unit, e.text.removeprefix("Counted: ")] for e in measures()]
    return _page(
        "Measures of a decision",
        "What `protocolsim thresholds` shows of a decision rule at each threshold, by the names of its tables. The "
        "decision is declared in [`decisions.NAME`](keys.md#decisionsname).",
        table(("Measure", "Meaning", "Unit", "Counted"), rows),
    )


def _glossary_page() -> str:
    there = sorted(terms(), key=lambda e: e.name.lower())
    known = {e.name for e in there}
    marked = {e.name: e.meaning for e in marks()}
    lines = [
        f'- <a id="{anchor(e.name)}"></a>**{e.name}**'
        + (f" ({', '.join(e.also)})" if e.also else "")
        + f": {e.meaning}"
        + (f" See {', '.join(_see(s, known) for s in e.see)}." if e.see else "")
        for e in there
    ]
    return _page(
        "Glossary",
        "The field's terms as they are used here, one line each. `protocolsim explain TERM` prints them.",
        "\n".join(lines),
        "How a number is known: " + "; ".join(f"**{m}** {meaning}" for m, meaning in marked.items()) + ".",
    )


def _see(name: str, known: Iterable[str]) -> str:
    return f"[{name}](#{anchor(name)})" if name in known else f"`{name}`"
