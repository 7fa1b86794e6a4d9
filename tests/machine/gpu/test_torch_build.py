"""What a build of torch was made for, from folders made by hand and from the one installed."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from resnext_bench.machine.gpu.torch_build import Architecture, TorchBuild, build_for, read_build
from resnext_bench.machine.host.sources import here

VERSION = "from typing import Optional\n__version__ = '{version}'\ndebug = False\n{rest}"
CUDA = "cuda: Optional[str] = '13.2'\nhip: Optional[str] = None\n"


def made(root: Path, *texts: str, rest: str = CUDA, version: str = "2.15.0+cu132") -> Path:
    """A folder of torch whose library holds these texts."""
    (root / "lib").mkdir()
    (root / "version.py").write_text(VERSION.format(version=version, rest=rest))
    content = b"\x7fELF\0" + b"\0".join(text.encode() for text in texts) + b"\0end\0"
    (root / "lib/libtorch_python.so").write_bytes(content)
    return root


def names(build: TorchBuild | None) -> Sequence[tuple[int, int]]:
    assert build is not None
    return [one.capability for one in build.architectures]


def test_the_installed_build_is_what_torch_says() -> None:
    """The list is where torch itself has it; a test may import torch, the program does not."""
    import torch

    build = read_build(here().torch)
    assert build is not None
    assert build.version == str(torch.__version__)
    assert (build.cuda is None) is (torch.version.cuda is None)
    if torch.version.cuda:
        flags = torch._C._cuda_getArchFlags() or ""
        assert build.cuda == tuple(map(int, torch.version.cuda.split(".")))
        assert [f"sm_{major}{minor}" for major, minor in names(build)] == flags.split()


def test_a_list_among_other_texts(tmp_path: Path) -> None:
    build = read_build(made(tmp_path, "sm_count", "sm_80", "sm_75 sm_90a sm_120 compute_120", "x"))
    assert build
    assert names(build) == [(7, 5), (9, 0), (12, 0), (12, 0)]
    assert [(one.kind, one.is_virtual) for one in build.architectures] == [
        ("", False),
        ("a", False),
        ("", False),
        ("", True),
    ]


@pytest.mark.parametrize("texts", [(), ("sm_75 and more",), ("sm_75", "sm_80"), ("asm_75 sm_80",)])
def test_no_list_that_is_certain(tmp_path: Path, texts: tuple[str, ...]) -> None:
    """What is not known is no reason to refuse."""
    build = read_build(made(tmp_path, *texts))
    assert build
    assert build.architectures == ()
    assert build.runs_on((3, 5))


def test_builds_without_cuda(tmp_path: Path) -> None:
    rest = "cuda: Optional[str] = None\nhip: Optional[str] = '7.1.2'\n"
    build = read_build(made(tmp_path, "sm_75 sm_80", rest=rest, version="2.14.0+rocm7.1"))
    assert build == TorchBuild(version="2.14.0+rocm7.1", cuda=None, others={"hip": "7.1.2"})


def test_no_torch(tmp_path: Path) -> None:
    assert read_build(None) is None
    assert read_build(tmp_path) is None
    (tmp_path / "version.py").write_text("nothing = 1\n")
    assert read_build(tmp_path) is None


def test_an_empty_library(tmp_path: Path) -> None:
    (made(tmp_path) / "lib/libtorch_python.so").write_bytes(b"")
    build = read_build(tmp_path)
    assert build
    assert build.architectures == ()


@pytest.mark.parametrize(
    ("architecture", "runs", "not_on"),
    [
        (Architecture(capability=(8, 0)), [(8, 0), (8, 6), (8, 9)], [(7, 5), (9, 0)]),
        (Architecture(capability=(8, 6)), [(8, 9)], [(8, 0)]),
        (Architecture(capability=(12, 0)), [(12, 1)], [(10, 0), (11, 0)]),
        (Architecture(capability=(9, 0), kind="a"), [(9, 0)], [(9, 1), (10, 0)]),
        (Architecture(capability=(10, 0), kind="f"), [(10, 3)], [(12, 0)]),
        (Architecture(capability=(8, 0), is_virtual=True), [(8, 0), (12, 1)], [(7, 5)]),
    ],
)
def test_what_kernels_run_on(
    architecture: Architecture, runs: list[tuple[int, int]], not_on: list[tuple[int, int]]
) -> None:
    assert all(architecture.runs_on(one) for one in runs)
    assert not any(architecture.runs_on(one) for one in not_on)


@pytest.mark.parametrize(
    ("capabilities", "driver", "name"),
    [
        ([(7, 0)], 13, "cu126"),
        ([(6, 1)], 12, "cu126"),
        ([(9, 0)], 12, "cu126"),
        ([(9, 0)], 13, "cu130"),
        ([(9, 0)], None, "cu130"),
        ([(12, 0)], 13, "cu130"),
        ([(12, 0)], 12, None),
        ([(7, 0), (12, 0)], 13, None),
        ([(3, 7)], 13, None),
    ],
)
def test_which_build_to_advise(
    monkeypatch: pytest.MonkeyPatch,
    capabilities: list[tuple[int, int]],
    driver: int | None,
    name: str | None,
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    found = build_for(capabilities, driver)
    assert (found.name if found else None) == name


def test_other_hosts_have_other_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    found = build_for([(11, 0)], 13)
    assert found
    assert found.name == "cu130"
    assert build_for([(7, 5)], 13) is None
