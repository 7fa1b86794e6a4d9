"""`run --dry-run`: the launch plan, with nothing started, made or written."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from resnext_bench.cli.formats import Format
from resnext_bench.cli.terminal.output import print_json
from resnext_bench.config.errata import without_effect
from resnext_bench.config.gpu_fit import gpu_lacks
from resnext_bench.config.layouts import unchecked
from resnext_bench.config.resolve import Resolved, resolve
from resnext_bench.errors import UsageError
from resnext_bench.launch.commands import NodeCommand, commands, member_command
from resnext_bench.launch.topology import place_member, place_ranks
from resnext_bench.machine.gpu.boards import read_boards
from resnext_bench.machine.host.sources import cpu_list
from resnext_bench.machine.inventory import Machine
from resnext_bench.machine.member import Member
from resnext_bench.reports.figures.validity import far_cores
from resnext_bench.reports.render.notes import sentences
from resnext_bench.reports.render.words import board_links
from resnext_bench.reports.schema.config import Request
from resnext_bench.reports.schema.machine import Board
from resnext_bench.reports.schema.topology import Place, Topology
from resnext_bench.session.data import describe_data, require_batch

_FOLDER = Path("runs") / "ID" / "session-1"
_PORT = 29500


def show_plan(request: Request, machine: Machine, member: Member | None, form: Format) -> None:
    """Print choices, places and commands. ID, and a port that is not given, are examples."""
    data = describe_data(request)
    resolved = resolve(request, machine, data, member, for_plan=True)
    notes = data.notes if data else ()
    if data:
        require_batch(data, resolved.config)
    if member:
        topology = place_member(resolved.config, machine, member)
        plan: tuple[NodeCommand, ...] = (
            member_command(resolved.config, topology, member, folder=_FOLDER),
        )
    else:
        topology = place_ranks(resolved.config, machine)
        port = resolved.port or _PORT
        plan = commands(resolved.config, topology, folder=_FOLDER, run_id="ID", port=port)
    if form not in ("table", "json"):
        raise UsageError(
            f"--{form} --dry-run: a plan is shown as a table or as JSON; leave --{form} out"
        )
    lacks = tuple(gpu_lacks(resolved.config, topology, machine))
    resolved = replace(resolved, cannot=(*resolved.cannot, *lacks))
    ranks = [(rank, one.gpu_node, one.core_nodes) for rank, one in enumerate(topology.places)]
    notes = (
        *notes,
        *without_effect(resolved.config),
        *unchecked(resolved.config),
        *sentences(far_cores(ranks)),
    )
    boards = read_boards()[1] if resolved.config.device == "cuda" else ()
    if form == "json":
        print_json(msgspec.json.format(_as_json(resolved, topology, boards, plan, notes)))
        return
    several = len(set(machine.numa.node_of.values())) > 1
    _print(resolved, topology, boards, plan, notes, several=several)


def _as_json(
    resolved: Resolved,
    topology: Topology,
    boards: Sequence[Board],
    plan: tuple[NodeCommand, ...],
    notes: tuple[str, ...],
) -> bytes:
    return msgspec.json.encode(
        {
            "resolved": resolved.config,
            "choices": resolved.choices,
            "topology": topology,
            "boards": boards,
            "cannot_run_here": resolved.cannot,
            "notes": notes,
            "commands": [
                {
                    "node": command.node,
                    "argv": command.argv,
                    "environment": dict(command.environment),
                    "cores": command.cores,
                }
                for command in plan
            ],
        }
    )


def _print(
    resolved: Resolved,
    topology: Topology,
    boards: Sequence[Board],
    plan: tuple[NodeCommand, ...],
    notes: tuple[str, ...],
    *,
    several: bool,
) -> None:
    """Print the plan; `several` says whether the host has several NUMA nodes."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from resnext_bench.cli.terminal.screen import screen
    from resnext_bench.reports.store.differences import word

    console = screen()
    choices = Table("chosen for this machine", "value", "why", box=box.SIMPLE_HEAD, pad_edge=False)
    for choice in resolved.choices:
        choices.add_row(choice.option.replace("_", "-"), word(choice.value), choice.why)
    console.print(choices)
    places = Table(
        *("node", "local rank", "cores", *(["NUMA node"] * several)),
        *("threads", "loader threads", "device"),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for place in topology.places:
        shared = f" (shared by {place.device_shared_by})" if place.device_shared_by > 1 else ""
        places.add_row(
            *(str(place.node), str(place.local_rank), cpu_list(list(place.cores)) or "none"),
            *([_nodes(place)] * several),
            *(
                str(place.threads),
                str(place.loader_threads),
                (place.alone or place.device) + shared,
            ),
        )
    console.print(places)
    for links in filter(None, map(board_links, boards)):
        console.print(links, markup=False, highlight=False)
    for command in plan:
        console.print(f"[bold]node {command.node}[/] would run", highlight=False)
        console.print(command.shell(), soft_wrap=True, markup=False)
    for note in notes:
        console.print(f"[yellow]note[/] {escape(note)}", highlight=False)
    for why in resolved.cannot:
        console.print(f"This machine cannot run it: {why}", markup=False, highlight=False)
    console.print("[dim]Nothing was started. ID stands for the run's id.[/]")


def _nodes(place: Place) -> str:
    """Return the NUMA nodes of a rank's cores, and that of its GPU where it is another."""
    cores = ", ".join(map(str, place.core_nodes)) or "none"
    if place.gpu_node is None or (place.gpu_node,) == place.core_nodes:
        return cores
    return f"{cores} (GPU: {place.gpu_node})"
