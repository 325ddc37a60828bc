"""Links of the mesh and the way that messages take over them: along the row first, then along the column (XY).

Chips stand in a row from west to east, so the routers of all chips are one wide mesh; the link from one chip to the
next is a chip crossing in the place of a hop. A message between cores of one router stays within it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_array

LOCAL, EAST_WEST, NORTH_SOUTH, CROSSING = (
    "messages_within_router",
    "hops_east_west",
    "hops_north_south",
    "chip_crossings",
)
Router = tuple[int, int]  # column and row
# A link by the router that it leaves (column, row) and the step that it takes (columns, rows); (0, 0) stays.
Link = tuple[int, int, int, int]


def router_links(routers: Sequence[Router], columns: int) -> tuple[tuple[str, ...], csr_array]:
    """Kinds of all links in use (links,), and which lead from router to router (routers * routers, links).

    routers: (column, row) on the mesh of all chips, `columns` of which make a chip. Row ``from * routers + to`` of the
    matrix holds ones for the links of that way.
    """
    index: dict[Link, int] = {}
    ways = [[index.setdefault(link, len(index)) for link in _way(start, end)] for start in routers for end in routers]
    ends = np.cumsum([len(way) for way in ways])
    links = np.array([link for way in ways for link in way], np.int64)
    paths = csr_array((np.ones_like(links), links, np.concatenate([[0], ends])), shape=(len(ways), len(index)))
    return tuple(_kind(link, columns) for link in index), paths


def _way(start: Router, end: Router) -> Iterator[Link]:
    (column, row), (to_column, to_row) = start, end
    if start == end:
        yield (column, row, 0, 0)
    while column != to_column:
        step = 1 if to_column > column else -1
        yield (column, row, step, 0)
        column += step
    while row != to_row:
        step = 1 if to_row > row else -1
        yield (column, row, 0, step)
        row += step


def _kind(link: Link, columns: int) -> str:
    column, _, across, along = link
    if across:
        return EAST_WEST if column // columns == (column + across) // columns else CROSSING
    return NORTH_SOUTH if along else LOCAL
