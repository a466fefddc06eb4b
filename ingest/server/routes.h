/*
 * routes.h - which paths are served, and the handlers behind them
 */
#ifndef OPENREPLAY_ROUTES_H
#define OPENREPLAY_ROUTES_H

#include "server/request.h"

extern const Route routes[];
extern const size_t route_count;

extern void start_session(Request *request, const uint8_t *body, size_t len);		 /* start_web.c */
extern void start_mobile_session(Request *request, const uint8_t *body, size_t len); /* start_mobile.c */
extern void start_sdk_session(Request *request, const uint8_t *body, size_t len);	 /* start_sdk.c */
extern void take_batch(Request *request, const uint8_t *body, size_t len);			 /* batches.c */
extern void take_mobile_batch(Request *request, const uint8_t *body, size_t len);	 /* batches.c */
extern void take_analytics(Request *request, const uint8_t *body, size_t len);		 /* batches.c */
extern void take_canvas_images(Request *request, const uint8_t *body, size_t len);	 /* images.c */
extern void take_screenshots(Request *request, const uint8_t *body, size_t len);	 /* images.c */

extern void note_not_started(Request *request, const uint8_t *body, size_t len); /* start_not.c */
extern void evaluate_flags(Request *request, const uint8_t *body, size_t len);	 /* flags.c */

/* usability.c */
extern void show_usability_test(Request *request, const uint8_t *body, size_t len);
extern void take_test_signal(Request *request, const uint8_t *body, size_t len);
extern void take_task_signal(Request *request, const uint8_t *body, size_t len);
extern void give_upload_url(Request *request, const uint8_t *body, size_t len);

/* project_lists.c */
extern void list_tags(Request *request, const uint8_t *body, size_t len);
extern void list_web_conditions(Request *request, const uint8_t *body, size_t len);
extern void list_mobile_conditions(Request *request, const uint8_t *body, size_t len);

/* status.c */
extern void show_health(Request *request, const uint8_t *body, size_t len);
extern void show_metrics(Request *request, const uint8_t *body, size_t len);

#endif /* OPENREPLAY_ROUTES_H */
