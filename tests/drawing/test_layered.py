"""The layered layout: order, coordinates, routes."""

from __future__ import annotations

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ctcdsl.drawing.layered import Edge, Layout, Size, layered

SIZE = Size(10, 10, 20)


def laid_out(*pairs: str, sizes: dict[str, Size] | None = None) -> Layout:
    names = sorted(set("".join(pairs)))
    return layered(
        {name: (sizes or {}).get(name, SIZE) for name in names},
        [Edge(*pair) for pair in pairs],
        apart=5,
        between=15,
    )


def test_a_chain_is_straight() -> None:
    layout = laid_out("ab", "bc", "cd")
    assert len({place.across for place in layout.places.values()}) == 1
    assert [layout.places[name].along for name in "abcd"] == [0, 35, 70, 105]
    assert layout.length == 125 and layout.right - layout.left == 20


def test_a_fork_stands_over_the_middle_of_its_branches() -> None:
    layout = laid_out("ab", "ac", "ad", "ae", "bf", "cf", "df", "ef")
    across = [layout.places[name].across for name in "abcdef"]
    assert across[0] == across[-1] == sum(across[1:5]) / 4
    assert all(other - one == 25 for one, other in pairwise(across[1:5]))


def test_a_long_edge_is_straight_and_passes_beside_the_nodes() -> None:
    layout = laid_out("ab", "bc", "cd", "ad")
    passing = layout.routes[3][2:-2]
    assert len({point.across for point in passing}) == 1
    assert abs(passing[0].across - layout.places["b"].across) >= SIZE.right


def test_a_heavy_edge_is_straight() -> None:
    sizes = dict.fromkeys("abcd", SIZE)
    edges = [Edge("a", "b", 3), Edge("b", "d", 3), Edge("a", "c"), Edge("c", "d")]
    layout = layered(sizes, edges, apart=5, between=15)
    assert len({layout.places[name].across for name in "abd"}) == 1


def test_crossings_that_need_not_be_are_not() -> None:
    layout = laid_out("ae", "bd", "cf", "eh", "dg", "fi")
    for one, other in combinations(layout.routes, 2):
        if one[1].along == other[1].along:
            before, after = (one[k].across - other[k].across for k in (1, 2))
            assert before * after > 0


def test_a_circle_is_laid_out_with_an_edge_that_runs_back() -> None:
    layout = laid_out("ab", "bc", "ca")
    assert layout.routes[2][0].along > layout.routes[2][-1].along
    assert [layout.places[name].along for name in "abc"] == [0, 35, 70]


def test_nothing_is_laid_out() -> None:
    assert layered({}, [], apart=5, between=15) == Layout({}, (), 0.0, 0.0, 0.0)


@settings(max_examples=60)
@given(st.data())
def test_nodes_are_apart_and_edges_meet_none(data: st.DataObject) -> None:
    names = [f"n{k}" for k in range(data.draw(st.integers(1, 12)))]
    reach = st.integers(0, 40).map(float)
    sizes = {name: Size(*data.draw(st.tuples(reach, reach, reach))) for name in names}
    ends = st.tuples(st.sampled_from(names), st.sampled_from(names))
    pairs = data.draw(st.lists(ends.filter(lambda pair: pair[0] != pair[1]), max_size=20))
    edges = [Edge(*pair, data.draw(st.integers(1, 3))) for pair in pairs]
    layout = layered(sizes, edges, apart=5, between=15)
    for one, other in combinations(names, 2):
        first, second = (layout.places[name] for name in (one, other))
        if first.across > second.across:
            (one, other), (first, second) = (other, one), (second, first)
        beside = second.across - sizes[other].left - first.across - sizes[one].right
        ends_of = [(p.along, p.along + sizes[n].length) for n, p in ((one, first), (other, second))]
        shared = min(ends_of[0][1], ends_of[1][1]) - max(ends_of[0][0], ends_of[1][0])
        assert beside >= 5 - 1e-6 or shared <= -15 + 1e-6 or shared <= 0
    for edge, route in zip(edges, layout.routes, strict=True):
        assert route[0].across == layout.places[edge.source].across
        assert route[-1].across == layout.places[edge.target].across
        for start, end in zip(route[::2], route[1::2], strict=True):
            assert start.across == end.across
