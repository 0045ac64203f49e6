/* A listening socket on loopback. */
#ifndef LISTENING_H
#define LISTENING_H

/* Listens on 127.0.0.1 (port 0: any) or on a Unix socket, and prints "ready PORT" (or "ready PATH"). Returns the
 * descriptor, -1 with errno set. */
int listening_open(unsigned port, const char *unix_path);

#endif
