"""Communication between ranks by name: kernels, operators, spans of the profiler.

Names come from NCCL, RCCL and MSCCL, HCCL, oneCCL and XCCL, gloo, MPI and UCC; PyTorch's
c10d and symmetric memory; NVSHMEM; the all-reduces that vLLM, SGLang, TensorRT-LLM, FlashInfer,
AITER and Transformer Engine have of their own; the exchanges of DeepEP, pplx, Mori and TensorRT-LLM
for mixtures of experts.
"""

import re
from typing import Final

from resnext_bench.reports.trace.names.plain import head, plain

_BACKENDS: Final = r"(?:nccl|rccl|msccl(?:pp)?|hccl|lccl|xccl|ccl|oneccl|ucc|gloo|mpi|fake)"
_SPAN: Final = re.compile(rf"{_BACKENDS}:\w", re.IGNORECASE)
"""How process groups name what they record: `nccl:all_reduce`."""
_NO_TALK: Final = re.compile(
    # torch.compile's names list the operators whose arithmetic was fused, collectives too;
    # FSDP copies into and out of what is gathered; wrappers of autograd and TorchRec hold much
    # else, the collective's own operator among it; marks (`## ... ##`) are a program's words.
    r"^triton_[a-z]+_fused|^fsdp::|all_?gather_copy|^autograd::|^torch::autograd::|"
    r"backward\d*$|_(?:req|wait)$|^#"
)
_COLLECTIVE: Final = (
    r"all_?reduce|all_?gather|reduce_?scatter|all_?(?:to|2)_?all|"
    r"(?<![a-z])a2a_?(?:dispatch|combine)"
)
_TALK: Final = re.compile(
    rf"nccl|rccl|msccl|hccl|(?<![a-z])hcom_|oneccl|(?<![a-z])ccl(?:::|_)|^{_BACKENDS}:\w|"
    rf"{_COLLECTIVE}|multimem_|cross_device_reduce|(?:one|two)_?shot_?(?:all_?|push_?)?reduce|"
    r"quick_?reduce|lamport|userbuffers|onerankreduce|"
    r"nvshmem|symm(?:etric)?_mem(?:ory)?|_dtensor::shard_dim|"
    r"c10d(?:_functional)?::|record_param_comms|"
    r"deep_?ep::|hybrid_?ep::|(?<![a-z])ep::layout::|(?:inter|intra)node(?:_ll)?::|low_latency_(?:dispatch|combine)|"
    r"(?<![a-z])(?:cached_)?notify_(?:dispatch|combine)|moea2a|ep(?:dispatch|combine)(?:intra|inter|low|copy|sync|barrier)|"
    r"(?<![a-z])(?:pplx|mori|uccl)::|mnnvl_(?:moe|all)|"
    r"(?:put|wait)_signal_kernel|(?<![a-z])barrier_(?:on_stream_)?kernel"
)


def is_span(name: str) -> bool:
    """Whether an annotation is a process group's own record of a collective."""
    return bool(_SPAN.match(name))


def is_communication(name: str) -> bool:
    """Whether a kernel or an operator moves data between ranks, or a span of one does."""
    return talks(head(plain(name)).lower())


def talks(told: str) -> bool:
    """Return the same of a name's head in lower case."""
    return bool(_TALK.search(told)) and not _NO_TALK.search(told)
