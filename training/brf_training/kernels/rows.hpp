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

// The rows of a matrix that a list names, times its values where it has any.
template <class R> struct Named {
    const R* matrix = nullptr;
    const int32_t* index = nullptr;
    const R* value = nullptr;
    int64_t count = 0;
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

    Named<R> named(const R* matrix, int row) const {
        const R* all = values();
        return {matrix, indices() + begin[row], all ? all + begin[row] : nullptr, end[row] - begin[row]};
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

// total (N registers) += the named rows, in the columns from `column` on.
template <class R, int N> [[gnu::always_inline]] inline void add_named(Vec<R> (&total)[N], Named<R> rows, int width, int column) {
    const R* matrix = rows.matrix + column;
    auto row = [&](int64_t e) { return matrix + size_t(rows.index[e]) * size_t(width); };
    if (rows.value) {
        for (int64_t e = 0; e < rows.count; e++) {
            const Vec<R> factor = all<R>(rows.value[e]);
            for (int j = 0; j < N; j++) total[j] = multiply_add(factor, at(row(e) + j * LANES<R>), total[j]);
        }
    } else {
        for (int64_t e = 0; e < rows.count; e++)
            for (int j = 0; j < N; j++) total[j] += at(row(e) + j * LANES<R>);
    }
}

// Vectors of the widest sum that lies in registers; one of no more is narrow.
constexpr int WIDEST = REGISTERS / 2;

// Calls f with the size, as a constant, and the first vector of blocks that make up `vectors`; sums of one lie in
// registers, and one pass over a list does a block.
template <class F> inline void for_each_block(int vectors, F&& f) {
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

// sum (width) = that of the named rows of a matrix of that width, onto what is there if `onto`.
template <bool ONTO, class R> void sum_rows(R* sum, int width, const Named<R>& rows) {
    if (ONTO && rows.count == 0) return;
    for_each_block(width / LANES<R>, [&](auto size, int block) {
        constexpr int N = decltype(size)::value;
        Vec<R> total[N];
        for (int j = 0; j < N; j++) total[j] = ONTO ? at(sum + (block + j) * LANES<R>) : Vec<R>{};
        add_named<R, N>(total, rows, width, block * LANES<R>);
        for (int j = 0; j < N; j++) at(sum + (block + j) * LANES<R>) = total[j];
    });
}

// The same of two lists of rows, the second of which may be empty: together where the sum is narrow. Wider ones take list by
// list: blocks of two matrices in turn were slower.
template <class R> void sum_rows(R* sum, int width, const Named<R>& first, const Named<R>& second) {
    if (width / LANES<R> > WIDEST) {
        sum_rows<false>(sum, width, first);
        return sum_rows<true>(sum, width, second);
    }
    for_each_block(width / LANES<R>, [&](auto size, int block) {
        constexpr int N = decltype(size)::value;
        Vec<R> total[N] = {};
        add_named<R, N>(total, first, width, block * LANES<R>);
        add_named<R, N>(total, second, width, block * LANES<R>);
        for (int j = 0; j < N; j++) at(sum + (block + j) * LANES<R>) = total[j];
    });
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
        for_each_block(width / LANES<R>, [&](auto size, int block) {
            constexpr int N = decltype(size)::value;
            for (int i = 0; i < sources_; i++) {
                const int32_t from = begin_[i], entries = begin_[i + 1] - from;
                if (entries == 0) continue;
                R* sum = gradient + size_t(i) * width + block * LANES<R>;
                Vec<R> total[N];
                for (int j = 0; j < N; j++) total[j] = at(sum + j * LANES<R>);
                add_named<R, N>(total, {rows, index_.data() + from, value ? value + from : nullptr, entries}, width, block * LANES<R>);
                for (int j = 0; j < N; j++) at(sum + j * LANES<R>) = total[j];
            }
        });
    }

private:
    int sources_ = 0;
    Growing<int32_t> begin_, index_;
    Growing<R> value_;
};

}  // namespace brf
