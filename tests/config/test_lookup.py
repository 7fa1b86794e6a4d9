"""Names that a library or a module does not hold are told before anything is started or loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from resnext_bench.config.lookup import require_found
from resnext_bench.config.models import require_model
from resnext_bench.config.resolve import resolve
from resnext_bench.errors import UsageError
from tests.worker.made_training import LAPTOP

NETS = """
import functools
from json import loads as read
if True:
    def inside(): ...
else:
    other: int = 3
try:
    import no_such_package
except ImportError:
    fallback = lambda: None
class Net: ...
a, (b, *c) = Net, (Net, Net)
with open("x") as handle:
    pass
small = functools.partial(Net)
width, table, text = 4, {}, "x"
number = 7
numbers = [1, 2]
Late = None
Late = Net
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mynet.py").write_text(NETS)
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "__init__.py").touch()
    (tmp_path / "nets" / "small.py").write_text("class Net: ...\n")
    (tmp_path / "stars.py").write_text("from mynet import *\n")
    (tmp_path / "lazy.py").write_text("def __getattr__(name): ...\n")
    (tmp_path / "made.py").write_text("for n in 'ab':\n    globals()[n] = int\n")
    (tmp_path / "broken.py").write_text("class Net:\n    def forward(self, x)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "model",
    [
        *(
            f"mynet:{name}"
            for name in ("Net", "inside", "read", "fallback", "a", "b", "c", "small")
        ),
        *("mynet:other", "mynet:Net.build", "mynet:Late", "mynet:handle", "mynet:width"),
        *(
            "nets.small:Net",
            "stars:Net",
            "lazy:Net",
            "made:a",
            "gone:Net",
            "json:loads",
            "sys:exit",
        ),
        *("torchvision:resnet18", "timm:resnet50.a1_in1k", "resnext50_32x4d"),
        "timm:convnext_tiny_in22ft1k",  # an older name
    ],
)
def test_what_may_be_there(model: str) -> None:
    require_found(model)


def test_every_classifier_of_torchvision_is_found() -> None:
    """Its quantized models are functions of the same names, registered by others."""
    from torchvision import models

    for name in models.list_models(module=models):
        require_found(f"torchvision:{name}")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("mynet:Nett", "no Nett in {here}/mynet.py; the nearest is Net"),
        ("mynet:loads", "no loads in {here}/mynet.py"),
        ("nets.small:Nat", "no Nat in {here}/nets/small.py; the nearest is Net"),
        ("nets:Net", "no Net in {here}/nets/__init__.py"),
        ("mynet:number", "number is an int and cannot be called"),
        ("mynet:numbers", "numbers is a list and cannot be called"),
        ("broken:Net", "{here}/broken.py, line 2: expected ':'"),
        ("torchvision:resnet19", "no such model; the nearest are resnet18"),
        ("torchvision:zzzzzz", "no such model; see its docs"),
        (
            "torchvision:deeplabv3_resnet50",
            "that model is for segmentation; an image classifier",
        ),
        ("torchvision:quantized_googlenet", "that model is for quantization"),
        ("timm:resnet51", "no such model; the nearest are resnet"),
    ],
)
def test_what_is_not_there(model: str, words: str, here: Path) -> None:
    with pytest.raises(UsageError) as error:
        require_found(model)
    assert str(error.value).startswith(f"--model {model}: ")
    assert words.format(here=here) in str(error.value)
    with pytest.raises(UsageError):
        resolve({"model": model, "pipeline": "synthetic"}, LAPTOP, None)


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("mynet.py:MyNet", "mynet:MyNet"),
        ("nets/small.py:Net", "nets.small:Net"),
        ("/home/me/mynet.py:Net", "mynet:Net, started in /home/me"),
        ("../mynet.py:Net", "mynet:Net, started in .."),
        ("mynet.py", "mynet:NAME"),
    ],
)
def test_a_file_in_the_place_of_a_module(model: str, meant: str) -> None:
    with pytest.raises(UsageError) as error:
        require_model(model)
    assert str(error.value) == f"--model {model}: name the module without .py: {meant}"


def test_a_module_that_is_called_py(here: Path) -> None:
    (here / "nets" / "py.py").write_text("class Net: ...\n")
    require_model("nets.py:Net")


def test_looking_loads_nothing() -> None:
    code = (
        "import sys; from resnext_bench.config.lookup import require_found\n"
        "for name in ('torchvision:resnet18', 'timm:resnet50', 'mynet:Net'): require_found(name)\n"
        "print([name for name in ('torch', 'torchvision', 'timm', 'mynet') if name in sys.modules])"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nsys.exit('set DATA first')\n",
        "import argparse\nargparse.ArgumentParser().parse_args()\n",
    ],
)
def test_a_module_that_may_end_the_program_is_left_to_the_rank(here: Path, text: str) -> None:
    """Its reason is worth more than that a name is missing."""
    (here / "guarded.py").write_text(text)
    require_found("guarded:Net")
