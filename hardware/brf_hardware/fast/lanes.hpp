// A register of doubles, as wide as the build's instruction set has them, and what the engine does with it.
#pragma once

#include <cmath>
#include <cstdint>

#if defined(__SSE4_1__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__)

struct Lanes {
    __m512d value;
    static constexpr int COUNT = 8;

    static Lanes all(double each) { return {_mm512_set1_pd(each)}; }
    static Lanes load(const double* from) { return {_mm512_load_pd(from)}; }
    static Lanes load(const int32_t* from) { return {_mm512_cvtepi32_pd(_mm256_load_si256((const __m256i*)from))}; }
    void store(double* to) const { _mm512_store_pd(to, value); }
};

inline Lanes operator+(Lanes a, Lanes b) { return {_mm512_add_pd(a.value, b.value)}; }
inline Lanes operator*(Lanes a, Lanes b) { return {_mm512_mul_pd(a.value, b.value)}; }
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_pd(a.value, b.value, c.value)}; }
inline Lanes multiply_subtract(Lanes a, Lanes b, Lanes c) { return {_mm512_fmsub_pd(a.value, b.value, c.value)}; }
inline Lanes subtract_product(Lanes c, Lanes a, Lanes b) { return {_mm512_fnmadd_pd(a.value, b.value, c.value)}; }
inline Lanes floor(Lanes a) { return {_mm512_roundscale_pd(a.value, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC)}; }
inline Lanes toward_zero(Lanes a) { return {_mm512_roundscale_pd(a.value, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)}; }
inline Lanes clip(Lanes a, Lanes low, Lanes high) {
    return {_mm512_min_pd(_mm512_max_pd(a.value, low.value), high.value)};
}
inline Lanes magnitude(Lanes a) { return {_mm512_abs_pd(a.value)}; }
inline Lanes larger(Lanes a, Lanes b) { return {_mm512_max_pd(a.value, b.value)}; }
inline uint32_t above(Lanes a, Lanes b) { return _mm512_cmp_pd_mask(a.value, b.value, _CMP_GT_OQ); }
inline Lanes where_above(Lanes a, Lanes b, Lanes term) {
    return {_mm512_maskz_mov_pd(_mm512_cmp_pd_mask(a.value, b.value, _CMP_GT_OQ), term.value)};
}

#elif defined(__AVX2__) && defined(__FMA__)

struct Lanes {
    __m256d value;
    static constexpr int COUNT = 4;

    static Lanes all(double each) { return {_mm256_set1_pd(each)}; }
    static Lanes load(const double* from) { return {_mm256_load_pd(from)}; }
    static Lanes load(const int32_t* from) { return {_mm256_cvtepi32_pd(_mm_load_si128((const __m128i*)from))}; }
    void store(double* to) const { _mm256_store_pd(to, value); }
};

inline Lanes operator+(Lanes a, Lanes b) { return {_mm256_add_pd(a.value, b.value)}; }
inline Lanes operator*(Lanes a, Lanes b) { return {_mm256_mul_pd(a.value, b.value)}; }
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return {_mm256_fmadd_pd(a.value, b.value, c.value)}; }
inline Lanes multiply_subtract(Lanes a, Lanes b, Lanes c) { return {_mm256_fmsub_pd(a.value, b.value, c.value)}; }
inline Lanes subtract_product(Lanes c, Lanes a, Lanes b) { return {_mm256_fnmadd_pd(a.value, b.value, c.value)}; }
inline Lanes floor(Lanes a) { return {_mm256_floor_pd(a.value)}; }
inline Lanes toward_zero(Lanes a) { return {_mm256_round_pd(a.value, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)}; }
inline Lanes clip(Lanes a, Lanes low, Lanes high) {
    return {_mm256_min_pd(_mm256_max_pd(a.value, low.value), high.value)};
}
inline Lanes magnitude(Lanes a) { return {_mm256_andnot_pd(_mm256_set1_pd(-0.0), a.value)}; }
inline Lanes larger(Lanes a, Lanes b) { return {_mm256_max_pd(a.value, b.value)}; }
inline uint32_t above(Lanes a, Lanes b) { return _mm256_movemask_pd(_mm256_cmp_pd(a.value, b.value, _CMP_GT_OQ)); }
inline Lanes where_above(Lanes a, Lanes b, Lanes term) {
    return {_mm256_and_pd(_mm256_cmp_pd(a.value, b.value, _CMP_GT_OQ), term.value)};
}

#elif defined(__SSE4_1__)

struct Lanes {
    __m128d value;
    static constexpr int COUNT = 2;

    static Lanes all(double each) { return {_mm_set1_pd(each)}; }
    static Lanes load(const double* from) { return {_mm_load_pd(from)}; }
    static Lanes load(const int32_t* from) { return {_mm_cvtepi32_pd(_mm_loadl_epi64((const __m128i*)from))}; }
    void store(double* to) const { _mm_store_pd(to, value); }
};

inline Lanes operator+(Lanes a, Lanes b) { return {_mm_add_pd(a.value, b.value)}; }
inline Lanes operator*(Lanes a, Lanes b) { return {_mm_mul_pd(a.value, b.value)}; }
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return a * b + c; }
inline Lanes multiply_subtract(Lanes a, Lanes b, Lanes c) { return {_mm_sub_pd((a * b).value, c.value)}; }
inline Lanes subtract_product(Lanes c, Lanes a, Lanes b) { return {_mm_sub_pd(c.value, (a * b).value)}; }
inline Lanes floor(Lanes a) { return {_mm_floor_pd(a.value)}; }
inline Lanes toward_zero(Lanes a) { return {_mm_round_pd(a.value, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)}; }
inline Lanes clip(Lanes a, Lanes low, Lanes high) { return {_mm_min_pd(_mm_max_pd(a.value, low.value), high.value)}; }
inline Lanes magnitude(Lanes a) { return {_mm_andnot_pd(_mm_set1_pd(-0.0), a.value)}; }
inline Lanes larger(Lanes a, Lanes b) { return {_mm_max_pd(a.value, b.value)}; }
inline uint32_t above(Lanes a, Lanes b) { return _mm_movemask_pd(_mm_cmpgt_pd(a.value, b.value)); }
inline Lanes where_above(Lanes a, Lanes b, Lanes term) {
    return {_mm_and_pd(_mm_cmpgt_pd(a.value, b.value), term.value)};
}

#else  // any other processor: one at a time

struct Lanes {
    double value;
    static constexpr int COUNT = 1;

    static Lanes all(double each) { return {each}; }
    template <class T>
    static Lanes load(const T* from) { return {static_cast<double>(*from)}; }
    void store(double* to) const { *to = value; }
};

inline Lanes operator+(Lanes a, Lanes b) { return {a.value + b.value}; }
inline Lanes operator*(Lanes a, Lanes b) { return {a.value * b.value}; }
inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return a * b + c; }
inline Lanes multiply_subtract(Lanes a, Lanes b, Lanes c) { return {a.value * b.value - c.value}; }
inline Lanes subtract_product(Lanes c, Lanes a, Lanes b) { return {c.value - a.value * b.value}; }
inline Lanes floor(Lanes a) { return {std::floor(a.value)}; }
inline Lanes toward_zero(Lanes a) { return {std::trunc(a.value)}; }
inline Lanes clip(Lanes a, Lanes low, Lanes high) { return {std::fmin(std::fmax(a.value, low.value), high.value)}; }
inline Lanes magnitude(Lanes a) { return {std::fabs(a.value)}; }
inline Lanes larger(Lanes a, Lanes b) { return {std::fmax(a.value, b.value)}; }
inline uint32_t above(Lanes a, Lanes b) { return a.value > b.value; }
inline Lanes where_above(Lanes a, Lanes b, Lanes term) { return {a.value > b.value ? term.value : 0.0}; }

#endif

inline double largest(Lanes a) {
    alignas(64) double each[Lanes::COUNT];
    a.store(each);
    double found = each[0];
    for (double one : each) found = one > found ? one : found;
    return found;
}
