"""One rank: `python -m resnext_bench.worker SESSION_FOLDER`, started by a launcher."""

from resnext_bench.worker.entry import enter

if __name__ == "__main__":
    enter("resnext_bench.worker.session:run_rank")
