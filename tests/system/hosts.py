"""Two hosts and a Slurm cluster on this machine, as real as they get without a second one."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

PREFIX, NAMES = "10.77.0", ("rnb-a", "rnb-b")
SLURM = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=16817
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
MpiDefault=none
NodeName=n[1-2] NodeHostname=localhost NodeAddr=127.0.0.1 Port=[17001-17002] CPUs={cores}
PartitionName=all Nodes=ALL Default=YES State=UP
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """A network namespace with a host name of its own."""

    name: str
    address: str

    def command(self, *words: str) -> tuple[str, ...]:
        """Run `words` on this host."""
        named = 'hostname "$0"; exec "$@"'
        inside = ("unshare", "--uts", "sh", "-c", named, self.name)
        return ("ip", "netns", "exec", self.name, *inside, *words)


def require(*programs: str) -> None:
    """Skip where this machine has them not, or does not let us."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing or os.geteuid():
        pytest.skip(f"needs root and {', '.join(missing or programs)}")


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Hosts joined by one cable, and by nothing else."""
    require("ip", "unshare")
    hosts = [Host(name=name, address=f"{PREFIX}.{at}") for at, name in enumerate(NAMES, 1)]
    with ExitStack() as stack:
        for host in hosts:
            _ip("netns", "add", host.name)
            stack.callback(_ip, "netns", "delete", host.name)
        _ip("link", "add", NAMES[0], "type", "veth", "peer", "name", NAMES[1])
        for host in hosts:
            _ip("link", "set", host.name, "netns", host.name, "name", "eth0")
            _ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
            _ip("-n", host.name, "link", "set", "eth0", "up")
            _ip("-n", host.name, "link", "set", "lo", "up")
        yield hosts[0], hosts[1]


def _ip(*words: str) -> None:
    subprocess.run(("ip", *words), check=True, capture_output=True)


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """A cluster of two nodes on this host; yields the variables that srun needs."""
    require("srun", "slurmctld", "slurmd", "munged")
    with ExitStack() as stack:
        stack.callback(_end_daemons, folder)
        if subprocess.run(("munge", "-n"), capture_output=True, check=False).returncode:
            subprocess.run(("install", "-d", "-o", "munge", "/run/munge"), check=True)
            subprocess.run(("su", "-s", "/bin/sh", "munge", "-c", "munged"), check=True)
            stack.callback(subprocess.run, ("munged", "--stop"), check=False)
        for name in ("state", "spool-n1", "spool-n2"):
            (folder / name).mkdir()
        file = folder / "slurm.conf"
        file.write_text(SLURM.format(folder=folder, cores=os.cpu_count()))
        variables = {"SLURM_CONF": str(file)}
        for command in (("slurmctld", "-c"), ("slurmd", "-N", "n1"), ("slurmd", "-N", "n2")):
            subprocess.run(command, env=os.environ | variables, check=True)
        _wait_until_idle(variables)
        yield variables


def _end_daemons(folder: Path) -> None:
    """Ours alone: this machine may be a node of a cluster."""
    for file in folder.glob("*.pid"):
        with suppress(OSError, ValueError):
            os.kill(int(file.read_text()), signal.SIGTERM)


def _wait_until_idle(variables: dict[str, str]) -> None:
    for _ in range(60):
        done = subprocess.run(
            ("sinfo", "-h", "-o", "%D %t"),
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.stdout.strip() == "2 idle":
            return
        time.sleep(0.5)
    pytest.fail(f"Slurm's nodes are not idle after 30 s: {done.stdout}{done.stderr}")
