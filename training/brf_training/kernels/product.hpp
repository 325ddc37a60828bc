// A small dense product for operands that stay in cache: gradients of the spikes of one tile and step.
#pragma once

#include "vector.hpp"

namespace brf {

// Rows (tile rows, depth) at a stride; depth 0 where there is nothing to multiply.
template <class R> struct Operand {
    const R* data;
    size_t stride;
    int depth;
};

// B = [first; second], (depths, width), repacked into panels of a few registers' width.
template <class R> class Product {
public:
    Product(int depth, int width) : depth_(depth), width_(width), packed_(size_t(depth) * width, false) {}

    // Rows first .. first + count - 1 of B = matrix (count, columns); the padding becomes 0.
    void pack(int first, const void* matrix, int count, int columns) {
        int column = 0;
        for_each_panel([&](int vectors, R* panel) {
            const int width = vectors * LANES<R>;
            for (int k = 0; k < count; k++)
                for (int j = 0; j < width; j++)
                    panel[size_t(first + k) * width + j] =
                        column + j < columns ? static_cast<const R*>(matrix)[size_t(k) * columns + column + j] : R(0);
            column += width;
        });
    }

    // c (rows, width) = a B[:a.depth] + b B[a.depth:].
    void multiply(int rows, Operand<R> a, Operand<R> b, R* c) const {
        int first = 0;
        for_each_panel([&](int vectors, R* panel) {
            if (vectors == 3) panel_product<3>(rows, a, b, panel, c + first);
            else if (vectors == 2) panel_product<2>(rows, a, b, panel, c + first);
            else panel_product<1>(rows, a, b, panel, c + first);
            first += vectors * LANES<R>;
        });
    }

private:
    static constexpr int TALL = REGISTERS == 32 ? 8 : 4;  // TALL x 3 sums and 3 factors fit the registers

    template <class F> void for_each_panel(F&& f) const {
        R* panel = packed_;
        for (int left = width_ / LANES<R>; left > 0;) {
            const int vectors = left == 4 || left == 2 ? 2 : left >= 3 ? 3 : 1;
            f(vectors, panel);
            panel += size_t(depth_) * vectors * LANES<R>;
            left -= vectors;
        }
    }

    template <int N> void panel_product(int rows, Operand<R> a, Operand<R> b, const R* panel, R* c) const {
        int row = 0;
        for (; row + TALL <= rows; row += TALL) block<TALL, N>(row, a, b, panel, c);
        for (; row + 4 <= rows; row += 4) block<4, N>(row, a, b, panel, c);
        for (; row < rows; row++) block<1, N>(row, a, b, panel, c);
    }

    template <int M, int N> void block(int row, Operand<R> a, Operand<R> b, const R* panel, R* c) const {
        Vec<R> sum[M][N];
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) sum[i][j] = Vec<R>{};
        accumulate<M, N>(sum, row, a, panel);
        accumulate<M, N>(sum, row, b, panel + size_t(a.depth) * N * LANES<R>);
        for (int i = 0; i < M; i++)
            for (int j = 0; j < N; j++) at(c + size_t(row + i) * width_ + j * LANES<R>) = sum[i][j];
    }

    template <int M, int N> static void accumulate(Vec<R> (&sum)[M][N], int row, Operand<R> a, const R* panel) {
        const R* factor = a.data + size_t(row) * a.stride;
        for (int k = 0; k < a.depth; k++, panel += N * LANES<R>) {
            Vec<R> b[N];
            for (int j = 0; j < N; j++) b[j] = at(panel + j * LANES<R>);
            for (int i = 0; i < M; i++) {
                const Vec<R> x = all<R>(factor[size_t(i) * a.stride + k]);
                for (int j = 0; j < N; j++) sum[i][j] = multiply_add(x, b[j], sum[i][j]);
            }
        }
    }

    int depth_, width_;
    Buffer<R> packed_;
};

}  // namespace brf
