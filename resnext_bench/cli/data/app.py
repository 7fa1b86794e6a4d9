"""The commands of `data`. Only options are declared here, as in `main`."""

from typing import Annotated

import typer

from resnext_bench.cli import options as opt
from resnext_bench.cli.formats import Format
from resnext_bench.cli.values import choice, one_of, several, whole
from resnext_bench.data_formats import written

data_app = typer.Typer(
    help="Make, check and pack sets of image files, and measure loaders.",
    no_args_is_help=True,
)

Seed = Annotated[
    int,
    typer.Option(
        metavar="N",
        help="Seed of everything that is drawn at random",
        parser=opt.whole_of("seed"),
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Number of decoding processes (default: one per core)",
        parser=whole("--workers", 1, 1024),
    ),
]


@data_app.command()
def make(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER", help="Folder to write to: it must be empty, or not exist yet"
        ),
    ],
    images: Annotated[
        int,
        typer.Option(metavar="N", help="Number of JPEGs", parser=whole("--images", 1, 100_000_000)),
    ] = 10000,
    classes: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help=(
                "Number of class folders, at most 1000 (default: 8; with --from, its class folders)"
            ),
            parser=whole("--classes", 1, 1000),
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PHOTOS",
            help="Cut the images from the photographs in this folder. Each folder in it becomes a "
            "class, with everything below it; photographs that are in no folder are "
            "distributed over --classes by name",
        ),
    ] = None,
    split: opt.Split = None,
    size: Annotated[
        int,
        typer.Option(
            metavar="PX",
            help=(
                "Typical longer side in pixels, 64 to 600 (with --from up to 8192); photographs "
                "are never scaled up"
            ),
            parser=whole("--size", 64, 8192),
        ),
    ] = 500,
    quality: Annotated[
        int,
        typer.Option(
            metavar="N", help="Quality of the JPEGs, 1 to 100", parser=whole("--quality", 1, 100)
        ),
    ] = 90,
    seed: Seed = 0,
    workers: Workers = None,
    json: opt.Json = False,
) -> None:
    """Make a folder of JPEGs for --data of run, painted or cut from photographs.

    Sizes are like ImageNet's: about 500 x 375 with a deviation of a tenth, a quarter of them
    upright. The same seed gives the same bytes. FOLDER is never left half made.

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
        typer.Option("--read/--no-read", help="Measure how fast files can be read from storage"),
    ] = True,
    json: opt.Json = False,
) -> None:
    """Decode every file, and report which are bad, how large images are and how fast storage is.

    The result for a file is kept until the file changes. Storage is read cold and warm: a sample of
    at most 256 MiB is first dropped from the page cache.

    Exit code 0: all good; 1: bad files were found; 2: this is not a folder of images or shards.
    """
    given = dict(locals())
    from resnext_bench.cli.data.check import check_command

    raise typer.Exit(check_command(given))


@data_app.command()
def pack(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="FOLDER/CLASS/**/image.jpg")],
    out: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="Folder to write to: it must be empty, or not exist yet"
        ),
    ],
    format: Annotated[
        str,
        typer.Option(
            help=", or ".join(one.packed for one in written().values()).replace("tar", "Tar", 1),
            **choice("--format", *written()),
        ),
    ] = "webdataset",
    split: opt.Split = None,
    shard_mb: Annotated[
        int,
        typer.Option(
            metavar="MB",
            help="Maximum size of a shard, in 10^6 bytes",
            parser=whole("--shard-mb", 1, 100_000),
        ),
    ] = 256,
    bad_files: Annotated[
        str,
        typer.Option(
            help=(
                "What to do with images that do not decode: stop, or leave them out and count them"
            ),
            **choice("--bad-files", "stop", "skip"),
        ),
    ] = "stop",
    seed: Seed = 0,
    workers: Workers = None,
    json: opt.Json = False,
) -> None:
    """Pack a folder of images into shards that are read from front to back.

    Files keep their bytes; the seed shuffles their order over all shards. Next to each shard is the
    index that DALI's reader needs, and next to all of them dataset.json: classes, counts, digests.

    Example: data pack ~/photos ~/shards --format tfrecord
    """
    given = dict(locals())
    from resnext_bench.cli.data.pack import pack_command

    raise typer.Exit(pack_command(given))


@data_app.command()
@opt.in_formats
def bench(
    folder: Annotated[
        str | None,
        typer.Argument(
            metavar="FOLDER",
            help=(
                "Folder of images or shards, as for run --data (default: JPEGs generated from "
                "a seed)"
            ),
        ),
    ] = None,
    split: opt.Split = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="dali, torchvision or both (default: those that are installed)",
            parser=several(one_of("--pipeline", "dali", "torchvision")),
        ),
    ] = None,
    loader_threads: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBERS",
            help="Loader threads per rank (default: 1, 2, 4 and so on up to its cores)",
            parser=several(whole("--loader-threads", 1, 1024)),
        ),
    ] = None,
    prefetch: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS",
            help="Prefetch depths to try at each knee",
            parser=several(opt.whole_of("prefetch")),
        ),
    ] = "1,2,4",
    decode: Annotated[
        str | None,
        typer.Option(
            metavar="PLACES",
            help="cpu, mixed or both (default: all that are available)",
            parser=several(one_of("--decode", "cpu", "mixed")),
        ),
    ] = None,
    image_size: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Side of the square images of a batch in pixels",
            parser=opt.whole_of("image_size"),
        ),
    ] = 224,
    batch_size: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Images per batch and rank",
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
            help="Number of one-second blocks of each setting: an even number, at least 4",
            parser=whole("--rounds", 4, 1000),
        ),
    ] = 6,
    chart: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a chart: .html (opens offline), .svg or .png"),
    ] = None,
    allow_unsure: opt.AllowUnsure = False,
    form: Format = "table",
) -> None:
    """Measure loaders without training, and find how many threads are enough.

    Threads are swept at prefetch 2, then prefetch at the knee, which is the fewest threads that
    reach 95 % of the best rate. Settings stay resident and take turns.

    Exit code 0: measured; 3: other processes used the cores meanwhile.

    Example: data bench ~/photos --pipeline dali --loader-threads 2,4,8 --chart loaders.html
    """
    given = dict(locals()) | {"data": folder}
    from resnext_bench.cli.data.bench import bench_command

    raise typer.Exit(bench_command(given))
