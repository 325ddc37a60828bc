// Neurons applied to the rows of a tile, behind one table of functions: the sequence does not know which neuron it runs.
//
// A tile's states are [field][row][width], parameters [parameter][width], everything else [row][width]; width is padded.
#pragma once

#include "neurons.hpp"

namespace brf {

struct Shape {
    int rows, width;
    size_t field() const { return size_t(rows) * width; }
};

template <class R> struct Dynamics {
    const char* name;
    int states, parameters;
    // bits: spikes [row][words] to write, counts: [row][width] to add them to; both, or null.
    void (*step)(const double* constants, Shape, const R* p, const R* x, const R* s, R* next, R* counts, uint64_t* bits,
                 int words);
    // gx: gradient of x to write, where x lies or elsewhere; g and gp are updated in place.
    void (*adjoint)(const double* constants, const double* surrogate, Shape, const R* p, const R* x, const R* s,
                    const R* next, const R* gz, R* g, R* gp, R* gx);
};

template <class R, class N>
void step_rows(const double* constants, Shape shape, const R* p, const R* x, const R* s, R* next, R* counts, uint64_t* bits,
               int words) {
    const N neuron(constants);
    const size_t field = shape.field();
    for (int row = 0; row < shape.rows; row++) {
        for (int j = 0; j < shape.width; j += LANES<R>) {
            Vec<R> parameters[N::PARAMETERS], old[N::STATES], fresh[N::STATES];
            const size_t place = size_t(row) * shape.width + j;
            for (int k = 0; k < N::PARAMETERS; k++) parameters[k] = at(p + k * shape.width + j);
            for (int k = 0; k < N::STATES; k++) old[k] = at(s + k * field + place);
            const Vec<R> z = neuron.step(parameters, at(x + place), old, fresh);
            for (int k = 0; k < N::STATES; k++) at(next + k * field + place) = fresh[k];
            if (!bits) continue;
            at(counts + place) += z;
            uint64_t& word = bits[row * words + j / 64];
            word = uint64_t(lane_bits(z)) << j % 64 | (j % 64 ? word : 0);
        }
    }
}

template <class R, class N>
void adjoint_rows(const double* constants, const double* surrogate, Shape shape, const R* p, const R* x, const R* s,
                  const R* next, const R* gz, R* g, R* gp, R* gx) {
    const N neuron(constants);
    const Surrogate<R> slope(surrogate);
    const size_t field = shape.field();
    for (int j = 0; j < shape.width; j += LANES<R>) {
        Vec<R> parameters[N::PARAMETERS], total[N::PARAMETERS];
        for (int k = 0; k < N::PARAMETERS; k++) parameters[k] = at(p + k * shape.width + j);
        for (int k = 0; k < N::PARAMETERS; k++) total[k] = at(gp + k * shape.width + j);
        for (int row = 0; row < shape.rows; row++) {
            Vec<R> old[N::STATES], fresh[N::STATES], gradient[N::STATES];
            const size_t place = size_t(row) * shape.width + j;
            for (int k = 0; k < N::STATES; k++) {
                old[k] = at(s + k * field + place);
                fresh[k] = at(next + k * field + place);
                gradient[k] = at(g + k * field + place);
            }
            at(gx + place) = neuron.adjoint(parameters, at(x + place), old, fresh, at(gz + place), gradient, total, slope);
            for (int k = 0; k < N::STATES; k++) at(g + k * field + place) = gradient[k];
        }
        for (int k = 0; k < N::PARAMETERS; k++) at(gp + k * shape.width + j) = total[k];
    }
}

template <class R, class N> constexpr Dynamics<R> dynamics_of() {
    return {N::NAME, N::STATES, N::PARAMETERS, step_rows<R, N>, adjoint_rows<R, N>};
}

template <class R>
inline constexpr Dynamics<R> NEURONS[] = {
    dynamics_of<R, BRF<R>>(), dynamics_of<R, RF<R>>(), dynamics_of<R, BHRF<R>>(),
    dynamics_of<R, LIF<R>>(), dynamics_of<R, ALIF<R>>(),
};
// In double there are those that are exact in nothing less, too; they come last, so that a number is a neuron in both.
template <>
inline constexpr Dynamics<double> NEURONS<double>[] = {
    dynamics_of<double, BRF<double>>(), dynamics_of<double, RF<double>>(),     dynamics_of<double, BHRF<double>>(),
    dynamics_of<double, LIF<double>>(), dynamics_of<double, ALIF<double>>(), dynamics_of<double, FixedBRF>(),
};
constexpr int NEURON_COUNT = int(sizeof(NEURONS<double>) / sizeof(NEURONS<double>[0]));

}  // namespace brf
