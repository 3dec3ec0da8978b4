// Options by name: their codes, and their values as octets.
//
// Names and values are those of the server's configuration. The table of options is in
// generated/options.h.

#ifndef LESSOR_OPTIONS_H
#define LESSOR_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "json.h"

// An option with its value.
typedef struct lessor_option {
  uint8_t code;
  // From `malloc`.
  uint8_t *value;
  size_t octets;
} lessor_option;

// Encodes an option by its name or number. `value` is JSON, such as a value of the settings or a text
// of the policy: `"[\"example.net\"]"`. Returns NULL on success, or a sentence about the mistake, from
// `malloc`.
char *lessor_encode_option(const char *name, lessor_json value, lessor_option *option);

#endif
