/* The load generator: opens connections, waits until all are there, sends, measures, and counts what is lost.
 *
 * A run is a sequence of phases. Everything that a message costs here is computed before (tape.h), and one thread does
 * all, so that a second core is enough to drive a server on the first. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client.h"
#include "cpu.h"
#include "histogram.h"
#include "report.h"

enum phase {
    PHASE_OPENING,
    PHASE_TOUCHING,
    PHASE_HOLDING,
    PHASE_WARMUP,
    PHASE_MEASURING,
    PHASE_DRAINING,
    PHASE_CLOSING,
    PHASE_DONE
};

enum { EVENTS_MAX = 512, PUBLISHED_MAX = 1 << 16, DESCRIPTORS_SPARE = 64 };

static const double opening_limit = 120, draining_limit = 10, closing_limit = 2, extension = 0.05;

struct load {
    struct options options;
    struct shared shared;
    struct client *clients;
    enum phase phase;
    uint64_t phase_end; /* nanoseconds; 0: none */
    unsigned next;      /* the first client that was not opened */
    unsigned opening;
    unsigned open;
    unsigned touched;
    uint64_t began;
    uint64_t messages;  /* received by all, or handshakes */
    uint64_t drained;   /* the same when the run last looked, while it waits for what is under way */
    uint64_t published; /* by the first client, in publish mode */
    uint64_t published_at[PUBLISHED_MAX];
    struct histogram latency;
    struct result result;
    const char *error;
};

static uint64_t in_seconds(uint64_t now, double seconds) { return now + (uint64_t)(seconds * 1e9); }

static void stop(struct load *load, const char *error)
{
    load->error = error;
    load->phase = PHASE_DONE;
}

static bool sends(const struct load *load) { return load->phase == PHASE_WARMUP || load->phase == PHASE_MEASURING; }

/* --- opening --- */

static void open_more(struct load *load, uint64_t now)
{
    const struct options *options = &load->options;
    while (load->opening < options->opening && load->next < options->connections) {
        struct client *client = &load->clients[load->next];
        client->number = load->next++;
        client->sent_at = calloc(options->depth, sizeof *client->sent_at);
        if (client->sent_at == NULL || !client_open(&load->shared, client, now)) {
            stop(load, "a socket could not be opened");
            return;
        }
        load->opening++;
    }
}

/* --- messages --- */

/* In publish mode, at most `depth` messages are under way to all subscribers: a server that holds everything back for
 * a slow one would otherwise be measured by its memory. */
static void publish_more(struct load *load, uint64_t now)
{
    struct client *publisher = &load->clients[0];
    uint64_t under_way = load->published - load->messages / load->options.connections;
    while (sends(load) && under_way < load->options.depth) {
        load->published_at[load->published++ % PUBLISHED_MAX] = now;
        client_grant(&load->shared, publisher, 1, now);
        under_way++;
    }
    if (publisher->credit != 0 && client_flush(&load->shared, publisher) == OUTCOME_FAILED)
        stop(load, load->shared.error);
}

static void grant(struct load *load, struct client *client, unsigned count, uint64_t now)
{
    client_grant(&load->shared, client, count, now);
    if (client_flush(&load->shared, client) == OUTCOME_FAILED)
        stop(load, load->shared.error);
}

static void on_messages(struct load *load, struct client *client, uint64_t now)
{
    unsigned count = client->received_now;
    uint64_t first = client->received - count;
    bool measuring = load->phase == PHASE_MEASURING;
    load->messages += count;
    if (load->options.mode == MODE_PUBLISH) {
        for (unsigned i = 0; measuring && i < count; i++) {
            if (load->published - (first + i) <= PUBLISHED_MAX)
                histogram_add(&load->latency, now - load->published_at[(first + i) % PUBLISHED_MAX]);
        }
        return;
    }
    if (load->options.mode == MODE_RECEIVE)
        return;
    for (unsigned i = 0; measuring && i < count; i++)
        histogram_add(&load->latency, now - client->sent_at[(first + i) % load->options.depth]);
    if (sends(load))
        grant(load, client, count, now);
    else if (load->phase == PHASE_TOUCHING && client->received < load->options.touch)
        grant(load, client, 1, now);
    else if (load->phase == PHASE_TOUCHING)
        load->touched++;
}

static uint64_t under_way(const struct load *load)
{
    uint64_t granted = 0;
    if (load->options.mode == MODE_PUBLISH)
        return load->published * load->options.connections - load->messages;
    for (unsigned i = 0; i < load->next; i++)
        granted += load->clients[i].granted;
    return load->options.mode == MODE_ECHO ? granted - load->messages : 0;
}

/* --- phases --- */

static void take_readings(struct load *load, double sign)
{
    struct cpu_time server;
    struct result *result = &load->result;
    if (!cpu_read(load->options.pids, load->options.pid_count, &server)) {
        stop(load, "a process that --pid names is gone");
        return;
    }
    result->server.total += sign * server.total;
    result->server.user += sign * server.user;
    result->server.system += sign * server.system;
    result->load_cpu += sign * cpu_read_own();
    result->seconds += sign * (double)now_nanoseconds() * 1e-9;
    /* At the beginning this notes the counters, at the end it leaves what was added. */
    result->messages = load->messages - result->messages;
    result->bytes_in = load->shared.bytes_in - result->bytes_in;
    result->bytes_out = load->shared.bytes_out - result->bytes_out;
}

static void start_sending(struct load *load, uint64_t now)
{
    load->phase = PHASE_WARMUP;
    load->phase_end = in_seconds(now, load->options.warmup);
    if (load->options.mode == MODE_PUBLISH)
        publish_more(load, now);
    else if (load->options.mode == MODE_ECHO)
        for (unsigned i = 0; i < load->next && load->phase == PHASE_WARMUP; i++)
            grant(load, &load->clients[i], load->options.depth, now);
}

static void all_open(struct load *load, uint64_t now)
{
    load->result.opening_seconds = (double)(now - load->began) * 1e-9;
    if (load->options.mode != MODE_IDLE) {
        start_sending(load, now);
        return;
    }
    load->phase = PHASE_TOUCHING;
    load->phase_end = in_seconds(now, opening_limit);
    for (unsigned i = 0; load->options.touch != 0 && i < load->next; i++)
        grant(load, &load->clients[i], 1, now);
}

static void say_goodbye(struct load *load, uint64_t now)
{
    load->phase = PHASE_CLOSING;
    load->phase_end = in_seconds(now, closing_limit);
    for (unsigned i = 0; i < load->next; i++) {
        struct client *client = &load->clients[i];
        load->result.checked += client->receiver.checked;
        if (client->stage == STAGE_OPEN && client_say_goodbye(&load->shared, client) == OUTCOME_FAILED)
            client_close(client), load->open--;
    }
}

static void end_phase(struct load *load, uint64_t now)
{
    switch (load->phase) {
    case PHASE_OPENING:
    case PHASE_TOUCHING:
        stop(load, "not all connections could be opened in time");
        break;
    case PHASE_WARMUP:
        load->phase = PHASE_MEASURING;
        load->phase_end = in_seconds(now, load->options.duration);
        take_readings(load, -1);
        break;
    case PHASE_MEASURING:
        /* An interval without any message says nothing: it is made longer. */
        if (load->messages == load->result.messages && load->options.mode != MODE_RECEIVE &&
            now < in_seconds(load->began, opening_limit)) {
            load->phase_end = in_seconds(now, extension);
            break;
        }
        take_readings(load, 1);
        if (load->phase == PHASE_DONE)
            break;
        load->phase = PHASE_DRAINING;
        load->phase_end = in_seconds(now, draining_limit);
        break;
    case PHASE_DRAINING:
        load->result.lost = under_way(load);
        say_goodbye(load, now);
        break;
    default:
        load->phase = PHASE_DONE;
    }
}

/* Moves on when what a phase waits for has come, or its time is over. */
static void advance(struct load *load, uint64_t now)
{
    if (load->phase == PHASE_OPENING && load->open == load->options.connections)
        all_open(load, now);
    if (load->phase == PHASE_TOUCHING && (load->options.touch == 0 || load->touched == load->options.connections)) {
        report_opened(&load->shared, load->result.opening_seconds);
        load->phase = PHASE_HOLDING;
        load->phase_end = 0;
    }
    if (load->phase == PHASE_DRAINING) {
        /* A slow server may take its time with a broadcast, as long as something comes. */
        if (load->messages != load->drained)
            load->phase_end = in_seconds(now, draining_limit);
        load->drained = load->messages;
        if (load->options.mode == MODE_HANDSHAKE || under_way(load) == 0)
            load->phase_end = now;
    }
    if (load->phase == PHASE_CLOSING && load->open == 0)
        load->phase = PHASE_DONE;
    if (load->phase != PHASE_DONE && load->phase_end != 0 && now >= load->phase_end)
        end_phase(load, now);
}

/* --- events --- */

static void on_closed(struct load *load, struct client *client, uint64_t now)
{
    client_close(client);
    if (load->phase == PHASE_CLOSING || load->options.mode != MODE_HANDSHAKE) {
        load->open--;
        return;
    }
    load->messages++;
    if (load->phase == PHASE_MEASURING)
        histogram_add(&load->latency, now - client->began);
    if (load->phase == PHASE_DRAINING)
        load->open--;
    else if (!client_open(&load->shared, client, now))
        stop(load, "a socket could not be opened");
}

static void on_opened(struct load *load, struct client *client, uint64_t now)
{
    if (load->options.mode == MODE_HANDSHAKE) {
        /* There is nothing to wait for: each connection comes and goes by itself. */
        if (client_say_goodbye(&load->shared, client) == OUTCOME_FAILED)
            stop(load, load->shared.error);
        return;
    }
    load->opening--;
    load->open++;
    open_more(load, now);
}

static void on_event(struct load *load, struct client *client, uint32_t events)
{
    enum outcome outcome = client_on_event(&load->shared, client, events);
    uint64_t now = outcome == OUTCOME_NONE ? 0 : now_nanoseconds();
    if (outcome == OUTCOME_OPENED)
        on_opened(load, client, now);
    else if (outcome == OUTCOME_MESSAGES)
        on_messages(load, client, now);
    else if (outcome == OUTCOME_CLOSED)
        on_closed(load, client, now);
    else if (outcome == OUTCOME_FAILED)
        stop(load, load->shared.error);
}

/* While connections are held: the end of our input is the end of the run. */
static void on_input(struct load *load, uint64_t now)
{
    char bytes[64];
    if (read(STDIN_FILENO, bytes, sizeof bytes) > 0)
        return;
    epoll_ctl(load->shared.epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
    if (load->phase == PHASE_HOLDING)
        say_goodbye(load, now);
    else
        stop(load, "the input ended before all connections were open");
}

static void run(struct load *load)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t now = now_nanoseconds();
    load->began = now;
    load->phase_end = in_seconds(now, opening_limit);
    if (load->options.mode == MODE_HANDSHAKE) {
        load->options.opening = load->options.connections;
        open_more(load, now);
        load->open = load->next;
        start_sending(load, now);
    } else {
        open_more(load, now);
    }
    while (load->phase != PHASE_DONE) {
        int timeout = -1;
        if (load->phase_end != 0)
            timeout = load->phase_end <= now ? 0 : (int)((load->phase_end - now + 999999) / 1000000);
        int count = epoll_wait(load->shared.epoll, events, EVENTS_MAX, timeout);
        if (count < 0 && errno != EINTR)
            stop(load, "epoll_wait failed");
        for (int i = 0; i < count && load->phase != PHASE_DONE; i++) {
            if (events[i].data.ptr == NULL)
                on_input(load, now_nanoseconds());
            else
                on_event(load, events[i].data.ptr, events[i].events);
        }
        now = now_nanoseconds();
        if (load->options.mode == MODE_PUBLISH && sends(load))
            publish_more(load, now);
        advance(load, now);
    }
}

static bool raise_limit(unsigned connections)
{
    struct rlimit limit;
    rlim_t wanted = connections + DESCRIPTORS_SPARE;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted)
        return true;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static const char *prepare(struct load *load)
{
    if (!raise_limit(load->options.connections))
        return "the limit of open files is too low for so many connections";
    load->shared.options = &load->options;
    load->shared.epoll = epoll_create1(EPOLL_CLOEXEC);
    load->clients = calloc(load->options.connections, sizeof *load->clients);
    if (load->shared.epoll < 0 || load->clients == NULL)
        return "no memory";
    if (load->options.mode == MODE_IDLE) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
        if (epoll_ctl(load->shared.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
            return "--idle waits for the end of its input, which has to be a pipe or a terminal";
    }
    return load->options.tls ? stream_prepare_tls(NULL, NULL) : NULL;
}

int main(int count, char **arguments)
{
    static struct load load;
    options_read(&load.options, count, arguments);
    signal(SIGPIPE, SIG_IGN);
    const char *error = prepare(&load);
    if (error == NULL) {
        run(&load);
        error = load.error;
    }
    if (error != NULL) {
        report_error(error);
        return 1;
    }
    if (load.options.mode != MODE_IDLE)
        report_print(&load.shared, &load.result, &load.latency);
    return load.result.lost != 0;
}
