"""Links of the mesh: the ledger's term of each, its name, and which of them the way from router to router takes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from brf_hardware.mapping.route import Mesh

LOCAL, EAST_WEST, NORTH_SOUTH, CROSSING = (
    "messages_within_router",
    "hops_east_west",
    "hops_north_south",
    "chip_crossings",
)
Router = tuple[int, int]  # column and row on the mesh of all chips
Place = tuple[int, int, int]  # chip, then column and row on it


class Links(NamedTuple):
    """All links in use: the ledger's term of each, its name by its ends, and which lead from router to router.

    Row ``from * routers + to`` of `paths` (routers * routers, links) holds ones for the links of that way.
    """

    terms: tuple[str, ...]
    names: tuple[str, ...]
    paths: csr_array


def router_links(routers: Sequence[Router], columns: int) -> Links:
    """Links between routers (column, row) on the mesh of all chips, `columns` of which make a chip."""
    mesh, count = Mesh(columns, *np.array(routers, np.int64).T), len(routers)
    ways = mesh.ways(*np.indices((count, count)).reshape(2, -1))
    ends = ways.column, ways.row, ways.to_column, ways.to_row
    sizes = [int(end.max()) + 1 for end in ends]
    found, link = np.unique(np.ravel_multi_index(ends, sizes), return_inverse=True)
    starts = np.searchsorted(ways.way, np.arange(count**2 + 1))
    paths = csr_array((np.ones_like(link), link, starts), shape=(count**2, len(found)))
    links = np.transpose(np.unravel_index(found, sizes)).tolist()
    joined = [(mesh.router(*pair[:2]), mesh.router(*pair[2:])) for pair in links]
    terms, names = (tuple(of(*both) for both in joined) for of in (_term, _name))
    return Links(terms, names, paths)


def _term(start: Place, end: Place) -> str:
    if start == end:
        return LOCAL
    if start[0] != end[0]:
        return CROSSING
    return NORTH_SOUTH if start[1] == end[1] else EAST_WEST


def _name(start: Place, end: Place) -> str:
    """``0/2/3 to 0/3/3``: chip, column and row of the routers."""
    here, there = ("/".join(map(str, place)) for place in (start, end))
    return f"within router {here}" if start == end else f"{here} to {there}"
