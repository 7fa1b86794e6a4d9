"""Renders records of convolutions by what was asked of them."""

from collections.abc import Callable, Iterator
from typing import Final

from resnext_bench.reports.render import convs, convs_layouts, convs_timed
from resnext_bench.reports.render.kinds import Renderer
from resnext_bench.reports.render.model import Section
from resnext_bench.reports.schema.convs import Convs

_SECTIONS: Final[dict[str, Callable[[Convs], Iterator[Section]]]] = {
    "plan": convs.sections,
    "time": convs_timed.sections,
    "layouts": convs_layouts.sections,
}


def _sections(record: Convs) -> Iterator[Section]:
    return _SECTIONS[record.task](record)


def _doubt(record: Convs) -> str:
    return convs_timed.doubt(record) if record.task == "time" else record.why


RENDERER: Final = Renderer(sections=_sections, doubt=_doubt)
