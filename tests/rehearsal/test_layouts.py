"""`convs layouts` on a GPU that is a script: planted times and faults, from a command to its words.

Convolutions, norms, pools and conversions compute on the CPU; whole steps are scripted.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from resnext_bench.cli.convs import layouts as command
from resnext_bench.convs.layouts import steps
from resnext_bench.convs.layouts.benches import OnGpu
from resnext_bench.convs.layouts.jobs import MapTask
from resnext_bench.errors import RunFailed
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.reports.schema.layouts import InStep, Operator
from resnext_bench.reports.schema.record import Failure
from resnext_bench.resnext.convolutions import Operation
from resnext_bench.session.setup import Setup
from resnext_bench.session.turns.rounds import Rounds
from tests.machine.gpu.ready import READY
from tests.rehearsal.machines import On, Said, on
from tests.rehearsal.made_layouts import Known, Planted, here
from tests.rehearsal.pretended import HOT_PAIR
from tests.reports.made_results import even_samples, made_result

pytestmark = pytest.mark.rehearsal
TINY = ("resnext14_4x4d", "--image-size", "32", "--batch-size", "2", "--rounds", "8")
IN_NCHW = ("layer2.0.conv2", "layer3.0.conv2", "layer4.0.conv2")
"""Layers for which NCHW is planted to be better by far."""
GAINED_US = 900.0


def better_in_nchw(conv: Convolution, operation: Operation) -> float:
    """100 µs in NHWC and 150 in NCHW, but for three layers."""
    if set(conv.layers) & set(IN_NCHW):
        return 1000.0 if conv.layout == "nhwc" else 100.0
    return 100.0 if conv.layout == "nhwc" else 150.0


def quick_conversions(task: MapTask, side: str) -> float:
    return 5.0 if task.kind == "convert" else 20.0


STEP_MS = {"nhwc": 100.0, "nchw": 112.0, "mixed": 97.0}
"""Whole steps that are planted: a third of what is predicted."""


def name_of(run: Setup) -> str:
    if run.config.other_layout != "none":
        return "mixed"
    return "nhwc" if run.config.channels_last else "nchw"


def inside(side: str) -> InStep:
    """A step, whose rest takes 5 ms more in a mixed model."""
    rest = 45.0 if side == "mixed" else 40.0
    return InStep(
        convolutions=STEP_MS[side] - rest - 10,
        others=10.0,
        conversions=0.0,
        rest=rest,
        operators=(
            Operator(part="convolutions", name="cudnn_convolution", ms=30.0),
            Operator(part="rest", name="threshold_backward", ms=rest - 32),
            Operator(part="rest", name="add", ms=8.0),
        ),
    )


class Played:
    """Whole steps and profiles, by a script."""

    def __init__(self) -> None:
        self.runs: list[Setup] = []
        self.fails: Failure | None = None
        self.profile_fails = False

    def rounds(self, runs: Sequence[Setup], number: int, *, rounds: int, **how: Any) -> Rounds:
        self.runs += runs
        how["begin"]()
        how["watch"]()
        if self.fails:
            raise SessionFailed(self.fails)
        wave = [0.1 * (1 if at % 4 in (0, 3) else -1) for at in range(rounds)]
        return Rounds(
            step_ms=tuple(
                tuple(STEP_MS[name_of(run)] + more * (1 + at) for at, run in enumerate(runs))
                for more in wave
            ),
            block_steps=(2,) * len(runs),
            results=tuple(made_result(even_samples(0, [100] * 4)) for _ in runs),
            quiet_percent=0.0,
            built_s=(1.0,) * len(runs),
        )

    def profile(self, module: str, job: Any, *_: Any, on_gpu: bool) -> Any:
        assert on_gpu
        if self.profile_fails:
            raise RunFailed("a process that times ended early: CUDA out of memory")
        for config in job.configs:
            mixed = config.other_layout != "none"
            yield inside("mixed" if mixed else "nhwc" if config.channels_last else "nchw")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    found = Played()
    monkeypatch.setattr(steps, "play_rounds", found.rounds)
    monkeypatch.setattr(steps, "answers", found.profile)
    return found


Say = Callable[..., Said]
KNOWN: Known = {}
"""Shared by all tests, whose times are the same."""


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Planted:
    found = Planted(conv_us=better_in_nchw, map_us=quick_conversions)
    monkeypatch.setattr(command, "OnGpu", partial(OnGpu, start=here(found, KNOWN)))
    return found


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Say:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    board: On = on(READY["8xH100"], monkeypatch, capsys, tmp_path)
    return lambda *words: board._said(
        "convs", "layouts", *words, "--output", str(tmp_path / "runs")
    )


def words(said: Said) -> str:
    return " ".join(said.out.split())


def test_three_layers_that_are_better_in_nchw_are_put_there(
    say: Say, planted: Planted, played: Played
) -> None:
    """From a command to its report, with whole steps that gain less than predicted."""
    said = say(*TINY, "--dtype", "tf32", "--json")
    assert said.code == 0, said.err
    (mix,) = said.json["layouts"]["mixes"]
    assert tuple(mix["nchw"]) == IN_NCHW
    (first, *_) = mix["versus"]
    converted = 10 * mix["converted"]  # µs, forward and backward
    expected_ms = (9 * GAINED_US - converted) / 1e3
    assert first["predicted_ms"]["value"] == pytest.approx(expected_ms, rel=0.01)
    assert first["measured_ms"]["value"] == pytest.approx(3.0, abs=0.05)
    # Whole steps compute in the type of the table, on the one GPU.
    assert [name_of(run) for run in played.runs] == ["nhwc", "nchw", "mixed"]
    assert {(run.config.device, run.config.tf32) for run in played.runs} == {("cuda", True)}
    assert {run.gpu_indices()[0] for run in played.runs} == {0}


def test_the_report_names_the_operator_that_explains_a_miss(
    say: Say, planted: Planted, played: Played
) -> None:
    said = say(*TINY, "--dtype", "tf32")
    assert said.code == 0, said.err
    out = words(said)
    assert "tf32: the best choice is mixed: 3 of 17 convolutions in NCHW" in out
    assert "Missed: mixed over NHWC, predicted 8.0 ms, measured 3.0" in out
    assert "the rest gains -5.0 ms, assumed none (threshold_backward -5.0)" in out
    assert "L2 cache of 0 MiB four times" in out


def test_types_of_a_gpu_are_bf16_and_tf32(say: Say, planted: Planted, played: Played) -> None:
    said = say("--shape", "2x16x9x9", "--groups", "4", "--rounds", "8", "--json")
    assert said.code == 0, said.err
    rows = said.json["layouts"]["rows"]
    assert [row["dtype"] for row in rows] == ["bf16", "tf32"] * 3
    assert all(abs(row["ratio"]["value"] - 100 / 150) < 0.01 for row in rows)
    assert all(row["q"] < 0.05 for row in rows)
    assert played.runs == []


def test_fp32_is_ieee_unless_tf32_is_asked_for(say: Say, planted: Planted, played: Played) -> None:
    types = ("--dtype", "fp32", "--dtype", "tf32")
    said = say("--shape", "2x16x9x9", "--groups", "4", "--rounds", "8", *types)
    assert said.code == 0, said.err
    assert set(planted.tf32) == {("fp32", False), ("tf32", True)}


def test_a_wrong_result_is_told_and_not_compared(
    say: Say, planted: Planted, played: Played
) -> None:
    planted.wrong = lambda conv, operation: (
        "layer3.0.conv2" in conv.layers and operation == "forward" and conv.layout == "nchw"
    )
    said = say(*TINY, "--dtype", "tf32", "--no-steps")
    assert said.code == 3
    out = words(said)
    assert "WRONG" in out
    assert "its result is wrong" in out
    (mix,) = say(*TINY, "--dtype", "tf32", "--no-steps", "--json").json["layouts"]["mixes"]
    assert mix["nchw"] == ["layer2.0.conv2", "layer4.0.conv2"]
    assert mix["sides"] == ["nhwc", "mixed"], "all in NCHW would hold a wrong result"


def test_lack_of_memory_in_one_layout_is_told(say: Say, planted: Planted, played: Played) -> None:
    planted.hungry = lambda conv, operation: (
        "layer1.0.conv2" in conv.layers and conv.layout == "nchw"
    )
    said = say(*TINY, "--dtype", "tf32", "--no-steps")
    assert said.code == 0, said.err
    assert "no room in the GPU's memory: a smaller --batch-size" in words(said)
    assert "tf32: the best choice is mixed" in words(said)


def test_a_layer_without_room_in_either_layout_leaves_its_row(
    say: Say, planted: Planted, played: Played
) -> None:
    planted.hungry = lambda conv, operation: "layer1.0.conv2" in conv.layers
    said = say(*TINY, "--dtype", "tf32")
    assert said.code == 0, said.err
    assert "no choice in tf32: a region can have neither layout" in words(said)
    assert played.runs == []


def test_what_breaks_the_device_is_given_up_and_the_rest_is_timed(
    say: Say, planted: Planted, played: Played
) -> None:
    planted.breaks = lambda conv, operation: (
        "layer2.0.conv2" in conv.layers and operation == "weight gradient"
    )
    said = say(*TINY, "--dtype", "tf32", "--no-steps", "--json")
    assert said.code == 0, said.err
    rows = said.json["layouts"]["rows"]
    lost = [row for row in rows if row.get("ratio") is None]
    assert [(row["operation"], row["why"]) for row in lost] == [
        ("weight gradient", "CUDA error: an illegal memory access was encountered")
    ]
    assert len(rows) > len(lost)


@pytest.mark.parametrize("pressed", [1, 4])
def test_ctrl_c_keeps_the_problems_that_are_done(
    say: Say, planted: Planted, played: Played, pressed: int
) -> None:
    planted.pressed = pressed
    said = say(*TINY, "--dtype", "tf32", "--json")
    assert said.code == 130
    assert "interrupted; what was measured is in " in said.err
    rows = said.json["layouts"]["rows"]
    assert len(rows) == pressed
    assert all(row["ratio"] for row in rows)
    assert said.json["status"] == "interrupted"
    assert said.json["why"].startswith(f"after {pressed} of ")


def test_ctrl_c_before_a_problem_is_done_leaves_nothing(
    say: Say, planted: Planted, played: Played
) -> None:
    planted.pressed = 0
    said = say(*TINY, "--dtype", "tf32")
    assert (said.code, said.out) == (130, "")
    assert "nothing was measured yet" in said.err


def test_convolutions_stand_if_the_rest_cannot_be_timed(
    say: Say, planted: Planted, played: Played
) -> None:
    planted.begins = 1
    said = say(*TINY, "--dtype", "tf32")
    assert said.code == 0, said.err
    assert "note no choice: --device cuda: the process that times layouts ended: " in words(said)
    assert "layer4.0.conv2" in words(said)
    assert played.runs == []


@pytest.mark.parametrize("kind", ["out_of_memory", "killed"])
def test_three_models_without_room_are_a_note(
    say: Say, planted: Planted, played: Played, kind: str
) -> None:
    played.fails = Failure(rank=0, kind=kind, what="CUDA out of memory", log="", log_tail=())
    said = say(*TINY, "--dtype", "tf32")
    assert said.code == 0, said.err
    out = words(said)
    assert "note whole steps in tf32 were not measured: memory cannot hold 3 models" in out
    assert "a smaller --batch-size, or --no-steps" in out


def test_steps_count_without_their_profile(say: Say, planted: Planted, played: Played) -> None:
    played.profile_fails = True
    said = say(*TINY, "--dtype", "tf32")
    assert said.code == 0, said.err
    out = words(said)
    assert "measured 3.0 % " in out
    assert "note whole steps in tf32 were not profiled: a process that times ended early" in out
    assert "Whole steps were not profiled." in out


def test_clocks_that_are_held_down_make_it_invalid(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    planted: Planted,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    board = on(HOT_PAIR, monkeypatch, capsys, tmp_path)
    small = ("--shape", "2x16x9x9", "--groups", "4", "--rounds", "8", "--dtype", "bf16")
    said = board._said("convs", "layouts", *small, "--output", str(tmp_path / "runs"))
    assert said.code == 3, said.err
    assert "INVALID" in words(said)
    assert "hardware thermal slowdown" in words(said)


def test_threads_are_about_a_cpu(say: Say) -> None:
    said = say(*TINY, "--threads", 2)
    assert (said.code, said.out) == (2, "")
    assert "--threads is about a CPU" in said.err


def test_without_a_gpu_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    board = on(READY["8xH100"], monkeypatch, capsys, tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = board._said("convs", "layouts", *TINY, "--device", "cuda")
    assert (said.code, said.out) == (5, "")
    assert "--device cuda: no GPU here; --device cpu times oneDNN" in said.err
