"""What differs between two runs: configuration, data, machine and software, and their figures.

There is no verdict: that is what `compare` is for.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from resnext_bench.reports.schema.comparison import Diff, Difference
from resnext_bench.reports.schema.machine import Board, gpu_figures
from resnext_bench.reports.schema.record import Record

_ENVIRONMENT: Final = (
    *("host", "cpu", "cores", "gpus", "kernel", "python", "hypervisor", "container"),
)
_BOARD: Final = {
    "power_limit_w": ("GPU power limit", " W"),
    "sm_max_mhz": ("GPU clock at most", " MHz"),
    "ecc": ("GPU ECC", ""),
    "persistence": ("GPU persistence", ""),
    "compute_mode": ("GPU compute mode", ""),
    "pcie_generation": ("GPU PCIe generation at most", ""),
    "pcie_width": ("GPU PCIe lanes", ""),
}
"""Settings of GPU boards that change speed, with their units."""

Facts = dict[str, str]


def facts(record: Record) -> Facts:
    """Return all that could change a figure, by name."""
    return configuration_facts(record) | environment_facts(record)


def configuration_facts(record: Record) -> Facts:
    """Return the configuration of the run, and its images."""
    config = msgspec.structs.asdict(record.resolved)
    return {
        **{name.replace("_", "-"): word(value) for name, value in config.items()},
        "data set": record.data.digest if record.data else "none",
    }


def environment_facts(record: Record) -> Facts:
    """Return the machine and the software."""
    environment = record.environment
    known = msgspec.structs.asdict(environment)
    git = environment.git or {}
    return {
        "resnext-bench": record.tool_version,
        **{name: _shown(known[name]) for name in _ENVIRONMENT},
        **_board_facts(environment.boards),
        **dict(sorted(environment.versions.items())),
        **dict(sorted(environment.variables.items())),
        "commit": git.get("commit", "none"),
        "uncommitted changes": {"true": "yes", "false": "no"}.get(git.get("dirty", ""), "none"),
    }


def _board_facts(boards: Sequence[Board]) -> Facts:
    """Return the settings of the boards, one after another where they differ."""
    return {
        name: ", ".join(dict.fromkeys(_setting(getattr(board, field), unit) for board in boards))
        for field, (name, unit) in _BOARD.items()
        if boards
    }


def _setting(value: object, unit: str) -> str:
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value:,.0f}{unit}"
    return "not reported" if value in (None, "") else word(value)


def differences(
    a: Sequence[Record], b: Sequence[Record], of: Callable[[Record], Facts] = facts
) -> tuple[Difference, ...]:
    """Return facts that are not the same in all runs of one side and all of the other."""
    facts_a, facts_b = ([of(record) for record in side] for side in (a, b))
    texts = (
        (name, _together(facts_a, name), _together(facts_b, name))
        for name in _names([*facts_a, *facts_b])
    )
    return tuple(Difference(what=name, a=one, b=two) for name, one, two in texts if one != two)


def mixed(records: Sequence[Record]) -> list[str]:
    """Return the names of the facts in which the records differ among themselves."""
    known = [facts(record) for record in records]
    return [name for name in _names(known) if len({one.get(name) for one in known}) > 1]


def word(value: object) -> str:
    """Return a field of a configuration as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "none" if value is None else str(value)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return word(value) or "none"


def _names(known: Sequence[Facts]) -> list[str]:
    return list(dict.fromkeys(name for one in known for name in one))


def _together(known: Sequence[Facts], name: str) -> str:
    return " | ".join(sorted({one.get(name, "none") for one in known}))


def diff(a: Record, b: Record, comparison: str = "") -> Diff:
    """Return what differs between two runs; of one comparison, where its id is given."""
    return Diff(
        a=a.id,
        b=b.id,
        invalid=tuple(
            f"{name} is {one.status}: {one.why or 'its record gives no reason'}"
            for name, one in (("a", a), ("b", b))
            if one.status != "ok"
        ),
        configuration=differences([a], [b], configuration_facts),
        environment=differences([a], [b], environment_facts),
        figures_a=a.figures,
        figures_b=b.figures,
        gpus_a=gpu_figures(session.gpus for session in a.counted),
        gpus_b=gpu_figures(session.gpus for session in b.counted),
        sessions=(len(a.counted), len(b.counted)),
        comparison=comparison,
    )
