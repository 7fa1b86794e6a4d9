"""The token through real pipes: words arrive whole and in order, and waiting for one is sleep."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resnext_bench.tokens import END, READY, WARM_UP, Holder, Pipes, Taker


@contextmanager
def both_ends(folder: Path) -> Iterator[tuple[Holder, Taker]]:
    pipes = Pipes(folder)
    pipes.create()
    holder, taker = Holder(pipes), Taker(pipes)
    yield holder, taker
    holder.close()
    os.close(taker._tokens)
    os.close(taker._answers)


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Holder, Taker]]:
    with both_ends(tmp_path_factory.mktemp("pipes")) as both:
        yield both


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50))
def test_words_arrive_whole_and_in_order(ends: tuple[Holder, Taker], words: list[int]) -> None:
    holder, taker = ends
    for word in words:
        holder.give(word)
        taker.back(word)
    assert [taker.take() for _ in words] == words
    assert [holder.answer(0) for _ in words] == words
    assert holder.answer(0) is None


def test_a_side_that_follows_the_token(tmp_path: Path) -> None:
    taken = []

    def side(taker: Taker) -> None:
        taker.back(READY)
        while (token := taker.take()) != END:
            taken.append(token)
            taker.back(1000 * token)

    with both_ends(tmp_path) as (holder, taker):
        thread = threading.Thread(target=side, args=(taker,))
        thread.start()
        assert holder.answer(5) == READY
        for token in (WARM_UP, 10, 3):
            holder.give(token)
            assert holder.answer(5) == 1000 * token
        holder.give(END)
        thread.join(5)
        assert not thread.is_alive()
        assert taken == [WARM_UP, 10, 3]
        assert holder.answer(0) is None, "the end is not answered"


def test_no_answer_in_time(tmp_path: Path) -> None:
    with both_ends(tmp_path) as (holder, taker):
        start = time.monotonic()
        assert holder.answer(0.05) is None
        assert 0.04 < time.monotonic() - start < 2
        taker.back(7)
        assert holder.answer(5) == 7, "the next one is heard"


def test_the_side_without_the_token_sleeps(tmp_path: Path) -> None:
    used = []

    def side(taker: Taker) -> None:
        start = time.thread_time()
        taker.take()
        used.append(time.thread_time() - start)

    with both_ends(tmp_path) as (holder, taker):
        thread = threading.Thread(target=side, args=(taker,))
        thread.start()
        time.sleep(0.2)
        holder.give(END)
        thread.join(5)
    assert used[0] < 0.01


def test_a_token_given_before_the_side_is_there_waits_for_it(tmp_path: Path) -> None:
    pipes = Pipes(tmp_path)
    pipes.create()
    holder = Holder(pipes)
    holder.give(5)
    taker = Taker(pipes)
    assert taker.take() == 5
    for descriptor in (taker._tokens, taker._answers):
        os.close(descriptor)
    holder.close()


def test_pipes_of_an_earlier_session_are_replaced(tmp_path: Path) -> None:
    """With whatever was left in them, and whatever else lay there."""
    (tmp_path / "answers").write_bytes(bytes(8))
    with both_ends(tmp_path) as (earlier, _):
        earlier.give(9)
        with both_ends(tmp_path) as (holder, taker):
            holder.give(3)
            assert (taker.take(), holder.answer(0)) == (3, None)
    assert (tmp_path / "tokens").stat().st_mode & 0o777 == 0o600


def test_no_other_process_inherits_the_pipes(tmp_path: Path) -> None:
    with both_ends(tmp_path) as ends:
        for end in ends:
            assert not os.get_inheritable(end._tokens)
            assert not os.get_inheritable(end._answers)
