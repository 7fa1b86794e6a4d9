"""Torch is really asked, in a process of its own."""

import pytest

from resnext_bench.machine.gpu.torch_devices import ask_torch


@pytest.mark.system
def test_torch_answers_on_this_machine() -> None:
    found = ask_torch()
    if isinstance(found, str):
        assert not found.startswith("torch ended without an answer")
    else:
        assert all(gpu.memory_gib for gpu in found)
