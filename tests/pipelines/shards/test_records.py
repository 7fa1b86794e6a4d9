"""Where samples lie in TFRecord files of any writer, by protobuf's own parser as the judge."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.shards.found import Kinds
from resnext_bench.pipelines.shards.records import IMAGE, LABEL, index, read_example
from resnext_bench.pipelines.shards.writing import example
from tests.pipelines.made_shards import indexed, write_records

many = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _example_class() -> Any:
    """tf.train.Example, as example.proto and feature.proto of TensorFlow declare it."""
    file = descriptor_pb2.FileDescriptorProto(name="e.proto", package="t", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto

    def message(name: str, **fields: tuple[int, int, int, str]) -> Any:
        made = file.message_type.add(name=name)
        for field, (number, label, kind, of) in fields.items():
            made.field.add(name=field, number=number, label=label, type=kind, type_name=of or None)
        return made

    once, often = kinds.LABEL_OPTIONAL, kinds.LABEL_REPEATED
    message("BytesList", value=(1, often, kinds.TYPE_BYTES, ""))
    message("FloatList", value=(1, often, kinds.TYPE_FLOAT, ""))
    message("Int64List", value=(1, often, kinds.TYPE_INT64, ""))
    of = kinds.TYPE_MESSAGE
    feature = message(
        "Feature",
        bytes_list=(1, once, of, ".t.BytesList"),
        float_list=(2, once, of, ".t.FloatList"),
        int64_list=(3, once, of, ".t.Int64List"),
    )
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    features = message("Features", feature=(1, often, of, ".t.Features.FeatureEntry"))
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=once, type=kinds.TYPE_STRING)
    entry.field.add(name="value", number=2, label=once, type=of, type_name=".t.Feature")
    message("Example", features=(1, once, of, ".t.Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))


EXAMPLE = _example_class()


def varint(value: int, fill: int = 0) -> bytes:
    """A number as protobuf writes it, or longer than it need be."""
    value &= (1 << 64) - 1
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    if fill and len(parts) + fill <= 10:
        parts[-1] |= 0x80
        parts += [0x80] * (fill - 1) + [0]
    return bytes(parts)


def field(number: int, data: bytes, fill: int = 0) -> bytes:
    return varint(number << 3 | 2) + varint(len(data), fill) + data


unknown = st.sampled_from(
    [
        b"",
        varint(9 << 3) + varint(300),
        varint(9 << 3 | 1) + bytes(8),
        field(200, b"else"),
        varint(9 << 3 | 5) + bytes(4),
    ]
)
fills = st.integers(0, 2)


@st.composite
def joined(draw: st.DrawFn, parts: list[bytes]) -> bytes:
    """Fields in a row, with unknown ones among them."""
    return b"".join(draw(unknown) + part for part in parts)


@st.composite
def int_lists(draw: st.DrawFn) -> bytes:
    values = draw(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 9), max_size=3))
    cut = draw(st.integers(0, len(values)))
    packed = field(1, b"".join(map(varint, values[:cut])), draw(fills))
    plain = b"".join(varint(1 << 3) + varint(value, draw(fills)) for value in values[cut:])
    return draw(joined(draw(st.permutations([packed, plain]))))


@st.composite
def features(draw: st.DrawFn) -> bytes:
    """A Feature, which may be given several times, as one kind and then as another."""
    parts = []
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from([1, 1, 3, 3, 2]))
        if kind == 1:
            values = draw(st.lists(st.binary(max_size=20), max_size=2))
            data = b"".join(field(1, value, draw(fills)) for value in values)
        else:
            data = draw(int_lists()) if kind == 3 else field(1, bytes(8))
        parts.append(field(kind, data, draw(fills)))
    return draw(joined(parts))


@st.composite
def examples(draw: st.DrawFn) -> bytes:
    """A tf.train.Example in any legal form."""
    keys = st.sampled_from([IMAGE, LABEL, IMAGE, LABEL, b"image/height", b""])
    entries = []
    for key in draw(st.lists(keys, max_size=5)):
        parts = [field(1, key), field(2, draw(features()))]
        if draw(st.booleans()):
            parts.reverse()
        if draw(st.integers(0, 5)) == 0:
            parts.append(field(2, draw(features())))
        # No unknown field here: protobuf's Python would take the whole entry for unknown.
        entries.append(field(1, b"".join(parts)))
    cut = draw(st.integers(0, len(entries)))
    return draw(joined([field(1, b"".join(part)) for part in (entries[:cut], entries[cut:])]))


def by_protobuf(data: bytes) -> tuple[bytes | None, int | None]:
    found = EXAMPLE.FromString(data).features.feature
    image = found[IMAGE.decode()].bytes_list.value if IMAGE.decode() in found else []
    label = found[LABEL.decode()].int64_list.value if LABEL.decode() in found else []
    return (image[0] if image else None), (label[0] if label else None)


def by_us(data: bytes) -> tuple[bytes | None, int | None]:
    before = b"before"
    image, label = read_example(before + data + b"after", len(before), len(before) + len(data))
    if image is None:
        return None, label
    begin = image[0] - len(before)
    return data[begin : begin + image[1]], label


@many
@given(examples())
def test_all_legal_forms_are_read_as_protobuf_reads_them(data: bytes) -> None:
    assert by_us(data) == by_protobuf(data)


def test_one_with_many_features_as_for_imagenet() -> None:
    made = EXAMPLE()
    feature = made.features.feature
    feature["image/filename"].bytes_list.value.append(b"n01440764_10026.JPEG")
    feature["image/height"].int64_list.value.append(375)
    feature["image/object/bbox/xmin"].float_list.value.extend([0.1, 0.2])
    feature["image/class/label"].int64_list.value.append(1000)
    feature["image/encoded"].bytes_list.value.append(b"\xff\xd8" + bytes(5000))
    assert by_us(made.SerializeToString()) == (b"\xff\xd8" + bytes(5000), 1000)


def test_ours_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    contents = [bytes([number]) * (number * 100) for number in range(5)]
    write_records(path, [example(content, 10 - at) for at, content in enumerate(contents)])
    found, data = index(path), path.read_bytes()
    assert [one.name for one in found.entries] == [f"record {number}" for number in range(5)]
    assert [one.label for one in found.entries] == [10, 9, 8, 7, 6]
    assert [data[one.offset : one.offset + one.length] for one in found.entries] == contents


@pytest.mark.parametrize("sign", [b"\x1f\x8b", b"BZh"])
def test_a_length_that_looks_like_a_packer_is_a_length(tmp_path: Path, sign: bytes) -> None:
    length = int.from_bytes(sign, "little")
    path, rest = tmp_path / "a.tfrecord", length - len(example(bytes(length), 1))
    write_records(path, [example(bytes(length + rest), 1)])
    assert path.read_bytes().startswith(sign)
    assert [one.length for one in index(path).entries] == [length + rest]


def test_a_packed_file_is_named_by_its_packer(tmp_path: Path) -> None:
    (tmp_path / "a.tfrecord").write_bytes(gzip.compress(example(b"1", 1)))
    with pytest.raises(DataError, match=r"is compressed \(gzip\); unpack it"):
        index(tmp_path / "a.tfrecord")


def without(key: bytes) -> bytes:
    return example(b"xyz", 3).replace(key, b"x" * len(key))


def test_records_without_image_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    write_records(path, [without(IMAGE), example(b"1", 1), b""])
    found = index(path)
    assert (len(found.entries), found.without_image) == (1, 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            without(LABEL),
            r"1 of 2 images in .* have no class number: record 1; .*image/class/label",
        ),
        (example(b"", 2**40), r"record 1 has the class number 1099511627776; allowed are 0 to"),
        (b"\x0a\x05abc", r"record 1 at byte \d+ is not a tf.train.Example \(a field of 5 bytes"),
        (b"\x0b", r"is not a tf.train.Example \(wire type 3\)"),
        (b"\xff" * 12, r"is not a tf.train.Example \(a number without an end\)"),
    ],
)
def test_what_is_wrong_with_records_is_one_line(tmp_path: Path, data: bytes, message: str) -> None:
    write_records(tmp_path / "a.tfrecord", [example(b"1", 1), data])
    with pytest.raises(DataError, match=message) as caught:
        index(tmp_path / "a.tfrecord")
    assert "\n" not in str(caught.value)


@many
@given(st.integers(0, 10**6))
def test_a_file_cut_anywhere_is_refused_but_between_records(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.tfrecord"
    write_records(path, [example(bytes(100), 1)] * 3)
    data = path.read_bytes()
    size %= len(data)
    path.write_bytes(data[:size])
    if size % (len(data) // 3) == 0 and size:
        assert len(index(path).entries) == 3 * size // len(data)
    else:
        with pytest.raises(DataError, match=r"ends too early|is empty"):
            index(path)


@many
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_damage_gives_an_index_or_a_line(tmp_path: Path, place: int, change: int) -> None:
    path = tmp_path / "a.tfrecord"
    write_records(path, [example(bytes(30), 1)] * 2)
    data = bytearray(path.read_bytes())
    place %= len(data)
    data[place] ^= change
    path.write_bytes(data)
    in_length = place % (len(data) // 2) < 12
    found, why = indexed(index, path)
    assert "\n" not in why
    if in_length:
        assert "wrong checksum" in why or "compressed" in why
    if found:
        assert all(0 <= one.offset <= one.offset + one.length <= len(data) for one in found.entries)


def test_names_of_a_damaged_file_take_one_line() -> None:
    kinds = Kinds(", ")
    kinds.see(["image (bytes)", "la\nbel\x1b (int64)"])
    assert kinds.most == (
        ("image (bytes), la\N{REPLACEMENT CHARACTER}bel\N{REPLACEMENT CHARACTER} (int64)", 1),
    )
