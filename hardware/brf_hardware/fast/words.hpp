// A register of 32-bit words, as wide as the build's instruction set has them, and what the engine does with it.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace brf {

#if defined(__AVX2__)
constexpr int64_t WORDS = 8;
#else
constexpr int64_t WORDS = 4;
#endif
typedef int32_t Words __attribute__((vector_size(4 * WORDS), may_alias));
typedef uint32_t Naturals __attribute__((vector_size(4 * WORDS), may_alias));  // they wrap, and shift in zeros

inline Words& words(int32_t* at) { return *reinterpret_cast<Words*>(at); }
inline const Words& words(const int32_t* at) { return *reinterpret_cast<const Words*>(at); }
inline Naturals naturals(const int32_t* at) { return *reinterpret_cast<const Naturals*>(at); }
inline Words larger(Words a, Words b) { return a > b ? a : b; }
inline Words smaller(Words a, Words b) { return a < b ? a : b; }
inline Words shift_toward_zero(Words y, int32_t bits) { return (y + ((y >> 31) & ((1 << bits) - 1))) >> bits; }

// A bit for each word that is negative.
inline uint32_t signs(Words a) {
#if defined(__AVX2__)
    return _mm256_movemask_ps((__m256)a);
#elif defined(__SSE2__)
    return _mm_movemask_ps((__m128)a);
#else
    uint32_t bits = 0;
    for (int64_t k = 0; k < WORDS; ++k) bits |= uint32_t(a[k] < 0) << k;
    return bits;
#endif
}

}  // namespace brf
