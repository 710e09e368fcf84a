"""Words of a scenario stay words: in every page, figure, drawing, table, graph and terminal that is made of it."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from protocolsim.endpoint.catalogue import kinds as endpoint_kinds
from protocolsim.report.decision.page import charts, threshold_page
from protocolsim.report.decision.summary import CurveSummary
from protocolsim.report.documentation.stress_des import stress_des
from protocolsim.report.patient.page import trace_page
from protocolsim.report.patient.story import trace
from protocolsim.report.protocol.diagram import diagram
from protocolsim.report.protocol.synopsis import describe
from protocolsim.report.run.page import page
from protocolsim.report.story.page import story_page
from protocolsim.report.style import figures as style_figures
from protocolsim.report.style.figures import Drawing
from protocolsim.report.sweep.figures import sweep_figure
from protocolsim.report.sweep.page import sweep_page
from protocolsim.scenario.scenario import Scenario
from protocolsim.study.decision.thresholds import thresholds
from protocolsim.study.run import run
from protocolsim.study.story_runs import StoryRuns
from protocolsim.study.sweep.sweep import carry_out, plan
from protocolsim.text import html, markdown
from protocolsim.text.cells import csv_cell, csv_text
from protocolsim.text.graphs import dot_words, mermaid_words
from protocolsim.text.shell import command
from protocolsim.text.terminal import visible
from tests.support import hostile
from tests.support.browser import browser
from tests.support.hostile import WORST, Address, Seen, squeezed

PIECES = (
    *("</script>", "<script>", "<!--", "-->", "<img src=x onerror=y>", "]]>", "&lt;", "&amp;", "'", '"', "`", "\\"),
    *("[red]", "[/]", "**", "_a_", "[l](javascript:y)", "|", "#", ";", "%%{init: {}}%%", "-->", '"]', "{", "}", "$x$"),
    *("=1+1", "+1", "-1", "@x", "\t", "\r", "\n", "\x1b[31m", "\x07", "\x9b", "\u202e", "\u2028", "\x00", "\ud800"),
    *("1. ", "- ", "> ", "~~", "<a", "a", "b ", "0.5", "É", "\u00a0", "…", "#1b1f24", ' role="x"', "<b>"),
)
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join) | st.text(max_size=30)


class TestLanguages:
    """Each way into another language, on its own."""

    @given(TEXTS)
    @example(WORST)
    def test_html(self, text):
        """A parser reads the words again, in a text and in an attribute, and no element, whatever the words are."""
        seen = Seen(f'<p title="{html.words(text)}">{html.words(text)}</p>')
        assert seen.kinds == {("p", ""), ("p", "title")}
        assert "".join(seen.words) == visible(text)

    @given(st.recursive(TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)))
    @example({"a": [WORST, "<!-- <SCRIPT>", "</Script >"]})
    def test_json_within_a_script(self, value):
        """It is the same JSON, and nothing in it ends the script or begins a comment or another script."""
        written = json.dumps(value, cls=html.ScriptJSON, ensure_ascii=False)
        assert json.loads(written) == value
        assert not re.search(r"</|<!--|<script|[\u2028\u2029]", written, re.IGNORECASE)
        assert Seen(f"<script>{written.encode('utf-8', 'replace').decode()}</script><p>x</p>").text == "x"

    @given(TEXTS)
    @example(f'{style_figures.INK} id="a" url(#b) href="#c" role="x" fill="{style_figures.INK}"')
    def test_a_drawing_on_a_page(self, text):
        """Ids, roles and inks are exchanged in tags alone; the words of the drawing are its own."""
        said = html.words(text)
        drawn = f'<svg width="1"><g id="a" role="x" fill="{style_figures.INK}"><text aria-label="{said}">{said}'
        shown = style_figures.inline_svg(f"{drawn}</text></g></svg>", "here", text)
        assert f'<g id="here-a" fill="var(--ink)"><text>{html.words(text)}</text>' in shown
        assert Seen(shown).kinds == {("svg", n) for n in ("", "role", "aria-label", "style", "width")} | {
            ("g", ""), ("g", "id"), ("g", "fill"), ("text", "")
        }  # fmt: skip
        ET.fromstring(shown)  # noqa: S314 - made here

    @given(TEXTS)
    @example("1) a")
    @example("[x] a\n# b")
    def test_markdown(self, text):
        """A heading, a line of a list and a cell of a table show the words, and nothing else is made of them."""
        line = " ".join(visible(text).split())
        if not line:
            return
        reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
        words = markdown.words(text)
        made = f"# {words}\n\n{words}\n\n{markdown.listed([words, words])}\n\n" + markdown.table(["a"], [[words]])
        seen = Seen(reader.render(made))
        cell = {("table", ""), ("thead", ""), ("tbody", ""), ("tr", ""), ("th", ""), ("td", "")}
        assert seen.kinds <= cell | {("h1", ""), ("p", ""), ("ul", ""), ("li", "")}
        assert seen.text == squeezed(line) * 4 + "a" + squeezed(line)

    @given(TEXTS)
    def test_code_of_markdown(self, text):
        """A name stays a name whatever quotes are in it."""
        line = " ".join(visible(text).split())
        seen = Seen(MarkdownIt("commonmark").render(f"x {markdown.code(text)} y"))
        assert line == "" or (seen.text == squeezed(f"x{line}y") and ("code", "") in seen.kinds)

    @given(TEXTS)
    @example(WORST)
    def test_graphs(self, text):
        """A label of Mermaid or Graphviz is one line, holds nothing that ends it, and says the words."""
        words = mermaid_words([text])
        assert not re.search(r"[\n\"{}<\[\]|`\\]|%%|--|#(?!\d+;)|(?<!#\d)(?<!#\d\d)(?<!#\d\d\d);", words)
        back = re.sub(r"#(\d+);", lambda m: chr(int(m[1])), words)
        assert squeezed(back) == squeezed(visible(text))
        label = dot_words([text])
        assert re.fullmatch(r'"(?:[^"\\\n]|\\["\\n])*"', label)
        assert squeezed(re.sub(r"\\(.)", r"\1", label[1:-1]).replace("&amp;", "&")) == squeezed(visible(text))

    @given(TEXTS)
    def test_a_terminal(self, text):
        """No sign that a terminal acts on is left but line feed and tab; printable words are as they were."""
        shown = visible(text)
        assert all(c in "\n\t" or (c.isprintable() or c.isspace()) for c in re.sub(r"[^\x00-\x7f]", "", shown))
        assert not re.search("[\x1b\x9b\r\u202e\u2066\u2028\ud800-\udfff]", shown)
        assert visible(shown) == shown
        shown.encode("utf-8")

    @given(st.lists(TEXTS, min_size=1, max_size=3))
    def test_commands_can_be_pasted(self, words):
        """A shell reads the words again, whatever they are, and their line is one line."""
        words = [w for w in (w.replace("\x00", "").encode("utf-8", "replace").decode() for w in words) if w]
        line = command(*words)
        assert "\n" not in line
        assert visible(line) == line
        if all(w.isprintable() and visible(w) == w for w in words):
            assert shlex.split(line) == ["protocolsim", *words]

    def test_bash_reads_controls(self):
        """Line breaks, escapes and bytes that are no UTF-8 come back from a real shell."""
        words = ["a b", "x\ny: 1", "it's", "\x1b[31m\\", "\udcff", "-", "$HOME", "\u202e"]
        told = subprocess.run(
            ["bash", "-c", f"protocolsim() {{ printf '%s\\0' \"$@\"; }}; {command(*words)}"],
            capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"},
        ).stdout  # fmt: skip
        assert told.split(b"\0")[:-1] == [w.encode("utf-8", "surrogateescape") for w in words]

    @given(st.lists(st.tuples(TEXTS, st.floats(allow_nan=False) | st.integers(-9, 9)), min_size=1, max_size=4), TEXTS)
    @example([("=1+1", -1.0), ("-5", -2.0), ("\t=x", 0.0)], "@head")
    def test_csv(self, rows, heading):
        """No text that a spreadsheet would compute stands as it is; numbers do, and a reader finds all again."""
        rows = [(re.sub("[\x00\r\n\ud800-\udfff]", "", text), number) for text, number in rows]
        heading = re.sub("[\x00\r\n\ud800-\udfff]", "", heading)
        frame = pd.DataFrame({heading or "a": [t for t, _ in rows], "number": [n for _, n in rows]})
        read = list(csv.reader(io.StringIO(csv_text(frame))))
        for (text, number), (cell, shown) in zip(rows, read[1:], strict=True):
            assert float(shown) == number
            assert cell.removeprefix("'") == text.removeprefix("'")
            assert not cell.startswith(("=", "@", "\t", "\r"))
            assert not cell.startswith(("+", "-")) or re.fullmatch(r"[-+][\d.]+(e[-+]?\d+)?", cell, re.IGNORECASE)
        assert read[0][0] == csv_cell(heading or "a")


@pytest.fixture(scope="module")
def fields(tmp_path_factory) -> list[Address]:
    """Every field of the schema that takes free words."""
    return hostile.free(tmp_path_factory.mktemp("fields"))


def _words(fields: list[Address], text: str) -> dict[Address, str]:
    """These words in every field, each marked by its number."""
    return {at: f"w{k}q {_fitting(at, text)}".rstrip() for k, at in enumerate(fields)}


def _fitting(at: Address, text: str) -> str:
    """As much of the words as may stand there."""
    # Braces of a finding and of a story name an endpoint; what is not known is refused.
    if at[0] in ("findings", "story"):
        return re.sub("[{}]", "", text)
    # Outcomes are names: no braces, and not as long.
    return re.sub("[{}]", "", text)[:90] if at[-1] == "final" else text


@dataclass(repr=False)
class Made:
    """Every page that a command writes of a scenario, some of its figures, and what else is made of it as text."""

    pages: dict[str, Seen]
    figures: dict[str, Seen]
    drawings: list[str]
    texts: dict[str, str]


def _made(scenario: Scenario, folder: Path) -> Made:
    result = run(scenario, replicates=2)
    swept = carry_out(plan(scenario, {"dose_multiple": "1,2"}, replicates=2))
    told = CurveSummary(thresholds(scenario, "response_threshold", replicates=2), "batch", 0.0)
    figures = {"sweep": Drawing(sweep_figure(swept)), "definitions": Drawing(charts(told)["definitions"])}
    story, synopsis, definitions = trace(scenario), describe(scenario), figures["definitions"]
    pages = {
        "run": page(result), "sweep": sweep_page(swept, figures["sweep"]),
        "thresholds": threshold_page(told, {"a": definitions}),
        "story": story_page(StoryRuns(scenario, replicates=2)),
        "trace": trace_page(story), "diagram": str(diagram(scenario, "html")), "describe": synopsis.page(),
    }  # fmt: skip
    html_of = {n: style_figures.save(c, folder / f"{n}.html").read_text(encoding="utf-8") for n, c in figures.items()}
    drawings = [style_figures.svg(c) for c in figures.values()] + [str(diagram(scenario, "svg"))]
    texts = {"mermaid": str(diagram(scenario)), "dot": str(diagram(scenario, "dot")),
             "describe": synopsis.text, "stress": stress_des(scenario)}  # fmt: skip
    return Made({n: Seen(p) for n, p in pages.items()}, {n: Seen(p) for n, p in html_of.items()}, drawings, texts)


@pytest.fixture(scope="module")
def plain(fields, tmp_path_factory) -> Made:
    """What is made of the scenario with harmless words."""
    folder = tmp_path_factory.mktemp("plain")
    text = re.sub("[^a-z0-9 ]", "x", WORST)
    return _made(hostile.loaded(folder, hostile.planted(_words(fields, text))), folder)


class TestScenario:
    """Every free field at once, in everything that commands make of a scenario."""

    def test_the_fields_are_found(self, fields):
        """Titles, labels, meanings, sources, notes, outcomes: the schema is searched, and these are among the found."""
        kinds = {at[-1] for at in fields if isinstance(at[-1], str)}
        assert kinds >= {"title", "question", "description", "label", "meaning", "source", "note", "final"}
        assert {at[0] for at in fields} >= {
            "sources",
            "notes",
            "findings",
            "story",
            "protocol",
            "endpoints",
            "decisions",
        }
        assert len(fields) > 60

    @pytest.mark.slow
    @settings(max_examples=1)
    @given(st.lists(st.sampled_from([p for p in PIECES if p.isprintable()]), min_size=6, max_size=14).map("".join))
    @example(WORST)
    def test_pages_and_figures(self, fields, plain, tmp_path_factory, text):
        """The same scripts, elements and attributes as with harmless words, and the words as words."""
        folder = tmp_path_factory.mktemp("hostile")
        words = _words(fields, text)
        made = _made(hostile.loaded(folder, hostile.planted(words)), folder)
        for name, seen in made.pages.items():
            before = plain.pages[name]
            own = 1 if name == "story" else 0
            assert (seen.scripts, before.scripts) == (own, own)
            assert seen.kinds - before.kinds == set(), name
            lost = [
                said
                for number, said in enumerate(words.values())
                if f"w{number}qex" in before.text and squeezed(said) not in seen.text
            ]
            assert lost == [], name
        for name, seen in made.figures.items():
            assert (seen.scripts, seen.kinds, seen.text) == (plain.figures[name].scripts, plain.figures[name].kinds, "")
        for drawn in made.drawings:
            ET.fromstring(drawn)  # noqa: S314 - made here
        for name in ("mermaid", "dot"):
            assert made.texts[name].count("\n") == plain.texts[name].count("\n")
        reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
        for name in ("describe", "stress"):
            extra = Seen(reader.render(made.texts[name])).kinds - Seen(reader.render(plain.texts[name])).kinds
            assert extra == set(), name

    def test_what_the_schema_calls_text_of_endpoints(self):
        """Endpoints of every kind are known to the search for fields."""
        assert {"share", "time_to"} <= set(endpoint_kinds())


def _drawn_and_quiet(running: Any, file: Path) -> tuple[str, int, list[str]]:
    """Its title in a browser, how many marks are drawn there, and what went wrong."""
    page, wrong = running.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_function("document.querySelectorAll('svg, canvas').length > 0")
    page.wait_for_timeout(300)
    found = page.title(), page.locator("svg path, svg rect, svg text, canvas").count(), wrong
    page.close()
    return found


@pytest.mark.slow
def test_a_browser_runs_none_of_it(fields, tmp_path):
    """Chromium opens pages and figures full of script, runs none of it, and draws every chart."""
    with browser() as running:
        scenario = hostile.loaded(tmp_path, hostile.planted(_words(fields, WORST)))
        swept = carry_out(plan(scenario, {"dose_multiple": "1,2"}, replicates=2))
        told = CurveSummary(thresholds(scenario, "response_threshold", replicates=2), "batch", 0.0)
        figures = {"sweep": sweep_figure(swept), **{n: charts(told)[n] for n in ("definitions", "definitions_roc")}}
        files = [style_figures.save(chart, tmp_path / f"{name}.html") for name, chart in figures.items()]
        written_pages = {
            "page": page(run(scenario, replicates=2)),
            "trace": trace_page(trace(scenario)),
            "story": story_page(StoryRuns(scenario, replicates=2)),
        }
        for name, written in written_pages.items():
            (tmp_path / f"{name}.html").write_text(written, encoding="utf-8")
            files.append(tmp_path / f"{name}.html")
        for file in files:
            title, marks, wrong = _drawn_and_quiet(running, file)
            assert title != "RAN"
            assert wrong == []
            assert marks > 0, file
