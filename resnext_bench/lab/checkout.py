"""The checkout in which the lab works: its pages and results are files beside the package."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
RESULTS: Final = DOCS / "results"
