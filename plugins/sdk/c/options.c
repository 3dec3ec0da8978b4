// See options.h. The rules and the words of the mistakes are those of the crate lessor-vocabulary; a
// test compares them.

#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "generated/options.h"
#include "text.h"

enum { OCTETS_MAX = 1020, NAME_OCTETS_MAX = 254, GOALS_MAX = 64 };

// Octets that grow.
struct octets {
  uint8_t *at;
  size_t length, room;
};

// What an option is called in a mistake, the first mistake, and by how much names were compressed.
struct context {
  const char *option;
  char *mistake;
  size_t compressed_by;
};

static void put(struct octets *to, const void *octets, size_t length) {
  if (to->length + length > to->room) {
    to->room = 2 * (to->length + length);
    uint8_t *grown = lessor_allocate(to->room);
    if (to->length) memcpy(grown, to->at, to->length);
    free(to->at);
    to->at = grown;
  }
  if (length) memcpy(to->at + to->length, octets, length);
  to->length += length;
}

static void put_octet(struct octets *to, uint8_t octet) { put(to, &octet, 1); }

static char *number_text(long long number) {
  char digits[24], *at = digits + sizeof digits - 1;
  unsigned long long rest = number < 0 ? 0 - (unsigned long long)number : (unsigned long long)number;
  *at = 0;
  do *--at = (char)('0' + rest % 10);
  while (rest /= 10);
  if (number < 0) *--at = '-';
  return lessor_join(at, NULL);
}

static bool has_word(const char *words, const char *word) {
  size_t length = strlen(word);
  for (const char *at = words; length && (at = strstr(at, word)); at++) {
    if ((at == words || at[-1] == ' ') && (!at[length] || at[length] == ' ')) return true;
  }
  return false;
}

// Whether a name, or a number, means the option with this code and name.
static bool means(const char *text, uint8_t code, const char *name) {
  char *number = number_text(code);
  bool is_it = !strcmp(text, name) || !strcmp(text, number);
  free(number);
  return is_it;
}

// Values.

// Describes a value for a message. From `malloc`.
static char *described(lessor_json value) {
  if (!value || *value == 'n') return lessor_join("nothing", NULL);
  if (*value == '{') return lessor_join("a table", NULL);
  if (*value == '[') {
    lessor_json place = value;
    return lessor_join(lessor_json_next(&place, NULL) ? "a list" : "an empty list", NULL);
  }
  size_t length;
  if (*value == '"') {
    for (length = 1; value[length] != '"'; length++) length += value[length] == '\\';
    length++;
  } else {
    length = strcspn(value, " \t\r\n,}]");
  }
  char *text = lessor_allocate(length + 1);
  memcpy(text, value, length);
  text[length] = 0;
  return text;
}

// Notes that a value is not what was wanted. Returns false.
static bool refuse(struct context *context, lessor_json value, const char *wanted, const char *help) {
  if (context->mistake) return false;
  char *found = described(value);
  context->mistake = lessor_join("option ", context->option, ": wanted ", wanted, ", found ", found,
                                 help ? "; " : "", help ? help : "", NULL);
  free(found);
  return false;
}

static bool put_address(struct context *context, lessor_json value, struct octets *to) {
  static const char wanted[] = "an IPv4 address, such as \"192.0.2.1\"";
  char *text = lessor_json_text(value);
  uint8_t octets[4];
  bool is_one = text && lessor_read_octets(text, octets);
  if (is_one) put(to, octets, 4);
  if (!is_one) {
    // The trimmed text shows whether the spaces are the mistake.
    const char *help = NULL;
    if (text) {
      char *start = text + strspn(text, " \t\r\n"), *end = start + strlen(start);
      while (end > start && strchr(" \t\r\n", end[-1])) *--end = 0;
      if (lessor_read_octets(start, octets)) help = "remove the spaces around it";
      const char *colon = strchr(text, ':');
      bool is_ipv6 = colon && strchr(colon + 1, ':') && !text[strspn(text, "0123456789abcdefABCDEF:.")];
      if (is_ipv6) help = "DHCPv4 does not support IPv6 addresses";
    }
    refuse(context, value, wanted, help);
  }
  free(text);
  return is_one;
}

static bool put_number(struct context *context, lessor_json value, long long from, long long to_number,
                       int octets, struct octets *to) {
  char *end = NULL;
  bool is_number = value && (*value == '-' || (*value >= '0' && *value <= '9'));
  long long number = is_number ? strtoll(value, &end, 10) : 0;
  if (!is_number || (*end && !strchr(" \t\r\n,}]", *end)) || number < from || number > to_number) {
    char *first = number_text(from), *last = number_text(to_number);
    char *wanted = lessor_join("a number from ", first, " to ", last, NULL);
    refuse(context, value, wanted, NULL);
    free(first), free(last), free(wanted);
    return false;
  }
  for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8) {
    put_octet(to, (uint8_t)((unsigned long long)number >> shift));
  }
  return true;
}

static bool put_flag(struct context *context, lessor_json value, struct octets *to) {
  bool flag;
  if (lessor_json_flag(value, &flag)) {
    put_octet(to, flag);
    return true;
  }
  char *text = lessor_json_text(value);
  for (char *at = text; at && *at; at++) {
    if (*at >= 'A' && *at <= 'Z') *at = (char)(*at - 'A' + 'a');
  }
  const char *help = "write true or false, without quotes";
  if (text && *text && has_word("true yes on 1", text)) help = "write true, without quotes";
  if (text && *text && has_word("false no off 0", text)) help = "write false, without quotes";
  free(text);
  return refuse(context, value, "true or false", help);
}

// A text that begins with `hex:`.
static bool put_hexadecimal(struct context *context, lessor_json value, const char *text, struct octets *to) {
  static const char wanted[] = "octets, such as \"hex:0a0b\"";
  size_t digits = 0;
  for (const char *at = text + 4; *at; at++) {
    // Octets that continue a character are not counted.
    digits += !strchr(":- ", *at) && (*at & 0xc0) != 0x80;
  }
  if (digits % 2) return refuse(context, value, wanted, "write two digits for every octet");
  int high = -1;
  for (const char *at = text + 4; *at; at++) {
    if (strchr(":- ", *at)) continue;
    const char *all = "0123456789abcdef", *digit = strchr(all, *at >= 'A' && *at <= 'F' ? *at - 'A' + 'a' : *at);
    if (!digit) return refuse(context, value, wanted, "the digits are 0 to 9 and a to f");
    if (high < 0) {
      high = (int)(digit - all);
    } else {
      put_octet(to, (uint8_t)(high << 4 | (digit - all)));
      high = -1;
    }
  }
  return true;
}

// A text of at least one character. JSON texts with a NUL are none for lessor_json_text.
static bool put_text(struct context *context, lessor_json value, bool may_be_octets, struct octets *to) {
  static const char filled[] = "a text of at least one character, without NUL characters";
  bool is_text = value && *value == '"';
  char *text = is_text ? lessor_json_text(value) : NULL;
  bool is_filled = text && *text;
  if (is_filled) put(to, text, strlen(text));
  free(text);
  if (is_filled) return true;
  bool wants_octets = may_be_octets && !is_text;
  return refuse(context, value, wants_octets ? "a text, or octets such as \"hex:0a0b\"" : filled, NULL);
}

// The labels that pointers may lead to, by their offset in the value.
struct goals {
  size_t count;
  uint16_t offsets[GOALS_MAX];
};

static bool is_plain(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '-' || letter == '_';
}

// Whether the labels at an offset are those of `name`, which ends with a zero octet.
static bool stands_at(const struct octets *value, size_t offset, const char *name) {
  for (;;) {
    uint8_t length = value->at[offset];
    if (length >= 0xc0) {
      offset = (size_t)(length & 0x3f) << 8 | value->at[offset + 1];
      continue;
    }
    if (!length || !*name) return !length && !*name;
    size_t found = strcspn(name, ".");
    if (found != length || memcmp(name, value->at + offset + 1, length)) return false;
    name += found + (name[found] == '.');
    offset += 1 + length;
    // The name that is being written has no end yet.
    if (offset >= value->length) return false;
  }
}

static bool put_domain_name(struct context *context, lessor_json value, struct octets *to,
                            struct goals *goals) {
  char *text = lessor_json_text(value);
  bool is_name = text && *text;
  if (is_name && text[strlen(text) - 1] == '.') text[strlen(text) - 1] = 0;
  size_t octets = 0;
  for (const char *at = text; is_name; at++) {
    size_t length = 0;
    while (is_plain(at[length])) length++;
    octets += 1 + length;
    at += length;
    is_name = length && length <= 63 && (!*at || *at == '.');
    if (!*at) break;
  }
  if (!is_name || octets > NAME_OCTETS_MAX) {
    refuse(context, value, "a domain name, such as \"example.net\"",
           text ? "labels of 1 to 63 letters, digits, `-` and `_`, with dots between them, 253 characters "
                  "in all"
                : NULL);
    free(text);
    return false;
  }
  const char *rest = text;
  while (*rest) {
    // A pointer takes two octets, the rest of the name and its end one more than its letters.
    size_t saved = strlen(rest);
    for (size_t i = 0; i < goals->count; i++) {
      if (!stands_at(to, goals->offsets[i], rest)) continue;
      put_octet(to, (uint8_t)(0xc0 | goals->offsets[i] >> 8));
      put_octet(to, (uint8_t)goals->offsets[i]);
      context->compressed_by += saved;
      free(text);
      return true;
    }
    if (goals->count < GOALS_MAX && to->length < 0x4000) goals->offsets[goals->count++] = (uint16_t)to->length;
    size_t length = strcspn(rest, ".");
    put_octet(to, (uint8_t)length);
    put(to, rest, length);
    rest += length + (rest[length] == '.');
  }
  put_octet(to, 0);
  free(text);
  return true;
}

static bool put_prefix(struct context *context, lessor_json value, struct octets *to) {
  static const char wanted[] = "an IPv4 prefix, such as \"100.64.0.0/16\"";
  char *text = lessor_json_text(value), *slash = text ? strchr(text, '/') : NULL;
  uint8_t octets[4];
  if (!slash) {
    bool is_address = text && lessor_read_octets(text, octets);
    free(text);
    return refuse(context, value, wanted, is_address ? "add the length of the prefix, such as /24" : NULL);
  }
  *slash = 0;
  size_t digits = strspn(slash + 1, "0123456789");
  unsigned long length = strtoul(slash + 1, NULL, 10);
  bool is_prefix = lessor_read_octets(text, octets) && digits && digits <= 2 && !slash[1 + digits] && length <= 32;
  free(text);
  if (!is_prefix) return refuse(context, value, wanted, NULL);
  uint32_t address = (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 | (uint32_t)octets[2] << 8 | octets[3];
  uint32_t mask = length ? ~(uint32_t)0 << (32 - length) : 0;
  if (address & ~mask) {
    char *parts[5];
    for (int place = 0; place < 4; place++) parts[place] = number_text((address & mask) >> (24 - 8 * place) & 0xff);
    parts[4] = number_text((long long)length);
    char *help = lessor_join("did you mean \"", parts[0], ".", parts[1], ".", parts[2], ".", parts[3], "/",
                             parts[4], "\"?", NULL);
    for (int place = 0; place < 5; place++) free(parts[place]);
    refuse(context, value, "the first address of the prefix", help);
    free(help);
    return false;
  }
  put_octet(to, (uint8_t)length);
  put(to, octets, (length + 7) / 8);
  return true;
}

static bool put_route(struct context *context, lessor_json value, struct octets *to) {
  bool is_table = value && *value == '{';
  lessor_json destination = is_table ? lessor_json_member(value, "to") : NULL;
  lessor_json router = is_table ? lessor_json_member(value, "via") : NULL;
  if (!destination || !router) {
    return refuse(context, value,
                  "a route with its destination, `to` (such as \"0.0.0.0/0\"), and its router, `via` (such "
                  "as \"192.0.2.1\")",
                  NULL);
  }
  return put_prefix(context, destination, to) && put_address(context, router, to);
}

static bool put_item(struct context *context, lessor_json value, enum lessor_kind kind, struct octets *to,
                     struct goals *goals) {
  switch (kind) {
    case LESSOR_U16S: return put_number(context, value, 0, UINT16_MAX, 2, to);
    case LESSOR_DOMAIN_NAMES: return put_domain_name(context, value, to, goals);
    case LESSOR_ROUTES: return put_route(context, value, to);
    default: return put_address(context, value, to);
  }
}

// A list of at least one item; a value that is not a list counts as a list with one item.
static bool put_list(struct context *context, lessor_json value, enum lessor_kind kind, struct octets *to) {
  struct goals goals = {.count = 0};
  if (!value || *value != '[') return put_item(context, value, kind, to, &goals);
  bool is_empty = true;
  lessor_json place = value;
  for (lessor_json item; (item = lessor_json_next(&place, NULL)); is_empty = false) {
    if (!put_item(context, item, kind, to, &goals)) return false;
  }
  if (!is_empty) return true;
  const char *wanted = kind == LESSOR_U16S           ? "at least a number"
                       : kind == LESSOR_DOMAIN_NAMES ? "at least a domain name"
                       : kind == LESSOR_ROUTES       ? "at least a route"
                                                     : "at least an address";
  return refuse(context, value, wanted, "remove the option if there is nothing to send");
}

static bool put_value(struct context *context, lessor_json value, enum lessor_kind kind, struct octets *to) {
  switch (kind) {
    case LESSOR_ADDRESS: return put_address(context, value, to);
    case LESSOR_FLAG: return put_flag(context, value, to);
    case LESSOR_U8: return put_number(context, value, 0, UINT8_MAX, 1, to);
    case LESSOR_U16: return put_number(context, value, 0, UINT16_MAX, 2, to);
    case LESSOR_U32: return put_number(context, value, 0, UINT32_MAX, 4, to);
    case LESSOR_I32: return put_number(context, value, INT32_MIN, INT32_MAX, 4, to);
    case LESSOR_TEXT: return put_text(context, value, false, to);
    case LESSOR_OCTETS: return put_text(context, value, true, to);
    default: return put_list(context, value, kind, to);
  }
}

char *lessor_encode_option(const char *name, lessor_json value, lessor_option *option) {
  for (size_t i = 0; i < LESSOR_RESERVED_OPTIONS; i++) {
    if (!means(name, lessor_reserved_options[i].code, lessor_reserved_options[i].name)) continue;
    return lessor_join("option ", name, " is set only by the server; remove it", NULL);
  }
  size_t own = 0;
  while (own < LESSOR_OPTIONS && !means(name, lessor_options[own].code, lessor_options[own].name)) own++;
  if (own == LESSOR_OPTIONS) {
    char *written = lessor_json_raw(value);
    char *mistake = lessor_encode_on_server(name, written, option);
    free(written);
    return mistake;
  }
  struct context context = {.option = name};
  struct octets octets = {.at = NULL};
  char *text = lessor_json_text(value);
  bool is_hexadecimal = text && !strncmp(text, "hex:", 4);
  if (is_hexadecimal) {
    put_hexadecimal(&context, value, text, &octets);
  } else if (put_value(&context, value, lessor_options[own].kind, &octets) &&
             octets.length + context.compressed_by > OCTETS_MAX) {
    char *length = number_text((long long)(octets.length + context.compressed_by));
    context.mistake = lessor_join("option ", name, " takes ", length, " octets; wanted at most 1020", NULL);
    free(length);
  }
  free(text);
  if (context.mistake) {
    free(octets.at);
    return context.mistake;
  }
  *option = (lessor_option){.code = lessor_options[own].code, .value = octets.at, .octets = octets.length};
  return NULL;
}
