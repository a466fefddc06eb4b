/*
 * answers.list.h - answers that are the same for everybody, made once at start
 *
 * ANSWER(name, status, error text or NULL).  A text becomes {"error":"text"}; trackers compare "token expired"
 * literally and the other texts are known from customers' logs, so they do not change.
 */
ANSWER(OK, 200, NULL)
ANSWER(MOBILE_BODY_TOO_LARGE, 400, "http: request body too large")
ANSWER(BAD_MOBILE_GZIP, 400, "broken gzip body")
ANSWER(BROKEN_MULTIPART, 400, "broken multipart body")
ANSWER(BROKEN_ARCHIVE, 400, "broken archive")
ANSWER(MISSING_TOKEN, 401, "missing token")
ANSWER(TOKEN_WRONG_FORMAT, 401, "wrong token format")
ANSWER(TOKEN_WRONG_SIGN, 401, "wrong token sign")
ANSWER(TOKEN_EXPIRED, 401, "token expired")
ANSWER(NO_SESSION, 401, "no rows: the session is not known")
ANSWER(NO_PROJECT_KEY, 403, "ProjectKey value required")
ANSWER(NO_MOBILE_PROJECT_KEY, 403, "projectKey value required")
ANSWER(NOT_A_WEB_PROJECT, 403, "project doesn't support web sessions")
ANSWER(NOT_A_MOBILE_PROJECT, 403, "project doesn't support mobile sessions")
ANSWER(PROJECT_MISMATCH, 403, "project mismatch")
ANSWER(NOT_FOUND, 404, "page not found")
ANSWER(WRONG_METHOD, 405, "method not allowed")
ANSWER(BODY_TOO_LARGE, 413, "http: request body too large")
ANSWER(BAD_GZIP, 413, "broken gzip body")
ANSWER(TOO_MANY_IMAGES, 413, "too many images")
ANSWER(NOT_MULTIPART, 415, "a multipart/form-data body is expected")
ANSWER(NO_FRAMES, 415, "a file of frames is expected")
ANSWER(OLD_MOBILE_TRACKER, 426, "tracker version not supported")
ANSWER(TOO_MANY_REQUESTS, 429, "too many requests, try again")
ANSWER(TOO_MANY_HEADERS, 431, "too many headers")
ANSWER(FAILED, 500, "internal error")
ANSWER(BUSY, 503, "can't save message, try again")
ANSWER(NO_DATABASE, 503, "database is not available, try again")
