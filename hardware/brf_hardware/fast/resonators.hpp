// A layer of resonators and the readout's leaky integrators, for one sample: docs/arithmetic.md section 2.
#pragma once

#include <algorithm>
#include <cstring>

#include "synapses.hpp"

namespace brf {

inline void to_integers(const double* state, int64_t count, int32_t* out) {
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<int32_t>(state[i]);
}

class Resonators {
  public:
    Resonators(const Layer& layer, double limit)
        : layer_(layer), limit_(limit), size_(layer.input.targets), u_(size_), v_(size_), q_(size_), x_(size_),
          sums_(size_), fired_(whole(size_, 64) / PADDING), spikes_(size_) {}

    const Events& spikes() const { return spikes_; }

    void begin(const LayerRecord& record, int64_t sample) {
        const int64_t n = layer_.neurons;
        double* const states[] = {u_, v_, q_};
        spikes_.count = 0;
        for (int64_t k = 0; k < 3; ++k) {
            std::fill_n(states[k], size_, 0.0);
            if (record.state != nullptr) std::copy_n(record.state + (3 * sample + k) * n, n, states[k]);
        }
        if (record.state == nullptr) return;
        for (int64_t i = 0; i < n; ++i) {
            if (record.last_spikes[sample * n + i] != 0) spikes_.source[spikes_.count++] = static_cast<int32_t>(i);
        }
    }

    void end(const LayerRecord& record, int64_t sample) const {
        if (record.state == nullptr) return;
        const int64_t n = layer_.neurons;
        const double* const states[] = {u_, v_, q_};
        for (int64_t k = 0; k < 3; ++k) to_integers(states[k], n, record.state + (3 * sample + k) * n);
        write_spikes(record.last_spikes + sample * n);
    }

    void step(const Events& below) {
        deliver(layer_.input, below, sums_, x_, false);
        if (layer_.recurrent.weight != nullptr) deliver(layer_.recurrent, spikes_, sums_, x_, true);
        rotate();
        list_spikes();
    }

    void record(const LayerRecord& record, int64_t row) const {
        const int64_t n = layer_.neurons;
        if (record.spikes != nullptr) write_spikes(record.spikes + row * n);
        if (record.u == nullptr) return;
        to_integers(u_, n, record.u + row * n);
        to_integers(v_, n, record.v + row * n);
        to_integers(q_, n, record.q + row * n);
    }

    // Before `step`: what is about to be delivered.
    void count_operations(const Events& below, Counts& counts) const {
        counts.events += below.count;
        counts.input_operations += operations(layer_.input, below);
        if (layer_.recurrent.weight != nullptr) counts.recurrent_operations += operations(layer_.recurrent, spikes_);
    }

    // After `step`.
    void count_spikes(int64_t* spike_counts, Counts& counts) const {
        for (int64_t e = 0; e < spikes_.count; ++e) ++spike_counts[spikes_.source[e]];
        if (peak_ < limit_) return;
        for (int64_t i = 0; i < layer_.neurons; ++i) {
            counts.saturated += (std::fabs(u_[i]) == limit_) + (std::fabs(v_[i]) == limit_);
        }
    }

  private:
    // One step of every neuron: old u in v, strict >, old q in damping and threshold.
    void rotate() {
        const Lanes gain = Lanes::all(layer_.gain), half = Lanes::all(0.5), unit = Lanes::all(layer_.reset_unit);
        const Lanes decay = Lanes::all(layer_.decay), one = Lanes::all(layer_.spike);
        const Lanes threshold = Lanes::all(layer_.threshold), low = Lanes::all(-limit_), high = Lanes::all(limit_);
        const double *const keeps = layer_.keep, *const rotations = layer_.rotation, *const x = x_;
        double *const us = u_, *const vs = v_, *const qs = q_;
        Lanes peak = Lanes::all(0.0);
        for (int64_t first = 0; first < size_; first += PADDING) {
            uint32_t fired = 0;
#pragma GCC unroll 16
            for (int64_t k = 0; k < PADDING; k += Lanes::COUNT) {
                const int64_t i = first + k;
                const Lanes u = Lanes::load(us + i), v = Lanes::load(vs + i), q = Lanes::load(qs + i);
                const Lanes w = Lanes::load(rotations + i), bar = threshold + q;
                const Lanes a = subtract_product(Lanes::load(keeps + i), floor(multiply_add(q, gain, half)), unit);
                const Lanes real = toward_zero(subtract_product(a * u, w, v)) + Lanes::load(x + i);
                const Lanes imaginary = toward_zero(multiply_add(a, v, w * u));
                const Lanes new_u = clip(real, low, high), new_v = clip(imaginary, low, high);
                new_u.store(us + i);
                new_v.store(vs + i);
                (floor(q * decay) + where_above(new_u, bar, one)).store(qs + i);
                fired |= above(new_u, bar) << k;
                peak = larger(peak, larger(magnitude(new_u), magnitude(new_v)));
            }
            fired_[first / PADDING] = static_cast<uint16_t>(fired);
        }
        peak_ = largest(peak);
    }

    void list_spikes() {
        int64_t count = 0;
        for (int64_t first = 0; first < size_; first += 64) {
            uint64_t word;
            std::memcpy(&word, fired_ + first / PADDING, sizeof word);
            for (; word != 0; word &= word - 1) {
                spikes_.source[count++] = static_cast<int32_t>(first + __builtin_ctzll(word));
            }
        }
        spikes_.count = count;
    }

    void write_spikes(uint8_t* out) const {
        std::memset(out, 0, layer_.neurons);
        for (int64_t e = 0; e < spikes_.count; ++e) out[spikes_.source[e]] = 1;
    }

    const Layer& layer_;
    const double limit_;
    const int64_t size_;
    Aligned<double> u_, v_, q_, x_, sums_;
    Aligned<uint16_t> fired_;  // a bit a neuron
    Events spikes_;
    double peak_ = 0;  // largest magnitude of a state in this step
};

class Integrators {
  public:
    explicit Integrators(const Network& network)
        : network_(network), size_(network.readout.targets), y_(size_), x_(size_), sums_(size_) {}

    void begin(const int32_t* y) { std::copy_n(y, network_.outputs, static_cast<double*>(y_)); }

    void end(int32_t* y) const { to_integers(y_, network_.outputs, y); }

    void step(const Events& spikes) {
        deliver(network_.readout, spikes, sums_, x_, false);
        const Lanes low = Lanes::all(-network_.limit), high = Lanes::all(network_.limit);
        for (int64_t i = 0; i < size_; i += Lanes::COUNT) {
            const Lanes kept = toward_zero(Lanes::load(network_.alpha + i) * Lanes::load(y_ + i));
            clip(kept + Lanes::load(x_ + i), low, high).store(y_ + i);
        }
    }

    void record(const Run& run, int64_t step, int64_t sample) const {
        const int64_t row = step * run.samples + sample, n = network_.outputs;
        const double* y = y_;
        if (run.readout != nullptr) to_integers(y, n, run.readout + row * n);
        if (run.winner != nullptr) run.winner[row] = static_cast<int32_t>(std::max_element(y, y + n) - y);
        if (run.readout_sum == nullptr || step < run.skip_steps) return;
        for (int64_t i = 0; i < n; ++i) run.readout_sum[sample * n + i] += static_cast<int64_t>(y[i]);
    }

    void count_operations(const Events& spikes, Counts& counts) const {
        counts.events += spikes.count;
        counts.input_operations += operations(network_.readout, spikes);
    }

  private:
    const Network& network_;
    const int64_t size_;
    Aligned<double> y_, x_, sums_;
};

}  // namespace brf
