"""Choices on a CPU: what is called, checked and told."""

import threading

import pytest
import torch

from resnext_bench.convs.measuring.checks import is_right
from resnext_bench.convs.measuring.choices import Choice, calls_of, choose
from resnext_bench.convs.measuring.exact import Tensors, exact, tensors
from resnext_bench.lab.visit.parts.convs import convolutions_of
from resnext_bench.lab.visit.sizes import MINIATURE
from resnext_bench.reports.schema.convs import OPERATIONS
from resnext_bench.resnext.convolutions import Operation

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def asked() -> Tensors:
    return tensors(convolutions_of(MINIATURE, "fp32")[1], CPU)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_results_are_right_in_both_layouts(
    asked: Tensors, operation: Operation, layout: torch.memory_format
) -> None:
    call = calls_of(asked, operation, layout)
    assert call(0).is_contiguous(memory_format=layout)
    found = choose(call, "oneDNN", exact(asked, operation), 0.001)
    assert is_right(found.off, "fp32"), found
    assert not found.has_nan
    assert found.search_s > 0
    found.thread.shutdown()


def test_a_result_that_is_left_unwritten_is_found_out(asked: Tensors) -> None:
    right = exact(asked, "forward")

    def lazy(number: int) -> torch.Tensor:
        result = torch.full_like(asked.gradient, float("nan"))  # as poisoned memory is
        result[:1] = right[:1]
        return result

    found = choose(lazy, "oneDNN", right, 0.001)
    assert found.has_nan
    assert not is_right(found.off, "fp32")
    found.thread.shutdown()


def test_each_choice_has_a_thread_of_its_own_and_keeps_it(asked: Tensors) -> None:
    threads: list[set[int]] = []

    def made() -> Choice:
        seen: set[int] = set()
        threads.append(seen)

        def call(number: int) -> torch.Tensor:
            seen.add(threading.get_ident())
            return asked.gradient

        return choose(call, "off", asked.gradient.double(), 0.001)

    choices = [made(), made()]
    for choice in choices:
        choice.run(2)
    (one,), (other,) = threads
    assert len({one, other, threading.get_ident()}) == 3
    for choice in choices:
        choice.thread.shutdown()


def test_a_block_is_so_many_calls(asked: Tensors) -> None:
    numbers: list[int] = []

    def call(number: int) -> torch.Tensor:
        numbers.append(number)
        return asked.gradient

    found = choose(call, "oneDNN", asked.gradient.double(), 0.0001)
    numbers.clear()
    found.run(3)
    assert len(numbers) == 3 * found.calls
    found.thread.shutdown()
