"""What changes from one release to the next is found, and lists stay as they were when packed."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resnext_bench.reports.schema.convs import Plan, Problem
from resnext_bench.reports.schema.releases import ReleaseLists, Standing
from resnext_bench.reports.store.release_lists import histories, packed, unpacked
from tests.reports.made_releases import MIB, SAME, made_list, made_listed


def standings(*lists: tuple[Plan, ...], limit: int = 2) -> tuple[Standing, ...]:
    changed, same = histories(made_listed(lists), limit)
    assert len(same.standings) == 1
    return changed.standings


def test_releases_with_the_same_lists_are_no_change() -> None:
    (only,) = standings(SAME, SAME, SAME)
    assert only == Standing(
        release="9.20.0.40", first="eng22_k2=5", workspace=0, largest=784 * MIB, candidates=3
    )


def test_another_first_choice_is_found_with_its_workspaces() -> None:
    moved = made_list(("eng40_k2=5", 122), ("eng22_k2=5", 0), ("eng67_k2=2", 784))
    before, now = standings(SAME, SAME, moved, moved)
    assert (before.first, before.workspace) == ("eng22_k2=5", 0)
    assert now == Standing(
        release="9.22.0.42",
        first="eng40_k2=5",
        workspace=122 * MIB,
        largest=122 * MIB,
        candidates=3,
        gone=(0, 5),
        new=(40,),
    )


def test_an_engine_that_vanishes_is_found_where_the_first_choice_stays() -> None:
    _, now = standings(SAME, SAME[:1] + SAME[2:])
    assert (now.gone, now.new, now.reordered, now.candidates) == ((67,), (), False, 2)
    assert now.largest == 0


def test_an_engine_is_found_gone_though_it_could_not_be_built() -> None:
    _, now = standings(SAME, SAME[:2] + SAME[3:])
    assert now.gone == (5,)


def test_a_workspace_that_grows_is_found() -> None:
    _, now = standings(SAME, made_list(("eng22_k2=5", 0), ("eng67_k2=2", 980)) + SAME[2:])
    assert (now.first, now.largest, now.gone, now.new) == ("eng22_k2=5", 980 * MIB, (), ())


def test_another_order_is_found() -> None:
    _, now = standings(SAME, (SAME[1], SAME[0], *SAME[2:]))
    assert now.reordered
    assert (now.first, now.workspace) == ("eng67_k2=2", 784 * MIB)


def test_other_knobs_of_the_first_choice_are_found() -> None:
    _, now = standings(SAME, (*made_list(("eng22_k2=6", 0)), *SAME[1:]))
    assert (now.first, now.gone, now.new, now.reordered) == ("eng22_k2=6", (), (), False)


@pytest.mark.parametrize(("limit", "largest"), [(1, 0), (2, 784), (0, 784)])
def test_only_plans_that_are_timed_count_for_the_largest(limit: int, largest: int) -> None:
    assert standings(SAME, limit=limit)[0].largest == largest * MIB


def test_a_problem_without_plans_has_no_first_choice() -> None:
    _, now = standings(SAME, ())
    assert (now.first, now.workspace, now.largest, now.candidates) == ("", None, 0, 0)


def test_a_change_and_its_return_are_two() -> None:
    assert [one.release for one in standings(SAME, SAME[:2], SAME)] == [
        *("9.20.0.40", "9.21.0.41", "9.22.0.42"),
    ]


def test_equal_lists_are_kept_once() -> None:
    lists = packed(made_listed([SAME, SAME, SAME[:2]], others=3))
    assert len(lists.lists) == 2
    assert lists.tags == tuple(one.tag for one in SAME)
    assert lists.of == ((0, 0, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0))


_PLAN = st.builds(
    Plan,
    tag=st.sampled_from(["eng1", "eng2_k2=1", "eng2_k2=2", "eng9_k13=-1"]),
    workspace=st.none() | st.integers(0, 2**40),
    excluded=st.sampled_from(["", "unbuilt", "down_convert", "errata"]),
)


@settings(max_examples=30)
@given(st.lists(st.lists(_PLAN, max_size=5).map(tuple), min_size=1, max_size=4))
def test_lists_are_the_same_after_packing(lists: list[tuple[Plan, ...]]) -> None:
    listed = made_listed(lists)
    stored = msgspec.json.encode(packed(listed))
    again = unpacked(msgspec.json.decode(stored, type=ReleaseLists))
    assert again == listed
    assert list(again) == list(listed)
    assert msgspec.json.encode(packed(again)) == stored


def test_nothing_is_packed_of_nothing() -> None:
    assert unpacked(packed({})) == {}
    assert histories({}, 10) == ()


def test_problems_keep_convolution_and_operation() -> None:
    listed = {"9.20.0.1": (Problem(convolution=3, operation="weight gradient", plans=SAME),)}
    assert unpacked(packed(listed)) == listed
