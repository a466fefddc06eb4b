/*
 * notify.h - settings of the announcing triggers; the module's start defines them as openreplay.*
 */
#ifndef OPENREPLAY_NOTIFY_H
#define OPENREPLAY_NOTIFY_H

/* openreplay.notify_secrets: announce the values inside integrations.options, which anyone who can connect can hear */
extern bool openreplay_notify_secrets;

#endif /* OPENREPLAY_NOTIFY_H */
