"""The small network, whatever was asked for."""

from resnext_bench.lab.campaigns.small_worker import build_small
from resnext_bench.worker.training import build_model
from tests.worker.made_training import CPU, made_config


def test_one_block_with_the_classes_asked_for() -> None:
    config = made_config()
    small, asked = build_small(config, CPU), build_model(config, CPU)
    counts = [sum(one.numel() for one in network.parameters()) for network in (small, asked)]
    assert counts[0] < counts[1]
    assert [name for name, _ in small.named_modules() if name.endswith(".conv2")] == [
        "layer1.0.conv2"
    ]
    assert small.get_submodule("fc").out_features == config.classes
