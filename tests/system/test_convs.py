"""`convs plan` as it is typed, with a scripted frontend: what is shown, stored and refused."""

import json
from pathlib import Path

import pytest

from tests.cli.typed import Typed
from tests.convs.frontend import scripted

pytestmark = pytest.mark.system
__all__ = ["scripted"]
ONE = ("--shape", "2x8x9x9", "--groups", "2")


@pytest.fixture
def typed(
    scripted: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Typed:
    scripted.setenv("COLUMNS", "80")
    scripted.setenv("RESNEXT_BENCH_RUNS", str(tmp_path / "runs"))
    return Typed(scripted, capsys, "convs", "plan")


def test_a_network_is_a_table_of_first_choices(typed: Typed) -> None:
    code, out, err = typed("resnext50_32x4d", "--cudnn-benchmark-limit", "2")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    words = " ".join(out.split())
    assert "first choice for 21 problems; its limit of 2 hides plans in all 21 problems" in words
    rows = [line.split() for line in out.splitlines() if "eng22" in line]
    assert len(rows) == 21
    assert rows[0][:4] == ["layer1.0.conv2", "x3", "forward", "eng22"]
    assert "of its assumed fields" in words or "none of its assumed fields" in words


def test_models_of_others_are_looked_at_while_they_work(typed: Typed) -> None:
    mine, theirs = (
        json.loads(typed(model, "--json")[1])
        for model in ("resnext50_32x4d", "torchvision:resnext50_32x4d")
    )
    assert theirs["convolutions"] == mine["convolutions"]
    assert theirs["problems"] == mine["problems"]


@pytest.mark.slow
def test_a_model_of_yours_may_call_convolutions_itself(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        print('a word of its own')\n"
        "        self.weight = torch.nn.Parameter(torch.zeros(6, 3, 5, 5))\n"
        "        self.up = torch.nn.ConvTranspose2d(6, 6, 2)\n"
        "        self.deep = torch.nn.Conv2d(6, 12, 3, dilation=2, groups=6, bias=False)\n"
        "    def forward(self, x):\n"
        "        return self.deep(self.up(torch.conv2d(x, self.weight, stride=2))).mean((2, 3))\n"
    )
    typed._patch.chdir(tmp_path)
    _, shown, told = typed("nets:Net", "--all", "--image-size", "32", "--json")
    assert "note: left out are up (transposed); only convolutions in two" in told
    found = json.loads(shown)
    first, deep = found["convolutions"]
    assert (first["images"], first["stride"]) == ([256, 3, 32, 32], [2, 2])
    assert (deep["layers"], deep["groups"], deep["dilation"]) == (["deep"], 6, [2, 2])
    assert [one["operation"] for one in found["problems"][:3]] == [
        *("forward", "weight gradient", "forward"),
    ]
    out = " ".join(typed("nets:Net", "--image-size", "32")[1].split())
    assert "With one channel a group PyTorch may use kernels of its own" in out
    code, _, err = typed("nets:Nat")
    assert code == 2
    assert "the nearest is Net" in err


def test_nchw_tells_its_hidden_transposes(typed: Typed) -> None:
    out = " ".join(typed("resnext50_32x4d", "--layout", "nchw")[1].split())
    assert "Hidden transposes in all 21 problems: in NCHW the first choice needs" in out
    assert "Hidden transposes" not in typed("resnext50_32x4d")[1]


def test_one_layer_is_shown_with_all_its_plans(typed: Typed) -> None:
    out = typed("resnext50_32x4d", "--layer", "layer1.0.conv2", "--dtype", "fp32")[1]
    rows = [line for line in out.splitlines() if line.split()[1:2] and line.split()[1][:3] == "eng"]
    assert len(rows) == 18
    told = " ".join(out.split())
    assert told.count("no: TF32 is off") == 6
    assert sum("first choice" in row for row in rows) == 3
    assert told.count("no: rounds inputs") == 3
    assert told.count("cannot be built") == 3


def test_the_record_is_listed_shown_and_queried(typed: Typed, tmp_path: Path) -> None:
    found = json.loads(typed(*ONE, "--json")[1])
    assert found["kind"] == "convs"
    assert [one["operation"] for one in found["problems"]] == [
        *("forward", "input gradient", "weight gradient"),
    ]
    runs = Typed(typed._patch, typed._streams, "runs")
    assert f"{found['id']} ok" in " ".join(runs("list")[1].split())
    assert "forward of this convolution" in runs("show", "last")[1]
    assert json.loads(runs("show", "last", "--json")[1]) == found
    asked = "SELECT problem, rank, engine, workspace FROM convs WHERE candidate = 1"
    assert json.loads(runs("query", asked, "--json")[1]) == [
        {"problem": f"given {operation}", "rank": 1, "engine": 22, "workspace": 0}
        for operation in ("forward", "input gradient", "weight gradient")
    ]


def test_two_records_are_compared(typed: Typed) -> None:
    ids = [
        json.loads(typed(*ONE, *more, "--json")[1])["id"]
        for more in ((), ("--dtype", "fp32"), ("--device", "l4"), ("--cudnn-deterministic",))
    ]
    runs = Typed(typed._patch, typed._streams, "runs", "diff")
    out = " ".join(runs(ids[0], ids[2])[1].split())
    assert "another engine in 0 of 3 problems" in out
    assert "NVIDIA H200 NVIDIA L4" in out
    assert "no problem in common" in runs(ids[0], ids[1])[1]
    found = json.loads(runs(ids[0], ids[3], "--json")[1])
    assert (found["problems"], found["changes"]) == (3, [])
    assert found["settings"] == [["deterministic", "off", "on"]]
    code, _, err = runs(ids[0], ids[0])
    assert code == 2
    assert "the same run" in err


def test_a_library_that_refuses_everything_is_a_failure(typed: Typed) -> None:
    typed._patch.setenv("SCRIPTED_CUDNN", "refuses")
    code, out, err = typed(*ONE)
    assert code == 4
    assert "cuDNN has no plan: no engine for this" in out + err


def test_a_gpu_saves_its_description(typed: Typed, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    code, _, err = typed("--save-device", path)
    assert code == 5
    assert "finds no GPU here" in err
    typed._patch.setenv("SCRIPTED_CUDNN", "gpu")
    assert typed("--save-device", path)[0] == 0
    out = typed(*ONE, "--device-description", path)[1]
    assert "on NVIDIA Z1:" in out


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), "name a network, such as resnext50_32x4d, or give --shape"),
        (("resnext50_32x4d", "--groups", "2"), "--groups belongs to --shape"),
        (("resnext50_32x4d", *ONE), "leave MODEL out"),
        (("nosuch",), "MODEL: unknown model 'nosuch'"),
        (("--shape", "2x8x9"), "256x128x56x56"),
        ((*ONE, "--layer", "a"), "--layer belongs to a network"),
        (("timm:resnet_18",), "no such model"),
        (("resnext50",), "did you mean"),
        (("resnext50_32x4d", "--device", "h300"), "described are a100"),
        ((*ONE, "--device", "h100", "--device-description", "x"), "exclude each other"),
    ],
)
def test_what_is_refused(typed: Typed, arguments: tuple[str, ...], what: str) -> None:
    code, out, err = typed(*arguments)
    assert (code, out) == (2, "")
    assert what in " ".join(err.split())
