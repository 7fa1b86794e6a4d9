"""Whether a build of torch suits GPUs and their driver, and what is advised where it does not."""

import pytest

from resnext_bench.machine.gpu.driver import Driver, driver_of
from resnext_bench.machine.gpu.fit import Lack, torch_lack, vendor_lack
from resnext_bench.machine.gpu.torch_build import Architecture, Capability, TorchBuild
from resnext_bench.machine.gpu.vendors import AMD, NVIDIA

V100, P100, A100, H100, B200 = (7, 0), (6, 0), (8, 0), (9, 0), (10, 0)
OLD, MIDDLE, NEW = (
    Driver(version="550.127.05", cuda=(12, 4)),
    Driver(version="580.95.05", cuda=(13, 0)),
    Driver(version="610.43.02", cuda=(13, 2)),
)


def kernels(*capabilities: int) -> tuple[Architecture, ...]:
    return tuple(Architecture(capability=divmod(one, 10)) for one in capabilities)


CU132 = TorchBuild(
    version="2.15.0+cu132", cuda=(13, 2), architectures=kernels(75, 80, 86, 90, 100, 120)
)
CU126 = TorchBuild(
    version="2.14.1+cu126", cuda=(12, 6), architectures=kernels(50, 60, 70, 75, 80, 86, 90)
)


@pytest.fixture(autouse=True)
def _x86(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def lack(build: TorchBuild, driver: Driver, *gpus: Capability) -> Lack | None:
    return torch_lack(build, {gpu: f"GPU {gpu[0]}{gpu[1]}" for gpu in gpus}, driver)


@pytest.mark.parametrize(
    ("build", "driver", "gpu"),
    [
        (CU132, NEW, H100),
        (CU132, MIDDLE, A100),  # minor version compatibility: 13.0 serves 13.2
        (CU126, OLD, V100),
        (CU126, NEW, V100),  # a newer driver serves older builds
        (CU132, NEW, (12, 1)),
        (CU132, NEW, (10, 3)),
        (CU132, Driver(version="550.127.05", cuda=(13, 2)), H100),  # forward compatibility
        (CU132, Driver(), H100),  # nothing is known of the driver
    ],
)
def test_what_suits(build: TorchBuild, driver: Driver, gpu: Capability) -> None:
    assert lack(build, driver, gpu) is None


@pytest.mark.parametrize(
    ("build", "made"),
    [
        (CU132, "for CUDA 13.2"),
        (TorchBuild(version="2.15.0+cpu", cuda=None), "without ROCm"),
        (TorchBuild(version="2.15.0+rocm7.1", cuda=None, others={"hip": "7.1"}), ""),
    ],
)
def test_boards_of_amds(build: TorchBuild, made: str) -> None:
    found = vendor_lack(build, [(AMD, "AMD Instinct MI300X"), (NVIDIA, "H100")])
    why = f"torch {build.version} is built {made} and cannot use AMD Instinct MI300X"
    assert (found.why if found else "") == (why if made else "")
    assert vendor_lack(build, [(NVIDIA, "H100")]) is None


def test_an_old_driver() -> None:
    found = lack(CU132, OLD, H100)
    assert found
    assert found.why == (
        "torch 2.15.0+cu132 needs a driver for CUDA 13 (580 or newer), but driver 550.127.05 "
        "supports CUDA 12.4"
    )
    assert found.advice == (
        "update the driver to 580 or newer, on data-centre GPUs perhaps cuda-compat-13-2 instead, "
        "or install a build for CUDA 12 (with the extra dali12 for DALI)"
    )
    assert found.command.endswith("--index-url https://download.pytorch.org/whl/cu126")


def test_an_old_gpu() -> None:
    found = lack(CU132, MIDDLE, V100)
    assert found
    assert found.why == (
        "torch 2.15.0+cu132 has no kernels for GPU 70 (capability 7.0), only for 7.5, 8.0, 8.6, "
        "9.0, 10.0, 12.0"
    )
    assert str(found).endswith(
        "; install a build for CUDA 12 (with the extra dali12 for DALI): pip install torch "
        "torchvision --index-url https://download.pytorch.org/whl/cu126"
    )


def test_an_old_gpu_with_an_old_driver_is_told_once() -> None:
    found = lack(CU132, OLD, P100)
    assert found
    assert "no kernels" in found.why
    assert "needs a driver" in found.why
    assert "update the driver" not in found.advice  # newer builds do not serve it either


def test_a_new_gpu_with_an_old_build() -> None:
    found = lack(CU126, NEW, B200)
    assert found
    assert (found.advice, found.command[-5:]) == ("install a build for CUDA 13", "cu130")


def test_a_new_gpu_whose_driver_serves_no_build() -> None:
    found = lack(CU126, Driver(version="570.86", cuda=(12, 8)), B200)
    assert found
    assert found.advice == "update the driver to 580 or newer, then install"
    assert found.command.endswith("cu130")


def test_gpus_that_no_build_serves_together() -> None:
    found = lack(CU132, NEW, V100, B200)
    assert found
    assert "GPU 70" in found.why
    assert "GPU 100" not in found.why
    assert (found.advice, found.command) == (
        "no build of PyTorch 2.11 or later has kernels for all of them",
        "",
    )


@pytest.mark.parametrize(
    ("version", "hip", "made"), [("2.15.0+cpu", "", "without CUDA"), ("2.15.0", "7.1", "ROCm 7.1")]
)
def test_a_build_without_cuda(version: str, hip: str, made: str) -> None:
    build = TorchBuild(version=version, cuda=None, others={"hip": hip} if hip else {})
    found = lack(build, NEW, H100)
    assert found
    assert made in found.why
    assert found.command.endswith("cu130")


def test_gpus_of_amd_and_their_build() -> None:
    build = TorchBuild(version="2.15.0+rocm7.1", cuda=None, others={"hip": "7.1"})
    assert lack(build, Driver(), (9, 4)) is None


def test_a_build_for_one_vendor_is_none_for_a_third() -> None:
    third = AMD._replace(name="Other", platform="OtherStack", runtime="other", install="ask Other")
    build = TorchBuild(version="2.15.0+rocm7.1", cuda=None, others={"hip": "7.1"})
    found = vendor_lack(build, [(AMD, "MI300X"), (third, "Other 1")])
    why = "torch 2.15.0+rocm7.1 is built for ROCm 7.1 and cannot use Other 1"
    assert found == Lack(why=why, advice="ask Other")
    own = TorchBuild(version="2.15.0", cuda=None, others={"other": "1.0"})
    assert vendor_lack(own, [(third, "Other 1")]) is None


@pytest.mark.parametrize(
    ("versions", "cuda"),
    [({"driver": "580", "driver's CUDA": "13.0"}, (13, 0)), ({"driver": "6.14"}, None), ({}, None)],
)
def test_versions_by_name(versions: dict[str, str], cuda: tuple[int, int] | None) -> None:
    assert driver_of(versions) == Driver(version=versions.get("driver", ""), cuda=cuda)


def test_kernels_do_not_depend_on_what_is_known_of_the_driver() -> None:
    """In a container without the capability utility, torch alone tells what GPUs there are."""
    found = lack(CU132, Driver(), V100)
    assert found
    assert "has no kernels for" in found.why
    assert "needs a driver" not in found.why
