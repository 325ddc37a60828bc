// A layer of resonators, for one sample.
#pragma once

#include <algorithm>
#include <memory>

#include "rotation.hpp"
#include "synapses.hpp"

namespace brf {

// What the engine asks of a layer, whatever words its states and drive have.
class Resonators {
  public:
    Resonators(const Layer& layer, int64_t limit)
        : layer_(layer), limit_(limit), size_(layer.input.targets), fired_(whole(size_, 64) / PADDING), spikes_(size_) {}
    virtual ~Resonators() = default;

    virtual void begin(const LayerRecord& record, int64_t sample) = 0;
    virtual void end(const LayerRecord& record, int64_t sample) const = 0;
    virtual void step(const Events& below, Counts* counts) = 0;
    virtual void record(const LayerRecord& record, int64_t row) const = 0;

    const Events& spikes() const { return spikes_; }

    void count_spikes(int64_t* spike_counts) const {
        for (int64_t e = 0; e < spikes_.count; ++e) ++spike_counts[spikes_.source[e]];
    }

  protected:
    void write_spikes(uint8_t* out) const {
        std::memset(out, 0, layer_.neurons);
        for (int64_t e = 0; e < spikes_.count; ++e) out[spikes_.source[e]] = 1;
    }

    const Layer& layer_;
    const int64_t limit_, size_;
    Aligned<uint16_t> fired_;  // a bit a neuron
    Events spikes_;
};

template <class State, class Drive>
class ResonatorsIn final : public Resonators {
  public:
    ResonatorsIn(const Layer& layer, int64_t limit)
        : Resonators(layer, limit), rotation_(layer, limit), u_(size_), v_(size_), q_(size_), x_(size_),
          sums_(whole(size_, PAIRED)) {}

    void begin(const LayerRecord& record, int64_t sample) override {
        const int64_t n = layer_.neurons;
        State* const states[] = {u_, v_, q_};
        spikes_.count = 0;
        for (int64_t k = 0; k < 3; ++k) {
            std::fill_n(states[k], size_, State(0));
            if (record.state != nullptr) std::copy_n(record.state + (3 * sample + k) * n, n, states[k]);
        }
        if (record.state == nullptr) return;
        for (int64_t i = 0; i < n; ++i) {
            if (record.last_spikes[sample * n + i] != 0) spikes_.source[spikes_.count++] = static_cast<int32_t>(i);
        }
    }

    void end(const LayerRecord& record, int64_t sample) const override {
        if (record.state == nullptr) return;
        const int64_t n = layer_.neurons;
        const State* const states[] = {u_, v_, q_};
        for (int64_t k = 0; k < 3; ++k) to_integers(states[k], n, record.state + (3 * sample + k) * n);
        write_spikes(record.last_spikes + sample * n);
    }

    void step(const Events& below, Counts* counts) override {
        if (counts != nullptr) count_operations(below, *counts);
        drive(below);
        const Neurons<State> neurons{u_, v_, q_, size_};
        const Drive* x = x_;
        if (counts == nullptr) {
            rotation_.template step<false>(neurons, x, fired_);
        } else if (rotation_.template step<true>(neurons, x, fired_) >= limit_) {
            count_saturated(*counts);
        }
        spikes_.list(fired_, size_);
    }

    void record(const LayerRecord& record, int64_t row) const override {
        const int64_t n = layer_.neurons;
        if (record.spikes != nullptr) write_spikes(record.spikes + row * n);
        if (record.u == nullptr) return;
        to_integers<State>(u_, n, record.u + row * n);
        to_integers<State>(v_, n, record.v + row * n);
        to_integers<State>(q_, n, record.q + row * n);
    }

  private:
    // What the layer below and, from the step before, the layer itself deliver.
    void drive(const Events& below) {
        const bool input = below.count > 0, recurrent = spikes_.count > 0 && layer_.recurrent.weight != nullptr;
        Drive* x = x_;
        if (input) deliver(layer_.input, below, sums_, x, false);
        if (recurrent) deliver(layer_.recurrent, spikes_, sums_, x, input);
        if (!input && !recurrent) std::fill_n(x, size_, Drive(0));
    }

    void count_operations(const Events& below, Counts& counts) const {
        counts.events += below.count;
        counts.input_operations += operations(layer_.input, below);
        if (layer_.recurrent.weight != nullptr) counts.recurrent_operations += operations(layer_.recurrent, spikes_);
    }

    void count_saturated(Counts& counts) const {
        const State limit = static_cast<State>(limit_), *const u = u_, *const v = v_;
        for (int64_t i = 0; i < layer_.neurons; ++i) {
            counts.saturated += (std::abs(u[i]) == limit) + (std::abs(v[i]) == limit);
        }
    }

    const Rotation<State> rotation_;
    Aligned<State> u_, v_, q_;
    Aligned<Drive> x_;
    Aligned<double> sums_;
};

inline std::unique_ptr<Resonators> resonators(const Layer& layer, int64_t limit) {
    if (layer.rotation_bytes == 4) return std::make_unique<ResonatorsIn<int32_t, int32_t>>(layer, limit);
    if (layer.input.drive_bytes == 4) return std::make_unique<ResonatorsIn<double, int32_t>>(layer, limit);
    return std::make_unique<ResonatorsIn<double, double>>(layer, limit);
}

}  // namespace brf
