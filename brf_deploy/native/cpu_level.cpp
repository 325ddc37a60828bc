// Part of every native library: the highest x86-64 level whose instructions this processor and system can run, else 0.
#include <cstdint>
#include <initializer_list>

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

EXPORT int32_t brf_cpu_level() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2")) return 2;
    for (bool supported : {bool(__builtin_cpu_supports("avx512f")), bool(__builtin_cpu_supports("avx512bw")),
                           bool(__builtin_cpu_supports("avx512cd")), bool(__builtin_cpu_supports("avx512dq")),
                           bool(__builtin_cpu_supports("avx512vl"))})
        if (!supported) return 3;
    return 4;
#else
    return 0;
#endif
}
