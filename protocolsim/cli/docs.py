"""protocolsim docs."""

from __future__ import annotations

from pathlib import Path

import click

from protocolsim.cli.base import new_file
from protocolsim.errors import UsageError, unknown
from protocolsim.text.terminal import say


@click.command()
@click.argument("name", required=False)
@click.option(
    "--write",
    "site",
    type=click.Path(path_type=Path),
    help="Build the site into this folder: HTML that needs no network.",
)
@click.option(
    "--port", type=int, default=8766, show_default=True, help="Where the site is served, on this machine alone."
)
@click.option(
    "--pages",
    "folder",
    type=click.Path(path_type=Path),
    help="Write the Markdown pages that are made from the code there (and the checklist of NAME, ms_daclizumab where "
    "absent); in the repository's docs/ also the index of `protocolsim explain`.",
)
@click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:COMPONENT).")
def docs(name: str | None, site: Path | None, port: int, folder: Path | None, allow_plugins: bool) -> None:
    """Serve the documentation to this machine's browser. Or print the page of a disease, a drug or a scenario, by NAME.

    The page of a model has its equations and numbers; that of a scenario is its STRESS-DES checklist.
    """
    if site is not None and (folder is not None or name is not None):
        raise UsageError("--write builds the whole site: leave out NAME and --pages")
    if folder is not None:
        _write_pages(folder, name or "ms_daclizumab", allow_plugins)
    elif name is not None:
        say(_page(name, allow_plugins), nl=False)
    elif site is not None:
        from protocolsim.report.documentation.site import build

        build(site)
        say(f"{site / 'index.html'}")
    else:
        from protocolsim.report.documentation.site import serve

        serve(port, say=say)


def _page(name: str, allow_plugins: bool) -> str:
    from protocolsim.report.documentation.model_page import model_page, names
    from protocolsim.report.documentation.stress_des import stress_des
    from protocolsim.scenario.file.library import is_path
    from protocolsim.scenario.file.library import names as scenarios
    from protocolsim.scenario.load import load

    models = {model: room for room, model in names()}
    if name in models:
        return model_page(models[name], name)
    if not is_path(name) and name not in scenarios():
        raise UsageError(unknown("disease, drug or scenario", name, (*models, *scenarios())))
    return stress_des(load(name, allow_plugins=allow_plugins))


def _write_pages(folder: Path, scenario: str, allow_plugins: bool) -> None:
    """Pages are written anew over old ones: they are made from what is there, and hold nothing of their own."""
    from protocolsim.report.documentation import explain, language_pages, reference
    from protocolsim.report.documentation.model_page import index_page, model_page, names
    from protocolsim.report.documentation.site import DOCS
    from protocolsim.report.documentation.stress_des import stress_des
    from protocolsim.report.suite import documentation as suite
    from protocolsim.scenario.load import load

    if not folder.is_dir():
        raise UsageError(f"--pages {folder}: there is no such folder")
    pages = {f"models/{model}.md": model_page(room, model) for room, model in names()}
    pages |= {"models/index.md": index_page(), "stress_des.md": stress_des(load(scenario, allow_plugins=allow_plugins))}
    pages |= language_pages.pages()
    pages[suite.PAGE] = suite.page()
    for place, text in pages.items():
        target = folder / place
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--pages {folder}: cannot write there: {error.strerror or error}") from None
        with new_file(target, overwrite=True) as write:
            write(text)
    if folder.resolve() == DOCS:
        with new_file(explain.INDEX, overwrite=True) as write:
            write(explain.index_text(reference.entries()))


COMMAND = docs
