/*
 * injection.h - dying where a test says
 *
 * A pass must have no instant at which a kill does harm.  A build with OPENREPLAY_INJECTION (make
 * build/injection/openreplay.so) counts the marked steps of each process and dies, as if killed, at the one that
 * openreplay.crash_at_step names; it also lets tests choose how many entries a pass takes.  Any other build has none of
 * it.
 */
#ifndef OPENREPLAY_INJECTION_H
#define OPENREPLAY_INJECTION_H

#ifdef OPENREPLAY_INJECTION

extern int openreplay_pass_entries;

extern void define_injection_settings(void);

/*
 * Dies at the step asked for, once: the file openreplay.crashed in the data directory says at which step it was and
 * keeps processes that find it alive.
 */
extern void crash_point(const char *step);

#define CRASH_POINT(step) crash_point(step)
#define PASS_ENTRIES openreplay_pass_entries
#define CHECKPOINT_AFTER_BYTES (64 * 1024) /* recordings are short */

#else

#define CRASH_POINT(step) ((void) 0)

#endif

#endif /* OPENREPLAY_INJECTION_H */
