"""Reads one `.nir` file; a program, run by `hdf5_reader` in an interpreter of its own.

The HDF5 library crashes on about one damaged file in a thousand and loops for ever on another, so it never reads in
the process that asked. Links are not followed, and sizes are checked before anything is read.

``python -P hdf5_program.py FILE SECONDS`` writes an ``.npz`` to standard output: numbers under ``node/field``, every
text and edge as JSON under ``text``. SECONDS limits its processor time. A file that is refused gives exit status 3 and
the reason on standard error; one that HDF5 cannot read gives status 1 and a traceback. Imports nothing of the project,
so it needs no search path.
"""

import json
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import h5py
import numpy as np

ADDRESS_SPACE = 8 << 30  # bytes; the interpreter and its libraries take up to 2 GiB of it
LARGEST_CONTENTS = 1 << 30  # bytes in memory
DEFLATE_RATIO = 1032  # the strongest of the filters below never packs tighter
FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF)
MOST_ENTRIES = 1 << 14  # of one group, and edges: a chain of 4096 recurrent layers
REFUSED = 3  # exit status


class Refused(Exception):
    """A file that is HDF5 but not a NIR graph, or not one that is safe to read."""


class Budget:
    """Bytes that the datasets of a file may still declare."""

    def __init__(self, file_size: int) -> None:
        self.left = min(LARGEST_CONTENTS, file_size * DEFLATE_RATIO)

    def spend(self, where: str, amount: int) -> None:
        """Take `amount` off the budget."""
        if amount > self.left:
            raise Refused(f"{where}: {amount} bytes declared, more than a file of this size can hold")
        self.left -= amount


def read_graph(file: h5py.File, budget: Budget) -> dict[str, Any]:
    """The arrays to write."""
    root = entries(file, "the file", ("version", "node"))
    graph = entries(root["node"], "the graph", ("type", "nodes", "edges"))
    if read_text(graph["type"], "the graph's type", budget) != "NIRGraph":
        raise Refused("the graph's type: 'NIRGraph' needed")
    numbers: dict[str, Any] = {}
    text: dict[str, dict[str, str]] = {}
    for name, node in entries(graph["nodes"], "the nodes").items():
        text[name] = {}
        for field, dataset in entries(node, f"node '{name}'").items():
            where = f"node '{name}': field '{field}'"
            if is_text(dataset):
                text[name][field] = read_text(dataset, where, budget)
            else:
                numbers[f"{name}/{field}"] = read_numbers(dataset, where, budget)
    described = {"nodes": text, "edges": read_edges(graph["edges"], budget)}
    return {**numbers, "text": np.frombuffer(json.dumps(described).encode(), np.uint8)}


def entries(group: Any, where: str, needed: Iterable[str] = ()) -> dict[str, Any]:
    """What stands in a group, metadata left out; exactly `needed` where that is given."""
    if not isinstance(group, h5py.Group):
        raise Refused(f"{where}: not a group")
    names = [name for name in islice(group, MOST_ENTRIES + 1) if name != "metadata"]
    if len(names) > MOST_ENTRIES:
        raise Refused(f"{where}: more than {MOST_ENTRIES} entries")
    for name in names:
        if not isinstance(name, str):
            raise Refused(f"{where}: the name {name!r} is not UTF-8")
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise Refused(f"{where}: entry '{name}' is a link to somewhere else; every value must stand in the file")
    if needed and set(names) != set(needed):
        raise Refused(f"{where}: entries {', '.join(sorted(names)) or 'none'} found, {', '.join(needed)} needed")
    return {name: group[name] for name in names}


def require_plain(dataset: Any, where: str, budget: Budget) -> None:
    """Refuse what is not a dataset, lies outside the file, needs a plug-in, or is larger than the file can hold."""
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        raise Refused(f"{where}: not a dataset with values")
    stored = dataset.id.get_create_plist()
    if stored.get_layout() == h5py.h5d.VIRTUAL or stored.get_external_count():
        raise Refused(f"{where}: its values lie in another file; every value must stand in the file")
    filters = [stored.get_filter(index)[0] for index in range(stored.get_nfilters())]
    if not set(filters) <= set(FILTERS):
        raise Refused(f"{where}: packed by HDF5 filters {filters}; only gzip, lzf, shuffle and fletcher32 are read")
    chunk = stored.get_chunk() if stored.get_layout() == h5py.h5d.CHUNKED else ()
    for shape in (dataset.shape, chunk):
        budget.spend(where, int(np.prod([int(n) for n in shape], dtype=object)) * dataset.dtype.itemsize)


def is_text(dataset: Any) -> bool:
    """Whether this is a dataset of text."""
    return isinstance(dataset, h5py.Dataset) and h5py.check_string_dtype(dataset.dtype) is not None


def read_numbers(dataset: Any, where: str, budget: Budget) -> Any:
    """The integers or reals of a dataset."""
    require_plain(dataset, where, budget)
    if dataset.dtype.kind not in "iuf":
        raise Refused(f"{where}: HDF5 type {dataset.dtype} found, integers, reals or text needed")
    return dataset[()]


def read_text(dataset: Any, where: str, budget: Budget) -> str:
    """The text of a scalar dataset."""
    require_plain(dataset, where, budget)
    if not is_text(dataset) or dataset.shape != ():
        raise Refused(f"{where}: a single text needed")
    return decoded(dataset[()], where)


def read_edges(dataset: Any, budget: Budget) -> list[list[str]]:
    """The edges, (edges, 2) node names."""
    require_plain(dataset, "the edges", budget)
    if not is_text(dataset) or dataset.shape[1:] != (2,) or len(dataset) > MOST_ENTRIES:
        raise Refused(f"the edges: shape {dataset.shape} found, at most {MOST_ENTRIES} pairs of node names needed")
    edges = [[decoded(name, "the edges") for name in edge] for edge in dataset[()]]
    if len({tuple(edge) for edge in edges}) < len(edges):
        raise Refused("the edges: one stands there twice")
    return edges


def decoded(value: bytes, where: str) -> str:
    """UTF-8 as text."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{where}: {bytes(value)!r} is not UTF-8") from None


def limit_resources(seconds: int) -> None:
    """Bound processor time and memory, and leave no core dump, where the system can."""
    if sys.platform == "win32":
        return
    import resource

    wanted = {resource.RLIMIT_CPU: seconds, resource.RLIMIT_AS: ADDRESS_SPACE, resource.RLIMIT_CORE: 0}
    for limit, value in wanted.items():
        hard = resource.getrlimit(limit)[1]  # may be lowered, never raised
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (allowed, allowed))


def main(path: str, seconds: str) -> int:
    """Read one file; the exit status."""
    limit_resources(int(seconds))
    try:
        with h5py.File(path, "r", locking=False) as file:
            arrays = read_graph(file, Budget(Path(path).stat().st_size))
    except Refused as error:
        print(error, file=sys.stderr)
        return REFUSED
    np.savez(sys.stdout.buffer, **arrays)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
