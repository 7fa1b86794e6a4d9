"""What to change first, in words: every kind, of our traces and of others, at every width."""

import re
from pathlib import Path

import msgspec
import pytest

from resnext_bench.config.options import OPTIONS
from resnext_bench.reports.render.model import Summary, text_of
from resnext_bench.reports.render.trace.advice import sections
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
    **dict.fromkeys(("eligible_ns", "elementwise_ns", "norm_ns", "longest_ns"), 30_000),
    **{"gaps": 1, "kernels": 40, "count": 3, "median_ns": 4000.0, "share_of_compute": 0.1},
    **{"doing": "aten::copy_", "doing_kind": "operator", "name": "SGD", "style": "single"},
    **{"call": "cudaStreamSynchronize", "operator": "aten::item", "world": 8},
    **{"reason": "unlinked", "linked": 0.4, "missing": 0.2},
}
SWITCHES = ("graphs", "compiled", "alone", "fusable", "tf32", "pageable")


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


def test_without_advice_there_is_no_box(tmp_path: Path) -> None:
    found = msgspec.structs.replace(reported(tmp_path, ours=False), advice=[])
    assert len(list(sections(found))) == 1
