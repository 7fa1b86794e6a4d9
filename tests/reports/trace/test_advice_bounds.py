"""Gains are bounds: a host and a device are played through, then again without what is blamed."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.reports.schema.trace_host import AdviceKind
from resnext_bench.reports.trace.analysis import analyse
from resnext_bench.reports.trace.report import report
from tests.reports.trace.made import Made

KERNEL = "sm80_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x32"


@dataclass(frozen=True)
class Deed:
    """What the host does next, in us: work, load a batch, launch a kernel, or wait for it."""

    what: str
    host: int
    kernel: int = 0


def deeds() -> st.SearchStrategy[list[Deed]]:
    deed = st.one_of(
        st.builds(Deed, st.just("launch"), st.integers(1, 9), st.integers(1, 60)),
        st.builds(Deed, st.just("work"), st.integers(1, 80)),
        st.builds(Deed, st.just("load"), st.integers(1, 200)),
        st.builds(Deed, st.just("wait"), st.integers(1, 5)),
    )
    first = st.builds(Deed, st.just("launch"), st.integers(1, 9), st.integers(1, 60))
    return st.tuples(first, st.lists(deed, max_size=25), first).map(
        lambda parts: [parts[0], *parts[1], parts[2]]
    )


def played(doing: list[Deed], made: Made | None = None) -> int:
    """When the last kernel ends; `made` is told what happens."""
    now = free = 0
    for deed in doing:
        begun, now = now, now + deed.host
        if deed.what == "launch":
            start = max(now, free)
            free = start + deed.kernel
            if made:
                call = made.launch(begun, dur=deed.host)
                made.on_gpu("kernel", KERNEL, start, deed.kernel, call)
        elif deed.what == "wait":
            now = max(now, free)
            if made:
                made.op("aten::item", begun, now - begun)
                made.row("cuda_runtime", "cudaStreamSynchronize", begun, now - begun)
        elif deed.what == "load" and made:
            made.row("user_annotation", "enumerate(DataLoader)#_X.__next__", begun, deed.host)
    if made:
        made.rows.insert(0, Made().step(0, 0, now).rows[0])
    return free


BLAMED = {
    AdviceKind.LAUNCHES: ("launch", "work"),
    AdviceKind.LATENCY: ("launch", "work"),
    AdviceKind.LONG_GAPS: ("launch", "work"),
    AdviceKind.LOADING: ("load",),
    AdviceKind.BLOCKING: ("wait",),
}


@given(deeds())
def test_nothing_saves_more_than_is_said(doing: list[Deed]) -> None:
    made = Made()
    took = played(doing, made)
    with TemporaryDirectory() as folder:
        found = report(analyse(made.write(Path(folder))))
    assert found.sums.step_ns == took * 1000
    for one in found.advice:
        blamed = BLAMED[one.kind]
        without = [
            replace(deed, host=0) if deed.what in blamed else deed
            for deed in doing
            if deed.what != "wait" or "wait" not in blamed
        ]
        assert (took - played(without)) * 1000 <= one.gain_ns
