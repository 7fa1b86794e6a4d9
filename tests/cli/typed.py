"""A command line run in this process."""

import sys

import pytest

from resnext_bench.cli.main import main


class Typed:
    """Runs `resnext-bench COMMAND ...` with what is given between `before` and `after`."""

    def __init__(
        self,
        patch: pytest.MonkeyPatch,
        streams: pytest.CaptureFixture[str],
        *before: str,
        after: tuple[str, ...] = (),
    ) -> None:
        self._patch, self._streams = patch, streams
        self._before, self._after = before, after

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        words = [*self._before, *map(str, arguments), *self._after]
        self._patch.setattr(sys, "argv", ["resnext-bench", *words])
        with pytest.raises(SystemExit) as end:
            main()
        said = self._streams.readouterr()
        assert "Traceback" not in said.err
        assert isinstance(end.value.code, int)
        return end.value.code, said.out, said.err
