// Memory of the engine: aligned arrays, and lists of the sources that are active in a step.
#pragma once

#include <cstdint>
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
    Aligned<int32_t> source;
    Aligned<uint16_t> message;
    int64_t count = 0;

    explicit Events(int64_t sources) : source(sources + 1), message(sources + 1) {}
};

}  // namespace brf
