// The backward pass: chunk by chunk from the end, states are recomputed into cache and the adjoint runs back over them.
#pragma once

#include "gradients.hpp"

namespace brf {

// The products that carry gradients: to a layer's spikes [from its own next step; from above], and to the inputs.
template <class R> struct Products {
    std::vector<Product<R>> spikes;
    std::optional<Product<R>> inputs;

    explicit Products(const Sequence<R>& sequence) {
        for (size_t l = 0; l < sequence.layers.size(); l++) {
            const Layer<R>& layer = sequence.layers[l];
            const bool top = l + 1 == sequence.layers.size();
            const LayerArguments* above = top ? nullptr : &sequence.layers[l + 1].arguments;
            const int targets = top ? sequence.outputs : above->neurons, own = layer.recurrent ? layer.neurons : 0;
            Product<R>& product = spikes.emplace_back(own + targets, layer.width);
            product.pack(0, layer.arguments.recurrent_weight, own, layer.neurons);
            product.pack(own, top ? sequence.arguments.readout_weight : above->input_weight, targets, layer.neurons);
        }
        if (!sequence.arguments.g_inputs) return;
        const Layer<R>& first = sequence.layers.front();
        inputs.emplace(first.neurons, padded(first.inputs));
        inputs->pack(0, first.arguments.input_weight, first.neurons, first.inputs);
    }
};

template <class R> class BackwardTile {
public:
    BackwardTile(const Sequence<R>& sequence, const Products<R>& products, const GradientLayout<R>& layout, R* gradients, int groups)
        : sequence_(sequence), a_(sequence.arguments), products_(products), layout_(layout), gradients_(gradients), groups_(groups),
          interval_(std::min(a_.interval, a_.steps)), events_(sequence.input_lists()), go_(space(interval_, sequence.readout_width)),
          gy_(space(1, sequence.readout_width)), y_(size_t(sequence.readout_width)), now_(size_t(sequence.readout_width)), drive_(size_t(sequence.readout_width)),
          g_inputs_(a_.g_inputs ? space(1, padded(sequence.layers.front().inputs)) : 0) {
        int widest = 0;
        for (const Layer<R>& layer : sequence.layers) widest = std::max(widest, layer.width);
        gz_.emplace(space(1, widest));
        for (const Layer<R>& layer : sequence.layers) layers_.emplace_back(layer, a_.tile, interval_);
    }

    // One group: a fixed run of tiles, whose gradients are summed in their order.
    void run(int group) {
        g_ = gradients_ + size_t(group) * layout_.count;
        std::memset(static_cast<void*>(g_), 0, layout_.count * sizeof(R));
        const int each = (sequence_.tiles + groups_ - 1) / groups_;
        for (int tile = group * each; tile < std::min(sequence_.tiles, (group + 1) * each); tile++) run_tile(tile);
    }

private:
    struct State {
        Buffer<R> states, x;  // of each step of a chunk and one more; x ends as its gradient, also that of the step after
        Buffer<R> g;          // gradient of the states
        Lists<R> spikes;      // rows of the step before the chunk, then of each of its steps
        State(const Layer<R>& layer, int rows, int interval)
            : states((interval + 1) * layer.dynamics.states * size_t(rows) * layer.width),
              x((interval + 1) * size_t(rows) * layer.width), g(layer.dynamics.states * size_t(rows) * layer.width) {}
    };

    size_t space(int steps, int width) const { return size_t(steps) * a_.tile * width; }
    Shape shape(const Layer<R>& layer) const { return {rows_, layer.width}; }
    R* states_at(int l, int k) {
        const Layer<R>& layer = sequence_.layers[l];
        return layers_[l].states + size_t(k) * layer.dynamics.states * shape(layer).field();
    }
    R* x_at(int l, int k) { return layers_[l].x + size_t(k) * shape(sequence_.layers[l]).field(); }
    // The synaptic input itself, before x becomes its gradient.
    const R* drive_at(int l, int k) {
        return sequence_.tape.keeps_drive() ? sequence_.tape.drive(a_.tape, l, tile_, start_ + k) : x_at(l, k);
    }
    R* readout_row(const Buffer<R>& rows, int k, int row) const { return rows + (size_t(k) * rows_ + row) * sequence_.readout_width; }

    void run_tile(int tile) {
        tile_ = tile;
        first_ = sequence_.first_sample(tile);
        rows_ = sequence_.rows(tile);
        const int chunks = sequence_.tape.chunks();
        start_ = (chunks - 1) * a_.interval;
        steps_ = a_.steps - start_;
        begin();
        for (int chunk = chunks - 1; chunk >= 0; chunk--) {
            collect();
            for (int l = 0; l < int(layers_.size()); l++) recompute(l, chunk);
            for (int k = steps_ - 1; k >= 0; k--) step_back(k);
            add_weight_gradients();
            start_ -= a_.interval;
            steps_ = interval_;
            for (int l = 0; l < int(layers_.size()); l++)
                std::memcpy(x_at(l, steps_), x_at(l, 0), shape(sequence_.layers[l]).field() * sizeof(R));
        }
        end();
    }

    void begin() {
        for (size_t l = 0; l < layers_.size(); l++) {
            const Layer<R>& layer = sequence_.layers[l];
            load_tile<R>(layer.arguments.g_last_states, layer.dynamics.states, a_.batch, layer.neurons, first_, shape(layer), layers_[l].g);
            std::memset(static_cast<void*>(x_at(int(l), steps_)), 0, shape(layer).field() * sizeof(R));
        }
        gy_.clear();
    }

    // Reads the chunk's inputs and spikes into lists.
    void collect() {
        events_.clear();
        for (int k = 0; k < steps_; k++)
            for (int row = 0; row < rows_; row++) sequence_.add_input(start_ + k, first_ + row, events_);
        for (size_t l = 0; l < layers_.size(); l++) {
            const Layer<R>& layer = sequence_.layers[l];
            Lists<R>& spikes = layers_[l].spikes;
            spikes.clear();
            for (int t = start_ - 1; t < start_ + steps_; t++) {
                const uint64_t* bits = t < 0 ? nullptr : sequence_.tape.bits(a_.tape, int(l), tile_, t);
                for (int row = 0; row < rows_; row++) {
                    if (bits) spikes.add_bits(bits + row * layer.words, layer.words);
                    else sequence_.add_first_spikes(layer, first_ + row, spikes);
                }
            }
        }
    }

    void recompute(int l, int chunk) {
        const Layer<R>& layer = sequence_.layers[l];
        const Lists<R>& own = layers_[l].spikes;
        const Lists<R>& below = l ? layers_[l - 1].spikes : events_;
        const size_t size = layer.dynamics.states * shape(layer).field() * sizeof(R);
        std::memcpy(states_at(l, 0), sequence_.tape.states(a_.tape, l, tile_, chunk), size);
        for (int k = 0; k < steps_; k++) {
            if (!sequence_.tape.keeps_drive())
                sequence_.drive(layer, rows_, below, (l ? k + 1 : k) * rows_, own, k * rows_, x_at(l, k));
            layer.dynamics.step(layer.arguments.constants, shape(layer), layer.parameters, drive_at(l, k), states_at(l, k),
                                states_at(l, k + 1), nullptr, nullptr, 0);
        }
    }

    void step_back(int k) {
        const int top = int(layers_.size()) - 1;
        if (sequence_.outputs)
            for (int row = 0; row < rows_; row++) integrate_back(k, row);
        for (int l = top; l >= 0; l--) {
            const Layer<R>& layer = sequence_.layers[l];
            const size_t width = size_t(layer.width);
            const Operand<R> own{x_at(l, k + 1), width, layer.recurrent ? layer.neurons : 0};
            const Operand<R> above = l == top
                ? Operand<R>{readout_row(go_, k, 0), size_t(sequence_.readout_width), sequence_.outputs}
                : Operand<R>{x_at(l + 1, k), size_t(sequence_.layers[l + 1].width), sequence_.layers[l + 1].neurons};
            products_.spikes[l].multiply(rows_, own, above, *gz_);
            add_spike_gradients(layer, start_ + k);
            layer.dynamics.adjoint(layer.arguments.constants, a_.surrogate, shape(layer), layer.parameters, drive_at(l, k),
                                   states_at(l, k), states_at(l, k + 1), *gz_, layers_[l].g, g_ + layout_.layers[l].parameters, x_at(l, k));
        }
        if (a_.g_inputs) pass_to_inputs(k);
    }

    // y_t from y_{t-1} and the drive d_t = readout_weight @ z_t.
    void integrate_back(int k, int row) {
        const int outputs = a_.outputs, t = start_ + k;
        const size_t place = (size_t(t) * a_.batch + first_ + row) * outputs;
        const R* readout = static_cast<const R*>(a_.readout) + place;
        const R* before = t ? readout - size_t(a_.batch) * outputs : static_cast<const R*>(a_.first_readout);
        if (t == 0 && before) before += size_t(first_ + row) * outputs;
        R* go = readout_row(go_, k, row);
        R* gy = readout_row(gy_, 0, row);
        std::copy_n(static_cast<const R*>(a_.g_readout) + place, outputs, go);
        std::copy_n(readout, outputs, static_cast<R*>(now_));
        if (before) std::copy_n(before, outputs, static_cast<R*>(y_));
        else y_.clear();
        sum_rows<false, R>(drive_, sequence_.readout_width, layers_.back().spikes.named(sequence_.readout_rows, (k + 1) * rows_ + row));
        with_integrators<R>(a_.integrators, [&](const auto& integrators) {
            for (int o = 0; o < sequence_.readout_width; o += LANES<R>) {
                Vec<R>& g = at(gy + o);
                g += at(go + o);
                at(go + o) = integrators.adjoint(at(sequence_.alpha + o), at(drive_ + o), at(y_ + o), at(now_ + o), g,
                                                 at(g_ + layout_.alpha + o));
            }
        });
    }

    // Gradients that reach the spikes of step t from outside the network.
    void add_spike_gradients(const Layer<R>& layer, int t) {
        const LayerArguments& a = layer.arguments;
        add_gradient(a.g_counts, 0, layer);
        add_gradient(a.g_spikes, t, layer);
        if (t == a_.steps - 1) add_gradient(a.g_last_spikes, 0, layer);
    }

    void add_gradient(const void* array, int step, const Layer<R>& layer) {
        if (!array) return;
        for (int row = 0; row < rows_; row++) {
            const R* gradient = static_cast<const R*>(array) + (size_t(step) * a_.batch + first_ + row) * layer.neurons;
            R* gz = *gz_ + size_t(row) * layer.width;
            for (int j = 0; j < layer.neurons; j++) gz[j] += gradient[j];
        }
    }

    void pass_to_inputs(int k) {
        const Layer<R>& first = sequence_.layers.front();
        const int width = padded(first.inputs);
        products_.inputs->multiply(rows_, {x_at(0, k), size_t(first.width), first.neurons}, {nullptr, 0, 0}, g_inputs_);
        R* target = static_cast<R*>(a_.g_inputs) + (size_t(start_ + k) * a_.batch + first_) * first.inputs;
        for (int row = 0; row < rows_; row++)
            std::copy_n(g_inputs_ + row * width, first.inputs, target + size_t(row) * first.inputs);
    }

    // Each spike of the chunk meets the gradients that it reached: of the layer above and the readout at its own step,
    // of its own layer at the next.
    void add_weight_gradients() {
        const int count = steps_ * rows_, top = int(layers_.size()) - 1;
        turned_.turn(sequence_.layers.front().inputs, events_, 0, count);
        turned_.add_rows_to(g_ + layout_.layers[0].input_rows, layers_[0].x, sequence_.layers[0].width);
        for (int l = 0; l <= top; l++) {
            const Layer<R>& layer = sequence_.layers[l];
            const Lists<R>& spikes = layers_[l].spikes;
            turned_.turn(layer.neurons, spikes, rows_, count);
            R* own = g_ + layout_.layers[l].recurrent_rows;
            if (layer.recurrent) turned_.add_rows_to(own, x_at(l, 1), layer.width);
            if (l < top) turned_.add_rows_to(g_ + layout_.layers[l + 1].input_rows, layers_[l + 1].x, sequence_.layers[l + 1].width);
            else if (sequence_.outputs) turned_.add_rows_to(g_ + layout_.readout_rows, go_, sequence_.readout_width);
            if (start_ > 0 || !layer.recurrent || !layer.arguments.first_spikes) continue;
            turned_.turn(layer.neurons, spikes, 0, rows_);
            turned_.add_rows_to(own, layers_[l].x, layer.width);
        }
    }

    // Gradients of what the sequence started from.
    void end() {
        for (size_t l = 0; l < layers_.size(); l++) {
            const Layer<R>& layer = sequence_.layers[l];
            store_tile<R>(layer.arguments.g_first_states, layer.dynamics.states, a_.batch, layer.neurons, first_, shape(layer), layers_[l].g);
            if (!layer.arguments.g_first_spikes) continue;
            const Operand<R> own{x_at(int(l), steps_), size_t(layer.width), layer.recurrent ? layer.neurons : 0};
            products_.spikes[l].multiply(rows_, own, {nullptr, 0, 0}, *gz_);
            store_tile<R>(layer.arguments.g_first_spikes, 1, a_.batch, layer.neurons, first_, shape(layer), *gz_);
        }
        store_tile<R>(a_.g_first_readout, 1, a_.batch, a_.outputs, first_, {rows_, sequence_.readout_width}, gy_);
    }

    const Sequence<R>& sequence_;
    const SequenceArguments& a_;
    const Products<R>& products_;
    const GradientLayout<R>& layout_;
    R* gradients_;
    R* g_ = nullptr;
    int groups_, interval_, tile_ = 0, first_ = 0, rows_ = 0, start_ = 0, steps_ = 0;
    std::vector<State> layers_;
    Lists<R> events_;
    Turned<R> turned_;
    Buffer<R> go_, gy_;     // gradients of the readout's drive, and of the readout of the step before
    Buffer<R> y_, now_, drive_;  // of one row: the readout of the step before, that of this one, and the readout's drive
    Buffer<R> g_inputs_;
    std::optional<Buffer<R>> gz_;
};

}  // namespace brf
