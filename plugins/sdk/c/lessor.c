// See lessor.h.

#include "lessor.h"
#include "shapes.h"

#include <stdlib.h>
#include <string.h>

static policy_string_t borrowed(const char *text) {
  return (policy_string_t){(uint8_t *)text, strlen(text)};
}

// Takes ownership of a text from the server and returns it with a zero octet at its end.
static char *ended(policy_string_t text) {
  char *found = lessor_allocate(text.len + 1);
  memcpy(found, text.ptr, text.len);
  found[text.len] = 0;
  policy_string_free(&text);
  return found;
}

bool exports_lessor_policy_configuring_configure(policy_string_t *settings, policy_string_t *err) {
  char *text = ended(*settings);
  char *mistake = lessor_configure(text);
  free(text);
  if (mistake) *err = borrowed(mistake);
  return !mistake;
}

// For the headers in hooks/: what is lent to a hook is dropped before the hook returns.

void lessor_call_plan(void (*hook)(lessor_request, lessor_plan), int32_t request, int32_t plan) {
  lessor_request asked = {request};
  lessor_plan planned = {plan};
  hook(asked, planned);
  lessor_policy_types_request_drop_borrow(asked);
  lessor_policy_types_lookup_plan_drop_borrow(planned);
}

void lessor_call_plan_event(void (*hook)(lessor_event, lessor_plan), int32_t event, int32_t plan) {
  lessor_event told = {event};
  lessor_plan planned = {plan};
  hook(told, planned);
  lessor_policy_types_lease_event_drop_borrow(told);
  lessor_policy_types_lookup_plan_drop_borrow(planned);
}

// A verdict in memory has the form that the contract wants.
_Static_assert(offsetof(lessor_verdict, val) == 4 && sizeof(lessor_verdict) == 12, "on wasm32");

void *lessor_call_decide(lessor_verdict (*hook)(lessor_request, lessor_terms), int32_t request,
                         int32_t terms) {
  static lessor_verdict verdict;
  lessor_request asked = {request};
  lessor_terms set = {terms};
  verdict = hook(asked, set);
  lessor_policy_types_request_drop_borrow(asked);
  lessor_policy_types_terms_drop_borrow(set);
  return &verdict;
}

void lessor_end_decide(void *verdict) { lessor_policy_types_verdict_free(verdict); }

void lessor_call_edit(void (*hook)(lessor_request, lessor_reply), int32_t request, int32_t reply) {
  lessor_request asked = {request};
  lessor_reply edited = {reply};
  hook(asked, edited);
  lessor_policy_types_request_drop_borrow(asked);
  lessor_policy_types_reply_drop_borrow(edited);
}

void lessor_call_tell(void (*hook)(lessor_event), int32_t event) {
  lessor_event told = {event};
  hook(told);
  lessor_policy_types_lease_event_drop_borrow(told);
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

// Takes ownership of a text that the server may not have, which is then empty.
static char *ended_or_empty(bool is_there, policy_string_t text) {
  return is_there ? ended(text) : lessor_join("", NULL);
}

bool lessor_is_bootp(lessor_request request) {
  const uint8_t message_type = 53;
  policy_list_u8_t value = {NULL, 0};
  if (lessor_policy_types_method_request_kind(request) != LESSOR_POLICY_TYPES_REQUEST_KIND_DISCOVER) return false;
  if (!lessor_policy_types_method_request_dhcp_option(request, message_type, &value)) return true;
  policy_list_u8_free(&value);
  return false;
}

char *lessor_circuit_id_text(lessor_request request) {
  policy_string_t text;
  bool is_there = lessor_policy_types_method_request_circuit_id_text(request, &text);
  return ended_or_empty(is_there, text);
}

bool lessor_count_pool(lessor_request request, const char *name, lessor_pool_usage *usage) {
  policy_string_t text = borrowed(name);
  return lessor_policy_types_method_request_pool_usage(request, &text, usage);
}

bool lessor_is_in_class(lessor_request request, const char *name) {
  policy_list_string_t classes;
  lessor_policy_types_method_request_classes(request, &classes);
  bool is_in = false;
  for (size_t i = 0; i < classes.len; i++) {
    policy_string_t *found = &classes.ptr[i];
    is_in |= found->len == strlen(name) && memcmp(found->ptr, name, found->len) == 0;
  }
  policy_list_string_free(&classes);
  return is_in;
}

bool lessor_look_up(lessor_plan plan, const char *name, const char *source, const char *key) {
  policy_string_t texts[] = {borrowed(name), borrowed(source), borrowed(key)};
  lessor_policy_types_lookup_error_t error;
  bool is_planned =
      lessor_policy_types_method_lookup_plan_add(plan, &texts[0], &texts[1], &texts[2], &error);
  if (!is_planned) lessor_policy_types_lookup_error_free(&error);
  return is_planned;
}

char *lessor_lookup_field(lessor_request request, const char *name, const char *field) {
  policy_string_t texts[] = {borrowed(name), borrowed(field)}, found;
  bool is_found =
      lessor_policy_types_method_request_lookup_field(request, &texts[0], &texts[1], &found);
  return is_found ? ended(found) : NULL;
}

void lessor_set_pool(lessor_terms terms, const char *name) {
  policy_string_t text = borrowed(name);
  lessor_policy_types_method_terms_set_pool(terms, &text);
}

void lessor_set_pools(lessor_terms terms, const char *const *names, size_t count) {
  policy_string_t *texts = lessor_allocate(count * sizeof *texts + 1);
  for (size_t i = 0; i < count; i++) texts[i] = borrowed(names[i]);
  policy_list_string_t list = {texts, count};
  lessor_policy_types_method_terms_set_pools(terms, &list);
  free(texts);
}

void lessor_set_address(lessor_terms terms, lessor_address address) {
  lessor_policy_types_method_terms_set_address(terms, &address);
}

void lessor_set_lease_time_secs(lessor_terms terms, uint32_t secs) {
  lessor_policy_types_method_terms_set_lease_time_secs(terms, secs);
}

void lessor_set_renewal_time_secs(lessor_terms terms, uint32_t secs) {
  lessor_policy_types_method_terms_set_renewal_time_secs(terms, secs);
}

void lessor_set_renewal_fraction(lessor_terms terms, double fraction) {
  lessor_policy_types_method_terms_set_renewal_fraction(terms, fraction);
}

void lessor_set_rebinding_time_secs(lessor_terms terms, uint32_t secs) {
  lessor_policy_types_method_terms_set_rebinding_time_secs(terms, secs);
}

void lessor_set_rebinding_fraction(lessor_terms terms, double fraction) {
  lessor_policy_types_method_terms_set_rebinding_fraction(terms, fraction);
}

void lessor_set_next_server(lessor_terms terms, lessor_address address) {
  lessor_policy_types_method_terms_set_next_server(terms, &address);
}

void lessor_set_server_name(lessor_terms terms, const char *name) {
  policy_string_t text = borrowed(name);
  lessor_policy_types_method_terms_set_server_name(terms, &text);
}

void lessor_set_boot_file(lessor_terms terms, const char *name) {
  policy_string_t text = borrowed(name);
  lessor_policy_types_method_terms_set_boot_file(terms, &text);
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
  bool is_there = lessor_policy_types_method_terms_pool(terms, &text);
  return ended_or_empty(is_there, text);
}

// Whether the server accepted a change of an option.
static bool is_accepted(bool is_ok, lessor_policy_types_option_error_t *error) {
  if (!is_ok) lessor_policy_types_option_error_free(error);
  return is_ok;
}

bool lessor_set_option(lessor_terms terms, uint8_t code, const void *value, size_t octets) {
  policy_list_u8_t list = {(uint8_t *)value, octets};
  lessor_policy_types_option_error_t error;
  return is_accepted(lessor_policy_types_method_terms_set_option(terms, code, &list, &error), &error);
}

bool lessor_remove_option(lessor_terms terms, uint8_t code) {
  lessor_policy_types_option_error_t error;
  return is_accepted(lessor_policy_types_method_terms_remove_option(terms, code, &error), &error);
}

bool lessor_reply_set_option(lessor_reply reply, uint8_t code, const void *value, size_t octets) {
  policy_list_u8_t list = {(uint8_t *)value, octets};
  lessor_policy_types_option_error_t error;
  return is_accepted(lessor_policy_types_method_reply_set_option(reply, code, &list, &error), &error);
}

bool lessor_reply_remove_option(lessor_reply reply, uint8_t code) {
  lessor_policy_types_option_error_t error;
  return is_accepted(lessor_policy_types_method_reply_remove_option(reply, code, &error), &error);
}

char *lessor_reply_boot_file(lessor_reply reply) {
  policy_string_t text;
  bool is_there = lessor_policy_types_method_reply_boot_file(reply, &text);
  return ended_or_empty(is_there, text);
}

char *lessor_reply_server_name(lessor_reply reply) {
  policy_string_t text;
  bool is_there = lessor_policy_types_method_reply_server_name(reply, &text);
  return ended_or_empty(is_there, text);
}

bool lessor_reply_next_server(lessor_reply reply, lessor_address *address) {
  return lessor_policy_types_method_reply_next_server(reply, address);
}

char *lessor_event_circuit_id_text(lessor_event event) {
  policy_string_t text;
  bool is_there = lessor_policy_types_method_lease_event_circuit_id_text(event, &text);
  return ended_or_empty(is_there, text);
}

char *lessor_event_host_name(lessor_event event) {
  policy_string_t text;
  bool is_there = lessor_policy_types_method_lease_event_host_name(event, &text);
  return ended_or_empty(is_there, text);
}

char *lessor_event_pool_name(lessor_event event) {
  policy_string_t text;
  bool is_there = lessor_policy_types_method_lease_event_pool_name(event, &text);
  return ended_or_empty(is_there, text);
}

char *lessor_event_lookup_field(lessor_event event, const char *name, const char *field) {
  policy_string_t texts[] = {borrowed(name), borrowed(field)}, found;
  bool is_found =
      lessor_policy_types_method_lease_event_lookup_field(event, &texts[0], &texts[1], &found);
  return is_found ? ended(found) : NULL;
}

char *lessor_encode_on_server(const char *name, const char *value, lessor_option *option) {
  policy_string_t texts[] = {borrowed(name), borrowed(value)}, mistake;
  policy_tuple2_u8_list_u8_t encoded;
  if (!lessor_policy_options_encode(&texts[0], &texts[1], &encoded, &mistake)) return ended(mistake);
  *option = (lessor_option){.code = encoded.f0, .value = encoded.f1.ptr, .octets = encoded.f1.len};
  return NULL;
}

char *lessor_decode_option(uint8_t code, const void *value, size_t octets) {
  policy_list_u8_t list = {(uint8_t *)value, octets};
  policy_string_t text;
  lessor_policy_options_decode(code, &list, &text);
  return ended(text);
}

bool lessor_read_address(const char *text, lessor_address *address) {
  uint8_t octets[4];
  if (!lessor_read_octets(text, octets)) return false;
  *address = (lessor_address){octets[0], octets[1], octets[2], octets[3]};
  return true;
}

char *lessor_show_address(lessor_address address) {
  uint8_t octets[] = {address.f0, address.f1, address.f2, address.f3};
  char text[16], *at = text;
  for (int place = 0; place < 4; place++) {
    if (place) *at++ = '.';
    if (octets[place] > 99) *at++ = (char)('0' + octets[place] / 100);
    if (octets[place] > 9) *at++ = (char)('0' + octets[place] / 10 % 10);
    *at++ = (char)('0' + octets[place] % 10);
  }
  *at = 0;
  return lessor_join(text, NULL);
}

void lessor_log(const char *line) {
  policy_string_t text = borrowed(line);
  lessor_policy_log_write(LESSOR_POLICY_LOG_LEVEL_INFO, &text);
}
