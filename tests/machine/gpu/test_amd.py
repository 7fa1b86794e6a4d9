"""AMD's GPUs by amdsmi, whose answers are scripted: the protocol holds for a second vendor."""

import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from resnext_bench.config.resolve import resolve
from resnext_bench.launch.commands import commands
from resnext_bench.launch.topology import place_ranks
from resnext_bench.machine.gpu import amd
from resnext_bench.machine.gpu.amd import Amd
from resnext_bench.machine.gpu.boards import read_boards
from resnext_bench.machine.gpu.facts import POWER_CAP, SLOWDOWN_REASONS, Silence
from resnext_bench.machine.gpu.monitor import Gpu, Monitor, monitor, visible_gpus
from resnext_bench.machine.gpu.watch import open_watch
from resnext_bench.machine.inventory import inspect
from tests.machine.gpu.ready import H100X8, MI300X8
from tests.machine.gpu.scripted import scripted
from tests.machine.gpu.scripted_amd import (
    NAMES,
    NO_PERMISSION,
    OF_FIELDS,
    AmdBoard,
    Failed,
    ScriptedAmd,
)


def board(**answers: object) -> Amd:
    return Amd(ScriptedAmd((AmdBoard(answers=answers),)))


@pytest.fixture(autouse=True)
def _all_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


def test_protocols_are_kept() -> None:
    library: Monitor = board()
    gpu: Gpu = library.gpus()[0]
    assert (gpu.index, library.left_out(), library.heard()) == (0, (), [])
    library.listen()


def test_what_is_asked_is_what_the_script_knows() -> None:
    """Both were written down from amdsmi's documentation; a name in one alone is a slip."""
    asked = re.findall(r'"(amdsmi_[a-z_0-9]+)"', Path(amd.__file__).read_text())
    assert set(asked) == NAMES


def test_answers_in_our_units() -> None:
    (gpu,) = board().gpus()
    facts = gpu.facts()
    assert (facts.name, facts.memory_gib, facts.capability, facts.bf16) == (
        "AMD Instinct MI300X OAM",
        192.0,
        None,
        True,
    )
    assert (gpu.sm_mhz(), gpu.memory_mhz(), gpu.temperature_c()) == (132, 900, 42)
    assert (gpu.power_w(), gpu.use_percent(), gpu.residents()) == (141.0, 0, set())
    assert gpu.energy_j() == pytest.approx(30_600)
    assert gpu.free_gib() == pytest.approx(191.7, abs=0.1)
    settings = gpu.board()
    assert (settings.sm_max_mhz, settings.memory_max_mhz) == (2100, 1300)
    assert (settings.power_limit_w, settings.default_limit_w) == (750.0, 750.0)
    assert gpu.errors() == {"ECC, corrected": 0, "ECC, uncorrected": 0, "PCIe replays": 0}
    assert (gpu.repair(), gpu.use_by_process(0)) == ("", {})


@pytest.mark.parametrize(
    ("field", "bits"),
    [
        ("active_prochot_thrm", SLOWDOWN_REASONS["hardware slowdown"]),
        ("active_hbm_thrm", SLOWDOWN_REASONS["hardware thermal slowdown"]),
        ("active_ppt_pwr", POWER_CAP),
    ],
)
def test_what_holds_the_clocks_down(field: str, bits: int) -> None:
    (gpu,) = board(amdsmi_get_violation_status={field: True}).gpus()
    assert gpu.clocks_down() == bits
    (silent,) = board(amdsmi_get_violation_status={field: "N/A"}).gpus()
    assert silent.clocks_down() is None


def test_boards_before_mi300_report_their_mean_power() -> None:
    told = {"current_socket_power": "N/A", "average_socket_power": 93}
    (gpu,) = board(amdsmi_get_power_info=told).gpus()
    assert gpu.power_w() == 93.0


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_question_may_go_unanswered(name: str) -> None:
    """Refused, not reported, or unknown to the library: nothing fails, the others answer."""
    empty = {"market_name": "N/A", "vram_total": "N/A", "clk": "N/A", "gfx_activity": "N/A"}
    answers = [Failed(), Failed(NO_PERMISSION), *([empty] if name in OF_FIELDS else [])]
    for answer in answers:
        asked = name if "clock" not in name and "temp" not in name else f"{name}(0)"
        (gpu,) = board(**{name: answer, asked: answer}).gpus()
        gpu.facts(), gpu.board(), gpu.errors(), gpu.attachment()
        for question in (gpu.clocks_down, gpu.sm_mhz, gpu.power_w, gpu.energy_j, gpu.free_gib):
            question()
        assert gpu.memory_mhz() == (None if asked == name and "clock" in name else 900)


def test_the_drivers_reason_is_kept() -> None:
    (gpu,) = board(amdsmi_get_gpu_vram_usage=Failed(NO_PERMISSION)).gpus()
    assert gpu.facts().memory_gib is None
    assert gpu.unanswered == {"memory": "AMDSMI_STATUS_NO_PERM - Permission Denied"}


def test_hips_order_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library lists boards in another order than HIP numbers them."""
    boards = tuple(AmdBoard(hip_id=number) for number in (2, 0, 1))
    library = Amd(ScriptedAmd(boards))
    assert [gpu.index for gpu in library.gpus()] == [1, 2, 0]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert [gpu.index for gpu in library.gpus()] == [0]
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "1,0,7,2")
    assert [gpu.index for gpu in library.gpus()] == [2, 1]
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "")
    assert library.gpus() == []


def test_rocms_own_variable_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [{"hip_id": number, "hip_uuid": f"GPU-{number}a"} for number in range(4)]
    boards = [AmdBoard(answers={"amdsmi_get_gpu_enumeration_info": one}) for one in told]
    library = Amd(ScriptedAmd(tuple(boards)))
    monkeypatch.setenv("ROCR_VISIBLE_DEVICES", "3,GPU-1a,2")
    assert [gpu.index for gpu in library.gpus()] == [3, 1, 2]
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "1,0")
    assert [gpu.index for gpu in library.gpus()] == [1, 3]
    assert library.misnamed() is None


@pytest.mark.parametrize(
    ("names", "indices", "why"),
    [("1,0,7,2", [1, 0], "unknown"), ("1,1", [], "repeated"), ("0,-1,1", [0], None)],
)
def test_names_that_are_wrong(
    names: str, indices: list[int], why: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", names)
    library = Amd(ScriptedAmd(tuple(AmdBoard(hip_id=number) for number in range(3))))
    assert [gpu.index for gpu in library.gpus()] == indices
    wrong = library.misnamed()
    assert (wrong and wrong.why) == why


def test_a_machine_of_amds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripted(MI300X8, monkeypatch, tmp_path)
    machine = inspect()
    resolved = resolve({"pipeline": "synthetic", "amp": True}, machine, None)
    config = resolved.config
    assert (config.device, config.nproc_per_node, config.batch_size) == ("cuda", 8, 128)
    assert config.amp_dtype == "bf16"
    topology = place_ranks(config, machine)
    assert topology.backend == "nccl"  # which is RCCL there
    (command,) = commands(config, topology, folder=Path("f"), run_id="ID", port=1)
    assert command.environment["CUDA_VISIBLE_DEVICES"] == "0,1,2,3,4,5,6,7"
    versions, (settings,) = read_boards()[0], read_boards()[1][:1]
    assert versions == {"driver": "amdgpu 6.14.14"}
    assert settings.name == "AMD Instinct MI300X OAM"


def test_its_gpus_are_watched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hot = replace(MI300X8.amd[0], answers={"amdsmi_get_violation_status": {"active_ppt_pwr": True}})
    scripted(replace(MI300X8, amd=(hot, *MI300X8.amd[1:])), monkeypatch, tmp_path)
    with monitor() as found:
        watch = open_watch(found, range(8))
        watch.note_residents()
        watch.start()
        watch.sample()
        use = watch.report()
    assert (use.power_capped_percent, use.throttled_percent, use.errors) == (100, 0, ())
    assert use.seen
    assert use.seen.sm_mhz == (132.0,) * 8


def test_nvidias_library_is_asked_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripted(replace(H100X8, amd=MI300X8.amd), monkeypatch, tmp_path)
    assert {gpu.name for gpu in visible_gpus().gpus} == {"NVIDIA H100 80GB HBM3"}


class Broken(ModuleType):
    """As amdsmi is where ROCm is not: half imported."""

    def __getattr__(self, name: str) -> object:
        raise KeyError("libamd_smi.so")


@pytest.mark.parametrize(
    ("module", "cause"), [(None, "not installed"), (Broken("amdsmi"), "no driver")]
)
def test_a_library_that_is_not_there(
    module: ModuleType | None, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "amdsmi", module)
    with amd.opened() as found:
        assert isinstance(found, Silence)
        assert (found.library, found.cause) == ("AMD SMI", cause)


def test_an_import_that_ends_in_the_middle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its wrapper raises KeyError where ROCm's library is missing (seen with amdsmi 7.0.2)."""
    (tmp_path / "amdsmi.py").write_text("raise KeyError('libamd_smi.so')\n")
    monkeypatch.delitem(sys.modules, "amdsmi", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with amd.opened() as found:
        assert isinstance(found, Silence)
        assert (found.cause, found.said) == ("no library", "'libamd_smi.so'")


def test_answers_that_are_not_what_the_manual_shows() -> None:
    """No question may raise, or a run would end for a temperature."""
    library = SimpleNamespace(
        amdsmi_get_temp_metric=lambda *_: "N/A",
        amdsmi_get_gpu_process_list=lambda *_: [{"pid": 7}, {"pid": "N/A"}, "a handle"],
    )
    gpu = amd.Gpu(library=library, handle=object(), number=0)
    assert gpu.temperature_c() is None
    assert gpu.residents() == {7}
