"""Names that can be kept and shown, whatever a file system allows; ordinary ones as they are."""

import os

import pytest

from resnext_bench.pipelines.names import printable, restored, storable

ODD = [b"caf\xe9/\xff1.jpg", b"\xed\xa0\x80.jpg", b"\xc3\xa9\xc3.jpg", b"\xe9\n0.jpg", b"\x80ff"]


@pytest.mark.parametrize("name", ["a/0.jpg", "café/é 1.jpg", "a\n\t\x7f.jpg", "日本/😀.png", ""])
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert (storable(name), restored(name), printable(name)) == (name, name, name)


@pytest.mark.parametrize("name", [os.fsdecode(raw) for raw in ODD] + ["a\0b", "\x0000", "\0\udcff"])
def test_others_come_back(name: str) -> None:
    stored = storable(name)
    assert stored.encode()
    assert stored != name
    assert restored(stored) == name


def test_others_keep_what_can_be_shown() -> None:
    assert printable(os.fsdecode(b"caf\xe9/\xff1.jpg")) == "caf\ufffd/\ufffd1.jpg"
