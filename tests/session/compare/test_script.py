"""What a user's script has written, and what it comes to."""

from pathlib import Path

import numpy as np
import pytest

from resnext_bench.reports.schema.notes import note
from resnext_bench.session.compare.script import BadSamples, judged, read_samples

MS = 1_000_000
TENS = [10 * MS + step for step in range(-50, 50)]
"""Steps of 10 ms, by a clock that ticks in ns."""


def samples(folder: Path, text: str) -> Path:
    path = folder / "samples"
    path.write_text(text)
    return path


def test_one_step_time_a_line(tmp_path: Path) -> None:
    text = "".join(f"{step}\n" for step in range(1, 11))
    assert read_samples(samples(tmp_path, text)) == list(range(1, 11))
    assert read_samples(samples(tmp_path, text + " 11 ")) == list(range(1, 12))


@pytest.mark.parametrize("line", ["0", "-5", "12.5", "1e6", "nan", "", "1_000", "²", "9" * 19])
def test_a_bad_line_is_named_with_its_text(tmp_path: Path, line: str) -> None:
    path = samples(tmp_path, f"5\n5\n{line}\n" + "5\n" * 20)
    with pytest.raises(BadSamples, match=r"line 3 .* whole number above 0") as raised:
        read_samples(path)
    assert repr(line) in str(raised.value)


def test_none_and_too_few(tmp_path: Path) -> None:
    with pytest.raises(BadSamples, match=r"wrote no step times .* \$RESNEXT_BENCH_SAMPLES"):
        read_samples(tmp_path / "nothing")
    with pytest.raises(BadSamples, match="wrote 0 step times"):
        read_samples(samples(tmp_path, ""))
    with pytest.raises(BadSamples, match=r"wrote 9 step times .* at least 10"):
        read_samples(samples(tmp_path, "5\n" * 9))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "samples"
    path.write_bytes(b"\xff\xfe\n" * 20)
    with pytest.raises(BadSamples, match="line 1"):
        read_samples(path)


def test_warm_up_is_cut() -> None:
    noise = np.random.default_rng(0).normal(0, 0.002, 60)
    times = np.exp(noise) * np.where(np.arange(60) < 12, 30 * MS, 10 * MS)
    found = judged([int(time) for time in times], 60.0)
    assert found.steadiness.is_steady
    assert found.steadiness.cut == 12
    assert np.median(found.step_ms) == pytest.approx(10, rel=0.002)
    assert found.notes == ()


def test_a_trend_is_called_never_steady() -> None:
    found = judged([int(10 * MS * 1.01**step) for step in range(100)], 60.0)
    assert found.steadiness.never_steady


def test_more_time_than_the_launch_took_is_doubted() -> None:
    """Two processes that both write, or times that were made up."""
    assert judged(TENS, 0.75).notes == (note("steps_exceed_launch"),)
    assert judged(TENS, 1.25).notes == ()


def test_what_others_had_of_the_cores_is_noted() -> None:
    assert judged(TENS, 60.0, 5.0).notes == ()
    assert judged(TENS, 60.0, 31.4).notes == (note("others_busy", percent=31.4),)


def test_what_is_no_file_holds_no_step_times(tmp_path: Path) -> None:
    path = tmp_path / "a.samples"
    path.mkdir()
    with pytest.raises(BadSamples, match="put something other than a file where"):
        read_samples(path)
