// The integer engine: samples over threads, one sample at a time, neurons in vectors, synapses by events.
//
// Every state is an integer, held in a 32-bit word where widths.py proves that all of a neuron's arithmetic fits one, else
// in a double: coefficients are then the reals their integers stand for, and each product and sum is an integer below
// 2**53 times a power of two. Either way every operation is exact in whatever order, fused or not, and every build gives
// the same bits.
#include "engine.hpp"

#include <atomic>
#include <deque>
#include <memory>
#include <new>

#include "../../../brf_deploy/native/helper.hpp"
#include "integrators.hpp"
#include "resonators.hpp"

namespace brf {
namespace {

void list_messages(const uint16_t* messages, int64_t inputs, Events& events) {
    int64_t count = 0;
    for (int64_t i = 0; i < inputs; ++i) {
        events.source[count] = static_cast<int32_t>(i);
        events.message[count] = messages[i];
        count += messages[i] != 0;
    }
    events.count = count;
}

// Runs samples from first to last step, one after another.
class Worker {
  public:
    Worker(const Network& network, const Run& run)
        : network_(network), run_(run), messages_(network.inputs), readout_(network) {
        for (int64_t k = 0; k < network.layer_count; ++k) {
            layers_.push_back(resonators(network.layers[k], network.limit));
        }
    }

    void run(int64_t sample) {
        int32_t* y = run_.y + sample * network_.outputs;
        for (size_t k = 0; k < layers_.size(); ++k) layers_[k]->begin(run_.layers[k], sample);
        readout_.begin(y);
        for (int64_t t = 0; t < run_.steps; ++t) step(t, sample);
        for (size_t k = 0; k < layers_.size(); ++k) layers_[k]->end(run_.layers[k], sample);
        readout_.end(y);
    }

  private:
    void step(int64_t t, int64_t sample) {
        list_messages(run_.messages + (sample * run_.steps + t) * network_.inputs, network_.inputs, messages_);
        const Events* below = &messages_;
        for (size_t k = 0; k < layers_.size(); ++k) {
            step_layer(k, *below, t * run_.samples + sample, sample);
            below = &layers_[k]->spikes();
        }
        if (run_.readout_counts != nullptr) readout_.count_operations(*below, run_.readout_counts[sample]);
        readout_.step(*below);
        readout_.record(run_, t, sample);
    }

    void step_layer(size_t k, const Events& below, int64_t row, int64_t sample) {
        const LayerRecord& record = run_.layers[k];
        Counts* counts = record.counts == nullptr ? nullptr : record.counts + sample;
        layers_[k]->step(below, counts);
        if (counts != nullptr) layers_[k]->count_spikes(record.spike_counts + sample * network_.layers[k].neurons);
        layers_[k]->record(record, row);
    }

    const Network& network_;
    const Run& run_;
    Events messages_;
    std::vector<std::unique_ptr<Resonators>> layers_;
    Integrators readout_;
};

// Threads take the next sample until there is none left; a thread that cannot be had is done without.
void run_all(const Network& network, const Run& run, int64_t threads, std::atomic<bool>& exhausted) {
    std::atomic<int64_t> next{0};
    const auto work = [&]() noexcept {
        try {
            Worker worker(network, run);
            for (int64_t sample; (sample = next++) < run.samples;) worker.run(sample);
        } catch (const std::bad_alloc&) {
            exhausted = true;
        }
    };
    std::deque<Helper> helpers;  // joined before what they work on goes
    try {
        for (int64_t i = 1; i < std::min(threads, run.samples); ++i) helpers.emplace_back(work);
    } catch (const std::system_error&) {
    }
    work();
}

}  // namespace
}  // namespace brf

int32_t brf_engine_version() { return 2; }

int32_t brf_engine_run(const brf::Network* network, const brf::Run* run, int64_t threads) {
    std::atomic<bool> exhausted{false};
    try {
        brf::run_all(*network, *run, threads, exhausted);
    } catch (const std::bad_alloc&) {
        exhausted = true;
    }
    return exhausted ? 1 : 0;
}
