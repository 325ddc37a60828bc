"""`brf-deploy simulate`: run an integer network on a backend and keep the trace."""

from pathlib import Path

import click

from brf_deploy.options import backend_option, data_option, samples_option, task_option
from brf_deploy.output import console

EXAMPLES = """\b
Examples:
  brf-deploy simulate ecg.nir --task ecg --data data --samples 4 --out trace.npz
  brf-deploy simulate net.nir --task digits --backend lava --out trace.npz
"""


@click.command("simulate", epilog=EXAMPLES)
@click.argument("net", type=click.Path(path_type=Path))
@task_option
@backend_option
@samples_option
@click.option("--spikes-only", is_flag=True, help="Leave the states u, v, q out of the trace.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="TRACE.npz")
@data_option
def simulate_command(
    net: Path, task: str, backend: str | None, samples: int | None, spikes_only: bool, out: Path, data: Path | None
) -> None:
    """Run NET on a backend and keep its trace.

    The trace holds spikes, states and readout of the integer network NET at every step, for the task's test split.
    """
    from brf_deploy.backend import load_backend
    from brf_deploy.evaluation import chunks, hidden_neurons, load_test
    from brf_deploy.network_file import load_network
    from brf_deploy.progress import sample_progress
    from brf_deploy.task import correct
    from brf_deploy.trace import Record, join_samples

    network, runner = load_network(net), load_backend(backend)
    which, test = load_test(network, task, samples, data)
    record = Record.SPIKES if spikes_only else Record.STATES
    parts = []
    with sample_progress(runner.name, test.count) as done:
        for part in chunks(test, hidden_neurons(network)):
            parts.append(runner.run(network, part.messages, record))
            done(part.count)
    trace = join_samples(parts)
    trace.save(out)
    accuracy = correct(trace.readout, test.labels, which.decision, network.skip_steps).mean()
    spikes = sum(int(layer.spikes.sum()) for layer in trace.layers)
    show = console()
    show.print(
        f"{runner.name}: {trace.samples} samples, {trace.steps} steps, {spikes:,} spikes, accuracy {accuracy:.4%}"
    )
    show.print(f"wrote {out} ({out.stat().st_size:,} bytes): {', '.join(trace.fields())}")
