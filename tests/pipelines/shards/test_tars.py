"""Where samples lie in tar files of any writer, and what is said of damaged ones."""

import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.shards.found import Found, own_name
from resnext_bench.pipelines.shards.tars import index
from tests.pipelines.made_shards import indexed, write_tar

FORMATS = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT, "ustar": tarfile.USTAR_FORMAT}
LONG = "train/" + "n" * 120 + "/" + "k" * 150

same_folder = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def contents(path: Path, found: Found) -> list[tuple[str, bytes, int]]:
    data = path.read_bytes()
    return [
        (one.name, data[one.offset : one.offset + one.length], one.label) for one in found.entries
    ]


names = st.text(
    st.characters(codec="utf-8", exclude_characters="/.\0", exclude_categories=["Cs"]),
    min_size=1,
    max_size=150,
)


@same_folder
@given(
    st.lists(st.tuples(names, st.binary(max_size=2000), st.integers(0, 9999)), max_size=8),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.booleans(),
)
def test_samples_of_tarfile_are_found(
    tmp_path: Path, samples: list[tuple[str, bytes, int]], format: int, label_first: bool
) -> None:
    path = tmp_path / "shard.tar"
    members, expected = [], []
    for number, (name, content, label) in enumerate(samples):
        key = f"part.one/{number}{name}"
        pair = [(f"{key}.JPG", content), (f"{key}.cls", f" {label}\n".encode())]
        members += pair[::-1] if label_first else pair
        expected.append((f"{key}.JPG", content, label))
    write_tar(path, members, format)
    assert contents(path, index(path)) == expected


@pytest.mark.parametrize("format", ["pax", "gnu"])
def test_long_names(tmp_path: Path, format: str) -> None:
    write_tar(tmp_path / "a.tar", [(f"{LONG}.png", b"12"), (f"{LONG}.cls", b"7")], FORMATS[format])
    found = index(tmp_path / "a.tar")
    assert contents(tmp_path / "a.tar", found) == [(f"{LONG}.png", b"12", 7)]


def test_what_is_no_sample_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        folder = tarfile.TarInfo("b")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        link = tarfile.TarInfo("b/0.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "elsewhere.jpg"
        tar.addfile(link)
    body = path.read_bytes()[: 2 * tarfile.BLOCKSIZE]
    members = [
        ("b/._1.jpg", b"hidden"),
        ("b/README", b"no dot"),
        ("b/1.json", b"{}"),
        ("b/1.seg.jpg", b"a mask"),
        ("b/1.jpg", b"picture"),
        ("b/1.cls", b"3"),
        ("b/2.json", b"{}"),
        ("b/2.cls", b"4"),
    ]
    write_tar(path, members)
    path.write_bytes(body + path.read_bytes())
    found = index(path)
    assert contents(path, found) == [("b/1.jpg", b"picture", 3)]
    assert found.without_image == 1, "b/2"


def test_names_that_come_again_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    write_tar(path, [("1.jpg", b"a"), ("1.cls", b"0"), ("2.jpg", b"b"), ("2.cls", b"0")] * 2)
    found = [one.name for one in index(path).entries]
    assert found[:2] == ["1.jpg", "2.jpg"]
    assert [own_name(name) for name in found] == ["1.jpg", "2.jpg", "1.jpg", "2.jpg"]
    assert len(set(found)) == 4


@pytest.mark.parametrize(
    "members",
    [
        [("1.jpg", b"a"), ("2.jpg", b"b"), ("1.cls", b"3"), ("2.cls", b"4")],
        [("2.cls", b"4"), ("1.jpg", b"a"), ("2.jpg", b"b"), ("1.cls", b"3")],
        [("1.cls", b"3"), ("x.txt", b""), ("2.jpg", b"b"), ("2.cls", b"4"), ("1.jpg", b"a")],
    ],
    ids=["after all images", "before and after", "with others between"],
)
def test_class_numbers_stand_anywhere_in_the_shard(
    tmp_path: Path, members: list[tuple[str, bytes]]
) -> None:
    write_tar(tmp_path / "a.tar", members)
    found = index(tmp_path / "a.tar")
    assert sorted(contents(tmp_path / "a.tar", found)) == [("1.jpg", b"a", 3), ("2.jpg", b"b", 4)]
    assert found.without_image == sum(name == "x.txt" for name, _ in members)


def test_keys_that_come_again_keep_their_own_numbers(tmp_path: Path) -> None:
    """Two shards put together, each with its numbers after its images."""
    images, labels = [("1.jpg", b"a"), ("2.jpg", b"b")], [("1.cls", b"0"), ("2.cls", b"1")]
    again = [("1.jpg", b"c"), ("2.jpg", b"d"), ("1.cls", b"2"), ("2.cls", b"3")]
    write_tar(tmp_path / "a.tar", images + labels + again)
    assert [one.label for one in index(tmp_path / "a.tar").entries] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            [("1.jpg", b""), ("2.jpg", b""), ("2.cls", b"1")],
            r"1 of 2 images in .* no class .*1\.jpg",
        ),
        (
            [("i/1.jpg", b""), ("l/1.cls", b"1")],
            r"found: jpg \(1 sample\), cls \(1 sample\); expected KEY\.cls .* same folder and KEY",
        ),
        ([("1.jpg", b""), ("1.json", b"")], r"found: jpg;json \(1 sample\); expected KEY\.cls"),
        (
            [(f"{key}.png", b"") for key in "abcd"],
            r"4 of 4 images .* a\.png, b\.png, c\.png, …; found: png \(4 samples\); expected",
        ),
        ([("1.jpg", b""), ("1.cls", b"cat")], r"1\.cls holds 'cat'; expected a class number"),
        ([("1.jpg", b""), ("1.cls", b"\xff\n")], r"holds '\\xff\\n'; expected a class number"),
        ([("1.jpg", b""), ("1.cls", b"-1")], r"1\.cls has the class number -1; allowed are 0 to"),
        ([("1.jpg", b""), ("1.jpg", b""), ("1.cls", b"1")], r"1\.jpg twice in one sample"),
    ],
)
def test_what_is_wrong_with_samples_is_one_line(
    tmp_path: Path, members: list[tuple[str, bytes]], message: str
) -> None:
    write_tar(tmp_path / "a.tar", members)
    with pytest.raises(DataError, match=message) as caught:
        index(tmp_path / "a.tar")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b" + bytes(600), r"is compressed \(gzip\)"),
        (b"no tar" * 200, "is not a tar file, or ends too early"),
        (bytes(100), "is not a tar file, or ends too early"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(DataError, match=message):
        index(tmp_path / "a.tar")


MEMBERS = [
    (f"{key}.{kind}", content)
    for key in "abc"
    for kind, content in (("jpg", bytes(range(256)) * 3), ("cls", b"5"))
]


@same_folder
@given(st.sampled_from(sorted(FORMATS)), st.integers(0, 10240 - 1))
def test_a_tar_cut_anywhere_is_refused_but_in_what_fills_it_up(
    tmp_path: Path, format: str, size: int
) -> None:
    path = tmp_path / "a.tar"
    write_tar(path, MEMBERS, FORMATS[format])
    whole = index(path)
    data_end = 3 * (2 + 1 + 1 + 1) * tarfile.BLOCKSIZE
    path.write_bytes(path.read_bytes()[:size])
    if size >= data_end + tarfile.BLOCKSIZE:
        assert index(path) == whole
    else:
        with pytest.raises(DataError, match=r"ends too early|is empty"):
            index(path)


@same_folder
@given(
    st.sampled_from(sorted(FORMATS)),
    st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), min_size=1, max_size=5),
)
def test_damage_gives_an_index_or_a_line(
    tmp_path: Path, format: str, damage: list[tuple[int, int]]
) -> None:
    path = tmp_path / "a.tar"
    members = MEMBERS if format == "ustar" else [(LONG + name, data) for name, data in MEMBERS]
    write_tar(path, members, FORMATS[format])
    data = bytearray(path.read_bytes())
    for place, value in damage:
        data[place] = value
    path.write_bytes(data)
    found, why = indexed(index, path)
    assert "\n" not in why
    if found:
        assert all(0 <= one.offset <= one.offset + one.length <= len(data) for one in found.entries)


def test_a_size_below_nothing_does_not_go_round_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    write_tar(path, MEMBERS)
    data = bytearray(path.read_bytes())
    header = data[2560:3072]
    header[124:136] = b"\xff" * 10 + b"\xf6\x00"  # -2560, by base 256
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data[2560:3072] = header
    path.write_bytes(data)
    with pytest.raises(DataError, match="ends too early"):
        index(path)
