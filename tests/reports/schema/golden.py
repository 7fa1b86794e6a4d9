"""How a golden record, which is never rewritten, stands to what is written today."""

from typing import Any


def lost(golden: Any, written: Any, where: str = "record") -> list[str]:
    """What stands in `golden` and not, at the same place and the same, in `written`.

    Fields that came later are no loss; a list has as many elements as it had.
    """
    if isinstance(golden, dict) and isinstance(written, dict):
        return [
            one
            for name, value in golden.items()
            for one in (
                lost(value, written[name], f"{where}.{name}")
                if name in written
                else [f"{where}.{name}"]
            )
        ]
    if isinstance(golden, list) and isinstance(written, list) and len(golden) == len(written):
        pairs = enumerate(zip(golden, written, strict=True))
        return [one for index, (a, b) in pairs for one in lost(a, b, f"{where}[{index}]")]
    return [] if golden == written and type(golden) is type(written) else [where]
