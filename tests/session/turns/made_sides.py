"""Sides that are made up: they take a made clock's time, and start no process."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from resnext_bench import tokens
from resnext_bench.machine.gpu.watch import GpuWatch
from resnext_bench.reports.schema.samples import SessionResult
from resnext_bench.session.setup import Setup
from resnext_bench.session.turns.residents import Means, Room
from tests.reports.made_results import even_samples, made_result


@dataclass(kw_only=True)
class Scene:
    """What all sides of a test share."""

    now: float = 0.0
    """The clock, s."""
    said: list[str] = field(default_factory=list)
    """What sides did, in order."""
    given: list[tuple[str, int]] = field(default_factory=list)
    """Who got which token."""
    rooms: list[Room] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    @property
    def blocks(self) -> list[tuple[str, int]]:
        """Who played blocks of how many steps, flags included."""
        return [(name, token) for name, token in self.given if token > 0]

    @property
    def order(self) -> str:
        return "".join(name for name, _ in self.blocks)


class MadeSide:
    """A side that uses the CPU while it waits; who waits for it hears of it twice a second."""

    def __init__(
        self,
        scene: Scene,
        name: str,
        *,
        block_s: float | Iterator[float] | None = None,
        step_ns: int = 10_000_000,
        waiting_s: Iterable[float] = (),
        build_s: float = 0.0,
        ends: Callable[[int], None] = lambda token: None,
    ) -> None:
        """Blocks last `block_s`, or follow from their steps; `ends` may raise at a token."""
        self.scene, self.name = scene, name
        self._block_s, self._step_ns, self._build_s = block_s, step_ns, build_s
        self._waiting = iter(waiting_s)
        self._used_s, self._token, self._ends = 0.0, tokens.READY, ends
        self._is_built = False
        self.processes = SimpleNamespace(pids=())

    def __enter__(self) -> "MadeSide":
        self.scene.said.append(f"{self.name} starts")
        return self

    def __exit__(self, *error: object) -> None:
        self.scene.said.append(f"{self.name} is gone")

    def cpu_s(self) -> float:
        return self._used_s

    def give(self, token: int) -> None:
        self._token = token
        self.scene.given.append((self.name, token))

    def answer(self, sides: Any, tick: Callable[[], None]) -> int:
        if not self._is_built:
            self._is_built = True
            self.scene.now += self._build_s
            self.scene.said.append(f"{self.name} is built")
            return tokens.READY
        if self._token == tokens.WARM_UP:
            self.scene.said.append(f"{self.name} warms up")
            return self._step_ns
        self._ends(self._token)
        took = self._length_s()
        left = took
        while left > 0.5:
            self.scene.now += 0.5
            left -= 0.5
            tick()
        self.scene.now += left
        for other in sides:
            if other is not self:
                other._used_s += next(other._waiting, 0.0)
        return round(1e9 * took)

    def _length_s(self) -> float:
        if self._block_s is None:
            steps = self._token % tokens.FULL
            return steps * self._step_ns / 1e9
        return self._block_s if isinstance(self._block_s, float) else next(self._block_s)

    def finish(self) -> SessionResult:
        """Hand over twenty steps, each as long as this side's are."""
        return made_result(even_samples(0, [self._step_ns // 1_000_000] * 20))


def made_means(scene: Scene, sides: Iterable[MadeSide], watch: GpuWatch | None = None) -> Means:
    """Have these sides built, one after another, whatever they are of."""
    made = iter(sides)

    def build(run: Setup, number: int, room: Room, module: str) -> Any:
        scene.rooms.append(room)
        scene.modules.append(module)
        return next(made)

    @contextmanager
    def watching(indices: object) -> Iterator[GpuWatch]:
        yield watch or GpuWatch()

    return Means(build=build, watching=watching, clock=scene.clock)
