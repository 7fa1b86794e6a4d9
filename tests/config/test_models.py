"""What `--model` takes, and what is refused before anything is started or loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from resnext_bench.config import models
from resnext_bench.config.models import Foreign, foreign, require_model
from resnext_bench.errors import CannotHere, UsageError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mynet.py").write_text("raise RuntimeError('loaded')\n")
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "__init__.py").write_text("raise RuntimeError('loaded')\n")
    monkeypatch.chdir(tmp_path)


def test_parts_of_a_name() -> None:
    assert foreign("resnext50_32x4d") is None
    library, own = foreign("timm:resnet50.a1_in1k"), foreign("nets.small:Net.build")
    assert library == Foreign(source="timm", name="resnet50.a1_in1k")
    assert own == Foreign(source="nets.small", name="Net.build")
    assert (library and library.is_own, own and own.is_own) == (False, True)


@pytest.mark.parametrize(
    "model",
    [
        *("resnext50_32x4d", "resnet101", "torchvision:resnet18", "timm:resnet50.a1_in1k"),
        *("mynet:Net", "nets.small:build", "mynet:Net.small", "json:loads"),
    ],
)
def test_what_is_taken_without_being_loaded(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "is_installed", lambda package: package in ("timm", "json"))
    monkeypatch.setitem(models.INSTALL, "torchvision", "")
    if model.startswith("torchvision"):
        monkeypatch.setattr(models, "is_installed", lambda package: True)
    require_model(model)


def test_models_of_our_own_campaigns_are_named_as_a_users_are() -> None:
    require_model("resnext_bench.lab.visit.tiny_network:Tiny")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("vgg16", "unknown model 'vgg16'. Allowed: resnext"),
        ("vgg16", "or torchvision:vgg16, timm:vgg16 or package.module:callable"),
        ("resnet51", "did you mean resnet50? Allowed"),
        ("res net", "or torchvision:NAME, timm:NAME"),
        ("", "unknown model ''"),
        ("torchvision:", "give the name of a ResNeXt, torchvision:NAME, timm:NAME"),
        ("torchvision:res net", "give the name of a ResNeXt"),
        ("timm:hf-hub:a/b", "give the name of a ResNeXt"),
        ("timm:resnet50.", "give the name of a ResNeXt"),
        (":net", "give the name of a ResNeXt"),
        ("my net:Net", "give the name of a ResNeXt"),
        ("mynet:Net()", "give the name of a ResNeXt"),
        ("mynet.:Net", "give the name of a ResNeXt"),
        ("../mynet:Net", "give the name of a ResNeXt"),
        ("torchvision.resnet18", "did you mean torchvision:resnet18?"),
        ("timm/resnet18", "did you mean timm:resnet18?"),
        ("torchvison:resnet18", "did you mean torchvision?"),
        ("mynett:Net", "no module mynett, neither installed nor in {here}; did you mean mynet?"),
        ("zzz:Net", "start in the folder that holds it, or set PYTHONPATH"),
        ("resnext_bench.mine:Net", "resnext_bench is a package of this program; give your module"),
        ("resnext_bench.labs:Net", "resnext_bench is a package of this program; give your module"),
    ],
)
def test_what_is_refused(model: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        require_model(model)
    assert words.format(here=tmp_path) in str(error.value)
    assert str(error.value).startswith("--model")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("timm:resnet18", "--model timm:resnet18: timm is not installed; pip install timm"),
        ("torchvision:resnet18", "torchvision is not installed; install the extra train"),
    ],
)
def test_a_library_that_is_not_there(
    model: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CannotHere) as error:
        require_model(model)
    assert words in str(error.value)


def test_the_users_module_is_found_in_pythonpath_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "farnet.py").touch()
    with pytest.raises(UsageError, match="no module farnet"):
        require_model("farnet:Net")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    require_model("farnet:Net")


def test_looking_loads_nothing() -> None:
    code = (
        "import sys; from resnext_bench.config.models import require_model\n"
        "for name in ('torchvision:x', 'timm:x', 'mynet:x'): require_model(name)\n"
        "print([name for name in ('torch', 'torchvision', 'timm', 'mynet') if name in sys.modules])"
    )
    done = subprocess.run((sys.executable, "-c", code), capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
