"""docs/results/cudnn-releases.md, from the lists that the campaign `releases` keeps.

It only reads JSON: no torch, no cuDNN. Every figure is worked out from the lists.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from resnext_bench.convs.plans.devices import described
from resnext_bench.convs.releases.index import numbers
from resnext_bench.convs.releases.shipped import shipped, torch_with
from resnext_bench.lab.campaigns.releases import by_device
from resnext_bench.reports.render.convs import shape_words
from resnext_bench.reports.render.markdown import markdown
from resnext_bench.reports.render.model import (
    Bullets,
    Code,
    Column,
    Fold,
    Heading,
    Link,
    Paragraph,
    Section,
    Strong,
    Table,
    inline,
)
from resnext_bench.reports.render.releases import (
    changes_of,
    engines_that_changed,
    first_choices,
    is_other_engine,
    is_other_plan,
    short,
)
from resnext_bench.reports.schema.convs import Convolution
from resnext_bench.reports.schema.releases import History, Listed
from resnext_bench.reports.store.release_lists import histories
from resnext_bench.wording import count_of

FILE: Final = "cudnn-releases"
"""The name of the results and of the page, without ending."""
GROUPED: Final = "resnext50_32x4d"
PLAIN: Final = "resnet50"
Devices = Mapping[str, tuple[History, ...]]


def page(kept: Mapping[str, Any], lists: Listed) -> str:
    """Return the whole page, from the facts of the campaign and the lists of all devices."""
    return markdown(_sections(kept, lists))


def _sections(kept: Mapping[str, Any], lists: Listed) -> Iterator[Section]:
    convolutions = msgspec.convert(kept["convolutions"], tuple[Convolution, ...])
    listed = dict(by_device(kept["devices"], lists))
    found = {device: histories(mine, kept["benchmark_limit"]) for device, mine in listed.items()}
    yield Heading(text="Plans over releases of cuDNN", level=1)
    yield Paragraph(text=_written(kept))
    yield Paragraph(text=_what(kept))
    yield Bullets(items=tuple(_in_short(kept, listed, found, convolutions)))
    yield Heading(text="Where lists change", level=2)
    yield Paragraph(text=_COUNTS)
    for model in (GROUPED, PLAIN):
        yield _counts(kept, model, _of(kept, model, convolutions, found))
    yield Heading(text="What changes", level=2)
    yield Paragraph(text=_TABLES)
    for model in (GROUPED, PLAIN):
        for alike, mine in _alike(_of(kept, model, convolutions, found)):
            yield Fold(
                summary=f"{model} on {' and '.join(map(_name, alike))}",
                sections=(
                    *first_choices(_named(kept, model, convolutions), mine),
                    *engines_that_changed(mine),
                ),
            )
    yield Heading(text="Which torch installs which cuDNN", level=2)
    yield from _torch(kept)


def _written(kept: Mapping[str, Any]) -> Any:
    days = sorted({one["date"] for one in kept["releases"].values()})
    span = " to ".join(dict.fromkeys((days[0], days[-1])))
    return inline(
        *("Written by ", Code("nox -s docs"), " from "),
        *(Link(f"{FILE}.json", to=f"{FILE}.json"), f", taken on {span} by "),
        *(Code("nox -s campaign -- releases"), ". "),
        Strong("Choices changed; nothing was timed."),
        " Which plan is faster is not known, and a release that takes another one may be faster, "
        "slower or neither.",
    )


def _what(kept: Mapping[str, Any]) -> Any:
    known = [*_listed(kept)]
    devices = ", ".join(map(_name, kept["devices"]))
    return inline(
        f"{count_of(len(known), 'release')} of cuDNN from {short(known[0])} to {short(known[-1])} "
        "were asked for their plans, each in an environment of its own, for descriptions of "
        f"{devices}: all convolutions of {', '.join(kept['models'])}, batch {kept['batch']}, "
        f"{kept['dtype']}, {kept['layout'].upper()}, cudnn-frontend {kept['frontend']}. PyTorch's "
        f"choice is the one that ",
        Code("convs plan"),
        f" predicts, by the rules of torch {kept['versions']['torch']} for every release.",
    )


def _listed(kept: Mapping[str, Any]) -> Iterator[str]:
    for release, found in kept["releases"].items():
        if "why" not in found:
            yield release


def _in_short(
    kept: Mapping[str, Any],
    listed: Mapping[str, Listed],
    found: Devices,
    convolutions: Sequence[Convolution],
) -> Iterator[str]:
    equal = list(_equal(listed))
    spans = ", ".join(
        short(one[0]) if len(one) == 1 else f"{short(one[0])} to {short(one[-1])}" for one in equal
    )
    yield (
        f"Releases with the same lists on every device: {spans}. So lists change "
        f"{count_of(len(equal) - 1, 'time')}: with {_and([short(one[0]) for one in equal[1:]])}."
    )
    for alike, _ in _alike(found):
        if len(alike) > 1:
            yield f"Lists for {_and([_name(one) for one in alike])} are the same throughout."
    models = list(kept["models"])
    for model in models[1:]:
        if set(kept["models"][model]) == set(kept["models"][models[0]]):
            yield (
                f"{model} has the convolutions of {models[0]}, only more often, so that what is "
                "said of one holds for the other."
            )
    for model in (GROUPED, PLAIN):
        yield from _moved(model, _of(kept, model, convolutions, found))
    failed = [one for one in kept["releases"] if "why" in kept["releases"][one]]
    if failed:
        yield f"These releases gave no lists: {', '.join(failed)}."


def _moved(model: str, mine: Devices) -> Iterator[str]:
    """Yield how many first choices become other engines over all releases."""
    words = []
    for alike, some in _alike(mine):
        engines = sum(any(is_other_engine(*pair) for pair in one.changes) for one in some)
        words.append(f"{engines} of {len(some)} on {_and([_name(one) for one in alike])}")
    what = "grouped convolutions" if model == GROUPED else "convolutions"
    yield f"Problems of {model}'s {what} whose first choice becomes another engine: " + (
        "; ".join(words) + "."
    )


def _equal(listed: Mapping[str, Listed]) -> Iterator[list[str]]:
    """Yield runs of consecutive releases whose lists are the same on all devices."""
    run: list[str] = []
    for release in next(iter(listed.values())):
        if run and any(lists[run[-1]] != lists[release] for lists in listed.values()):
            yield run
            run = []
        run.append(release)
    yield run


def _alike(found: Devices) -> Iterator[tuple[list[str], tuple[History, ...]]]:
    """Yield the devices on which the same changes, together."""
    groups: list[tuple[list[str], tuple[History, ...]]] = []
    for device, mine in found.items():
        for devices, other in groups:
            if other == mine:
                devices.append(device)
                break
        else:
            groups.append(([device], mine))
    yield from groups


def _of(
    kept: Mapping[str, Any], model: str, convolutions: Sequence[Convolution], found: Devices
) -> Devices:
    """Return the problems of a network; of one with groups, only those that have them."""
    own = {int(at) for at in kept["models"][model]}
    if any(convolutions[at].groups > 1 for at in own):
        own = {at for at in own if convolutions[at].groups > 1}
    return {
        device: tuple(one for one in mine if one.convolution in own)
        for device, mine in found.items()
    }


def _named(
    kept: Mapping[str, Any], model: str, convolutions: Sequence[Convolution]
) -> list[Convolution]:
    """Return all convolutions, each named by its first layer in a network and by its shape."""
    names = kept["models"][model]
    return [
        msgspec.structs.replace(
            one, layers=(f"{names.get(str(at), one.layers)[0]}: {shape_words(one)}",)
        )
        for at, one in enumerate(convolutions)
    ]


_COUNTS: Final = (
    "In how many problems the first choice changes from the release before: to another engine + to "
    "the same engine with other knobs. Releases that are not in a table change neither."
)
_TABLES: Final = (
    "First choices that become another engine, and workspaces that change: of the first choice, "
    "and the largest among the plans that cuDNN benchmark times, both in MiB. Then the engines "
    "that come and go."
)


def _counts(kept: Mapping[str, Any], model: str, mine: Devices) -> Table:
    problems = len(next(iter(mine.values())))
    rows = []
    for release in _listed(kept):
        cells = [_count(some, release) for some in mine.values()]
        if any(cells):
            rows.append((short(release), *(cell or "–" for cell in cells)))
    return Table(
        title=f"{model}, {count_of(problems, 'problem')}",
        columns=(
            Column(name="with cuDNN"),
            *(Column(name=_name(one), is_number=True) for one in mine),
        ),
        groups=(tuple(rows),),
    )


def _count(some: Sequence[History], release: str) -> str:
    here = [(before, now) for _, before, now in changes_of(some) if now.release == release]
    engines = sum(is_other_engine(*pair) for pair in here)
    knobs = sum(is_other_plan(*pair) for pair in here)
    return f"{engines} + {knobs}" if engines or knobs else ""


def _torch(kept: Mapping[str, Any]) -> Iterator[Section]:
    known = sorted(set(shipped()["cudnn"].values()), key=numbers)
    yield Table(
        columns=(Column(name="cuDNN"), Column(name="torch"), Column(name="asked")),
        groups=(
            tuple(
                (one, ", ".join(torch_with(one)), "yes" if one in kept["releases"] else "no")
                for one in known
            ),
        ),
    )
    yield Paragraph(text=f"From the {shipped()['source']}, {shipped()['date']}.")


def _name(device: str) -> str:
    return str(described(device).fields["deviceName"]).split()[1].split("-")[0]


def _and(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
