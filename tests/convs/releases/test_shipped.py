"""Which torch installs which cuDNN: what the file says of the torch that is here is true."""

import re
from datetime import date
from importlib.metadata import requires, version

from resnext_bench.convs.releases.shipped import shipped, torch_with


def test_the_torch_that_is_here_asks_for_what_the_file_says() -> None:
    asked = [one for one in requires("torch") or () if one.startswith("nvidia-cudnn-cu13")]
    pinned = re.search(r"==([\d.]+)", asked[0])
    assert pinned is not None
    assert shipped()["cudnn"][version("torch").partition("+")[0]] == pinned[1]


def test_the_file_has_a_source_and_a_day() -> None:
    assert shipped()["source"]
    date.fromisoformat(shipped()["date"])


def test_several_may_install_the_same() -> None:
    assert torch_with("9.20.0.48") == ("2.12.0", "2.12.1", "2.13.0")
    assert torch_with("9.20.0.49") == ()
