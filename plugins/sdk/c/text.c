// See text.h.

#include "text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void *lessor_allocate(size_t octets) {
  void *found = malloc(octets ? octets : 1);
  if (!found) abort();
  return found;
}

char *lessor_join(const char *first, ...) {
  size_t octets = 0;
  va_list texts;
  va_start(texts, first);
  for (const char *text = first; text; text = va_arg(texts, const char *)) octets += strlen(text);
  va_end(texts);
  char *joined = lessor_allocate(octets + 1), *end = joined;
  va_start(texts, first);
  for (const char *text = first; text; text = va_arg(texts, const char *)) {
    size_t length = strlen(text);
    memcpy(end, text, length);
    end += length;
  }
  va_end(texts);
  *end = 0;
  return joined;
}

bool lessor_read_octets(const char *text, uint8_t octets[4]) {
  for (int place = 0; place < 4; place++) {
    // Like the server, this refuses a zero before another digit.
    if (*text < '0' || *text > '9' || (*text == '0' && text[1] >= '0' && text[1] <= '9')) return false;
    uint32_t number = 0;
    while (*text >= '0' && *text <= '9' && number < 256) number = 10 * number + (uint32_t)(*text++ - '0');
    if (number > 255 || *text++ != (place < 3 ? '.' : 0)) return false;
    octets[place] = (uint8_t)number;
  }
  return true;
}
