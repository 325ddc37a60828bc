// Event-driven sums: spikes and input events as lists of indices, and sums of the matrix rows they name.
#pragma once

#include "vector.hpp"

#include <algorithm>
#include <memory>
#include <type_traits>
#include <utility>

namespace brf {

// An array that grows and, unlike std::vector, leaves new entries unset.
template <class T> class Growing {
public:
    int64_t size() const { return size_; }
    T* data() { return data_.get(); }
    const T* data() const { return data_.get(); }
    T& operator[](int64_t i) { return data_[i]; }
    const T& operator[](int64_t i) const { return data_[i]; }
    void push(T value) {
        *room(1) = value;
        size_++;
    }
    // Space for `count` more entries; `resize` says how many were written.
    T* room(int64_t count) {
        if (size_ + count > capacity_) grow(size_ + count);
        return data_.get() + size_;
    }
    void resize(int64_t size) {
        if (size > capacity_) grow(size);
        size_ = size;
    }

private:
    void grow(int64_t needed) {
        capacity_ = needed * 2;
        std::unique_ptr<T[]> larger(new T[size_t(capacity_)]);
        if (size_) std::memcpy(larger.get(), data_.get(), size_t(size_) * sizeof(T));
        data_ = std::move(larger);
    }
    std::unique_ptr<T[]> data_;
    int64_t size_ = 0, capacity_ = 0;
};

// Lists of one chunk of rows: row r names the entries begin[r] .. end[r] of two arrays, an index and a value each, or
// no values where all are 1. The arrays are its own, or the caller's events, of which nothing is copied.
template <class R> class Lists {
public:
    Growing<int64_t> begin, end;

    void clear() {
        begin.resize(0);
        end.resize(0);
        index_.resize(0);
        value_.resize(0);
    }
    // From now on rows are parts of these arrays.
    void refer(const int32_t* indices, const R* values) { indices_ = indices, values_ = values; }
    void add_range(int64_t from, int64_t to) {
        begin.push(from);
        end.push(to);
    }

    const int32_t* indices() const { return indices_ ? indices_ : index_.data(); }
    const R* values() const { return indices_ ? values_ : value_.size() ? value_.data() : nullptr; }

    void add_bits(const uint64_t* bits, int words) {
        int32_t* next = index_.room(int64_t(words) * 64);
        for (int w = 0; w < words; w++)
            for (uint64_t left = bits[w]; left; left &= left - 1) *next++ = w * 64 + __builtin_ctzll(left);
        close_row(next - index_.data());
    }
    // Where a dense row of spikes is not 0.
    void add_spikes(const R* row, int count) {
        int32_t* next = index_.room(count);
        for (int i = 0; i < count; i++)
            if (row[i] != R(0)) *next++ = i;
        close_row(next - index_.data());
    }
    // The numbers of a dense row that are not 0 (NaN is not), with their values.
    void add_dense(const R* row, int count) {
        int32_t* next = index_.room(count);
        R* number = value_.room(count);
        auto add = [&](int i) {
            *next++ = i;
            *number++ = row[i];
        };
        int i = 0;
        for (; i + LANES<R> <= count; i += LANES<R>) {
            Vec<R> numbers;
            std::memcpy(&numbers, row + i, sizeof numbers);
            for (uint32_t left = lane_bits(numbers); left; left &= left - 1) add(i + __builtin_ctz(left));
        }
        for (; i < count; i++)
            if (row[i] != R(0)) add(i);
        value_.resize(number - value_.data());
        close_row(next - index_.data());
    }

private:
    void close_row(int64_t size) {
        add_range(index_.size(), size);
        index_.resize(size);
    }
    Growing<int32_t> index_;
    Growing<R> value_;
    const int32_t* indices_ = nullptr;
    const R* values_ = nullptr;
};

template <class R, int N, bool WEIGHTED>
inline void add_block(R* sum, const R* matrix, size_t stride, const int32_t* index, const R* value, int64_t count) {
    Vec<R> total[N];
    for (int j = 0; j < N; j++) total[j] = at(sum + j * LANES<R>);
    for (int64_t e = 0; e < count; e++) {
        const R* row = matrix + size_t(index[e]) * stride;
        if constexpr (WEIGHTED) {
            const Vec<R> factor = all<R>(value[e]);
            for (int j = 0; j < N; j++) total[j] = multiply_add(factor, at(row + j * LANES<R>), total[j]);
        } else {
            for (int j = 0; j < N; j++) total[j] += at(row + j * LANES<R>);
        }
    }
    for (int j = 0; j < N; j++) at(sum + j * LANES<R>) = total[j];
}

// Calls f with the size, as a constant, and the first vector of blocks that make up `vectors`; sums of one lie in
// registers, and one pass over a list does a block.
template <class F> inline void for_each_block(int vectors, F&& f) {
    constexpr int WIDEST = REGISTERS / 2;
    int first = 0;
    auto block = [&](auto size) {
        f(size, first);
        first += size;
    };
    if constexpr (WIDEST > 8)
        while (vectors - first >= WIDEST) block(std::integral_constant<int, WIDEST>{});
    while (vectors - first >= 8) block(std::integral_constant<int, 8>{});
    switch (vectors - first) {
    case 1: return block(std::integral_constant<int, 1>{});
    case 2: return block(std::integral_constant<int, 2>{});
    case 3: return block(std::integral_constant<int, 3>{});
    case 4: return block(std::integral_constant<int, 4>{});
    case 5: return block(std::integral_constant<int, 5>{});
    case 6: return block(std::integral_constant<int, 6>{});
    case 7: return block(std::integral_constant<int, 7>{});
    }
}

template <class R, bool WEIGHTED>
void add_rows_in_blocks(R* sum, const R* matrix, int width, const int32_t* index, const R* value, int64_t count) {
    for_each_block(width / LANES<R>, [&](auto size, int first) {
        add_block<R, decltype(size)::value, WEIGHTED>(sum + first * LANES<R>, matrix + first * LANES<R>, size_t(width), index, value, count);
    });
}

// sum (width) += the rows of matrix (rows, width) that the list names, times its values unless value is null.
template <class R>
void add_rows(R* sum, const R* matrix, int width, const int32_t* index, const R* value, int64_t count) {
    if (count == 0) return;
    if (value) add_rows_in_blocks<R, true>(sum, matrix, width, index, value, count);
    else add_rows_in_blocks<R, false>(sum, matrix, width, index, nullptr, count);
}

template <class R> void add_rows(R* sum, const R* matrix, int width, const Lists<R>& lists, int row) {
    const int64_t begin = lists.begin[row];
    const R* values = lists.values();
    add_rows(sum, matrix, width, lists.indices() + begin, values ? values + begin : nullptr, lists.end[row] - begin);
}

// Lists turned around: for each source the rows in whose list it is, in rising order.
template <class R> class Turned {
public:
    // Rows first .. first + count - 1 of the lists, counted from 0. Counting sort: places[i + 2] counts first, so that
    // places[i + 1] serves as the place to fill and ends as the end.
    void turn(int sources, const Lists<R>& lists, int first, int count) {
        sources_ = sources;
        begin_.resize(int64_t(sources) + 2);
        std::fill(begin_.data(), begin_.data() + begin_.size(), 0);
        const int32_t* indices = lists.indices();
        const R* values = lists.values();
        int32_t* places = begin_.data();
        int32_t total = 0;
        for (int row = first; row < first + count; row++) {
            total += int32_t(lists.end[row] - lists.begin[row]);
            for (int64_t e = lists.begin[row]; e < lists.end[row]; e++) places[indices[e] + 2]++;
        }
        for (int i = 0; i < sources; i++) places[i + 2] += places[i + 1];
        index_.resize(total);
        value_.resize(values ? total : 0);
        for (int row = 0; row < count; row++) {
            for (int64_t e = lists.begin[first + row]; e < lists.end[first + row]; e++) {
                const int32_t place = places[indices[e] + 1]++;
                index_[place] = row;
                if (values) value_[place] = values[e];
            }
        }
    }

    // gradient (sources, width) += for each source i the rows (count, width) that name it, times their values.
    // Block of columns by block, so that a block of a chunk's rows stays in the first-level cache where it fits.
    void add_rows_to(R* gradient, const R* rows, int width) const {
        const R* value = value_.size() ? value_.data() : nullptr;
        for_each_block(width / LANES<R>, [&](auto size, int column) {
            constexpr int N = decltype(size)::value;
            const R* columns = rows + column * LANES<R>;
            for (int i = 0; i < sources_; i++) {
                const int32_t from = begin_[i], entries = begin_[i + 1] - from;
                if (entries == 0) continue;
                R* sum = gradient + size_t(i) * width + column * LANES<R>;
                if (value) add_block<R, N, true>(sum, columns, size_t(width), index_.data() + from, value + from, entries);
                else add_block<R, N, false>(sum, columns, size_t(width), index_.data() + from, nullptr, entries);
            }
        });
    }

private:
    int sources_ = 0;
    Growing<int32_t> begin_, index_;
    Growing<R> value_;
};

}  // namespace brf
