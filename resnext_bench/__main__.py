"""`python -m resnext_bench`: the program, for an environment whose scripts are not on the path."""

from resnext_bench.cli.main import main

if __name__ == "__main__":
    main()
