"""Records of convolutions, whose plans stand beside them."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from resnext_bench.reports.errors import StoreError
from resnext_bench.reports.schema.convs import Convs
from resnext_bench.reports.schema.convs_kind import CONVS
from resnext_bench.reports.store import marks, runs
from resnext_bench.reports.store.prune import plan, remove
from resnext_bench.reports.store.selection import Selection, select
from resnext_bench.reports.store.tables import ask
from tests.reports.made_convs import CONVS_ID, made_convs, made_problem

GOLDEN = Path(__file__).parent.parent / "schema" / "golden"
FILE = "plans.msgpack"
MOST_BYTES = 100_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / CONVS_ID
    found.mkdir()
    return found


def rows(root: Path, sql: str = "SELECT plan FROM convs") -> int:
    return len(ask(root, list(runs.scan(root)), sql).rows)


def test_what_is_saved_is_what_is_loaded(folder: Path) -> None:
    saved = runs.save(folder, made_convs())
    assert isinstance(saved, Convs)
    assert runs.load(folder) == saved
    assert [one.name for one in saved.files] == [FILE]
    assert saved.problems == made_convs().problems
    assert runs.save(folder, saved) == saved


def test_a_record_of_all_plans_of_a_network_is_short(folder: Path) -> None:
    """ResNet-50 has about twenty convolutions, with some thirty plans for each operation."""
    (first,) = made_problem().plans[:1]
    problem = made_problem(plans=(first,) * 40)
    record = made_convs(problems=(problem,) * 60)
    assert len(msgspec.json.encode(record)) > MOST_BYTES
    runs.save(folder, record)
    assert (folder / runs.RECORD).stat().st_size < MOST_BYTES
    assert runs.load_kind(folder, CONVS).problems == record.problems


def test_plans_are_written_before_the_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is killed in between leaves an unfinished run, and no record without plans."""

    def killed(path: Path, data: bytes) -> None:
        assert path.name == runs.RECORD
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        runs.save(folder, made_convs())
    assert [path.name for path in folder.iterdir()] == [FILE]
    (left,) = runs.scan(folder.parent)
    assert isinstance(left, runs.Unfinished)


def spoil(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
        return
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data[:-1] if how == "cut" else data)


@pytest.mark.parametrize("how", ["missing", "cut", "changed"])
def test_a_record_without_its_plans_is_listed_and_marked(folder: Path, how: str) -> None:
    root = folder.parent
    runs.save(folder, made_convs())
    spoil(folder / FILE, how)
    with pytest.raises(StoreError) as refused:
        runs.load(folder)
    said = str(refused.value)
    assert str(folder / FILE) in said
    assert "the plans sto" in said or "the plans stand there" in said
    assert "\n" not in said

    (listed,) = runs.scan(root)
    assert isinstance(listed, Convs)
    assert select([listed], Selection(where="model LIKE 'resnext50%'"), root) == [listed]
    assert rows(root, "SELECT id FROM runs") == 1
    assert marks.tag(folder, ("kept",)) == ("kept",)

    answer = ask(root, [listed], "SELECT * FROM convs")
    assert (answer.rows, answer.left_out) == ((), (said,))
    pruning = plan(root, [listed])
    remove(pruning)
    assert not folder.exists()


def test_queries_read_plans_for_who_asks(folder: Path) -> None:
    root = folder.parent
    runs.save(folder, made_convs())
    assert rows(root) == 24
    assert rows(root, 'SELECT r.id FROM runs r JOIN "convs" c ON c.run = r.id') == 24
    spoil(folder / FILE, "missing")
    other = ask(root, list(runs.scan(root)), "SELECT id FROM runs")
    assert other.left_out == ()


def test_a_record_that_holds_its_plans_is_still_read(tmp_path: Path) -> None:
    raw: dict[str, Any] = json.loads((GOLDEN / "convs-v1.json").read_text())
    folder = tmp_path / raw["id"]
    folder.mkdir()
    (folder / runs.RECORD).write_bytes((GOLDEN / "convs-v1.json").read_bytes())
    found = runs.load(folder)
    assert isinstance(found, Convs)
    plans = [len(one["plans"]) for one in raw["problems"]]
    assert [len(one.plans) for one in found.problems] == plans
    assert rows(tmp_path) == sum(plans) > 0


def test_the_golden_record_with_its_plans_is_still_read(tmp_path: Path) -> None:
    raw: dict[str, Any] = json.loads((GOLDEN / "convs-v2.json").read_text())
    folder = tmp_path / raw["id"]
    folder.mkdir()
    (folder / runs.RECORD).write_bytes((GOLDEN / "convs-v2.json").read_bytes())
    (folder / FILE).write_bytes((GOLDEN / "convs-v2-plans.msgpack").read_bytes())
    found = runs.load_kind(folder, CONVS)
    golden = msgspec.msgpack.decode((folder / FILE).read_bytes())
    plans = [one["plans"] for one in golden["problems"]]
    assert plans == msgspec.msgpack.decode(
        msgspec.msgpack.encode([one.plans for one in found.problems])
    )
    assert rows(tmp_path) == sum(map(len, plans)) > 0


def test_a_tag_changes_the_record_alone(folder: Path) -> None:
    runs.save(folder, made_convs())
    before = (folder / FILE).read_bytes()
    marks.tag(folder, ("nightly",))
    assert (folder / FILE).read_bytes() == before
    found = runs.load(folder)
    assert isinstance(found, Convs)
    assert (found.tags, found.problems) == (("nightly",), made_convs().problems)
