"""The program's own help, without the options of its commands, which would take longest to make."""

import copy
from collections.abc import Callable

import typer


def outline(whole: typer.Typer) -> typer.Typer:
    """Return an app with the same help as `whole`, whose commands and groups are empty."""
    bare = copy.copy(whole)
    bare.registered_commands = [_empty(one) for one in whole.registered_commands]
    bare.registered_groups = [_without_commands(one) for one in whole.registered_groups]
    return bare


def _empty(command: typer.models.CommandInfo) -> typer.models.CommandInfo:
    found = copy.copy(command)
    found.callback = _nothing_like(command.callback)
    return found


def _without_commands(group: typer.models.TyperInfo) -> typer.models.TyperInfo:
    found, inside = copy.copy(group), copy.copy(group.typer_instance)
    found.typer_instance = inside
    if inside is None:
        return found
    inside.registered_commands, inside.registered_groups = [], []
    if inside.registered_callback is not None:
        inside.registered_callback = copy.copy(inside.registered_callback)
        inside.registered_callback.callback = _nothing_like(inside.registered_callback.callback)
    return found


def _nothing_like(function: Callable[..., object] | None) -> Callable[..., object] | None:
    """Return a function with the same name and help, and without options."""
    if function is None:
        return None

    def nothing() -> None:
        pass

    nothing.__doc__, nothing.__name__ = function.__doc__, function.__name__
    return nothing
