"""What stands between us and the hardware: a hypervisor, a container."""

from typing import Final

from resnext_bench.machine.host.sources import Sources, read

_CONTAINERS: Final = {
    "docker": "docker",
    "libpod": "podman",
    "lxc": "lxc",
    "kubepods": "kubernetes",
}
"""Words of a control group's path, and whose they are."""


def flags(sources: Sources) -> set[str]:
    """What the processor says that it can do; empty where it lists nothing."""
    for line in (read(sources.proc / "cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return set(value.split())
    return set()


def product(sources: Sources) -> str:
    """The hypervisor by name, from firmware or device tree; empty on bare metal."""
    kind = read(sources.sys / "hypervisor/type")
    tree = read(sources.sys / "firmware/devicetree/base/hypervisor/compatible")
    if kind or tree:
        return (kind or tree or "").replace("\0", " ").strip()
    vendor = read(sources.sys / "class/dmi/id/sys_vendor") or ""
    model = read(sources.sys / "class/dmi/id/product_name") or ""
    known = ("QEMU", "KVM", "VMware", "VirtualBox", "Virtual Machine", "Google Compute", "Xen")
    text = f"{vendor} {model}".strip()
    return text if any(name in text for name in known) else ""


def hypervisor(sources: Sources) -> str:
    """Its name, "yes" where it does not tell, empty on bare metal."""
    return product(sources) or ("yes" if "hypervisor" in flags(sources) else "")


def container(sources: Sources) -> str:
    """Whose container this is, as far as its control group or a file of its engine shows."""
    groups = read(sources.proc / "self" / "cgroup") or ""
    for word, name in _CONTAINERS.items():
        if word in groups:
            return name
    root = sources.proc.parent
    marks = {root / ".dockerenv": "docker", root / "run/.containerenv": "podman"}
    return next((name for path, name in marks.items() if path.exists()), "")
