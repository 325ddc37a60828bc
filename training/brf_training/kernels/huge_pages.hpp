// Large memory that is about to be written for the first time, in pages of 2 MiB where the system has them: at 4 KiB a
// fault, S-MNIST's tape took 55 ms of processor time a step.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace brf {

inline void use_huge_pages([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    // glibc keeps what is smaller for the next call, already in memory, and fetches the rest anew (M_MMAP_THRESHOLD).
    constexpr size_t KEPT = size_t(32) << 20;
    constexpr uintptr_t PAGE = 4096;
    if (!memory || bytes < KEPT) return;
    const uintptr_t first = (reinterpret_cast<uintptr_t>(memory) + PAGE - 1) / PAGE * PAGE;
    const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + bytes) / PAGE * PAGE;
    madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);  // advice: its failure changes nothing
#endif
}

}  // namespace brf
