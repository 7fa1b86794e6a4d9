"""Any vendor's library can be asked: the first that is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from resnext_bench.machine.gpu import monitor as under_test
from resnext_bench.machine.gpu.attachment import Attachment
from resnext_bench.machine.gpu.boards import read_boards
from resnext_bench.machine.gpu.facts import SLOWDOWN_REASONS, GpuFacts, LeftOut, Silence
from resnext_bench.machine.gpu.monitor import Gpu, Monitor, Visible, monitor, visible_gpus
from resnext_bench.machine.gpu.vendors import NVIDIA
from resnext_bench.machine.gpu.watch import open_watch
from resnext_bench.reports.schema.machine import Board

OTHER = NVIDIA._replace(name="Other", library="Other's library", tool="other-smi")


@dataclass(kw_only=True)
class Other:
    """A GPU of another vendor, whose driver tells its clocks and why they are low, and no more."""

    lost: str = ""
    index: int | None = 3
    unanswered: dict[str, str] = field(default_factory=lambda: {"memory": "no", "mood": "no"})

    def facts(self) -> GpuFacts:
        return GpuFacts(name="Other 1", vendor=OTHER, memory_gib=192.0, bf16=True, lost=self.lost)

    def board(self) -> Board:
        return Board(gpus=(), uuids=(), name="Other 1")

    def clocks_down(self) -> int | None:
        return SLOWDOWN_REASONS["hardware thermal slowdown"]

    def sm_mhz(self) -> int | None:
        return 1700

    def silent(self) -> None:
        return None

    memory_mhz = temperature_c = power_w = energy_j = use_percent = free_gib = residents = silent

    def use_by_process(self, since_us: int) -> dict[int, float]:
        return {}

    def attachment(self, *, links: bool = True) -> Attachment:
        return Attachment()

    def link(self) -> tuple[int | None, int | None]:
        return None, 16

    def errors(self) -> dict[str, int]:
        return {}

    def repair(self) -> str:
        return ""


class Others:
    def __init__(self, *found: Other) -> None:
        self.found = found

    def gpus(self) -> tuple[Other, ...]:
        return self.found

    vendor = OTHER

    def misnamed(self) -> None:
        return None

    def left_out(self) -> tuple[LeftOut, ...]:
        return ()

    def versions(self) -> dict[str, str]:
        return {"driver": "7.1"}

    def listen(self) -> None:
        """It has no critical errors to keep."""

    def heard(self) -> list[tuple[int | None, int]]:
        return []


NONE = Silence(vendor=NVIDIA, cause="no driver", said="nobody is here")


@contextmanager
def absent() -> Iterator[Silence]:
    yield NONE


def have(monkeypatch: pytest.MonkeyPatch, *found: Other) -> None:
    @contextmanager
    def present() -> Iterator[Others]:
        yield Others(*found)

    monkeypatch.setattr(under_test, "MONITORS", (absent, present, absent))


def test_protocols_are_kept() -> None:
    gpu: Gpu = Other()
    library: Monitor = Others()
    assert gpu.index == 3
    assert library.versions()


def test_another_vendors_gpus_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, Other())
    with monitor() as found:
        watch = open_watch(found, [0])
    watch.note_residents()
    watch.start()
    watch.sample()
    use = watch.report()
    assert (use.reasons, use.throttled_percent) == (("hardware thermal slowdown",), 100)
    assert use.seen
    assert (use.seen.index, use.seen.sm_mhz, use.seen.power_w) == ((3,), (1700,), ())


def test_another_vendors_gpus_are_in_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, Other())
    assert visible_gpus() == Visible(
        gpus=(GpuFacts(name="Other 1", vendor=OTHER, memory_gib=192.0, bf16=True),),
        vendor=OTHER,
        unanswered=(("memory", "no"),),
        versions={"driver": "7.1"},
    )
    versions, (board,) = read_boards()
    assert (versions, board.name, board.gpus) == ({"driver": "7.1"}, "Other 1", (3,))


def test_a_gpu_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, Other(lost="GPU fell off the bus"), Other())
    assert [gpu.lost for gpu in visible_gpus().gpus] == ["GPU fell off the bus", ""]


def test_no_vendor_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "MONITORS", (absent,))
    with monitor() as found:
        assert found is None
    assert visible_gpus() == Visible(silences=(NONE,))
