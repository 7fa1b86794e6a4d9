"""What a user can get wrong: one or two lines and the documented code, never a traceback."""

import errno
import socket
import sys
from pathlib import Path

import pytest
from PIL import Image

from resnext_bench.cli.main import main
from resnext_bench.machine.gpu.monitor import Visible


def outcome(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Exit code, and what stands on standard error with its lines joined."""
    monkeypatch.setattr(sys, "argv", ["resnext-bench", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert isinstance(end.value.code, int)
    return end.value.code, " ".join(captured.err.split())


def image_folder(root: Path) -> Path:
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(root / name / "good.jpg")
    return root


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--model", "resnext50_32x4"], 2, "resnext50_32x4d"),
        (["--model", "vgg16"], 2, "resnext50_32x4d"),
        (["--model", "vgg16"], 2, "or torchvision:vgg16, timm:vgg16 or package.module:callable"),
        (["--model", "torchvision:"], 2, "--model torchvision:: give the name of a ResNeXt"),
        (["--model", "torchvison:vgg16"], 2, "did you mean torchvision?"),
        (["--model", "resnext_bench.own:net"], 2, "resnext_bench is a package of this program"),
        (["--stepz", "3"], 2, "--steps"),
        (["--steps", "many"], 2, "--steps many: a whole number is needed"),
        (["--steps", "1"], 2, "--steps 1: must be at least 2"),
        (["--pipeline", "dalli"], 2, "choose from synthetic, host, torchvision, dali"),
        (["--device", "tpu"], 2, "choose from cpu, cuda"),
        (["--amp-dtype", "bf17"], 2, "choose from none, bf16, fp16"),
        (["--data", "/nowhere/at/all"], 2, "/nowhere/at/all"),
        (["--nodes", "2", "--global-batch-size", "7"], 2, "6 or 8"),
        (["--nodes", "4000"], 5, "CPU core"),
        (["--nproc-per-node", "4000"], 5, "CPU core"),
        (["--no-amp", "--amp-dtype", "bf16"], 2, "exclude each other"),
        (["--pipeline", "synthetic", "--decode", "cpu"], 2, "synthetic batches have no JPEGs"),
        (["--config", "/nowhere.toml"], 2, "/nowhere.toml"),
        (["--learning-rate", "nan"], 2, "--learning-rate"),
        (["--engine", "fsdp"], 2, "--engine fsdp: choose from none, ddp, deepspeed"),
        (["--engine", "none", "--nproc-per-node", "2"], 2, "would train independently"),
        (["--engine", "deepspeed", "--zero-stage", "3"], 2, "--zero-stage 3: must be at most 2"),
        (["--zero-stage", "one"], 2, "--zero-stage one: a whole number is needed"),
        (["--bucket-mib", "0"], 2, "--bucket-mib 0: must be at least 1"),
        (["--compile-mode", "fast"], 2, "--compile-mode fast: choose from none, default"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_options(
    arguments: list[str],
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    given = ["run", *arguments, "--output", str(tmp_path)]
    found, text = outcome(given, monkeypatch, capsys)
    assert (found, words in text) == (code, True), text
    assert not list(tmp_path.iterdir()), "nothing may be left of a run that never started"


def test_no_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("resnext_bench.machine.gpu.monitor.visible_gpus", Visible)
    given = ["run", "--device", "cuda", "--output", str(tmp_path)]
    code, text = outcome(given, monkeypatch, capsys)
    assert code == 5
    assert "no NVIDIA GPU is visible" in text


def test_empty_data_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, text = outcome(["run", "--data", str(tmp_path)], monkeypatch, capsys)
    assert code == 2
    assert str(tmp_path) in text


def test_unreadable_data_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def denied(path: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    data = image_folder(tmp_path / "data")
    monkeypatch.setattr("os.scandir", denied)
    code, text = outcome(["run", "--data", str(data)], monkeypatch, capsys)
    assert code == 2
    assert str(data) in text


def test_corrupt_jpeg(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    data = image_folder(tmp_path / "data")
    whole = (data / "cat" / "good.jpg").read_bytes()
    (data / "dog" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    code, text = outcome(["run", "--data", str(data)], monkeypatch, capsys)
    assert code == 2
    assert "1 of 3 files" in text
    assert "dog/cut.jpg" in text
    assert "--bad-files skip" in text


def test_port_in_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        given = ["run", "--pipeline", "synthetic", "--port", port, "--output", str(tmp_path)]
        code, text = outcome(given, monkeypatch, capsys)
    assert code == 5
    assert f"--port {port}" in text


def test_output_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    given = ["run", "--pipeline", "synthetic", "--output", str(blocked / "runs")]
    code, text = outcome(given, monkeypatch, capsys)
    assert code == 2
    assert "--output" in text


def test_unknown_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, text = outcome(["runs", "show", "x", "--output", str(tmp_path)], monkeypatch, capsys)
    assert code == 2
    assert "no runs in" in text


def test_a_bug_is_called_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object) -> int:
        raise ZeroDivisionError("by us")

    monkeypatch.setattr("resnext_bench.cli.runs.commands.list_command", broken)
    code, text = outcome(["runs", "list"], monkeypatch, capsys)
    assert code == 70
    assert "This is a bug in resnext-bench" in text
    log = Path(text.rsplit(maxsplit=1)[1])
    assert "ZeroDivisionError: by us" in log.read_text()
    log.unlink()
