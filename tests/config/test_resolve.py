"""What is chosen for a machine, why, and what is refused."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.config import pipeline as module
from resnext_bench.config.pipeline import dali_installed, pipeline_of
from resnext_bench.config.request import checked
from resnext_bench.config.resolve import DataFacts, Resolved, request_of, resolve
from resnext_bench.errors import CannotHere, UsageError
from resnext_bench.machine.inventory import Machine
from resnext_bench.reports.schema.config import Request
from resnext_bench.resnext.optimizers import OPTIMIZERS
from tests.machine.made_machines import laptop, made_machine
from tests.machine.made_members import made_member

MADE = DataFacts(root="/cache/made", classes=8, made=True)
OWN = DataFacts(root="/images", classes=1000, made=False)
EIGHT = made_machine(cores=128, gpus=8, siblings=True)
ONE_GPU = made_machine(cores=16, gpus=1)
OLD_GPU = made_machine(cores=8, gpus=1, memory_gib=15.9, capability=(7, 5))


@pytest.fixture(autouse=True, scope="module")
def _dali() -> Iterator[None]:
    """DALI is there, whatever is installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "dali_installed", lambda: True)
        yield


def resolved(machine: Machine, data: DataFacts | None = MADE, /, **request: Any) -> Resolved:
    return resolve(checked(request), machine, data)


def chosen(found: Resolved) -> dict[str, object]:
    return {choice.option: choice.value for choice in found.choices}


def whys(found: Resolved) -> dict[str, str]:
    return {choice.option: choice.why for choice in found.choices}


def refused(kind: type[Exception], machine: Machine, **request: Any) -> str:
    with pytest.raises(kind) as error:
        resolved(machine, **request)
    return str(error.value)


def test_a_laptop() -> None:
    config = resolved(laptop()).config
    assert (config.model, config.device, config.world_size) == ("resnext50_32x4d", "cpu", 1)
    assert (config.launcher, config.engine) == ("direct", "none")
    assert (config.image_size, config.batch_size, config.warm_up, config.steps) == (128, 8, 10, 40)
    assert (config.pipeline, config.decode, config.data, config.classes) == (
        *("dali", "cpu"),
        *("/cache/made", 8),
    )
    assert (config.amp_dtype, config.tf32, config.channels_last) == ("none", False, True)
    # Two cores: one thread computes and one decodes.
    assert (config.threads, config.loader_threads) == (1, 1)
    assert config.learning_rate == pytest.approx(0.1 * 8 / 256, rel=1e-3)


def test_eight_gpus() -> None:
    found = resolved(EIGHT, amp=True)
    config = found.config
    assert (config.device, config.nodes, config.nproc_per_node) == ("cuda", 1, 8)
    assert (config.launcher, config.engine, config.amp_dtype) == ("torchrun", "ddp", "bf16")
    assert (config.image_size, config.batch_size, config.decode) == (224, 128, "mixed")
    assert (config.warm_up, config.steps) == (50, 200)
    assert config.learning_rate == 0.4  # 0.1 at 256 images, here 1024
    assert (config.threads, config.loader_threads) == (8, 15)  # 16 of 128 cores a rank
    assert whys(found)["nproc_per_node"] == "8 GPUs over 1 node"
    assert whys(found)["amp_dtype"] == "--amp, and the GPU has bf16"


def test_eight_gpus_over_two_nodes() -> None:
    config = resolved(EIGHT, nodes=2).config
    assert (config.nodes, config.nproc_per_node, config.world_size) == (2, 4, 8)


def test_one_gpu_under_two_nodes_is_shared() -> None:
    config = resolved(ONE_GPU, nodes=2).config
    assert (config.nodes, config.nproc_per_node) == (2, 1)
    assert config.batch_size == 128  # half of 139 GiB each
    smaller = made_machine(cores=16, gpus=1, memory_gib=24)
    assert resolved(smaller).config.batch_size == 64
    assert resolved(smaller, nodes=2).config.batch_size == 32


def test_an_old_gpu_has_fp16() -> None:
    found = resolved(OLD_GPU, amp=True)
    assert (found.config.amp_dtype, found.config.batch_size) == ("fp16", 64)
    assert whys(found)["amp_dtype"] == "--amp, and the GPU has no bf16"
    assert resolved(OLD_GPU, amp=True, device="cpu").config.amp_dtype == "bf16"
    assert resolved(OLD_GPU, amp=True, amp_dtype="bf16").config.amp_dtype == "bf16"


def test_a_quota_counts_and_not_the_mask() -> None:
    machine = made_machine(cores=64, usable=4)
    config = resolved(machine, nodes=2).config
    assert (config.threads, config.loader_threads) == (1, 1)  # 2 of 4 cores a rank
    words = (
        "5 nodes x 1 rank = 5 ranks, but each needs a CPU core of its own and only 4 may be used"
    )
    assert words in refused(CannotHere, machine, nodes=5)


def test_siblings_are_not_counted_as_cores_to_compute_on() -> None:
    config = resolved(made_machine(cores=16, siblings=True), None, pipeline="synthetic").config
    assert config.threads == 8


@pytest.mark.parametrize("machine", [laptop(), EIGHT, ONE_GPU, OLD_GPU])
@pytest.mark.parametrize("pipeline", ["dali", "torchvision", "synthetic"])
def test_every_choice_has_a_reason_and_is_what_runs(machine: Machine, pipeline: str) -> None:
    found = resolved(machine, None if pipeline == "synthetic" else MADE, pipeline=pipeline)
    assert all(choice.why for choice in found.choices)
    assert len(chosen(found)) == len(found.choices)
    for option, value in chosen(found).items():
        assert getattr(found.config, option) == value
    # Options without an effect here are not talked about.
    silent = {"cudnn_benchmark", "tf32"} if found.config.device == "cpu" else set()
    silent |= {"decode", "loader_threads", "data"} if pipeline == "synthetic" else set()
    assert not silent & set(chosen(found))


GIVEN = {
    "model": st.sampled_from(["resnext50_32x4d", "resnet50", "torchvision:resnet18", "json:loads"]),
    "image_size": st.integers(32, 512),
    "batch_size": st.integers(1, 512),
    "nodes": st.integers(1, 3),
    "nproc_per_node": st.integers(1, 4),
    "device": st.sampled_from(["cpu", "cuda"]),
    "amp_dtype": st.sampled_from(["none", "bf16", "fp16"]),
    "tf32": st.booleans(),
    "channels_last": st.booleans(),
    "cudnn_benchmark": st.booleans(),
    "cudnn_benchmark_limit": st.integers(0, 20),
    "cudnn_deterministic": st.booleans(),
    "pipeline": st.sampled_from(["synthetic", "torchvision", "dali"]),
    "bad_files": st.sampled_from(["stop", "skip"]),
    "threads": st.integers(1, 8),
    "loader_threads": st.integers(1, 8),
    "optimizer": st.sampled_from(["sgd", "adamw"]),
    "learning_rate": st.floats(0, 1),
    "momentum": st.floats(0, 1),
    "weight_decay": st.floats(0, 1),
    "seed": st.integers(0, 2**31 - 1),
    "warm_up": st.integers(1, 100),
    "steps": st.integers(2, 1000),
    "sessions": st.integers(1, 9),
}


def taken(request: Request) -> Request:
    """What is not refused: AdamW has no momentum."""
    left_out = {"momentum"} if request.get("optimizer") == "adamw" else set()
    return {name: value for name, value in request.items() if name not in left_out}


REQUESTS = st.fixed_dictionaries({}, optional=GIVEN).map(taken)


def facts(request: Request) -> DataFacts | None:
    return None if request.get("pipeline") == "synthetic" else MADE


@given(REQUESTS)
def test_what_was_given_stands_and_is_no_choice(request: Request) -> None:
    found = resolve(checked(request), EIGHT, facts(request))
    assert not set(request) & set(chosen(found))
    synthetic = {"bad_files"} if found.config.pipeline == "synthetic" else set()
    for option in set(request) - synthetic:
        assert getattr(found.config, option) == request[option]


@given(REQUESTS, st.sampled_from([None, True, False]))
def test_a_configuration_leads_to_itself(request: Request, amp: bool | None) -> None:
    """`runs rerun`: the resolved configuration, asked for again, is the very same one."""
    if amp is not None:
        request = {name: value for name, value in request.items() if name != "amp_dtype"}
        request["amp"] = amp
    first = resolve(checked(request), EIGHT, facts(request))
    again = resolve(checked(request_of(first.config)), EIGHT, facts(request))
    assert again.config == first.config
    assert set(chosen(again)) <= {"data"}


def test_a_global_batch_leads_to_itself_too() -> None:
    first = resolved(EIGHT, global_batch_size=64)
    assert (first.config.batch_size, whys(first)["batch_size"]) == (
        8,
        "--global-batch-size 64 over 8 ranks",
    )
    assert resolve(request_of(first.config), EIGHT, MADE).config == first.config


@pytest.mark.parametrize(
    ("total", "nearest"), [(63, "56 or 64"), (65, "64 or 72"), (7, "are 8"), (12, "8 or 16")]
)
def test_a_global_batch_that_does_not_divide(total: int, nearest: str) -> None:
    text = refused(UsageError, EIGHT, global_batch_size=total)
    assert f"--global-batch-size {total} is not divisible by 8 ranks (1 nodes x 8)" in text
    assert nearest in text


def test_two_batches_that_disagree() -> None:
    text = refused(UsageError, EIGHT, global_batch_size=64, batch_size=9)
    assert "64 over 8 ranks is 8 per rank, which contradicts --batch-size 9; give only" in text
    assert resolved(EIGHT, global_batch_size=64, batch_size=8).config.batch_size == 8


@pytest.mark.parametrize(
    ("machine", "request_", "words"),
    [
        (
            laptop(),
            {"nodes": 3},
            ("3 nodes x 1 rank = 3 ranks, but each needs a CPU core of its own and only 2 may"),
        ),
        (laptop(), {"nproc_per_node": 3}, "lower --nodes or --nproc-per-node"),
        (laptop(), {"device": "cuda"}, "--device cuda: no NVIDIA GPU is visible here"),
        (ONE_GPU, {"nproc_per_node": 2}, "--nproc-per-node 2: only 1 GPU here; give at most 1"),
        (EIGHT, {"nproc_per_node": 9}, "--nproc-per-node 9: only 8 GPUs here"),
    ],
)
def test_what_this_machine_cannot_do(
    machine: Machine, request_: dict[str, Any], words: str
) -> None:
    assert words in refused(CannotHere, machine, **request_)
    assert CannotHere.exit_code == 5


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"amp": False, "amp_dtype": "bf16"}, "--no-amp and --amp-dtype bf16 exclude each other"),
        ({"amp": True, "amp_dtype": "none"}, "--amp and --amp-dtype none exclude each other"),
        ({"pipeline": "synthetic", "decode": "cpu"}, "synthetic batches have no JPEGs"),
        ({"pipeline": "synthetic", "data": "/x"}, "--data needs a pipeline that reads images"),
        ({"decode": "mixed"}, "--decode mixed: with --pipeline dali on cpu give cpu"),
        ({"decode": "none"}, "--decode none: with --pipeline dali on cpu give cpu"),
        (
            {"pipeline": "torchvision", "decode": "mixed"},
            "--decode mixed: with --pipeline torchvision on cpu give cpu",
        ),
        ({"model": "resnext50_32x4"}, "did you mean resnext50_32x4d?"),
        (
            {"optimizer": "adamw", "momentum": 0.5},
            "--momentum 0.5: --optimizer adamw has no momentum to set; leave it out, or choose",
        ),
    ],
)
def test_options_that_contradict_each_other_are_named(request_: dict[str, Any], words: str) -> None:
    assert words in refused(UsageError, laptop(), **request_)
    assert UsageError.exit_code == 2


def test_decoding_on_a_gpu_machine() -> None:
    assert "give cpu or mixed" in refused(UsageError, EIGHT, decode="none")
    assert resolved(EIGHT, decode="cpu").config.decode == "cpu"
    assert resolved(EIGHT, device="cpu").config.decode == "cpu"
    assert resolved(EIGHT, None, pipeline="synthetic", decode="none").config.decode == "none"


def test_no_amp_means_fp32() -> None:
    assert resolved(EIGHT, amp=False).config.amp_dtype == "none"
    assert resolved(EIGHT, amp=False, amp_dtype="none").config.amp_dtype == "none"


def test_data_of_the_users_own() -> None:
    found = resolved(laptop(), OWN, data="/images")
    assert (found.config.data, found.config.classes) == ("/images", 1000)
    assert "data" not in chosen(found)
    assert chosen(resolved(laptop(), MADE))["data"] == "/cache/made"


def test_the_port_is_no_part_of_the_configuration() -> None:
    assert resolved(laptop(), port=29500).port == 29500
    assert resolved(laptop()).port == 0
    assert resolved(laptop(), port=29500).config == resolved(laptop()).config


def test_learning_rates_follow_the_batch() -> None:
    assert resolved(laptop(), batch_size=256).config.learning_rate == 0.1
    assert resolved(laptop(), batch_size=256, optimizer="adamw").config.learning_rate == 0.001
    assert resolved(laptop(), learning_rate=0.5).config.learning_rate == 0.5


def test_an_optimizer_without_a_fused_update(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolved(laptop(), optimizer="adamw", fused_optimizer=True).config.fused_optimizer
    without = replace(OPTIMIZERS["adamw"], has_fused=False)
    monkeypatch.setitem(OPTIMIZERS, "adamw", without)
    with pytest.raises(UsageError, match="no fused update for --optimizer adamw; leave it out"):
        resolved(laptop(), optimizer="adamw", fused_optimizer=True)
    assert not resolved(laptop(), optimizer="adamw").config.fused_optimizer


def test_without_dali(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "dali_installed", lambda: False)
    assert pipeline_of({}) == ("synthetic", "DALI is not installed (extra dali13)")
    assert pipeline_of({"pipeline": "synthetic"}) == ("synthetic", "")
    with pytest.raises(CannotHere, match="install the extra dali13"):
        pipeline_of({"pipeline": "dali"})
    assert resolved(laptop(), None).config.pipeline == "synthetic"
    own = resolved(laptop(), OWN, data="/images")
    assert (own.config.pipeline, own.config.decode) == ("torchvision", "cpu")
    assert whys(own)["pipeline"] == "DALI is not installed (extra dali13)"


def test_without_dali_and_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_installed", lambda package: False)
    monkeypatch.setattr(module, "dali_installed", lambda: False)
    assert pipeline_of({})[0] == "synthetic"
    with pytest.raises(CannotHere, match="torchvision is not installed; install the extra train"):
        pipeline_of({"pipeline": "torchvision"})
    with pytest.raises(CannotHere, match="--data: neither DALI nor torchvision"):
        pipeline_of({"data": "/images"})


@pytest.mark.parametrize("machine", [laptop(), EIGHT])
def test_torchvision_decodes_on_the_cpu(machine: Machine) -> None:
    found = resolved(machine, pipeline="torchvision")
    assert (found.config.pipeline, found.config.decode) == ("torchvision", "cpu")
    assert whys(found)["decode"] == "torchvision's decoder"
    dali = resolved(machine, pipeline="dali").config
    assert (found.config.threads, found.config.loader_threads) == (
        *(dali.threads, dali.loader_threads),
    )


def test_dali_is_looked_for_and_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.util.find_spec", missing)
    assert not dali_installed()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert dali_installed()


def test_engines() -> None:
    alone = resolved(laptop(), engine="ddp").config
    assert (alone.launcher, alone.engine, alone.bucket_mib) == ("torchrun", "ddp", 25.0)
    zero = resolved(laptop(), nodes=2, engine="deepspeed").config
    assert (zero.launcher, zero.engine, zero.zero_stage) == ("torchrun", "deepspeed", 0)
    assert zero.bucket_mib is None, "it reduces all gradients at once"
    split = resolved(laptop(), nodes=2, engine="deepspeed", zero_stage=1).config
    assert (split.zero_stage, split.bucket_mib) == (1, 25.0)
    tuned = resolved(laptop(), nodes=2, static_graph=True, bucket_mib=4.0).config
    assert (tuned.engine, tuned.static_graph, tuned.bucket_mib) == ("ddp", True, 4.0)
    none = resolved(laptop()).config
    assert (none.bucket_mib, none.zero_stage, none.static_graph) == (None, None, False)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"engine": "none", "nodes": 2}, "2 ranks would train independently"),
        ({"engine": "ddp", "zero_stage": 1}, "--zero-stage is an option of --engine deepspeed"),
        ({"zero_stage": 0}, "the engine here is none"),
        (
            {"engine": "deepspeed", "static_graph": True},
            "--static-graph is an option of --engine ddp",
        ),
        ({"gradient_as_bucket_view": True}, "--gradient-as-bucket-view is an option of"),
        ({"bucket_mib": 4.0}, "--bucket-mib is an option of --engine ddp and deepspeed"),
        (
            {"engine": "deepspeed", "bucket_mib": 4.0},
            "with --zero-stage 0 DeepSpeed has no buckets",
        ),
    ],
)
def test_options_of_another_engine(request_: dict[str, Any], words: str) -> None:
    assert words in refused(UsageError, laptop(), **request_)


def test_deepspeed_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resnext_bench.config.ranks.is_installed", lambda module: False)
    given = {"engine": "deepspeed", "pipeline": "synthetic"}
    assert "DeepSpeed is not installed" in refused(CannotHere, laptop(), **given)


@pytest.mark.parametrize(
    ("request_", "mode"),
    [
        ({}, "none"),
        ({"compile": True}, "default"),
        ({"compile": False}, "none"),
        ({"compile_mode": "max-autotune"}, "max-autotune"),
        ({"compile": True, "compile_mode": "reduce-overhead"}, "reduce-overhead"),
        ({"compile": False, "compile_mode": "none"}, "none"),
    ],
)
def test_compiling(request_: dict[str, Any], mode: str) -> None:
    assert resolved(laptop(), **request_).config.compile_mode == mode


@pytest.mark.parametrize(
    ("switch", "mode"), [(False, "default"), (True, "none")], ids=["off", "on"]
)
def test_compiling_and_not(switch: bool, mode: str) -> None:
    words = refused(UsageError, laptop(), compile=switch, compile_mode=mode)
    assert "exclude each other" in words
    assert ("--no-compile" in words) is not switch


@pytest.mark.parametrize(
    "request_",
    [
        {"nodes": 2, "bucket_mib": 1.0, "gradient_as_bucket_view": True},
        {"engine": "deepspeed", "zero_stage": 2, "nodes": 2},
        {"engine": "deepspeed", "nodes": 2},
        {"engine": "ddp"},
        {"compile_mode": "max-autotune"},
    ],
)
def test_a_rerun_of_an_engine_is_the_same(request_: dict[str, Any]) -> None:
    config = resolved(laptop(), **request_).config
    assert resolved(laptop(), **request_of(config)).config == config


def test_an_older_record_of_stage_0_can_be_rerun() -> None:
    """It holds a size of buckets, which had no effect."""
    config = resolved(laptop(), engine="deepspeed").config
    older = msgspec.structs.replace(config, bucket_mib=25.0)
    assert resolved(laptop(), **request_of(older)).config == config


def joined(machine: Machine, rank: int = 0, **request: Any) -> Resolved:
    return resolve(checked(request), machine, MADE, made_member(rank, 4, 2))


def test_ranks_that_others_started_are_counted_by_them() -> None:
    found = joined(EIGHT)
    assert (found.config.nodes, found.config.nproc_per_node) == (2, 2)
    assert (found.config.launcher, found.config.engine) == ("joined", "ddp")
    assert whys(found)["nodes"] == "as torchrun started them"


def test_a_member_has_all_the_cores_it_was_given() -> None:
    """They are its own share already: four ranks do not divide them again."""
    alone = resolved(EIGHT, nodes=1, nproc_per_node=1).config
    assert (joined(EIGHT).config.threads, joined(EIGHT).config.loader_threads) == (
        alone.threads,
        alone.loader_threads,
    )


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"nodes": 3}, "--nodes 3: torchrun has started 2 nodes x 2 ranks; leave the option out"),
        ({"nproc_per_node": 1}, "--nproc-per-node 1: torchrun has started"),
        ({"launcher": "deepspeed"}, "--launcher deepspeed: torchrun has already started this rank"),
        ({"port": 5}, "--port 5: torchrun has already started this rank"),
        ({"engine": "none"}, "4 ranks would train independently"),
    ],
)
def test_what_the_launcher_has_decided_is_no_option(request_: Request, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        joined(EIGHT, **request_)


def test_a_member_fills_the_gpu_that_it_was_given() -> None:
    """Its share of the machine is one GPU, which it does not divide by the ranks of the node."""
    alone = resolved(ONE_GPU, nodes=1, nproc_per_node=1).config.batch_size
    assert joined(ONE_GPU).config.batch_size == alone


def test_a_joined_run_is_run_again_under_any_launcher() -> None:
    config = joined(EIGHT).config
    assert "launcher" not in request_of(config)
    assert joined(EIGHT, **request_of(config)).config == config


def test_launchers() -> None:
    one, two = {"nproc_per_node": 1}, {"nproc_per_node": 2}
    assert resolved(laptop(), **one).config.launcher == "direct"
    assert resolved(EIGHT, **two).config.launcher == "torchrun"
    chosen_ = resolved(EIGHT, launcher="deepspeed", nodes=1, **two)
    assert chosen_.config.launcher == "deepspeed"
    assert request_of(chosen_.config)["launcher"] == "deepspeed"
    assert request_of(resolved(laptop(), launcher="torchrun", **one).config)["launcher"]


def test_deepspeeds_launcher_starts_one_node() -> None:
    words = refused(UsageError, EIGHT, launcher="deepspeed", nodes=2)
    assert words.endswith("give --nodes 1, or --launcher torchrun")


def test_deepspeeds_launcher_knows_gpus_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = made_machine(cores=8, gpus=2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1, GPU-2")
    assert "give numbers" in refused(CannotHere, machine, launcher="deepspeed")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 3")
    assert resolved(machine, launcher="deepspeed").config.launcher == "deepspeed"


@pytest.mark.parametrize(
    ("request_", "steps"),
    [
        ({}, 0),
        ({"profile": True}, 3),
        ({"profile": True, "profile_steps": 5}, 5),
        ({"profile_steps": 5}, 5),
        ({"profile_memory": True}, 3),
        ({"profile_memory": True, "profile_steps": 5}, 5),
        ({"profile": False}, 0),
    ],
)
def test_profiled_steps(request_: Request, steps: int) -> None:
    found = resolved(laptop(), **request_).config
    assert found.profile_steps == steps
    assert resolve(request_of(found), laptop(), MADE).config == found


@pytest.mark.parametrize(("switch", "steps"), [(True, 0), (False, 3)])
def test_profiling_on_and_off(switch: bool, steps: int) -> None:
    words = refused(UsageError, laptop(), profile=switch, profile_steps=steps)
    assert words.endswith(f"--profile-steps {steps} exclude each other")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"profile": False}, "--profile-memory and --no-profile"),
        ({"profile_steps": 0}, "--profile-memory and --profile-steps 0"),
    ],
)
def test_memory_needs_a_profile(options: Request, told: str) -> None:
    words = refused(UsageError, laptop(), profile_memory=True, **options)
    assert words == f"{told} exclude each other"


@pytest.mark.parametrize(
    ("model", "on_cpu", "on_gpu"),
    [
        ("resnext101_64x4d", 128, 224),
        ("resnext29_8x64d", 32, 32),
        ("googlenet_root8", 128, 224),
        ("alexnet", 227, 227),
    ],
)
def test_images_are_of_the_size_a_network_takes(model: str, on_cpu: int, on_gpu: int) -> None:
    assert resolved(laptop(), model=model).config.image_size == on_cpu
    assert resolved(ONE_GPU, model=model).config.image_size == on_gpu


def test_a_size_that_a_network_does_not_take() -> None:
    told = refused(UsageError, laptop(), model="alexnet", image_size=224)
    assert told == "--image-size 224: alexnet takes images of 227 to 258 pixels, not 224"


def test_classes_of_synthetic_batches_are_the_networks() -> None:
    for model, classes in (("resnext29_8x64d", 10), ("resnext50_32x4d", 1000)):
        assert resolved(laptop(), None, model=model, pipeline="synthetic").config.classes == classes


@pytest.mark.parametrize(("model", "rate"), [("alexnet", 0.02), ("googlenet_root2", 0.02)])
def test_networks_without_batch_norm_learn_slower(model: str, rate: float) -> None:
    found = resolved(laptop(), model=model)
    assert found.config.learning_rate == pytest.approx(rate * 8 / 256)
    assert whys(found)["learning_rate"] == f"{rate:g} x 8 / 256 images per step"


def test_forms_of_a_block() -> None:
    assert resolved(laptop()).config.form == "c"
    assert "form" not in chosen(resolved(laptop()))
    found = resolved(laptop(), form="a", model="resnet50_root16")
    assert found.config.form == "a"
    assert request_of(found.config)["form"] == "a"


@pytest.mark.parametrize("model", ["alexnet", "googlenet", "torchvision:resnet50"])
def test_a_form_where_there_is_none(model: str) -> None:
    told = refused(UsageError, laptop(), model=model, form="b")
    assert told.startswith(f"--form b: {model} has no ResNeXt blocks; leave --form out")


def test_a_form_that_is_none() -> None:
    with pytest.raises(UsageError, match=r"--form d: .*a, b.* c"):
        resolved(laptop(), form="d")
