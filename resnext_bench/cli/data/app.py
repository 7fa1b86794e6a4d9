"""The commands of `data`. Only options are declared here, as in `main`."""

from typing import Annotated

import typer

from resnext_bench.cli import options as opt
from resnext_bench.cli.values import choice, one_of, several, whole

data_app = typer.Typer(
    help="Sets of image files: make, check and pack them, and measure loaders.",
    no_args_is_help=True,
)

Seed = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="All that is drawn at random follows from it",
        parser=opt.whole_of("seed"),
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Processes that decode (default: as many as cores)",
        parser=whole("--workers", 1, 1024),
    ),
]


@data_app.command()
def make(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Where to: not there yet, or empty")
    ],
    images: Annotated[
        int,
        typer.Option(metavar="N", help="How many JPEGs", parser=whole("--images", 1, 100_000_000)),
    ] = 10000,
    classes: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Class folders, 1000 at most (default: 8; of --from its class folders)",
            parser=whole("--classes", 1, 1000),
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PHOTOS",
            help="Cut them from these photographs. Folders in it become classes, with all below "
            "them; photographs in no folder are dealt out to --classes by name",
        ),
    ] = None,
    split: opt.Split = None,
    size: Annotated[
        int,
        typer.Option(
            metavar="PX",
            help="Usual longer side, 64 to 600, with --from 8192; never scaled up",
            parser=whole("--size", 64, 8192),
        ),
    ] = 500,
    quality: Annotated[
        int,
        typer.Option(metavar="N", help="Of the JPEGs, 1 to 100", parser=whole("--quality", 1, 100)),
    ] = 90,
    seed: Seed = 0,
    workers: Workers = None,
    json: opt.Json = False,
) -> None:
    """Make a folder of JPEGs as --data of run takes it, painted or cut from photographs.

    Assumed: sizes as ImageNet's, about 500 x 375 with a deviation of a tenth, a quarter of them
    upright. The same seed gives the same bytes. Nothing half made is ever left at FOLDER.

    Example: data make ~/set --images 2000 --from ~/photos
    """
    given = dict(locals())
    from resnext_bench.cli.data.make import make_command

    raise typer.Exit(make_command(given))


@data_app.command()
def check(
    folder: Annotated[
        str,
        typer.Argument(metavar="FOLDER", help="FOLDER/CLASS/**/image.jpg, or a folder of shards"),
    ],
    split: opt.Split = None,
    workers: Workers = None,
    read: Annotated[
        bool,
        typer.Option("--read/--no-read", help="Measure how fast the storage gives the files"),
    ] = True,
    json: opt.Json = False,
) -> None:
    """Decode every file, and say what is bad, how large pictures are, how fast storage is.

    What is known of a file is kept until it changes. Storage is read cold and warm: a sample of
    256 MiB at most is dropped from the page cache first.

    Exit code 0: all good; 1: bad files were found; 2: this is no folder of images or shards.
    """
    given = dict(locals())
    from resnext_bench.cli.data.check import check_command

    raise typer.Exit(check_command(given))


@data_app.command()
def pack(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="FOLDER/CLASS/**/image.jpg")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="Where to: not there yet, or empty")],
    format: Annotated[
        str,
        typer.Option(
            help="Tar files of KEY.jpg and KEY.cls, or records of image/encoded and "
            "image/class/label",
            **choice("--format", "webdataset", "tfrecord"),
        ),
    ] = "webdataset",
    split: opt.Split = None,
    shard_mb: Annotated[
        int,
        typer.Option(
            metavar="MB",
            help="Size of a shard at most, in 10^6 bytes",
            parser=whole("--shard-mb", 1, 100_000),
        ),
    ] = 256,
    bad_files: Annotated[
        str,
        typer.Option(
            help="Images that do not decode: end, or leave out and count",
            **choice("--bad-files", "stop", "skip"),
        ),
    ] = "stop",
    seed: Seed = 0,
    workers: Workers = None,
    json: opt.Json = False,
) -> None:
    """Pack a folder of images into shards that are read from front to back.

    Files keep their bytes; their order is mixed by the seed, over all shards. Beside each shard
    lies the index that DALI's reader takes, beside all of them dataset.json: classes, counts,
    digests.

    Example: data pack ~/photos ~/shards --format tfrecord
    """
    given = dict(locals())
    from resnext_bench.cli.data.pack import pack_command

    raise typer.Exit(pack_command(given))


@data_app.command()
def bench(
    folder: Annotated[
        str | None,
        typer.Argument(metavar="FOLDER", help="As --data of run (default: JPEGs made from a seed)"),
    ] = None,
    split: opt.Split = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="dali, torchvision or both (default: what is installed)",
            parser=several(one_of("--pipeline", "dali", "torchvision")),
        ),
    ] = None,
    loader_threads: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            help="Of a rank (default: 1, 2, 4 and so on to its cores)",
            parser=several(whole("--loader-threads", 1, 1024)),
        ),
    ] = None,
    prefetch: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS",
            help="Depths that are tried at each knee",
            parser=several(opt.whole_of("prefetch")),
        ),
    ] = "1,2,4",
    decode: Annotated[
        str | None,
        typer.Option(
            metavar="PLACES",
            help="cpu, mixed or both (default: all there are)",
            parser=several(one_of("--decode", "cpu", "mixed")),
        ),
    ] = None,
    image_size: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Pixels of the square pictures of a batch",
            parser=opt.whole_of("image_size"),
        ),
    ] = 224,
    batch_size: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Images of a batch, per rank",
            parser=whole("--batch-size", 1, 1_000_000),
        ),
    ] = 64,
    nproc_per_node: opt.NprocPerNode = None,
    device: opt.Device = None,
    pixels: opt.Pixels = None,
    bad_files: opt.BadFiles = None,
    rounds: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Blocks of a second of each setting: even, from 4 on",
            parser=whole("--rounds", 4, 1000),
        ),
    ] = 6,
    chart: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a chart: .html (opens offline), .svg or .png"),
    ] = None,
    allow_unsure: opt.AllowUnsure = False,
    json: opt.Json = False,
    markdown: opt.Markdown = False,
) -> None:
    """Measure loaders without training, and find how many threads are enough.

    Threads are swept at prefetch 2, then prefetch where threads are enough: the knee, the fewest
    threads that reach 95 % of the best rate. Settings stay resident and take turns.

    Exit code 0: measured; 3: others used the cores meanwhile.

    Example: data bench ~/photos --pipeline dali --loader-threads 2,4,8 --chart loaders.html
    """
    given = dict(locals()) | {"data": folder}
    from resnext_bench.cli.data.bench import bench_command

    raise typer.Exit(bench_command(given))
