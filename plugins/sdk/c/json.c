// See json.h. Every function takes a position at which a value begins, or NULL.

#include "json.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

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

char *lessor_json_raw(lessor_json value) {
  if (!value) return lessor_join("null", NULL);
  size_t length = (size_t)(skip_value(value) - value);
  while (length && strchr(" \t\r\n", value[length - 1])) length--;
  char *copy = lessor_allocate(length + 1);
  memcpy(copy, value, length);
  copy[length] = 0;
  return copy;
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
  char *text = lessor_allocate((size_t)(skip_text(value) - value)), *to = text;
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
