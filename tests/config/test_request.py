"""Options one by one: names, types and bounds, from the command line and from a file."""

import errno
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.config.options import OPTIONS, flag
from resnext_bench.config.request import checked, merged, read_file
from resnext_bench.errors import UsageError

LOWEST = {name: option.low for name, option in OPTIONS.items() if option.low is not None}
HIGHEST = {name: option.high for name, option in OPTIONS.items() if option.high is not None}


def message(given: dict[str, Any], *, typed: bool = True) -> str:
    with pytest.raises(UsageError) as error:
        checked(given, typed=typed)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("steps", "30", 30),
        ("learning_rate", "1e-2", 0.01),
        ("learning_rate", "1", 1.0),
        ("data", "7", "7"),
        ("device", "cpu", "cpu"),
    ],
)
def test_a_command_line_is_text(name: str, text: str, value: object) -> None:
    found = checked({name: text}, typed=False)
    assert found == {name: value}
    assert type(found[name]) is type(value)


def test_a_file_has_types() -> None:
    assert checked({"steps": 30, "learning_rate": 1, "amp": True}) == {
        "steps": 30,
        "learning_rate": 1.0,
        "amp": True,
    }
    assert message({"steps": "30"}) == "--steps 30: a whole number is needed"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"stepz": 3}, "unknown option --stepz; did you mean --steps?"),
        ({"batchsize": 3}, "unknown option --batchsize; did you mean --batch-size?"),
        ({"qqq": 3}, "unknown option --qqq; run --help lists all options"),
        ({"classes": 3}, "unknown option --classes"),
        ({"amp_dtype": "bf17"}, "--amp-dtype bf17: choose from none, bf16, fp16"),
        ({"optimizer": "q"}, "--optimizer q: choose from sgd, adamw"),
        ({"device": 0}, "--device 0: choose from cpu, cuda"),
        ({"steps": 2.5}, "--steps 2.5: a whole number is needed"),
        ({"steps": True}, "--steps True: a whole number is needed"),
        ({"steps": [3]}, "--steps [3]: a whole number is needed"),
        ({"learning_rate": "fast"}, "--learning-rate fast: a number is needed"),
        ({"amp": "yes"}, "--amp yes: true or false is needed"),
        ({"amp": 1}, "--amp 1: true or false is needed"),
        ({"data": 1}, "--data 1: text is needed"),
    ],
)
def test_wrong_names_and_types(given: dict[str, Any], words: str) -> None:
    assert words in message(given)


@pytest.mark.parametrize("text", ["many", "", "2.5", "0x10", "null"])
def test_text_that_is_no_number(text: str) -> None:
    assert "a whole number is needed" in message({"steps": text}, typed=False)


@pytest.mark.parametrize(("name", "low"), LOWEST.items())
def test_lower_bounds(name: str, low: float) -> None:
    assert checked({name: int(low)}) == {name: low}
    words = f"{flag(name)} {int(low) - 1}"
    assert message({name: int(low) - 1}).startswith(words)
    assert message({name: int(low) - 1}).endswith(f"must be at least {low}")


@pytest.mark.parametrize(("name", "high"), HIGHEST.items())
def test_upper_bounds(name: str, high: float) -> None:
    assert checked({name: int(high)}) == {name: high}
    assert message({name: int(high) + 1}).endswith(f"must be at most {high:.0f}")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("name", ["learning_rate", "momentum", "weight_decay"])
def test_numbers_are_finite(name: str, value: str) -> None:
    """JSON has no word for them: a record with one could not be read again."""
    assert message({name: float(value)}) == f"{flag(name)} {value}: must be finite"


@pytest.mark.parametrize("key", ["batch-size", "batch_size"])
def test_keys_of_a_file_are_written_either_way(tmp_path: Path, key: str) -> None:
    path = tmp_path / "options.toml"
    path.write_text(f'{key} = 16\nmodel = "resnet50" # ü\n', encoding="utf-8")
    assert read_file(path) == {"batch_size": 16, "model": "resnet50"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"steps = = 3", "not valid TOML"),
        (b"steps = 3\nsteps = 4", "not valid TOML"),
        (b'model = "\xff"', "not valid TOML"),
        (b"stepz = 3", "in {path}: unknown option --stepz; did you mean --steps?"),
        (b"[run]\nsteps = 3", "in {path}: unknown option --run"),
        (b"steps = 1", "in {path}: --steps 1: must be at least 2"),
        (b"steps = 2026-01-01", "in {path}: --steps 2026-01-01: a whole number is needed"),
        (b"learning-rate = nan", "in {path}: --learning-rate nan: must be finite"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "options.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as error:
        read_file(path)
    assert words.format(path=path) in str(error.value)
    assert str(path) in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with pytest.raises(UsageError, match=f"--config {tmp_path}/no: No such file"):
        read_file(tmp_path / "no")
    with pytest.raises(UsageError, match=f"--config {tmp_path}: Is a directory"):
        read_file(tmp_path)
    monkeypatch.setattr(Path, "read_text", denied)
    with pytest.raises(UsageError, match="Permission denied; give a readable TOML file"):
        read_file(tmp_path / "no")


@pytest.mark.parametrize(
    ("line", "file", "together"),
    [
        ({}, {"steps": 5}, {"steps": 5}),
        ({"steps": 7}, {"steps": 5, "seed": 1}, {"steps": 7, "seed": 1}),
        ({"batch_size": 4}, {"global_batch_size": 64}, {"batch_size": 4}),
        ({"global_batch_size": 64}, {"batch_size": 4}, {"global_batch_size": 64}),
        ({"amp": False}, {"amp_dtype": "bf16"}, {"amp": False}),
        ({"amp": True}, {"amp_dtype": "fp16"}, {"amp": True, "amp_dtype": "fp16"}),
        ({"amp": True}, {"amp_dtype": "none"}, {"amp": True}),
        ({"amp_dtype": "bf16"}, {"amp": False}, {"amp_dtype": "bf16"}),
        ({"amp_dtype": "none"}, {"amp": True}, {"amp_dtype": "none"}),
        (
            {"pipeline": "synthetic"},
            {"data": "/images", "decode": "cpu", "bad_files": "skip", "seed": 3},
            {"pipeline": "synthetic", "seed": 3},
        ),
        (
            {"pipeline": "torchvision"},
            {"data": "/images", "decode": "mixed"},
            {"pipeline": "torchvision", "data": "/images"},
        ),
        (
            {"pipeline": "torchvision"},
            {"decode": "cpu"},
            {"pipeline": "torchvision", "decode": "cpu"},
        ),
        ({"pipeline": "dali"}, {"data": "/images"}, {"pipeline": "dali", "data": "/images"}),
    ],
)
def test_the_command_line_wins(
    line: dict[str, Any], file: dict[str, Any], together: dict[str, Any]
) -> None:
    assert merged(line, file) == together


def test_rivals_of_one_place_are_kept_and_judged_together() -> None:
    both = {"batch_size": 4, "global_batch_size": 64}
    assert merged({}, both) == both
