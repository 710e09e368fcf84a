"""The pages of the models and the STRESS-DES checklist: made from the code, and committed as made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from protocolsim.cli import main
from protocolsim.component import MARKS
from protocolsim.errors import UsageError
from protocolsim.report.documentation import language_pages
from protocolsim.report.documentation.model_page import SECTIONS, index_page, model_page, names
from protocolsim.report.documentation.stress_des import stress_des
from protocolsim.scenario.build.cast.components import load_shipped, model_of, shipped_model
from protocolsim.scenario.file.library import names as scenarios
from protocolsim.scenario.file.yaml_reader import parse
from protocolsim.scenario.load import load
from protocolsim.text.markdown import table
from protocolsim.units import in_words

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MODELS = names()
RENEW = "renew it: protocolsim docs --pages docs"
# The 20 items of Monks et al. 2019; the last of section 2 has five parts.
ITEMS = [
    *(f"1.{k}" for k in range(1, 4)),
    *(f"2.{k}" for k in range(1, 6)),
    *(f"2.5.{k}" for k in range(1, 6)),
    *(f"3.{k}" for k in range(1, 5)),
    *(f"4.{k}" for k in range(1, 4)),
    *(f"5.{k}" for k in range(1, 5)),
    "6.1",
]


@pytest.mark.parametrize(("room", "name"), MODELS)
def test_the_committed_page_is_what_the_code_says(room, name):
    """Each disease and drug has its page in docs/models, equal to what its code generates now."""
    page = DOCS / "models" / f"{name}.md"
    assert page.exists(), RENEW
    assert page.read_text(encoding="utf-8") == model_page(room, name), RENEW


def test_the_committed_checklist_is_what_the_scenario_says():
    """The filled checklist in docs is what the first trial generates now, and no page stands there for no model."""
    assert (DOCS / "stress_des.md").read_text(encoding="utf-8") == stress_des(load("ms_daclizumab")), RENEW
    assert sorted(p.stem for p in (DOCS / "models").iterdir()) == sorted(["index", *(name for _, name in MODELS)])
    assert (DOCS / "models" / "index.md").read_text(encoding="utf-8") == index_page(), RENEW


@pytest.mark.parametrize(("room", "name"), MODELS)
def test_a_page_says_every_number_and_how_it_is_known(room, name):
    """Every parameter stands there once, with value, range, meaning, mark and source; the rest is written by hand."""
    component = load_shipped(room, name)
    page = model_page(room, name)
    at = [page.index(section) for section in (*SECTIONS, "## Parameters")]
    assert at == sorted(at)
    rows = [line for line in page[at[-1] :].splitlines() if line.startswith("| `")]
    for p in component.parameters:
        (row,) = [r for r in rows if r.startswith(f"| `{p.name}` |") and len(r.split(" | ")) == 5]
        for text in (
            in_words(p.value, p.unit),
            f"{p.low:g} to {p.high:g}",
            p.meaning,
            f"[{p.mark}] {p.source}",
        ):
            assert f" {text.strip()} " in f" {row} "
    counted = {m: int(n) for n, m in re.findall(r"([0-9]+) \[([A-Z0-9]+)\]", page[at[-1] :].split("\n\n")[1])}
    assert counted == {m: n for m in MARKS if (n := sum(p.mark == m for p in component.parameters))}


def test_a_model_without_its_text_is_refused(monkeypatch, tmp_path):
    """Where nobody has written the equations yet, the refusal names the file that is expected."""
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    with pytest.raises(UsageError, match=r"disease relapsing_ms: .* expected .*disease/relapsing_ms\.md"):
        model_page("disease", "relapsing_ms")


@pytest.mark.parametrize(("room", "name"), [m for m in MODELS if shipped_model(m[1]) is None])
def test_what_is_written_names_only_what_there_is(room, name):
    """Each name in code type in the text beside the code is a parameter, signal, trait or file of that component."""
    component = load_shipped(room, name)
    known = {p.name for p in component.parameters} | {t.name for t in component.traits}
    known |= {*component.reads, *component.writes, *component.needs}
    known |= {population.name for population in getattr(component, "populations", ())}
    text = (ROOT / "protocolsim" / room / f"{name}.md").read_text(encoding="utf-8")
    assert "```math" in text
    assert set(re.findall(r"(?<!`)`([a-z_0-9]+)`(?!`)", text)) <= known


def test_the_models_of_the_guide_are_sound():
    """Each model that docs/declared_models.md shows can be built."""
    text = (DOCS / "declared_models.md").read_text(encoding="utf-8")
    shown = re.findall(r"```yaml\n# models/(\w+)\.yaml\n(.*?)```", text, flags=re.DOTALL)
    assert {name for name, _ in shown} == {"hypertension", "lisinopril"}
    for name, written in shown:
        assert model_of(parse(written, name), name).name == name


@pytest.mark.parametrize("name", scenarios())
def test_the_checklist_has_every_item(name):
    """Each of the checklist's items is there and filled in, for every shipped scenario."""
    text = stress_des(load(name))
    found = re.findall(r"^(?:### |\*\*)([0-9](?:\.[0-9])+) ", text, flags=re.MULTILINE)
    assert found == ITEMS
    for body in re.split(r"^#+ .*$", text, flags=re.MULTILINE)[2:]:
        assert body.strip() or body.isspace()
    assert not re.search(r"^### .*\n\n(#|$)", text, flags=re.MULTILINE)


def test_the_checklist_knows_queues_and_changes():
    """A scenario with queues names its resource and window, and one that changes numbers lists each."""
    short = stress_des(load("ms_scanner_shortage"))
    assert "scanner: 1 at each of 3 sites, for mri, 60 minutes a use" in short
    assert "not made within 7 days of its day is missed" in short
    assert "| `daclizumab.median_rate_ratio` | 0.25 | 0.42 |" in stress_des(load("ms_daclizumab"))


def test_a_cell_cannot_break_its_table():
    """Strokes are escaped and line ends become spaces; without rows there is no table."""
    assert table(("a", "b"), [("x|y", "p\nq")]).splitlines()[-1] == "| x\\|y | p q |"
    assert table(("a",), []) == ""


def test_the_command_prints_or_writes(tmp_path):
    """By name it prints one page; with --pages it renews every page; an unknown name is answered with the nearest."""
    runner = CliRunner()
    assert runner.invoke(main, ["docs", "daclizumab"]).output == model_page("drug", "daclizumab")
    assert runner.invoke(main, ["docs", "ms_no_drug"]).output == stress_des(load("ms_no_drug"))
    for _ in range(2):
        assert runner.invoke(main, ["docs", "--pages", str(tmp_path)]).exit_code == 0
    assert (tmp_path / "stress_des.md").read_text(encoding="utf-8") == stress_des(load("ms_daclizumab"))
    assert len(list((tmp_path / "models").iterdir())) == len(MODELS) + 1
    for path, text in language_pages.pages().items():
        assert (tmp_path / path).read_text(encoding="utf-8") == text
    for words, said in (
        (["docs", "daclizumb"], "did you mean 'daclizumab'"),
        (["docs", "--pages", str(tmp_path / "nowhere")], "there is no such folder"),
        (["docs", "daclizumab", "--write", str(tmp_path / "site")], "builds the whole site"),
    ):
        refused = runner.invoke(main, words, standalone_mode=False)
        assert isinstance(refused.exception, (UsageError, SystemExit))
        assert said in refused.output + str(refused.exception)
