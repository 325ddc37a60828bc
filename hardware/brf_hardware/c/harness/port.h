/* What the harness needs of the machine it runs on: two files and a clock. */

#ifndef PORT_H
#define PORT_H

#include <stddef.h>
#include <stdint.h>

/* Open messages.bin for reading and trace.bin for writing, in the working directory, and start the clock. */
void port_open(void);

/* Read exactly `bytes`; 0 at the end of the file. A file that ends in between is a failure. */
int port_read(void *data, size_t bytes);

/* Write exactly `bytes`. */
void port_write(const void *data, size_t bytes);

/* The clock: nanoseconds on a host, ticks of a timer on a board. Wraps at 2^32. */
uint32_t port_ticks(void);

/* Close what was opened. */
void port_close(void);

/* Print what went wrong and end the program with status 1. */
void port_fail(const char *what);

#endif
