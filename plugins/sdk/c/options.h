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
// `malloc`. The server encodes what is not in the table, such as values that consist of parts and options
// that its configuration declares.
char *lessor_encode_option(const char *name, lessor_json value, lessor_option *option);
// Has the server encode an option; as above, for any option.
char *lessor_encode_on_server(const char *name, const char *value, lessor_option *option);
// Returns the value of an option as JSON from its octets, in the form in which `lessor_encode_option`
// takes it. In a hook with a request, the sub-options of option 43 are those of the client's vendor. From
// `malloc`.
char *lessor_decode_option(uint8_t code, const void *value, size_t octets);

#endif
