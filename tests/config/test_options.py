"""The table of options against what is made of it: the record, the command line, the defaults."""

import subprocess
import sys
from typing import get_args, get_origin, get_type_hints

import pytest
import typer

from resnext_bench.cli.main import app
from resnext_bench.config.options import OPTIONS, flag
from resnext_bench.config.request import checked
from resnext_bench.reports.schema.config import RunConfig

FIELDS = get_type_hints(RunConfig)
FOLLOWING = {"classes", "cudnn_errata_sha256"}
"""Fields of a configuration that are no options."""
OTHERS = {"launcher", "data", "split", "zero_stage", "bucket_mib", "cudnn_errata"}
"""Options whose field may be more: another launcher, or nothing at all."""


def test_every_field_is_an_option_or_follows_from_others() -> None:
    assert set(FIELDS) - set(OPTIONS) == FOLLOWING


@pytest.mark.parametrize("name", sorted(set(OPTIONS) & set(FIELDS)))
def test_a_field_holds_what_its_option_may_be(name: str) -> None:
    kind, field = OPTIONS[name].kind, FIELDS[name]
    if name not in OTHERS:
        assert kind == field
    elif get_origin(kind) is not None:
        assert set(get_args(kind)) <= set(get_args(field))
    else:
        assert kind in get_args(field)


def test_defaults_may_be_given() -> None:
    for name, option in OPTIONS.items():
        if option.default is not None:
            assert checked({name: option.default}) == {name: option.default}
            assert option.why, f"{name} says why"


def test_the_command_line_has_every_option_and_nothing_twice() -> None:
    commands = getattr(typer.main.get_command(app), "commands", {})
    shown = [one.name for one in commands["run"].params]
    assert shown[: len(OPTIONS)] == list(OPTIONS)
    assert len(shown) == len(set(shown))
    switches = {name for name, option in OPTIONS.items() if option.is_switch}
    for parameter in commands["run"].params:
        if parameter.name in switches:
            assert parameter.secondary_opts == [f"--no-{flag(parameter.name)[2:]}"]


def test_the_table_costs_a_help_text_nothing() -> None:
    """It is read for every `--help`."""
    heavy = "{'msgspec', 'typer', 'torch'} & {*sys.modules}"
    code = f"import resnext_bench.config.options, sys; print(sorted({heavy}))"
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
