/* Latencies in log-linear buckets: 64 per power of two, so a percentile is at most 1.6 % off. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_BITS = 6, HISTOGRAM_BUCKETS = (64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS };

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t value)
{
    if (value < 1u << HISTOGRAM_BITS)
        return (unsigned)value;
    unsigned shift = (unsigned)(63 - __builtin_clzll(value)) - HISTOGRAM_BITS;
    return ((shift + 1) << HISTOGRAM_BITS) + (unsigned)((value >> shift) & ((1u << HISTOGRAM_BITS) - 1));
}

static inline void histogram_add(struct histogram *histogram, uint64_t nanoseconds)
{
    histogram->count++;
    histogram->sum += nanoseconds;
    if (nanoseconds > histogram->max)
        histogram->max = nanoseconds;
    histogram->buckets[histogram_bucket(nanoseconds)]++;
}

/* The value that a share of all values (0 to 1) does not exceed: the upper end of its bucket. */
uint64_t histogram_percentile(const struct histogram *histogram, double share);

#endif
