"""Ranks that a torchrun of the user's has started."""

from resnext_bench.machine.member import Member, find_member


def made_member(rank: int = 0, world: int = 2, each: int = 2, run: str = "made") -> Member:
    found = find_member(variables(rank, world, each, run))
    assert found
    return found


def variables(rank: int, world: int, each: int, run: str) -> dict[str, str]:
    return {
        "RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_RANK": str(rank % each),
        "LOCAL_WORLD_SIZE": str(each),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "1",
        "TORCHELASTIC_RUN_ID": run,
    }
