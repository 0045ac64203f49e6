/* The command line of the load generator. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "receiver.h"
#include "tape.h"

enum mode { MODE_ECHO, MODE_PUBLISH, MODE_RECEIVE, MODE_IDLE, MODE_HANDSHAKE };

enum { PIDS_MAX = 64 };

struct options {
    enum mode mode;
    struct sockaddr_storage address;
    socklen_t address_size;
    bool rotates_sources; /* IPv4: each connection from another address of 127.0.0.0/8 */
    char host[128];       /* the Host header */
    const char *path;
    unsigned connections;
    unsigned depth;
    unsigned opening;
    unsigned touch;
    size_t size;
    enum tape_kind kind;
    const char *deflate; /* parameters of the offer; NULL: none */
    double duration;
    double warmup;
    bool tls;
    enum check check;
    pid_t pids[PIDS_MAX];
    unsigned pid_count;
};

/* Reads the command line; ends the program with status 2 and a message when it is wrong. */
void options_read(struct options *options, int count, char **arguments);

const char *options_mode_name(enum mode mode);

#endif
