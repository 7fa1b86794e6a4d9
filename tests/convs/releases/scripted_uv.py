"""A stand-in for uv: an index of a few releases, and environments with a scripted frontend.

`SCRIPTED_UV` names what fails, in words: offline, refuses:VERSION (cannot be installed),
half:VERSION (is killed while it installs), crash:VERSION (its library crashes). What is asked is
written to a file.
"""

import json
import os
import re
import signal
import sys
from pathlib import Path

INDEX = ("9.12.0.46", "9.17.0.29", "9.17.1.4", "9.18.0.77", "9.19.0.56", "9.19.1.2", "9.28.1.4")
ASKED = os.environ.get("SCRIPTED_UV", "").split()
FRONTEND = Path(__file__).parents[1] / "scripted" / "cudnn.py"


def main() -> int:
    words = sys.argv[1:]
    with Path(os.environ["SCRIPTED_UV_LOG"]).open("a") as log:
        log.write(json.dumps(words) + "\n")
    match words[:2]:
        case ["pip", "compile"]:
            return newest(sys.stdin.read().strip())
        case ["venv", *_]:
            return venv(Path(words[-1]))
        case _:
            return install(Path(words[words.index("--python") + 1]).parents[1], words)


def newest(requirement: str) -> int:
    if "offline" in ASKED:
        lines = ("error: Request failed after 3 retries in 7.7s", "  cause: Failed to fetch: URL")
        print(*lines, "  cause: Connection refused (os error 111)", sep="\n", file=sys.stderr)
        return 2
    package, rest = re.fullmatch(r"([a-z0-9-]+)(.*)", requirement).groups()
    allowed = [one for one in INDEX if all(fits(one, rule) for rule in rest.split(",") if rule)]
    if not allowed:
        print("error: No solution found when resolving dependencies", file=sys.stderr)
        return 1
    print(f"{package}=={allowed[-1]}")
    return 0


def fits(version: str, rule: str) -> bool:
    mine, theirs = numbers(version), numbers(rule.strip("<>=").removesuffix(".*"))
    if rule.startswith("=="):
        return mine[: len(theirs)] == theirs
    return mine < theirs if rule.startswith("<") else mine >= theirs


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def venv(folder: Path) -> int:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    (folder / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    return 0


def install(folder: Path, words: list[str]) -> int:
    package, _, version = words[-2 if "frontend" in words[-1] else -1].partition("==")
    if f"refuses:{version}" in ASKED:
        print("error: Because it has no wheels with a matching platform tag", file=sys.stderr)
        return 1
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = site / "site-packages"
    (site / "nvidia" / "cudnn" / "lib").mkdir(parents=True)
    if f"half:{version}" in ASKED:
        os.kill(os.getpid(), signal.SIGKILL)
    if not package.startswith("nvidia-cublas"):
        (site / "cudnn.py").write_text(scripted(version))
    return 0


def scripted(version: str) -> str:
    """Return the frontend; from 9.19 on it lists engine 23 before 22."""
    major, minor, patch, _ = numbers(version)
    text = FRONTEND.read_text().replace("92600", str(major * 10_000 + minor * 100 + patch))
    if minor >= 19:
        first, second = re.findall(r' *\("eng2[23]_.*\),\n', text)
        text = text.replace(first + second, second + first)
    return text.replace('"SCRIPTED_CUDNN", ""', f'"", "{"crash" * (f"crash:{version}" in ASKED)}"')


if __name__ == "__main__":
    sys.exit(main())
