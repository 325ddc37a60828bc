// A thread of one call that, where the system lets us say so, does not start on the processor that its maker runs on: a
// scheduler that packs new threads there moves them away milliseconds later, which is longer than many a call takes.
#pragma once

#include <functional>
#include <system_error>
#include <thread>
#include <utility>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace brf {

class Helper {  // joined when it goes; throws std::system_error where no thread is to be had
  public:
    explicit Helper(std::function<void()> work) : work_(std::move(work)) {
#if defined(__linux__)
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        cpu_set_t allowed;
        const int here = sched_getcpu();
        if (here >= 0 && sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
            CPU_CLR(here, &allowed);
            if (CPU_COUNT(&allowed) > 0) pthread_attr_setaffinity_np(&attributes, sizeof allowed, &allowed);
        }
        const int failure = pthread_create(&thread_, &attributes, run, &work_);
        pthread_attr_destroy(&attributes);
        if (failure != 0) throw std::system_error(failure, std::generic_category());
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

}  // namespace brf
