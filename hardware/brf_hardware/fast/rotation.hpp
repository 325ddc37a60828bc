// One step of a layer's neurons, in doubles or in 32-bit words: docs/arithmetic.md section 2.3. Old u in v, strict >,
// old q in damping and threshold. `fired` gets a bit a neuron. With WATCH the answer is the largest magnitude of u and v.
#pragma once

#include <algorithm>
#include <cmath>

#include "buffers.hpp"
#include "engine.hpp"
#include "lanes.hpp"
#include "words.hpp"

namespace brf {

template <class State>
struct Neurons {
    State *u, *v, *q;
    int64_t count;  // padded
};

template <class State>
class Rotation;

// In doubles: coefficients are the reals that their integers stand for.
template <>
class Rotation<double> {
  public:
    Rotation(const Layer& layer, int64_t limit)
        : keep_(static_cast<const double*>(layer.keep)), rotation_(static_cast<const double*>(layer.rotation)),
          gain_(std::ldexp(double(layer.gain), -layer.gain_shift)), unit_(std::ldexp(1.0, -layer.reset_fraction)),
          decay_(std::ldexp(double(layer.decay), -layer.decay_exponent)),
          one_(std::ldexp(1.0, layer.state_fraction)), threshold_(double(layer.threshold)), limit_(double(limit)) {}

    template <bool WATCH, class Drive>
    double step(Neurons<double> neurons, const Drive* x, uint16_t* fired) const {
        const Lanes gain = Lanes::all(gain_), half = Lanes::all(0.5), unit = Lanes::all(unit_);
        const Lanes decay = Lanes::all(decay_), one = Lanes::all(one_), threshold = Lanes::all(threshold_);
        const Lanes low = Lanes::all(-limit_), high = Lanes::all(limit_);
        double *const us = neurons.u, *const vs = neurons.v, *const qs = neurons.q;
        Lanes peak = Lanes::all(0.0);
        for (int64_t first = 0; first < neurons.count; first += PADDING) {
            uint32_t bits = 0;
#pragma GCC unroll 16
            for (int64_t k = 0; k < PADDING; k += Lanes::COUNT) {
                const int64_t i = first + k;
                const Lanes u = Lanes::load(us + i), v = Lanes::load(vs + i), q = Lanes::load(qs + i);
                const Lanes w = Lanes::load(rotation_ + i), bar = threshold + q;
                const Lanes a = subtract_product(Lanes::load(keep_ + i), floor(multiply_add(q, gain, half)), unit);
                const Lanes real = toward_zero(multiply_subtract(a, u, w * v)) + Lanes::load(x + i);
                const Lanes imaginary = toward_zero(multiply_add(a, v, w * u));
                const Lanes new_u = clip(real, low, high), new_v = clip(imaginary, low, high);
                new_u.store(us + i);
                new_v.store(vs + i);
                (floor(q * decay) + where_above(new_u, bar, one)).store(qs + i);
                bits |= above(new_u, bar) << k;
                if (WATCH) peak = larger(peak, larger(magnitude(new_u), magnitude(new_v)));
            }
            fired[first / PADDING] = static_cast<uint16_t>(bits);
        }
        return WATCH ? largest(peak) : 0.0;
    }

  private:
    const double *const keep_, *const rotation_;
    const double gain_, unit_, decay_, one_, threshold_, limit_;
};

// In words: every sum fits 32 bits, so products may wrap on the way to it; q and its products are unsigned.
template <>
class Rotation<int32_t> {
  public:
    Rotation(const Layer& layer, int64_t limit) : layer_(layer), limit_(static_cast<int32_t>(limit)) {}

    template <bool WATCH>
    int32_t step(Neurons<int32_t> neurons, const int32_t* x, uint16_t* fired) const {
        const auto gain = static_cast<uint32_t>(layer_.gain), half = 1u << (layer_.gain_shift - 1);
        const auto decay = static_cast<uint32_t>(layer_.decay);
        const int32_t gain_shift = layer_.gain_shift, decay_exponent = layer_.decay_exponent, f = layer_.fraction;
        const int32_t unit_shift = f - layer_.reset_fraction, threshold = static_cast<int32_t>(layer_.threshold);
        const Words one = Words{} + (1 << layer_.state_fraction), high = Words{} + limit_, low = -high;
        const auto *const keeps = static_cast<const int32_t*>(layer_.keep);
        const auto *const rotations = static_cast<const int32_t*>(layer_.rotation);
        Words peak{};
        for (int64_t first = 0; first < neurons.count; first += PADDING) {
            uint32_t bits = 0;
#pragma GCC unroll 4
            for (int64_t k = 0; k < PADDING; k += WORDS) {
                const int64_t i = first + k;
                const Naturals u = naturals(neurons.u + i), v = naturals(neurons.v + i), q = naturals(neurons.q + i);
                const Naturals w = naturals(rotations + i);
                const Naturals a = naturals(keeps + i) - (((q * gain + half) >> gain_shift) << unit_shift);
                const Words real = shift_toward_zero(Words(a * u - w * v), f) + words(x + i);
                const Words imaginary = shift_toward_zero(Words(a * v + w * u), f);
                const Words new_u = smaller(larger(real, low), high), new_v = smaller(larger(imaginary, low), high);
                const Words above = new_u > Words(q) + threshold;
                words(neurons.u + i) = new_u;
                words(neurons.v + i) = new_v;
                words(neurons.q + i) = Words(q * decay >> decay_exponent) + (above & one);
                bits |= signs(above) << k;
                if (WATCH) peak = larger(peak, larger(larger(new_u, -new_u), larger(new_v, -new_v)));
            }
            fired[first / PADDING] = static_cast<uint16_t>(bits);
        }
        int32_t found = 0;
        for (int64_t k = 0; k < WORDS; ++k) found = std::max(found, peak[k]);
        return found;
    }

  private:
    const Layer& layer_;
    const int32_t limit_;
};

}  // namespace brf
