"""The form: one row for each number that can be moved, made from the scenario's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from htmltools import Tag, TagList, tags

from protocolsim.app.controls import Control
from protocolsim.app.described import Described
from protocolsim.app.limits import most_looked_at
from protocolsim.app.state import VisitorState
from protocolsim.component import MARKS
from protocolsim.errors import ProtocolsimError
from protocolsim.names import readable
from protocolsim.scenario.build.values.spoken import at_head
from protocolsim.units import unit_in_words

_OURS = {"data-shiny-no-bind-input": ""}  # the page sends them itself, once they are settled
_HEADINGS = {"effect": "The treatment's effect", "": "The trial", "looks": "The boundaries of its looks"}
_MOST_WRITTEN = 32
_WRITTEN: dict[VisitorState, str] = {}
_REPLICATES = (1, 50, 100, 200, 500, 1000, 2000)
_MARKS: Mapping[str, str] = {str(k): v for k, v in MARKS.items()}


def form_html(described: Described, state: VisitorState) -> str:
    """The form as it is sent: written once for a class that opens the same page, since a state has one description."""
    if state not in _WRITTEN:
        while len(_WRITTEN) >= _MOST_WRITTEN:
            _WRITTEN.pop(next(iter(_WRITTEN)), None)
        _WRITTEN[state] = str(form(described, state))
    return _WRITTEN[state]


def form(described: Described, state: VisitorState) -> TagList:
    """The scenario's form, as set up."""
    given = dict(state.settings)
    groups = [(name, list(rows)) for name, rows in groupby(described.controls, key=lambda c: c.group)]
    shown: list[Tag] = []
    for name, rows in groups:
        own_parameters = [_parameter(c, given.get(c.name), live=described.answers_at_once(c.name)) for c in rows]
        if name in _HEADINGS:
            shown += [tags.h2(_HEADINGS[name]), *own_parameters]
        else:
            title = f"{at_head(described.spoken.get(name) or readable(name))} ({len(rows)})"
            changed = any(c.name in given for c in rows)
            shown.append(tags.details(tags.summary(title), *own_parameters, open="" if changed else None))
    return TagList(tags.p(described.question, class_="question"), *shown, _study(described, state))


def _parameter(control: Control, given: str | None, *, live: bool) -> Tag:
    name = control.name
    place = f"parameter-{name.replace('.', '-')}"
    value = _number(given, control) if given is not None else control.value
    about = control.parameter
    known = _MARKS.get(about.mark, "")
    why = f"{known}: {about.source}" if about.source else known
    mark = tags.span(about.mark, class_="evidence", title=why, aria_label=f"known how: {why}") if about.mark else None
    number = tags.input(
        type="number", value=f"{value:.12g}", step="any", aria_label=f"{control.label}, as a number", data_role="number"
    )
    slider = None
    if about.low is not None and about.high is not None and control.step > 0:
        slider = tags.input(
            id=place, type="range", min="0" if about.log else f"{about.low:.12g}",
            max="1" if about.log else f"{about.high:.12g}", step=f"{control.step:.12g}",
            value=f"{control.along(value):.12g}", aria_describedby=f"{place}-meaning", data_role="slider",
            aria_valuetext=f"{value:.12g}" if about.log else None, data_log=f"{about.low:.12g} {about.high:.12g}"
            if about.log else None,
        )  # fmt: skip
    return tags.div(
        tags.div(tags.label(control.label, for_=place), mark, class_="name"),
        tags.div(slider, number, tags.span(unit_in_words(about.unit), class_="unit"), class_="move"),
        tags.div(about.meaning, id=f"{place}-meaning", class_="meaning"),
        class_="parameter changed" if given is not None else "parameter",
        data_parameter=name,
        data_own=f"{control.value:.12g}",
        data_live="" if live else None,
    )


def numbers_set(described: Described, state: VisitorState) -> dict[str, str]:
    """What stands in the form's boxes, by the name of the box, where it is not the scenario's own number."""
    given = dict(state.settings)
    result = {c.name: f"{_number(given[c.name], c):.12g}" for c in described.controls if c.name in given}
    replicates, seed = _replicates_and_seed(described, state)
    return {**result, "replicates": str(replicates), "seed": str(seed)}


def _replicates_and_seed(described: Described, state: VisitorState) -> tuple[int, int]:
    """The scenario's own, where the visitor has not said others."""
    return (
        described.replicates if state.replicates is None else state.replicates,
        described.seed if state.seed is None else state.seed,
    )


def _number(given: str, control: Control) -> float:
    """The number of a setting; the control's own where it is not one in its unit."""
    try:
        return control.parameter.read(given)
    except ProtocolsimError:
        return control.value


def _patient_by_patient(described: Described, most: int) -> Tag | None:
    """How many trials views of patients have at most, where so many may be simulated."""
    looked = most_looked_at(described.size, most)
    if looked == most:
        return None
    return tags.div(f"views that show patients have {looked:,} at most", class_="meaning")


def _study(described: Described, state: VisitorState) -> Tag:
    replicates, seed = _replicates_and_seed(described, state)
    offered: Sequence[int] = sorted({*_REPLICATES, described.replicates, replicates})
    options = [tags.option(f"{n:,}", value=str(n), selected="" if n == replicates else None) for n in offered]
    return tags.div(
        tags.div(tags.label("Simulated trials", for_="replicates"), class_="name"),
        tags.select(*options, **_OURS, id="replicates", class_="form-select form-select-sm"),
        _patient_by_patient(described, offered[-1]),
        tags.div(tags.label("Random seed", for_="seed"), class_="name"),
        tags.input(
            **_OURS, id="seed", type="number", min="0", step="1", value=str(seed),
            class_="form-control form-control-sm",
        ),
        tags.p(
            tags.button("As it was", type="button", id="reset", class_="btn btn-sm btn-outline-secondary"),
            " ",
            tags.a(
                "Save as a file", href=f"download/scenario.yaml?{state.address()}",
                data_download="download/scenario.yaml", download="", class_="btn btn-sm btn-outline-secondary",
            ),
            " ",
            tags.button("Copy link", type="button", id="share", class_="btn btn-sm btn-outline-secondary"),
            tags.span(id="shared", role="status"),
            class_="actions",
        ),
        class_="study",
    )  # fmt: skip
