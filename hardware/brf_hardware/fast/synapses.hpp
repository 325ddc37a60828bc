// Synapses: each event adds its row of weights to sums, which a power of two per target brings to the state's scale.
#pragma once

#include <algorithm>

#include "buffers.hpp"
#include "engine.hpp"

namespace brf {

// COUNT numbers; may lie anywhere in an array of plain numbers.
template <class T, int64_t COUNT>
struct GroupOf {
    typedef T type __attribute__((vector_size(COUNT * sizeof(T)), aligned(16), may_alias));
};
template <class T, int64_t COUNT = PADDING>
using Group = typename GroupOf<T, COUNT>::type;

// Pairs: 32 targets lie in 32 bytes, target i in the low and target 16 + i in the high byte of a 16-bit word, each
// weight plus 128. Adding whole words, and adding their high bytes, takes three operations for 32 targets; the sums of
// the low bytes are what is left. AT_ONCE events fit: 256 * 255 < 2**16 for biased sums, 256 * 128 for true ones.
using Pairs = Group<uint16_t>;
constexpr int64_t PAIRED = 2 * PADDING, AT_ONCE = 256;
#if defined(__AVX512VL__) || defined(__aarch64__)
constexpr int64_t BLOCKS = 8;
#elif defined(__AVX2__)
constexpr int64_t BLOCKS = 4;  // twice as many sums stay in registers
#else
constexpr int64_t BLOCKS = 2;
#endif

// sums = or, where `add`, += a group of sums of biased weights.
template <class Sum>
inline void keep(const Pairs& biased, int64_t events, bool add, Sum* sums) {
    auto& kept = *reinterpret_cast<Group<Sum>*>(sums);
    const auto unbiased = Group<int16_t>(biased - static_cast<uint16_t>(128 * events));
    const Group<Sum> found = __builtin_convertvector(unbiased, Group<Sum>);
    kept = add ? kept + found : found;
}

template <int64_t COUNT, class Sum>
inline void sum_pairs(const uint8_t* weight, int64_t row, const int32_t* source, int64_t events, bool add, Sum* sums) {
    Pairs all[COUNT] = {}, high[COUNT] = {};
    for (int64_t e = 0; e < events; ++e) {
        const auto* pairs = reinterpret_cast<const Pairs*>(weight + source[e] * row);
#pragma GCC unroll 8
        for (int64_t k = 0; k < COUNT; ++k) {
            const Pairs each = pairs[k];
            all[k] += each;
            high[k] += each >> 8;
        }
    }
#pragma GCC unroll 8
    for (int64_t k = 0; k < COUNT; ++k) {
        keep(all[k] - (high[k] << 8), events, add, sums + k * PAIRED);
        keep(high[k], events, add, sums + k * PAIRED + PADDING);
    }
}

template <class Sum>
void sum_all_pairs(const Synapses& synapses, const Events& events, Sum* sums) {
    const auto* weight = static_cast<const uint8_t*>(synapses.weight);
    const int64_t row = synapses.row;
    for (int64_t first = 0; first < events.count; first += AT_ONCE) {
        const int32_t* source = events.source + first;
        const int64_t count = std::min(AT_ONCE, events.count - first);
        int64_t i = 0;
        for (; i + BLOCKS * PAIRED <= row; i += BLOCKS * PAIRED) {
            sum_pairs<BLOCKS>(weight + i, row, source, count, first > 0, sums + i);
        }
        for (; i < row; i += PAIRED) sum_pairs<1>(weight + i, row, source, count, first > 0, sums + i);
    }
}

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
inline void sum_groups(const Weight* weight, int64_t row, const Events& events, Sum* sums) {
    Group<Sum> total[GROUPS] = {};
    for (int64_t e = 0; e < events.count; ++e) {
        const auto* groups = reinterpret_cast<const Group<Weight>*>(weight + events.source[e] * row);
#pragma GCC unroll 8
        for (int k = 0; k < GROUPS; ++k) {
            Group<Sum> wide;
            widen<Weight, Sum>(groups[k], wide);
            total[k] += GRADED ? wide * static_cast<Sum>(events.message[e]) : wide;
        }
    }
#pragma GCC unroll 8
    for (int k = 0; k < GROUPS; ++k) reinterpret_cast<Group<Sum>*>(sums)[k] = total[k];
}

template <class Weight, class Sum, bool GRADED>
void sum_all_groups(const Synapses& synapses, const Events& events, Sum* sums) {
    const Weight* weight = static_cast<const Weight*>(synapses.weight);
    int64_t i = 0;
    for (; i + 8 * PADDING <= synapses.row; i += 8 * PADDING) {
        sum_groups<Weight, Sum, GRADED, 8>(weight + i, synapses.row, events, sums + i);
    }
    for (; i < synapses.row; i += PADDING) {
        sum_groups<Weight, Sum, GRADED, 1>(weight + i, synapses.row, events, sums + i);
    }
}

template <class Sum>
void sum_rows(const Synapses& synapses, const Events& events, Sum* sums) {
    if (synapses.weight_bytes == 1) {
        return synapses.graded ? sum_all_groups<int8_t, Sum, true>(synapses, events, sums)
                               : sum_all_groups<int8_t, Sum, false>(synapses, events, sums);
    }
    return synapses.graded ? sum_all_groups<int16_t, Sum, true>(synapses, events, sums)
                           : sum_all_groups<int16_t, Sum, false>(synapses, events, sums);
}

// x = or, where `add`, += scale * sums.
template <class Drive, class Sum>
inline void scale_sums(int64_t count, const void* scale, const Sum* __restrict sums, Drive* __restrict x, bool add) {
    const Drive* __restrict factor = static_cast<const Drive*>(scale);
    if (add) {
        for (int64_t i = 0; i < count; ++i) x[i] += factor[i] * static_cast<Drive>(sums[i]);
    } else {
        for (int64_t i = 0; i < count; ++i) x[i] = factor[i] * static_cast<Drive>(sums[i]);
    }
}

template <class Drive, class Sum>
void deliver_in(const Synapses& synapses, const Events& events, Sum* sums, Drive* x, bool add) {
    if constexpr (sizeof(Sum) < 8) {
        synapses.paired ? sum_all_pairs(synapses, events, sums) : sum_rows(synapses, events, sums);
    } else {
        sum_rows(synapses, events, sums);
    }
    scale_sums(synapses.targets, synapses.scale, sums, x, add);
}

// x = or, where `add`, += what the events deliver; `sums` is room for a double a weight of a row.
template <class Drive>
void deliver(const Synapses& synapses, const Events& events, void* sums, Drive* x, bool add) {
    switch (synapses.sum_bytes) {
        case 2: return deliver_in(synapses, events, static_cast<int16_t*>(sums), x, add);
        case 4: return deliver_in(synapses, events, static_cast<int32_t*>(sums), x, add);
        default:  // a drive that fits 32 bits has no wider sums
            if constexpr (sizeof(Drive) == 8) deliver_in(synapses, events, static_cast<double*>(sums), x, add);
    }
}

// Synaptic operations of a delivery: the weights that are not zero.
inline int64_t operations(const Synapses& synapses, const Events& events) {
    int64_t total = 0;
    for (int64_t e = 0; e < events.count; ++e) total += synapses.fan_out[events.source[e]];
    return total;
}

}  // namespace brf
