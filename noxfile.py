"""The project's tasks. All of them use the environment that nox itself runs in (`uv run nox`)."""

import os

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "imports", "tests", "rehearsal"]

FIDELITY = ("loop", "synthetic-1", "dali-1", "synthetic-2", "dali-2")
WORKERS = str(os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count())


COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""Tests start hundreds of processes: what one of them has compiled the others read, even where the
environment says that nothing is to be written."""
PARALLEL = ("-n", WORKERS, "--dist", "loadfile", "--no-loadscope-reorder")
"""A file stays on one worker, so that what its tests share is made once. Files come in the order of
tests/conftest.py, long ones first, so that no worker waits at the end."""


def _pytest(session: nox.Session, *words: str, may_be_empty: bool = False) -> None:
    codes = [0, 5] if may_be_empty else [0]
    session.run("pytest", "-q", *words, env=COMPILED, success_codes=codes)


@nox.session
def tests(session: nox.Session) -> None:
    """Everything quick enough: first in parallel, then what starts processes, one after another.

    What is slow is left to `system`, and machines with GPUs to `rehearsal`.
    """
    chosen, launching = session.posargs or ["tests"], session.posargs or ["tests/system"]
    some = bool(session.posargs)
    kinds = "not system and not slow and not gpu and not rehearsal"
    _pytest(session, *PARALLEL, "-m", kinds, *chosen, may_be_empty=some)
    _pytest(session, "-m", "system and not slow and not rehearsal", *launching, may_be_empty=some)


@nox.session
def quick(session: nox.Session) -> None:
    """Under a minute, for daily work: no training, no loaders, no processes, fewer examples."""
    kinds = "not system and not slow and not gpu and not thorough and not rehearsal"
    words = ("--hypothesis-profile", "quick", *(session.posargs or ["tests"]))
    _pytest(session, *PARALLEL, "-m", kinds, *words)


@nox.session
def system(session: nox.Session) -> None:
    """The slow tests, wherever they lie; part of .ci/run.

    Where Slurm, Open MPI or iproute2 is missing, tests that need it are skipped and say so.
    """
    chosen, some = session.posargs or ["tests"], bool(session.posargs)
    _pytest(session, *PARALLEL, "-m", "slow and not system and not gpu", *chosen, may_be_empty=some)
    _pytest(session, "-m", "slow and system and not gpu", *chosen, may_be_empty=some)


@nox.session
def rehearsal(session: nox.Session) -> None:
    """Machines with GPUs, none of which is here: under two minutes on two cores.

    The timed loop on fake CUDA tensors, `doctor` and `run --dry-run` on scripted machines, and
    whole runs on two of them, whose ranks compute on the CPU.
    """
    chosen = session.posargs or ["tests/rehearsal"]
    some = bool(session.posargs)
    spread = (*PARALLEL[:2], "--dist", "worksteal")
    _pytest(session, *spread, "-m", "rehearsal and not system", *chosen, may_be_empty=some)
    _pytest(session, "-m", "rehearsal and system", *chosen, may_be_empty=some)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types, strictly."""
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """The rooms of the house and who may enter which."""
    session.run("lint-imports")


@nox.session
def bench(session: nox.Session) -> None:
    """Fidelity of the worker against a bare loop, and start-up time; ratios within one run.

    `-- traces [--peer PYTHON]`: what reading a trace costs instead, beside a floor and a peer.
    """
    if session.posargs[:1] == ["traces"]:
        session.run("python", "-m", "resnext_bench.lab.bench.traces", *session.posargs[1:])
    else:
        session.run("python", "-m", "resnext_bench.lab.bench", *session.posargs)


CAMPAIGNS = (
    *("calibration", "verdicts", "engines", "variants", "memory", "loaders", "attribution"),
    *("scripts", "fidelity"),
)


@nox.session
def campaign(session: nox.Session) -> None:
    """Long measurements, resumable; their JSON is committed under docs/results.

    Hours on two cores: the simulations of the statistics, 50 real A/A comparisons and 20 of each
    injected slowdown, engines, forms and variants of ResNeXt-50, memory, loaders, attribution,
    users' scripts and fidelity. Name some to take them alone: calibration, verdicts, engines,
    variants, memory, loaders, attribution, scripts or fidelity. Only by name: trace_figures
    and trace_many, which take minutes, and need real traces (RESNEXT_BENCH_TRACES); releases,
    which downloads every release of cuDNN.
    """
    # As ranks on a CPU have it: freed memory is kept.
    kept = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "1000000000000"}
    for name in session.posargs or CAMPAIGNS:
        if name == "fidelity":
            _fidelity(session)
            continue
        program = "calibration" if name == "calibration" else f"campaigns.{name}"
        command = ("python", "-m", f"resnext_bench.lab.{program}")
        env = kept if name in ("variants", "memory", "loaders", "attribution") else {}
        file = "cudnn-releases" if name == "releases" else name
        session.run(*command, "--json", f"docs/results/{file}.json", env=env)


def _fidelity(session: nox.Session) -> None:
    results = "docs/results/fidelity.json"
    session.run(
        *(
            "python",
            "-m",
            "resnext_bench.lab.bench",
            *FIDELITY,
            "--sessions",
            "12",
            "--json",
            results,
        ),
        success_codes=[0, 3],  # 3: this machine is too noisy to tell, which is a result too
    )


@nox.session
def gpu(session: nox.Session) -> None:
    """Every GPU fact in one visit of eight minutes: tests, then measurements, into one JSON.

    Without a GPU: `-- --device cpu --minutes 2`, a miniature that shows that the kit works.
    """
    session.run("python", "-m", "resnext_bench.lab.visit", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Write the generated pages: JSON Schemas, command line, tables and charts of results."""
    session.run("python", "-m", "resnext_bench.lab.docs", *session.posargs)
