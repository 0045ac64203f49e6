#include "cpu.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double read_clock(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        return -1;
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static bool read_ticks(pid_t pid, struct cpu_time *time)
{
    char path[64], line[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[size] = 0;
    /* The name in brackets may hold spaces and brackets; what counts begins behind the last one. */
    char *rest = strrchr(line, ')');
    if (rest == NULL || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return false;
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);
    time->user += (double)user * tick;
    time->system += (double)system * tick;
    return true;
}

bool cpu_read(const pid_t *pids, unsigned count, struct cpu_time *time)
{
    *time = (struct cpu_time){0};
    for (unsigned i = 0; i < count; i++) {
        clockid_t clock;
        if (clock_getcpuclockid(pids[i], &clock) != 0)
            return false;
        double total = read_clock(clock);
        if (total < 0 || !read_ticks(pids[i], time))
            return false;
        time->total += total;
    }
    return true;
}

double cpu_read_own(void) { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }
