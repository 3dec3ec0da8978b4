// A reader for settings, which are JSON. The server writes them, so they are well-formed.

#ifndef LESSOR_JSON_H
#define LESSOR_JSON_H

#include <stdbool.h>
#include <stdint.h>

// A position in the settings at which a value begins, or NULL if there is no value.
typedef const char *lessor_json;

// Returns the value of a member of an object, or NULL if there is no such member.
lessor_json lessor_json_member(lessor_json object, const char *name);
// Iterates over an object or an array; `place` is initially the value itself. Returns the next
// value, or NULL after the last. For an object, sets `name`, which may be NULL, to the member's
// name (from `malloc`).
lessor_json lessor_json_next(lessor_json *place, char **name);
// Returns the JSON of a value, from `malloc`; `null` if there is no value.
char *lessor_json_raw(lessor_json value);
// Returns a text from `malloc`, or NULL if the value is not a text or contains a zero octet.
char *lessor_json_text(lessor_json value);
// Returns false if the value is not a whole number of at most 32 bits.
bool lessor_json_u32(lessor_json value, uint32_t *number);
// Returns false if the value is neither `true` nor `false`.
bool lessor_json_flag(lessor_json value, bool *flag);

#endif
