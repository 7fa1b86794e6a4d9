"""The sides of an attribution: what differs between them, and when a queue is left full."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from resnext_bench import tokens
from resnext_bench.config.attribution import other_threads
from resnext_bench.errors import CannotHere
from resnext_bench.launch.watch import SessionFailed
from resnext_bench.machine.inventory import inspect
from resnext_bench.reports.schema.record import Failure
from resnext_bench.session import attribution as under_test
from resnext_bench.session.attribution import attributed_session, sides_of
from resnext_bench.session.recording import Recording
from resnext_bench.session.setup import Setup, set_up
from resnext_bench.session.turns.rounds import Rounds
from tests.reports.made_results import even_samples, made_result

STEPS = [10, 10, 20, 20, 20, 20]


@pytest.fixture
def run(tmp_path: Path) -> Recording:
    request = {
        "pipeline": "torchvision",
        "device": "cpu",
        "model": "resnext14_4x4d",
        "attribution_rounds": 2,
        "loader_threads": 1,
        "steps": 7,
    }
    setup = set_up(request, inspect(), root=tmp_path, command=(), tell=lambda *_: None)
    return Recording(setup=setup)


def differing(run: Setup, other: Setup) -> dict[str, object]:
    ours, theirs = (msgspec.structs.asdict(each.config) for each in (run, other))
    return {name: theirs[name] for name in ours if ours[name] != theirs[name]}


def test_sides_differ_in_one_thing_each(run: Recording) -> None:
    setup = run.setup
    sides = sides_of(setup)
    assert sides["real"] is setup
    changed = {name: differing(setup, side) for name, side in sides.items()}
    assert changed["synthetic"] == {"pipeline": "synthetic", "decode": "none", "data": None}
    assert changed["loader"] == {}
    assert sides["loader"].part == "load"
    assert sides["synthetic"].part == "train"
    assert sides["synthetic"].data is None
    cores = len(setup.topology.places[0].cores)
    assert setup.other_threads == other_threads(setup.config, cores)
    assert [side.other_threads for side in sides.values() if side is not setup] == [0] * 2
    assert setup.job(1, 1.0).other_threads == setup.other_threads
    assert "copy" not in sides, "a CPU copies nothing"
    folders = [side.folder for side in sides.values()]
    assert len(set(folders)) == len(sides)
    assert all(setup.folder in (folder, folder.parent) for folder in folders)


def play(run: Recording, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Play it with made results; returns what `play_rounds` was told."""
    told: dict[str, object] = {}

    def play_rounds(runs: list[Setup], number: int, **how: object) -> Rounds:
        told.update(how, sides=len(runs), number=number)
        also = (35.0, 19.0)[: len(how["also"])]  # type: ignore[arg-type]
        return Rounds(
            step_ms=((20.0,) * len(runs) + also,) * 2,
            block_steps=(2,) * len(runs),
            results=tuple(made_result(even_samples(0, STEPS)) for _ in runs),
            quiet_percent=5.0,
            built_s=(3.0,) * len(runs),
        )

    monkeypatch.setattr(under_test, "play_rounds", play_rounds)
    run.sides.append(attributed_session(run, 1, lambda *_: None))
    return told


def test_the_run_keeps_its_own_side(run: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    told = play(run, monkeypatch)
    assert (told["rounds"], told["number"]) == (2, 1)
    run.session_folder(1).path.mkdir(exist_ok=True)
    (session,) = run.sessions
    assert session.figures.steps == 4, "the first block does not count"
    assert session.figures.step_ms_mean == 20
    assert session.launch_s == 3.0
    record = run.close("ok", "", None)
    assert record.attribution
    assert record.attribution.cost_ms.value == 0
    real = list(sides_of(run.setup)).index("real")
    flags = [tokens.DOUBLE, *([tokens.OTHER] if run.setup.other_threads else [])]
    assert told["also"] == [(real, flag) for flag in flags]
    double = record.attribution.side("double")
    assert double
    assert (double.step_ms, double.wait_ms, double.cores) == (((35.0, 35.0),), ((),), None)
    assert record.attribution.predictions[0].images_per_s.value == pytest.approx(
        2e3 * run.config.global_batch_size / 35
    )
    notes = " ".join(record.notes)
    assert "--steps has no effect with --attribute" in notes
    assert "waiting sides used 5.0 % of a rank's cores" in notes


def test_a_queue_stays_full_where_the_loader_is_ahead(
    run: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = play(run, monkeypatch)["full"]
    names = list(sides_of(run.setup))
    real, double = names.index("real"), len(names)
    other = [double + 1] if run.setup.other_threads else []
    cases = ((20.0, [real, double, *other]), (30.0, [real, *other]), (70.0, []))
    for loader, expected in cases:
        last = {"synthetic": 50.0, "loader": loader, "real": 80.0}
        lengths = [*(last[name] for name in names), 90.0, *([40.0] if other else [])]
        assert full(lengths) == expected  # type: ignore[operator]


def test_a_queue_of_fewer_threads_is_not_taken_for_full(
    run: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the same rate each, half as many take twice as long."""
    setup = run.setup
    config = msgspec.structs.replace(run.config, loader_threads=2)
    real = replace(setup, resolved=replace(setup.resolved, config=config), other_threads=1)
    sides = {"synthetic": setup, "loader": setup, "real": real}
    full = under_test._ahead(sides, ["other_threads"])
    assert full([50.0, 20.0, 60.0, 60.0]) == [2, 3]
    assert full([50.0, 30.0, 60.0, 60.0]) == [2]


def test_memory_for_all_sides(run: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    failure = Failure(rank=0, kind="out_of_memory", what="rank 0: gone", log="", log_tail=())

    def play_rounds(*_: object, **__: object) -> None:
        raise SessionFailed(failure)

    monkeypatch.setattr(under_test, "play_rounds", play_rounds)
    with pytest.raises(CannotHere, match=r"memory cannot hold . sides at once .*lower --ba"):
        attributed_session(run, 1, lambda *_: None)
