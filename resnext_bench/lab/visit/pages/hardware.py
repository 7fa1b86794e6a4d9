"""Where, when and with what something was measured, and how its tests ended."""

from collections.abc import Iterator
from typing import Final

from resnext_bench.lab.visit.pages.figures import rounds
from resnext_bench.lab.visit.pages.tables import headed
from resnext_bench.lab.visit.pages.words import NONE, one_line
from resnext_bench.lab.visit.results import Facts, Results, Task
from resnext_bench.reports.render.model import (
    Bullets,
    Code,
    Paragraph,
    Section,
    Strong,
    Summary,
    Words,
    inline,
    summary,
)

_VERSIONS: Final = {
    "driver": ("driver",),
    "CUDA": ("cuda", "driver's CUDA"),
    "cuDNN": ("nvidia-cudnn-cu13", "nvidia-cudnn-cu12", "cudnn"),
    "torch": ("torch",),
    "triton": ("triton",),
    "torchvision": ("torchvision",),
    "timm": ("timm",),
    "DALI": ("nvidia-dali-cuda130", "nvidia-dali-cuda120", "dali"),
    "resnext-bench": ("resnext-bench",),
}
_ALWAYS: Final = frozenset({"driver", "CUDA", "cuDNN", "torch"})


def about(results: Results) -> Summary:
    """Return the hardware, the software and the days."""
    facts = results.facts
    visits = "; ".join(
        f"{visit.started[:10]}, {visit.minutes:g} min, revision {visit.revision or NONE}"
        for visit in results.visits
    )
    n = rounds_of(results)
    rows = [
        ("device", _device(results)),
        ("board", _boards(facts) or NONE),
        ("host", f"{facts.cpu}, {facts.cores} cores, {facts.memory_gib:g} GiB"),
        ("software", _software(facts)),
        ("visits", visits or NONE),
        ("intervals", f"{100 * results.confidence:g} %, n = {n}" if n else NONE),
    ]
    return summary([(name, one_line(text)) for name, text in rows])


def rounds_of(results: Results) -> str:
    """Return the number of rounds: `6 rounds`, or the least and the most."""
    counts = {
        rounds(task)
        for part in results.parts.values()
        for task in part.tasks.values()
        if task.is_told and rounds(task)
    }
    if not counts:
        return ""
    least, most = min(counts), max(counts)
    return f"{most} rounds" if least == most else f"{least} to {most} rounds"


def _device(results: Results) -> str:
    task = results.told("device", "facts").get("facts")
    found = task.found if task else {}
    told = [results.facts.device]
    if memory := found.get("total_memory"):
        told.append(f"{memory / 2**30:.1f} GiB")
    if count := found.get("multi_processor_count"):
        told.append(f"{count} multiprocessors")
    if cache := found.get("L2_cache_size"):
        told.append(f"{cache / 2**20:.0f} MiB of L2")
    if "major" in found:
        told.append(f"compute capability {found['major']}.{found.get('minor', 0)}")
    return ", ".join(told)


def _boards(facts: Facts) -> str:
    return "; ".join(
        ", ".join(
            (
                f"power limit {_of(board.power_limit_w, ' W')}",
                f"by default {_of(board.default_limit_w, ' W')}",
                f"clocks up to {_of(board.sm_max_mhz, ' MHz')}",
                f"ECC {NONE if board.ecc is None else 'on' if board.ecc else 'off'}",
            )
        )
        for board in facts.boards
    )


def _of(value: float | None, unit: str) -> str:
    return NONE if value is None else f"{value:,.0f}{unit}"


def _software(facts: Facts) -> str:
    """Return versions; for those that matter on a GPU, also that they are not known."""
    told = []
    for name, keys in _VERSIONS.items():
        found = next((facts.versions[key] for key in keys if facts.versions.get(key)), "")
        if found or name in _ALWAYS:
            told.append(f"{name} {found or NONE}")
    return ", ".join(told)


def tests(results: Results) -> Iterator[Section]:
    """Yield how the tests that need a GPU ended."""
    task = results.part("tests").tasks.get("pytest")
    if task is not None and task.found:
        yield from headed("Tests that need a GPU", _tests(task))


def _tests(task: Task) -> Iterator[Section]:
    passed, failed = task.found.get("passed", ()), task.found.get("failed", {})
    skipped = task.found.get("skipped", {})
    cut = "" if task.state == "done" else f" ({task.state}: {task.why or 'its time was over'})"
    first = Strong(f"{len(failed)} failed") if failed else "None failed"
    rest = f", {len(passed)} passed, {sum(skipped.values())} skipped{cut}."
    yield Paragraph(text=inline(first, rest))
    why: list[Words] = [
        inline("failed: ", Code(test), f": {one_line(text)[:300]}") for test, text in failed.items()
    ]
    why += [f"skipped, {count}: {one_line(text)}" for text, count in skipped.items()]
    if why:
        yield Bullets(items=tuple(why))
