"""`nox -s gpu`, or `python -m tests.gpu` where nox is missing: the tests that need a CUDA GPU."""

import sys

import pytest

if __name__ == "__main__":
    code = pytest.main(["-q", "-rs", "-m", "gpu", "tests/gpu", *sys.argv[1:]])
    sys.exit(0 if code is pytest.ExitCode.NO_TESTS_COLLECTED else code)
