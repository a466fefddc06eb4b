/*
 * selector.h - whether a browser would take a text for a CSS selector
 */
#ifndef OPENREPLAY_SELECTOR_H
#define OPENREPLAY_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * True when querySelectorAll() accepts the text: Selectors Level 4, with the pseudo-classes that all browsers of today
 * know; no pseudo-elements, which never match.  Else false, and *fault is the byte where it stops making sense (len: it
 * ends too early, which browsers forgive and this does not).
 */
extern bool is_css_selector(const char *text, size_t len, size_t *fault);

#endif /* OPENREPLAY_SELECTOR_H */
