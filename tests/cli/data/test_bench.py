"""Options of `data bench`: what is swept by default, and what is refused."""

import errno
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from resnext_bench.cli.data import bench as under_test
from resnext_bench.cli.data.bench import _doubling, bench_command
from resnext_bench.config.resolve import DataFacts
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.job import ImageList
from resnext_bench.reports.render import charts
from resnext_bench.session.data import Data
from tests.cli.typed import Typed
from tests.reports.made_loaders import made_bench

GIVEN: dict[str, Any] = {
    "data": None,
    "pipeline": ["torchvision"],
    "loader_threads": None,
    "prefetch": [1, 2, 4],
    "decode": None,
    "rounds": 6,
    "chart": None,
    "form": "table",
    "allow_unsure": False,
    "device": "cpu",
    "image_size": 224,
    "batch_size": 64,
}


@pytest.mark.parametrize(
    ("most", "counts"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])]
)
def test_threads_double_up_to_the_cores(most: int, counts: list[int]) -> None:
    assert _doubling(most) == counts


def test_settings_of_a_request() -> None:
    from resnext_bench.machine.inventory import inspect

    given = GIVEN | {"loader_threads": [4, 1, 4]}
    request = under_test._request(given)
    found = under_test._settings(given, request, inspect(), [1, 2, 4])
    assert [(one.pipeline, one.decode, one.loader_threads, one.prefetch) for one in found] == [
        ("torchvision", "cpu", 1, 2),
        ("torchvision", "cpu", 4, 2),
    ]
    assert request["image_size"] == 224


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--rounds", "5", "--rounds 5: give an even number, such as 6"),
        ("--rounds", "2", "--rounds 2: a whole number from 4"),
        ("--prefetch", "1,x", "--prefetch x: a whole number"),
        ("--loader-threads", "0", "--loader-threads 0: a whole number"),
        ("--pipeline", "ffcv", "--pipeline ffcv: choose from dali, torchvision"),
        ("--decode", "gpu", "--decode gpu: choose from cpu, mixed"),
        ("--decode", "mixed", "--decode mixed: none"),
        (
            "--chart",
            "x.pdf",
            "--chart x.pdf: give a file name that ends in one of .html, .svg, .png",
        ),
        ("--chart", "/no/such/x.png", "there is no folder /no/such"),
        ("--chart", "/proc/x.html", "--chart /proc/x.html: cannot be written: No such file"),
        ("--batch-size", "auto", "--batch-size auto: a whole number"),
        ("--image-size", "7", "--image-size 7: a whole number from 32"),
    ],
)
def test_wrong_values_of_bench_are_named(
    option: str,
    value: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed = Typed(monkeypatch, capsys, "data", "bench", "--pipeline", "torchvision")
    code, out, err = typed("--device", "cpu", option, value)
    assert (code, out) == (2, "")
    assert words in err


def test_whether_a_chart_can_be_written_is_tried_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.svg").write_text("as it was")
    (tmp_path / "folder.png").mkdir()
    for name in ("new.html", "old.svg"):
        assert under_test._chart(str(tmp_path / name)) == tmp_path / name
    with pytest.raises(UsageError, match="cannot be written: Is a directory"):
        under_test._chart(str(tmp_path / "folder.png"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.png", "old.svg"]
    assert (tmp_path / "old.svg").read_text() == "as it was"


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """Two files of 3 and 5 bytes."""
    for name, size in (("0.jpg", 3), ("1.jpg", 5)):
        (tmp_path / name).write_bytes(bytes(size))
    return Data(
        facts=DataFacts(root=str(tmp_path), classes=2, made=False),
        images=ImageList(files=["0.jpg", "1.jpg"], labels=[0, 1]),
    )


@pytest.fixture
def sweep(data: Data, monkeypatch: pytest.MonkeyPatch) -> mock.Mock:
    """Nothing is measured: what stands for it gives a table made by hand."""
    made = mock.Mock()
    monkeypatch.setattr(under_test, "measuring", lambda _: nullcontext())
    monkeypatch.setattr(under_test, "set_up", lambda *_, **__: SimpleNamespace(data=data))
    monkeypatch.setattr(under_test, "Sweep", made)
    monkeypatch.setattr(under_test, "_bench", lambda run, swept, sizes: made_bench())
    return made


@pytest.mark.parametrize("form", ["json", "table"])
def test_a_chart_that_cannot_be_saved_costs_no_table(
    sweep: mock.Mock, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    chart = tmp_path / "chart.html"
    full = mock.patch.object(charts, "save", side_effect=OSError(errno.ENOSPC, "No space left"))
    with full, pytest.raises(CannotHere, match=f"--chart {chart}: cannot be written: No space"):
        bench_command(GIVEN | {"chart": str(chart), "form": form})
    assert "1950" in capsys.readouterr().out.replace(",", "")


def test_an_image_that_is_gone_is_told_before_measuring(
    sweep: mock.Mock, data: Data, tmp_path: Path
) -> None:
    assert under_test._sizes(data) == [3, 5]
    (tmp_path / "1.jpg").unlink()
    with pytest.raises(UsageError, match=r".*1.jpg can no longer be read: No such file"):
        bench_command(GIVEN)
    sweep.assert_not_called()
