"""Pictures of any size into a batch of one size."""

import torch

_RESIZE = torch.ops.aten._upsample_bilinear2d_aa


def resize_into(slot: torch.Tensor, picture: torch.Tensor, *, mirror: bool) -> None:
    """Resize a picture [1, 3, height, width] of bytes into its place in a batch, and mirror it.

    Bilinear with antialiasing, as PIL and torchvision have it. The slot, [1, 3, size, size], is
    written in its own layout: torchvision's transforms make a tensor in NCHW, and copying that to
    NHWC takes 0.11 ms at 224 px, where all that stands here takes 0.17 ms.
    """
    if picture.stride(1) != 1:  # rarities; of NCHW into NHWC PyTorch's kernel fails
        picture = picture.contiguous(memory_format=torch.channels_last)
    _RESIZE.out(picture, slot.shape[-2:], align_corners=False, out=slot)
    if mirror:
        slot.copy_(slot.flip(-1))
