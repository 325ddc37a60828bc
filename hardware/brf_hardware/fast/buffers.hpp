// Memory of the engine: aligned arrays, and lists of the sources that are active in a step.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace brf {

constexpr int64_t PADDING = 16;  // neurons and targets come in whole groups of this many; plan.py pads likewise

inline int64_t whole(int64_t count, int64_t group) { return (count + group - 1) / group * group; }

template <class T>
class Aligned {  // zeros that begin on a cache line
  public:
    explicit Aligned(int64_t count) : memory_(count * sizeof(T) + LINE) {
        const auto address = reinterpret_cast<uintptr_t>(memory_.data());
        data_ = reinterpret_cast<T*>((address + LINE - 1) / LINE * LINE);
    }
    Aligned(const Aligned&) = delete;
    operator T*() { return data_; }
    operator const T*() const { return data_; }

  private:
    static constexpr uintptr_t LINE = 64;
    std::vector<unsigned char> memory_;
    T* data_;
};

struct Events {  // the sources that are active in one step, in ascending order, and their messages
    static constexpr int64_t AT_ONCE = 8;
    static constexpr uint64_t LAST = uint64_t{1} << 63;
    Aligned<int32_t> source;
    Aligned<uint16_t> message;
    int64_t count = 0;

    explicit Events(int64_t sources) : source(sources + AT_ONCE), message(sources + 1) {}

    // The sources whose bits are set. Writes some too many and no branch a source: their number is hard to predict.
    void list(const uint16_t* bits, int64_t sources) {
        count = 0;
        for (int64_t first = 0; first < sources; first += 64) {
            uint64_t word;
            std::memcpy(&word, bits + first / 16, sizeof word);
            const int64_t end = count + __builtin_popcountll(word);
            for (int64_t at = count; at < end; at += AT_ONCE) {
#pragma GCC unroll 8
                for (int64_t k = 0; k < AT_ONCE; ++k, word &= word - 1) {
                    source[at + k] = static_cast<int32_t>(first + __builtin_ctzll(word | LAST));
                }
            }
            count = end;
        }
    }
};

template <class State>
void to_integers(const State* state, int64_t count, int32_t* out) {
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<int32_t>(state[i]);
}

}  // namespace brf
