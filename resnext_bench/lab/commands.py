"""The commands of a Typer app, by the names that users type."""

import typer
from typer.models import CommandInfo


def names_in(group: typer.Typer) -> list[str]:
    """Return the names of a group's own commands, as they were registered."""
    return [_name(one) for one in group.registered_commands]


def groups_in(group: typer.Typer) -> list[tuple[str, typer.Typer]]:
    """Return the groups in a group with their names, as they were registered."""
    found = []
    for one in group.registered_groups:
        assert one.name is not None, "a group without a name of its own"
        assert one.typer_instance is not None, f"{one.name} has no commands"
        found.append((one.name, one.typer_instance))
    return found


def _name(command: CommandInfo) -> str:
    """Return what was given, or the function's own name."""
    if command.name:
        return command.name
    assert command.callback is not None, "a command that calls nothing"
    return command.callback.__name__
