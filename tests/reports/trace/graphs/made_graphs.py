"""Steps made by hand: launched one by one, captured, or replayed by one launch of a graph.

A block is a convolution, a normalisation and an activation, with a label around them. Convolutions
of different blocks differ in their channels alone, so that all blocks have the same kernels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.reports.trace.made import Made

CONV = "sm80_xmma_fprop_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc_kernel_cudnn"
NORM = "void cudnn::bn_fw_tr_1C11_kernel_NCHW<float>(P)"
RELU = "void at::native::vectorized_elementwise_kernel<4, at::native::relu_kernel>(P)"
COPY = "Memcpy DtoD (Device -> Device)"
OPERATORS = {
    CONV: "aten::convolution",
    NORM: "aten::batch_norm",
    RELU: "aten::relu",
    COPY: "aten::copy_",
}
BLOCK = (CONV, NORM, RELU)


def labelled(block: int) -> str:
    return f"## layer{block}: Block ##"


@dataclass
class Program:
    """A program while it is recorded; times in us."""

    made: Made = field(default_factory=Made)
    host: float = 10.0
    device: float = 20.0
    stream: int = 7

    def eager(self, *blocks: Sequence[str], first: int = 1) -> "Program":
        """Launch the kernels of blocks one by one."""
        return self._blocks(blocks, first, runs=True)

    def captured(self, *blocks: Sequence[str], first: int = 1) -> "Program":
        """Capture the same: nothing runs."""
        self.made.launch(self.host, 1, "cudaStreamBeginCapture")
        self.host += 2
        self._blocks(blocks, first, runs=False)
        self.made.launch(self.host, 1, "cudaStreamEndCapture")
        self.host += 2
        return self

    def _blocks(self, blocks: Sequence[Sequence[str]], first: int, *, runs: bool) -> "Program":
        for number, kernels in enumerate(blocks, first):
            begun = self.host
            self.host += 1
            for name in kernels:
                self._operator(name, number, runs=runs)
            self.made.row("user_annotation", labelled(number), begun, self.host - begun)
            self.host += 1
        return self

    def _operator(self, name: str, block: int, *, runs: bool) -> None:
        begun = self.host
        call = "cudaMemcpyAsync" if name == COPY else "cudaLaunchKernel"
        correlation = self.made.launch(begun + 1, 1, call)
        if runs:
            self._ran(name, correlation)
        channels = 16 * block
        shape = {
            "Input Dims": [[8, channels, 14, 14], [channels, channels, 1, 1], *([[]] * 7)],
            "Concrete Inputs": [
                *("", "", "", "[1, 1]", "[0, 0]", "[1, 1]", "False", "[0, 0]", "1"),
            ],
            "Input type": ["float", "float", *([""] * 7)],
        }
        self.made.op(OPERATORS[name], begun, 3, **(shape if name == CONV else {}))
        self.host += 4

    def replay(
        self,
        *blocks: Sequence[str],
        nodes: Sequence[int] = (),
        streams: Sequence[int] = (),
        order: Sequence[int] = (),
    ) -> "Program":
        """Launch a graph of all these kernels.

        `nodes`: their numbers, in the order in which they run, which is `order`, on `streams`.
        """
        names = [name for block in blocks for name in block]
        correlation = self.made.launch(self.host, 1, "cudaGraphLaunch")
        self.host += 10
        self.device = max(self.device, self.host)
        for at, which in enumerate(order or range(len(names))):
            if streams:
                self.stream = streams[which]
            self._ran(names[which], correlation)
            if nodes:
                self.made.rows[-1]["args"]["graph node id"] = nodes[at]
        self.stream = 7
        return self

    def _ran(self, name: str, correlation: int) -> None:
        self.device = max(self.device, self.host)
        category = "gpu_memcpy" if name == COPY else "kernel"
        self.made.on_gpu(category, name, self.device, 5, correlation, self.stream)
        self.device += 5

    def stepped(self, *replays: Sequence[Sequence[str]]) -> "Program":
        """Add marked steps, each of which replays a graph of some blocks."""
        for number, blocks in enumerate(replays):
            begun = self.host
            self.host += 1
            self.replay(*blocks)
            self.host = max(self.host, self.device) + 1
            self.made.step(number, begun, self.host - begun)
            self.host += 1
        return self
