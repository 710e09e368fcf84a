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
    "folder",
    type=click.Path(path_type=Path),
    help="Write the page of every disease and drug, and the checklist of NAME (ms_daclizumab where absent), there.",
)
@click.option("--allow-plugins", is_flag=True, help="Load code the scenario names (your.module:COMPONENT).")
def docs(name: str | None, folder: Path | None, allow_plugins: bool) -> None:
    """Print the page of a disease, a drug or a scenario. Equations and numbers, or a STRESS-DES checklist."""
    from protocolsim.report.documentation.model_page import model_page, names
    from protocolsim.report.documentation.stress_des import stress_des
    from protocolsim.scenario.file.library import is_path
    from protocolsim.scenario.file.library import names as scenarios
    from protocolsim.scenario.load import load

    models = {model: room for room, model in names()}
    if folder is not None:
        scenario = load(name or "ms_daclizumab", allow_plugins=allow_plugins)
        pages = {f"models/{model}.md": model_page(room, model) for model, room in models.items()}
        _write(folder, {**pages, "stress_des.md": stress_des(scenario)})
        return
    if name is None:
        raise UsageError(f"a page of what? There are {', '.join(models)}, and every scenario")
    if name in models:
        say(model_page(models[name], name), nl=False)
        return
    if not is_path(name) and name not in scenarios():
        raise UsageError(unknown("disease, drug or scenario", name, (*models, *scenarios())))
    say(stress_des(load(name, allow_plugins=allow_plugins)), nl=False)


def _write(folder: Path, pages: dict[str, str]) -> None:
    """Pages are written anew over old ones: they are made from what is there, and hold nothing of their own."""
    if not folder.is_dir():
        raise UsageError(f"--write {folder}: there is no such folder")
    for place, text in pages.items():
        target = folder / place
        try:
            target.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise UsageError(f"--write {folder}: cannot write there: {error.strerror or error}") from None
        with new_file(target, overwrite=True) as write:
            write(text)


COMMAND = docs
