"""The words of notes: one sentence for each kind, and of many sessions one for each group."""

from typing import Any, get_args

import pytest

from resnext_bench.reports.figures.notes import OfKind
from resnext_bench.reports.render.notes import (
    WORDS,
    in_record,
    of_lost_sessions,
    of_sessions,
    sentence,
)
from resnext_bench.reports.schema.notes import Found, NoteKind, note

LOST = {"percent": 12.4, "others": 12.4, "steal": 0.0}
TWO = {"count": 2, "first": "aux.b"}
REST = "gradients are zero, or too small to change a value, like those of a bias before a norm"
SUM = {"steps": 60, "sum_s": 6e-4, "lasted_s": 0.9}
CASES: list[tuple[NoteKind, dict[str, Any], str]] = [
    (
        "loss_not_finite",
        {"rank": 1},
        "rank 1: the loss is not finite; lower --learning-rate",
    ),
    (
        "nothing_trained",
        {"rank": 0, "trained": 2, "by_decay": False, "first": "fc.bias"},
        "rank 0: none of its 2 parameters changed (fc.bias …): nothing was trained",
    ),
    (
        "nothing_trained",
        {"rank": 0, "trained": 2, "by_decay": True, "first": "fc.w"},
        (
            "rank 0: only weight decay changed its 2 parameters, whose gradients are zero (fc.w "
            "…): nothing was trained"
        ),
    ),
    (
        "parameters_stuck",
        {"rank": 0, **TWO},
        "rank 0: 2 parameters did not change (aux.b …)",
    ),
    (
        "batches_repeat",
        {"rank": 0, "distinct": 7, "expected": 8},
        "rank 0: batches repeat (7 distinct, at least 8 expected)",
    ),
    ("ranks_differ", {}, "the ranks' parameters differ: their gradients were not reduced"),
    (
        "parameters_unused",
        TWO,
        ("2 parameters get no gradient, as the loss does not depend on them (aux.b …)"),
    ),
    (
        "parameters_unused",
        {"count": 1, "first": "b"},
        "1 parameter gets no gradient, as the loss does not depend on them (b)",
    ),
    (
        "parameters_idle",
        {"count": 1, "names": ("b",)},
        f"1 parameter did not change (b): {REST}",
    ),
    (
        "parameters_decayed",
        {"count": 2, "names": ("a", "b")},
        f"2 parameters were only changed by weight decay (a, b): {REST}",
    ),
    (
        "parameters_frozen",
        {"count": 4, "names": ("a", "b", "c")},
        "4 parameters are frozen by requires_grad=False (a, b, c …)",
    ),
    (
        "parameters_frozen",
        {"count": 1, "names": ("a",)},
        "1 parameter is frozen by requires_grad=False (a)",
    ),
    (
        "gradient_format",
        {"weights": "NHWC", "gradients": "NCHW"},
        "weights are NHWC, gradients NCHW",
    ),
    (
        "files_left_out",
        {"count": 1, "first": "x/1.jpg"},
        "1 file did not decode while training and was left out (x/1.jpg)",
    ),
    (
        "files_left_out",
        {"count": 3, "first": "x/1.jpg"},
        "3 files did not decode while training and were left out (x/1.jpg …)",
    ),
    (
        "allocator_retried",
        {"rank": 1, "count": 1},
        (
            "rank 1: GPU memory was full once, and PyTorch emptied its cache, which stops the "
            "device: lower --batch-size"
        ),
    ),
    (
        "allocator_retried",
        {"rank": 0, "count": 12},
        (
            "rank 0: GPU memory was full 12 times, and PyTorch emptied its cache, which stops the "
            "device: lower --batch-size"
        ),
    ),
    ("cores_lost", LOST, "12 % of the ranks' cores were lost to other processes"),
    (
        "cores_lost",
        LOST | {"steal": 0.4, "limit": 10.0},
        "12 % of the ranks' cores were lost to other processes (limit 10 %)",
    ),
    (
        "cores_lost",
        {"percent": 10.0, "others": 0.0, "steal": 10.0},
        "10 % of the ranks' cores were lost to the hypervisor",
    ),
    (
        "cores_lost",
        {"percent": 15.0, "others": 5.0, "steal": 10.0},
        "15 % of the ranks' cores were lost: 5 % to other processes, 10 % to the hypervisor",
    ),
    (
        "lost_gpu",
        {"gpu": 1, "after_s": 12.0, "said": "GPU is lost"},
        "GPU 1 was lost 12 s into the window (GPU is lost)",
    ),
    (
        "lost_gpu",
        {"gpu": 1, "after_s": None, "said": "GPU is lost"},
        "GPU 1 was lost (GPU is lost)",
    ),
    (
        "far_cores",
        {"ranks": (5,), "gpu_node": 1, "core_nodes": (0,)},
        "rank 5 has its GPU on NUMA node 1 and its cores on 0: batches cross from node to node",
    ),
    (
        "far_cores",
        {"ranks": (4, 5, 6), "gpu_node": 3, "core_nodes": (0, 1)},
        (
            "rank 4 has its GPU on NUMA node 3 and its cores on 0 and 1, and 2 more like it: "
            "batches cross from node to node"
        ),
    ),
    (
        "gpu_errors",
        {"gpu": 2, "of": "ECC, corrected", "count": 1234, "fatal": False},
        "GPU 2 counted 1,234 more errors (ECC, corrected)",
    ),
    (
        "gpu_xid",
        {"gpu": 2, "xid": 79, "fatal": True},
        "the driver reported Xid 79 of GPU 2, an error of the board, its links or the driver",
    ),
    (
        "gpu_xid",
        {"gpu": 2, "xid": 13, "fatal": False},
        "the driver reported Xid 13 of GPU 2, an error of a program",
    ),
    (
        "throttled",
        {"percent": 1.2, "reasons": ("power brake", "heat")},
        "GPU clocks were throttled for 1 % (power brake, heat)",
    ),
    ("foreign_process", {"percent": 5.01}, "another process used 5 % of a GPU"),
    ("power_capped", {"percent": 60.0}, "the power cap held clocks down for 60 %"),
    (
        "reasons_untold",
        {},
        "the driver does not report what holds clocks down: throttling would go unnoticed",
    ),
    (
        "gpus_unwatched",
        {"window_s": 1.25},
        "the GPUs were not watched: the driver did not answer during the window of 1.2 s",
    ),
    (
        "gpus_unwatched",
        {"window_s": 2.0, "said": "NVML: Driver Not Loaded"},
        (
            "the GPUs were not watched: the driver did not answer during the window of 2.0 s "
            "(NVML: Driver Not Loaded)"
        ),
    ),
    (
        "gpus_partly_watched",
        {"watched": 1, "devices": 2},
        "only 1 of 2 GPUs were watched: throttling of the others would go unnoticed",
    ),
    (
        "unchecked",
        {},
        "neither training nor the use of the cores was checked, as its ranks did not finish",
    ),
    (
        "host_clock",
        {},
        "times are the host's, which runs ahead of the GPU: the GPU's own times were lost",
    ),
    ("unsteady", {"why": "never steady: +0.1 % a step"}, "never steady: +0.1 % a step"),
    ("waiting_side_busy", {"percent": 1.6}, "the waiting side used 1.6 % of its cores"),
    (
        "hurried",
        {"percent": 50.0},
        (
            "steps in blocks took 50 % less than without pauses: does a loader keep working while "
            "its side waits? (--design relaunch has no pauses)"
        ),
    ),
    ("relaunched", {"why": "memory is short"}, "relaunched, as memory is short"),
    ("launched_in_turn", {"why": "it has ranks"}, "launched in turn, as it has ranks"),
    (
        "blocks_fitted",
        {"periods": (3, 4), "steps": 12, "session": 2},
        "slow steps come every 3 and every 4 steps: blocks are of 12 steps from session 2 on",
    ),
    (
        "blocks_unfit",
        {"periods": (3,), "steps": 5, "wanted": 6},
        (
            "slow steps come every 3 steps, and blocks of 5 do not hold whole periods: use "
            "--block-steps 6"
        ),
    ),
    (
        "steps_too_short",
        SUM,
        (
            "all 60 steps add up to 600 µs of a launch that took 0.9 s: are they in ns? (if so, "
            "let the script take more steps)"
        ),
    ),
    (
        "steps_too_long",
        SUM | {"sum_s": 600.0},
        (
            "all 60 steps add up to 600 s of a launch that took 0.9 s: are they in ns, one line "
            "per step, from one rank?"
        ),
    ),
    (
        "steps_exceed_launch",
        {},
        (
            "the steps add up to more than the launch took: are they in ns, one line per step, "
            "and does only one process write them?"
        ),
    ),
    (
        "clock_too_coarse",
        {"tick_ns": 1_000_000, "percent": 10.0, "lengths": 2, "margin": 2.0},
        (
            "all steps are multiples of 1,000,000 ns, which is 10 % of one: the clock is too "
            "coarse for a margin of 2 %"
        ),
    ),
    (
        "clock_too_coarse",
        {"tick_ns": 10, "percent": 100.0, "lengths": 1, "margin": 2.0},
        "all steps have the same length: the clock is too coarse for a margin of 2 %",
    ),
    (
        "sides_in_other_units",
        {"a_ms": 10.0, "b_ms": 1e-5, "factor": 1e6},
        "a step takes 10 ms on a and 10 ns on b, a factor of 1,000,000: are both in ns?",
    ),
    (
        "unlike_earlier",
        {"of": "a", "now_ms": 1e4, "before_ms": 10.0, "factor": 1000.0},
        (
            "a step of a takes 10 s, and took 10 ms in earlier launches, a factor of 1,000: are "
            "all in ns?"
        ),
    ),
    ("others_busy", {"percent": 31.4}, "other processes had 31 % of the cores"),
    (
        "rank_slow",
        {
            **{"rank": 1, "host": "n2", "skew_percent": 12.0, "scatter_percent": 3.25},
            **{"lost_ms": 8.5, "of": "forward"},
        },
        (
            "rank 1 on n2 is slow: it is in forward and optimizer for 8.5 ms longer per step than "
            "the others (its own time is 12 % longer; 3.2 % may be chance), which wait for it; "
            "--profile and trace ranks tell more"
        ),
    ),
    (
        "profile_failed",
        {"why": "rank 0: boom", "log": "/x.log"},
        "no profile: rank 0: boom (its log: /x.log)",
    ),
    ("profile_failed", {"why": "no room"}, "no profile: no room"),
    ("profile_interrupted", {}, "no profile: it was interrupted after the verdict"),
    ("profile_unwritten", {"why": "full"}, "no profile: a trace was not written (full)"),
    ("profile_unread", {"why": "x.json: cut"}, "no profile: x.json: cut"),
    ("profile_unsaved", {"why": "full"}, "the profile is shown and not stored: full"),
    (
        "profile_skipped",
        {},
        "no profile: an invalid comparison has no difference to explain",
    ),
    (
        "profile_disagrees",
        {
            **{"of": "image", "timed": -7.0, "timed_low": -7.25, "timed_high": -6.75},
            **{"profiled": 0.5, "low": -1.0, "high": 2.0},
        },
        (
            "the profiled image changes by +0.5 % (-1.0 to +2.0), the timed one by -7.0 % (-7.2 "
            "to -6.8): the profiler itself changes steps; the verdict stands on the timed ones"
        ),
    ),
    ("told", {"text": "the model returns {1,000} logits"}, "the model returns {1,000} logits"),
]


@pytest.mark.parametrize(("kind", "values", "words"), CASES)
def test_what_is_said_of_each_kind(kind: NoteKind, values: dict[str, Any], words: str) -> None:
    assert sentence(note(kind, **values)) == words


def test_every_kind_has_words_and_a_case() -> None:
    assert set(WORDS) == set(get_args(NoteKind)) == {kind for kind, _, _ in CASES}


@pytest.mark.parametrize(
    ("side", "begin"), [("", "the"), ("a", "a: the"), ("b", "b: the"), ("ab", "a and b: the")]
)
def test_whose_note_it_is(side: Any, begin: str) -> None:
    assert sentence(note("ranks_differ", side)).startswith(f"{begin} ranks")


def test_a_pair_holds_the_facts_and_the_sentences() -> None:
    """Those of the session itself name it, as those of its sides need not."""
    found = Found(
        invalid=(note("loss_not_finite", "a", rank=0),),
        unsteady=(note("unsteady", "b", why="never steady"),),
        notes=(note("waiting_side_busy", percent=1.6),),
    )
    fields = in_record(found, 3)
    assert fields["facts"] == found
    assert fields["invalid"] == ("a: rank 0: the loss is not finite; lower --learning-rate",)
    assert fields["unsteady"] == ("session 3, b: never steady",)
    assert fields["notes"] == ("session 3: the waiting side used 1.6 % of its cores",)


@pytest.mark.parametrize(
    ("numbers", "which"),
    [
        ((2,), "session 2"),
        ((2, 5), "sessions 2 and 5"),
        ((1, 2, 7), "sessions 1, 2 and 7"),
        (tuple(range(1, 11)), "sessions 1, 2, 3, 4, 5, 6, 7, 8 and 2 more"),
    ],
)
def test_notes_of_many_sessions_name_them(numbers: tuple[int, ...], which: str) -> None:
    found = [OfKind(first=note("others_busy", "a", percent=9.0), sessions=numbers)]
    do = "does" if len(numbers) == 1 else "do"
    assert of_sessions(found) == [f"{which}: a: other processes had 9 % of the cores"]
    assert of_lost_sessions(found) == [
        f"{which} {do} not count: a: other processes had 9 % of the cores",
    ]
