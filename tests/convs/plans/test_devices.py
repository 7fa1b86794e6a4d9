"""The devices that are described: every field has a source, and what is assumed is known."""

import json
from pathlib import Path

import pytest

from resnext_bench.convs.plans.devices import (
    ASSUMED,
    capability_of,
    described,
    from_file,
    keys,
    odd_fields,
)
from resnext_bench.errors import UsageError


def test_all_descriptions_have_the_same_fields() -> None:
    assert set(keys()) == {"a100", "h100", "h200", "b200", "l4"}
    fields = [described(key).fields.keys() for key in keys()]
    assert all(one == fields[0] for one in fields)


@pytest.mark.parametrize("key", ["a100", "h100", "h200", "b200", "l4"])
def test_every_field_has_a_source_in_words(key: str) -> None:
    found = described(key)
    assert found.sources.keys() == found.fields.keys()
    assert all(source == ASSUMED or " " in source for source in found.sources.values())
    assert set(found.decisive) <= set(found.assumed) < found.fields.keys()


def test_the_capability_is_that_of_the_architecture() -> None:
    found = {key: capability_of(described(key).planned()) for key in keys()}
    assert found == {"a100": 80, "h100": 90, "h200": 90, "b200": 100, "l4": 89}


def test_an_unknown_device_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"--device h20: did you mean h200\? .* a100, h100"):
        described("h20")


def test_a_file_describes_any_device(tmp_path: Path) -> None:
    path = tmp_path / "device.json"
    path.write_text(json.dumps(described("l4").fields))
    found = from_file(path)
    assert (found.name, found.source, found.assumed) == ("NVIDIA L4", str(path), ())


@pytest.mark.parametrize("text", ["", "[]", '{"deviceName": "x"}'])
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "device.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="--save-device wrote"):
        from_file(path)
    with pytest.raises(UsageError, match="No such file"):
        from_file(tmp_path / "none.json")


@pytest.mark.parametrize("value", ["1.5", "true", "null", "[1, 2.5]", '["a"]', '{"a": 1}'], ids=str)
def test_a_value_that_no_record_could_hold_is_refused(tmp_path: Path, value: str) -> None:
    path = tmp_path / "device.json"
    needed = '"deviceName": "Z", "deviceVer": 900, "multiProcessorCount": 3'
    path.write_text(f'{{{needed}, "warpSize": {value}}}')
    with pytest.raises(UsageError, match=r"warpSize is .*; fields are whole numbers, texts, or"):
        from_file(path)


@pytest.mark.parametrize("capability", ['"9.0"', '"\u00b2"', "-1", "[9]"])
def test_a_capability_is_a_whole_number(tmp_path: Path, capability: str) -> None:
    path = tmp_path / "device.json"
    path.write_text(f'{{"deviceName": "Z", "deviceVer": {capability}, "multiProcessorCount": 3}}')
    with pytest.raises(UsageError, match=r"a number such as 900 is needed"):
        from_file(path)


def test_what_a_description_lacks_is_named() -> None:
    fields = described("l4").fields
    assert odd_fields(fields) == ""
    without = {name: one for name, one in fields.items() if name != "memoryBusWidth"}
    assert odd_fields(without) == ""  # cuDNN does without
    del without["warpSize"]
    assert odd_fields(without | {"l2CacheSize": "many"}) == (
        "it has no warpSize; of another type than it should be is l2CacheSize"
    )
    assert odd_fields({"deviceName": "Z"}).endswith("regsPerBlock, warpSize and 18 more")
