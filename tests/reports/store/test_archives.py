"""Traces in archives: which members count, how they are called, what damage and odd names do."""

import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from resnext_bench.reports.errors import StoreError, TraceError
from resnext_bench.reports.store import archives
from resnext_bench.reports.store.trace_files import find_traces
from resnext_bench.reports.store.unpacked import Unpacked, in_order
from resnext_bench.reports.trace.reading.source import beginning

Files = Mapping[str, bytes]
Packer = Callable[[Path, Files], Path]
LONG = bytes(range(256)) * 40_000
"""More than is read at once."""
ZERO = gzip.compress(b"zero", mtime=0)


def zipped(folder: Path, files: Files) -> Path:
    path = folder / "ranks.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def _tar(path: Path, mode: str, files: Files) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def tarred(folder: Path, files: Files) -> Path:
    return _tar(folder / "ranks.tar", "w", files)


def squeezed(folder: Path, files: Files) -> Path:
    return _tar(folder / "ranks.tar.gz", "w:gz", files)


EVERY = pytest.mark.parametrize("pack", [zipped, tarred, squeezed])


def content(path: Path) -> bytes:
    with archives.opened(path) as file:
        return b"".join(iter(lambda: file.read(1 << 20), b""))


@EVERY
def test_members_are_files_of_a_folder(pack: Packer, tmp_path: Path) -> None:
    files = {
        "job/notes.txt": b"hello",
        "job/rank1.pt.trace.json": LONG,
        "job/deep/rank0.pt.trace.json.gz": ZERO,
        "job/config.json": b"{}",
    }
    path = pack(tmp_path, files)
    found = find_traces(str(path), None)
    assert [one.rank for one in found.files] == [0, 1]
    assert [one.path for one in found.files] == [
        path / "job/deep/rank0.pt.trace.json.gz",
        path / "job/rank1.pt.trace.json",
    ]
    assert [content(one.path) for one in found.files] == [ZERO, LONG]
    assert archives.size_of(found.files[1].path) == len(LONG)
    assert found.beside == (path / "job/config.json",)
    assert find_traces(str(found.files[1].path), None).files[0].rank == 1, "a member may be named"


@EVERY
def test_names_lead_nowhere_else(pack: Packer, tmp_path: Path) -> None:
    files = {
        "../../rank0.json": b"0",
        "/etc/rank1.json": b"1",
        "a\\b\\rank2.json": b"2",
        "__MACOSX/a/._rank2.json": b"junk",
        "a/._rank3.json": b"junk",
        "a/.rank4.json": b"hidden",
    }
    path = pack(tmp_path, files)
    found = find_traces(str(path), None)
    assert {str(one.path.relative_to(path)) for one in found.files} == {"rank0.json"}
    there = archives.listing(path).members
    names = {"rank0.json", "etc/rank1.json", "a/b/rank2.json", "a/.rank4.json"}
    assert {str(one.relative_to(path)) for one in there} == names
    assert content(path / "etc/rank1.json") == b"1"


def test_beginnings_of_a_tar_gz_are_kept(tmp_path: Path) -> None:
    path = squeezed(tmp_path, {"rank0.json": LONG, "rank1.json.gz": ZERO, "rank2.json": b"2"})
    heads = [archives.head_of(path / f"rank{name}") for name in ("0.json", "1.json.gz", "2.json")]
    assert heads == [LONG[:65_536], ZERO, b"2"]
    assert beginning(path / "rank1.json.gz") == b"zero"
    assert [content(path / name) for name in ("rank0.json", "rank2.json")] == [LONG, b"2"]
    assert archives.head_of(tarred(tmp_path, {"rank0.json": b"0"}) / "rank0.json") is None


@pytest.mark.parametrize("pack", [tarred, squeezed])
def test_the_last_of_two_members_counts(pack: Packer, tmp_path: Path) -> None:
    path = pack(tmp_path, {"a/rank0.json": b"first", "./a/rank0.json": b"last"})
    assert content(path / "a/rank0.json") == b"last"
    assert find_traces(str(path), None).replaced == (path / "a/rank0.json",)


def test_a_second_link_to_a_member_of_a_tar(tmp_path: Path) -> None:
    path = tmp_path / "a.tgz"
    (tmp_path / "rank0.json").write_bytes(b"same")
    (tmp_path / "rank1.json").hardlink_to(tmp_path / "rank0.json")
    (tmp_path / "rank2.json").symlink_to("rank0.json")
    with tarfile.open(path, "w:gz") as archive:
        for rank in range(3):
            archive.add(tmp_path / f"rank{rank}.json", f"rank{rank}.json")
    assert [content(one.path) for one in find_traces(str(path), None).files] == [b"same"] * 2


@pytest.mark.parametrize("pack", [tarred, squeezed])
def test_a_tar_that_ends_too_early_tells_what_it_holds(pack: Packer, tmp_path: Path) -> None:
    random = gzip.compress(LONG, 0)
    path = pack(tmp_path, {"rank0.json": b"0", "rank1.json": random, "rank2.json": b"2"})
    path.write_bytes(path.read_bytes()[:10_000])
    found = find_traces(str(path), None)
    assert [one.rank for one in found.files] == [0, 1]
    assert [one.kind for one in found.broken] == ["archive cut"]
    assert content(found.files[0].path) == b"0"
    with pytest.raises(EOFError):
        content(found.files[1].path)


def _rank2(data: bytes) -> int:
    return data.index(b"rank2.json")


CUTS: Mapping[str, Callable[[bytes], bytes]] = {
    "without the zeros that end a tar": lambda data: data[: _rank2(data)],
    "within the header of a member": lambda data: data[: _rank2(data) + 100],
    "the header of a member is damaged": lambda data: data.replace(b"rank2.json", b"rank3.json"),
}


@pytest.mark.parametrize("is_packed", [False, True])
@pytest.mark.parametrize("why", CUTS)
def test_a_tar_that_is_damaged_between_members_is_not_whole(
    why: str, is_packed: bool, tmp_path: Path
) -> None:
    plain = tarred(tmp_path, {"rank0.json": b"0", "rank1.json": b"1", "rank2.json": b"2"})
    assert not find_traces(str(plain), None).broken
    data = CUTS[why](plain.read_bytes())
    path = tmp_path / "cut.tar"
    path.write_bytes(gzip.compress(data) if is_packed else data)
    found = find_traces(str(path), None)
    assert [one.rank for one in found.files] == [0, 1]
    (broken,) = found.broken
    assert broken.kind == "archive cut"
    (fact,) = broken.facts
    assert fact.kind == "archive_cut"
    assert why in str(fact.values["why"])


def test_long_names_and_lone_zeros_are_no_damage(tmp_path: Path) -> None:
    name = "a" * 300 + "/rank0.json"
    path = tarred(tmp_path, {name: b"0"})
    path.write_bytes(path.read_bytes().rstrip(b"\0") + bytes(511 + 512))
    found = find_traces(str(path), None)
    assert not found.broken
    assert content(found.files[0].path) == b"0"


@pytest.mark.parametrize("name", ["ranks.tgz", "ranks.bin"])
def test_damage_behind_the_beginning_does_not_hide_an_archive(name: str, tmp_path: Path) -> None:
    random = b"".join(hashlib.sha256(bytes([one])).digest() for one in range(256))
    data = bytearray(squeezed(tmp_path, {"rank0.json": random * 10}).read_bytes())
    data[-8] ^= 1  # the checksum
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(TraceError, match="cut or damaged, and may have held more") as told:
        find_traces(str(path), None)
    assert told.value.facts[0].kind == "gzip_damaged"


def test_an_archive_that_is_damaged_from_its_beginning_is_one_by_name(tmp_path: Path) -> None:
    data = squeezed(tmp_path, {"rank0.json": LONG}).read_bytes()
    for name in ("ranks.tgz", "rank0.json.gz"):
        (tmp_path / name).write_bytes(data[:12] + b"\xff" * 100)
    assert archives.kind_of(tmp_path / "ranks.tgz") == "tar.gz"
    assert archives.kind_of(tmp_path / "rank0.json.gz") == ""


@pytest.mark.parametrize(
    ("at", "byte"),
    [
        pytest.param(0, b"\xff", id="signature"),
        pytest.param(30, b"s", id="name"),
        pytest.param(30, b"\xff", id="name that is no UTF-8"),
    ],
)
def test_a_member_of_a_zip_with_a_damaged_header_cannot_be_read(
    at: int, byte: bytes, tmp_path: Path
) -> None:
    path = zipped(tmp_path, {"first.txt": b"", "räder/rank0.json": b"0"})
    data = path.read_bytes()
    at += data.index(b"PK\3\4", 1)
    path.write_bytes(data[:at] + byte + data[at + 1 :])
    with pytest.raises(OSError, match="the archive is damaged: "):
        content(path / "räder/rank0.json")


def test_a_name_in_the_directory_of_a_zip_that_cannot_be(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"räder/rank0.json": b"0"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 46] = 0xFF
    path.write_bytes(data)
    with pytest.raises(StoreError, match="a damaged zip archive"):
        find_traces(str(path), None)


def test_a_zip_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"rank0.json": LONG})
    path.write_bytes(path.read_bytes()[:-30])
    for wanted in (path, path / "rank0.json"):
        with pytest.raises(StoreError, match=r"damaged zip archive.*it may end too early"):
            find_traces(str(wanted), None)


def test_an_encrypted_member_says_so(tmp_path: Path) -> None:
    path = zipped(tmp_path, {"rank0.json": b"0"})
    data = bytearray(path.read_bytes())
    data[6] |= 1  # of the member
    data[data.index(b"PK\x01\x02") + 8] |= 1  # of the directory
    path.write_bytes(data)
    with pytest.raises(OSError, match="encrypted"):
        content(path / "rank0.json")


def test_a_member_in_another_packing_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ranks.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("rank0.json", b"0")
    with pytest.raises(OSError, match="compressed in a way that is not read here"):
        content(path / "rank0.json")


def test_an_archive_without_traces(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no traces"):
        find_traces(str(zipped(tmp_path, {"a.txt": b""})), None)


def test_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "rank0.json.gz"
    path.write_bytes(gzip.compress(b'{"traceEvents": []}'))
    assert archives.kind_of(path) == ""
    assert archives.archive_of(path) is None
    assert archives.archive_of(path / "member") is None


def test_members_of_a_tar_gz_are_unpacked_in_its_order(tmp_path: Path) -> None:
    packed = gzip.compress(b"packed")
    path = squeezed(tmp_path, {"rank1.json": LONG, "rank0.json.gz": packed, "rank2.json": b"2"})
    paths = [one.path for one in find_traces(str(path), None).files]
    assert [one.name for one in paths] == ["rank0.json.gz", "rank1.json", "rank2.json"]
    assert in_order(paths) == [1, 0, 2]
    with Unpacked() as unpacked:
        places = [unpacked.place(paths[at]) for at in (1, 0, 2, 1)]
        assert all(places)
        found = [one.read_bytes() for one in places if one]
    assert [gzip.decompress(found[at]) for at in (0, 2, 3)] == [LONG, b"2", LONG]
    assert found[1] == packed, "what is compressed stays as it is"
    assert len(found[0]) < len(LONG) / 4
    assert not any(one.exists() for one in places if one)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_others_are_read_where_they_are(pack: Packer, tmp_path: Path) -> None:
    path = pack(tmp_path, {"rank0.json": b"0"})
    with Unpacked() as unpacked:
        assert unpacked.place(path / "rank0.json") is None
        assert unpacked.place(path) is None
