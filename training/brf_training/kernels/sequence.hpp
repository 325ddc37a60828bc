// What a run is: the arguments that cross the C boundary, and the network in the layout that the passes work on.
#pragma once

#include "dynamics.hpp"
#include "integrators.hpp"
#include "product.hpp"
#include "rows.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace brf {

// All arrays are contiguous, of the run's real type R unless said otherwise; null where there is none.
// S states and P parameters as the neuron has them; gradients are written by the backward pass only.
struct LayerArguments {
    int32_t neuron, inputs, neurons;
    const double* constants;
    const void* parameters;        // (P, neurons)
    const void* input_weight;      // (neurons, inputs)
    const void* recurrent_weight;  // (neurons, neurons)
    const void* first_states;      // (S, batch, neurons); null: silence
    const void* first_spikes;      // (batch, neurons)
    void* last_states;             // (S, batch, neurons)
    void* last_spikes;             // (batch, neurons)
    void* counts;                  // (batch, neurons)
    void* spikes;                  // (time, batch, neurons)
    const void* g_last_states;
    const void* g_last_spikes;
    const void* g_counts;
    const void* g_spikes;
    void* g_parameters;
    void* g_input_weight;
    void* g_recurrent_weight;
    void* g_first_states;
    void* g_first_spikes;
};

struct SequenceArguments {
    int32_t steps, batch, layers, outputs;
    int32_t tile, interval, threads;  // samples a tile, steps between saved states
    const double* surrogate;          // (4)
    const void* inputs;               // (time, batch, inputs); null: events
    const int64_t* event_begin;       // (time * batch + 1)
    const int32_t* event_channels;
    const void* event_values;
    const double* integrators;   // unit and limit of the fixed-point readout; null: real numbers
    const void* alpha;           // (outputs)
    const void* readout_weight;  // (outputs, neurons)
    const void* first_readout;   // (batch, outputs); null: 0
    void* readout;               // (time, batch, outputs)
    uint8_t* tape;               // `brf_training_tape_bytes` bytes, aligned to 64; null: nothing is kept
    const void* g_readout;
    void* g_inputs;
    void* g_alpha;
    void* g_readout_weight;
    void* g_first_readout;
};

// rows (columns of `matrix`, padded) = the transpose of matrix (count, columns).
template <class R> void transpose(const R* matrix, int count, int columns, R* rows, int width) {
    constexpr int BLOCK = 16;
    for (int i0 = 0; i0 < count; i0 += BLOCK)
        for (int j = 0; j < columns; j++)
            for (int i = i0; i < std::min(count, i0 + BLOCK); i++)
                rows[size_t(j) * width + i] = matrix[size_t(i) * columns + j];
}

// matrix (count, columns) = the transpose of rows (columns, count padded).
template <class R> void untranspose(const R* rows, int columns, int width, R* matrix, int count) {
    constexpr int BLOCK = 16;
    for (int j0 = 0; j0 < columns; j0 += BLOCK)
        for (int i = 0; i < count; i++)
            for (int j = j0; j < std::min(columns, j0 + BLOCK); j++)
                matrix[size_t(i) * columns + j] = rows[size_t(j) * width + i];
}

template <class R> struct Layer {
    const LayerArguments& arguments;
    const Dynamics<R>& dynamics;
    int inputs, neurons, width, words;
    bool recurrent;
    Buffer<R> parameters, input_rows, recurrent_rows;

    // sums: whether synaptic input is summed, which takes the weights by source.
    Layer(const LayerArguments& a, bool sums)
        : arguments(a), dynamics(NEURONS<R>[a.neuron]), inputs(a.inputs), neurons(a.neurons), width(padded(a.neurons)),
          words((a.neurons + 63) / 64), recurrent(a.recurrent_weight != nullptr),
          parameters(size_t(dynamics.parameters) * width), input_rows(sums ? size_t(inputs) * width : 0),
          recurrent_rows(sums && recurrent ? size_t(neurons) * width : 0) {
        for (int k = 0; k < dynamics.parameters; k++)
            std::copy_n(static_cast<const R*>(a.parameters) + size_t(k) * neurons, neurons, parameters + k * width);
        if (!sums) return;
        transpose(static_cast<const R*>(a.input_weight), neurons, inputs, static_cast<R*>(input_rows), width);
        if (recurrent)
            transpose(static_cast<const R*>(a.recurrent_weight), neurons, neurons, static_cast<R*>(recurrent_rows), width);
    }
};

// Where the forward pass keeps what the backward pass needs: spikes as bits, the states every `interval` steps, and the
// synaptic input where there is little of it: summing it again costs more than reading it, as long as it stays in cache.
template <class R> class Tape {
public:
    Tape(const SequenceArguments& a, const LayerArguments* layers) : steps_(a.steps), tile_(a.tile), interval_(a.interval) {
        const size_t tiles = size_t((a.batch + a.tile - 1) / a.tile);
        size_t drives = 0;
        for (int l = 0; l < a.layers; l++) drives += tiles * steps_ * tile_ * padded(layers[l].neurons) * sizeof(R);
        keeps_drive_ = drives <= MOST_DRIVES;
        for (int l = 0; l < a.layers; l++) {
            const size_t width = size_t(padded(layers[l].neurons));
            parts_.push_back({bytes_, 0, 0, size_t((layers[l].neurons + 63) / 64), 0, width});
            bytes_ += tiles * steps_ * tile_ * parts_[l].words * sizeof(uint64_t);
            bytes_ = (bytes_ + 63) / 64 * 64;
            parts_[l].states_at = bytes_;
            parts_[l].states = size_t(NEURONS<R>[layers[l].neuron].states) * tile_ * width;
            bytes_ += tiles * chunks() * parts_[l].states * sizeof(R);
            parts_[l].drive_at = bytes_;
            if (keeps_drive_) bytes_ += tiles * steps_ * tile_ * width * sizeof(R);
        }
    }
    size_t bytes() const { return bytes_; }
    bool keeps_drive() const { return keeps_drive_; }
    int chunks() const { return (steps_ + interval_ - 1) / interval_; }

    // Spikes (rows, words) of a layer, tile and step.
    uint64_t* bits(uint8_t* base, int layer, int tile, int step) const {
        const Part& part = parts_[layer];
        return reinterpret_cast<uint64_t*>(base + part.bits_at) + (size_t(tile) * steps_ + step) * tile_ * part.words;
    }
    // States (S, rows, width) of a layer and tile before the first step of a chunk.
    R* states(uint8_t* base, int layer, int tile, int chunk) const {
        const Part& part = parts_[layer];
        return reinterpret_cast<R*>(base + part.states_at) + (size_t(tile) * chunks() + chunk) * part.states;
    }
    // Synaptic input (rows, width) of a layer, tile and step, or null where it is not kept.
    R* drive(uint8_t* base, int layer, int tile, int step) const {
        if (!base || !keeps_drive_) return nullptr;
        const Part& part = parts_[layer];
        return reinterpret_cast<R*>(base + part.drive_at) + (size_t(tile) * steps_ + step) * tile_ * part.width;
    }

private:
    static constexpr size_t MOST_DRIVES = size_t(16) << 20;  // bytes; half of a common third-level cache
    struct Part {
        size_t bits_at, states_at, drive_at, words, states, width;
    };
    bool keeps_drive_ = false;
    int steps_, tile_, interval_;
    size_t bytes_ = 0;
    std::vector<Part> parts_;
};

template <class R> struct Sequence {
    const SequenceArguments& arguments;
    std::vector<Layer<R>> layers;
    Tape<R> tape;
    int outputs, readout_width, tiles;
    bool unit_events = false;  // all events have the value 1
    Buffer<R> alpha, readout_rows;

    Sequence(const SequenceArguments& a, const LayerArguments* first, bool backward)
        : arguments(a), tape(a, first), outputs(a.outputs), readout_width(padded(a.outputs)),
          tiles((a.batch + a.tile - 1) / a.tile), alpha(size_t(readout_width)),
          readout_rows(size_t(first[a.layers - 1].neurons) * readout_width) {
        layers.reserve(size_t(a.layers));
        for (int l = 0; l < a.layers; l++) layers.emplace_back(first[l], !(backward && tape.keeps_drive()));
        if (a.event_begin) {
            const R* values = static_cast<const R*>(a.event_values);
            unit_events = std::all_of(values, values + a.event_begin[size_t(a.steps) * a.batch], [](R x) { return x == R(1); });
        }
        if (outputs == 0) return;
        std::copy_n(static_cast<const R*>(a.alpha), outputs, static_cast<R*>(alpha));
        transpose(static_cast<const R*>(a.readout_weight), outputs, layers.back().neurons, static_cast<R*>(readout_rows),
                  readout_width);
    }
    int first_sample(int tile) const { return tile * arguments.tile; }
    int rows(int tile) const { return std::min(arguments.tile, arguments.batch - first_sample(tile)); }

    // Lists for what samples receive.
    Lists<R> input_lists() const {
        Lists<R> lists;
        if (!arguments.inputs) lists.refer(arguments.event_channels, unit_events ? nullptr : static_cast<const R*>(arguments.event_values));
        return lists;
    }
    // Appends what sample `sample` receives at a step.
    void add_input(int step, int sample, Lists<R>& lists) const {
        const size_t row = size_t(step) * arguments.batch + sample;
        const int inputs = layers.front().inputs;
        if (arguments.inputs) lists.add_dense(static_cast<const R*>(arguments.inputs) + row * inputs, inputs);
        else lists.add_range(arguments.event_begin[row], arguments.event_begin[row + 1]);
    }
    // Appends the spikes from which a layer starts.
    void add_first_spikes(const Layer<R>& layer, int sample, Lists<R>& spikes) const {
        const R* first = static_cast<const R*>(layer.arguments.first_spikes);
        if (first) spikes.add_spikes(first + size_t(sample) * layer.neurons, layer.neurons);
        else spikes.add_spikes(nullptr, 0);
    }
    // x (rows, width) = the synaptic input: rows of the lists from row `below_at` and `own_at` on.
    void drive(const Layer<R>& layer, int rows, const Lists<R>& below, int below_at, const Lists<R>& own, int own_at,
               R* x) const {
        for (int row = 0; row < rows; row++) {
            const Named<R> back = layer.recurrent ? own.named(layer.recurrent_rows, own_at + row) : Named<R>{};
            sum_rows(x + size_t(row) * layer.width, layer.width, below.named(layer.input_rows, below_at + row), back);
        }
    }
};

// Fields (fields, rows, width) of a tile from an array (fields, batch, count), or back; null: 0, or nothing to do.
template <class R>
void load_tile(const void* array, int fields, int batch, int count, int first, Shape shape, R* tile) {
    std::memset(static_cast<void*>(tile), 0, fields * shape.field() * sizeof(R));
    if (!array) return;
    for (int k = 0; k < fields; k++)
        for (int row = 0; row < shape.rows; row++)
            std::copy_n(static_cast<const R*>(array) + (size_t(k) * batch + first + row) * count, count,
                        tile + k * shape.field() + size_t(row) * shape.width);
}

template <class R>
void store_tile(void* array, int fields, int batch, int count, int first, Shape shape, const R* tile) {
    if (!array) return;
    for (int k = 0; k < fields; k++)
        for (int row = 0; row < shape.rows; row++)
            std::copy_n(tile + k * shape.field() + size_t(row) * shape.width, count,
                        static_cast<R*>(array) + (size_t(k) * batch + first + row) * count);
}

}  // namespace brf
