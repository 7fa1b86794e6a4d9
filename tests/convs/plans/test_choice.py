"""Which plans PyTorch takes."""

import pytest

from resnext_bench.config.errata import Rule
from resnext_bench.convs.plans.choice import Settings, excluded, judged, with_transposes
from resnext_bench.reports.schema.convs import Plan
from resnext_bench.resnext.traffic import Dtype


def settings(dtype: Dtype = "bf16", *rules: Rule, deterministic: bool = False) -> Settings:
    return Settings(operation="forward", dtype=dtype, deterministic=deterministic, rules=rules)


def plan(*notes: str, tag: str = "eng23_k2=1", workspace: int | None = 0) -> Plan:
    return Plan(tag=tag, workspace=workspace, notes=notes)


@pytest.mark.parametrize(("dtype", "why"), [("fp32", "tf32"), ("tf32", ""), ("bf16", "")])
def test_tensor_cores_compute_fp32_only_as_tf32(dtype: Dtype, why: str) -> None:
    assert excluded(plan("tensor_core"), settings(dtype)) == why


def test_inputs_are_never_rounded() -> None:
    for dtype in ("fp32", "tf32", "bf16"):
        assert excluded(plan("down_convert_inputs"), settings(dtype)) == "down_convert"  # type: ignore[arg-type]


def test_what_is_not_deterministic_is_left_out_on_demand() -> None:
    assert excluded(plan("nondeterministic"), settings()) == ""
    assert excluded(plan("nondeterministic"), settings(deterministic=True)) == "deterministic"


def test_what_cannot_be_built_is_no_candidate() -> None:
    assert excluded(plan(workspace=None), settings()) == "unbuilt"


def test_a_rule_blocks_an_engine_and_no_other() -> None:
    rule = Rule(operation="ConvFwd", engine=23)
    assert excluded(plan(), settings("bf16", rule)) == "errata"
    assert excluded(plan(tag="eng23"), settings("bf16", rule)) == "errata"
    assert excluded(plan(tag="eng2_k3=0"), settings("bf16", rule)) == ""
    assert excluded(plan(tag="eng231"), settings("bf16", rule)) == ""
    other = Rule(operation="ConvBwdData", engine=23)
    assert excluded(plan(), settings("bf16", other)) == ""


def test_a_rule_may_name_a_knob() -> None:
    rule = Rule(operation="ConvFwd", engine=23, knob=("k2=1",))
    found = judged([plan(), plan(tag="eng23_k2=7")], settings("bf16", rule))
    assert [one.excluded for one in found] == ["errata", ""]


def test_transposes_are_what_the_other_layout_does_not_need() -> None:
    mine = [plan(tag="eng1", workspace=100), plan(tag="eng2", workspace=20), plan(tag="eng3")]
    others = [plan(tag="eng1", workspace=3), plan(tag="eng2", workspace=0)]
    found = with_transposes([*mine, plan(tag="eng1", workspace=None)], others, 50)
    assert [one.transposes for one in found] == [97, 0, 0, 0]
