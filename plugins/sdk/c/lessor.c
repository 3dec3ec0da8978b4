// See lessor.h.

#include "lessor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

// Aborts if there is no memory: the server ends the call and reports the fault to the operator.
static void *allocate(size_t octets) {
  void *found = malloc(octets ? octets : 1);
  if (!found) abort();
  return found;
}

static policy_string_t borrowed(const char *text) {
  return (policy_string_t){(uint8_t *)text, strlen(text)};
}

// Takes ownership of a text from the server and returns it with a zero octet at its end.
static char *ended(policy_string_t text) {
  char *found = allocate(text.len + 1);
  memcpy(found, text.ptr, text.len);
  found[text.len] = 0;
  policy_string_free(&text);
  return found;
}

// The hooks of the contract.

// Drops the borrowed request and terms, as required before a call returns.
static void end(lessor_request request, lessor_terms terms) {
  lessor_policy_types_request_drop_borrow(request);
  lessor_policy_types_terms_drop_borrow(terms);
}

bool exports_lessor_policy_configuring_configure(policy_string_t *settings, policy_string_t *err) {
  char *text = ended(*settings);
  char *mistake = lessor_configure(text);
  free(text);
  if (mistake) *err = borrowed(mistake);
  return !mistake;
}

void exports_lessor_policy_on_discover_handle(lessor_request request, lessor_terms terms,
                                              lessor_verdict *ret) {
  *ret = lessor_on_discover(request, terms);
  end(request, terms);
}

void exports_lessor_policy_on_request_handle(lessor_request request, lessor_terms terms,
                                             lessor_verdict *ret) {
  *ret = lessor_on_request(request, terms);
  end(request, terms);
}

void exports_lessor_policy_on_inform_handle(lessor_request request, lessor_terms terms,
                                            lessor_verdict *ret) {
  *ret = lessor_on_inform(request, terms);
  end(request, terms);
}

lessor_verdict lessor_proceed(void) {
  return (lessor_verdict){.tag = LESSOR_POLICY_TYPES_VERDICT_PROCEED};
}

lessor_verdict lessor_ignore(const char *reason) {
  lessor_verdict verdict = {.tag = LESSOR_POLICY_TYPES_VERDICT_IGNORE};
  policy_string_dup(&verdict.val.ignore, reason);
  return verdict;
}

lessor_verdict lessor_refuse(const char *reason) {
  lessor_verdict verdict = {.tag = LESSOR_POLICY_TYPES_VERDICT_REFUSE};
  policy_string_dup(&verdict.val.refuse, reason);
  return verdict;
}

bool lessor_is_inform(lessor_request request) {
  return lessor_policy_types_method_request_kind(request) == LESSOR_POLICY_TYPES_REQUEST_KIND_INFORM;
}

char *lessor_circuit_id_text(lessor_request request) {
  policy_string_t text = {NULL, 0};
  if (!lessor_policy_types_method_request_circuit_id_text(request, &text)) text.len = 0;
  return ended(text);
}

void lessor_set_pool(lessor_terms terms, const char *name) {
  policy_string_t text = borrowed(name);
  lessor_policy_types_method_terms_set_pool(terms, &text);
}

void lessor_set_address(lessor_terms terms, lessor_address address) {
  lessor_policy_types_method_terms_set_address(terms, &address);
}

void lessor_set_lease_time_secs(lessor_terms terms, uint32_t secs) {
  lessor_policy_types_method_terms_set_lease_time_secs(terms, secs);
}

void lessor_set_subscriber(lessor_terms terms, const char *name, uint32_t leases_max,
                           uint8_t beyond) {
  policy_string_t text = borrowed(name);
  lessor_policy_types_method_terms_set_subscriber(terms, &text, leases_max, beyond);
}

void lessor_set_final(lessor_terms terms) {
  lessor_policy_types_method_terms_set_final(terms);
}

char *lessor_pool(lessor_terms terms) {
  policy_string_t text;
  if (!lessor_policy_types_method_terms_pool(terms, &text)) text.len = 0;
  return ended(text);
}

bool lessor_set_option(lessor_terms terms, uint8_t code, const void *value, size_t octets) {
  policy_list_u8_t list = {(uint8_t *)value, octets};
  lessor_policy_types_option_error_t error;
  if (lessor_policy_types_method_terms_set_option(terms, code, &list, &error)) return true;
  lessor_policy_types_option_error_free(&error);
  return false;
}

char *lessor_join(const char *first, ...) {
  size_t octets = 0;
  va_list texts;
  va_start(texts, first);
  for (const char *text = first; text; text = va_arg(texts, const char *)) octets += strlen(text);
  va_end(texts);
  char *joined = allocate(octets + 1), *end = joined;
  va_start(texts, first);
  for (const char *text = first; text; text = va_arg(texts, const char *)) {
    end = stpcpy(end, text);
  }
  va_end(texts);
  *end = 0;
  return joined;
}

bool lessor_read_address(const char *text, lessor_address *address) {
  uint8_t octets[4];
  for (int place = 0; place < 4; place++) {
    if (*text < '0' || *text > '9') return false;
    uint32_t number = 0;
    while (*text >= '0' && *text <= '9' && number < 256) number = 10 * number + (uint32_t)(*text++ - '0');
    if (number > 255 || *text++ != (place < 3 ? '.' : 0)) return false;
    octets[place] = (uint8_t)number;
  }
  *address = (lessor_address){octets[0], octets[1], octets[2], octets[3]};
  return true;
}

// JSON. Every function takes a position at which a value begins, or NULL.

static const char *skip_blanks(const char *at) { return at + strspn(at, " \t\r\n"); }

// Returns the position after a text; `at` is its first quote.
static const char *skip_text(const char *at) {
  for (at++; *at != '"'; at++) {
    if (*at == '\\') at++;
  }
  return at + 1;
}

// Returns the position after any value.
static const char *skip_value(const char *at) {
  int depth = 0;
  do {
    if (*at == '"') {
      at = skip_text(at);
    } else {
      depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
      at++;
    }
    // A number or a word ends at the next separator.
  } while (*at && (depth || !strchr(",}]", *at)));
  return at;
}

lessor_json lessor_json_next(lessor_json *place, char **name) {
  if (!*place) return NULL;
  const char *at = skip_blanks(*place);
  // `at` is at first the beginning of the object or array, and later the position after a value.
  if (!strchr("{[,", *at) || !*at) return NULL;
  at = skip_blanks(at + 1);
  if (*at == '}' || *at == ']') return NULL;
  if (name) *name = NULL;
  const char *after = *at == '"' ? skip_blanks(skip_text(at)) : at;
  if (*at == '"' && *after == ':') {
    if (name) *name = lessor_json_text(at);
    at = skip_blanks(after + 1);
  }
  *place = skip_blanks(skip_value(at));
  return at;
}

lessor_json lessor_json_member(lessor_json object, const char *name) {
  char *found = NULL;
  lessor_json value;
  while ((value = lessor_json_next(&object, &found))) {
    bool is_it = found && !strcmp(found, name);
    free(found);
    if (is_it) break;
  }
  return value;
}

static uint32_t hexadecimal(const char *digits) {
  char text[5] = {digits[0], digits[1], digits[2], digits[3], 0};
  return (uint32_t)strtoul(text, NULL, 16);
}

static char *put_utf8(char *to, uint32_t scalar) {
  if (scalar < 0x80) {
    *to++ = (char)scalar;
  } else if (scalar < 0x800) {
    *to++ = (char)(0xc0 | scalar >> 6);
  } else if (scalar < 0x10000) {
    *to++ = (char)(0xe0 | scalar >> 12);
    *to++ = (char)(0x80 | (scalar >> 6 & 0x3f));
  } else {
    *to++ = (char)(0xf0 | scalar >> 18);
    *to++ = (char)(0x80 | (scalar >> 12 & 0x3f));
    *to++ = (char)(0x80 | (scalar >> 6 & 0x3f));
  }
  if (scalar >= 0x80) *to++ = (char)(0x80 | (scalar & 0x3f));
  return to;
}

char *lessor_json_text(lessor_json value) {
  if (!value || *value != '"') return NULL;
  // An escape sequence is longer than the character that it stands for.
  char *text = allocate((size_t)(skip_text(value) - value)), *to = text;
  for (const char *at = value + 1; *at != '"'; at++) {
    if (*at != '\\') {
      *to++ = *at;
      continue;
    }
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    const char *letter = strchr(letters, *++at);
    if (*at == 'u') {
      uint32_t scalar = hexadecimal(at + 1);
      at += 4;
      if (scalar >= 0xd800 && scalar < 0xdc00) {
        scalar = 0x10000 + ((scalar - 0xd800) << 10) + (hexadecimal(at + 3) - 0xdc00);
        at += 6;
      }
      if (!scalar) {
        free(text);
        return NULL;
      }
      to = put_utf8(to, scalar);
    } else {
      *to++ = letter ? meanings[letter - letters] : *at;
    }
  }
  *to = 0;
  return text;
}

bool lessor_json_u32(lessor_json value, uint32_t *number) {
  if (!value || *value < '0' || *value > '9') return false;
  char *end;
  unsigned long long found = strtoull(value, &end, 10);
  if (found > UINT32_MAX || !*end || !strchr(" \t\r\n,}]", *end)) return false;
  *number = (uint32_t)found;
  return true;
}

bool lessor_json_flag(lessor_json value, bool *flag) {
  if (!value || (strncmp(value, "true", 4) && strncmp(value, "false", 5))) return false;
  *flag = *value == 't';
  return true;
}
