"""What --a and --b may say: options of run or a file, with the messages that run would give."""

from pathlib import Path

import pytest

from resnext_bench.cli.compare.sides import ids_of, side_request, words_of
from resnext_bench.errors import UsageError


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("", {}),
        ("--amp --no-channels-last", {"amp": True, "channels_last": False}),
        ("--batch-size 16 --learning-rate=0.1", {"batch_size": 16, "learning_rate": 0.1}),
        ("--data '/a folder/of images'", {"data": "/a folder/of images"}),
        ("--model resnext50_32x4d\n  --threads 2", {"model": "resnext50_32x4d", "threads": 2}),
    ],
)
def test_options_of_run(text: str, request_: dict[str, object]) -> None:
    assert side_request(text, "--a") == request_


def test_a_file_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "fast.toml"
    path.write_text('amp = true\nbatch-size = 16\nmodel = "resnext50_32x4d"\n')
    expected = {"amp": True, "batch_size": 16, "model": "resnext50_32x4d"}
    assert side_request(str(path), "--a") == expected
    assert side_request(f"--config {path}", "--a") == expected
    assert side_request(f"--config {path} --batch-size 8", "--a") == expected | {"batch_size": 8}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("--stepz 3", "--steps"),
        ("--no-channel-last", "--no-channels-last"),
        ("--steps many", "--steps many: a whole number is needed"),
        ("--steps 1", "--steps 1: must be at least 2"),
        ("--pipeline dalli", "choose from synthetic, host, torchvision, dali"),
        ("--sessions 3", "--sessions cannot be part of a side"),
        ("--json", "--json cannot be part of a side"),
        ("--dry-run", "--dry-run cannot be part of a side"),
        ("--output /tmp", "--output cannot be part of a side"),
        ("--allow-unsure", "--allow-unsure cannot be part of a side"),
        ("--help", "run --help shows which options"),
        ("--batch-size", "--batch-size"),
        ("something", "something"),
        ("--data 'half", "No closing quotation; quote it as you would in a shell"),
    ],
)
def test_what_a_side_may_not_say(text: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        side_request(text, "--b")
    assert str(error.value).startswith(f"--b {text!r}: ")
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("stepz = 3", "unknown option --stepz; did you mean --steps?"),
        ('steps = "3"', "--steps 3: a whole number is needed"),
        ("steps =", "not valid TOML"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "side.toml"
    path.write_text(content)
    with pytest.raises(UsageError) as error:
        side_request(str(path), "--a")
    assert str(path) in str(error.value)
    assert words in str(error.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"/nowhere\.toml: No such file"):
        side_request("/nowhere.toml", "--a")


def test_words_are_cut_as_a_shell_would() -> None:
    assert words_of("train.py --name 'two words' \"three\"", "--script") == (
        "train.py",
        "--name",
        "two words",
        "three",
    )
    assert words_of("", "--a") == ()


def test_ids_of_stored_runs() -> None:
    assert ids_of(" a1b2, last ,", "--a-runs") == ("a1b2", "last")
    for nothing in (None, "", " , "):
        with pytest.raises(UsageError, match="--a-runs is needed"):
            ids_of(nothing, "--a-runs")
