"""Where batches come from, and the threads that make them and train on them."""

from typing import Any

from resnext_bench.config.answers import Answers, is_installed
from resnext_bench.config.memory import require_room_for_sockets
from resnext_bench.config.options import flag
from resnext_bench.config.ranks import ranks_here
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.choices import SYNTHETIC
from resnext_bench.reports.schema.config import Request


def pipeline_of(request: Request) -> tuple[str, str]:
    """Return the pipeline of a request, and why; it decides whether a data set is needed."""
    if "pipeline" in request:
        if request["pipeline"] in SYNTHETIC and "data" in request:
            raise UsageError(
                "--data needs a pipeline that reads images: leave --pipeline out, or give dali or "
                "torchvision"
            )
        _require_data_of_split(request)
        if request["pipeline"] == "dali" and not dali_installed():
            raise CannotHere(
                "--pipeline dali: DALI is not installed; install the extra dali13 (CUDA 13 or no "
                "GPU) or dali12, or use --pipeline torchvision or synthetic"
            )
        if request["pipeline"] == "torchvision" and not is_installed("torchvision"):
            raise CannotHere(
                "--pipeline torchvision: torchvision is not installed; install the extra train"
            )
        return str(request["pipeline"]), ""
    _require_data_of_split(request)
    if dali_installed():
        return "dali", "DALI is installed"
    if "data" in request:
        if is_installed("torchvision"):
            return "torchvision", "DALI is not installed (extra dali13)"
        raise CannotHere(
            "--data: neither DALI nor torchvision, which can read it, is installed; install the "
            "extra dali13 or train"
        )
    return "synthetic", "DALI is not installed (extra dali13)"


def _require_data_of_split(request: Request) -> None:
    if "split" in request and "data" not in request:
        raise UsageError(
            f"--split {request['split']}: it chooses a part of --data FOLDER, which is not given"
        )


def dali_installed() -> bool:
    """Return whether the package is installed; it is not imported."""
    return is_installed("nvidia.dali")


def choose_pipeline(pick: Answers, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """Choose where batches come from."""
    name, why = pipeline_of(pick.request)
    pick("pipeline", name, why)
    if name in SYNTHETIC:
        _require_copy(name, values["device"])
        if pick.request.get("decode", "none") != "none":
            raise UsageError(f"--decode {pick.request['decode']}: synthetic batches have no JPEGs")
        for option in ("prefetch", "last_batch"):
            if option in pick.request:
                raise UsageError(
                    f"{flag(option)} {pick.request[option]}: the synthetic pipeline repeats one "
                    "batch; leave the option out, or give --pipeline dali or torchvision"
                )
        pixels = _pixels(pick, values, "fp32", "noise, normalised already")
        return {"pipeline": name, "decode": "none", "bad_files": "stop", "pixels": pixels}
    if name == "torchvision":
        require_room_for_sockets()
    decode = _decode(pick, name, values["device"])
    bad = pick.usual("bad_files")
    return {
        "pipeline": name,
        "decode": decode,
        "bad_files": bad,
        "pixels": _pixels(
            pick, values, "uint8", "a quarter of the bytes; the model normalises them"
        ),
        "prefetch": pick.usual("prefetch"),
        "last_batch": pick.usual("last_batch"),
    }


def _require_copy(name: str, device: str) -> None:
    if name == "host" and device == "cpu":
        raise UsageError(
            "--pipeline host: with --device cpu there is no device to copy to; give "
            "synthetic, or --device cuda"
        )


def _pixels(pick: Answers, values: dict[str, Any], default: str, why: str) -> str:
    pixels = str(pick("pixels", default, why, tell=default == "uint8"))
    if pixels == "fp16" and values["amp_dtype"] == "none":
        raise UsageError(
            "--pixels fp16: the model computes in fp32; add --amp, or give --pixels uint8 or fp32"
        )
    return pixels


def _decode(pick: Answers, pipeline: str, device: str) -> str:
    default: tuple[str, str]
    allowed: tuple[str, ...]
    if pipeline == "torchvision":
        default, allowed = ("cpu", "torchvision's decoder"), ("cpu",)
    elif device == "cuda":
        default, allowed = ("mixed", "nvJPEG"), ("cpu", "mixed")
    else:
        default, allowed = ("cpu", "no GPU in use"), ("cpu",)
    decode = str(pick("decode", *default))
    if decode not in allowed:
        raise UsageError(
            f"--decode {decode}: with --pipeline {pipeline} on {device} give {' or '.join(allowed)}"
        )
    return decode


def choose_threads(pick: Answers, values: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """Choose how many threads of a rank compute, and how many load."""
    cores = machine.usable_cores // ranks_here(pick, values)
    reading = values["pipeline"] not in SYNTHETIC
    if values["device"] == "cuda":
        loaders, compute = max(1, min(cores - 1, 16)), max(1, min(cores // 2, 8))
    else:
        physical = max(1, cores * machine.physical_cores // len(machine.cores))
        loaders = max(1, physical // 4)
        compute = max(1, physical - (loaders if reading else 0))
    why = f"{cores} of {machine.usable_cores} cores per rank"
    return {
        "loader_threads": pick("loader_threads", loaders, why, tell=reading),
        "threads": pick("threads", compute, why),
    }
