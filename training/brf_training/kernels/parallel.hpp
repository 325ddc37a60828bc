// Work items shared out to threads of this call; no runtime of its own that could quarrel with torch's.
#pragma once

#include "../../../brf_deploy/native/helper.hpp"
#include "vector.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>

namespace brf {

// Calls run(item) for each item on a worker of the thread that took it; a worker is what make_worker() returns.
template <class MakeWorker> void share_out(int items, int threads, MakeWorker make_worker) {
    std::atomic<int> next{0};
    std::mutex lock;
    std::exception_ptr failure;
    auto work = [&] {
        const FlushDenormals flush;
        try {
            auto worker = make_worker();
            for (int item = next++; item < items; item = next++) worker.run(item);
        } catch (...) {
            const std::lock_guard<std::mutex> guard(lock);
            failure = std::current_exception();
        }
    };
    {
        std::deque<Helper> helpers;  // joined at the end of this block
        try {
            for (int i = 1; i < std::min(threads, items); i++) helpers.emplace_back(work);
        } catch (const std::system_error&) {
            // No further thread to be had: those that run do the work.
        }
        work();
    }
    if (failure) std::rethrow_exception(failure);
}

}  // namespace brf
