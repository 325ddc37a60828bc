// The C interface: a chain of recurrent layers with a leaky readout over a whole sequence, forward and backward.
//
// real is 4 for float and 8 for double. Functions that can fail return 0, or 1 when memory ran out.
#include "backward.hpp"
#include "cross_entropy.hpp"
#include "forward.hpp"
#include "huge_pages.hpp"
#include "parallel.hpp"

#include <chrono>

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace brf {
namespace {

// Bounds the memory of gradients; a function of the batch alone, so that sums do not depend on the threads.
constexpr int MOST_GROUPS = 64;

template <class R> void forward(const SequenceArguments& arguments, const LayerArguments* layers) {
    const Sequence<R> sequence(arguments, layers, false);
    use_huge_pages(arguments.tape, sequence.tape.bytes());
    share_out(sequence.tiles, arguments.threads, [&] { return ForwardTile<R>(sequence); });
}

template <class R> struct Sum {
    static constexpr size_t BLOCK = 4096;
    R* gradients;
    size_t count;
    int groups;
    void run(int block) {
        const size_t end = std::min(count, (size_t(block) + 1) * BLOCK);
        for (int group = 1; group < groups; group++)
            for (size_t i = size_t(block) * BLOCK; i < end; i++) gradients[i] += gradients[group * count + i];
    }
};

template <class R> void backward(const SequenceArguments& arguments, const LayerArguments* layers) {
    const FlushDenormals flush;
    const Sequence<R> sequence(arguments, layers, true);
    const Products<R> products(sequence);
    const GradientLayout<R> layout(sequence);
    const int groups = std::max(1, std::min(sequence.tiles, MOST_GROUPS));
    const Buffer<R> gradients(layout.count * groups, false);
    share_out(groups, arguments.threads, [&] { return BackwardTile<R>(sequence, products, layout, gradients, groups); });
    const int blocks = int((layout.count + Sum<R>::BLOCK - 1) / Sum<R>::BLOCK);
    share_out(groups > 1 ? blocks : 0, arguments.threads, [&] { return Sum<R>{gradients, layout.count, groups}; });
    store_gradients<R>(sequence, layout, gradients);
}

template <class R> bool finite(const void* numbers, int64_t count) {
    constexpr int WIDE = 32;
    R sums[WIDE] = {};  // of 0 * x, which is 0 or NaN
    int64_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        for (int j = 0; j < WIDE; j++) sums[j] += static_cast<const R*>(numbers)[i + j] * R(0);
    for (; i < count; i++) sums[0] += static_cast<const R*>(numbers)[i] * R(0);
    return std::all_of(sums, sums + WIDE, [](R sum) { return sum == 0; });
}

template <class F> int32_t caught(F&& f) {
    try {
        f();
        return 0;
    } catch (...) {
        return 1;
    }
}

}  // namespace
}  // namespace brf

using namespace brf;

// Raised whenever the arguments change, so that a stale library is not called.
EXPORT int32_t brf_training_version() { return 3; }

EXPORT const char* brf_training_neuron(int32_t index) { return index < NEURON_COUNT ? NEURONS<double>[index].name : nullptr; }

// Whether none of the numbers is NaN or infinite.
EXPORT int32_t brf_training_finite(int32_t real, const void* numbers, int64_t count) {
    return real == 4 ? finite<float>(numbers, count) : finite<double>(numbers, count);
}

EXPORT int64_t brf_training_tape_bytes(int32_t real, const SequenceArguments* arguments, const LayerArguments* layers) {
    return int64_t(real == 4 ? Tape<float>(*arguments, layers).bytes() : Tape<double>(*arguments, layers).bytes());
}

EXPORT int32_t brf_training_forward(int32_t real, const SequenceArguments* arguments, const LayerArguments* layers) {
    return caught([&] { real == 4 ? forward<float>(*arguments, layers) : forward<double>(*arguments, layers); });
}

EXPORT int32_t brf_training_backward(int32_t real, const SequenceArguments* arguments, const LayerArguments* layers) {
    return caught([&] { real == 4 ? backward<float>(*arguments, layers) : backward<double>(*arguments, layers); });
}

// 2 where a label is not one of the outputs.
EXPORT int32_t brf_training_cross_entropy(int32_t real, const LossArguments* arguments) {
    bool labelled = true;
    const int32_t failed = caught([&] { labelled = real == 4 ? cross_entropy<float>(*arguments) : cross_entropy<double>(*arguments); });
    return labelled ? failed : 2;
}

// GFLOP/s of the product at a tile's shape on one thread: the limit that a benchmark holds the backward pass against.
EXPORT double brf_training_product_rate(int32_t rows, int32_t depth, int32_t width, int32_t repeats) {
    Product<float> product(depth, padded(width));
    const Buffer<float> a(size_t(rows) * depth), b(size_t(depth) * padded(width)), c(size_t(rows) * padded(width));
    product.pack(0, b, depth, padded(width));
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < repeats; i++) product.multiply(rows, {a, size_t(depth), depth}, {nullptr, 0, 0}, c);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    return 2.0 * rows * depth * padded(width) * repeats / seconds.count() / 1e9;
}
