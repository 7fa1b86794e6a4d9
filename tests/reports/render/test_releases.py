"""What a report on releases says: where choices change, which engines go, what failed."""

from resnext_bench.reports.render.markdown import markdown
from resnext_bench.reports.render.releases import NOT_TIMED, sections
from resnext_bench.reports.schema.releases import Release, Releases
from tests.reports.made_releases import SAME, made_list, made_listed, made_releases

MOVED = made_list(("eng40_k2=5", 122), ("eng22_k2=5", 0), ("eng67_k2=2", 784), ("eng0", 0))


def told(record: Releases) -> list[str]:
    return [line.replace("\\", "") for line in markdown(sections(record)).splitlines() if line]


def test_a_change_is_told_with_release_engines_and_memory() -> None:
    lines = told(made_releases(made_listed([SAME, SAME, MOVED])))
    assert lines[0] == (
        "**resnext50_32x4d on NVIDIA H200, cuDNN 9.20.0 to 9.22.0: the first choice becomes "
        "another engine in 1 of 2 problems**"
    )
    assert "| 9.21.0 |  |  |  |  |  |  |" in lines
    assert "| 9.22.0 |  | 1 |  | 1 | 1 |  |" in lines
    moved = "| layer1.0.conv2 | input gradient | 9.22.0 | eng22 → eng40 | 0 → 122 | 784 → 122 |"
    assert moved in lines
    assert "| 9.22.0 | input gradient | 5 x1 | 40 x1 |" in lines
    assert NOT_TIMED in lines


def test_memory_that_grows_is_counted() -> None:
    grown = made_list(("eng22_k2=6", 0), ("eng67_k2=2", 980)) + SAME[2:]
    lines = told(made_releases(made_listed([SAME, grown])))
    assert "| 9.21.0 |  |  | 1 |  |  | 1 |" in lines
    assert "| layer1.0.conv2 | input gradient | 9.21.0 | eng22 | 0 | 784 → 980 |" in lines


def test_that_nothing_changes_is_said() -> None:
    lines = told(made_releases(made_listed([SAME, SAME])))
    assert "another engine in 0 of 2 problems" in lines[0]
    assert "No first choice becomes another engine, and no workspace changes." in lines
    assert NOT_TIMED not in lines
    assert not any(line.startswith("|") for line in lines)


def test_engines_that_come_behind_the_first_change_no_choice() -> None:
    more = (*SAME[:2], *made_list(("eng9", 0)), *SAME[2:])
    lines = told(made_releases(made_listed([SAME, more])))
    assert "| 9.21.0 |  |  |  |  | 1 |  |" in lines
    assert NOT_TIMED not in lines


def test_a_release_that_failed_is_named_and_the_others_are_shown() -> None:
    listed = made_listed([SAME, MOVED])
    good = [Release(version=one) for one in listed]
    bad = Release(version="9.20.5.1", why="cuDNN crashed while it planned (SIGABRT): it said")
    lines = told(made_releases(listed, releases=(good[0], bad, good[1])))
    assert "| 9.20.5 |  | – | – | – | – | – |" in lines
    assert "**note** cuDNN 9.20.5.1: cuDNN crashed while it planned (SIGABRT): it said" in lines
    assert "cuDNN 9.20.0 to 9.21.0" in lines[0]


def test_which_torch_installs_a_release_is_told() -> None:
    releases = (Release(version="9.20.0.40", torch=("2.12.0", "2.13.0")),)
    lines = told(made_releases(made_listed([SAME]), releases=releases))
    assert "| 9.20.0 | 2.12.0, 2.13.0 |  |  |  |  |  |" in lines
    assert "cuDNN 9.20.0 alone" in lines[0]


def test_where_no_release_gave_lists_that_is_all() -> None:
    why = "no release of cuDNN gave a list: it cannot be installed"
    lines = told(made_releases({}, status="failed", why=why))
    assert lines[0] == f"**{why}**"
    assert not any(line.startswith("|") for line in lines)
