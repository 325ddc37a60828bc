"""Ways over the mesh link by link, the names of links, and the squares that pictures draw."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from test_estimate import LOIHI, figure, priced, toy_estimate
from test_ledger import on_cores
from topologies import random_topology, target

from brf_hardware.cost.as_data import as_dict
from brf_hardware.cost.latency import resource_names
from brf_hardware.cost.links import router_links
from brf_hardware.cost.tables import budget_table
from brf_hardware.mapping import Core, map_network
from brf_hardware.mapping.drawing import Look, draw_mesh, square
from brf_hardware.mapping.route import Mesh
from brf_hardware.targets.terms import TIME_TERMS


@settings(max_examples=100)
@given(
    places=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), min_size=1, max_size=8, unique=True),
    columns=st.integers(1, 8),
)
def test_ways_go_along_the_row_and_then_along_the_column(places, columns):
    mesh, count = Mesh(columns, *np.array(places).T), len(places)
    source, destination = np.indices((count, count)).reshape(2, -1)
    ways = mesh.ways(source, destination)
    links = np.stack([ways.column, ways.row, ways.to_column, ways.to_row], axis=1)
    for way, (start, end) in enumerate(zip(source, destination, strict=True)):
        here, expected = list(places[start]), []
        for axis in (0, 1):
            while here[axis] != places[end][axis]:
                before = tuple(here)
                here[axis] += 1 if places[end][axis] > here[axis] else -1
                expected.append([*before, *here])
        assert links[ways.way == way].tolist() == (expected or [[*here, *here]])


def test_links_are_named_by_their_ends():
    links = router_links([(2, 3), (4, 3), (4, 2)], columns=4)
    names = dict(zip(links.names, links.terms, strict=True))
    assert len(names) == len(links.terms) == links.paths.shape[1]
    assert names["0/2/3 to 0/3/3"] == "hops_east_west"
    assert names["0/3/3 to 1/0/3"] == "chip_crossings"
    assert names["1/0/3 to 1/0/2"] == "hops_north_south"
    assert names["within router 1/0/2"] == "messages_within_router"
    way = links.paths[[0 * 3 + 2]].indices  # from the first router to the last
    assert {links.names[link] for link in way} == {
        "0/2/3 to 0/3/3", "0/3/3 to 1/0/3", "1/0/3 to 1/0/2"
    }  # fmt: skip


def test_every_resource_has_a_name_of_its_own():
    costing = toy_estimate(priced()).costing
    names = resource_names(costing.fabric, costing.prices)
    assert len(set(names)) == len(names)
    assert names[-1] == ("links", "within router 0/0/0")
    assert names[0] == ("neurons", "0")


def test_a_budget_that_a_link_limits_names_the_link_in_table_and_json():
    times = {term: figure(0, 0, 0, "ns") for term in TIME_TERMS} | {"hops_east_west": figure(500, 500, 500, "ns")}
    mapping = on_cores(Core(0, 1, 2, 0), Core(0, 2, 2, 0))
    found = toy_estimate(priced(time=times, limits=LOIHI), mapping=mapping)
    name = "link 0/1/2 to 0/2/2"
    assert found.budgets[0].limited_by == name
    assert as_dict(found)["budgets"][0]["limited_by"] == name
    assert name in budget_table(found).columns[4].cells


@pytest.mark.parametrize("at_router", [1, 2, 3, 4, 5, 9])
def test_squares_of_cores_lie_apart_and_within_their_routers(at_router):
    limits = target(mesh=(3, 2), cores_per_router=at_router, cores_per_chip=6 * at_router).limits
    cores = [Core.at(chip, number, limits) for chip in (0, 1) for number in range(limits.cores_per_chip)]
    squares = np.array([square(core, limits, core.chip) for core in cores])
    left, top, side = squares.T
    inside = np.array([(core.chip * 3.5 + core.column, core.row) for core in cores])
    assert ((left, top) > inside.T).all()
    assert ((left + side, top + side) < inside.T + 1).all()
    apart = np.maximum(np.abs(np.subtract.outer(left, left)), np.abs(np.subtract.outer(top, top)))
    assert (apart + 10 * np.eye(len(cores)) > side).all()


def test_all_cores_of_the_chips_shown_are_drawn_by_their_load():
    chosen = target(neurons_per_core=4, mesh=(2, 2), cores_per_chip=4)
    mapping, axes = map_network(random_topology(19, 2), chosen), Figure().subplots()
    look = Look(unused={"facecolor": "white"}, used=lambda share: {"facecolor": "red" if share == 1 else "blue"})
    draw_mesh(axes, mapping, chosen.limits, [0, 1], look)
    assert len(axes.patches) == 8
    colours = [tuple(patch.get_facecolor()[:3]) for patch in axes.patches]
    red, blue, white = (colours.count(colour) for colour in ((1, 0, 0), (0, 0, 1), (1, 1, 1)))
    full = int((mapping.load.neurons == 4).sum())
    assert (red, blue, white) == (full, len(mapping.cores) - full, 8 - len(mapping.cores))
