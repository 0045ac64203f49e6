/* The one line of JSON that the load generator ends with. */
#ifndef REPORT_H
#define REPORT_H

#include "client.h"
#include "cpu.h"
#include "histogram.h"

struct result {
    double seconds; /* measured */
    uint64_t messages;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t checked;
    uint64_t lost;
    double opening_seconds;
    struct cpu_time server;
    double load_cpu;
};

void report_print(const struct shared *shared, const struct result *result, const struct histogram *latency);
void report_opened(const struct shared *shared, double seconds);
void report_error(const char *error);

#endif
