"""The cost of grouping: ResNeXt beside the ResNet of about as many FLOP, in the same rounds."""

from collections.abc import Iterator

from resnext_bench.lab.visit.pages.contests import Contest, contests
from resnext_bench.lab.visit.pages.published import PAPER_TAX
from resnext_bench.lab.visit.pages.roofs import training_flop
from resnext_bench.lab.visit.pages.tables import introduced, table
from resnext_bench.lab.visit.pages.words import NONE, figure
from resnext_bench.lab.visit.results import Results
from resnext_bench.lab.visit.sizes import sizes_for
from resnext_bench.reports.render.model import Code, Section, Words, inline

_HEAD = ("ResNeXt / ResNet", "setting", "batch", "time of an image", "for its FLOP", "n")


def tax(results: Results) -> Iterator[Section]:
    """Yield the time of an image in ResNeXt over that in ResNet."""
    pairs = sizes_for(results.facts.kind).taxed
    rows = (
        row
        for contest in contests(results, "models")
        for grouped, plain in pairs
        for row in _rows(contest, grouped, plain)
    )
    words = (
        "Cardinality tax: what an image takes in ResNeXt over what it takes in ResNet, paired by "
        "rounds; the second figure is divided by the ratio of their FLOP. The paper's "
        f"{PAPER_TAX:.2f} is of ResNeXt-101 over ResNet-101 (0.95 s and 0.70 s a batch) on eight "
        "M40 in 2016: another depth, GPUs without tensor cores, and grouped convolutions that "
        "nobody had made fast by then, so it is no measure of these."
    )
    yield from introduced(words, table(_HEAD, rows))


def _rows(contest: Contest, grouped: str, plain: str) -> Iterator[tuple[Words, ...]]:
    found = contest.timed.ratio(plain, grouped)
    if found is None:
        return
    flop, other = (training_flop(name, contest.size) for name in (grouped, plain))
    per_flop = found.times(other / flop) if flop and other else None
    yield (
        inline(Code(grouped), " / ", Code(plain)),
        contest.typed,
        str(contest.batch),
        figure(found),
        figure(per_flop) if per_flop else NONE,
        str(found.n),
    )
