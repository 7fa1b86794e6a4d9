"""NVML's answers on how a GPU is attached; with `nvml`, the only file that names its functions."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from resnext_bench.machine.gpu.attachment import SWITCH, Attachment, Pcie, kernel_address

NODE_SCOPE: Final = 0
"""NVML_AFFINITY_SCOPE_NODE: the NUMA node itself, and not all nodes of its socket."""
_WORDS: Final = 16
"""Words of 64 bits for a set of nodes: Linux has at most 1,024."""
_MOST_LINKS: Final = 36
"""NVML_NVLINK_MAX_LINKS."""
_TO_GPU: Final = 0
_TO_SWITCH: Final = 2
"""nvmlIntNvLinkDeviceType_t."""

Ask = Callable[..., Any]
"""Returns the answer of an NVML function about one GPU, or None."""


def read_attachment(ask: Ask, *, links: bool) -> Attachment:
    """Return what NVML says of a board, with its `links` to other GPUs or without.

    Its nvmlDeviceGetNumaNodeId is not asked: that is the node that a GPU's own memory forms, on
    hosts whose GPUs are NUMA nodes themselves (NVML reference).
    """
    pci = ask("nvmlDeviceGetPciInfo")
    peers, idle = _links(ask) if links else ({}, 0)
    return Attachment(
        address=_address(pci),
        node=_node(ask("nvmlDeviceGetMemoryAffinity", _WORDS, NODE_SCOPE)),
        pcie=Pcie(
            generation=_number(ask("nvmlDeviceGetCurrPcieLinkGeneration")),
            width=_number(ask("nvmlDeviceGetCurrPcieLinkWidth")),
            most_generation=_number(ask("nvmlDeviceGetMaxPcieLinkGeneration")),
            most_width=_number(ask("nvmlDeviceGetMaxPcieLinkWidth")),
        ),
        peers=peers,
        idle_links=idle,
    )


def _node(words: Any) -> int | None:
    """Return the one node of a set; None where there is none, or several."""
    nodes = [
        64 * place + bit
        for place, word in enumerate(words or ())
        for bit in range(64)
        if word >> bit & 1
    ]
    return nodes[0] if len(nodes) == 1 else None


def _number(answer: Any) -> int | None:
    """Return a positive number: 0 stands for a link that cannot be read."""
    return int(answer) or None if answer is not None else None


def _address(pci: Any) -> str:
    text = getattr(pci, "busId", "")
    return kernel_address(text.decode(errors="replace") if isinstance(text, bytes) else str(text))


def _links(ask: Ask) -> tuple[dict[str, int], int]:
    """Return active NVLinks by where they lead, and the number of those that are not active."""
    ends: Counter[str] = Counter()
    idle = 0
    for link in range(_MOST_LINKS):
        state = ask("nvmlDeviceGetNvLinkState", link)
        if state is None:  # the board has no more
            break
        if not state:
            idle += 1
            continue
        kind = ask("nvmlDeviceGetNvLinkRemoteDeviceType", link)
        far = _address(ask("nvmlDeviceGetNvLinkRemotePciInfo", link)) if kind == _TO_GPU else ""
        ends[SWITCH if kind == _TO_SWITCH else far or "unknown"] += 1
    return dict(ends), idle
