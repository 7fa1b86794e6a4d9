"""Training as a user would write it by hand; imports nothing from this package."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torchvision.models.resnet import Bottleneck, ResNet


def noise(
    size: int, batch: int, classes: int, device: str = "cpu"
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the same normalised noise for ever."""
    images = torch.randn(batch, 3, size, size).to(device, memory_format=torch.channels_last)
    labels = torch.randint(classes, (batch,)).to(device)
    while True:
        yield images, labels


def network(blocks: list[int], groups: int, classes: int, width: int = 4) -> ResNet:
    """Return ResNeXt as torchvision builds it."""
    return ResNet(Bottleneck, blocks, num_classes=classes, groups=groups, width_per_group=width)


def training(
    model: nn.Module,
    batches: Iterator[tuple[Tensor, Tensor]],
    world: int,
    device: str = "cpu",
    dtype: torch.dtype = torch.bfloat16,
    layout: torch.memory_format = torch.channels_last,
) -> Callable[[int], None]:
    """Return a function that trains for a number of steps, in mixed precision by `dtype`."""
    model = model.to(device, memory_format=layout)  # type: ignore[call-overload]  # not in stubs
    model = DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), 0.001, 0.9, weight_decay=1e-4, nesterov=True)
    scaler = torch.amp.GradScaler(device) if dtype is torch.float16 else None

    def train(steps: int) -> None:
        for _ in range(steps):
            images, labels = next(batches)
            with torch.autocast(device, dtype, enabled=dtype is not torch.float32):
                loss = cross_entropy(model(images), labels)
            if scaler:
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
            else:
                loss.backward()
                optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return train
