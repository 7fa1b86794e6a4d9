"""What people read and paste: the right figures, in the width they have."""

import msgspec
import pytest

from resnext_bench.data_formats import DataFormat
from resnext_bench.reports.render.model import Line, Summary, Value, text_of
from resnext_bench.reports.render.run import first_doubt, sections
from resnext_bench.reports.render.runs import runs_sections
from resnext_bench.reports.schema.interval import Interval
from resnext_bench.reports.schema.record import Cost, Failure, Record
from resnext_bench.reports.schema.samples import Profiled
from resnext_bench.reports.schema.sessions import SlowSteps, Steadiness
from resnext_bench.reports.store.runs import Unfinished
from tests.reports.drawn import drawn
from tests.reports.made_results import (
    RUN_ID,
    failed_record,
    made_config,
    made_figures,
    made_record,
    made_session,
    made_topology,
)

WIDTHS = (60, 80, 120)
BLOCKS = "█▉▊▋▌▍▎▏"
"""What bars are drawn with."""
GPU_ID = "20260302-090000-resnext101_32x16d_8n-e5f6"


def shown(record: Record, width: int = 80) -> str:
    """The record on screen as one line, without the table's borders."""
    text = " ".join(drawn(sections(record), width))
    return " ".join(text.replace("│", " ").split())


def gpu_record() -> Record:
    config = made_config(
        device="cuda", nproc_per_node=4, sessions=2, amp_dtype="fp16", tf32=True, decode="mixed"
    )
    sessions = tuple(
        made_session(number, figures=made_figures(images_per_s=rate))
        for number, rate in ((1, 7900.0), (2, 8100.5))
    )
    environment = msgspec.structs.replace(
        made_record().environment, gpus=("Example GPU",) * 8, versions={"cudnn": "9.1"}
    )
    return made_record(
        id=GPU_ID,
        resolved=config,
        topology=made_topology(config),
        sessions=sessions,
        environment=environment,
        figures=made_figures(images_per_s=8000.25, images_per_s_per_device=1000.03),
        interval=Interval(low=7700.0, high=8310.0, confidence_percent=99.0, sessions=2),
    )


def rows_shown(record: Record) -> dict[str, str]:
    """Return the rows of a record's summary by name, without the bars."""
    (found,) = (section for section in sections(record) if isinstance(section, Summary))
    return {name: plain(value) for group in found.groups for name, value in group}


def plain(value: Value) -> str:
    """Return a value's words with a space between them, and no bar."""
    return " ".join(word for word in text_of(value).split() if not set(word) <= set(BLOCKS))


def test_rows_of_a_run_on_a_cpu() -> None:
    """Without cuDNN, slow steps, or a rest: the parts add up to the mean step."""
    assert rows_shown(made_record()) == {
        "images/s": "32.0 16.0 on each of 2 devices",
        "ms/step": "mean 500 p50 498 p95 530 jitter 12.5",
        "peak memory": "1.75 GiB per rank (resident set)",
        "data wait": "25.0 ms 5.0 %",
        "forward": "150 ms 30.0 %",
        "backward": "300 ms 60.0 %",
        "optimizer": "25.0 ms 5.0 %",
        "ranks": "2 nodes x 1 rank, emulated on one host, DDP over gloo",
        "each rank": "1 core, 1 compute + 1 loader threads",
        "batch": "8 x 2 ranks = 16 images of 128 x 128",
        "precision": "bf16 autocast, fp32 IEEE elsewhere",
        "layout": "channels_last, weights NHWC",
        "data": "DALI, decode on CPU; 512 made JPEGs in 8 classes",
        "measured": "40 steps after 10 of warm-up; steady from the start (40 steps)",
        "software": "torch 2.15.0, dali 2.4.0, Python 3.11.7",
    }


def test_title_caption_and_notes_of_a_run() -> None:
    found, note = sections(made_record())
    assert isinstance(found, Summary)
    assert found.title == "resnext50_32x4d training on Example CPU @ 2.50GHz"
    assert found.caption == RUN_ID
    text = "2 nodes emulated on one host: no network between them"
    assert note == Line(text=text, label="note")


def test_rows_of_a_gpu_run_of_several_sessions() -> None:
    found = rows_shown(gpu_record())
    assert {name: found[name] for name in found if rows_shown(made_record()).get(name) is None} == {
        "interval": "7,700.0 to 8,310.0 images/s (99 %, 2 sessions)",
        "sessions": "7,900.0 to 8,100.5 images/s",
        "cuDNN": "benchmark of 10 plans",
    }
    assert found["images/s"] == "8,000.2 1,000.0 on each of 8 devices"
    assert found["peak memory"] == "1.75 GiB per rank (tensors)", "of an older record"
    assert found["precision"] == "fp16 autocast with gradient scaler, fp32 with TF32 elsewhere"
    assert found["data"].startswith("DALI, decode on CPU and GPU (mixed); ")
    assert found["measured"] == "2 x 40 steps after 10 of warm-up; 2 of 2 steady"
    assert "training on 8 x Example GPU" in shown(gpu_record())


def test_peak_memory_of_a_gpu_in_three_figures() -> None:
    figures = made_figures(peak_gib=17.25, reserved_gib=20.0, device_gib=32.5)
    shown_of = rows_shown(msgspec.structs.replace(gpu_record(), figures=figures))
    assert shown_of["peak memory"] == (
        "17.25 GiB per rank (tensors), 20.00 reserved, 32.50 in use on the device"
    )
    shared = msgspec.structs.replace(figures, device_gib=None)
    shown_of = rows_shown(msgspec.structs.replace(gpu_record(), figures=shared))
    assert shown_of["peak memory"] == "17.25 GiB per rank (tensors), 20.00 reserved"


@pytest.mark.parametrize("record", [made_record(), gpu_record()], ids=["CPU", "GPU"])
@pytest.mark.parametrize("width", WIDTHS)
def test_rows_are_whole_at_any_width(record: Record, width: int) -> None:
    text = shown(record, width)
    for name, value in rows_shown(record).items():
        assert f"{name} {value}" in text
    assert record.id in text


def test_slow_steps_and_what_lies_between_the_parts() -> None:
    """A mean of 510 ms, of which the four parts are 500."""
    slow = SlowSteps(every=None, slow=4, steps=40, slow_ms=1250.0, cost_percent=19.46)
    text = shown(made_record(figures=made_figures(step_ms_mean=510.0, slow=slow)), 120)
    assert (
        "slow steps 10 % of the steps take 1,250 ms, at irregular intervals, "
        "which makes all steps together 19.5 % longer"
    ) in text
    assert "other 10.0 ms 2.0 %" in text
    assert "backward 300 ms 58.8 %" in text
    hardly = shown(made_record(figures=made_figures(step_ms_mean=502.0)))
    assert "other" not in hardly, "less than half a per cent"


def test_loaders_that_are_processes() -> None:
    config = made_config(pipeline="torchvision", loader_threads=2)
    text = shown(made_record(resolved=config, topology=made_topology(config)))
    assert "torchvision, decode on CPU; 512 made JPEGs in 8 classes" in text
    assert "compute thread + 2 loader processes" in text


@pytest.mark.parametrize(
    ("format", "words"), [("webdataset", "tar shards"), ("tfrecord", "TFRecord shards")]
)
def test_shards_are_named(format: DataFormat, words: str) -> None:
    record = made_record()
    assert record.data
    data = msgspec.structs.replace(record.data, made=False, format=format)
    text = shown(made_record(data=data))
    assert f"512 images in 8 classes, {words}" in text


def test_one_image_in_one_class() -> None:
    record = made_record()
    assert record.data
    data = msgspec.structs.replace(record.data, made=False, images=1, classes=1)
    assert "1 image in 1 class" in shown(made_record(data=data))


def test_one_process_says_so() -> None:
    config = made_config(nodes=1, engine="none", launcher="direct", pipeline="synthetic", data=None)
    record = made_record(resolved=config, topology=made_topology(config), data=None, notes=())
    text = shown(record)
    assert "1 node x 1 rank, no DDP" in text
    assert "synthetic: one batch, resident on the device" in text
    assert "emulated" not in text


@pytest.mark.parametrize("width", WIDTHS)
def test_doubts_are_shown(width: int) -> None:
    reason = "31 % of the ranks' cores were lost to other processes (limit 25 %)"
    unsteady = Steadiness(cut=0, judged=True, steady=False, why="never steady: +0.1 % a step")
    record = made_record(
        status="invalid",
        sessions=(made_session(invalid=(reason, "the loss is not finite"), steadiness=unsteady),),
        notes=("device shared by 2 ranks: not a scaling measurement", "[not] markup"),
    )
    text = shown(record, width)
    assert text.startswith(f"INVALID: {reason}; 1 more below ")
    assert text.count(reason) == 1
    assert "INVALID the loss is not finite" in text
    assert "note device shared by 2 ranks: not a scaling measurement" in text
    assert "note [not] markup" in text
    assert "never steady: +0.1 % a step" in text


LOST = "31 % of the ranks' cores were lost to other processes (limit 25 %)"
NEVER = Steadiness(cut=0, judged=True, steady=False, why="never steady: +0.1 % a step")
TOO_FEW = Steadiness(cut=0, judged=False, steady=False, why="8 steps are too few to tell")


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"status": "invalid", "sessions": (made_session(invalid=(LOST,)),)}, f"INVALID: {LOST}"),
        (
            {"status": "invalid", "sessions": (made_session(invalid=(LOST, "b", "c")),)},
            f"INVALID: {LOST}; 2 more below",
        ),
        ({"status": "invalid", "why": "of old", "sessions": ()}, "INVALID: of old"),
        (
            {"sessions": (made_session(invalid=(LOST,)), made_session(number=2))},
            f"INVALID sessions are in these figures (1): {LOST}",
        ),
        ({"sessions": (made_session(steadiness=NEVER),)}, "NEVER STEADY: +0.1 % a step"),
        (
            {"sessions": (made_session(), made_session(2, steadiness=NEVER))},
            "NEVER STEADY: 1 of 2 sessions; +0.1 % a step",
        ),
        (
            {"status": "interrupted", "why": "interrupted after 13 of 40 steps"},
            "INTERRUPTED: after 13 of 40 steps",
        ),
    ],
    ids=[
        "invalid",
        "three reasons",
        "without sessions",
        "a side of old",
        "never steady",
        "one of two",
        "cut",
    ],
)
def test_what_is_to_be_said_against_figures_stands_before_them(
    changes: dict[str, object], first: str
) -> None:
    record = made_record(**changes)
    if record.sessions:
        assert shown(record, 120).startswith(first)
    found = first_doubt(record)
    assert found
    assert found.text == first


@pytest.mark.parametrize("changes", [{}, {"sessions": (made_session(steadiness=TOO_FEW),)}])
def test_a_run_of_which_nothing_bad_is_known(changes: dict[str, object]) -> None:
    assert shown(made_record(**changes)).startswith("resnext50_32x4d training on")


@pytest.mark.parametrize(
    ("steps", "longest", "told"),
    [
        (12, 571.0, "p50 498 max 571 jitter"),
        (19, None, "p50 498 jitter"),
        (20, 571.0, "p50 498 p95 530 max 571 jitter"),
        (99, 571.0, "p50 498 p95 530 max 571 jitter"),
        (99, None, "p50 498 p95 530 jitter"),
        (100, 571.0, "p50 498 p95 530 p99 560 jitter"),
    ],
)
def test_percentiles_are_told_of_enough_steps(steps: int, longest: float | None, told: str) -> None:
    assert told in shown(made_record(figures=made_figures(steps=steps, step_ms_max=longest)))


@pytest.mark.parametrize(
    ("counted", "asked", "told"),
    [
        ((40,), None, "measured 40 steps after 10 of warm-up; steady"),
        ((33,), None, "measured 40 steps after 10 of warm-up, of which 33 count; steady"),
        ((13,), 40, "measured 13 of 40 steps after 10 of warm-up; steady"),
        ((40, 31), None, "measured 2 x 40 steps after 10 of warm-up, 71 of them count; 2 of 2"),
    ],
    ids=["all", "cut until steady", "interrupted", "two sessions"],
)
def test_steps_are_those_of_the_record(
    counted: tuple[int, ...], asked: int | None, told: str
) -> None:
    sessions = tuple(
        made_session(number, figures=made_figures(steps=steps), steps_asked=asked)
        for number, steps in enumerate(counted, 1)
    )
    record = made_record(sessions=sessions, figures=made_figures(steps=sum(counted)))
    assert told in shown(record, 120)


def test_a_measured_rate_has_its_spread() -> None:
    cost = Cost(
        parameters=1,
        training_gflop=1.0,
        predicted_gib=None,
        peak_tflops=0.0512,
        peak_source="a large matrix product in fp32, measured after the window",
        peak_spread_percent=3.4,
        mfu_percent=41.0,
    )
    assert "MFU 41.0 % of 0.0512 TFLOP/s ± 3 % (a large matrix" in shown(made_record(cost=cost))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_failure_with_the_end_of_its_log(width: int) -> None:
    text = shown(failed_record(), width)
    assert "FAILED rank 1: killed by SIGKILL" in text
    assert "in step 7 of 50 the end of session-1/logs/rank-1.log: loading the model" in text
    assert "step [6] of 50 done" in text, "a log is not markup"
    assert "images/s" not in text
    assert RUN_ID in text


def test_control_sequences_of_a_log_stay_out_of_the_terminal() -> None:
    failure = Failure(
        rank=0, what="rank 0: gone", log="x.log", log_tail=("\x1b[31mred\x1b[0m\x1b[2J \tand", "")
    )
    text = shown(made_record(figures=None, failure=failure, status="failed"), 60)
    assert "\x1b" not in text
    assert "red" in text


def test_an_interruption_is_shown() -> None:
    record = made_record(
        status="interrupted", why="stopped after 0 complete sessions", figures=None, sessions=()
    )
    assert "interrupted stopped after 0 complete sessions" in shown(record)


@pytest.mark.parametrize(
    ("forward_ms", "words"), [(0.126, "0.13 ms"), (12.34, "12.3 ms"), (1234.4, "1,234 ms")]
)
def test_three_figures_that_mean_something(forward_ms: float, words: str) -> None:
    assert words in shown(made_record(figures=made_figures(forward_ms=forward_ms)))


def runs() -> list[Record | Unfinished]:
    why = "record.json is not a record: Input data was truncated"
    return [
        made_record(),
        failed_record(),
        gpu_record(),
        Unfinished(id="20260303-000000-resnext50_32x4d_1n-0001", why=why),
    ]


def row(lines: list[str], start: str) -> list[str]:
    return next(line for line in lines if line.startswith(start)).split()


def test_the_list_at_80_columns() -> None:
    lines = drawn(runs_sections(runs()), 80)
    assert lines[0].split() == ["run", "status", "dtype", "images/s", "per", "device"]
    assert row(lines, RUN_ID) == [RUN_ID, "ok", "bf16", "32.0", "16.0"]
    assert row(lines, GPU_ID) == [GPU_ID, "ok", "fp16", "8,000.2", "1,000.0"]
    assert [RUN_ID, "failed", "bf16"] in [line.split() for line in lines]
    text = " ".join(" ".join(lines).split())
    assert "20260303-000000-resnext50_32x4d_1n-0001 unfinished" in text
    assert "1n-0001: record.json is not a record: Input data was truncated" in text


def test_a_wide_list_has_all_columns() -> None:
    lines = drawn(runs_sections(runs()), 120)
    assert lines[0].endswith("images/s  per device  ms/step  data wait")
    assert row(lines, RUN_ID) == [RUN_ID, "ok", "bf16", "32.0", "16.0", "500.0", "5.0", "%"]


@pytest.mark.parametrize("width", [40, 50, 60, 70, 90, 100])
def test_the_list_keeps_ids_and_status_at_any_width(width: int) -> None:
    lines = drawn(runs_sections(runs()), width)
    assert lines[0].split()[:2] == ["run", "status"]
    if width >= 60:
        assert row(lines, GPU_ID)[:2] == [GPU_ID, "ok"]


def test_fp32_and_tf32_are_told_apart() -> None:
    both = [
        made_record(resolved=made_config(amp_dtype="none", tf32=tf32)) for tf32 in (False, True)
    ]
    lines = drawn(runs_sections(both), 80)
    assert [line.split()[2] for line in lines[2:]] == ["fp32", "tf32"]


def test_what_the_profiler_cost_and_where_its_traces_are() -> None:
    traces = tuple(
        Profiled(rank=rank, host="a", trace=f"/r/p/{rank}.gz", size=2**20, steps=3, step_ms=ms)
        for rank, ms in enumerate((90.0, 120.0))
    )
    figures = made_figures(step_ms_mean=100.0)
    record = made_record(profiled=traces, figures=figures)
    text = shown(record)
    assert "3 more steps, 1.20 x as long as timed ones; 2 traces, 2.0 MiB" in text
    assert "tensorboard --logdir /r/p" in text
    assert "profiled" not in shown(made_record())


def test_of_all_that_is_installed_only_what_was_used_is_shown() -> None:
    versions = {"torch": "2.15.0", "torchvision": "0.29.2", "timm": "1.0.31", "deepspeed": "0.19.8"}
    record = made_record()
    environment = msgspec.structs.replace(record.environment, versions=versions)

    def software(**changes: str) -> str:
        config = msgspec.structs.replace(record.resolved, **changes)
        text = shown(msgspec.structs.replace(record, environment=environment, resolved=config))
        return text.partition("software ")[2].partition(", Python")[0]

    assert software(pipeline="synthetic") == "torch 2.15.0"
    assert software(pipeline="torchvision") == "torch 2.15.0, torchvision 0.29.2"
    both = software(pipeline="torchvision", model="torchvision:resnet18")
    assert both == "torch 2.15.0, torchvision 0.29.2"
    assert software(model="timm:resnet18", engine="deepspeed") == (
        "torch 2.15.0, timm 1.0.31, deepspeed 0.19.8"
    )


COST = Cost(
    parameters=25_028_904,
    training_gflop=25.146851,
    predicted_gib=12.346,
    peak_tflops=1978.8,
    peak_source="989.4 TFLOP/s of bf16 each, its data sheet",
    mfu_percent=18.43,
)


def test_what_the_network_costs() -> None:
    text = shown(made_record(cost=COST))
    assert "MFU 18.4 % of 1,979 TFLOP/s (989.4 TFLOP/s of bf16 each, its data sheet)" in text
    assert "GiB per rank (resident set; tensors alone 12.35 by calculation)" in text
    on_gpu = shown(made_record(cost=COST, resolved=made_config(device="cuda")))
    assert "GiB per rank (tensors; 12.35 by calculation)" in on_gpu
    assert "network 25,028,904 parameters, 25.15 GFLOP per image" in text
    assert "form" not in text


def test_a_form_is_told() -> None:
    text = shown(made_record(cost=COST, resolved=made_config(form="a")))
    assert "25.15 GFLOP per image, form (a)" in text


def test_where_little_is_known_little_is_said() -> None:
    unknown = msgspec.structs.replace(COST, predicted_gib=None, mfu_percent=None, peak_tflops=None)
    text = shown(made_record(cost=unknown))
    assert "MFU" not in text
    assert "by calculation" not in text
    assert "network 25,028,904" in text
    assert "parameters" not in shown(made_record())
