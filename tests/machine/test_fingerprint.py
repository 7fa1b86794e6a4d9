"""What the record keeps of an environment, and what must never be in it."""

import subprocess
from pathlib import Path

import pytest

from resnext_bench.machine import fingerprint as module
from resnext_bench.machine.fingerprint import VARIABLES, fingerprint, without_credentials
from tests.machine.made_machines import made_machine

KEPT = {
    "OMP_NUM_THREADS": "4",
    "NCCL_DEBUG": "INFO",
    "CUDA_VISIBLE_DEVICES": "0,1",
    "CUDNN_LOGLEVEL_DBG": "3",
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
    "LD_PRELOAD": "libtcmalloc.so",
    "MALLOC_ARENA_MAX": "2",
    "SLURM_JOB_ID": "7",
    "TORCHINDUCTOR_MAX_AUTOTUNE": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "TRITON_CACHE_DIR": "/scratch/triton",
    "UCX_TLS": "rc,cuda_copy",
    "FI_PROVIDER": "efa",
    "NVSHMEM_SYMMETRIC_SIZE": "1G",
    "OMPI_MCA_btl_tcp_if_include": "eth0",
    "OMPI_MCA_pml": "ucx",
}
LEFT_OUT = {
    "PATH": "/bin",
    "HOME": "/home/someone",
    "SSH_AUTH_SOCK": "/tmp/agent",
    "GITHUB_TOKEN": "t",
    "AWS_SECRET_ACCESS_KEY": "t",
    "TORCH_HUB_TOKEN": "t",
    "NVIDIA_API_KEY": "t",
    "DALI_Password": "t",
    "NCCL_SECRET": "t",
    "SLURM_JOB_USER": "someone",
    "MY_OMP_NUM_THREADS": "1",
    "torch_home": "t",
    "OMPI_MCA_orte_precondition_transports": "5eed-5eed",
    "OMPI_MCA_orte_hnp_uri": "7;tcp://10.0.0.1:2",
    "OMPI_MCA_ess_base_vpid": "3",
    "OMPI_MCA_ess_base_jobid": "7",
    "OMPI_MCA_pmix_server_uri": "7",
    "OMPI_MCA_plm_rsh_agent": "ssh",
    "OMPI_MCA_initial_wdir": "/home/someone",
    "OMPI_MCA_sec_basic_key_token": "t",
    "TORCHINDUCTOR_REDIS_PASSWD": "t",
    "TRITON_APIKEY": "t",
    "UCX_PASSPHRASE": "t",
    "FINANCE_KEY": "t",
    "ompi_mca_pml": "ucx",
}
VALUES = {
    "redis://user:pass@cache.example:6379/0": "redis://cache.example:6379/0",
    "redis://:pass@cache.example": "redis://cache.example",
    "https://token@host/a,https://u:p@other/b": "https://host/a,https://other/b",
    "host=a,password=b,port=6379": "host=a,password=(left out),port=6379",
    "https://host/cache?api_key=b&size=1": "https://host/cache?api_key=(left out)&size=1",
    "auth_token: b": "auth_token: (left out)",
    "cuda_copy,rc_x": "cuda_copy,rc_x",
    "/scratch/keys/triton": "/scratch/keys/triton",
    "expandable_segments:True": "expandable_segments:True",
}
"""Values of variables, and what is left of them."""


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of the user's own, and no checkout around the test's folder."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_variables_by_allow_list_and_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", KEPT | LEFT_OUT)
    monkeypatch.setattr(module, "_git", lambda folder: None)
    found = fingerprint(made_machine(cores=2), {})
    assert found.variables == KEPT
    assert list(found.variables) == sorted(found.variables)


@pytest.mark.parametrize("value", VALUES)
def test_values_lose_their_secrets(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", {"TORCHINDUCTOR_REMOTE_CACHE": value})
    monkeypatch.setattr(module, "_git", lambda folder: None)
    found = fingerprint(made_machine(cores=2), {})
    assert found.variables == {"TORCHINDUCTOR_REMOTE_CACHE": VALUES[value]}


def test_a_name_is_allowed_as_a_whole() -> None:
    assert VARIABLES.fullmatch("OMP_NUM_THREADS")
    for name in ("XOMP_NUM_THREADS", "OMP", "OMP_", "LD_PRELOAD_X", "SLURM_JOB_ID_X"):
        assert not VARIABLES.fullmatch(name)


@pytest.mark.parametrize(
    ("remote", "kept"),
    [
        ("https://user:pass@host.example/x.git", "https://host.example/x.git"),
        ("https://token@host.example/x.git", "https://host.example/x.git"),
        ("https://user:p@ss@host.example/x.git", "https://host.example/x.git"),
        ("ssh://git@host.example:22/x.git", "ssh://host.example:22/x.git"),
        ("https://host.example/x@v2.git", "https://host.example/x@v2.git"),
        ("https://host.example/x.git", "https://host.example/x.git"),
        ("git@host.example:x/y.git", "git@host.example:x/y.git"),
        ("/srv/x@y/z.git", "/srv/x@y/z.git"),
        ("", ""),
    ],
)
def test_remotes_lose_their_credentials(remote: str, kept: str) -> None:
    assert without_credentials(remote) == kept


def git(*arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ("git", *identity, *arguments), capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def checkout() -> str:
    """A repository in the current folder, with one commit and a remote; the commit's id."""
    git("init", "-b", "trunk")
    Path("file").write_text("first")
    git("add", "file")
    git("commit", "-m", "first")
    git("remote", "add", "origin", "https://user:token@host.example/x.git")
    return git("rev-parse", "HEAD")


def state() -> dict[str, str] | None:
    return fingerprint(made_machine(cores=2), {}).git


def test_the_state_of_a_checkout() -> None:
    commit = checkout()
    clean = {
        "commit": commit,
        "branch": "trunk",
        "remote": "https://host.example/x.git",
        "dirty": "false",
    }
    assert state() == clean
    Path("untracked").write_text("does not count")
    assert state() == clean
    Path("file").write_text("changed")
    assert state() == clean | {"dirty": "true"}


def test_a_checkout_without_branch_and_remote() -> None:
    commit = checkout()
    git("checkout", "--detach")
    git("remote", "remove", "origin")
    assert state() == {"commit": commit, "dirty": "false"}


def test_no_commit_no_checkout_no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    assert state() is None
    git("init")
    assert state() is None
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert state() is None


def test_a_git_that_hangs_or_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    checkout()
    for error in (subprocess.TimeoutExpired("git", 10), OSError("no")):

        def broken(*arguments: object, error: Exception = error, **options: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("subprocess.run", broken)
            assert state() is None


def test_machine_and_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_version", lambda name: {"torch": "2.15.0"}.get(name, ""))
    found = fingerprint(made_machine(cores=16, usable=4, gpus=2), {"cudnn": "9.1"})
    assert found.versions == {"torch": "2.15.0", "cudnn": "9.1"}
    assert (found.cores, found.gpus) == (4, ("Example GPU", "Example GPU"))
    assert (found.cpu, found.memory_gib) == ("Example CPU", 64.0)


def test_versions_the_workers_saw_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_version", lambda name: "1.0")
    assert fingerprint(made_machine(cores=2), {"torch": "2.0"}).versions["torch"] == "2.0"


def test_a_package_that_is_not_there() -> None:
    assert module._version("no-such-package-as-this") == ""
    assert module._version("pytest") == pytest.__version__
