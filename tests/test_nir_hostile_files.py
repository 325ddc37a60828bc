"""Damaged and hostile files: a message in every case, never a crash, a hang, much memory or another network."""

import time

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nir_files import replace_dataset, same, small_float_network, small_network

from brf_deploy.errors import BrfError, InvalidFile
from brf_export.nir import NIR, hdf5_reader

UNREADABLE = "the file is damaged or was not written as NIR: export the network again"


@pytest.fixture
def path(tmp_path):
    NIR.write(small_network(), tmp_path / "network.nir")
    return tmp_path / "network.nir"


def refused(path, message):
    """Reading is refused with the file's name and the message; returns after a short time."""
    began = time.monotonic()
    with pytest.raises(InvalidFile) as caught:
        NIR.read(path)
    assert f"network file '{path}': " in str(caught.value)
    assert message in str(caught.value)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" * 200, bytes(5000), b"network" * 999])
def test_other_files(path, content):
    path.write_bytes(content)
    refused(path, "HDF5 cannot read it (OSError: ")


@pytest.mark.parametrize("part", [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999])
def test_truncated_files(path, part):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    refused(path, "truncated" if part > 0.1 else UNREADABLE)


def test_a_missing_file(tmp_path):
    with pytest.raises(InvalidFile, match=r"network file '.*none\.nir': no such file; make one with"):
        NIR.read(tmp_path / "none.nir")
    with pytest.raises(InvalidFile, match="this is a directory; name the file in it"):
        NIR.read_float(tmp_path)


@given(st.data())
@settings(max_examples=25)
def test_flipped_and_lost_bytes(tmp_path_factory, data):
    check_damage(tmp_path_factory.mktemp("nir") / "network.nir", data)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=150)
def test_many_flipped_and_lost_bytes(tmp_path_factory, data):
    check_damage(tmp_path_factory.mktemp("nir") / "network.nir", data)


def check_damage(path, data):
    """A damaged file is refused, or it still is the network in every field."""
    NIR.write(small_network(), path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.integers(0, 9)) == 0:
        content = content[: data.draw(st.integers(0, len(content)))]
    path.write_bytes(content)
    try:
        network = NIR.read(path)
    except BrfError:
        return
    assert same(network, small_network())


@pytest.mark.parametrize("options", [{}, {"chunks": (1 << 20,), "compression": "gzip"}], ids=["contiguous", "chunked"])
def test_a_gigantic_declared_size(path, options):
    replace_dataset(path, "layer0/damping", None, shape=(1 << 40,), dtype="i8", **options)
    refused(
        path, "node 'layer0': field 'damping': 8796093022208 bytes declared, more than a file of this size can hold"
    )


def test_a_gigantic_chunk(path):
    replace_dataset(path, "layer0/damping", None, shape=(3,), maxshape=(None,), dtype="i8", chunks=(1 << 28,))
    refused(path, "node 'layer0': field 'damping': 2147483648 bytes declared")


def test_a_small_file_that_unpacks_to_much(path):
    replace_dataset(path, "layer0/damping", np.zeros(10_000_000, np.int64), compression="gzip")
    with h5py.File(path, "r+") as file:
        for index in range(30):
            file[f"node/nodes/layer0/again{index}"] = file["node/nodes/layer0/damping"]
    refused(path, "80000000 bytes declared, more than a file of this size can hold")


@pytest.mark.parametrize(
    "link",
    [h5py.SoftLink("/node/nodes/layer0/rotation"), h5py.SoftLink("/no"), h5py.ExternalLink("other.nir", "/node/type")],
    ids=["soft", "dangling", "external"],
)
def test_links_are_not_followed(path, link):
    NIR.write(small_network(), path.with_name("other.nir"))
    with h5py.File(path, "r+") as file:
        del file["node/nodes/layer0/damping"]
        file["node/nodes/layer0/damping"] = link
    refused(path, "node 'layer0': entry 'damping' is a link to somewhere else; every value must stand in the file")


def test_values_in_another_file_are_not_read(path):
    (path.parent / "values").write_bytes(np.array([600, 40, 2000]).tobytes())
    outside = [(str(path.parent / "values"), 0, 24)]
    replace_dataset(path, "layer0/damping", None, shape=(3,), dtype="i8", external=outside)
    refused(path, "node 'layer0': field 'damping': its values lie in another file; every value must stand in the file")


def test_virtual_datasets_are_not_read(path):
    layout = h5py.VirtualLayout((3,), "i8")
    layout[:] = h5py.VirtualSource(str(path), "node/nodes/layer0/rotation", (3,))
    with h5py.File(path, "r+") as file:
        del file["node/nodes/layer0/damping"]
        file["node/nodes/layer0"].create_virtual_dataset("damping", layout)
    refused(path, "node 'layer0': field 'damping': its values lie in another file")


def test_other_filters_are_not_run(path):
    replace_dataset(path, "layer0/damping", np.array([600, 40, 2000]), scaleoffset=0)
    refused(path, "field 'damping': packed by HDF5 filters [6]; only gzip, lzf, shuffle and fletcher32 are read")


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        ("?", "HDF5 type bool found, integers, reals or text needed"),
        ("c16", "HDF5 type complex128 found"),
        ([("a", "i4")], "HDF5 type [('a', '<i4')] found"),
        (h5py.ref_dtype, "HDF5 type object found"),
        (h5py.vlen_dtype("i4"), "HDF5 type object found"),
        ("V5", "HDF5 type |V5 found"),
        (h5py.string_dtype(), "a single text needed"),
        ("S3", "a single text needed"),
    ],
    ids=str,
)
def test_other_types(path, dtype, message):
    replace_dataset(path, "layer0/damping", None, shape=(3,), dtype=dtype)
    refused(path, f"node 'layer0': field 'damping': {message}")


def test_a_dataset_without_values(path):
    replace_dataset(path, "layer0/damping", h5py.Empty("i8"))
    refused(path, "node 'layer0': field 'damping': not a dataset with values")


def test_text_that_is_not_utf8(path):
    replace_dataset(path, "layer0/name", np.bytes_(b"hidd\xffn"))
    refused(path, "node 'layer0': field 'name': b'hidd\\xffn' is not UTF-8")


def test_a_type_as_a_field(path):
    replace_dataset(path, "layer0/damping", None)
    with h5py.File(path, "r+") as file:
        file["node/nodes/layer0/damping"] = np.dtype("i8")
    refused(path, "node 'layer0': field 'damping': not a dataset with values")


def test_cycles_and_deep_nesting_are_not_walked(path):
    with h5py.File(path, "r+") as file:
        del file["node/nodes/layer0/damping"]
        file["node/nodes/layer0/damping"] = file["node"]
        file["node/metadata/" + "/".join(["deep"] * 1000)] = 1
        file["node/metadata/cycle"] = file["node"]
    refused(path, "node 'layer0': field 'damping': not a dataset with values")


def test_metadata_is_not_looked_at(path):
    with h5py.File(path, "r+") as file:
        file["node/metadata/" + "/".join(["deep"] * 1000)] = 1
        file["node/nodes/layer0/metadata/elsewhere"] = h5py.ExternalLink("other.nir", "/node")
        file.attrs["note"] = "by hand"
    assert same(NIR.read(path), small_network())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.pop("node"), "the file: entries version found, version, node needed"),
        (lambda file: file.create_group("more"), "the file: entries more, node, version found, version, node needed"),
        (lambda file: file["node"].pop("edges"), "the graph: entries nodes, type found, type, nodes, edges needed"),
        (lambda file: file.move("node/nodes/layer0", "node/layer0"), "the graph: entries edges, layer0, nodes"),
        (lambda file: file["node/nodes"].create_dataset("x", data=1), "node 'x': not a group"),
        (lambda file: file["node/nodes"].create_group(b"x\xff"), "the nodes: the name b'x\\xff' is not UTF-8"),
        (lambda file: file["node/nodes"].create_group("x/y"), "node 'x': field 'y': not a dataset with values"),
        (lambda file: file["node/type"].write_direct(np.array(b"LI", object)), "the graph's type: 'NIRGraph' needed"),
    ],
    ids=["no graph", "more", "no edges", "misplaced node", "number as node", "name", "group as field", "other type"],
)  # fmt: skip
def test_other_structure(path, change, message):
    with h5py.File(path, "r+") as file:
        change(file)
    refused(path, message)


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        (np.zeros((3, 2)), "the edges: shape (3, 2) found, at most 16384 pairs of node names needed"),
        (np.array([[b"a", b"b", b"c"]]), "the edges: shape (1, 3) found"),
        (b"input", "the edges: shape () found"),
        (np.array([[b"a", b"b"], [b"a", b"b"]]), "the edges: one stands there twice"),
        (np.array([[b"a", b"\xff"]]), "the edges: b'\\xff' is not UTF-8"),
    ],
)
def test_other_edges(path, edges, message):
    with h5py.File(path, "r+") as file:
        del file["node/edges"]
        file["node/edges"] = edges
    refused(path, message)


def test_more_entries_than_a_graph_has(path):
    with h5py.File(path, "r+") as file:
        field = file["node/nodes/layer0/dt"]
        for index in range((1 << 14) + 1):
            file[f"node/nodes/layer0/{index}"] = field
    refused(path, "node 'layer0': more than 16384 entries")


def test_a_damaged_file_on_which_hdf5_loops_for_ever(path, monkeypatch):
    """A length in the heap of texts, found by fuzzing with HDF5 2.0.0."""
    content = bytearray(path.read_bytes())
    content[33887] = 244
    path.write_bytes(content)
    monkeypatch.setattr(hdf5_reader, "PROCESSOR_SECONDS", 2)
    refused(path, UNREADABLE)


def test_a_reader_that_crashes(path, tmp_path, monkeypatch):
    (tmp_path / "program.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr(hdf5_reader, "PROGRAM", tmp_path / "program.py")
    refused(path, f"the HDF5 library crashed on it (status -11); {UNREADABLE}")


def test_a_reader_that_finds_no_end(path, tmp_path, monkeypatch):
    (tmp_path / "program.py").write_text(
        hdf5_reader.PROGRAM.read_text().replace(
            "        with h5py.File", "        while True: pass\n        with h5py.File"
        )
    )
    monkeypatch.setattr(hdf5_reader, "PROGRAM", tmp_path / "program.py")
    monkeypatch.setattr(hdf5_reader, "PROCESSOR_SECONDS", 1)
    refused(path, f"the HDF5 library found no end in 1 s; {UNREADABLE}")


def test_a_reader_that_waits(path, tmp_path, monkeypatch):
    (tmp_path / "program.py").write_text("import time; time.sleep(60)")
    monkeypatch.setattr(hdf5_reader, "PROGRAM", tmp_path / "program.py")
    monkeypatch.setattr(hdf5_reader, "WALL_SECONDS", 1)
    refused(path, "reading took longer than 1 s; copy the file to a local disk")


def test_modules_in_the_current_folder_are_not_run(path, tmp_path, monkeypatch):
    for name in ("h5py.py", "numpy.py", "json.py"):
        (tmp_path / name).write_text("raise SystemExit('ran a module of the current folder')")
    monkeypatch.chdir(tmp_path)
    assert same(NIR.read(path), small_network())


def test_nothing_but_the_file_is_touched(path):
    before = sorted(path.parent.iterdir())
    NIR.read(path)
    assert sorted(path.parent.iterdir()) == before


def test_float_files_are_read_behind_the_same_wall(tmp_path):
    path = tmp_path / "float.nir"
    NIR.write_float(small_float_network(), path)
    replace_dataset(path, "layer0/omega", None, shape=(1 << 40,), dtype="f8")
    with pytest.raises(InvalidFile, match="node 'layer0': field 'omega': 8796093022208 bytes declared"):
        NIR.read_float(path)
