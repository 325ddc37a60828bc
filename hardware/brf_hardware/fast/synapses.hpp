// Synapses: each event adds its row of weights to sums, which a power of two per target brings to the state's scale.
#pragma once

#include "buffers.hpp"
#include "engine.hpp"
#include "lanes.hpp"

namespace brf {

// PADDING numbers; may lie anywhere in an array of plain numbers.
template <class T>
struct GroupOf {
    typedef T type __attribute__((vector_size(PADDING * sizeof(T)), aligned(16), may_alias));
};
template <class T>
using Group = typename GroupOf<T>::type;

template <class Weight, class Sum>
inline void widen(const Group<Weight>& weights, Group<Sum>& wide) {
#ifdef __AVX2__  // the compiler would take the register apart first
    if constexpr (sizeof(Weight) == 1 && sizeof(Sum) == 2) {
        wide = Group<Sum>(_mm256_cvtepi8_epi16(__m128i(weights)));
        return;
    }
#endif
    wide = __builtin_convertvector(weights, Group<Sum>);
}

// Sums over events of GROUPS groups of targets, which stay in registers.
template <class Weight, class Sum, bool GRADED, int GROUPS>
inline void sum_groups(const Weight* weight, int64_t stride, const Events& events, Sum* sums) {
    Group<Sum> total[GROUPS] = {};
    for (int64_t e = 0; e < events.count; ++e) {
        const auto* row = reinterpret_cast<const Group<Weight>*>(weight + events.source[e] * stride);
#pragma GCC unroll 8
        for (int k = 0; k < GROUPS; ++k) {
            Group<Sum> wide;
            widen<Weight, Sum>(row[k], wide);
            total[k] += GRADED ? wide * static_cast<Sum>(events.message[e]) : wide;
        }
    }
#pragma GCC unroll 8
    for (int k = 0; k < GROUPS; ++k) reinterpret_cast<Group<Sum>*>(sums)[k] = total[k];
}

// x = or, with ADD, += scale * sums.
template <bool ADD, class Sum>
inline void scale_sums(int64_t count, const double* scale, const Sum* sums, double* x) {
    for (int64_t i = 0; i < count; i += Lanes::COUNT) {
        const Lanes term = Lanes::load(scale + i) * Lanes::load(sums + i);
        (ADD ? Lanes::load(x + i) + term : term).store(x + i);
    }
}

template <class Weight, class Sum, bool GRADED>
void deliver_in(const Synapses& synapses, const Events& events, Sum* sums, double* x, bool add) {
    const Weight* weight = static_cast<const Weight*>(synapses.weight);
    const int64_t targets = synapses.targets;
    int64_t i = 0;
    for (; i + 8 * PADDING <= targets; i += 8 * PADDING) {
        sum_groups<Weight, Sum, GRADED, 8>(weight + i, targets, events, sums + i);
    }
    for (; i < targets; i += PADDING) {
        sum_groups<Weight, Sum, GRADED, 1>(weight + i, targets, events, sums + i);
    }
    add ? scale_sums<true>(targets, synapses.scale, sums, x) : scale_sums<false>(targets, synapses.scale, sums, x);
}

template <class Weight, bool GRADED>
void deliver_in_words(const Synapses& synapses, const Events& events, void* sums, double* x, bool add) {
    switch (synapses.sum_bytes) {
        case 2: return deliver_in<Weight, int16_t, GRADED>(synapses, events, static_cast<int16_t*>(sums), x, add);
        case 4: return deliver_in<Weight, int32_t, GRADED>(synapses, events, static_cast<int32_t*>(sums), x, add);
        default: return deliver_in<Weight, double, GRADED>(synapses, events, static_cast<double*>(sums), x, add);
    }
}

// x = or += what the events deliver; `sums` is room for one double a target.
inline void deliver(const Synapses& synapses, const Events& events, double* sums, double* x, bool add) {
    if (synapses.weight_bytes == 1) {
        return synapses.graded ? deliver_in_words<int8_t, true>(synapses, events, sums, x, add)
                               : deliver_in_words<int8_t, false>(synapses, events, sums, x, add);
    }
    return synapses.graded ? deliver_in_words<int16_t, true>(synapses, events, sums, x, add)
                           : deliver_in_words<int16_t, false>(synapses, events, sums, x, add);
}

// Synaptic operations of a delivery: the weights that are not zero.
inline int64_t operations(const Synapses& synapses, const Events& events) {
    int64_t total = 0;
    for (int64_t e = 0; e < events.count; ++e) total += synapses.fan_out[events.source[e]];
    return total;
}

}  // namespace brf
