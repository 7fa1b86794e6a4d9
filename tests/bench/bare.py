"""Training as a user would write it by hand; imports nothing of ours."""

import torch
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torchvision.models.resnet import Bottleneck, ResNet


def noise(size, batch, classes):
    images = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last)
    labels = torch.randint(classes, (batch,))
    while True:
        yield images, labels


def network(blocks, groups, classes):
    return ResNet(Bottleneck, blocks, num_classes=classes, groups=groups, width_per_group=4)


def training(model, batches, world):
    model = model.to(memory_format=torch.channels_last)
    model = DistributedDataParallel(model) if world > 1 else model
    optimizer = torch.optim.SGD(model.parameters(), 0.001, 0.9, weight_decay=1e-4, nesterov=True)

    def train(steps):
        for _ in range(steps):
            images, labels = next(batches)
            with torch.autocast("cpu", torch.bfloat16):
                loss = cross_entropy(model(images), labels)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return train
