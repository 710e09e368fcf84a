"""The documentation site: it builds from the repository without a network, and every link in it leads somewhere."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

import protocolsim
from protocolsim.errors import UsageError
from protocolsim.report.documentation import language_pages, site

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
ELSEWHERE = ("http", "https", "mailto")


def without_network() -> list[str]:
    """The words before a command that keep it from every network, where this system lets us."""
    words = ["unshare", "--map-root-user", "--net"]
    able = shutil.which("unshare") and not subprocess.run([*words, "true"], check=False, capture_output=True).returncode
    return words if able else []


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The site, built by the command in a process that has no network."""
    folder: Path = tmp_path_factory.mktemp("docs") / "site"
    command = [*without_network(), sys.executable, "-m", "protocolsim", "docs", "--write", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder.parent, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Links(HTMLParser):
    """What a page links to and loads, and the anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.anchors |= {value for key, value in attrs if key in ("id", "name") and value}
        if tag == "a" and said.get("href"):
            self.links.append(said["href"])
        elif tag in ("script", "img", "iframe", "source") and said.get("src"):
            self.loads.append(said["src"])
        elif tag == "link" and said.get("href") and said.get("rel") != "canonical":
            self.loads.append(said["href"])


@pytest.fixture(scope="module")
def pages(built) -> dict[Path, Links]:
    return {path: Links(path.read_text(encoding="utf-8")) for path in sorted(built.rglob("*.html"))}


def test_every_link_and_anchor_leads_somewhere(built, pages):
    """Each link within the site names a file that is there and an anchor that its page has."""
    dead = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme in ELSEWHERE:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors
            ):
                dead.append((path.relative_to(built).as_posix(), link))
    assert sum(len(page.links) for page in pages.values()) > 500
    # Material's button to the top of a page, which its script answers.
    assert [d for d in dead if d[1] != "#__skip"] == []


def test_nothing_is_loaded_from_a_network(built, pages):
    """No page, stylesheet or manifest of the site loads a script, a style, a font or a picture from elsewhere."""
    assert [(path.name, load) for path, page in pages.items() for load in page.loads if urlsplit(load).netloc] == []
    for style in built.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_the_search_is_local(built):
    """The index of the search holds words of every part of the site."""
    text = (built / "search" / "search_index.json").read_text(encoding="utf-8")
    for word in ("share_of_values", "common random numbers", "two_scans.yaml", "protocolsim.sweep"):
        assert word in text


def test_every_source_is_a_page(built):
    """Each Markdown file under docs/, and each page made from the language, is in the site and in its navigation."""
    front = (built / "index.html").read_text(encoding="utf-8")
    sources = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    for source in sources | set(language_pages.pages()):
        page = source.removesuffix(".md") + ".html"
        assert (built / page).is_file()
        assert f'href="{page}"' in front or page == "index.html", f"{page} is not in the navigation"


def test_the_api_has_every_public_name(built, pages):
    """Whatever `protocolsim.__all__` names has an anchor in the pages of the API, under its public name."""
    anchors = {a for path, page in pages.items() if path.parent == built / "reference" / "api" for a in page.anchors}
    missing = {
        n for n in protocolsim.__all__ if not n.startswith("_") and not any(a.endswith(f".{n}") for a in anchors)
    }
    assert missing == set()


def test_formulas_and_drawings_are_in_the_page(built):
    """Equations are MathML, the diagram is a drawing: neither needs a script, and no mark of theirs is left."""
    page = (built / "models" / "daclizumab.html").read_text(encoding="utf-8")
    source = (ROOT / "docs" / "models" / "daclizumab.md").read_text(encoding="utf-8")
    assert page.count("<math") == source.count("```math") + source.count("$") // 2 > 0
    assert 'display="block"' in page
    assert "mermaid" not in (built / "stress_des.html").read_text(encoding="utf-8")
    assert (built / "stress_des.svg").read_text(encoding="utf-8").lstrip().startswith("<svg")
    for path in built.rglob("*.html"):
        assert not re.search(r"FORMULA\d+END", path.read_text(encoding="utf-8")), path


def small(folder: Path, text: str, monkeypatch) -> None:
    """Sources of a site with one page, in place of ours."""
    (folder / "docs").mkdir(parents=True)
    (folder / "docs" / "index.md").write_text(text, encoding="utf-8")
    settings = "site_name: small\nstrict: true\nvalidation: {links: {anchors: warn}}\n"
    (folder / "mkdocs.yml").write_text(settings, encoding="utf-8")
    monkeypatch.setattr(site, "_ROOT", folder)


@pytest.mark.parametrize("link", ["nowhere.md", "#nowhere", "index.md#nowhere"])
def test_a_dead_link_is_an_error(tmp_path, monkeypatch, link):
    """A link to a page or an anchor that is not there stops the build, and the refusal names it."""
    small(tmp_path / "sources", f"# One\n\n[two]({link})\n", monkeypatch)
    with pytest.raises(UsageError, match="nowhere"):
        site.build(tmp_path / "site")


def test_only_a_site_is_replaced(tmp_path, monkeypatch):
    """A folder that holds anything else is refused and stays; an earlier site is built anew."""
    small(tmp_path / "sources", "# One\n", monkeypatch)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="something else in this folder"):
        site.build(mine)
    with pytest.raises(UsageError, match="name a folder"):
        site.build(mine / "thesis.txt")
    assert (mine / "thesis.txt").read_text(encoding="utf-8") == "mine"
    for _ in range(2):
        site.build(tmp_path / "site")
    assert (tmp_path / "site" / "index.html").is_file()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device"), SystemExit("gone")])
@pytest.mark.parametrize("earlier", [True, False], ids=["over an earlier one", "new"])
def test_a_site_is_whole_or_not_begun(tmp_path, monkeypatch, error, earlier):
    """Whoever interrupts it finds what was there, and nothing beside it; the next build is not refused."""
    small(tmp_path / "sources", "# One\n", monkeypatch)
    folder = tmp_path / "new" / "site"
    if earlier:
        site.build(folder)
        (folder / "index.html").write_text("earlier", encoding="utf-8")
    before = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*"))
    import mkdocs.commands.build as building

    build = building.build

    def cut_short(config: Any, **_: Any) -> None:
        build(config)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(building, "build", cut_short)
        with pytest.raises((KeyboardInterrupt, UsageError)):
            site.build(folder)
    assert sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*")) == before
    assert not earlier or (folder / "index.html").read_text(encoding="utf-8") == "earlier"
    site.build(folder)
    assert "One" in (folder / "index.html").read_text(encoding="utf-8")
    assert sorted(p.name for p in folder.parent.iterdir()) == ["site"]


def test_what_came_there_meanwhile_stays(tmp_path, monkeypatch):
    """A folder that somebody filled while the site was built is refused as if it had been there before."""
    small(tmp_path / "sources", "# One\n", monkeypatch)
    make = site._make

    def beside(configuration: Path, made: Path) -> None:
        make(configuration, made)
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "thesis.txt").write_text("mine", encoding="utf-8")

    monkeypatch.setattr(site, "_make", beside)
    with pytest.raises(UsageError, match="something else in this folder"):
        site.build(tmp_path / "site")
    assert [p.name for p in (tmp_path / "site").iterdir()] == ["thesis.txt"]
    monkeypatch.chdir(tmp_path / "site")
    with pytest.raises(UsageError, match="you are in this folder"):
        site.build(tmp_path / "site" / ".." / "site" / "deeper" / "..")


def test_without_its_sources_it_says_so(tmp_path, monkeypatch):
    """An installed package has no sources of the site: the refusal says what answers there."""
    monkeypatch.setattr(site, "_ROOT", tmp_path)
    with pytest.raises(UsageError, match=r"in the repository.*protocolsim explain"):
        site.build(tmp_path / "site")


def test_it_is_served_to_this_machine(tmp_path, monkeypatch):
    """`protocolsim docs` serves the built site on the loopback, and says where; a port that is taken is refused."""
    small(tmp_path / "sources", "# One page\n", monkeypatch)
    said: list[str] = []
    ready = threading.Event()
    servers: list[ThreadingHTTPServer] = []

    class Kept(ThreadingHTTPServer):
        def serve_forever(self, poll_interval: float = 0.5) -> None:
            servers.append(self)
            ready.set()
            super().serve_forever(0.01)

    monkeypatch.setattr(site, "ThreadingHTTPServer", Kept)
    thread = threading.Thread(target=lambda: site.serve(0, say=said.append), daemon=True)
    thread.start()
    assert ready.wait(60)
    host, port = servers[0].server_address[:2]
    assert host == "127.0.0.1"
    assert f"http://127.0.0.1:{port}/" in said[0]
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    connection.request("GET", "/index.html")
    assert b"One page" in connection.getresponse().read()
    connection.close()
    with pytest.raises(UsageError, match="cannot listen there"):
        site.serve(int(port), say=said.append)
    servers[0].shutdown()
    thread.join(20)
    assert not thread.is_alive()
