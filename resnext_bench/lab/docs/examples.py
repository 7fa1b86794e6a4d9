"""docs/trace-examples.md: reports on real traces, which are not part of the project.

python -m resnext_bench.lab.docs.examples           write it from the traces ($RESNEXT_BENCH_TRACES)
python -m resnext_bench.lab.docs.examples --run     and profile two nodes here for its last part
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resnext_bench.lab.checkout import DOCS

PAGE: Final = DOCS / "trace-examples.md"
_HEAD: Final = """# Reports on real traces

Written by `python -m resnext_bench.lab.docs.examples`. The traces are published with open-source
projects (HolisticTraceAnalysis, TraceLens, param); what each figure means: [traces.md](traces.md).
"""


@dataclass(frozen=True, kw_only=True)
class Example:
    """A part of the page: what it shows, and the commands for it."""

    title: str
    text: str
    commands: tuple[tuple[str, ...], ...]


_A100: Final = "a100-resnet50-ddp2-rank0.pt.trace.json.gz"
_MI300: Final = "mi300x-resnet50-ddp8-rank0.pt.trace.json.gz"
_V100: Final = "v100-resnet50-6steps.pt.trace.json.gz"
_LAG: Final = """SELECT step, min(k.start_ns) - min(host_start_ns) AS behind_ns,
       round(behind_ns / min(host_duration_ns), 1) AS in_host_steps
FROM kernels k JOIN steps USING (step) GROUP BY step"""
_NAIVE: Final = """SELECT s.step, sum(k.duration_ns) FILTER (k.step = s.step) / 1e6 AS by_launch_ms,
       sum(k.duration_ns) FILTER (k.start_ns >= host_start_ns
           AND k.start_ns < host_start_ns + host_duration_ns) / 1e6 AS by_host_window_ms
FROM kernels k, steps s GROUP BY s.step ORDER BY s.step"""
_TAX: Final = """SELECT round(100 * sum(k.duration_ns) FILTER (class = 'layout transform')
       / sum(k.duration_ns), 1) AS all_transforms,
       round(100 * sum(k.duration_ns) FILTER (regexp_matches(name,
           '^(batched_transpose_|SubTensorOpWithCast)')) / sum(k.duration_ns), 1) AS these_two
FROM kernels k JOIN steps USING (step)
WHERE used AND kind = 'kernel' AND class <> 'communication'"""
GIVEN: Final = (
    Example(
        title="A100: NCHW pays for its layout",
        text="""\
ResNet-50 in DDP, rank 0 of 2, TF32. cuDNN computes in NHWC, the model is NCHW, so tensors are
turned before and after each convolution: see *layout tax*, and who pays it. Channels-last is the
cure.""",
        commands=(("trace", "report", _A100, "--top", "8"),),
    ),
    Example(
        title="MI300X: the device trails its host",
        text="""\
ResNet-50 in bf16 with activation checkpoints, rank 0 of 8, over RCCL. The questions below
ask how far the device is behind, what a reader of host windows would say, and for the layout tax by
two families of kernels alone.""",
        commands=(
            ("trace", "report", _MI300, "--top", "8"),
            ("trace", "query", _MI300, _LAG),
            ("trace", "query", _MI300, _NAIVE),
            ("trace", "query", _MI300, _TAX),
        ),
    ),
    Example(
        title="Eight V100s: who waits for whom",
        text="""\
All ranks of one step of DLRM. A collective is long on the ranks that wait, and short on the
one that comes last.""",
        commands=(("trace", "report", "v100x8-dlrm", "--top", "4"),),
    ),
    Example(
        title="An A100 against a V100",
        text="""\
ResNet-50 on both, and yet the V100 is faster: its kernels take longer, but the A100's host
is late with most of them. What cannot be matched, and by what the rest is, stands below.""",
        commands=(("trace", "diff", _A100, _V100, "--top", "6"),),
    ),
)
OWN: Final = Example(
    title="Two ranks on a CPU",
    text="Operators stand for kernels: each moment counts for the innermost one. DDP over gloo.",
    commands=(("run", "--nodes", "2", "--amp", "--profile"),),
)


def part(example: Example, where: Path) -> str:
    """Return the part's section of the page, from a folder that holds the traces."""
    shown = "\n".join(_shown(command, where) for command in example.commands)
    return f"\n## {example.title}\n\n{example.text}\n\n{shown}"


def _shown(command: Sequence[str], where: Path) -> str:
    quoted = (f'"{word}"' if " " in word else word for word in command)
    return f"```text\n$ resnext-bench {' '.join(quoted)}\n{_output(command, where)}\n```\n"


def _output(command: Sequence[str], where: Path) -> str:
    program = Path(sys.executable).with_name("resnext-bench")
    plain = {"COLUMNS": "110", "TERM": "dumb", "NO_COLOR": "1"}
    done = subprocess.run(
        (program, *command),
        env={**os.environ, **plain},
        cwd=where,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    text = done.stdout.replace(f"{where}/", "").strip("\n")
    return "\n".join(line.rstrip() for line in text.splitlines())


def own(page: Path = PAGE) -> str:
    """Return the last part of the page, as it was measured."""
    return page.read_text().partition(f"\n## {OWN.title}\n")[2]


def main() -> None:
    """Write the page; its last part stays as it was measured, unless --run asks for a new one."""
    if "RESNEXT_BENCH_TRACES" not in os.environ:
        raise SystemExit("set RESNEXT_BENCH_TRACES to the folder of real traces")
    traces = Path(os.environ["RESNEXT_BENCH_TRACES"])
    given = [part(example, traces) for example in GIVEN]
    if "--run" in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            last = part(OWN, Path(folder))
    else:
        last = f"\n## {OWN.title}\n{own()}"
    PAGE.write_text("".join([_HEAD, *given, last]))


if __name__ == "__main__":
    main()
