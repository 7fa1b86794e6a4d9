"""The networks that are built by hand or by another library, as numbers from our names."""

from resnext_bench.resnext.names import parse
from resnext_bench.resnext.spec import ResNeXtSpec


def residual(name: str) -> ResNeXtSpec:
    """Return the numbers of a residual network: others' classes know no other family of ours."""
    spec = parse(name)
    if not isinstance(spec, ResNeXtSpec):
        raise TypeError(f"{name} is no residual network, so nobody else's classes build it")
    return spec
