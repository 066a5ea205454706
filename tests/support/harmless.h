/* harmless.h - would a terminal, or a person, be deceived by these bytes?
 *
 * Looks at bytes, and not through base/text.h, whose work it judges. */
#ifndef TESTS_SUPPORT_HARMLESS_H
#define TESTS_SUPPORT_HARMLESS_H

#include <stddef.h>

/* The first control character (C0 but LF, DEL, C1), bidirectional mark or isolate, or line or paragraph separator;
 * NULL when there is none. */
const char *find_harm(const char *text, size_t length);

#endif
