"""One rank: `python -m bench.worker SESSION_FOLDER`, started by a launcher."""

from bench.worker.entry import enter

if __name__ == "__main__":
    enter("bench.worker.session:run_rank")
