"""`protocolsim explain`: every word of the language and of the glossary is answered, at once."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from protocolsim.errors import UsageError
from protocolsim.report.documentation.explain import Entry, explained, find, index, topics
from tests.cli.test_cli import HEAVY, command, refused

__all__ = ["command"]

ENTRIES = index()


def test_every_entry_is_found_by_its_name():
    """Whatever stands in the index answers to its own name and to each other word for it, with what it means."""
    for entry in ENTRIES:
        for word in (entry.name, *entry.also):
            assert entry in find(word, ENTRIES) or find(word, ENTRIES)[0].topic in ("mark", "unit"), word
            if entry.name == find(word, ENTRIES)[0].name:
                said = " ".join(explained(word, ENTRIES).split())
                assert " ".join(entry.meaning.split()).lower() in said.lower()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cohort.size", "Subjects to enrol"),
        ("size", "cohort.size"),
        ("visits.every", "protocol.states.NAME.assessments.NAME.every"),
        ("state.lasts", "protocol.states.NAME.lasts"),
        ("Share", "kind of endpoint"),
        ("time to", "time_to"),
        ("mg/kg", "A dose"),
        ("weeks", "10080 minutes"),
        ("CRN", "common random numbers"),
        ("patient", "subject"),
        ("monte carlo error", "standard error"),
        ("sum of", "protocol.summaries"),
        ("daclizumab.median_rate_ratio", "Plausible"),
        ("sensitivity", "True responders who reach the decision".lower()),
        ("F2", "Found second-hand"),
    ],
)
def test_words_are_found_as_people_write_them(word, expected):
    """Capitals, spaces for underscores, other words, the end of a path, and a path in other words all lead there."""
    assert expected.lower() in explained(word, ENTRIES).lower()


def test_what_is_meant_in_many_places_is_listed():
    """A word of many keys gives a line for each, so that one can ask on."""
    said = explained("reading", ENTRIES)
    assert {"change.reading", "reduction.reading", "visits.reading"} <= set(said.split())


def test_a_topic_lists_its_entries():
    """Without a word the topics are listed; the name of a topic lists what belongs to it."""
    said = topics(ENTRIES)
    assert {e.topic for e in ENTRIES} == {line.split(" (")[0] for line in said.splitlines() if line[:1].isalpha()}
    for word, belongs in (("units", "unit"), ("marks", "mark"), ("kinds", "kind of"), ("terms", "term")):
        said = explained(word, ENTRIES)
        assert [e.name for e in ENTRIES if e.topic.startswith(belongs) and e.name not in said] == []
    assert explained("drugs", ENTRIES).startswith("drugs   (key)")  # what is called so goes before what belongs to it


def test_an_unknown_word_is_answered_with_the_nearest(command):
    """A misspelt word is refused with the right ones and exit status 2, one like no other with where to look."""
    assert "'share'" in refused(command, "explain", "shaer")
    assert "'size'" in refused(command, "explain", "siez")
    assert "lists the topics" in refused(command, "explain", "qwxzk")
    with pytest.raises(UsageError):
        explained("", ENTRIES)


def test_what_an_installed_package_adds_is_explained_too(command, monkeypatch):
    """A word that only an installed package's kinds have is looked up there, and refused where none is installed."""
    added = Entry("kind of endpoint", "tally_of_rashes", "how many rashes a subject had")
    monkeypatch.setattr("protocolsim.report.documentation.reference.entries", lambda: [*ENTRIES, added])
    assert "nothing is called" in refused(command, "explain", "tally_of_rashes")
    monkeypatch.setattr(
        "protocolsim.plugins.plugins", lambda room: {"tally_of_rashes": None} if room == "endpoint" else {}
    )
    status, out, err = command("explain", "tally_of_rashes")
    assert (status, err) == (0, "")
    assert "how many rashes" in out.lower()


def test_the_command_prints_it(command):
    """Several words are one term; nothing is said on standard error."""
    status, out, err = command("explain", "common", "random", "numbers")
    assert (status, err) == (0, "")
    assert "same random numbers" in " ".join(out.split())
    status, out, err = command("explain")
    assert (status, err) == (0, "")
    assert "kind of endpoint" in out


def test_it_answers_at_once():
    """The command loads none of the libraries that take long, and takes less than a second of the processor."""
    program = (
        "import sys\nfrom protocolsim.cli import main\n"
        "try:\n    main(['explain', 'share'])\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    took = []
    for _ in range(3):
        began = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime)
        assert done.stderr.strip() == "[]"
        assert "Denominator" in done.stdout
    assert min(took) < 1.0
