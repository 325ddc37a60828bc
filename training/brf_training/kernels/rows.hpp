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

// Lists of one chunk of rows in one piece: row r holds index[begin[r]] .. index[begin[r + 1]], with values or all 1.
template <class R> struct Lists {
    Growing<int64_t> begin;
    Growing<int32_t> index;
    Growing<R> value;

    Lists() { begin.push(0); }
    void clear() {
        begin.resize(1);
        index.resize(0);
        value.resize(0);
    }
    const R* values(int64_t from) const { return value.size() ? value.data() + from : nullptr; }

    void add_bits(const uint64_t* bits, int words) {
        int32_t* end = index.room(int64_t(words) * 64);
        for (int w = 0; w < words; w++)
            for (uint64_t left = bits[w]; left; left &= left - 1) *end++ = w * 64 + __builtin_ctzll(left);
        close_row(end - index.data());
    }
    // Where a dense row of spikes is not 0.
    void add_spikes(const R* row, int count) {
        int32_t* end = index.room(count);
        for (int i = 0; i < count; i++)
            if (row[i] != R(0)) *end++ = i;
        close_row(end - index.data());
    }
    // The numbers of a dense row that are not 0 (NaN is not), with their values.
    void add_dense(const R* row, int count) {
        int32_t* end = index.room(count);
        R* number = value.room(count);
        auto add = [&](int i) {
            *end++ = i;
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
        value.resize(number - value.data());
        close_row(end - index.data());
    }
    void add_events(const int32_t* channels, const R* values, int64_t count) {
        if (count) {
            std::memcpy(index.room(count), channels, size_t(count) * sizeof(int32_t));
            std::memcpy(value.room(count), values, size_t(count) * sizeof(R));
            value.resize(value.size() + count);
        }
        close_row(index.size() + count);
    }

private:
    void close_row(int64_t size) {
        index.resize(size);
        begin.push(size);
    }
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

template <class R, bool WEIGHTED>
void add_rows_in_blocks(R* sum, const R* matrix, int width, const int32_t* index, const R* value, int64_t count) {
    constexpr int WIDEST = REGISTERS / 2;
    const int vectors = width / LANES<R>;
    int j = 0;
    auto block = [&](auto size) {
        constexpr int N = decltype(size)::value;
        for (; j + N <= vectors; j += N)
            add_block<R, N, WEIGHTED>(sum + j * LANES<R>, matrix + j * LANES<R>, size_t(width), index, value, count);
    };
    block(std::integral_constant<int, WIDEST>{});
    block(std::integral_constant<int, 8>{});
    block(std::integral_constant<int, 4>{});
    block(std::integral_constant<int, 3>{});
    block(std::integral_constant<int, 2>{});
    block(std::integral_constant<int, 1>{});
}

// sum (width) += the rows of matrix (rows, width) that the list names, times its values unless value is null.
template <class R>
void add_rows(R* sum, const R* matrix, int width, const int32_t* index, const R* value, int64_t count) {
    if (count == 0) return;
    if (value) add_rows_in_blocks<R, true>(sum, matrix, width, index, value, count);
    else add_rows_in_blocks<R, false>(sum, matrix, width, index, value, count);
}

template <class R> void add_rows(R* sum, const R* matrix, int width, const Lists<R>& lists, int row) {
    const int64_t begin = lists.begin[row];
    add_rows(sum, matrix, width, lists.index.data() + begin, lists.values(begin), lists.begin[row + 1] - begin);
}

// Lists turned around: for each source the rows in whose list it is, in rising order.
template <class R> class Turned {
public:
    // gradient (sources, width) += for each row r of `rows` (count, width) and each index i of list first + r: row r.
    void accumulate(R* gradient, int sources, const R* rows, int width, const Lists<R>& lists, int first, int count) {
        turn(sources, lists, first, count);
        for (int i = 0; i < sources; i++) {
            const int64_t from = begin_[i];
            const R* value = value_.size() ? value_.data() + from : nullptr;
            add_rows(gradient + size_t(i) * width, rows, width, index_.data() + from, value, begin_[i + 1] - from);
        }
    }

private:
    // Counting sort. begin_[i + 2] counts first, so that begin_[i + 1] serves as the place to fill and ends as the end.
    void turn(int sources, const Lists<R>& lists, int first, int count) {
        begin_.resize(int64_t(sources) + 2);
        std::fill(begin_.data(), begin_.data() + begin_.size(), 0);
        const int64_t from = lists.begin[first], to = lists.begin[first + count];
        for (int64_t e = from; e < to; e++) begin_[lists.index[e] + 2]++;
        for (int i = 0; i < sources; i++) begin_[i + 2] += begin_[i + 1];
        index_.resize(to - from);
        value_.resize(lists.value.size() ? to - from : 0);
        for (int row = 0; row < count; row++) {
            for (int64_t e = lists.begin[first + row]; e < lists.begin[first + row + 1]; e++) {
                const int64_t place = begin_[lists.index[e] + 1]++;
                index_[place] = row;
                if (value_.size()) value_[place] = lists.value[e];
            }
        }
    }

    Growing<int64_t> begin_;
    Growing<int32_t> index_;
    Growing<R> value_;
};

}  // namespace brf
