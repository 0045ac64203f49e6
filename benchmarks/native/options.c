#include "options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "deflate.h"
#include "stream.h"

static const char usage[] =
    "usage: load (--port N [--host ADDRESS] | --unix PATH) [OPTION...]\n"
    "Drives a WebSocket server on this machine and prints one line of JSON.\n"
    "  --path PATH        resource of the request (default /)\n"
    "  --connections N    (default 1)\n"
    "  --depth N          messages of a connection under way at a time (default 1)\n"
    "  --size N           bytes of a message (default 32)\n"
    "  --text, --binary, --json   what messages are (default binary)\n"
    "  --deflate PARAMS   offer permessage-deflate with these parameters, such as 'client_max_window_bits' or ''\n"
    "  --duration S       seconds that are measured (default 2)\n"
    "  --warmup S         seconds before that (default 0.5)\n"
    "  --publish          the first connection sends, all receive: counts deliveries\n"
    "  --receive-only     sends nothing, counts what comes\n"
    "  --idle N           opens N connections, says so, and holds them until its input ends\n"
    "  --touch N          with --idle: messages that each connection has echoed before (default 0)\n"
    "  --handshake        connects, upgrades, closes, again and again, on --connections at a time\n"
    "  --opening N        connections that are being opened at a time (default 50)\n"
    "  --check all|sample|none   compare every echo, one of 16, or none (default all)\n"
    "  --tls              wss; the certificate is not checked\n"
    "  --pid PID[,PID...] measure the processor time of these processes\n";

static _Noreturn void fail(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fprintf(stderr, "\n");
    exit(2);
}

const char *options_mode_name(enum mode mode)
{
    static const char *const names[] = {"echo", "publish", "receive", "idle", "handshake"};
    return names[mode];
}

static unsigned read_count(const char *text, const char *name, unsigned long least, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != 0 || value < least || value > most)
        fail("--%s %s: a number from %lu to %lu", name, text, least, most);
    return (unsigned)value;
}

static double read_seconds(const char *text, const char *name)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != 0 || !(value >= 0 && value <= 3600))
        fail("--%s %s: seconds from 0 to 3600", name, text);
    return value;
}

static void read_pids(struct options *options, const char *text)
{
    for (char *end; *text != 0; text = *end == ',' ? end + 1 : end) {
        long pid = strtol(text, &end, 10);
        if (end == text || (*end != 0 && *end != ',') || pid < 1 || options->pid_count == PIDS_MAX)
            fail("--pid: at most %d process numbers", PIDS_MAX);
        options->pids[options->pid_count++] = (pid_t)pid;
    }
}

static void read_check(struct options *options, const char *text)
{
    static const char *const names[] = {"all", "sample", "none"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            options->check = (enum check)i;
            return;
        }
    }
    fail("--check %s: all, sample or none", text);
}

/* Loopback and nothing else: this program is made to exhaust what it talks to. */
static void read_address(struct options *options, const char *host, unsigned port)
{
    struct sockaddr_in *four = (struct sockaddr_in *)&options->address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&options->address;
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &four->sin_addr) == 1) {
        if (ntohl(four->sin_addr.s_addr) >> 24 != 127)
            fail("--host %s: only loopback, 127.0.0.0/8 and ::1, is ever a target", host);
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)port);
        options->address_size = sizeof *four;
        options->rotates_sources = true;
        snprintf(options->host, sizeof options->host, "%s:%u", host, port);
        return;
    }
    if (inet_pton(AF_INET6, host, &six->sin6_addr) != 1 || !IN6_IS_ADDR_LOOPBACK(&six->sin6_addr))
        fail("--host %s: only loopback, 127.0.0.0/8 and ::1, is ever a target", host);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons((uint16_t)port);
    options->address_size = sizeof *six;
    snprintf(options->host, sizeof options->host, "[%s]:%u", host, port);
}

static void read_unix_path(struct options *options, const char *path)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&options->address;
    if (strlen(path) >= sizeof address->sun_path)
        fail("--unix %s: too long", path);
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, path);
    options->address_size = sizeof *address;
    snprintf(options->host, sizeof options->host, "localhost");
}

static void check_together(struct options *options)
{
    if (options->deflate != NULL && !deflate_is_available())
        fail("--deflate: this program was built without zlib");
    if (options->tls && !stream_has_tls())
        fail("--tls: this program was built without OpenSSL");
    if (options->mode == MODE_IDLE && options->touch == 0)
        options->check = CHECK_NONE;
}

void options_read(struct options *options, int count, char **arguments)
{
    static const struct option table[] = {
        {"host", 1, 0, 'h'},        {"port", 1, 0, 'p'},     {"unix", 1, 0, 'u'},     {"path", 1, 0, 'r'},
        {"connections", 1, 0, 'c'}, {"depth", 1, 0, 'd'},    {"size", 1, 0, 's'},     {"text", 0, 0, 't'},
        {"binary", 0, 0, 'b'},      {"json", 0, 0, 'j'},     {"deflate", 1, 0, 'z'},  {"duration", 1, 0, 'n'},
        {"warmup", 1, 0, 'w'},      {"publish", 0, 0, 'P'},  {"receive-only", 0, 0, 'R'}, {"idle", 1, 0, 'I'},
        {"touch", 1, 0, 'T'},       {"handshake", 0, 0, 'H'}, {"opening", 1, 0, 'o'}, {"check", 1, 0, 'k'},
        {"tls", 0, 0, 'S'},         {"pid", 1, 0, 'i'},      {"help", 0, 0, '?'},     {0, 0, 0, 0},
    };
    *options = (struct options){.path = "/", .connections = 1, .depth = 1, .opening = 50, .size = 32,
                                .duration = 2, .warmup = 0.5};
    const char *host = "127.0.0.1", *unix_path = NULL;
    unsigned port = 0;
    for (int found; (found = getopt_long(count, arguments, "", table, NULL)) != -1;) {
        switch (found) {
        case 'h': host = optarg; break;
        case 'p': port = read_count(optarg, "port", 1, 65535); break;
        case 'u': unix_path = optarg; break;
        case 'r': options->path = optarg; break;
        case 'c': options->connections = read_count(optarg, "connections", 1, 100000); break;
        case 'd': options->depth = read_count(optarg, "depth", 1, 4096); break;
        case 's': options->size = read_count(optarg, "size", 0, 64 << 20); break;
        case 't': options->kind = TAPE_TEXT; break;
        case 'b': options->kind = TAPE_BINARY; break;
        case 'j': options->kind = TAPE_JSON; break;
        case 'z': options->deflate = optarg; break;
        case 'n': options->duration = read_seconds(optarg, "duration"); break;
        case 'w': options->warmup = read_seconds(optarg, "warmup"); break;
        case 'P': options->mode = MODE_PUBLISH; break;
        case 'R': options->mode = MODE_RECEIVE; break;
        case 'I':
            options->mode = MODE_IDLE;
            options->connections = read_count(optarg, "idle", 1, 100000);
            break;
        case 'T': options->touch = read_count(optarg, "touch", 0, 1000); break;
        case 'H': options->mode = MODE_HANDSHAKE; break;
        case 'o': options->opening = read_count(optarg, "opening", 1, 4096); break;
        case 'k': read_check(options, optarg); break;
        case 'S': options->tls = true; break;
        case 'i': read_pids(options, optarg); break;
        default: fail("%s", usage);
        }
    }
    if (optind != count || (port == 0) == (unix_path == NULL))
        fail("%s", usage);
    if (unix_path != NULL)
        read_unix_path(options, unix_path);
    else
        read_address(options, host, port);
    check_together(options);
}
