"""Names of commands, as users type them."""

import typer

from resnext_bench.lab.commands import groups_in, names_in


def made_app() -> typer.Typer:
    app, inner = typer.Typer(), typer.Typer()

    @app.command()
    def run() -> None: ...

    @app.command("compare")
    def of_another_name() -> None: ...

    @inner.command()
    def show_all() -> None: ...

    @inner.command()
    def make() -> None: ...

    app.add_typer(inner, name="data")
    return app


def test_own_names_and_given_ones() -> None:
    assert names_in(made_app()) == ["run", "compare"]


def test_groups_with_what_is_in_them() -> None:
    app = made_app()
    [(name, inside)] = groups_in(app)
    assert name == "data"
    assert names_in(inside) == ["show-all", "make"]
