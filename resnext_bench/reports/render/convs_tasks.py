"""Renders records of convolutions by what was asked of them."""

from collections.abc import Iterator
from types import ModuleType
from typing import Final

from resnext_bench.reports.render import convs, convs_on_device, convs_timed
from resnext_bench.reports.render.kinds import Renderer
from resnext_bench.reports.render.model import Section
from resnext_bench.reports.schema.convs import Convs


def _of_times(record: Convs) -> ModuleType:
    return convs_on_device if record.memory else convs_timed


def _sections(record: Convs) -> Iterator[Section]:
    found: Iterator[Section] = (
        _of_times(record).sections(record) if record.task == "time" else convs.sections(record)
    )
    return found


def _doubt(record: Convs) -> str:
    return str(_of_times(record).doubt(record)) if record.task == "time" else record.why


RENDERER: Final = Renderer(sections=_sections, doubt=_doubt)
