"""A loader's own words end a run at once: nobody else would pass them on."""

from pathlib import Path

import pytest

from bench.job import SessionFolder
from bench.launch.loaders import LoaderWatch

TORCH = (
    "RuntimeError: unable to allocate shared memory(shm) for file </torch_12_3_4>: "
    "No space left on device (28)\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    found = SessionFolder(tmp_path)
    found.logs.mkdir(parents=True)
    return found


def test_a_batch_that_found_no_room(folder: SessionFolder) -> None:
    watch = LoaderWatch(folder=folder)
    assert watch.look() is None
    log = folder.rank_log(3)
    log.write_text("warning: something else\n" + TORCH[:40])
    assert watch.look() is None
    with log.open("a") as stream:
        stream.write(TORCH[40:])
    found = watch.look()
    assert found is not None
    assert (found.rank, found.log) == (3, str(log))
    assert "rank 3: a loader process lost a batch: unable to allocate shared memory" in found.what
    assert "/dev/shm has " in found.what
    assert "--shm-size" in found.what


WORDS = "RuntimeError: unable to "
OTHERS = (
    f"{WORDS}write to file </torch_7_8_9>: No space left on device (28)",
    f"{WORDS}open shared memory object </torch_1> in read-write mode: Too many open files (24)",
)


@pytest.mark.parametrize("text", OTHERS)
def test_other_words_for_it(folder: SessionFolder, text: str) -> None:
    folder.rank_log(0).write_text(text)
    assert LoaderWatch(folder=folder).look() is not None


@pytest.mark.parametrize("text", ["OSError: [Errno 28] No space left on device: 'x'", "", "step 3"])
def test_what_is_no_lost_batch(folder: SessionFolder, text: str) -> None:
    folder.rank_log(0).write_text(text)
    assert LoaderWatch(folder=folder).look() is None
