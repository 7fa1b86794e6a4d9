"""GPU or CPU: nothing trains on the CPU in silence where a GPU is plainly there."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from resnext_bench.config.answers import Answers
from resnext_bench.config.devices import choose_device
from resnext_bench.config.resolve import resolve
from resnext_bench.errors import CannotHere
from resnext_bench.machine.gpu import torch_devices
from resnext_bench.machine.inventory import Machine, inspect
from resnext_bench.reports.schema.config import Choice
from tests.machine.gpu.ready import (
    A10X4,
    GB10,
    H100X8,
    LOST_OF_EIGHT,
    MI300X8,
    MIG_MIXED,
    MIG_PAIR,
    MIG_POD,
    NO_GPU,
    NO_UTILITY,
    READY,
    UNMATCHED,
)
from tests.machine.gpu.scripted import (
    LOST,
    NO_PERMISSION,
    NOT_LOADED,
    RESET_REQUIRED,
    Refused,
    ScriptedMachine,
    scripted,
)

Stand = Callable[..., Machine]


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stand:
    """Stand on a scripted machine, asked for a device or for none."""

    def on(machine: ScriptedMachine, device: str = "", visible: str | None = None) -> Machine:
        scripted(machine, monkeypatch, tmp_path)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        return inspect(device)

    return on


def chosen(machine: Machine, device: str = "") -> tuple[str, str]:
    """The device, and the reason for it; no reason where it was asked for."""
    pick = Answers(request={"device": device} if device else {})
    found = choose_device(pick, {}, machine)["device"]
    (choice,) = pick.choices or [Choice(option="device", value=found, why="")]
    return found, choice.why


def refusal(machine: Machine, device: str = "") -> str:
    with pytest.raises(CannotHere) as raised:
        chosen(machine, device)
    return str(raised.value)


@pytest.mark.parametrize("name", READY)
def test_a_run_on_the_cpu_asks_nothing_of_gpus(name: str, stand: Stand) -> None:
    """Whatever their drivers do not answer."""
    machine = stand(READY[name], "cpu")
    assert chosen(machine, "cpu") == ("cpu", "")
    assert resolve({"device": "cpu", "pipeline": "synthetic"}, machine, None).config.batch_size == 8


@pytest.mark.parametrize(
    ("machine", "gpus"),
    [(H100X8, "8 GPUs here"), (A10X4, "4 GPUs here"), (MIG_POD, "1 MIG slice here")],
)
def test_gpus_whose_driver_answers(machine: ScriptedMachine, gpus: str, stand: Stand) -> None:
    assert chosen(stand(machine)) == ("cuda", gpus)


def test_memory_that_the_driver_does_not_report_is_torchs(stand: Stand) -> None:
    """GB10: the GPU's memory is the host's."""
    machine = stand(GB10)
    assert [gpu.memory_gib for gpu in machine.gpus] == [119.6]
    why = "1 GPU here; the driver does not report the memory (Not Supported)"
    assert chosen(machine) == ("cuda", why)
    assert resolve({"pipeline": "synthetic"}, machine, None).config.batch_size == 128


def test_a_capability_that_the_driver_does_not_report_is_torchs(stand: Stand) -> None:
    answers = {"nvmlDeviceGetCudaComputeCapability": Refused()}
    board = replace(A10X4.boards[0], answers=answers)
    machine = stand(replace(A10X4.with_boards(board), torch=A10X4.torch[:1]))
    (gpu,) = machine.gpus
    assert (gpu.memory_gib, gpu.capability, gpu.has_bf16) == (22.5, (8, 6), True)


def test_memory_that_nobody_reports(stand: Stand) -> None:
    """Torch may list other devices than the driver does."""
    machine = stand(replace(GB10, torch=GB10.torch * 2))
    assert [gpu.memory_gib for gpu in machine.gpus] == [None]
    config = resolve({"pipeline": "synthetic", "amp": True}, machine, None).config
    assert (config.device, config.batch_size, config.amp_dtype) == ("cuda", 32, "bf16")


def test_a_gpu_that_torch_cannot_use(stand: Stand) -> None:
    machine = stand(replace(GB10, torch="PyTorch 2.15.0+cpu is built for CPUs"))
    assert "torch can use none: PyTorch 2.15.0+cpu is built for CPUs" in refusal(machine)


@pytest.mark.parametrize("device", ["", "cuda"])
def test_a_silent_driver_whose_gpus_torch_can_use(device: str, stand: Stand) -> None:
    """A container without the capability utility."""
    machine = stand(NO_UTILITY, device)
    assert [(gpu.memory_gib, gpu.capability) for gpu in machine.gpus] == [(79.2, (9, 0))] * 8
    found, why = chosen(machine, device)
    assert found == "cuda"
    if not device:
        assert why == "8 GPUs here, by torch's word (NVML Shared Library Not Found)"


@pytest.mark.parametrize(
    ("machine", "told", "advice"),
    [
        (UNMATCHED, "NVML: RM has detected an NVML/RM version mismatch", "restart the machine"),
        (replace(UNMATCHED, start=NOT_LOADED), "NVML: Driver Not Loaded", "load the driver's"),
        (replace(UNMATCHED, start=NO_PERMISSION), "NVML: Insufficient Permissions", "access"),
        (replace(UNMATCHED, library=False), "No module named 'pynvml'", "install nvidia-ml-py"),
    ],
    ids=["mismatch", "not loaded", "no permission", "not installed"],
)
def test_a_gpu_that_is_there_and_cannot_be_used(
    machine: ScriptedMachine, told: str, advice: str, stand: Stand
) -> None:
    """Not the CPU in silence: a benchmark would measure something else for hours."""
    if not machine.library:
        told = "NVML: import of pynvml halted"
    for device in ("", "cuda"):
        said = refusal(stand(machine, device), device)
        assert said.startswith(("a GPU is here (/dev/nvidia0,", "--device cuda: no GPU can be"))
        assert told in said
        assert "torch: Error 803: system has unsupported display driver" in said
        assert advice in said
        assert said.endswith("--device cpu")


def test_a_driver_that_cannot_count(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """It starts, and fails at the first question."""
    stand(replace(H100X8, torch="CUDA unknown error"))
    library = sys.modules["pynvml"]

    def refused() -> int:
        return library.nvmlDeviceGetHandleByIndex(99)

    monkeypatch.setattr(library, "nvmlDeviceGetCount", refused)
    said = refusal(inspect())
    assert "cannot be used: NVML: Invalid Argument, torch: CUDA unknown error" in said


def test_a_gpu_of_others_is_no_reason_to_refuse(stand: Stand) -> None:
    """In a container that was given no GPU: the bus shows the host's, and torch sees none."""
    machine = stand(replace(NO_UTILITY, nodes_made=False, torch=()))
    found, why = chosen(machine)
    assert found == "cpu"
    assert why.startswith("a GPU is here (0000:18:00.0, 0000:20:00.0, 0000:28:00.0 … on the bus)")
    assert "NVML Shared Library Not Found, torch: torch lists no GPU" in why


def test_where_there_is_none_nobody_is_asked(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch takes seconds to load."""
    stand(NO_GPU)
    monkeypatch.setattr(torch_devices, "ask_torch", lambda: pytest.fail("asked"))
    assert chosen(inspect()) == ("cpu", "no GPU here")


def test_torch_is_asked_where_a_gpu_is_asked_for(stand: Stand) -> None:
    """Also where no file shows it, as under WSL."""
    machine = stand(replace(NO_GPU, torch=(("NVIDIA RTX", 24.0, (8, 9)),)), "cuda")
    assert chosen(machine, "cuda") == ("cuda", "")
    said = refusal(stand(NO_GPU, "cuda"), "cuda")
    assert said.startswith("--device cuda: no GPU can be used: NVML Shared Library Not Found, ")


@pytest.mark.parametrize("machine", [H100X8, NO_UTILITY])
def test_gpus_that_the_user_hides(machine: ScriptedMachine, stand: Stand) -> None:
    hidden = ("cpu", "CUDA_VISIBLE_DEVICES= hides all GPUs")
    assert chosen(stand(machine, visible="")) == hidden
    assert "CUDA_VISIBLE_DEVICES= hides all GPUs" in refusal(stand(machine, "cuda", ""), "cuda")
    slurm = stand(machine, "cuda", "NoDevFiles")  # what a job without a GPU has
    assert "CUDA_VISIBLE_DEVICES=NoDevFiles hides all GPUs" in refusal(slurm, "cuda")


def test_gpus_of_amds_that_the_user_hides(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    stand(MI300X8)
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "-1")
    hidden = "HIP_VISIBLE_DEVICES=-1 hides all GPUs"
    assert chosen(inspect()) == ("cpu", hidden)
    assert refusal(inspect("cuda"), "cuda").startswith(f"--device cuda: {hidden}; unset it")


def test_nothing_hides_where_nothing_is(stand: Stand) -> None:
    assert chosen(stand(NO_GPU, visible="-1")) == ("cpu", "no GPU here")


@pytest.mark.parametrize(
    ("visible", "told"),
    [
        ("7", "no GPU here has the name 7, so the list ends there"),
        ("abc,0", "no GPU here has the name abc, so the list ends there"),
        ("GPU-0000000", "GPU-0000000 is the beginning of several UUIDs"),
        ("0,0", "0 names a GPU for the second time, so no GPU at all is visible"),
        ("GPU-00000003,GPU-00000003-", "GPU-00000003- names a GPU for the second time"),
    ],
)
def test_names_that_leave_no_gpu(visible: str, told: str, stand: Stand) -> None:
    """A slip in the variable is not a wish for the CPU."""
    for device in ("", "cuda"):
        said = refusal(stand(A10X4, device, visible), device)
        assert f"CUDA_VISIBLE_DEVICES={visible}: {told}" in said
        assert "name each GPU once, by number or by UUID; or " in said
    assert chosen(stand(A10X4, "cpu", visible), "cpu")[0] == "cpu"


@pytest.mark.parametrize(
    ("visible", "gpus", "told"),
    [
        ("0,9,1", 1, "no GPU here has the name 9"),
        ("1,0,GPU-00000002", 2, "GPU-00000002 stands beside names of another kind"),
    ],
)
def test_names_that_leave_some_gpus(visible: str, gpus: int, told: str, stand: Stand) -> None:
    found, why = chosen(stand(A10X4, visible=visible))
    assert found == "cuda"
    assert why.startswith(f"{gpus} GPU")
    assert f"CUDA_VISIBLE_DEVICES={visible}: {told}" in why


def test_a_negative_number_ends_the_names_on_purpose(stand: Stand) -> None:
    assert chosen(stand(A10X4, visible="0,2,-1,1")) == ("cuda", "2 GPUs here")


@pytest.mark.parametrize("visible", ["-1", "NoDevFiles"])
def test_words_that_hide_all(visible: str, stand: Stand) -> None:
    hidden = ("cpu", f"CUDA_VISIBLE_DEVICES={visible} hides all GPUs")
    assert chosen(stand(A10X4, visible=visible)) == hidden


def test_gpus_of_several_kinds_are_named(stand: Stand) -> None:
    """Every step waits for the slowest, and the smallest decides the batch."""
    ten = A10X4.boards[0]
    machine = stand(A10X4.with_boards(ten, replace(ten, name="NVIDIA L4"), ten))
    assert chosen(machine) == ("cuda", "3 GPUs here, of 2 kinds: NVIDIA A10, NVIDIA L4")


def test_two_lost_gpus_are_several(stand: Stand) -> None:
    gone, there = replace(A10X4.boards[0], lost=LOST), A10X4.boards[0]
    said = refusal(stand(A10X4.with_boards(gone, there, gone)))
    assert said.startswith("GPU 0, 2 of 3 do not respond: GPU is lost;")


def test_a_lost_gpu_is_named_with_what_leaves_it_out(stand: Stand) -> None:
    said = refusal(stand(LOST_OF_EIGHT))
    assert said.startswith("GPU 5 of 8 does not respond: GPU is lost; look at nvidia-smi, and")
    others = said.partition("CUDA_VISIBLE_DEVICES=")[2]
    assert len(others.split(",")) == 7
    machine = stand(LOST_OF_EIGHT, visible=others)
    assert chosen(machine) == ("cuda", "7 GPUs here")
    assert [gpu.index for gpu in machine.gpus] == list(range(7))


def test_a_gpu_that_needs_a_reset(stand: Stand) -> None:
    boards = (A10X4.boards[0], replace(A10X4.boards[1], lost=RESET_REQUIRED))
    said = refusal(stand(A10X4.with_boards(*boards)))
    assert said.startswith("GPU 1 of 2 does not respond: GPU requires restart;")
    assert "CUDA_VISIBLE_DEVICES=GPU-00000000-0000-0000-0000-000000000000" in said


def test_boards_of_others_are_counted_and_left_out(stand: Stand) -> None:
    """A job in a control group: NVML counts the host's boards, and refuses their handles."""
    boards = (replace(A10X4.boards[0], denied=True), A10X4.boards[1])
    assert chosen(stand(A10X4.with_boards(*boards))) == ("cuda", "1 GPU here")
    found, why = chosen(stand(A10X4.with_boards(*boards[:1])))
    assert (found, why) == ("cpu", "GPU 0 is not this program's (Insufficient Permissions)")


@pytest.mark.parametrize("device", ["", "cuda"])
def test_a_board_that_is_cut_and_has_no_slice(device: str, stand: Stand) -> None:
    board = replace(MIG_POD.boards[0], slices=())
    said = refusal(stand(MIG_POD.with_boards(board), device), device)
    assert "GPU 0 is in MIG mode and has no slice for this program" in said
    assert "nvidia-smi -mig 0" in said


@pytest.mark.parametrize(
    ("machine", "why"),
    [(MIG_PAIR, "2 MIG slices here"), (MIG_MIXED, "2 MIG slices here, and 2 GPUs")],
)
def test_slices_are_devices(machine: ScriptedMachine, why: str, stand: Stand) -> None:
    assert chosen(stand(machine)) == ("cuda", why)


def test_deepspeeds_launcher_knows_no_slices(stand: Stand) -> None:
    request = {"pipeline": "synthetic", "launcher": "deepspeed"}
    with pytest.raises(CannotHere, match="MIG slices have none; use --launcher torchrun"):
        resolve(request, stand(MIG_PAIR), None)


@pytest.mark.parametrize("answers", [MIG_POD.boards[0].answers, {}], ids=["refused", "told"])
def test_memory_of_the_slice_decides_the_batch(answers: dict[str, object], stand: Stand) -> None:
    """Not that of its board, which has eight times as much, whether or not the driver tells it."""
    board = replace(MIG_POD.boards[0], answers=answers)
    config = resolve({"pipeline": "synthetic"}, stand(MIG_POD.with_boards(board)), None).config
    assert config.batch_size == 16
