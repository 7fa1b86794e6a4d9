"""The empty program that start-up is compared with has the commands of ours."""

import typer

from resnext_bench.cli.main import app
from resnext_bench.lab.bench.startup import empty_app
from resnext_bench.lab.docs.__main__ import commands


def test_the_empty_program_has_the_same_commands() -> None:
    made: dict[str, typer.Typer] = {}
    exec("\n".join(["import typer", *empty_app(app)]), made)
    assert commands(made["app"]) == commands(app)
