"""The numbers behind names of networks, for those built by hand or by another library."""

from resnext_bench.resnext.names import parse
from resnext_bench.resnext.spec import ResNeXtSpec


def residual(name: str) -> ResNeXtSpec:
    """Return the numbers of a residual network, the only family that others' classes can build."""
    spec = parse(name)
    if not isinstance(spec, ResNeXtSpec):
        raise TypeError(f"{name} is no residual network, so nobody else's classes build it")
    return spec
