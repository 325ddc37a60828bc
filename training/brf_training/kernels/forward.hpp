// The forward pass: a tile of samples runs through the whole sequence without waiting for others.
#pragma once

#include "sequence.hpp"

namespace brf {

template <class R> class ForwardTile {
public:
    explicit ForwardTile(const Sequence<R>& sequence)
        : sequence_(sequence), events_(sequence.input_lists()), y_(space(sequence.readout_width)), drive_(size_t(sequence.readout_width)) {
        for (const Layer<R>& layer : sequence.layers) layers_.emplace_back(layer, sequence.arguments.tile);
    }

    void run(int tile) {
        tile_ = tile;
        first_ = sequence_.first_sample(tile);
        rows_ = sequence_.rows(tile);
        begin();
        for (int t = 0; t < sequence_.arguments.steps; t++) {
            events_.clear();
            for (int row = 0; row < rows_; row++) sequence_.add_input(t, first_ + row, events_);
            const Lists<R>* below = &events_;
            for (size_t l = 0; l < layers_.size(); l++) {
                step(int(l), t, *below);
                below = &layers_[l].spikes[t & 1];
            }
            if (sequence_.outputs) integrate(t, *below);
        }
        end();
    }

private:
    struct State {
        Buffer<R> states, x, counts;
        Buffer<uint64_t> bits;
        Lists<R> spikes[2];  // of even and odd steps
        State(const Layer<R>& layer, int rows)
            : states(size_t(layer.dynamics.states) * rows * layer.width), x(size_t(rows) * layer.width),
              counts(size_t(rows) * layer.width), bits(size_t(rows) * layer.words) {}
    };

    size_t space(int width) const { return size_t(sequence_.arguments.tile) * width; }
    Shape shape(const Layer<R>& layer) const { return {rows_, layer.width}; }

    void begin() {
        const SequenceArguments& a = sequence_.arguments;
        for (size_t l = 0; l < layers_.size(); l++) {
            const Layer<R>& layer = sequence_.layers[l];
            load_tile<R>(layer.arguments.first_states, layer.dynamics.states, a.batch, layer.neurons, first_, shape(layer), layers_[l].states);
            layers_[l].counts.clear();
            Lists<R>& spikes = layers_[l].spikes[1];
            spikes.clear();
            for (int row = 0; row < rows_; row++) sequence_.add_first_spikes(layer, first_ + row, spikes);
        }
        load_tile<R>(a.first_readout, 1, a.batch, a.outputs, first_, {rows_, sequence_.readout_width}, y_);
    }

    void step(int l, int t, const Lists<R>& below) {
        const SequenceArguments& a = sequence_.arguments;
        const Layer<R>& layer = sequence_.layers[l];
        State& state = layers_[l];
        if (a.tape && t % a.interval == 0)
            std::memcpy(sequence_.tape.states(a.tape, l, tile_, t / a.interval), state.states,
                        layer.dynamics.states * shape(layer).field() * sizeof(R));
        R* kept = sequence_.tape.drive(a.tape, l, tile_, t);
        R* x = kept ? kept : state.x;
        sequence_.drive(layer, rows_, below, 0, state.spikes[~t & 1], 0, x);
        layer.dynamics.step(layer.arguments.constants, shape(layer), layer.parameters, x, state.states,
                            state.states, state.counts, state.bits, layer.words);
        Lists<R>& spikes = state.spikes[t & 1];
        spikes.clear();
        for (int row = 0; row < rows_; row++) spikes.add_bits(state.bits + row * layer.words, layer.words);
        if (a.tape)
            std::memcpy(sequence_.tape.bits(a.tape, l, tile_, t), state.bits, size_t(rows_) * layer.words * sizeof(uint64_t));
        if (layer.arguments.spikes) add_ones(layer.arguments.spikes, t, layer.neurons, spikes);
    }

    // array (step, batch, neurons) += 1 where there are spikes.
    void add_ones(void* array, int step, int neurons, const Lists<R>& spikes) const {
        const int32_t* indices = spikes.indices();
        for (int row = 0; row < rows_; row++) {
            R* target = static_cast<R*>(array) + (size_t(step) * sequence_.arguments.batch + first_ + row) * neurons;
            for (int64_t e = spikes.begin[row]; e < spikes.end[row]; e++) target[indices[e]] += 1;
        }
    }

    void integrate(int t, const Lists<R>& spikes) {
        const SequenceArguments& a = sequence_.arguments;
        const int width = sequence_.readout_width;
        for (int row = 0; row < rows_; row++) {
            R* y = y_ + row * width;
            sum_rows<false, R>(drive_, width, spikes.named(sequence_.readout_rows, row));
            with_integrators<R>(a.integrators, [&](const auto& integrators) {
                for (int j = 0; j < width; j += LANES<R>) at(y + j) = integrators.step(at(sequence_.alpha + j), at(drive_ + j), at(y + j));
            });
            std::copy_n(y, a.outputs, static_cast<R*>(a.readout) + (size_t(t) * a.batch + first_ + row) * a.outputs);
        }
    }

    void end() {
        const SequenceArguments& a = sequence_.arguments;
        for (size_t l = 0; l < layers_.size(); l++) {
            const Layer<R>& layer = sequence_.layers[l];
            store_tile<R>(layer.arguments.last_states, layer.dynamics.states, a.batch, layer.neurons, first_, shape(layer), layers_[l].states);
            store_tile<R>(layer.arguments.counts, 1, a.batch, layer.neurons, first_, shape(layer), layers_[l].counts);
            if (layer.arguments.last_spikes) add_ones(layer.arguments.last_spikes, 0, layer.neurons, layers_[l].spikes[~a.steps & 1]);
        }
    }

    const Sequence<R>& sequence_;
    int tile_ = 0, first_ = 0, rows_ = 0;
    std::vector<State> layers_;
    Lists<R> events_;
    Buffer<R> y_, drive_;
};

}  // namespace brf
