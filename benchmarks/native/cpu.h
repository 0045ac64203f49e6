/* Processor time of other processes: what a server spent on the messages. */
#ifndef CPU_H
#define CPU_H

#include <stdbool.h>
#include <sys/types.h>

struct cpu_time {
    double total; /* seconds, exact, of all threads */
    double user;  /* seconds, in the kernel's ticks */
    double system;
};

/* Adds up several processes; returns whether all of them are there. */
bool cpu_read(const pid_t *pids, unsigned count, struct cpu_time *time);

/* This process's own, in seconds. */
double cpu_read_own(void);

#endif
