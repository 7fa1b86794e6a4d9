"""What is told of two runs that differ, and what is not."""

import msgspec

from resnext_bench.reports.render.runs import diff_sections
from resnext_bench.reports.schema.machine import Board, GpuFigures
from resnext_bench.reports.schema.record import Record
from resnext_bench.reports.store.differences import diff
from tests.reports.drawn import drawn
from tests.reports.made_results import made_board, made_record, made_seen, made_session


def on(*boards: Board, **changes: object) -> Record:
    environment = msgspec.structs.replace(made_record().environment, boards=boards, **changes)
    return made_record(environment=environment)


def environment(a: Record, b: Record) -> dict[str, tuple[str, str]]:
    return {one.what: (one.a, one.b) for one in diff(a, b).environment}


def test_settings_of_the_boards() -> None:
    capped = made_board(8, power_limit_w=500.0, persistence=False, compute_mode="exclusive process")
    assert environment(on(made_board(8)), on(capped)) == {
        "GPU power limit": ("700 W", "500 W"),
        "GPU persistence": ("on", "off"),
        "GPU compute mode": ("default", "exclusive process"),
    }


def test_boards_that_are_not_alike() -> None:
    mixed = on(made_board(), made_board(power_limit_w=650.5, ecc=None))
    assert environment(on(made_board()), mixed) == {
        "GPU power limit": ("700 W", "700 W, 650 W"),
        "GPU ECC": ("on", "on, not reported"),
    }


def test_another_board_of_the_same_kind_is_no_other_machine() -> None:
    assert environment(on(made_board(2)), on(made_board(2, uuids=("GPU-x", "GPU-y")))) == {}


def test_a_record_that_knows_no_boards() -> None:
    found = environment(on(), on(made_board()))
    assert found["GPU clock at most"] == ("none", "1,980 MHz")


def test_what_it_runs_under() -> None:
    found = environment(on(), on(hypervisor="QEMU", container="docker"))
    assert found == {"hypervisor": ("none", "QEMU"), "container": ("none", "docker")}


def test_load_is_no_difference() -> None:
    busy = made_record(sessions=(made_session(load_1min=9.0),))
    found = diff(made_record(), busy)
    assert (found.configuration, found.environment) == ((), ())


def test_clocks_that_may_explain_it() -> None:
    cool = made_seen(2)
    hot = made_seen(2, sm_mhz=(1755.0, 1410.0), power_w=(650.0, None), temperature_c=(54.0, 83.0))
    found = diff(
        made_record(sessions=(made_session(gpus=cool),)),
        made_record(sessions=(made_session(gpus=cool), made_session(2, gpus=hot))),
    )
    assert found.gpus_a == GpuFigures(
        sm_mhz=1755, sm_fastest_mhz=1755, power_w=1300.2, temperature_c=54
    )
    assert found.gpus_b == GpuFigures(
        sm_mhz=1410, sm_fastest_mhz=1755, power_w=(1300.2 + 650) / 2, temperature_c=83
    )
    text = " ".join(" ".join(drawn(diff_sections(found), 100)).replace("│", " ").split())
    assert "GPU MHz 1,755 1,410 -19.7 %" in text
    assert "J/image" not in text, "no figure where neither side has one"
