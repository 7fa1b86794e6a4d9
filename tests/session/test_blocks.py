"""The alternation loop."""

from bench.session.blocks import alternate


def test_the_order_is_abba() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return 1.0

    alternate(lambda: side("a"), lambda: side("b"), 4)
    assert "".join(order) == "abbaabba"


def test_a_linear_drift_cancels() -> None:
    """Every block takes one second longer than the one before: neither side is to blame."""
    clock = iter(range(100))
    pairs = alternate(lambda: next(clock), lambda: next(clock), 6)
    assert sum(a for a, _ in pairs) == sum(b for _, b in pairs)
