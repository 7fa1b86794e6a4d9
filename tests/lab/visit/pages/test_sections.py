"""What each section makes of a visit made by hand."""

import re

import msgspec
import pytest

from resnext_bench.lab.visit.pages.convs import worst
from resnext_bench.lab.visit.pages.kernels import losses, profiles
from resnext_bench.lab.visit.pages.roofs import Roofs, training_flop
from resnext_bench.lab.visit.pages.sentences import sentences
from resnext_bench.lab.visit.results import PartResult
from resnext_bench.reports.render.model import Bullets, Fold, Strong, Table, Text
from tests.lab.visit.pages.made import part, task, training_task
from tests.lab.visit.pages.made_convs import made_convs
from tests.lab.visit.pages.made_visit import RATES, empty, made_results
from tests.lab.visit.pages.read import paragraphs, row, rows, sections_of, tables


def test_the_device_beside_its_data_sheet() -> None:
    found = sections_of(made_results())
    assert row(found, "copy, GB/s")[2:] == ["3,352", "85 %", "–"]
    products = row(found, "bf16 products, edge 8192, TFLOP/s [1, 2]")
    assert products[2:] == ["989.4", "70 %", "1.7e-03"]
    assert "clock 1,590 MHz (1,485 to 1,980)" in paragraphs(found)
    assert "[2] power cap in 86 % of the samples" in paragraphs(found)


def test_training() -> None:
    found = sections_of(made_results())
    rates, ratios, shares = rows(found, "resnext50_32x4d", "256")
    assert re.fullmatch(r"1,9\d\d \(1,9\d\d to 1,9\d\d\)", rates[2])
    assert row(found, "resnext101_32x4d", "256")[-1] == "– (out of memory)"
    assert re.match(r"0\.62\d \(0\.6\d\d to ", ratios[2])
    flop = training_flop("resnext50_32x4d", 224) or 0
    assert flop == pytest.approx(25.3e9, rel=0.02)
    mfu = 1954 * flop / 989.4e12
    assert shares[2] == f"{100 * mfu:.1f} % · 37 %"
    assert "bf16 989.4 TFLOP/s (data sheet)" in paragraphs(found)


def test_types_of_fp32_are_a_contest_of_their_own_in_the_same_tables() -> None:
    """Both have bf16 in NHWC, which their ratios are over."""
    sides = {"bf16 NHWC": 2000.0, "TF32 NHWC": 1000.0, "fp32 NHWC": 500.0}
    cells = {side: {"type": side, "model": "resnet50"} for side in sides}
    results = made_results()
    parts = results.parts["training"]
    tasks = parts.tasks | {"fp32/resnet50/256": training_task(sides, cells)}
    more = msgspec.structs.replace(parts, tasks=tasks)
    found = sections_of(msgspec.structs.replace(results, parts=results.parts | {"training": more}))
    rates, ratios, _ = rows(found, "resnet50", "256")
    assert re.match(r"(49|50)\d\.\d \(", rates[-1])
    assert re.match(r"0\.(49|50)\d \(", ratios[-2])
    assert re.match(r"0\.2[45]\d \(", ratios[-1])


def test_compiling() -> None:
    found = sections_of(made_results())
    start = ("resnext50_32x4d", "bf16 NHWC", "256")
    *_, ratio, first_s = row(found, *start, "max-autotune")
    assert re.fullmatch(r"1\.2\d\d \(1\.2\d\d to 1\.2\d\d\)", ratio)
    assert first_s == "1.9 and 163.0"
    assert row(found, *start, "compile")[-1] == "1.9 and 41.0"


def test_a_record_that_does_not_count_shows_no_rate() -> None:
    record = {"status": "invalid", "why": "cores were lost", "figures": {"images_per_s": 77.0}}
    found = sections_of(made_results(trust=part({"nodes": task({"record": record})})))
    told = row(found, "two emulated nodes")[1]
    assert told.startswith("invalid: cores were lost;")
    assert "77.00" not in told


def test_an_unknown_device_has_a_measured_peak() -> None:
    results = made_results()
    facts = msgspec.structs.replace(results.facts, device="NVIDIA Z9")
    text = paragraphs(sections_of(msgspec.structs.replace(results, facts=facts)))
    assert re.search(r"bf16 69\d\.\d TFLOP/s \(measured products\)", text)
    assert "Data sheet: none is known" in text


def test_the_tax_is_paired_and_beside_the_papers() -> None:
    found = sections_of(made_results())
    _, _, _, time, per_flop, n = row(found, "resnext50_32x4d / resnet50")
    assert re.fullmatch(r"1\.5\d\d \(1\.5\d\d to 1\.5\d\d\)", time)
    assert re.match(r"1\.4\d\d ", per_flop)
    assert n == "6"
    assert "1.36 is of ResNeXt-101 over ResNet-101" in paragraphs(found)


def test_kernels_lose_what_is_over_their_floor() -> None:
    results = made_results()
    one = profiles(results)[0]
    found = {loss.family: loss for loss in losses(one, Roofs.of(results))}
    assert next(iter(found)) == "convolutions"
    assert found["convolutions"].took_ms == pytest.approx(0.496 * 131.9, rel=1e-6)
    assert 0 < found["batch norm"].floor_ms < found["batch norm"].took_ms
    assert found["idle"].lost_ms == pytest.approx(0.044 * 131.9, rel=1e-6)


def test_convs() -> None:
    found = sections_of(made_results())
    ratio, over, other, off = row(found, "128@56 ×3", "weight gradient")[4:]
    assert re.fullmatch(r"0\.58\d \(0\.5\d\d to 0\.5\d\d\)", ratio)
    assert (over, other[:3], off) == ("4.20", "7.1", "1.9e-03")
    assert "limit 10: 18 of 30; no limit: 0 of 30" in paragraphs(found)
    assert any("2 in 3 choices" in each for each in rows(found))
    ran = next(each for each in rows(found) if each[0].startswith("sm80_xmma_wgrad_implicit_gemm"))
    assert ran[1:3] == ["yes", "NHWC"]
    assert ran[3].startswith("128@56 weight gradient")
    lost = worst(made_results())
    assert lost is not None
    assert (lost.layer, lost.direction, lost.count) == ("128@56", "weight gradient", 3)


def test_other_types_are_folded() -> None:
    tasks = made_convs()
    tasks |= {key.replace("bf16", "fp32"): task for key, task in tasks.items()}
    found = sections_of(made_results(convs=part(tasks)))
    (fold,) = (one for one in found if isinstance(one, Fold))
    shown = [one.title for one in found if isinstance(one, Table) and one.title]
    assert shown == ["bf16, batch 256"]
    assert fold.summary == "The same in fp32"
    assert [table.title for table in tables(fold.sections)] == ["fp32, batch 256"]
    assert row(found, "fp32", "NHWC")[2] == "15"


def test_a_poisoned_choice_is_not_the_best() -> None:
    tasks = made_convs()
    key = "bf16/128@56"
    found = tasks[key].found
    gone = {
        name: choice | {"poisoned": "NHWC" in name, "graph": "NHWC" in name}
        for name, choice in found["choices"].items()
    }
    tasks[key] = msgspec.structs.replace(tasks[key], found=found | {"choices": gone})
    shown = sections_of(made_results(convs=part(tasks)))
    forward = row(shown, "128@56 ×3 [1, 2]", "forward")
    assert forward[2] == "–"
    assert forward[4:6] == ["–", "–"]
    assert "[1] 21 wrong results are not shown" in paragraphs(shown)
    assert "[2] 21 of 42 choices were timed without a CUDA graph" in paragraphs(shown)


def test_sentences_say_what_intervals_tell() -> None:
    first, second, third = paragraphs(sentences(made_results())).splitlines()
    assert "bf16 NHWC and fp16 NHWC, which intervals cannot tell apart" in first
    assert "46 % (resnet50" in second
    assert "attack first in resnext50_32x4d: convolutions" in third
    assert "the weight gradient of 128@56 loses most" in third


def test_sentences_stress_what_they_tell() -> None:
    (found,) = sentences(made_results())
    assert isinstance(found, Bullets)
    strong = [
        [piece.text for piece in item.pieces if isinstance(piece, Strong)]
        for item in found.items
        if isinstance(item, Text)
    ]
    assert strong == [
        ["bf16 NHWC and fp16 NHWC", "fp16 NHWC"],
        ["31 %", "46 %"],
        ["convolutions"],
    ]


def test_sentences_need_their_parts() -> None:
    assert not [*sentences(empty())]
    without = made_results(device=PartResult(), kernels=PartResult())
    assert len(paragraphs(sentences(without)).splitlines()) == 1
    one = training_task(RATES, {})
    one.found["seconds"] = one.found["seconds"][:1]
    alone = made_results(device=PartResult(), training=part({"types/resnext50_32x4d/256": one}))
    assert "intervals cannot tell which is fastest" in paragraphs(sentences(alone))
