"""What a run's record says of its network, and MFU."""

import pytest

from resnext_bench.reports.figures.cost import cost_of, layers_of, predicted_memory
from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.samples import SessionResult
from tests.reports.made_results import even_samples, made_config, made_facts, made_result


def result(*rates: float | None, device_name: str = "") -> SessionResult:
    samples = [even_samples(rank, [10, 10]) for rank in range(len(rates))]
    facts = [made_facts(rank, matmul_tflops=rate) for rank, rate in enumerate(rates)]
    made = made_result(*samples, facts=facts)
    return SessionResult(
        samples=made.samples, facts=made.facts, versions={}, device_name=device_name
    )


def test_flop_of_the_run_as_it_is() -> None:
    cost = cost_of(made_config(), [result(0.5, 0.7)], 10.0, 2)
    assert cost is not None
    macs = 4_230_479_872 - 1000 * 2048
    at_128 = macs * 128**2 // 224**2 + 8 * 2048
    stem = 7 * 7 * 3 * 64 * 64**2
    assert round(1e9 * cost.training_gflop) == 2 * (3 * at_128 - stem)
    assert cost.parameters == 25_028_904 - 992 * 2049


def test_mfu_by_what_was_measured() -> None:
    cost = cost_of(made_config(), [result(0.5, 0.6), result(0.5, 0.7)], 10.0, 2)
    assert cost is not None
    assert cost.peak_tflops == pytest.approx(1.2)
    assert cost.peak_source == "a large matrix product in bf16, measured after the window"
    assert cost.mfu_percent == pytest.approx(100 * 10 * cost.training_gflop / 1200)


def test_mfu_by_the_data_sheet() -> None:
    config = made_config(device="cuda")
    cost = cost_of(config, [result(500.0, 600.0, device_name="NVIDIA H200")], 20_000.0, 2)
    assert cost is not None
    assert cost.peak_tflops == pytest.approx(2 * 989.4)
    assert (
        cost.peak_source == "989.4 TFLOP/s of bf16 each, NVIDIA H200 data sheet, without sparsity"
    )


@pytest.mark.parametrize(
    ("changes", "dtype"),
    [
        ({"amp_dtype": "none"}, "fp32"),
        ({"amp_dtype": "none", "tf32": True}, "tf32"),
        ({"amp_dtype": "fp16", "tf32": True}, "fp16"),
    ],
)
def test_the_rate_is_that_of_the_type(changes: dict[str, object], dtype: str) -> None:
    config = made_config(device="cuda", **changes)
    cost = cost_of(config, [result(1.0, device_name="NVIDIA H200")], 10.0, 1)
    assert cost is not None
    assert f" of {dtype} each" in cost.peak_source


def test_a_gpu_without_a_data_sheet_is_measured() -> None:
    cost = cost_of(made_config(device="cuda"), [result(60.0, device_name="GeForce 1")], 10.0, 1)
    assert cost is not None
    assert cost.peak_tflops == 60.0


@pytest.mark.parametrize(
    "results", [[], [result(0.5, None)]], ids=["no session", "a rank without a rate"]
)
def test_no_mfu_without_a_rate(results: list[SessionResult]) -> None:
    cost = cost_of(made_config(), results, 10.0, 2)
    assert cost is not None
    assert (cost.peak_tflops, cost.mfu_percent, cost.peak_source) == (None, None, "")
    assert cost.predicted_gib is not None


@pytest.mark.parametrize("model", ["torchvision:resnet50", "nets.small:Net"])
def test_of_others_networks_nothing_is_known(model: str) -> None:
    config = made_config(model=model)
    assert layers_of(config) is None
    assert predicted_memory(config) is None
    assert cost_of(config, [result(0.5)], 10.0, 1) is None


def peak(**changes: object) -> int | None:
    memory = predicted_memory(made_config(**changes))
    return memory.peak if memory else None


def test_memory_follows_the_configuration() -> None:
    usual = peak()
    parameters = 4 * (25_028_904 - 992 * 2049)
    assert usual is not None
    alone = peak(engine="none")
    assert alone is not None
    assert usual - alone == parameters
    with_momentum, without = peak(engine="none"), peak(engine="none", momentum=0.0)
    assert with_momentum is not None
    assert without is not None
    assert with_momentum - without >= parameters
    assert peak(amp_dtype="none", batch_size=32) > peak(batch_size=32)  # type: ignore[operator]
    assert peak(form="a") != usual
    assert peak(gradient_as_bucket_view=True) < usual  # type: ignore[operator]
    assert peak(device="cuda") is not None


@pytest.mark.parametrize("changes", [{"engine": "deepspeed"}, {"compile_mode": "default"}])
def test_where_memory_is_not_known(changes: dict[str, object]) -> None:
    assert peak(**changes) is None
    cost = cost_of(made_config(**changes), [], None, 1)
    assert cost is not None
    assert cost.predicted_gib is None


def test_ours_alone_have_forms() -> None:
    config: RunConfig = made_config(model="alexnet", image_size=227)
    layers = layers_of(config)
    assert layers is not None
    assert layers[-1].leaving.channels == 8


def test_a_foreign_network_as_it_was_counted() -> None:
    config = made_config(model="torchvision:resnet18")
    assert cost_of(config, [result(0.5)], 10.0, 1) is None
    facts = [made_facts(0, matmul_tflops=0.5, image_flop=3_000_000_000, parameters=17)]
    made = made_result(even_samples(0, [10, 10]), facts=facts)
    cost = cost_of(config, [made], 10.0, 1)
    assert cost is not None
    assert (cost.parameters, cost.training_gflop, cost.predicted_gib) == (17, 3.0, None)
    assert cost.mfu_percent == pytest.approx(6.0)
    assert cost_of(config, [], None, 1) is None
