"""Plans come from a process of its own, and so do the reasons why there are none."""

import pytest

from resnext_bench.convs.plans import planning
from resnext_bench.convs.plans.devices import described
from resnext_bench.convs.problems import Asked, by_hand
from resnext_bench.errors import CannotHere, UsageError
from tests.convs.frontend import scripted

pytestmark = pytest.mark.system
__all__ = ["scripted"]


def asked(layout: str = "nhwc") -> Asked:
    return by_hand(
        (2, 8, 9, 9),
        filters=8,
        groups=2,
        kernel=3,
        stride=1,
        padding=None,
        dtype="bf16",
        layout=layout,  # type: ignore[arg-type]
    )


def test_plans_are_listed_with_what_they_need(scripted: pytest.MonkeyPatch) -> None:
    found = planning.plan([asked("nchw")], described("h200").fields)
    assert (found.cudnn, found.frontend) == (92600, "0.0.1")
    assert [one.operation for one in found.problems] == [
        *("forward", "input gradient", "weight gradient"),
    ]
    plans = found.problems[0].plans
    assert [one.engine for one in plans] == [22, 23, 6, 5, 7, 0]
    assert plans[0].workspace == 4 * 2 * 8 * 9 * 9
    assert found.others[0][0].workspace == 0
    assert plans[1].notes == ("tensor_core", "runtime_compilation")
    assert (plans[2].workspace, plans[2].why) == (None, "not supported")
    assert plans[4].notes == ("down_convert_inputs",)
    assert [one.source for one in plans] == ["A"] * 5 + ["fallback"]


def test_a_crash_of_the_library_is_one_line(scripted: pytest.MonkeyPatch) -> None:
    scripted.setenv("SCRIPTED_CUDNN", "crash")
    with pytest.raises(CannotHere) as error:
        planning.plan([asked()], described("h200").fields)
    assert str(error.value) == (
        "cuDNN crashed while it planned (SIGABRT): *** stack smashing detected ***"
    )


def test_a_problem_that_is_refused_says_why(scripted: pytest.MonkeyPatch) -> None:
    scripted.setenv("SCRIPTED_CUDNN", "refuses")
    found = planning.plan([asked()], described("h200").fields)
    assert {one.why for one in found.problems} == {"no engine for this"}
    assert not any(one.plans for one in found.problems)


def test_a_gpu_describes_itself(scripted: pytest.MonkeyPatch) -> None:
    scripted.setenv("SCRIPTED_CUDNN", "gpu")
    assert planning.device_here()["deviceName"] == "NVIDIA Z1"
    scripted.setenv("SCRIPTED_CUDNN", "")
    with pytest.raises(CannotHere, match=r"--save-device: cuDNN finds no GPU here"):
        planning.device_here()


def test_without_the_frontend_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "is_installed", lambda _: False)
    with pytest.raises(CannotHere, match=r"pip install 'resnext-bench\[cudnn\]'"):
        planning.plan([asked()], described("h200").fields)


def test_the_planner_needs_no_package_of_ours() -> None:
    assert "resnext_bench" not in planning.PLANNER.read_text()


REFUSES = planning.Place(
    python=("sh", "-c", "echo 'RuntimeError: !json_object.HasMember(key)' >&2; exit 1"),
    libraries=(),
    advice="",
)


def test_a_description_that_cudnn_cannot_read_is_the_user_s() -> None:
    with pytest.raises(UsageError, match="--device-description: cuDNN cannot read it: it has no"):
        planning.ask({"devices": [{"deviceName": "Z"}], "problems": []}, REFUSES)
    with pytest.raises(planning.NoPlanner, match="cuDNN cannot plan here: RuntimeError"):
        planning.ask({"devices": [described("h200").fields], "problems": []}, REFUSES)


def test_without_the_frontend_it_says_what_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "is_installed", lambda name: False)
    words = r"not installed; install the extra cudnn .* convs releases lists plans .*--device cpu"
    with pytest.raises(CannotHere, match=words):
        planning.ask({})


def test_the_planner_has_time_for_each_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "LONGEST_S", 0.05)
    monkeypatch.setattr(planning, "LONGEST_EACH_S", 0.05)
    place = planning.Place(python=("sh", "-c", "sleep 30"), libraries=(), advice="")
    with pytest.raises(CannotHere, match=r"did not answer within 0\.2 s"):
        planning.ask({"problems": [{}, {}, {}]}, place)
