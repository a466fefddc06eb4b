/*
 * wake.h - latches of the workers in shared memory
 */
#ifndef OPENREPLAY_WAKE_H
#define OPENREPLAY_WAKE_H

/* At server start: asks for the shared memory. */
extern void request_wake_memory(void);

/* A worker's latch is set whenever a transaction that appended batches commits; until it exits. */
extern void enroll_worker(int slot);

#endif /* OPENREPLAY_WAKE_H */
