/* The port and the start of Arm's MPS2 board with a Cortex-M4 (AN386), as QEMU simulates it.
 *
 * Files are those of the host, through semihosting: `bkpt 0xab` with an operation in r0 and its arguments in r1. The
 * clock is CMSDK timer 0, which counts down at 25 MHz. Under `-icount shift=8` an instruction takes 256 ns of simulated
 * time, 6.4 ticks, so ticks tell how many instructions were executed.
 */

#include "port.h"

#define SYS_OPEN 0x01
#define SYS_CLOSE 0x02
#define SYS_WRITE0 0x04
#define SYS_WRITE 0x05
#define SYS_READ 0x06
#define SYS_EXIT_EXTENDED 0x20
#define APPLICATION_EXIT 0x20026

#define READ_BINARY 1
#define WRITE_BINARY 5

#define TIMER0_CONTROL (*(volatile uint32_t *)0x40000000u)
#define TIMER0_VALUE (*(volatile uint32_t *)0x40000004u)
#define TIMER0_RELOAD (*(volatile uint32_t *)0x40000008u)

extern uint32_t board_stack_top, board_bss_start, board_bss_end, board_data_start, board_data_end;
extern const uint32_t board_data_image;

int main(void);
void board_start(void);
void board_fault(void);

/* The processor takes its stack from the first entry, begins at the second, and goes to the others on a fault. */
__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    void (*handlers[6])(void);
} vectors = {&board_stack_top, {board_start, board_fault, board_fault, board_fault, board_fault, board_fault}};

static int32_t messages, trace;

static int32_t semihost(uint32_t operation, const void *arguments)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return (int32_t)r0;
}

static void leave(uint32_t status)
{
    const uint32_t arguments[2] = {APPLICATION_EXIT, status};
    (void)semihost(SYS_EXIT_EXTENDED, arguments);
    for (;;) {
    }
}

void board_start(void)
{
    const uint32_t *image = &board_data_image;
    for (uint32_t *word = &board_data_start; word < &board_data_end; word++) {
        *word = *image++;
    }
    for (uint32_t *word = &board_bss_start; word < &board_bss_end; word++) {
        *word = 0;
    }
    leave((uint32_t)main());
}

void board_fault(void)
{
    port_fail("the processor took a fault");
}

void port_fail(const char *what)
{
    (void)semihost(SYS_WRITE0, what);
    (void)semihost(SYS_WRITE0, "\n");
    leave(1);
}

static int32_t open_file(const char *name, uint32_t length, uint32_t mode)
{
    const uint32_t arguments[3] = {(uint32_t)name, mode, length};
    const int32_t file = semihost(SYS_OPEN, arguments);
    if (file < 0) {
        port_fail("messages.bin cannot be read, or trace.bin not written");
    }
    return file;
}

void port_open(void)
{
    messages = open_file("messages.bin", 12, READ_BINARY);
    trace = open_file("trace.bin", 9, WRITE_BINARY);
    TIMER0_RELOAD = 0xffffffffu;
    TIMER0_VALUE = 0xffffffffu;
    TIMER0_CONTROL = 1;
}

int port_read(void *data, size_t bytes)
{
    const uint32_t arguments[3] = {(uint32_t)messages, (uint32_t)data, bytes};
    const uint32_t missing = (uint32_t)semihost(SYS_READ, arguments);
    if (missing != 0 && missing != bytes) {
        port_fail("messages.bin ends within a step");
    }
    return missing == 0;
}

void port_write(const void *data, size_t bytes)
{
    const uint32_t arguments[3] = {(uint32_t)trace, (uint32_t)data, bytes};
    if (semihost(SYS_WRITE, arguments) != 0) {
        port_fail("trace.bin cannot be written; is the disk full?");
    }
}

uint32_t port_ticks(void)
{
    return 0xffffffffu - TIMER0_VALUE;
}

void port_close(void)
{
    const int32_t files[2] = {messages, trace};
    for (size_t file = 0; file < 2; file++) {
        (void)semihost(SYS_CLOSE, &files[file]);
    }
}
