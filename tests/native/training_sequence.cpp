// One forward and one backward pass of the training library over made-up spikes, for each real type; every result on a
// line of its own, with all its digits.
#include "../../training/brf_training/kernels/training.cpp"

#include <cmath>
#include <cstdio>

namespace {

constexpr int STEPS = 200, BATCH = 5, INPUTS = 4, NEURONS = 36, OUTPUTS = 6;

// Knuth's MMIX generator: the same numbers with every compiler.
double uniform(double low, double high) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return low + (high - low) * double(state >> 11) / 9007199254740992.0;
}

template <class R> std::vector<R> random_numbers(size_t count, double low, double high) {
    std::vector<R> numbers(count);
    for (R& number : numbers) number = R(uniform(low, high));
    return numbers;
}

template <class R> void print(const std::vector<R>& numbers) {
    for (R number : numbers) std::printf("%.17g\n", double(number));
}

template <class R> void run(int32_t real) {
    // omega, and damping of the divergence boundary less an offset, at dt = 0.01.
    std::vector<R> parameters = random_numbers<R>(2 * NEURONS, 0, 1);
    for (int i = 0; i < NEURONS; i++) {
        const double omega = 3 + 2 * double(parameters[i]), turn = 0.01 * omega;
        parameters[NEURONS + i] = R((std::sqrt(1 - turn * turn) - 1) / 0.01 - 0.1 - 0.5 * double(parameters[NEURONS + i]));
        parameters[i] = R(omega);
    }
    const auto input_weight = random_numbers<R>(NEURONS * INPUTS, -3, 3), recurrent_weight = random_numbers<R>(NEURONS * NEURONS, -1, 1);
    const auto readout_weight = random_numbers<R>(OUTPUTS * NEURONS, -1, 1), alpha = random_numbers<R>(OUTPUTS, 0.9, 0.99);
    const auto g_readout = random_numbers<R>(size_t(STEPS) * BATCH * OUTPUTS, -1, 1);
    std::vector<R> inputs = random_numbers<R>(size_t(STEPS) * BATCH * INPUTS, 0, 1);
    for (R& x : inputs) x = x < R(0.2) ? 300 * x : R(0);

    const double constants[] = {0.01, 1, 0.9}, surrogate[] = {0.46, -2, 0.02, -0.05};
    std::vector<R> states(3 * BATCH * NEURONS), spikes(BATCH * NEURONS), counts(BATCH * NEURONS), readout(g_readout.size());
    std::vector<R> g_parameters(parameters.size()), g_input(input_weight.size()), g_recurrent(recurrent_weight.size());
    std::vector<R> g_alpha(OUTPUTS), g_weight(readout_weight.size());

    LayerArguments layer{};
    layer.inputs = INPUTS, layer.neurons = NEURONS, layer.constants = constants;  // neuron 0, BRF
    layer.parameters = parameters.data(), layer.input_weight = input_weight.data(), layer.recurrent_weight = recurrent_weight.data();
    layer.last_states = states.data(), layer.last_spikes = spikes.data(), layer.counts = counts.data();
    layer.g_parameters = g_parameters.data(), layer.g_input_weight = g_input.data(), layer.g_recurrent_weight = g_recurrent.data();
    SequenceArguments sequence{};
    sequence.steps = STEPS, sequence.batch = BATCH, sequence.layers = 1, sequence.outputs = OUTPUTS;
    sequence.tile = 3, sequence.interval = 16, sequence.threads = 2, sequence.surrogate = surrogate;
    sequence.inputs = inputs.data(), sequence.alpha = alpha.data(), sequence.readout_weight = readout_weight.data();
    sequence.readout = readout.data(), sequence.g_readout = g_readout.data();
    sequence.g_alpha = g_alpha.data(), sequence.g_readout_weight = g_weight.data();

    const Buffer<uint8_t> tape(size_t(brf_training_tape_bytes(real, &sequence, &layer)));
    sequence.tape = tape;
    if (brf_training_forward(real, &sequence, &layer) || brf_training_backward(real, &sequence, &layer)) std::exit(1);
    for (const auto* numbers : {&counts, &spikes, &states, &readout, &g_parameters, &g_input, &g_recurrent, &g_alpha, &g_weight})
        print(*numbers);
}

}  // namespace

int main() {
    run<float>(4);
    run<double>(8);
}
