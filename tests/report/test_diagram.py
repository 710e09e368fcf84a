"""The diagram: what it says is the protocol that runs, mermaid reads it, and nothing drawn lies on anything else."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from rich.console import Console

import protocolsim
from protocolsim.errors import UsageError
from protocolsim.report.protocol import chart_layout, chart_svg
from protocolsim.report.protocol import text as protocol_text
from protocolsim.report.protocol.schedule import (
    MADE,
    VisitTable,
    print_schedule,
    schedule,
    schedule_html,
    schedule_text,
)  # fmt: skip
from protocolsim.report.protocol.state_chart import Arrow, Box, StateChart, counts, mermaid, state_chart
from protocolsim.report.style import text_width
from protocolsim.scenario.file.library import names
from protocolsim.scenario.load import load
from protocolsim.units import MINUTES_PER_WEEK
from tests.cli.test_cli import command, refused
from tests.support import protocols, toys

__all__ = ["command"]
MERMAID = ("mermaid@11.17.2", "jsdom@26.1.0")
PROBE = """
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";
const { window } = new JSDOM("");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import("mermaid");
const said = [];
for (const text of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    await mermaid.parse(text);
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
    const data = db.getData();
    const edges = data.edges.map((e) => [e.start, e.end, e.label]);
    said.push({ edges, nodes: data.nodes.map((n) => [n.id, n.label]) });
  } catch (error) {
    said.push({ error: String(error.message) });
  }
}
console.log(JSON.stringify(said));
"""
SNAPSHOT = (Path(__file__).parent / "ms_daclizumab.mmd").read_text(encoding="utf-8")
LOOP = """
states:
  trying:
    label: "Trying: a \\"new\\" dose; #1 <b>"
    lasts: 4 weeks
    enrolled: true
    treatment: {infusion: {dose: 1 mg/kg, days: [0, 1, 2, 9]}, pill: standard}
    assessments: {scan: {every: 1 week}}
  resting: {lasts: 10 days, assessments: {scan: {days: [0]}}}
  treated: {lasts: 2 weeks}
  control: {lasts: 2 weeks}
  care: {lasts: 1 week}
  done: {final: done}
randomisations:
  arms: {between: {treated: 2, control: 1}}
summaries: {tries: {entries of: trying}, clock: {last of: clock}}
transitions:
  - {from: trying, to: trying, after: scan, when: clock > 1 and tries < 3}
  - {from: trying, to: resting, when: tries < 5}
  - {from: trying, randomise: arms}
  - {from: resting, to: trying}
  - {from: [treated, control, care], to: done}
  - {from: on study, to: care, upon: rash}
  - {from: any, to: done, upon: fever}
"""


@pytest.fixture(scope="session")
def read_by_mermaid():
    """What mermaid itself makes of texts: nodes and edges, or its complaint."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("mermaid's own parser needs node and npm, which are not installed here")
    folder = Path(tempfile.gettempdir()) / f"protocolsim-mermaid-{os.getuid()}-{'-'.join(MERMAID).replace('@', '_')}"
    if not (folder / "complete").is_file():
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        install = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *MERMAID)
        done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            pytest.skip(f"npm cannot install mermaid here: {(done.stderr or done.stdout).strip()[:200]}")
        (folder / "complete").touch()
    (folder / "probe.mjs").write_text(PROBE)

    def read(texts):
        call = ("node", "probe.mjs")
        found = subprocess.run(call, cwd=folder, input=json.dumps(texts), capture_output=True, text=True, check=True)
        return json.loads(found.stdout)

    return read


def loop():
    return toys.scenario(LOOP, cohort="size: 2", infusion="rash: 1 / 4 weeks, fever: 1 / 52 weeks")


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own text


def charts() -> list[StateChart]:
    return [state_chart(load(name)) for name in names()] + [state_chart(loop()), state_chart(protocols.rich())]


def decoded(text: str) -> str:
    """Mermaid's own way of keeping signs by number, undone."""
    return re.sub(r"ﬂ°°(\d+)¶ß", lambda m: chr(int(m[1])), text)


class TestMermaid:
    def test_snapshot(self):
        """The text of a shipped scenario, for a person to read."""
        assert protocolsim.diagram("ms_daclizumab") == SNAPSHOT

    @pytest.mark.slow
    def test_mermaid_reads_it(self, read_by_mermaid):
        """Mermaid itself reads every diagram, with the arrows and words that were meant; it refuses a broken one."""
        drawn: list[StateChart] = charts()
        *found, broken = read_by_mermaid([*(mermaid(c) for c in drawn), "stateDiagram-v2\n a -> -> b"])
        assert "error" in broken
        for chart, said in zip(drawn, found, strict=True):
            assert "error" not in said, said
            edges = sorted((a, b, decoded(words)) for a, b, words in said["edges"] if b != "root_end")
            meant = sorted(
                (a.source.replace("start", "root_start"), a.target, a.words.replace("\u00a0", " "))
                for a in chart.arrows
            )
            assert edges == meant
            labels = {
                i: decoded(label).replace("&gt;", ">").replace("<br>", "\n").replace("<br/>", "\n")
                for i, label in said["nodes"]
            }
            for box in chart.boxes:
                if box.kind != "start":
                    assert labels[box.key].split("\n")[0] == box.title


class TestChart:
    def test_every_transition_is_an_arrow(self):
        """Each way of each protocol is drawn once, alone or in a group that says what it stands for."""
        for name in names():
            protocol = load(name).trial.protocol
            chart = state_chart(load(name))
            boxes = {b.key: b for b in chart.boxes}
            ways = {(t.source, to, t.item) for t in protocol.transitions for to in t.destinations}
            single = [a for a in chart.arrows if boxes[a.source].kind not in ("start", "many")]
            grouped = [a for a in chart.arrows if boxes[a.source].kind == "many"]
            written = load(name).document.data["protocol"]["transitions"]
            whole = {k for k, item in enumerate(written) if item["from"] in ("on study", "any")}
            together = {k for k in whole if sum(t.item == k for t in protocol.transitions) > 1}
            assert len(single) == sum(1 for w in ways if w[2] not in together)
            assert len(grouped) == len({(to, k) for _, to, k in ways if k in together})

    def test_words_of_a_loop(self):
        """Self-transitions, groups, ratios of a randomisation and events are said on their arrows."""
        found = {(a.source, a.target): a for a in state_chart(loop()).arrows}
        assert found["s0", "s0"].words.replace("\u00a0", " ") == "after scan, if clock > 1 and tries < 3"
        assert found["s0", "s2"].words == "otherwise, randomised (arms): 2/3"
        assert found["s0", "s3"].words == "otherwise, randomised (arms): 1/3"
        titles = {b.key: b.title for b in state_chart(loop()).boxes}
        assert {titles[a] for a, b in found if a.startswith("m")} == {"From any other state on study", "From any state"}
        assert found["m1", "s5"].unplanned
        assert not found["s1", "s0"].unplanned

    def test_counts_are_the_moves_of_the_run(self):
        """The number on each arrow is counted in the table of moves, and whoever entered has left or ended there."""
        scenario = load("ms_daclizumab")
        result = protocolsim.run(scenario, replicates=3)
        chart = state_chart(scenario, counts(result.pieces()))
        moves = result.moves
        labels = {s.number: s.name for s in scenario.trial.protocol.states}
        for arrow in chart.arrows:
            if arrow.source == "start":
                continue
            to = moves["to_state"] == labels[int(arrow.target[1:])]
            if arrow.source.startswith("m"):
                assert arrow.number == (to & moves["trigger"].str.startswith("upon")).sum()
            else:
                of = moves["from_state"] == labels[int(arrow.source[1:])]
                assert arrow.number == (to & of & ~moves["trigger"].str.startswith("upon")).sum()
        ended = sum(int(line.split()[0]) for b in chart.boxes if b.kind == "final" for line in b.lines[-1:])
        assert ended == len(result.subjects)

    def test_another_run_is_refused(self):
        """A run of another scenario cannot be counted on this one's arrows."""
        result = protocolsim.run(load("ms_no_drug"), replicates=1)
        with pytest.raises(UsageError, match="another scenario"):
            protocolsim.diagram("ms_daclizumab", counts=result)


def boxes_of(laid: chart_layout.Layout) -> list[tuple[float, float, float, float]]:
    return [(n.x - n.width / 2, n.y - n.height / 2, n.x + n.width / 2, n.y + n.height / 2) for n in laid.nodes]


def nothing_overlaps(chart: StateChart) -> None:
    """No two boxes or words share a point, and no line passes through any but those it belongs to."""
    laid = chart_layout.laid_out(chart)
    taken = boxes_of(laid)
    left, top, right, bottom = np.array(taken).T
    for k, (a0, b0, a1, b1) in enumerate(taken):
        apart = (a1 <= left + 1e-6) | (right <= a0 + 1e-6) | (b1 <= top + 1e-6) | (bottom <= b0 + 1e-6)
        assert apart.sum() == len(taken) - 1, laid.nodes[k]
    assert (left.min() >= -1e-6, top.min() >= 0.0) == (True, True)
    assert (right.max() <= laid.width + 1e-6, bottom.max() <= laid.height + 1e-6) == (True, True)
    picture = parsed(chart_svg.svg(chart, paper=False))
    shown = [t.text or "" for t in picture.iter("{http://www.w3.org/2000/svg}text")]
    said = [w for b in chart.boxes for w in (b.title, *b.lines)] + [
        w for a in chart.arrows for w in (a.words, a.counted)
    ]
    assert sorted("".join(shown).replace(" ", "")) == sorted("".join(said).replace(" ", ""))
    for route in laid.routes:
        others = np.setdiff1d(np.arange(len(taken)), route.nodes)
        for x, y in line_points(laid, route):
            crossed = (left < x) & (x < right) & (top < y) & (y < bottom)
            assert not crossed[others].any(), route.arrow


def line_points(laid: chart_layout.Layout, route: chart_layout.ArrowRoute) -> Iterator[tuple[float, float]]:
    """Points along the path that is drawn for an arrow."""
    for path in re.findall(r'd="([^"]+)"', "".join(chart_svg._line(laid, route))):
        at = (0.0, 0.0)
        for kind, numbers in re.findall(r"([MLC])([-0-9. ]+)", path):
            p = [float(v) for v in numbers.split()]
            ends = [at, *zip(p[::2], p[1::2], strict=True)]
            for t in (k / 8 for k in range(9)):
                if kind == "C":
                    (ax, ay), (bx, by), (cx, cy), (dx, dy) = ends
                    w = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                    yield (
                        w[0] * ax + w[1] * bx + w[2] * cx + w[3] * dx,
                        w[0] * ay + w[1] * by + w[2] * cy + w[3] * dy,
                    )
                elif kind == "L":
                    yield ends[0][0] + t * (p[0] - ends[0][0]), ends[0][1] + t * (p[1] - ends[0][1])
            at = ends[-1]


class TestDrawing:
    @pytest.mark.parametrize("number", range(len(names()) + 2))
    def test_nothing_overlaps(self, number):
        """In every shipped scenario's picture, and in one full of loops, nothing lies on anything else."""
        nothing_overlaps(charts()[number])

    @settings(max_examples=15)
    @given(protocols.drafts())
    def test_nothing_overlaps_in_random_protocols(self, draft):
        """Whatever the scenario language can say is drawn without overlaps."""
        nothing_overlaps(state_chart(protocols.runnable(draft)))

    def test_a_large_protocol(self):
        """Sixty states and more than a hundred arrows are drawn too."""
        boxes = (Box("start", "start", ""), *(Box(f"s{k}", "state", f"State {k}", ("4 weeks",), k) for k in range(60)))
        ways = [(k, k + 1) for k in range(59)] + [(k, (7 * k + 11) % 60) for k in range(60)]
        ways += [(k, (k + 5) % 60) for k in range(60)] + [(3 * k, k) for k in range(20)]
        ways = [(a, b) for a, b in ways if abs(a - b) < 12]  # long ones are many bends, and as many checks
        arrows = [Arrow(f"s{a}", f"s{b}", f"if x > {a}") for a, b in ways]
        nothing_overlaps(StateChart("large", boxes, (Arrow("start", "s0"), *arrows)))

    @pytest.mark.parametrize("name", names())
    def test_every_format(self, name, tmp_path):
        """Every shipped scenario is drawn in every format; nothing is loaded from a network."""
        assert protocolsim.diagram(name, "png")[:8] == b"\x89PNG\r\n\x1a\n"
        dot, svg, page = (str(protocolsim.diagram(name, form)) for form in ("dot", "svg", "html"))
        assert dot.startswith("digraph")
        parsed(svg)
        assert not re.search(r'(src|href)="?https?:', page)
        assert "Schedule of assessments" in page

    def test_words_are_no_wider_than_their_room(self):
        """Lines are no wider than the room given, and joined they are the text again."""
        text = "after 12 weeks, if entry_cel ≥ eligible_cels (2) and entry_edss ≥ 1 " + "w" * 60
        lines = text_width.wrapped(text, 11.5, 160.0)
        assert all(text_width.width(line, 11.5) <= 160.0 for line in lines)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def bare_html(found: VisitTable) -> str:
    """The schedule as HTML without what only a style needs."""
    return re.sub(r" class=first|<br>|</?div>", "", schedule_html(found))


class TestSchedule:
    @pytest.mark.parametrize("name", names())
    def test_it_is_what_is_planned(self, name):
        """Each mark stands where a visit of that state plans that activity and can come, counted one by one."""
        scenario = load(name)
        found = schedule(scenario)
        states = [s for s in scenario.trial.protocol.states if not s.final]
        for column, state in zip(found.columns, states, strict=True):
            cells = [mark for row in column.marks for mark in row if mark]
            visits = state.visits if state.until is None else scenario.planned[state.number]
            planned = sum(len(v.assessments) + len(v.doses) for v in visits)
            assert (len(cells), cells.count(MADE)) == (planned, sum(len(v.assessments) for v in visits))

    def test_weeks_from_enrolment(self):
        """Weeks count from enrolment where the time is certain, from the state's start where it is not."""
        columns = {c.state.name: c.moments for c in schedule(load("ms_daclizumab")).columns}
        assert columns["baseline"] == ("-12", "-8", "-4", "0")
        assert columns["combination"] == ("0", "2", "6", "10", "14", "18", "22")
        assert columns["monotherapy"] == tuple(str(w) for w in range(26, 66, 4))
        assert columns["rescued"][:3] == ("+0", "+4", "+8")

    def test_a_run_keeps_to_it(self):
        """Every assessment of a run was planned in the schedule for that week of that state."""
        scenario = load("ms_daclizumab")
        result = protocolsim.run(scenario, replicates=1)
        columns = {c.state.name: c for c in schedule(scenario).columns}
        names_ = [a.name for a in schedule(scenario).activities]
        seen = result.observations.merge(result.subjects[["subject", "enrolled_minute"]], on="subject")
        seen = seen[(seen["enrolled_minute"] >= 0) & (seen["state"] != "rescued")]
        for state, what, minute, enrolled in seen[["state", "assessment", "minute", "enrolled_minute"]].to_numpy():
            column = columns[state]
            week = str((minute - enrolled) // MINUTES_PER_WEEK)
            assert column.marks[names_.index(scenario.spoken.assessment(what))][column.moments.index(week)] == MADE

    @pytest.mark.parametrize("name", names())
    def test_what_is_taken_throughout(self, name):
        """A drug stands as taken throughout a state exactly where the file calls it standard there; doses never do."""
        scenario = load(name)
        written = scenario.document.data["protocol"]["states"]
        found = schedule(scenario)
        for column in found.columns:
            treatment = written[column.state.name].get("treatment") or {}
            standard = {
                protocol_text.spoken(scenario.spoken.drug(drug))
                for drug, given in treatment.items()
                if given == "standard"
            }
            assert {words.removesuffix(", standard") for words in column.throughout} == standard
            head = parsed(bare_html(found)).findall("./thead/tr/th")
            shown = ["".join(h.itertext()) for h in head if (h.text or "") == column.state.label]
            assert all(f"{drug}, standard" in "".join(shown) for drug in standard if column.moments)
            lines = schedule_text(found)
            own = lines[1 + next(k for k, line in enumerate(lines) if line.startswith(f"{column.state.label}")) :]
            told = list(itertools.takewhile(lambda line: line.endswith(", throughout"), own))
            assert len(told) == len(standard)

    @pytest.mark.parametrize("width", [34, 44, 60, 200])
    @pytest.mark.parametrize("name", ["ms_daclizumab", "maa_daclizumab"])
    def test_cut_to_the_width_of_a_terminal(self, name, width):
        """However narrow, each state is a row of tables with the activities in each, and no mark is lost or moved."""
        found = schedule(load(name))
        out = io.StringIO()
        print_schedule(found, Console(file=out, width=width, color_system=None))
        lines = out.getvalue().splitlines()
        assert all(len(line) <= width for line in lines)
        told = [f"{what}, throughout" for c in found.columns for what in c.throughout]
        assert all(what in " ".join(lines) for what in told)
        assert " ".join(lines).count(", throughout") == len(told)
        # Each part is a line of moments, a rule, and a line for each activity; marks end where their moment ends.
        parts = [k for k, line in enumerate(lines) if set(line) == {"─"}]
        shown: list[tuple[tuple[str, ...], dict[str, dict[str, str]]]] = []
        for rule in parts:
            moments = {m.end(): m.group() for m in re.finditer(r"\S+", lines[rule - 1])}
            assert moments.pop(len(found.unit)) == found.unit
            marks: dict[str, dict[str, str]] = {}
            for line in itertools.takewhile(bool, lines[rule + 1 :]):
                activity = next(a.name for a in found.activities if line.startswith(a.name))
                cells = re.finditer(r"\S+", line[len(activity) :])
                marks[activity] = {moments[len(activity) + m.end()]: m.group() for m in cells}
            shown.append((tuple(moments.values()), marks))
        for column in (c for c in found.columns if c.moments):
            expected = {
                a.name: {m: mark for m, mark in zip(column.moments, done, strict=True) if mark}
                for a, done in zip(found.activities, column.marks, strict=True)
                if any(done)
            }
            met: tuple[str, ...] = ()
            together: dict[str, dict[str, str]] = {}
            while met != column.moments:
                these, part = shown.pop(0)
                met += these
                assert list(part) == list(expected)
                for activity, own in part.items():
                    together.setdefault(activity, {}).update(own)
            assert together == expected
        assert not shown
        assert len(parts) > len(found.columns) or width > 34

    def test_as_html(self):
        """As HTML it is one table with a row for each activity and a cell for each visit."""
        found = schedule(loop())
        table = parsed(bare_html(found))
        rows = table.findall("./tbody/tr")
        assert [r.findtext("th") for r in rows] == [a.name for a in found.activities]
        visits = sum(len(c.moments) for c in found.columns)
        assert all(len(r.findall("td")) == visits for r in rows)


class TestWords:
    @pytest.mark.parametrize(
        ("weeks", "words"),
        [
            ([0], "week 0"),
            ([0, 2, 6], "weeks 0, 2, 6"),
            ([0, 4, 8], "every 4 weeks, 3 times"),
            ([2, 4, 6], "every 2 weeks from week 2, 3 times"),
            ([0, 1, *range(4, 44, 4)], "weeks 0, 1, 4, then every 4 weeks to week 40"),
            ([0, 0.5], "days 0, 3.5"),
        ],
    )
    def test_times(self, weeks, words):
        """A schedule in words."""
        assert protocol_text.times(load("ms_daclizumab"), [round(w * MINUTES_PER_WEEK) for w in weeks]) == words


class TestCommand:
    def test_to_a_file(self, command):
        """What the file's name ends in says the format; standard output stays empty."""
        for ending, begins in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".html", b"<!DOCTYPE"), (".mmd", b"stateD")):
            assert command("diagram", "ms_no_drug", "-o", f"x{ending}") == (0, "", "")
            assert Path(f"x{ending}").read_bytes().startswith(begins)
        assert command("diagram", "ms_daclizumab") == (0, SNAPSHOT, "")

    def test_counts(self, command):
        """--counts runs the scenario and puts its numbers on the arrows."""
        status, out, _ = command("diagram", "ms_daclizumab", "--counts", "--replicates", "2", "--format", "dot")
        assert status == 0
        assert "30 entered" in out

    def test_schedule(self, command):
        """--schedule prints the schedule."""
        status, out, _ = command("diagram", "ms_daclizumab", "--schedule")
        assert status == 0
        assert "Interferon beta alone (12 weeks" in out

    def test_refusals(self, command):
        """What cannot be drawn, or written, is one message; a file that is there stays as it is."""
        Path("there.svg").write_text("mine")
        assert "did you mean 'mermaid'" in refused(command, "diagram", "ms_no_drug", "--format", "mermaids")
        assert "such a file already" in refused(command, "diagram", "ms_no_drug", "-o", "there.svg")
        assert "there is no folder" in refused(command, "diagram", "ms_no_drug", "-o", "no/where.svg")
        assert "end it in .mmd" in refused(command, "diagram", "ms_no_drug", "-o", "x.gif")
        assert "name a file" in refused(command, "diagram", "ms_no_drug", "--format", "png")
        assert "without --counts" in refused(command, "diagram", "ms_no_drug", "--seed", "1")
        assert "without -o" in refused(command, "diagram", "ms_no_drug", "--overwrite")
        assert "did you mean 'ms_no_drug'" in refused(command, "diagram", "ms_no_drugs")
