"""Lists and sheets of networks, against the tables that the papers print."""

import pytest

from resnext_bench.reports.networks.architectures import model_row, model_rows, model_sheet
from resnext_bench.reports.schema.networks import ModelSheet
from resnext_bench.resnext.names import formed, names, parse


def sheet(name: str) -> ModelSheet:
    return model_sheet(parse(name))


def test_a_line() -> None:
    row = model_row(parse("resnext50_32x4d"))
    assert (row.parameters, row.image_size) == (25_028_904, 224)
    assert row.forward_flop == 2 * row.multiply_adds == 2 * 4_230_479_872
    assert row.training_flop == 25_146_851_328
    assert row.activation_bytes_mixed < row.activation_bytes < 2 * row.activation_bytes_mixed


def test_every_name_has_a_line() -> None:
    assert [row.name for row in model_rows(names())] == list(names())


def test_networks_for_other_sizes_are_left_out() -> None:
    listed = {row.name for row in model_rows(names(), 64)}
    assert set(names()) - listed == {"alexnet", "alexnet_ungrouped"}
    assert {row.image_size for row in model_rows(names(), 64)} == {64}


def test_table_1_of_resnext() -> None:
    stages = {stage.name: stage for stage in sheet("resnext50_32x4d").stages}
    assert [stage.size for stage in stages.values()] == [112, 56, 56, 28, 14, 7, 1, 1]
    assert stages["layer1"].lines == ("1x1, 128", "3x3, 128, C=32", "1x1, 256")
    assert stages["layer4"].lines == ("1x1, 1024", "3x3, 1024, C=32", "1x1, 2048")
    assert [stages[f"layer{n}"].times for n in (1, 2, 3, 4)] == [3, 4, 6, 3]
    assert (stages["conv1"].lines, stages["fc"].lines) == (("7x7/2, 64",), ("linear, 1000",))


@pytest.mark.parametrize("name", names())
def test_rows_add_up(name: str) -> None:
    found = sheet(name)
    assert sum(stage.parameters for stage in found.stages) == found.model.parameters
    assert sum(stage.multiply_adds for stage in found.stages) == found.model.multiply_adds
    assert found.gradient_bytes == found.momentum_bytes == 4 * found.model.parameters


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        ("a", ("1x1, 4", "3x3, 4", "1x1, 256", "32 paths, summed")),
        ("b", ("1x1, 4", "3x3, 4", "32 paths, concatenated", "1x1, 256")),
    ],
)
def test_forms_as_in_figure_3(form: str, lines: tuple[str, ...]) -> None:
    found = model_sheet(formed("resnext50_32x4d", form, 1000))  # type: ignore[arg-type]
    assert next(one for one in found.stages if one.name == "layer1").lines == lines
    assert f"form ({form})" in found.about
    assert found.model.parameters == 25_028_904


def test_inception_by_its_branches() -> None:
    stage = next(one for one in sheet("googlenet_root4").stages if one.name == "inception3a")
    assert stage.lines == (
        "1x1, 64",
        "1x1, 96 + 3x3, 128, C=2",
        "1x1, 16 + 5x5, 32, C=2",
        "3x3 max-pool + 1x1, 32",
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnext101_64x4d", "ResNeXt (arXiv 1611.05431, table 3), cardinality 64, width 4"),
        ("resnext29_8x64d", "ResNeXt (arXiv 1611.05431, section 5.3, CIFAR)"),
        ("resnet50", "ResNet v1.5 (arXiv 1512.03385, table 1), stride on the 3x3"),
        ("resnet200", "(arXiv 1512.03385, the template of table 1; 200 layers are not in it)"),
        ("resnext14_32x4d", "(arXiv 1611.05431, the template of table 1; 14 layers are not in it)"),
        ("resnext50_1x64d", "ResNeXt (arXiv 1611.05431, table 1), cardinality 1, width 64"),
        ("resnet50_v1", "ResNet v1 (arXiv 1512.03385, table 1), stride on the first 1x1"),
        ("resnext50_32x4d_plain", "no shortcuts"),
        ("resnet50_root16", "filter groups 16/8/4/2 (Deep Roots, arXiv 1605.06489)"),
        ("googlenet", "GoogLeNet (arXiv 1409.4842, table 1), no auxiliary classifiers"),
        ("googlenet_root8", "filter groups 8/4/2/1 (Deep Roots"),
        ("alexnet", "AlexNet (NIPS 2012, section 3.5) with two filter groups"),
        ("alexnet_ungrouped", "no filter groups"),
    ],
)
def test_where_a_network_is_from(name: str, said: str) -> None:
    assert said in sheet(name).about


def test_a_form_is_told_of_filter_groups_too() -> None:
    assert "form (a)" in model_sheet(formed("resnet50_root8", "a", 1000)).about
