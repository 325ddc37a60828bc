"""A layer over a span of steps in Triton, forward and backward, and the readout; generic over the neuron.

One program carries a tile of samples (`ROWS`) through all steps of the span, with its states in registers. Samples do
not depend on each other, so no program waits for another. Where the layer is recurrent a program holds all its
neurons (`COLUMNS`, a power of 2); where it is not, neurons do not depend on each other either, and share the grid.

Tensors are contiguous. A plane is (batch, neurons). The weights between neurons are (`PARTS`, `COLUMNS`, `COLUMNS`),
summed over the parts, row k for the neuron that gives; 0 where a neuron is missing.
"""

from collections.abc import Callable
from typing import Any

import triton
import triton.language as tl

from brf_training.kernels.triton_neurons import Tile, Tiles, jit

# Another batch or length needs no other compilation.
kernel: Callable[[Callable[..., Any]], Any] = triton.jit(do_not_specialize=["steps", "batch", "interval", "size"])


@jit
def appended(tiles: Tiles, tile: Tile) -> Tiles:
    """The tuple with one more tile."""
    return tiles + (tile,)  # noqa: RUF005  Triton knows no unpacking


@jit
def load_tiles(pointer: Tile, plane: Tile, place: Tile, inside: Tile, COUNT: tl.constexpr) -> Tiles:
    """Tiles of as many planes, as a tuple."""
    tiles: Tiles = ()
    for index in tl.static_range(COUNT):
        tiles = appended(tiles, tl.load(pointer + index * plane + place, mask=inside, other=0.0))
    return tiles


@jit
def store_tiles(pointer: Tile, plane: Tile, place: Tile, inside: Tile, tiles: Tiles, COUNT: tl.constexpr) -> None:
    """The inverse of `load_tiles`."""
    for index in tl.static_range(COUNT):
        tl.store(pointer + index * plane + place, tiles[index], mask=inside)


@jit
def load_parameters(pointer: Tile, columns: Tile, neurons: Tile, COUNT: tl.constexpr) -> Tiles:
    """Rows (1, `COLUMNS`) of parameters (`COUNT`, neurons), as a tuple."""
    rows: Tiles = ()
    for index in tl.static_range(COUNT):
        row = tl.load(pointer + index * neurons + columns, mask=columns < neurons, other=0.0)
        rows = appended(rows, row[None, :])
    return rows


@jit
def load_weights(
    pointer: Tile, columns: Tile, OPERAND: tl.constexpr, PARTS: tl.constexpr, COLUMNS: tl.constexpr
) -> Tiles:
    """All weights between neurons, as a tuple of their parts."""
    place = tl.arange(0, COLUMNS)[:, None] * COLUMNS + columns[None, :]
    parts: Tiles = ()
    for part in tl.static_range(PARTS):
        weight = tl.load(pointer + part * COLUMNS * COLUMNS + place)
        parts = appended(parts, weight.to(OPERAND))
    return parts


@jit
def held_product(
    total: Tile, left: Tile, weights: Tiles, OPERAND: tl.constexpr, PARTS: tl.constexpr, PRECISION: tl.constexpr
) -> Tile:
    """``total + left @ weights`` with weights at hand."""
    for part in tl.static_range(PARTS):
        total = tl.dot(left.to(OPERAND), weights[part], total, input_precision=PRECISION)
    return total


@jit
def streamed_product(
    total: Tile,
    left: Tile,
    weights: Tile,
    rows: Tile,
    columns: Tile,
    batch: Tile,
    neurons: Tile,
    OPERAND: tl.constexpr,
    PARTS: tl.constexpr,
    PRECISION: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
) -> Tile:
    """``total + left @ weights`` with both in memory: `DEPTH` neurons at a time."""
    for first in range(0, COLUMNS, DEPTH):
        depth = first + tl.arange(0, DEPTH)
        inside = (rows[:, None] < batch) & (depth[None, :] < neurons)
        tile = tl.load(left + rows[:, None] * neurons + depth[None, :], mask=inside, other=0).to(OPERAND)
        for part in tl.static_range(PARTS):
            weight = tl.load(weights + (part * COLUMNS + depth[:, None]) * COLUMNS + columns[None, :])
            total = tl.dot(tile, weight.to(OPERAND), total, input_precision=PRECISION)
    return total


@kernel
def layer_forward(
    drive: Tile,  # (steps, batch, neurons): what comes from below, and at the sequence's first step from outside
    spikes: Tile,  # uint8 (steps + 1, batch, neurons): slot 0 is read, the others are written
    states: Tile,  # (STATES, batch, neurons): from the step before, then those of the last
    kept: Tile,  # (steps / interval, STATES, batch, neurons): states before every interval, where KEEP
    parameters: Tile,  # (PARAMETERS, neurons)
    constants: Tiles,
    weights: Tile,  # bfloat16
    steps: Tile,
    batch: Tile,
    neurons: Tile,
    interval: Tile,
    INTEGRATE: tl.constexpr,
    RESET: tl.constexpr,
    STATES: tl.constexpr,
    PARAMETERS: tl.constexpr,
    KEEP: tl.constexpr,
    RECURRENT: tl.constexpr,
    HELD: tl.constexpr,
    OPERAND: tl.constexpr,
    PARTS: tl.constexpr,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
) -> None:
    """A layer's spikes and last states."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (rows[:, None] < batch) & (columns[None, :] < neurons)
    place, plane = rows[:, None] * neurons + columns[None, :], batch * neurons
    row_parameters = load_parameters(parameters, columns, neurons, PARAMETERS)
    state = load_tiles(states, plane, place, inside, STATES)
    z = tl.load(spikes + place, mask=inside, other=0).to(tl.float32)
    if RECURRENT and HELD:
        held = load_weights(weights, columns, OPERAND, PARTS, COLUMNS)
    for step in range(steps):
        if KEEP and step % interval == 0:
            store_tiles(kept + step // interval * STATES * plane, plane, place, inside, state, STATES)
        x = tl.load(drive + step * plane + place, mask=inside, other=0.0)
        if RECURRENT:
            if HELD:
                x = held_product(x, z, held, OPERAND, PARTS, PRECISION)
            else:
                x = streamed_product(
                    x, spikes + step * plane, weights, rows, columns, batch, neurons,
                    OPERAND, PARTS, PRECISION, COLUMNS, DEPTH,
                )  # fmt: skip
        distance, state = INTEGRATE(x, state, row_parameters, constants)
        z = tl.where((distance > 0) & inside, 1.0, 0.0)
        state = RESET(z, state, constants)
        tl.store(spikes + (step + 1) * plane + place, z.to(tl.uint8), mask=inside)
        if RECURRENT and not HELD:
            tl.debug_barrier()  # other threads of the program read these spikes at the next step
    store_tiles(states, plane, place, inside, state, STATES)


@kernel
def layer_backward(
    drive: Tile,  # (steps, batch, neurons): all that a neuron receives
    spikes: Tile,  # uint8 (steps, batch, neurons)
    kept: Tile,  # (steps / interval, STATES, batch, neurons): as layer_forward kept them
    scratch: Tile,  # (interval, STATES, batch, neurons)
    g_spikes: Tile,  # (steps, batch, neurons): from outside the layer
    g_drive: Tile,  # (steps + 1, batch, neurons): slot `steps` is read, the others are written
    g_states: Tile,  # (STATES, batch, neurons): of the last, then of those before the first step
    g_parameters: Tile,  # (programs, PARAMETERS, neurons): added up over time and each program's samples
    parameters: Tile,  # (PARAMETERS, neurons)
    constants: Tiles,
    weights: Tile,  # float32
    steps: Tile,
    batch: Tile,
    neurons: Tile,
    interval: Tile,
    INTEGRATE: tl.constexpr,
    RESET: tl.constexpr,
    ADJOINT: tl.constexpr,
    STATES: tl.constexpr,
    PARAMETERS: tl.constexpr,
    RECURRENT: tl.constexpr,
    HELD: tl.constexpr,
    OPERAND: tl.constexpr,
    PARTS: tl.constexpr,
    PRECISION: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
) -> None:
    """The gradient of what each neuron receives at each step; states between the kept ones are computed again."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (rows[:, None] < batch) & (columns[None, :] < neurons)
    place, plane = rows[:, None] * neurons + columns[None, :], batch * neurons
    row_parameters = load_parameters(parameters, columns, neurons, PARAMETERS)
    gradient = load_tiles(g_states, plane, place, inside, STATES)
    gx = tl.load(g_drive + steps * plane + place, mask=inside, other=0.0)
    totals: Tiles = ()
    for _ in tl.static_range(PARAMETERS):
        totals = appended(totals, tl.zeros((ROWS, COLUMNS), tl.float32))
    if RECURRENT and HELD:
        held = load_weights(weights, columns, OPERAND, PARTS, COLUMNS)
    intervals = tl.cdiv(steps, interval)
    for back in range(intervals):
        start = (intervals - 1 - back) * interval
        length = tl.minimum(interval, steps - start)
        state = load_tiles(kept + start // interval * STATES * plane, plane, place, inside, STATES)
        for index in range(length):
            store_tiles(scratch + index * STATES * plane, plane, place, inside, state, STATES)
            x = tl.load(drive + (start + index) * plane + place, mask=inside, other=0.0)
            z = tl.load(spikes + (start + index) * plane + place, mask=inside, other=0).to(tl.float32)
            _distance, state = INTEGRATE(x, state, row_parameters, constants)
            state = RESET(z, state, constants)
        tl.debug_barrier()  # a tile may be read by other threads than those that wrote it
        for index in range(length):
            within = length - 1 - index
            step = start + within
            gz = tl.load(g_spikes + step * plane + place, mask=inside, other=0.0)
            if RECURRENT:
                if HELD:
                    gz = held_product(gz, gx, held, OPERAND, PARTS, PRECISION)
                else:
                    gz = streamed_product(
                        gz, g_drive + (step + 1) * plane, weights, rows, columns, batch, neurons,
                        OPERAND, PARTS, PRECISION, COLUMNS, DEPTH,
                    )  # fmt: skip
            old = load_tiles(scratch + within * STATES * plane, plane, place, inside, STATES)
            x = tl.load(drive + step * plane + place, mask=inside, other=0.0)
            z = tl.load(spikes + step * plane + place, mask=inside, other=0).to(tl.float32)
            gx, gradient, parts = ADJOINT(gz, gradient, x, old, z, row_parameters, constants)
            summed: Tiles = ()
            for part in tl.static_range(PARAMETERS):
                summed = appended(summed, totals[part] + parts[part])
            totals = summed
            tl.store(g_drive + step * plane + place, gx, mask=inside)
            if RECURRENT and not HELD:
                tl.debug_barrier()
        tl.debug_barrier()  # the scratch is written again
    store_tiles(g_states, plane, place, inside, gradient, STATES)
    for part in tl.static_range(PARAMETERS):
        row = tl.sum(totals[part], 0)
        target = g_parameters + (tl.program_id(0) * PARAMETERS + part) * neurons + columns
        tl.store(target, row, mask=columns < neurons)


@kernel
def readout_forward(
    drive: Tile, alpha: Tile, y: Tile, readout: Tile, steps: Tile, size: Tile, outputs: Tile, BLOCK: tl.constexpr
) -> None:
    """``y' = alpha y + (1 - alpha) x`` over a span; all but alpha are planes of size = batch * outputs."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = place < size
    decay = tl.load(alpha + place % outputs)
    value = tl.load(y + place, mask=inside, other=0.0)
    for step in range(steps):
        x = tl.load(drive + step * size + place, mask=inside, other=0.0)
        value = decay * value + (1 - decay) * x
        tl.store(readout + step * size + place, value, mask=inside)
    tl.store(y + place, value, mask=inside)


@kernel
def readout_backward(
    g_readout: Tile, alpha: Tile, g_y: Tile, g_each: Tile, steps: Tile, size: Tile, outputs: Tile, BLOCK: tl.constexpr
) -> None:
    """The gradient of each step's y; g_y: that which reaches it from the step after the span, then from its first."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = place < size
    decay = tl.load(alpha + place % outputs)
    later = tl.load(g_y + place, mask=inside, other=0.0)
    for back in range(steps):
        step = steps - 1 - back
        gradient = tl.load(g_readout + step * size + place, mask=inside, other=0.0) + later
        tl.store(g_each + step * size + place, gradient, mask=inside)
        later = decay * gradient
    tl.store(g_y + place, later, mask=inside)
