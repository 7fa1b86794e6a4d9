"""Results of two machines, or of two versions, are never mixed."""

import msgspec
import pytest

from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.lab.visit import facts
from resnext_bench.lab.visit.facts import read_facts, require_same
from tests.lab.visit.made import FACTS


def test_what_differs_is_named() -> None:
    newer = msgspec.structs.replace(FACTS, versions={"torch": "2.16.0"})
    with pytest.raises(UsageError, match=r"torch was 2\.15\.0, and is now 2\.16\.0; .*--json"):
        require_same(FACTS, newer)
    other = msgspec.structs.replace(FACTS, device="NVIDIA H200")
    with pytest.raises(UsageError, match="device was Made, and is now NVIDIA H200"):
        require_same(FACTS, other)
    also = FACTS.versions | {"driver": "580.1", "timm": "1.0.31"}
    require_same(FACTS, msgspec.structs.replace(FACTS, kernel="6.2", cpu="X", versions=also))


def test_facts_name_no_host_and_no_user(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"name": "", "versions": {"torch": "2.15.0"}}
    monkeypatch.setattr(facts, "_ask_torch", lambda: told)
    found, _ = read_facts("cpu")
    assert found.is_miniature
    assert found.versions["torch"] == "2.15.0"
    assert set(msgspec.to_builtins(found)) == {
        *("device", "kind", "cpu", "cores", "memory_gib", "kernel", "versions", "boards")
    }
    with pytest.raises(CannotHere, match="--device cpu --minutes 2"):
        read_facts("cuda")
