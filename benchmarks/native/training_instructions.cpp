// One forward and one backward pass on one thread, of a shape given by name, for an instruction counter to look at.
#include "../../training/brf_training/kernels/sequence.hpp"

#include <cstdio>
#include <string>
#include <vector>

extern "C" {
int64_t brf_training_tape_bytes(int32_t real, const brf::SequenceArguments*, const brf::LayerArguments*);
int32_t brf_training_forward(int32_t real, const brf::SequenceArguments*, const brf::LayerArguments*);
int32_t brf_training_backward(int32_t real, const brf::SequenceArguments*, const brf::LayerArguments*);
}

namespace {

// The same numbers on every machine (Numerical Recipes, section 7.1: a quick generator).
struct Random {
    uint32_t state = 1;
    float operator()() { return float((state = state * 1664525u + 1013904223u) >> 8) / float(1 << 24); }
    std::vector<float> numbers(size_t count, float low, float high) {
        std::vector<float> made(count);
        for (float& x : made) x = low + (high - low) * (*this)();
        return made;
    }
};

struct Case {
    const char* name;
    int inputs, neurons, outputs, steps, batch;
    float density, weight;
    bool events;
};
// Channels, neurons and outputs of the published networks on a short sequence; weights at which a tenth of them fires.
constexpr Case CASES[] = {
    {"ecg", 4, 36, 6, 200, 16, 0.1f, 100.0f, false},
    {"shd", 700, 128, 20, 40, 16, 0.073f, 1.5f, true},
    {"smnist", 1, 256, 10, 40, 16, 0.2f, 100.0f, false},
};

}  // namespace

int main(int count, char** names) {
    for (const Case& s : CASES) {
        if (count < 2 || std::string(names[1]) != s.name) continue;
        Random random;
        const size_t h = size_t(s.neurons), cells = size_t(s.steps) * s.batch;
        auto parameters = random.numbers(2 * h, 5, 10);
        for (size_t i = h; i < 2 * h; i++) parameters[i] *= -0.1f;
        const auto input_weight = random.numbers(h * s.inputs, -s.weight / 4, s.weight);
        const auto recurrent_weight = random.numbers(h * h, -s.weight / 8, s.weight / 8);
        const auto alpha = random.numbers(s.outputs, 0.9f, 0.99f), readout_weight = random.numbers(s.outputs * h, -1, 1);
        const auto g_readout = random.numbers(cells * s.outputs, -1, 1);
        std::vector<float> dense, values;
        std::vector<int64_t> begin{0};
        std::vector<int32_t> channels;
        for (size_t row = 0; row < cells; row++) {
            for (int i = 0; i < s.inputs; i++) {
                const bool there = random() < s.density;
                if (!s.events) dense.push_back(there);
                else if (there) channels.push_back(i), values.push_back(1);
            }
            begin.push_back(int64_t(channels.size()));
        }
        std::vector<float> readout(cells * s.outputs), states(3 * h * s.batch), spikes(h * s.batch), counts(h * s.batch);
        std::vector<float> g_parameters(2 * h), g_input(h * s.inputs), g_recurrent(h * h), g_alpha(s.outputs), g_out(s.outputs * h);
        const double constants[] = {0.01, 1.0, 0.9}, surrogate[] = {0.46, -2.0, 0.02, -0.056};
        brf::LayerArguments layer{};
        layer.inputs = s.inputs, layer.neurons = s.neurons, layer.constants = constants;
        layer.parameters = parameters.data(), layer.input_weight = input_weight.data(), layer.recurrent_weight = recurrent_weight.data();
        layer.last_states = states.data(), layer.last_spikes = spikes.data(), layer.counts = counts.data();
        layer.g_parameters = g_parameters.data(), layer.g_input_weight = g_input.data(), layer.g_recurrent_weight = g_recurrent.data();
        brf::SequenceArguments a{};
        a.steps = s.steps, a.batch = s.batch, a.layers = 1, a.outputs = s.outputs, a.tile = 8, a.interval = 20, a.threads = 1;
        a.surrogate = surrogate;
        if (s.events) a.event_begin = begin.data(), a.event_channels = channels.data(), a.event_values = values.data();
        else a.inputs = dense.data();
        a.alpha = alpha.data(), a.readout_weight = readout_weight.data(), a.readout = readout.data(), a.g_readout = g_readout.data();
        a.g_alpha = g_alpha.data(), a.g_readout_weight = g_out.data();
        const brf::Buffer<uint8_t> tape(size_t(brf_training_tape_bytes(4, &a, &layer)));
        a.tape = tape;
        if (brf_training_forward(4, &a, &layer) || brf_training_backward(4, &a, &layer)) return 1;
        double fired = 0;
        for (float n : counts) fired += n;
        std::printf("%.4f\n", fired / (cells * h));
        return 0;
    }
    return 2;
}
