"""Ranks that torchrun, srun or mpirun have started: they take part, and one keeps the record."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.system.hosts import Host, require, slurm, two_hosts
from tests.system.program import (
    END_S,
    PROGRAM,
    SMALL,
    environment,
    in_window,
    left_over,
    rank_files,
    record,
    run,
    started,
    wait_until,
)

pytestmark = pytest.mark.system
TORCHRUN = str(Path(sys.executable).with_name("torchrun"))
RUN = (*PROGRAM, "run", *SMALL, "--steps", "4", "--pipeline", "synthetic")
LOCAL = {"MASTER_ADDR": "127.0.0.1", "GLOO_SOCKET_IFNAME": "lo"}


def launched(
    *words: str, cwd: Path, **variables: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """What a launcher said, and the one record that all its ranks have left."""
    done = subprocess.run(
        words,
        cwd=cwd,
        env=environment(variables),
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert left_over(cwd) == []
    return done, record(cwd / "runs") if list(cwd.glob("runs/*")) else {}


def places(found: dict[str, Any]) -> list[tuple[int, int]]:
    return [(place["node"], place["local_rank"]) for place in found["topology"]["places"]]


@pytest.mark.slow
def test_under_torchrun(tmp_path: Path) -> None:
    words = (TORCHRUN, "--nproc-per-node", "2", "--no-python", *RUN)
    done, found = launched(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("images/s") >= 1
    assert (found["status"], found["resolved"]["launcher"]) == ("ok", "joined")
    assert places(found) == [(0, 0), (0, 1)]
    cores = [set(place["cores"]) for place in found["topology"]["places"]]
    assert not cores[0] & cores[1]
    assert found["figures"]["images"] == 4 * 2 * 2


@pytest.mark.slow
def test_two_hosts_with_folders_of_their_own(tmp_path: Path) -> None:
    """Samples travel through the process group: the second host's disk is never read."""
    with two_hosts() as (first, second):
        folders = {host.name: tmp_path / host.name for host in (first, second)}
        for folder in folders.values():
            folder.mkdir()
        agents = [
            subprocess.Popen(
                agent(host, first),
                cwd=folders[host.name],
                env=environment({"GLOO_SOCKET_IFNAME": "eth0"}),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for host in (first, second)
        ]
        said = [one.communicate(timeout=150) for one in agents]
        assert [one.returncode for one in agents] == [0, 0], said
        found = record(folders[first.name] / "runs")
        assert [place["host"] for place in found["topology"]["places"]] == [first.name, second.name]
        assert not found["topology"]["emulated"]
        assert found["figures"]["images"] == 4 * 2 * 2
        assert not (folders[second.name] / "runs").exists()
        assert "images/s" not in said[1][0]


def agent(host: Host, first: Host) -> tuple[str, ...]:
    options = (
        *("--nnodes", "2", "--nproc-per-node", "1", "--rdzv-backend", "c10d", "--rdzv-id", "x"),
        *("--rdzv-endpoint", f"{first.address}:29501", "--local-addr", host.address),
        *("--rdzv-conf", f"is_host={int(host == first)}", "--no-python"),
    )
    return host.command(TORCHRUN, *options, *RUN)


@pytest.mark.slow
def test_under_srun(tmp_path: Path) -> None:
    """Two sessions, then the mistakes of srun's users."""
    cluster = tmp_path / "cluster"
    cluster.mkdir()
    with slurm(cluster) as variables:
        srun = ("srun", "-N2", "--ntasks-per-node=1")
        told = launched(*srun, *RUN, "--sessions", "2", cwd=tmp_path, **variables, **LOCAL)
        done, found = told
        assert done.returncode == 0, done.stderr
        assert (found["status"], len(found["sessions"])) == ("ok", 2)
        assert places(found) == [(0, 0), (1, 0)]
        assert found["topology"]["emulated"]  # one host name: no network between them

        lost, _ = launched(*srun, *RUN, cwd=tmp_path, **variables)
        assert "set MASTER_ADDR" in lost.stderr
        twice, _ = launched(*srun, *PROGRAM, "compare", cwd=tmp_path, **variables)
        assert (
            "compare starts its ranks itself, but srun has started the command 2 times"
            in twice.stderr
        )
        other = (*srun, "sh", "-c", f'exec {" ".join(RUN)} --output o --seed "$SLURM_PROCID"')
        unlike, _ = launched(*other, cwd=tmp_path, **variables, **LOCAL)
        assert "has --seed 1, but rank 0" in unlike.stderr
        alone, _ = launched("srun", "-n1", *RUN, "--output", "p", cwd=tmp_path, **variables)
        assert record(tmp_path / "p")["resolved"]["launcher"] == "direct", alone.stderr


@pytest.mark.slow
def test_under_mpirun(tmp_path: Path) -> None:
    require("mpirun")
    words = ("mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "2", *RUN)
    done, found = launched(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    why = {choice["option"]: choice["why"] for choice in found["choices"]}
    assert why["nproc_per_node"] == "as mpirun started them"


@pytest.mark.slow
def test_deepspeeds_launcher(tmp_path: Path) -> None:
    words = ("run", *SMALL, "--pipeline", "synthetic", "--launcher", "deepspeed")
    two = ("--nproc-per-node", "2", "--json")
    done = run(*words, *two, "--steps", "4", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["resolved"]["launcher"], len(found["topology"]["places"])) == ("deepspeed", 2)

    with started(*words, *two, "--steps", "5000", "--output", "k", cwd=tmp_path) as program:
        ranks = tmp_path / "k"
        wait_until(lambda: in_window(ranks, 2), 90)
        (second,) = (file.pid for file in rank_files(ranks) if file.rank == 1)
        os.kill(second, signal.SIGKILL)
        program.communicate(timeout=END_S)
    assert program.returncode == 4
    assert record(ranks)["failure"]["rank"] == 1
    assert left_over(tmp_path) == []
