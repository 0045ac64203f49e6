#include "report.h"

#include <stdio.h>

/* Texts come from this program and from headers of a server under test: quotes and controls are enough. */
static void print_text(const char *text)
{
    putchar('"');
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        if ((unsigned char)*text >= 0x20)
            putchar(*text);
    }
    putchar('"');
}

void report_error(const char *error)
{
    printf("{\"error\":");
    print_text(error);
    printf("}\n");
    fflush(stdout);
}

void report_opened(const struct shared *shared, double seconds)
{
    printf("{\"mode\":\"idle\",\"connections\":%u,\"opening_seconds\":%.6f,\"extension\":", shared->options->connections,
           seconds);
    print_text(shared->extension);
    printf("}\n");
    fflush(stdout);
}

static void print_latency(const struct histogram *latency)
{
    static const struct {
        const char *name;
        double share;
    } percentiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};
    double mean = latency->count != 0 ? (double)latency->sum / (double)latency->count : 0;
    printf(",\"latency_us\":{\"mean\":%.2f", mean / 1000);
    for (unsigned i = 0; i < sizeof percentiles / sizeof percentiles[0]; i++)
        printf(",\"%s\":%.2f", percentiles[i].name, (double)histogram_percentile(latency, percentiles[i].share) / 1000);
    printf(",\"max\":%.2f}", (double)latency->max / 1000);
}

void report_print(const struct shared *shared, const struct result *result, const struct histogram *latency)
{
    static const char *const kinds[] = {"binary", "text", "json"};
    const struct options *options = shared->options;
    double messages = result->messages != 0 ? (double)result->messages : 1;
    printf("{\"mode\":\"%s\",\"connections\":%u,\"depth\":%u,\"size\":%zu,\"kind\":\"%s\",\"extension\":",
           options_mode_name(options->mode), options->connections, options->depth, options->size,
           kinds[options->kind]);
    print_text(shared->extension);
    printf(",\"opening_seconds\":%.6f,\"seconds\":%.6f,\"messages\":%llu,\"rate\":%.1f", result->opening_seconds,
           result->seconds, (unsigned long long)result->messages, (double)result->messages / result->seconds);
    printf(",\"checked\":%llu,\"lost\":%llu", (unsigned long long)result->checked, (unsigned long long)result->lost);
    printf(",\"bytes_in\":%llu,\"bytes_out\":%llu,\"bytes_in_per_message\":%.2f", (unsigned long long)result->bytes_in,
           (unsigned long long)result->bytes_out, (double)result->bytes_in / messages);
    print_latency(latency);
    printf(",\"load_busy\":%.4f", result->load_cpu / result->seconds);
    if (options->pid_count != 0)
        printf(",\"server_cpu\":{\"seconds\":%.6f,\"user\":%.2f,\"system\":%.2f,\"busy\":%.4f,\"us_per_message\":%.4f}",
               result->server.total, result->server.user, result->server.system,
               result->server.total / result->seconds, result->server.total * 1e6 / messages);
    printf("}\n");
    fflush(stdout);
}
