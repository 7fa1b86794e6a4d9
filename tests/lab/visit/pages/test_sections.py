"""What each section makes of a visit made by hand."""

import re

import msgspec
import pytest

from resnext_bench.lab.visit.pages.convs import worst
from resnext_bench.lab.visit.pages.kernels import losses, profiles
from resnext_bench.lab.visit.pages.page import page
from resnext_bench.lab.visit.pages.roofs import Roofs, training_flop
from resnext_bench.lab.visit.pages.sentences import sentences
from resnext_bench.lab.visit.results import PartResult, Results
from tests.lab.visit.pages.made import part, task, training_task
from tests.lab.visit.pages.made_convs import made_convs
from tests.lab.visit.pages.made_visit import RATES, empty, made_results


def text_of(results: Results) -> str:
    return page({"made": results})


def line(text: str, start: str) -> str:
    return next(one for one in text.splitlines() if one.startswith(start))


def test_the_device_beside_its_data_sheet() -> None:
    text = text_of(made_results())
    assert "| 3,352 | 85 % |" in line(text, "| copy, GB/s |")
    assert "| 989.4 | 70 % | 1.7e-03 |" in line(text, "| bf16 products")
    assert "clock 1,590 MHz (1,485 to 1,980)" in text
    assert "[2] power cap in 86 % of the samples" in text


def test_training() -> None:
    text = text_of(made_results())
    assert re.search(r"\| `resnext50_32x4d` \| 256 \| 1,9\d\d \(1,9\d\d to 1,9\d\d\) \|", text)
    assert "– (out of memory)" in text
    assert re.search(r"\| `resnext50_32x4d` \| 256 \| 0\.62\d \(0\.6\d\d to ", text)
    flop = training_flop("resnext50_32x4d", 224) or 0
    assert flop == pytest.approx(25.3e9, rel=0.02)
    mfu = 1954 * flop / 989.4e12
    assert f"| {100 * mfu:.1f} % · 37 % |" in text
    assert "bf16 989.4 TFLOP/s (data sheet)" in text


def test_types_of_fp32_are_a_contest_of_their_own_in_the_same_tables() -> None:
    """Both have bf16 in NHWC, which their ratios are over."""
    sides = {"bf16 NHWC": 2000.0, "TF32 NHWC": 1000.0, "fp32 NHWC": 500.0}
    cells = {side: {"type": side, "model": "resnet50"} for side in sides}
    results = made_results()
    parts = results.parts["training"]
    tasks = parts.tasks | {"fp32/resnet50/256": training_task(sides, cells)}
    more = msgspec.structs.replace(parts, tasks=tasks)
    text = text_of(msgspec.structs.replace(results, parts=results.parts | {"training": more}))
    rows = [one for one in text.splitlines() if one.startswith("| `resnet50` | 256 |")]
    assert any(re.search(r"\| [\d,.]+ \(.*\| (49|50)\d\.\d \(", row) for row in rows), rows
    assert any(re.search(r"\| 0\.(49|50)\d \(.*\| 0\.2[45]\d \(", row) for row in rows), rows


def test_compiling() -> None:
    text = text_of(made_results())
    row = line(text, "| `resnext50_32x4d` | bf16 NHWC | 256 | max-autotune |")
    assert re.search(r"\| 1\.2\d\d \(1\.2\d\d to 1\.2\d\d\) \| 1\.9 and 163\.0 \|", row)
    assert line(text, "| `resnext50_32x4d` | bf16 NHWC | 256 | compile |").endswith("41.0 |")


def test_a_record_that_does_not_count_shows_no_rate() -> None:
    record = {"status": "invalid", "why": "cores were lost", "figures": {"images_per_s": 77.0}}
    text = text_of(made_results(trust=part({"nodes": task({"record": record})})))
    assert "| two emulated nodes | invalid: cores were lost;" in text
    assert "77.00" not in text


def test_an_unknown_device_has_a_measured_peak() -> None:
    results = made_results()
    facts = msgspec.structs.replace(results.facts, device="NVIDIA Z9")
    text = text_of(msgspec.structs.replace(results, facts=facts))
    assert re.search(r"bf16 69\d\.\d TFLOP/s \(measured products\)", text)
    assert "Data sheet: none is known" in text


def test_the_tax_is_paired_and_beside_the_papers() -> None:
    text = text_of(made_results())
    assert re.search(r"\| 1\.5\d\d \(1\.5\d\d to 1\.5\d\d\) \| 1\.4\d\d ", text)
    assert "1.36 is of ResNeXt-101 over ResNet-101" in text


def test_kernels_lose_what_is_over_their_floor() -> None:
    results = made_results()
    one = profiles(results)[0]
    found = {loss.family: loss for loss in losses(one, Roofs.of(results))}
    assert next(iter(found)) == "convolutions"
    assert found["convolutions"].took_ms == pytest.approx(0.496 * 131.9, rel=1e-6)
    assert 0 < found["batch norm"].floor_ms < found["batch norm"].took_ms
    assert found["idle"].lost_ms == pytest.approx(0.044 * 131.9, rel=1e-6)


def test_convs() -> None:
    text = text_of(made_results())
    row = next(one for one in text.splitlines() if "128@56 ×3 | weight gradient" in one)
    assert re.search(r"0\.58\d \(0\.5\d\d to 0\.5\d\d\) \| 4\.20 \| 7\.1\d \| 1\.9e-03 \|", row)
    assert "limit 10: 18 of 30; no limit: 0 of 30" in text
    assert "2 in 3 choices" in text
    assert line(text, "| `sm80_xmma_wgrad_implicit_gemm").count("| yes | NHWC | 128@56 w") == 1
    lost = worst(made_results())
    assert lost is not None
    assert (lost.layer, lost.direction, lost.count) == ("128@56", "weight gradient", 3)


def test_other_types_are_folded() -> None:
    tasks = made_convs()
    tasks |= {key.replace("bf16", "fp32"): task for key, task in tasks.items()}
    text = text_of(made_results(convs=part(tasks)))
    before, _, after = text.partition("<details><summary>The same in fp32</summary>")
    assert "**bf16, batch 256**" in before
    assert "**fp32, batch 256**" not in before
    assert "**fp32, batch 256**" in after.partition("</details>")[0]
    assert "| fp32 | NHWC | 15 |" in text


def test_a_poisoned_choice_is_not_the_best() -> None:
    tasks = made_convs()
    key = "bf16/128@56"
    found = tasks[key].found
    gone = {
        name: choice | {"poisoned": "NHWC" in name, "graph": "NHWC" in name}
        for name, choice in found["choices"].items()
    }
    tasks[key] = msgspec.structs.replace(tasks[key], found=found | {"choices": gone})
    text = text_of(made_results(convs=part(tasks)))
    row = line(text, "| 128@56 ×3 [1, 2] | forward")
    assert row.split(" | ")[2] == "–"
    assert row.split(" | ")[4:6] == ["–", "–"]
    assert "[1] 21 wrong results are not shown" in text
    assert "[2] 21 of 42 choices were timed without a CUDA graph" in text


def test_sentences_say_what_intervals_tell() -> None:
    first, second, third = sentences(made_results()).splitlines()
    assert "**bf16 NHWC and fp16 NHWC**, which intervals cannot tell apart" in first
    assert "**46 %** (`resnet50`" in second
    assert "attack first in `resnext50_32x4d`: **convolutions**" in third
    assert "the weight gradient of 128@56 loses most" in third


def test_sentences_need_their_parts() -> None:
    assert sentences(empty()) == ""
    without = made_results(device=PartResult(), kernels=PartResult())
    assert len(sentences(without).splitlines()) == 1
    one = training_task(RATES, {})
    one.found["seconds"] = one.found["seconds"][:1]
    alone = made_results(device=PartResult(), training=part({"types/resnext50_32x4d/256": one}))
    assert "intervals cannot tell which is fastest" in sentences(alone)
