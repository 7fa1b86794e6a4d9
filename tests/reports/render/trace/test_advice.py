"""What to change first, in words: every kind, of our traces and of others, at every width."""

import re
from pathlib import Path

import msgspec
import pytest

from resnext_bench.config.options import OPTIONS
from resnext_bench.reports.render.model import Summary, text_of
from resnext_bench.reports.render.trace.advice import sections
from resnext_bench.reports.render.trace.report import sections as whole
from resnext_bench.reports.schema.trace import TraceReport
from resnext_bench.reports.schema.trace_host import Advice, AdviceKind
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.drawn import drawn
from tests.reports.trace.made import Made

GEMM = "ampere_sgemm_128x64_nn"
EVIDENCE: dict[str, int | float | str] = {
    **dict.fromkeys(("graphs", "compiled", "alone", "fusable", "known", "tf32", "pageable"), 0),
    **dict.fromkeys(
        ("idle_ns", "host_ns", "latency_ns", "total_ns", "exposed_ns", "work_ns"), 40_000
    ),
    **dict.fromkeys(("operators", "backward", "ddp", "fsdp"), 0),
    **dict.fromkeys(("operators_ns", "calls_ns", "ended_ns", "alone_ns"), 20_000),
    **{"collective": "all-reduce", "collective_ns": 300_000, "type": ""},
    **dict.fromkeys(("eligible_ns", "elementwise_ns", "norm_ns", "longest_ns"), 30_000),
    **{"gaps": 1, "kernels": 40, "count": 3, "median_ns": 4000.0, "share_of_compute": 0.1},
    **{"doing": "aten::copy_", "doing_kind": "operator", "name": "SGD", "style": "single"},
    **{"call": "cudaStreamSynchronize", "operator": "aten::item", "world": 8},
    **{"reason": "unlinked", "linked": 0.4, "missing": 0.2},
}
SWITCHES = ("graphs", "compiled", "alone", "fusable", "tf32", "pageable", "operators", "fsdp")


def reported(folder: Path, *, ours: bool) -> TraceReport:
    made = Made().step(0, 0, 2000)
    for at in range(40):
        made.kernel(GEMM, 25.0 * at, 4)
    if ours:
        made.row("user_annotation", "## next batch ##", 1, 2)
    return report(analyse(made.write(folder)))


def with_advice(found: TraceReport, kind: AdviceKind, **evidence: int | str) -> TraceReport:
    one = Advice(kind=kind, gain_ns=300_000, share=0.3, evidence=EVIDENCE | evidence)
    return msgspec.structs.replace(found, advice=[one])


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("ours", [True, False])
def test_every_kind_has_words(tmp_path: Path, ours: bool, width: int) -> None:
    found = reported(tmp_path, ours=ours)
    known = {f"--{option.name.replace('_', '-')}" for option in OPTIONS.values()}
    for kind in AdviceKind:
        for switch in SWITCHES:
            told = with_advice(found, kind, **{switch: 1})
            text = " ".join(drawn(sections(told), width))
            named = set(re.findall(r"--[a-z][a-z0-9-]*", text))
            assert named <= known
            assert ours or not named, "only our own traces are answered in our options"
            (box,) = (one for one in sections(told) if isinstance(one, Summary))
            (rows,) = box.groups
            assert all(text_of(value) for _, value in rows)
            assert ("300" in rows[0][0] or "0.300" in rows[0][0]) is (
                kind is not AdviceKind.UNTRUSTED
            )


def test_what_pytorch_calls_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    found = reported(tmp_path, ours=False)
    texts = [
        text_of(value)
        for kind in AdviceKind
        for switch in SWITCHES
        for section in sections(with_advice(found, kind, **{switch: 1}))
        if isinstance(section, Summary)
        for _, value in section.groups[0]
    ]
    named = set(re.findall(r"torch((?:\.\w+)+)", " ".join(texts)))
    assert named
    for path in named:
        place = torch
        for part in path.strip(".").split("."):
            place = getattr(place, part)


@pytest.mark.parametrize("reason", ["no kernels", "no launches", "missing", "unlinked"])
def test_why_a_trace_is_not_to_be_trusted(tmp_path: Path, reason: str) -> None:
    found = with_advice(reported(tmp_path, ours=False), AdviceKind.UNTRUSTED, reason=reason)
    text = "\n".join(drawn(sections(found), 120))
    assert "too incomplete for advice" in text
    assert " ms " not in text.partition("what to change first")[2]


def advised(found: TraceReport, kind: AdviceKind, **evidence: int | str) -> str:
    text = " ".join(drawn(sections(with_advice(found, kind, **evidence)), 120))
    return " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize(
    ("collective", "switches", "told", "not_told"),
    [
        ("all-reduce", ("ddp", "backward"), "bucket_cap_mb", "async_op"),
        ("all-reduce", ("ddp",), "folder", "bucket_cap_mb"),
        ("all-reduce", ("backward",), "folder", "bucket_cap_mb"),
        ("all-to-all", ("ddp", "backward"), "async_op", "bucket_cap_mb"),
        ("all-gather, reduce-scatter", ("fsdp",), "forward_prefetch", "bucket_cap_mb"),
        ("all-gather, reduce-scatter", (), "folder", "forward_prefetch"),
        ("broadcast", ("ddp",), "broadcast_buffers", "bucket_cap_mb"),
        ("other", ("ddp", "backward"), "folder", "bucket_cap_mb"),
    ],
)
def test_remedies_go_by_the_collective(
    tmp_path: Path, collective: str, switches: tuple[str, ...], told: str, not_told: str
) -> None:
    found = reported(tmp_path, ours=False)
    on = dict.fromkeys(switches, 1)
    text = advised(found, AdviceKind.COMMUNICATION, collective=collective, **on)
    assert told in text
    assert not_told not in text
    mixed = advised(
        found, AdviceKind.COMMUNICATION, collective=collective, collective_ns=100_000, **on
    )
    assert "folder" in mixed
    assert "bucket_cap_mb" not in mixed


def test_what_ddp_takes_an_option_for(tmp_path: Path) -> None:
    buffers, view = AdviceKind.BUFFERS, AdviceKind.BUCKET_VIEW
    found = reported(tmp_path, ours=False)
    assert "broadcast_buffers=False" in advised(found, buffers)
    assert "gradient_as_bucket_view=True" in advised(found, view)
    assert "--gradient-as-bucket-view" in advised(reported(tmp_path, ours=True), view)


def test_types_by_what_the_device_has(tmp_path: Path) -> None:
    found, kind = reported(tmp_path, ours=False), AdviceKind.PRECISION
    assert "torch.float16) with GradScaler" in advised(found, kind, type="fp16")
    assert "torch.bfloat16)" in advised(found, kind, type="bf16")
    assert "float16" not in advised(found, kind, type="")


def test_an_index_is_named_as_such(tmp_path: Path) -> None:
    found, kind = reported(tmp_path, ours=False), AdviceKind.HOST_TENSORS
    assert "keep the index on the device" in advised(found, kind, operator="aten::index_put_")
    other = advised(found, kind, operator="aten::where")
    assert "on the device" in other
    assert "pin_memory" not in other
    assert "cudaStreamSynchronize after the copy" in other
    assert "after the copy" not in advised(found, kind, call="cudaMemcpyAsync")


def test_operators_are_counted_where_there_are_any(tmp_path: Path) -> None:
    found, kind = reported(tmp_path, ours=False), AdviceKind.LAUNCHES
    assert "40 operators per step in 0.020 ms (0.5 us each" in advised(found, kind, operators=40)
    assert "launches 39 kernels per step one by one; the calls take 0.039 ms" in advised(
        found, kind
    )


def test_why_loading_could_save_more_than_the_device_waits(tmp_path: Path) -> None:
    found, kind = reported(tmp_path, ours=False), AdviceKind.LOADING
    told = advised(found, kind, host_ns=70_000, idle_ns=60_000, alone=1)
    assert "the host 0.070 ms per step in the training process itself" in told
    assert "idles for 0.060 ms of them" in told
    assert "0.060 ms for batches" in advised(found, kind, host_ns=0, idle_ns=60_000)


def test_the_host_alone_gets_no_advice(tmp_path: Path) -> None:
    made = Made().step(0, 0, 100).op("aten::add", 0, 10)
    made.launch(1)
    found = report(analyse(made.op("aten::mul", 80, 20).write(tmp_path)))
    assert found.alone
    lines = drawn(whole(found, 3), 120)
    assert sum("no advice" in line for line in lines) == 1


def test_without_advice_there_is_no_box(tmp_path: Path) -> None:
    found = msgspec.structs.replace(reported(tmp_path, ours=False), advice=[])
    assert len(list(sections(found))) == 1
