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
KERNELS = {"launch": KERNEL, "g": KERNEL, "b": "ncclDevKernel_Broadcast_RING_LL(int)"}


@dataclass(frozen=True)
class Deed:
    """What the host does next, in us: work, load a batch, launch a kernel, or wait for it.

    Some kernels are launched by DistributedDataParallel: for buffers (b), or for gradients (g).
    """

    what: str
    host: int
    kernel: int = 0


def deeds() -> st.SearchStrategy[list[Deed]]:
    deed = st.one_of(
        st.builds(Deed, st.just("launch"), st.integers(1, 9), st.integers(1, 60)),
        st.builds(Deed, st.just("work"), st.integers(1, 80)),
        st.builds(Deed, st.just("load"), st.integers(1, 200)),
        st.builds(Deed, st.just("wait"), st.integers(1, 5)),
        st.builds(Deed, st.sampled_from(["b", "g"]), st.integers(3, 30), st.integers(1, 30)),
    )
    first = st.builds(Deed, st.just("launch"), st.integers(1, 9), st.integers(1, 60))
    return st.tuples(first, st.lists(deed, max_size=25), first).map(
        lambda parts: [parts[0], *parts[1], parts[2]]
    )


def around(made: Made, deed: Deed, begun: int) -> None:
    """What lies around the launch of a kernel."""
    if deed.what == "b":
        made.row("user_annotation", "DistributedDataParallel.forward", begun, deed.host)
        made.op("c10d::broadcast_", begun, deed.host)
    elif deed.what == "g":
        made.op("torch.distributed.ddp.reducer::copy_bucket_to_grad", begun, deed.host)


def played(doing: list[Deed], made: Made | None = None) -> int:
    """When the last kernel ends; `made` is told what happens."""
    now = free = 0
    for deed in doing:
        begun, now = now, now + deed.host
        if deed.what in ["launch", "b", "g"] and deed.kernel:
            start = max(now, free)
            free = start + deed.kernel
            if made:
                around(made, deed, begun)
                inside = int(deed.what != "launch")
                call = made.launch(begun + inside, dur=deed.host - inside)
                made.on_gpu("kernel", KERNELS[deed.what], start, deed.kernel, call)
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
    AdviceKind.LAUNCHES: ("launch", "work", "b", "g"),
    AdviceKind.LATENCY: ("launch", "work", "b", "g"),
    AdviceKind.LONG_GAPS: ("launch", "work", "b", "g"),
    AdviceKind.LOADING: ("load",),
    AdviceKind.BLOCKING: ("wait",),
    AdviceKind.BUFFERS: ("b",),
    AdviceKind.BUCKET_VIEW: ("g",),
}
GONE = (AdviceKind.BUFFERS, AdviceKind.BUCKET_VIEW)
"""Without these their kernels are gone, too."""


def changed(deed: Deed, kind: AdviceKind) -> Deed:
    """What is left of a deed without what this kind blames."""
    if kind is AdviceKind.COMMUNICATION:
        return replace(deed, kernel=0) if deed.what == "b" else deed
    if deed.what not in BLAMED[kind]:
        return deed
    return replace(deed, host=0, kernel=0 if kind in GONE else deed.kernel)


@given(deeds())
def test_nothing_saves_more_than_is_said(doing: list[Deed]) -> None:
    made = Made()
    took = played(doing, made)
    with TemporaryDirectory() as folder:
        found = report(analyse(made.write(Path(folder))))
    assert found.sums.step_ns == took * 1000
    for one in found.advice:
        without = [
            changed(deed, one.kind)
            for deed in doing
            if deed.what != "wait" or one.kind is not AdviceKind.BLOCKING
        ]
        assert (took - played(without)) * 1000 <= one.gain_ns
