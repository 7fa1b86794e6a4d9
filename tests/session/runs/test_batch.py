"""The largest batch that fits, found by trying."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.config.memory import NoSharedMemory
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.record import Failure, FailureKind, Record
from resnext_bench.session.runs import batch as module
from resnext_bench.session.runs.batch import (
    CLOSE,
    FILLED,
    MOST,
    after_lack,
    largest_batch,
    require_number,
    with_largest_batch,
)
from resnext_bench.session.runs.trial import TooLarge, spare_gib
from tests.machine.made_machines import laptop, made_machine
from tests.reports.made_results import made_record

LIMIT_GIB = 80.0


def memory(base_gib: float, image_gib: float, limit_gib: float) -> Callable[[int], float | None]:
    """An allocator that needs so much for the model and for each image, and then gives up."""

    def probe(batch: int) -> float | None:
        peak = base_gib + image_gib * batch
        return peak if peak <= limit_gib else None

    return probe


@given(base_gib=st.floats(0, 60), image_gib=st.floats(0.002, 15), told_gib=st.floats(0.7, 1.4))
def test_it_fits_and_little_more_would(base_gib: float, image_gib: float, told_gib: float) -> None:
    """Also where the driver's word for what is free is wrong."""
    most = int((LIMIT_GIB - base_gib) / image_gib)
    limit_gib = LIMIT_GIB * max(1.0, told_gib)
    found = largest_batch(memory(base_gib, image_gib, LIMIT_GIB), limit_gib)
    assert found.batch <= most
    assert most <= found.batch + max(1, found.batch // CLOSE) + 8
    assert len(found.tried) <= 16
    assert found.batch in found.tried


@given(limit_gib=st.floats(2, 200))
def test_a_limit_that_nobody_enforces_is_kept(limit_gib: float) -> None:
    """On a CPU memory seems endless until the kernel ends somebody."""
    found = largest_batch(lambda batch: 1 + 0.05 * batch, limit_gib)
    assert found.peak_gib <= limit_gib


def test_it_ends_where_images_take_nothing() -> None:
    assert largest_batch(lambda _: 1.0, LIMIT_GIB).batch == MOST


def test_not_even_one() -> None:
    with pytest.raises(CannotHere, match="not even one image fits"):
        largest_batch(lambda _: None, LIMIT_GIB)


def test_a_step_in_memory() -> None:
    """Another convolution algorithm from 100 images on, with a workspace of its own."""
    found = largest_batch(
        lambda batch: peak if (peak := 0.3 * batch + 40 * (batch >= 100)) <= LIMIT_GIB else None,
        LIMIT_GIB,
    )
    assert 120 <= found.batch <= 133


def test_the_request_gets_a_number_and_the_reader_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def peak(request: dict[str, Any], _: object) -> float | None:
        asked.append(request)
        return memory(1, 0.1, 9)(request["batch_size"])

    monkeypatch.setattr(module, "peak_gib", peak)
    monkeypatch.setattr(module, "free_memory_gib", lambda: 20 / FILLED)
    said: list[str] = []
    request = {"batch_size": "auto", "amp": True, "device": "cpu", "nodes": 2}
    found, note = with_largest_batch(request, laptop(), lambda what, *_: said.append(what))
    assert found == request | {"batch_size": 80}
    assert note.startswith(
        "--batch-size auto: 80 images are the largest batch that fits; they take 9.0"
    )
    assert said[:2] == ["trying a batch of 8", "trying a batch of 32"]
    assert all(one["amp"] for one in asked)


def test_a_gpu_has_what_is_free_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "gpu_free_gib", lambda _: 70.0)
    machine = made_machine(cores=8, gpus=2)
    spare = spare_gib({}, machine)
    assert spare > 0
    assert module._limit_gib({}, machine) == 70.0 - spare


def test_two_models_share_a_hosts_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --attribute a second one trains in turn with the run's own."""
    monkeypatch.setattr(module, "free_memory_gib", lambda: 20 / FILLED)
    assert module._limit_gib({"device": "cpu"}, laptop()) == pytest.approx(20.0)
    assert module._limit_gib({"device": "cpu", "attribute": True}, laptop()) == pytest.approx(10.0)


def test_a_batch_that_shared_memory_does_not_hold_is_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def peak(request: dict[str, Any], machine: object) -> float:
        if int(request["batch_size"]) > most:
            raise NoSharedMemory("shared memory is too small")
        return 0.001 * int(request["batch_size"])

    most = 40
    monkeypatch.setattr(module, "peak_gib", peak)
    monkeypatch.setattr(module, "_limit_gib", lambda *_: 1.0)
    found, _ = with_largest_batch({"batch_size": "auto"}, laptop(), lambda *_: None)
    assert found["batch_size"] == 40
    most = 0
    with pytest.raises(NoSharedMemory):
        with_largest_batch({"batch_size": "auto"}, laptop(), lambda *_: None)


def failed(kind: FailureKind) -> SessionFailed:
    return SessionFailed(Failure(rank=0, kind=kind, what="rank 0: gone", log="", log_tail=()))


@pytest.mark.parametrize("kind", ["out_of_memory", "no_engine", "killed"])
def test_every_lack_of_memory_leads_to_a_smaller_batch(
    kind: FailureKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cuDNN without a plan is one where a smaller batch has a plan."""

    def peak(request: dict[str, Any], machine: object) -> float:
        if int(request["batch_size"]) > 40:
            raise TooLarge(failed(kind))
        return 0.001 * int(request["batch_size"])

    monkeypatch.setattr(module, "peak_gib", peak)
    monkeypatch.setattr(module, "_limit_gib", lambda *_: 1.0)
    found, _ = with_largest_batch({"batch_size": "auto"}, laptop(), lambda *_: None)
    assert found["batch_size"] == 40


@pytest.mark.parametrize(
    ("kind", "error"), [("out_of_memory", CannotHere), ("no_engine", SessionFailed)]
)
def test_where_one_image_has_no_plan_either_memory_was_not_the_reason(
    kind: FailureKind, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def peak(request: dict[str, Any], machine: object) -> float:
        raise TooLarge(failed(kind))

    monkeypatch.setattr(module, "peak_gib", peak)
    with pytest.raises(error):
        with_largest_batch({"batch_size": "auto"}, laptop(), lambda *_: None)


@pytest.mark.parametrize(("batch", "fewer"), [(256, 224), (100, 88), (24, 21), (12, 11), (2, 1)])
def test_a_run_that_dies_of_it_after_all_is_repeated_with_fewer(batch: int, fewer: int) -> None:
    record = ended("out_of_memory", batch)
    found = after_lack({"batch_size": batch, "amp": True}, record)
    assert found is not None
    assert found[0] == {"batch_size": fewer, "amp": True}
    assert found[1] == (
        f"--batch-size auto: {batch} images fitted in trial training, but not in run {record.id} "
        f"(rank 0: gone); {fewer} were taken instead"
    )


@pytest.mark.parametrize(
    ("kind", "batch"), [("error", 256), ("timeout", 8), ("out_of_memory", 1), ("gpu_busy", 256)]
)
def test_other_ends_are_final(kind: FailureKind, batch: int) -> None:
    assert after_lack({"batch_size": batch}, ended(kind, batch)) is None
    assert after_lack({"batch_size": 64}, made_record()) is None


def ended(kind: FailureKind, batch: int) -> Record:
    """The record of a run that failed."""
    record = made_record()
    config = msgspec.structs.replace(record.resolved, batch_size=batch)
    failure = failed(kind).failure
    return msgspec.structs.replace(record, status="failed", resolved=config, failure=failure)


def test_two_ways_to_say_it() -> None:
    request = {"batch_size": "auto", "global_batch_size": 64}
    with pytest.raises(UsageError, match="--global-batch-size 64 exclude each other"):
        with_largest_batch(request, laptop(), lambda *_: None)


def test_where_nothing_may_be_tried() -> None:
    require_number({"batch_size": 8}, "")
    with pytest.raises(UsageError, match="--batch-size auto: give a number"):
        require_number({"batch_size": "auto"}, "give a number")


@pytest.mark.slow
@pytest.mark.system
def test_real_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch that was found trains within the limit, and twice as many would not."""
    monkeypatch.setattr(module, "free_memory_gib", lambda: 1.1 / FILLED)
    small = {"model": "resnext14_4x4d", "image_size": 128, "pipeline": "synthetic"}
    request = small | {"device": "cpu", "nproc_per_node": 1, "nodes": 1}
    machine = inspect()
    found, note = with_largest_batch(request | {"batch_size": "auto"}, machine, lambda *_: None)
    assert module.peak_gib(found, machine) < 1.2, note
    twice = module.peak_gib(found | {"batch_size": 2 * int(found["batch_size"])}, machine)
    assert twice > 1.1, note


def test_gpus_that_the_run_does_not_use_may_be_full(monkeypatch: pytest.MonkeyPatch) -> None:
    free = {0: 70.0, 1: 60.0, 2: 0.5, 3: 0.5}
    monkeypatch.setattr(module, "gpu_free_gib", lambda gpus: min(free[index] for index in gpus))
    machine = made_machine(cores=8, gpus=4)
    spare = spare_gib({}, machine)
    assert module._limit_gib({"nproc_per_node": 1}, machine) == 70.0 - spare
    assert module._limit_gib({"nproc_per_node": 1, "nodes": 2}, machine) == 60.0 - spare
    assert module._limit_gib({}, machine) == 0.5 - spare
