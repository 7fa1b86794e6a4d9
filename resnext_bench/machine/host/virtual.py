"""Finds out what is between us and the hardware: a hypervisor, a container."""

from typing import Final

from resnext_bench.machine.doctor.findings import Sources, read

_CONTAINERS: Final = {
    "docker": "docker",
    "libpod": "podman",
    "lxc": "lxc",
    "kubepods": "kubernetes",
}
"""Words in a control group's path, and the container engine they belong to."""


def flags(sources: Sources) -> set[str]:
    """Return the processor's flags; empty where it lists none."""
    for line in (read(sources.proc / "cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return set(value.split())
    return set()


def product(sources: Sources) -> str:
    """Return the hypervisor's name, from firmware or device tree; empty on bare metal."""
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
    """Return the hypervisor's name, "yes" where it is not known, empty on bare metal."""
    return product(sources) or ("yes" if "hypervisor" in flags(sources) else "")


def container(sources: Sources) -> str:
    """Return the container's engine, as far as its control group or a file shows it."""
    groups = read(sources.proc / "self" / "cgroup") or ""
    for word, name in _CONTAINERS.items():
        if word in groups:
            return name
    root = sources.proc.parent
    marks = {root / ".dockerenv": "docker", root / "run/.containerenv": "podman"}
    return next((name for path, name in marks.items() if path.exists()), "")
