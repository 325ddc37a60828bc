// Work items shared out to threads of this call; no runtime of its own that could quarrel with torch's.
#pragma once

#include "vector.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <deque>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace brf {

// A thread that, where the system lets us say so, does not start on the processor that its maker runs on: a scheduler
// that packs new threads there moves them away milliseconds later, which is longer than many a call takes.
class Helper {
public:
    explicit Helper(std::function<void()> work) : work_(std::move(work)) {
#if defined(__linux__)
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        cpu_set_t allowed;
        const int here = sched_getcpu();
        if (here >= 0 && sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
            CPU_CLR(here, &allowed);
            if (CPU_COUNT(&allowed)) pthread_attr_setaffinity_np(&attributes, sizeof allowed, &allowed);
        }
        const int failure = pthread_create(&thread_, &attributes, run, &work_);
        pthread_attr_destroy(&attributes);
        if (failure) throw std::system_error(failure, std::generic_category());
#else
        thread_ = std::thread(run, &work_);
#endif
    }
    Helper(const Helper&) = delete;
    Helper& operator=(const Helper&) = delete;
#if defined(__linux__)
    ~Helper() { pthread_join(thread_, nullptr); }
#else
    ~Helper() { thread_.join(); }
#endif

private:
    static void* run(void* work) {
        (*static_cast<std::function<void()>*>(work))();
        return nullptr;
    }
    std::function<void()> work_;
#if defined(__linux__)
    pthread_t thread_;
#else
    std::thread thread_;
#endif
};

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
