"""Rows of the host that mark what goes on and are no work themselves, by name.

They are annotations in today's traces. Older versions write them as operators, so that whoever
counts operators asks here first.
"""

import re
from typing import Final

_MARK: Final = re.compile(
    # The profiler's steps; loaders; optimizers; what `record_function` is told between signs.
    r"ProfilerStep[#*]|(?:enumerate|iter)\(|\w*Data(?:Loader|Pipe)\w*[.#]|Optimizer\.\w+#|#|"
    r"PyTorch Profiler|Iteration Start: |Record Window End|\[\w+\||"
    # Modules and their wrappers.
    r"nn\.Module: |\w+(?:DataParallel\w*)\.\w+$|FSDP::|fsdp::\w*(?:forward|backward)\b|"
    # torch.compile: what it runs lies within.
    r"Torch-Compiled Region|TorchDynamo |Compiled(?:Function|FxGraph)|CompiledAutograd|"
    r"Pregraph bytecode|AOTDispatcher "
)


def is_marker(name: str) -> bool:
    """Whether a row says where it is and does nothing of its own."""
    return bool(_MARK.match(name))
