"""HDF5 event files of the layout of the Heidelberg data sets."""

import h5py
import numpy as np


def random_records(count=5, classes=20, seed=0):
    """Times (s), units and labels as the official files have them."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 400, count)
    times = [np.sort(rng.uniform(0, 1.2, size)).astype(np.float16) for size in sizes]
    units = [rng.integers(0, 700, size).astype(np.uint16) for size in sizes]
    return times, units, rng.integers(0, classes, count).astype(np.uint16)


def write_events(path, times, units, labels):
    """Variable-length lists, and a group that no loader needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, lists in (("times", times), ("units", units)):
            kind = lists[0].dtype
            stored = file.create_dataset(f"spikes/{name}", (len(lists),), h5py.vlen_dtype(kind))
            for index, values in enumerate(lists):
                stored[index] = values
        file["labels"] = labels
        file["extra/speaker"] = np.zeros(len(labels), np.uint16)
        file["extra/keys"] = np.array([b"zero", b"one"])
    return path
