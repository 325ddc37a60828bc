"""Targets from TOML files: those that are shipped, by name, and a user's own, by path."""

from importlib.resources import as_file, files
from pathlib import Path

from brf_deploy.errors import InvalidFile, InvalidInput
from brf_deploy.toml_table import Table, read_toml
from brf_hardware.targets.neuron_factor import brf_factor
from brf_hardware.targets.override import override
from brf_hardware.targets.parts import PartReader
from brf_hardware.targets.target import Target

SHIPPED = files("brf_hardware") / "targets"
# Of a file that is based on another, these tables are taken key by key; every other key replaces the base's.
MERGED = ("limits", "sources")


def target_names() -> list[str]:
    """Names of the targets that come with this package."""
    return sorted(entry.name.removesuffix(".toml") for entry in SHIPPED.iterdir() if entry.name.endswith(".toml"))


def load_target(name_or_path: str) -> Target:
    """A shipped target by name, or one of the user's own by path (anything ending in ``.toml``).

    Raises `InvalidInput` for an unknown name, `InvalidFile` naming file, key, what was found and what is expected.
    """
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        return _target(path.stem, _with_base(path))
    return _target(name_or_path, _shipped(name_or_path))


def load_targets(names: str, settings: tuple[str, ...] = ()) -> tuple[Target, ...]:
    """Targets by names or paths with commas between them, each with the settings of `override` in force."""
    chosen = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
    if not chosen:
        raise InvalidInput(f"target '{names}': no name found; there are: {', '.join(target_names())}")
    return tuple(override(load_target(name), *settings) for name in chosen)


def _shipped(name: str) -> Table:
    if name not in target_names():
        raise InvalidInput(
            f"target '{name}' is unknown; there are: {', '.join(target_names())}; a target of your own is a file, "
            "named by its path ending in .toml"
        )
    with as_file(SHIPPED / f"{name}.toml") as path:
        return _with_base(path, itself=name)


def _with_base(path: Path, itself: str = "") -> Table:
    """The file, with what it lacks taken from the shipped target that it names as ``based_on``; none is based on
    `itself`."""
    file = read_toml(path, "target")
    if "based_on" not in file:
        return file
    base = _shipped(file.choice("based_on", [name for name in target_names() if name != itself]))
    for key, value in base.left.items():
        own = file.left.get(key, {})
        if key in MERGED and isinstance(own, dict) and isinstance(value, dict):
            file.left[key] = value | own
        else:
            file.left.setdefault(key, value)
    return file


def _target(name: str, file: Table) -> Target:
    part = PartReader.of(file)
    limits, origins = part.limits(file)
    try:
        target = Target(
            name=name,
            title=file.text("title"),
            description=file.text("description").strip(),
            limits=limits,
            allocations=part.allocations(file),
            energy=part.energy(file.table("energy")),
            time=part.time(file.table("time")) if "time" in file else {},
            static_power=part.power(file, "static_power"),
            host_power=part.power(file, "host_power"),
            assumptions=file.texts("assumptions"),
            sources=tuple(f"{label}: {citation}" for label, citation in part.sources.items()),
            barriers_by_routers=part.barriers(file),
            barriers_across_chips=part.barrier_across_chips(file),
            barriers_of_layers=file.choice("barriers_are_of", ["chip", "layer"], "chip") == "layer",
            sequential=file.choice("stages", ["overlap", "sequential"], "overlap") == "sequential",
            neuron_factor=brf_factor() if file.choice("neuron_updates_are_of", ["lif", "brf"]) == "lif" else None,
            origins=origins,
            anchors=tuple(part.anchor(table) for table in file.tables("anchors")),
        )
    except InvalidInput as error:
        raise InvalidFile(f"{file.file}: {error}") from error
    file.close()
    return target
