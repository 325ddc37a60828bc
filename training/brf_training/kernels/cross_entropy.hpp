// The loss of the readout, with its gradient in the same pass: cross entropy of softmax, summed over steps and samples.
#pragma once

#include "parallel.hpp"

#include <limits>

namespace brf {

struct LossArguments {
    int32_t steps, batch, outputs, first_step, threads;  // steps before the first are not looked at
    const void* readout;    // (time, batch, outputs)
    const int64_t* labels;  // (time, batch), or (batch) where they hold at each step
    int32_t label_steps;    // 1 where labels are (time, batch)
    void* gradient;         // (time, batch, outputs), of the loss; null: not wanted
    double* loss;           // (1): sum over steps, mean over samples

    int64_t rows() const { return int64_t(steps) * batch; }
    int64_t label(int64_t row) const { return labels[label_steps ? row : row % batch]; }
};

// A block of the readout's rows (time * batch), LANES of them side by side: column o in place o of `columns_`.
template <class R> class LossBlock {
public:
    static constexpr int64_t ROWS = 1024, LEAST = 32768;  // of a block; numbers that are worth a further thread
    LossBlock(const LossArguments& a, double* losses) : a_(a), losses_(losses), columns_(size_t(a.outputs) * LANES<R>) {}

    void run(int block) {
        loss_ = 0, product_ = 1, factors_ = 0;
        const int64_t first = block * ROWS, last = std::min(a_.rows(), first + ROWS);
        const int64_t seen = std::clamp(a_.first_step * int64_t(a_.batch), first, last);
        if (a_.gradient) std::fill_n(static_cast<R*>(a_.gradient) + first * a_.outputs, (seen - first) * a_.outputs, R(0));
        for (int64_t row = seen; row < last; row += LANES<R>) add(row, int(std::min(int64_t(LANES<R>), last - row)));
        losses_[block] = loss_ + std::log(product_);
    }

private:
    void add(int64_t first, int rows) {
        const int width = a_.outputs;
        const R* y = static_cast<const R*>(a_.readout) + first * width;
        for (int row = 0; row < rows; row++)
            for (int o = 0; o < width; o++) columns_[o * LANES<R> + row] = y[row * width + o];
        Vec<R> top = at(columns_ + 0), total{};
        for (int o = 1; o < width; o++) top = at(columns_ + o * LANES<R>) > top ? at(columns_ + o * LANES<R>) : top;
        for (int o = 0; o < width; o++) total += at(columns_ + o * LANES<R>) = exponential(at(columns_ + o * LANES<R>) - top);
        for (int row = 0; row < rows; row++) {
            loss_ += double(top[row]) - double(y[row * width + a_.label(first + row)]);
            multiply(double(total[row]));
        }
        if (!a_.gradient) return;
        const Vec<R> scale = R(1) / (total * R(a_.batch));
        for (int o = 0; o < width; o++) at(columns_ + o * LANES<R>) *= scale;
        R* gradient = static_cast<R*>(a_.gradient) + first * width;
        for (int row = 0; row < rows; row++) {
            for (int o = 0; o < width; o++) gradient[row * width + o] = columns_[o * LANES<R> + row];
            gradient[row * width + a_.label(first + row)] -= R(1) / R(a_.batch);
        }
    }

    // A sum of exponentials lies in 1 .. outputs < 2^31, so that a product of this many fits a double, and one
    // logarithm serves them all.
    void multiply(double total) {
        constexpr int FACTORS = 32;
        product_ *= total;
        if (++factors_ < FACTORS) return;
        loss_ += std::log(product_);
        product_ = 1, factors_ = 0;
    }

    const LossArguments& a_;
    double* losses_;
    Buffer<R> columns_;
    double loss_ = 0, product_ = 1;
    int factors_ = 0;
};

// False where a label is not one of the outputs.
template <class R> bool cross_entropy(const LossArguments& a) {
    const int64_t count = int64_t(a.batch) * (a.label_steps ? a.steps : 1);
    for (int64_t i = 0; i < count; i++)
        if (a.labels[i] < 0 || a.labels[i] >= a.outputs) return false;
    const int blocks = int((a.rows() + LossBlock<R>::ROWS - 1) / LossBlock<R>::ROWS);
    const Buffer<double> losses{size_t(blocks)};
    // A thread of its own costs as much as some tens of thousands of exponentials.
    const int threads = std::min<int64_t>(a.threads, 1 + a.rows() * a.outputs / LossBlock<R>::LEAST);
    share_out(blocks, threads, [&] { return LossBlock<R>(a, losses); });
    *a.loss = 0;
    for (int block = 0; block < blocks; block++) *a.loss += losses[block];
    *a.loss /= a.batch;
    return true;
}

}  // namespace brf
