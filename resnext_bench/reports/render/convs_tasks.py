"""Renders records of convolutions by what was asked of them."""

from collections.abc import Iterator
from types import ModuleType
from typing import Final

from resnext_bench.reports.render import convs, convs_layouts, convs_on_device, convs_timed
from resnext_bench.reports.render.kinds import Renderer
from resnext_bench.reports.render.model import Section
from resnext_bench.reports.schema.convs import Convs


def _renderer(record: Convs) -> ModuleType:
    if record.task == "time":
        return convs_on_device if record.memory else convs_timed
    return {"plan": convs, "layouts": convs_layouts}[record.task]


def _sections(record: Convs) -> Iterator[Section]:
    yield from _renderer(record).sections(record)


def _doubt(record: Convs) -> str:
    return record.why if record.task == "plan" else str(_renderer(record).doubt(record))


RENDERER: Final = Renderer(sections=_sections, doubt=_doubt)
