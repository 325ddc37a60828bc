// One register of numbers: the widest the build's instruction set has, for float and double alike.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <new>
#include <utility>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace brf {

#if defined(__AVX512F__)
constexpr int REGISTER_BYTES = 64, REGISTERS = 32;
#elif defined(__AVX2__)
constexpr int REGISTER_BYTES = 32, REGISTERS = 16;
#elif defined(__aarch64__)
constexpr int REGISTER_BYTES = 16, REGISTERS = 32;
#else
constexpr int REGISTER_BYTES = 16, REGISTERS = 16;
#endif

// may_alias: buffers of plain numbers are read and written through these types.
template <class R> struct Register;
template <> struct Register<float> {
    typedef float Real __attribute__((vector_size(REGISTER_BYTES), may_alias));
    typedef int32_t Mask __attribute__((vector_size(REGISTER_BYTES), may_alias));
};
template <> struct Register<double> {
    typedef double Real __attribute__((vector_size(REGISTER_BYTES), may_alias));
    typedef int64_t Mask __attribute__((vector_size(REGISTER_BYTES), may_alias));
};
template <class R> using Vec = typename Register<R>::Real;
template <class R> using MaskOf = typename Register<R>::Mask;
template <class R> constexpr int LANES = REGISTER_BYTES / int(sizeof(R));

// Rows of neurons are padded to whole registers, of the smaller of the two types.
constexpr int PADDING = REGISTER_BYTES / int(sizeof(float));
inline int padded(int count) { return (count + PADDING - 1) / PADDING * PADDING; }

template <class R> inline Vec<R>& at(R* p) { return *reinterpret_cast<Vec<R>*>(p); }
template <class R> inline const Vec<R>& at(const R* p) { return *reinterpret_cast<const Vec<R>*>(p); }
template <class R> inline Vec<R> all(R value) { return value - Vec<R>{}; }

// The build forbids contraction, so that the dynamics round as the reference does; products fuse on request.
inline Vec<float> multiply_add(Vec<float> a, Vec<float> b, Vec<float> c) {
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
    return _mm256_fmadd_ps(a, b, c);
#elif defined(__aarch64__)
    return vfmaq_f32(c, a, b);
#else
    return a * b + c;
#endif
}

inline Vec<double> multiply_add(Vec<double> a, Vec<double> b, Vec<double> c) {
#if defined(__AVX512F__)
    return _mm512_fmadd_pd(a, b, c);
#elif defined(__FMA__)
    return _mm256_fmadd_pd(a, b, c);
#elif defined(__aarch64__)
    return vfmaq_f64(c, a, b);
#else
    return a * b + c;
#endif
}

// 1 where x > 0, else 0; false for NaN.
template <class R> inline Vec<R> step_function(Vec<R> x) {
    const MaskOf<R> mask = x > Vec<R>{};
    return reinterpret_cast<Vec<R>>(mask & reinterpret_cast<MaskOf<R>>(all<R>(1)));
}

// Rounded to an integer: toward zero, and down.
#if defined(__AVX512F__)
inline Vec<double> toward_zero(Vec<double> x) { return _mm512_roundscale_pd(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
inline Vec<double> down(Vec<double> x) { return _mm512_roundscale_pd(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
#elif defined(__AVX__)
inline Vec<double> toward_zero(Vec<double> x) { return _mm256_round_pd(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
inline Vec<double> down(Vec<double> x) { return _mm256_round_pd(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
#elif defined(__SSE4_1__)
inline Vec<double> toward_zero(Vec<double> x) { return _mm_round_pd(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
inline Vec<double> down(Vec<double> x) { return _mm_round_pd(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
#elif defined(__aarch64__)
inline Vec<double> toward_zero(Vec<double> x) { return vrndq_f64(x); }
inline Vec<double> down(Vec<double> x) { return vrndmq_f64(x); }
#else
inline Vec<double> toward_zero(Vec<double> x) {
    for (int i = 0; i < LANES<double>; i++) x[i] = std::trunc(x[i]);
    return x;
}
inline Vec<double> down(Vec<double> x) {
    for (int i = 0; i < LANES<double>; i++) x[i] = std::floor(x[i]);
    return x;
}
#endif

// -limit .. limit.
template <class R> inline Vec<R> saturate(Vec<R> x, Vec<R> limit) {
    x = x > limit ? limit : x;
    return x < -limit ? -limit : x;
}

// g where x lies strictly within -limit .. limit, else 0.
template <class R> inline Vec<R> where_open(Vec<R> x, Vec<R> limit, Vec<R> g) {
    return (x < limit) & (x > -limit) ? g : Vec<R>{};
}

// Bit i is set where lane i of z is not 0.
inline uint32_t lane_bits(Vec<float> z) {
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask(z, _mm512_setzero_ps(), _CMP_NEQ_UQ);
#elif defined(__AVX2__)
    return uint32_t(_mm256_movemask_ps(_mm256_cmp_ps(z, _mm256_setzero_ps(), _CMP_NEQ_UQ)));
#elif defined(__SSE2__)
    return uint32_t(_mm_movemask_ps(_mm_cmpneq_ps(z, _mm_setzero_ps())));
#else
    uint32_t bits = 0;
    for (int i = 0; i < LANES<float>; i++) bits |= uint32_t(z[i] != 0) << i;
    return bits;
#endif
}

inline uint32_t lane_bits(Vec<double> z) {
#if defined(__AVX512F__)
    return _mm512_cmp_pd_mask(z, _mm512_setzero_pd(), _CMP_NEQ_UQ);
#else
    uint32_t bits = 0;
    for (int i = 0; i < LANES<double>; i++) bits |= uint32_t(z[i] != 0) << i;
    return bits;
#endif
}

// exp(x) for x <= 0, relative error below 2e-7 (Cephes expf); what underflows gives a number below 1e-37.
inline Vec<float> exponential(Vec<float> x) {
    x = x < -87.0f ? all<float>(-87.0f) : x;
    const Vec<float> shift = all<float>(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
    const Vec<float> n = multiply_add(x, all<float>(1.44269504088896341f), shift) - shift;
    Vec<float> r = multiply_add(n, all<float>(-0.693359375f), x);
    r = multiply_add(n, all<float>(2.12194440e-4f), r);
    // The polynomial in pairs, so that what waits for what is a chain of 4 products and not of 7.
    const Vec<float> square = r * r;
    const Vec<float> low = multiply_add(all<float>(1.6666665459e-1f), r, all<float>(5.0000001201e-1f));
    const Vec<float> middle = multiply_add(all<float>(8.3334519073e-3f), r, all<float>(4.1665795894e-2f));
    const Vec<float> high = multiply_add(all<float>(1.9875691500e-4f), r, all<float>(1.3981999507e-3f));
    Vec<float> p = multiply_add(multiply_add(high, square, middle), square, low);
    p = multiply_add(p, square, r + 1.0f);
    const MaskOf<float> exponent = (__builtin_convertvector(n, MaskOf<float>) + 127) << 23;
    return p * reinterpret_cast<Vec<float>>(exponent);
}

// The same to double's last bits (Cephes exp); what underflows gives a number below 1e-300.
inline Vec<double> exponential(Vec<double> x) {
    x = x < -700.0 ? all<double>(-700.0) : x;
    const Vec<double> shift = all<double>(6755399441055744.0);  // 1.5 * 2^52: adding it rounds to an integer
    const Vec<double> shifted = multiply_add(x, all<double>(1.4426950408889634073599), shift), n = shifted - shift;
    Vec<double> r = multiply_add(n, all<double>(-6.93145751953125e-1), x);
    r = multiply_add(n, all<double>(-1.42860682030941723212e-6), r);
    const Vec<double> square = r * r;
    Vec<double> p = multiply_add(all<double>(1.26177193074810590878e-4), square, all<double>(3.02994407707441961300e-2));
    p = r * multiply_add(p, square, all<double>(9.99999999999999999910e-1));
    Vec<double> q = multiply_add(all<double>(3.00198505138664455042e-6), square, all<double>(2.52448340349684104192e-3));
    q = multiply_add(multiply_add(q, square, all<double>(2.27265548208155028766e-1)), square, all<double>(2.0));
    const Vec<double> power = 1.0 + 2.0 * p / (q - p);
    const MaskOf<double> exponent = (reinterpret_cast<MaskOf<double>>(shifted) - reinterpret_cast<MaskOf<double>>(shift) + 1023) << 52;
    return power * reinterpret_cast<Vec<double>>(exponent);
}

// Memory aligned to a register, of numbers that start at 0 unless said otherwise.
template <class T> class Buffer {
public:
    explicit Buffer(size_t count, bool zero = true) : count_(count) {
        data_ = static_cast<T*>(::operator new(count * sizeof(T) + 1, std::align_val_t(64)));
        if (zero) clear();
    }
    ~Buffer() { ::operator delete(data_, std::align_val_t(64)); }
    Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), count_(other.count_) {}
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    void clear() { std::memset(static_cast<void*>(data_), 0, count_ * sizeof(T)); }
    operator T*() const { return data_; }

private:
    T* data_;
    size_t count_;
};

// Flush denormals while alive: decaying states and tails of the surrogate reach them, and they cost 1.3-2.8x.
class FlushDenormals {
public:
#if defined(__SSE2__)
    FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040u); }
    ~FlushDenormals() { _mm_setcsr(before_); }

private:
    unsigned before_;
#elif defined(__aarch64__) && defined(__GNUC__)
    FlushDenormals() {
        __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
        __asm__ volatile("msr fpcr, %0" : : "r"(before_ | (uint64_t(1) << 24)));
    }
    ~FlushDenormals() { __asm__ volatile("msr fpcr, %0" : : "r"(before_)); }

private:
    uint64_t before_;
#endif
};

}  // namespace brf
