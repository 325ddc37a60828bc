"""`brf-deploy export`: a network as a file or folder of another tool."""

from pathlib import Path

import click
from rich.table import Table

from brf_deploy.exporter import exporter_names
from brf_deploy.options import json_option
from brf_deploy.output import console, write_json

EXAMPLES = """\b
Examples:
  brf-deploy export ecg.nir --to onnx --out ecg.onnx
  brf-deploy export ecg.nir --to c --out ecg_c
  brf-deploy export ecg.nir --to verilog --out ecg_rtl --force
  brf-deploy export ecg.safetensors --to onnx --out ecg_float.onnx
"""


@click.command("export", epilog=EXAMPLES)
@click.argument("network_file", metavar="NET|MODEL", type=click.Path(path_type=Path))
@click.option("--to", "to", required=True, metavar="FORMAT", help=f"Format: {', '.join(exporter_names())}.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="PATH", help="File or folder to write.")
@click.option("--force", is_flag=True, help="Replace a folder that is there.")
@json_option
def export_command(network_file: Path, to: str, out: Path, force: bool, json_file: Path | None) -> None:
    """Write an integer NET (.nir) or a float MODEL (.safetensors) in the form of another tool.

    Nothing is written unless all of it can be. A network that the format cannot carry is refused with the reason.
    """
    from brf_deploy.exporter import export_network
    from brf_deploy.float_file import load_float_network
    from brf_deploy.network_file import load_network

    network = load_float_network(network_file) if network_file.suffix == ".safetensors" else load_network(network_file)
    export = export_network(network, to, out, force=force)
    show = console(json_file)
    sizes = {name: len(data) for name, data in export.files.items()}
    table = Table("fact", "value", title=f"{network_file} as {to}", title_justify="left")
    for name, value in export.facts.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    if export.facts:
        show.print(table)
    if out.is_dir():
        for name, size in sizes.items():
            show.print(f"  {size:>10,} bytes  {name}")
    show.print(f"wrote {out} ({sum(sizes.values()):,} bytes)", *export.hints, sep="\n", soft_wrap=True)  # to be copied
    if json_file is not None:
        write_json(json_file, {"out": out, "format": to, "files": sizes, "facts": export.facts})
