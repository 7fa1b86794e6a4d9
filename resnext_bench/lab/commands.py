"""The commands of a Typer app, by the names that users type."""

import typer


def names_in(group: typer.Typer) -> list[str]:
    """Return the names of a group's own commands, as they were registered."""
    groups = {name for name, _ in groups_in(group)}
    found = typer.main.get_command(group)
    listed = getattr(found, "commands", {found.name: found})
    return [name for name in listed if name not in groups]


def groups_in(group: typer.Typer) -> list[tuple[str, typer.Typer]]:
    """Return the groups in a group with their names, as they were registered."""
    found = []
    for one in group.registered_groups:
        assert one.name is not None, "a group without a name of its own"
        assert one.typer_instance is not None, f"{one.name} has no commands"
        found.append((one.name, one.typer_instance))
    return found
