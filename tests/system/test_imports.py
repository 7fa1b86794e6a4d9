"""What a look at the program must not cost: heavy libraries stay unloaded."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.reports.made_comparisons import made_comparison
from tests.reports.made_results import made_record

HEAVY = ("torch", "torchvision", "timm", "numpy", "scipy", "duckdb", "altair", "PIL", "nvidia.dali")
CODE = """
import sys
from resnext_bench.cli.main import main
sys.argv[1:] = {arguments!r}
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
loaded = [name for name in {heavy!r} if name in sys.modules]
assert not loaded, loaded
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["data", "check", "--help"],
        ["runs", "list"],
        ["runs", "list", "--markdown"],
        ["runs", "show", "last"],
        ["run", "--dry-run", "--nodes", "2"],
        ["models"],
        ["convs", "plan", "--help"],
        ["convs", "time", "--help"],
        ["convs", "releases", "--help"],
        ["convs", "layouts", "--help"],
        ["models", "roofline", "resnet50", "--device", "h200"],
        ["run", "--dry-run", "--model", "timm:resnet18", "--pipeline", "torchvision"],
    ],
    ids=" ".join,
)
def test_heavy_libraries_stay_unloaded(tmp_path: Path, arguments: list[str]) -> None:
    from resnext_bench.reports.store import runs

    for record in (made_comparison(), made_record()):
        folder = runs.create(tmp_path / "runs", record.kind)
        runs.save(folder, msgspec.structs.replace(record, id=folder.name))
    code = CODE.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run(
        (sys.executable, "-c", code), cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_package_runs_as_a_module() -> None:
    command = (sys.executable, "-m", "resnext_bench", "models", "show", "nothing")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "nothing" in done.stderr
