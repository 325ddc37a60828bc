/* The port of a host with files and a clock (C99 and POSIX.1-2001). */

#define _POSIX_C_SOURCE 200112L

#include "port.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static FILE *messages, *trace;

void port_fail(const char *what)
{
    (void)fprintf(stderr, "%s\n", what);
    exit(1);
}

void port_open(void)
{
    messages = fopen("messages.bin", "rb");
    if (messages == NULL) {
        port_fail("messages.bin cannot be read");
    }
    trace = fopen("trace.bin", "wb");
    if (trace == NULL) {
        port_fail("trace.bin cannot be written");
    }
}

int port_read(void *data, size_t bytes)
{
    const size_t found = fread(data, 1, bytes, messages);
    if (found != bytes && found != 0) {
        port_fail("messages.bin ends within a step");
    }
    return found == bytes;
}

void port_write(const void *data, size_t bytes)
{
    if (fwrite(data, 1, bytes, trace) != bytes) {
        port_fail("trace.bin cannot be written; is the disk full?");
    }
}

uint32_t port_ticks(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
}

void port_close(void)
{
    (void)fclose(messages);
    if (fclose(trace) != 0) {
        port_fail("trace.bin cannot be written; is the disk full?");
    }
}
