"""Finds the split to read in a root that holds several, such as train/ and val/.

One rule applies to folders and shards in all commands: train is read, which is noted; `--split`
chooses another.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from resnext_bench.pipelines.errors import DataError
from resnext_bench.pipelines.images.folder import entries_of, holds_image, is_folder, is_image
from resnext_bench.pipelines.names import printable

NONE: Final = "none"
"""The name with which folders that are named like splits are taken as classes."""
TRAIN: Final = "train"
_WORDS: Final = {
    TRAIN: r"train(?:ing)?",
    "val": r"val(?:id(?:ation)?)?|dev",
    "test": r"test(?:ing)?",
    "eval": r"eval(?:uation)?",
    "extra": r"extra|unlabell?ed",
}
"""Patterns of the names of splits; names that match the same pattern are of one kind."""
_KINDS: Final = {
    kind: re.compile(
        rf"(?:(?:imagenet|ilsvrc)\d*[-_](?:img[-_])?)?(?:{words})"
        r"(?:[-_ ]?(?:set|split|data|images?|imgs?|\d+))*",
        re.IGNORECASE,
    )
    for kind, words in _WORDS.items()
}
_IN_FILES: Final = {
    kind: re.compile(rf"(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE)
    for kind, words in _WORDS.items()
}
_ANYWHERE: Final = ("train", "val", "test")
"""Parts of a shard's name that show its split where no whole word does."""
_IMAGENET: Final = ("ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")
"""Where ImageNet's own archive has its splits, next to folders of annotations."""
_MOST_DEPTH: Final = 4

Holds = Callable[[Path], bool]
"""Returns whether there are shards in a folder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """The folder of a root that is read, and the note on it."""

    root: Path
    note: str = ""
    split: str | None = None
    """Split that names the same images of this root; None where the root needs no name."""
    splits: tuple[str, ...] = ()
    """All splits of the root."""


def kind_of(name: str) -> str:
    """Return the split that a folder is named after; "" if there is none."""
    return next((kind for kind, words in _KINDS.items() if words.fullmatch(name)), "")


def take_folder(root: Path, asked: str | None, holds_shards: Holds) -> Taken:
    """Return the split to read: as requested, else train; the root itself where it has none.

    Folders that are named like splits are splits if no other folder holds images, so that a class
    may be named train among others.
    """
    if asked == NONE:
        return Taken(root=root, split=NONE)
    above, splits = _splits_below(root, holds_shards)
    if asked is not None:
        return _asked_folder(root, above, splits, asked)
    if not splits:
        return Taken(root=root, note=_doubt(root, holds_shards))
    name = next((name for name, kind in splits.items() if kind == TRAIN), "")
    name = name or (next(iter(splits)) if len(splits) == 1 else "")
    if not name:
        one = min(splits, key=_in_order)
        raise DataError(
            f"{above} holds {_listed(splits)}, but no train; choose one, such as --split {one}"
        )
    return _taken(above, splits, name)


def _taken(above: Path, splits: Mapping[str, str], name: str) -> Taken:
    what = f"the split {name} is used" if len(splits) < 2 else f"{name} is used"
    of = "" if len(splits) < 2 else f" of {_listed(splits)}; --split chooses another"
    return Taken(
        root=above / name, note=f"{what}{of} (in {printable(above)})", splits=tuple(splits)
    )


def _doubt(root: Path, holds_shards: Holds) -> str:
    """Return a note where folders are classes by the rule, but look like splits."""
    named = {name: kind for name in _folders(root) if (kind := kind_of(name))}
    if len(named) < 2 or TRAIN not in named.values():
        return ""
    if not all(_is_nested(root / name, holds_shards) for name in named):
        return ""
    return (
        f"{_listed(named)} are taken as classes, as other folders hold images too; if they are "
        "splits, choose one with --split"
    )


def _asked_folder(root: Path, above: Path, splits: Mapping[str, str], asked: str) -> Taken:
    if splits:
        if name := _meant(splits, asked):
            return _taken(above, splits, name)
        raise DataError(f"--split {asked}: {above} holds {_listed(splits)}; name one of these")
    folders = _folders(root)
    if name := next((one for one in folders if one.lower() == asked.lower()), ""):
        return Taken(root=root / name, note=f"{printable(name)} is used (in {printable(root)})")
    there = _listed(folders[:3]) + " …" * (len(folders) > 3) if folders else "no folders"
    raise DataError(f"--split {asked}: {root} holds no such split, but {there}; leave --split out")


def _meant(splits: Mapping[str, str], asked: str) -> str:
    """Find a split by its name, in any case, or as the only one of its kind."""
    exact = [name for name in splits if name == asked]
    close = [name for name in splits if name.lower() == asked.lower()]
    alike = [name for name, kind in splits.items() if kind == kind_of(asked)]
    return (exact or close or (alike if len(alike) == 1 else []) or [""])[0]


def _splits_below(root: Path, holds_shards: Holds) -> tuple[Path, dict[str, str]]:
    """Return where a root has its splits: in itself, in its only folder, or as ImageNet does."""
    above = root
    for _ in range(_MOST_DEPTH):
        folders = _folders(above)
        if splits := _splits_in(above, folders, holds_shards):
            return above, splits
        if len(folders) != 1 or any(map(is_image, entries_of(above))):
            break
        above /= folders[0]
    for below in _IMAGENET:
        if (root / below).is_dir():
            return root / below, _splits_in(root / below, _folders(root / below), holds_shards)
    return root, {}


def _splits_in(root: Path, folders: Sequence[str], holds_shards: Holds) -> dict[str, str]:
    """Return the folders of a root that are splits, with their kinds; none if they are classes."""
    splits = {name: kind for name in folders if (kind := kind_of(name))}
    others = [name for name in folders if name not in splits]
    if not splits or any(_holds(root / name, holds_shards) for name in others):
        return {}
    if TRAIN in splits.values():
        return splits if any(_holds(root / name, holds_shards) for name in splits) else {}
    usual = {*splits.values()} <= {"val", "test", "eval"}
    nested = usual and all(_is_nested(root / name, holds_shards) for name in splits)
    return splits if nested else {}


def _holds(folder: Path, holds_shards: Holds) -> bool:
    return holds_image(folder.parent, folder.name) or holds_shards(folder)


def _is_nested(folder: Path, holds_shards: Holds) -> bool:
    """Return whether it holds class folders or shards, and no images of its own."""
    loose = any(map(is_image, entries_of(folder)))
    return not loose and _holds(folder, holds_shards)


def _folders(root: Path) -> list[str]:
    return sorted(entry.name for entry in entries_of(root) if is_folder(entry))


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """The shards of a folder that are read."""

    names: list[str]
    note: str = ""
    split: str | None = None


def take_shards(root: Path, names: list[str], asked: str | None) -> Chosen:
    """Return the shards of one split, where a folder holds several: as requested, else train's."""
    if asked == NONE:
        return Chosen(names=names, split=NONE)
    kinds = {name: _kind_in(name) for name in names}
    there = [kind for kind in _WORDS if kind in kinds.values()]
    if asked is None and len(there) < 2:
        return Chosen(names=names)
    wanted = TRAIN if asked is None else _kind_in(asked) or asked
    chosen = [name for name in names if kinds[name] == wanted]
    if not chosen and asked is None:
        raise DataError(
            f"{root} holds shards of {_listed(there)}, but none of train; choose one, such as "
            f"--split {there[0]}"
        )
    if not chosen:
        of = f"of {_listed(there)}" if there else "that are not named after a split"
        raise DataError(f"--split {asked}: {root} holds shards {of}")
    note = f"{wanted} is used of the shards of {_listed(there)}; --split chooses another"
    count = f" ({len(chosen)} of {len(names)} shards)"
    return Chosen(names=chosen, note=note + count if len(there) > 1 else "", split=wanted)


def _kind_in(name: str) -> str:
    whole = (kind for kind, words in _IN_FILES.items() if words.search(name))
    parts = (kind for kind in _ANYWHERE if kind in name.lower())
    return next(whole, "") or next(parts, "")


def _listed(names: Mapping[str, str] | Sequence[str]) -> str:
    *first, last = sorted(map(printable, names), key=_in_order)
    return f"{', '.join(first)} and {last}" if first else last


def _in_order(name: str) -> tuple[int, str]:
    """Order splits, train first."""
    kinds = [*_WORDS, ""]
    return kinds.index(kind_of(name)), name
