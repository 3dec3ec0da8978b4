// The subscriber table defines what each line gets. Other lines go to the walled garden.

#include <hooks/on_discover.h>
#include <hooks/on_inform.h>
#include <hooks/on_request.h>
#include <lessor.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 16 };

// The settings of a line; the server's configuration applies to values that are NULL or 0.
struct line {
  char *name, *pool;
  bool has_address, blocked, refused;
  lessor_address address;
  lessor_option options[OPTIONS_MAX];
  size_t options_count;
  uint32_t lease_time_secs, leases_max;
  uint8_t beyond;
};

static struct line garden = {.pool = "walled-garden", .lease_time_secs = 60};
static struct line *lines;
static size_t lines_count;

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct line *)a)->name, ((const struct line *)b)->name);
}

static bool read_address(lessor_json value, lessor_address *address) {
  char *text = lessor_json_text(value);
  bool is_one = text && lessor_read_address(text, address);
  free(text);
  return is_one;
}

// Reads the options of a line; returns a mistake or NULL.
static char *read_options(struct line *line, lessor_json options) {
  lessor_json value;
  for (char *name; (value = lessor_json_next(&options, &name)); line->options_count++) {
    if (line->options_count == OPTIONS_MAX) return lessor_join("there are too many options", NULL);
    char *mistake = lessor_encode_option(name, value, &line->options[line->options_count]);
    if (mistake) return mistake;
  }
  return NULL;
}

// Reads one setting of a line; returns false if the key or the value is invalid.
static bool read_setting(struct line *line, const char *key, lessor_json value) {
  if (!strcmp(key, "pool")) return (line->pool = lessor_json_text(value));
  if (!strcmp(key, "address")) return line->has_address = read_address(value, &line->address);
  if (!strcmp(key, "lease-time-secs")) return lessor_json_u32(value, &line->lease_time_secs);
  if (!strcmp(key, "leases-max")) return lessor_json_u32(value, &line->leases_max);
  if (!strcmp(key, "blocked")) return lessor_json_flag(value, &line->blocked);
  if (!strcmp(key, "refused")) return lessor_json_flag(value, &line->refused);
  if (!strcmp(key, "beyond")) {
    char *text = lessor_json_text(value);
    bool replaces = text && !strcmp(text, "replace-oldest");
    bool refuses = text && !strcmp(text, "refuse");
    line->beyond = replaces ? LESSOR_REPLACE_OLDEST : LESSOR_REFUSE;
    free(text);
    return replaces || refuses;
  }
  return false;
}

char *lessor_configure(const char *settings) {
  lessor_json table = lessor_json_member(settings, "lines"), value;
  if (!table) return lessor_join("there are no lines: write [settings.lines.\"<circuit id>\"]", NULL);
  for (char *name; (value = lessor_json_next(&table, &name)); lines_count++) {
    lines = realloc(lines, (lines_count + 1) * sizeof *lines);
    lines[lines_count] = (struct line){.name = name};
    lessor_json setting;
    for (char *key; (setting = lessor_json_next(&value, &key)); free(key)) {
      if (!strcmp(key, "options")) {
        char *mistake = read_options(&lines[lines_count], setting);
        if (mistake) return lessor_join("line ", name, ": ", mistake, NULL);
      } else if (!read_setting(&lines[lines_count], key, setting)) {
        return lessor_join("line ", name, ": unknown setting or invalid value: ", key, NULL);
      }
    }
  }
  qsort(lines, lines_count, sizeof *lines, by_name);
  return NULL;
}

static lessor_verdict decide(lessor_request request, lessor_terms terms) {
  char *name = lessor_circuit_id_text(request);
  struct line wanted = {.name = name};
  struct line *line = bsearch(&wanted, lines, lines_count, sizeof *lines, by_name);
  if (!line) {
    line = &garden;
    // Later policies must not lead out of the garden.
    lessor_set_final(terms);
  }

  lessor_verdict verdict = lessor_proceed();
  if (line->blocked || line->refused) {
    char *reason = lessor_join("line ", name, line->blocked ? " is blocked" : " is refused", NULL);
    verdict = line->blocked ? lessor_ignore(reason) : lessor_refuse(reason);
    free(reason);
  } else {
    if (!lessor_is_inform(request)) {
      if (line->pool) lessor_set_pool(terms, line->pool);
      if (line->has_address) lessor_set_address(terms, line->address);
      if (line->lease_time_secs) lessor_set_lease_time_secs(terms, line->lease_time_secs);
      if (line->leases_max) lessor_set_subscriber(terms, name, line->leases_max, line->beyond);
    }
    for (size_t i = 0; i < line->options_count; i++) {
      const lessor_option *option = &line->options[i];
      lessor_set_option(terms, option->code, option->value, option->octets);
    }
  }
  free(name);
  return verdict;
}

lessor_verdict lessor_on_discover(lessor_request request, lessor_terms terms) {
  return decide(request, terms);
}

lessor_verdict lessor_on_request(lessor_request request, lessor_terms terms) {
  return decide(request, terms);
}

lessor_verdict lessor_on_inform(lessor_request request, lessor_terms terms) {
  return decide(request, terms);
}
