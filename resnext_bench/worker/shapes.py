"""Lists the convolutions of a model that is not ours, by one forward pass of a small batch.

python -m resnext_bench.worker.shapes reads a configuration as JSON from standard input, and writes
what it found to standard output. A model's own output goes to standard error.
"""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from resnext_bench.reports.schema.config import RunConfig
from resnext_bench.reports.schema.convs import SeenConvolution
from resnext_bench.symptoms import brief
from resnext_bench.worker.models import ModelError, maker

BATCH: Final = 2
"""Fewest images of which batch norm can compute a variance on a map of one pixel."""
_OURS: Final = Path(__file__).parents[1]
_TORCH: Final = Path(torch.__file__).parent


class _Listener(TorchDispatchMode):
    """Notes each convolution below autograd, whoever calls it."""

    def __init__(self, images: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[SeenConvolution] = []
        self.inside: list[str] = []
        """Names of the modules whose forward is under way, the innermost last."""
        self._images = images.data_ptr()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func._overloadpacket is torch.ops.aten.convolution:
            self._note(*args)
        return func(*args, **(kwargs or {}))

    def _note(
        self,
        images: torch.Tensor,
        weight: torch.Tensor,
        bias: object,
        stride: list[int],
        padding: list[int],
        dilation: list[int],
        transposed: bool,
        output_padding: object,
        groups: int,
    ) -> None:
        self.found.append(
            SeenConvolution(
                layer=self.inside[-1] if self.inside else "",
                images=tuple(images.shape),
                weights=tuple(weight.shape),
                stride=tuple(stride),
                padding=tuple(padding),
                dilation=tuple(dilation),
                groups=groups,
                is_transposed=transposed,
                reads_images=images.data_ptr() == self._images,
            )
        )


def convolutions_of(module: nn.Module, size: int) -> list[SeenConvolution]:
    """Return the convolutions of a forward pass in training mode, in their order."""
    images = torch.randn(BATCH, 3, size, size)
    listener = _Listener(images)
    with _named(module, listener.inside), torch.no_grad(), listener:
        module.train()(images)
    return listener.found


@contextmanager
def _named(module: nn.Module, inside: list[str]) -> Iterator[None]:
    """Keep in a list which modules are at work, for the duration of the body."""
    handles = []
    for name, part in module.named_modules():
        handles += [
            part.register_forward_pre_hook(lambda *_, name=name: inside.append(name)),
            part.register_forward_hook(lambda *_: inside.pop() and None),
        ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def account(error: Exception) -> str:
    """Return in one line what the model raised, and at which line of whose file."""
    words = " ".join(brief(str(error)).split())
    if isinstance(error, ModelError):  # ours, which says all there is to say
        return words
    told = ": ".join(filter(None, (type(error).__name__, words)))
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [one for one in frames if not Path(one.filename).is_relative_to(_OURS)]
    of_user = [one for one in theirs if not Path(one.filename).is_relative_to(_TORCH)]
    if not of_user:
        return told
    return f"{told} ({Path(of_user[-1].filename).name}, line {of_user[-1].lineno})"


def main() -> None:
    """Answer for one model."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    config = msgspec.json.decode(sys.stdin.buffer.read(), type=RunConfig)
    try:
        make = maker(config)
        assert make, f"{config.model} is one of ours"
        found = convolutions_of(make(), config.image_size)
    except Exception as error:
        print(account(error), file=sys.stderr)
        sys.exit(1)
    answers.write(msgspec.json.encode(found))
    answers.close()


if __name__ == "__main__":
    main()
