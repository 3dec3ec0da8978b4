// A policy in C with every hook. The tests build it and call each of them.

#include <hooks/on_decline.h>
#include <hooks/on_discover.h>
#include <hooks/on_inform.h>
#include <hooks/on_lease.h>
#include <hooks/on_release.h>
#include <hooks/on_request.h>
#include <hooks/plan_lookups.h>
#include <hooks/reply_options.h>
#include <lessor.h>
#include <stdlib.h>

char *lessor_configure(const char *settings) {
  (void)settings;
  return NULL;
}

void lessor_plan_lookups(lessor_request request, lessor_plan plan) {
  char *line = lessor_circuit_id_text(request);
  if (*line) lessor_look_up(plan, "line", "subscribers", line);
  free(line);
}

static lessor_verdict decide(lessor_request request, lessor_terms terms) {
  char *pool = lessor_lookup_field(request, "line", "pool");
  if (!pool) return lessor_refuse("no such line");
  lessor_set_pool(terms, pool);
  free(pool);
  return lessor_proceed();
}

lessor_verdict lessor_on_discover(lessor_request request, lessor_terms terms) {
  return decide(request, terms);
}

lessor_verdict lessor_on_request(lessor_request request, lessor_terms terms) {
  return decide(request, terms);
}

lessor_verdict lessor_on_decline(lessor_request request, lessor_terms terms) {
  (void)request, (void)terms;
  return lessor_ignore("a DECLINE");
}

lessor_verdict lessor_on_release(lessor_request request, lessor_terms terms) {
  (void)request, (void)terms;
  return lessor_ignore("a RELEASE");
}

lessor_verdict lessor_on_inform(lessor_request request, lessor_terms terms) {
  (void)request;
  lessor_option option;
  char *mistake = lessor_encode_option("domain-search", "[\"example.net\"]", &option);
  if (mistake) return lessor_ignore(mistake);
  lessor_set_option(terms, option.code, option.value, option.octets);
  lessor_remove_option(terms, 3);
  free(option.value);
  return lessor_proceed();
}

void lessor_reply_options(lessor_request request, lessor_reply reply) {
  (void)request;
  lessor_option option;
  if (lessor_encode_option("captive-portal", "\"https://portal.example.net/\"", &option)) abort();
  lessor_reply_set_option(reply, option.code, option.value, option.octets);
  lessor_reply_remove_option(reply, 15);
  free(option.value);
}

void lessor_on_lease(lessor_event event) {
  lessor_address address;
  lessor_policy_types_method_lease_event_address(event, &address);
  bool is_granted = lessor_policy_types_method_lease_event_kind(event) ==
                    LESSOR_POLICY_TYPES_LEASE_EVENT_KIND_GRANTED;
  char *shown = lessor_show_address(address);
  char *line = lessor_join(is_granted ? "granted " : "ended ", shown, NULL);
  lessor_log(line);
  free(line);
  free(shown);
}
