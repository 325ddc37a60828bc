// The readout's leaky integrators, for one sample.
#pragma once

#include <algorithm>

#include "lanes.hpp"
#include "synapses.hpp"

namespace brf {

class Integrators {
  public:
    explicit Integrators(const Network& network)
        : network_(network), size_(network.readout.targets), y_(size_), x_(size_), sums_(whole(size_, PAIRED)) {}

    void begin(const int32_t* y) { std::copy_n(y, network_.outputs, static_cast<double*>(y_)); }

    void end(int32_t* y) const { to_integers<double>(y_, network_.outputs, y); }

    void step(const Events& spikes) {
        double *const x = x_, *const y = y_;
        const Synapses& readout = network_.readout;
        if (spikes.count > 0) {
            deliver(readout, spikes, sums_, x, false);
        } else {
            std::fill_n(x, size_, 0.0);
        }
        const Lanes high = Lanes::all(double(network_.limit)), low = Lanes::all(-double(network_.limit));
        for (int64_t i = 0; i < size_; i += Lanes::COUNT) {
            const Lanes kept = toward_zero(Lanes::load(network_.alpha + i) * Lanes::load(y + i));
            clip(kept + Lanes::load(x + i), low, high).store(y + i);
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
