// The C interface of the integer engine; native.py mirrors these structures field by field.
//
// All arrays are row-major and belong to the caller. Targets and neurons are padded with weights and coefficients of
// zero to a multiple of 16: a padded neuron stays at zero and never fires. Outputs are not padded. Every width in bytes
// is what widths.py proves for the network.
#pragma once
#include <cstdint>

#if defined(_WIN32)
#define BRF_EXPORT extern "C" __declspec(dllexport)
#else
#define BRF_EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace brf {

// One set of synapses: drive[target] = scale[target] * sum of weight[source][target] * message[source].
struct Synapses {
    const void* weight;      // (sources, row) of weight_bytes each, as `paired` says; null where there are none
    const void* scale;       // (padded targets) of drive_bytes each: 2**shift
    const int64_t* fan_out;  // (sources): weights that are not zero
    int64_t targets;         // padded
    int32_t row;             // weights from one source to the next
    int32_t weight_bytes;    // 1 or 2
    int32_t sum_bytes;       // 2, 4: integers that hold every partial sum; 8: double
    int32_t graded;          // whether messages can be other than 0 and 1
    int32_t paired;          // whether weights lie as synapses.hpp says of pairs; one byte each, not graded, sums of 2 or 4
    int32_t drive_bytes;     // 4: int32_t, 8: double; the same for all synapses of a layer
};

struct Layer {
    Synapses input, recurrent;
    const void* keep;        // (padded neurons) of rotation_bytes each: 1 - d; in int32_t with f fraction bits
    const void* rotation;    // (padded neurons), likewise: w
    int64_t neurons;
    int64_t threshold;       // theta, with Fs fraction bits
    int64_t decay;           // K
    int64_t gain;            // KC
    int32_t state_fraction;  // Fs
    int32_t fraction;        // f, less the low bits that are zero in all coefficients
    int32_t reset_fraction;  // fC
    int32_t decay_exponent;  // k
    int32_t gain_shift;      // sh
    int32_t rotation_bytes;  // 4: states and products in int32_t, 8: in double
};

struct Network {
    const Layer* layers;
    int64_t layer_count;
    int64_t inputs, outputs;
    Synapses readout;
    const double* alpha;  // (padded outputs): 1 - leak
    int64_t limit;        // largest magnitude of a state
};

// Counts of one sample in one layer, or in the readout, which uses the first two.
struct Counts {
    int64_t events, input_operations, recurrent_operations, saturated;
};

// What is kept of a layer; each pointer may be null.
struct LayerRecord {
    uint8_t* spikes;        // (steps, samples, neurons)
    int32_t *u, *v, *q;     // (steps, samples, neurons), all or none
    int32_t* state;         // (samples, 3, neurons): u, v, q; read before the first step, written after the last
    uint8_t* last_spikes;   // (samples, neurons); likewise; goes with state
    int64_t* spike_counts;  // (samples, neurons), added to; goes with counts
    Counts* counts;         // (samples,), added to
};

struct Run {
    const uint16_t* messages;  // (samples, steps, inputs)
    int64_t steps, samples;
    const LayerRecord* layers;
    int32_t* y;             // (samples, outputs): the readout before the first and after the last step
    int32_t* readout;       // (steps, samples, outputs), or null
    int32_t* winner;        // (steps, samples): the largest output, the lowest index wins ties; or null
    int64_t* readout_sum;   // (samples, outputs), added to from step skip_steps on; or null
    Counts* readout_counts; // (samples,), added to; or null
    int64_t skip_steps;
};

}  // namespace brf

// Grows with every change to this file; native.py knows it too.
BRF_EXPORT int32_t brf_engine_version();

// Runs every sample; returns 0, or 1 where memory ran out.
BRF_EXPORT int32_t brf_engine_run(const brf::Network* network, const brf::Run* run, int64_t threads);
