"""How results of a GPU are measured, and how their figures are calculated."""

from typing import Final

from resnext_bench.lab.visit.pages.words import NONE
from resnext_bench.lab.visit.plan import MINUTES, PARTS
from resnext_bench.reports.render.model import (
    Bullets,
    Code,
    Heading,
    Link,
    Paragraph,
    Section,
    inline,
)

TAKING: Final[tuple[Section, ...]] = (
    Heading(text="How to take them", level=2),
    Paragraph(
        text=inline(
            Code("nox -s gpu"),
            ", or ",
            Code("python -m resnext_bench.lab.visit"),
            f" where nox is missing: {MINUTES:g} minutes on one CUDA GPU. Everything goes into one "
            "JSON, ",
            Code("docs/results/gpu/DEVICE-DATE.json"),
            ", which is written after every task, so that whatever cuts a visit leaves what there "
            "was by then. ",
            Code("nox -s docs"),
            " then renews this page.",
        )
    ),
    Bullets(
        items=(
            inline(
                Code("--minutes N"),
                ": how long in all; parts share it, and what one leaves is the next one's.",
            ),
            inline(
                Code("--only PART"),
                f": one part, or several if repeated: {', '.join(part.name for part in PARTS)}.",
            ),
            inline(
                Code("--resume FILE"),
                ": go on with what an earlier visit left, on the same device with the same "
                "software.",
            ),
            inline(Code("--json FILE"), ": write to another file."),
        )
    ),
    Paragraph(
        text=inline(
            "What each part measures, and how it is checked: ",
            Link("gpu-kit.md", to="../gpu-kit.md"),
            ".",
        )
    ),
    Paragraph(
        text="A figure is made of rounds: what is compared (a line of a table on training, a "
        "layer's convolutions) took turns, a block each, forth and back, and a round is one "
        "replicate. Intervals are Student's t on logarithms over rounds, ratios are paired by "
        f"rounds; {NONE} is where nothing was measured, or for an interval that one round has none "
        "of, or that is wider than a factor of ten. An interval holds what varied within one visit "
        "to one board, not what differs from board to board."
    ),
)
