"""Help as terminals of any width show it."""

import inspect

import typer


def flow(app: typer.Typer) -> typer.Typer:
    """Put each paragraph of each command's help on one line: typer keeps breaks of the source."""
    for command in app.registered_commands:
        text = command.help or inspect.getdoc(command.callback) or ""
        command.help = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))
    for group in app.registered_groups:
        if group.typer_instance:
            flow(group.typer_instance)
    return app
