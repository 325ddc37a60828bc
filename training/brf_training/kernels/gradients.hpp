// Gradients of the weights and parameters: their layout while they are summed, and the way back to the caller's arrays.
#pragma once

#include "sequence.hpp"

#include <limits>

namespace brf {

// Gradients of one group of tiles, in one piece, laid out like the rows that the passes work on.
template <class R> struct GradientLayout {
    struct Part {
        size_t parameters, input_rows, recurrent_rows;
    };
    std::vector<Part> layers;
    size_t readout_rows = 0, alpha = 0, count = 0;

    explicit GradientLayout(const Sequence<R>& sequence) {
        auto next = [&](size_t size) { return std::exchange(count, count + size); };
        for (const Layer<R>& layer : sequence.layers) {
            const size_t width = size_t(layer.width);
            const size_t parameters = next(layer.dynamics.parameters * width), input_rows = next(layer.inputs * width);
            layers.push_back({parameters, input_rows, next(layer.recurrent ? layer.neurons * width : 0)});
        }
        readout_rows = next(size_t(sequence.layers.back().neurons) * sequence.readout_width);
        alpha = next(size_t(sequence.readout_width));
    }
};

// Event-driven sums leave out products with 0. Where a gradient was NaN or infinite those are NaN, for a whole row of
// weights; the row's other gradients (parameters, alpha), which are sums of dense products, tell.
template <class R> void poison(const R* sums, int fields, size_t stride, int rows, R* matrix, int columns) {
    for (int row = 0; row < rows; row++) {
        bool finite = true;
        for (int k = 0; k < fields; k++) finite &= bool(std::isfinite(sums[k * stride + row]));
        if (!finite) std::fill_n(matrix + size_t(row) * columns, columns, std::numeric_limits<R>::quiet_NaN());
    }
}

// Writes the sums of all groups into the caller's arrays.
template <class R> void store_gradients(const Sequence<R>& sequence, const GradientLayout<R>& layout, const R* sums) {
    for (size_t l = 0; l < sequence.layers.size(); l++) {
        const Layer<R>& layer = sequence.layers[l];
        const LayerArguments& a = layer.arguments;
        const auto& part = layout.layers[l];
        for (int k = 0; k < layer.dynamics.parameters; k++)
            std::copy_n(sums + part.parameters + size_t(k) * layer.width, layer.neurons,
                        static_cast<R*>(a.g_parameters) + size_t(k) * layer.neurons);
        auto store = [&](size_t rows, int columns, void* matrix) {
            untranspose(sums + rows, columns, layer.width, static_cast<R*>(matrix), layer.neurons);
            poison(sums + part.parameters, layer.dynamics.parameters, size_t(layer.width), layer.neurons,
                   static_cast<R*>(matrix), columns);
        };
        store(part.input_rows, layer.inputs, a.g_input_weight);
        if (layer.recurrent) store(part.recurrent_rows, layer.neurons, a.g_recurrent_weight);
    }
    const SequenceArguments& a = sequence.arguments;
    if (!sequence.outputs) return;
    const int neurons = sequence.layers.back().neurons;
    untranspose(sums + layout.readout_rows, neurons, sequence.readout_width, static_cast<R*>(a.g_readout_weight), a.outputs);
    poison(sums + layout.alpha, 1, 0, a.outputs, static_cast<R*>(a.g_readout_weight), neurons);
    std::copy_n(sums + layout.alpha, a.outputs, static_cast<R*>(a.g_alpha));
}

}  // namespace brf
