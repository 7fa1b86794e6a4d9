"""The record of plans over releases of a library: where first choices, engines, workspaces change.

The record holds what changes from each release to the next; the lists themselves are in a file
beside it. As its plans, they are those of PyTorch's choice among what the library lists.
"""

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from resnext_bench.reports.schema.convs import (
    Convolution,
    Excluded,
    PlannedDevice,
    Problem,
    TorchSettings,
)
from resnext_bench.reports.schema.kind import FINE, Columns, Kind, Listing, Outcome, Row, Table
from resnext_bench.reports.schema.record import Environment, File, Status
from resnext_bench.resnext.convolutions import Operation

VERSION = 1
CUDA: Final = 13
"""The version of CUDA where none is given: that of torch's wheels on PyPI."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release that was asked for."""

    version: str
    """As the package index has it: 9.28.1.4."""
    why: str = ""
    """Why it gave no lists; empty where it did."""
    seconds: float = 0.0
    """How long it took to list all plans, once it was installed."""
    torch: tuple[str, ...] = ()
    """Versions of torch that install it."""


class Standing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a problem stands with one release, and what changed from the one before it."""

    release: str
    first: str
    """The tag of PyTorch's first choice; empty where it has none."""
    workspace: int | None
    """Its workspace, bytes."""
    largest: int
    """The largest workspace among the plans that cuDNN benchmark times, bytes."""
    candidates: int
    """How many plans PyTorch takes into account."""
    gone: tuple[int, ...] = ()
    """Engines that the release before listed."""
    new: tuple[int, ...] = ()
    """Engines that the release before did not list."""
    reordered: bool = False
    """Whether plans that both list stand in another order."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of one convolution over all releases."""

    convolution: int
    """Index of the convolution."""
    operation: Operation
    standings: tuple[Standing, ...]
    """How it stands with the first release, and with each in which anything changed."""

    @property
    def changes(self) -> Iterator[tuple[Standing, Standing]]:
        """Each change, as how it stood before and how it stands then."""
        return zip(self.standings, self.standings[1:], strict=False)


class PlanList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Plans in the library's order."""

    plans: tuple[int, ...]
    """Places of their tags among all tags."""
    workspaces: tuple[int, ...]
    """Bytes; -1 where a plan cannot be built."""
    excluded: dict[int, Excluded] = {}
    """Why PyTorch does not take some of them, by their places in this list."""


class ReleaseLists(msgspec.Struct, frozen=True, kw_only=True):
    """All plans of all problems over releases; what is the same is stored once."""

    releases: tuple[str, ...]
    problems: tuple[tuple[int, Operation], ...]
    """Index of the convolution, and operation."""
    tags: tuple[str, ...]
    lists: tuple[PlanList, ...]
    of: tuple[tuple[int, ...], ...]
    """For each problem and each release the place of its list."""


class Releases(msgspec.Struct, frozen=True, kw_only=True):
    """Plans of convolutions over releases of cuDNN. Written last, as every record."""

    version: int = VERSION
    id: str
    kind: Literal["releases"] = "releases"
    status: Status
    why: str = ""
    """Reason for the status, in one sentence; where it stood when interrupted; empty when ok."""
    tool_version: str
    created: str
    """Moment of the start: UTC, ISO 8601."""
    duration_s: float
    command: tuple[str, ...]
    model: str
    """Name of the network; empty for a convolution that was given by hand."""
    device: PlannedDevice
    cuda: int = CUDA
    """Version of CUDA for which the releases are built."""
    frontend: str
    """Version of cuDNN's frontend, the same for all releases."""
    settings: TorchSettings
    """The rules are those that hold for at least one of the releases."""
    convolutions: tuple[Convolution, ...]
    releases: tuple[Release, ...]
    """Oldest first."""
    histories: tuple[History, ...]
    environment: Environment
    notes: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    children: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """Tags that the user has given, as the note is."""
    note: str = ""

    @property
    def listed(self) -> tuple[Release, ...]:
        """The releases that gave lists."""
        return tuple(one for one in self.releases if not one.why)


Listed = dict[str, tuple[Problem, ...]]
"""The problems with their plans by release, oldest first; the same problems for each."""


def _listing(record: Releases) -> Listing:
    return Listing(word=record.status, what=record.kind)


def _outcomes(record: Releases) -> frozenset[Outcome]:
    return frozenset({"failed"}) if record.status == "failed" else FINE


def _row(record: Releases) -> Row:
    return {"model": record.model, "device_name": record.device.name}


_TEXTS: Final = ("run", "model", "device", "layer", "operation", "release", "first", "first_before")
_NUMBERS: Final = (
    *("workspace", "workspace_before", "largest", "largest_before"),
    *("candidates", "candidates_before"),
)


def _columns() -> Columns:
    return {
        **dict.fromkeys(_TEXTS, str),
        **dict.fromkeys(_NUMBERS, int),
        **dict.fromkeys(("gone", "new"), tuple[int, ...]),
        "reordered": bool,
    }


def _rows(record: Releases) -> Iterator[Row]:
    for history in record.histories:
        for before, now in history.changes:
            yield {
                "run": record.id,
                "model": record.model,
                "device": record.device.name,
                "layer": record.convolutions[history.convolution].layers[0],
                "operation": history.operation,
                **{name: getattr(now, name) for name in _OF_A_STANDING},
                **{f"{name}_before": getattr(before, name) for name in _COMPARED},
            }


_COMPARED: Final = ("first", "workspace", "largest", "candidates")
_OF_A_STANDING: Final = ("release", *_COMPARED, "gone", "new", "reordered")

RELEASES: Final = Kind(
    name="releases",
    noun="a record of plans over releases",
    struct=Releases,
    listing=_listing,
    outcomes=_outcomes,
    row=_row,
    tables=(Table(name="release_changes", columns=_columns, rows=_rows),),
)
