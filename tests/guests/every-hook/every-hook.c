// A policy in C with every hook. The tests build it and call each of them.

#include <hooks/on_decline.h>
#include <hooks/on_discover.h>
#include <hooks/on_inform.h>
#include <hooks/on_lease.h>
#include <hooks/on_release.h>
#include <hooks/on_request.h>
#include <hooks/plan_further_lookups.h>
#include <hooks/plan_lease_lookups.h>
#include <hooks/plan_lookups.h>
#include <hooks/reply_options.h>
#include <lessor.h>
#include <stdlib.h>
#include <string.h>

char *lessor_configure(const char *settings) {
  (void)settings;
  return NULL;
}

void lessor_plan_lookups(lessor_request request, lessor_plan plan) {
  char *line = lessor_circuit_id_text(request);
  if (*line) lessor_look_up(plan, "line", "subscribers", line);
  free(line);
}

void lessor_plan_further_lookups(lessor_request request, lessor_plan plan) {
  char *pool = lessor_lookup_field(request, "line", "pool");
  if (pool) lessor_look_up(plan, "spare", "spares", pool);
  free(pool);
}

static lessor_verdict decide(lessor_request request, lessor_terms terms) {
  char *pool = lessor_lookup_field(request, "line", "pool");
  if (!pool) return lessor_refuse("no such line");
  char *spare = lessor_lookup_field(request, "spare", "pool");
  const char *pools[] = {pool, spare};
  lessor_pool_usage usage;
  bool is_full = lessor_count_pool(request, pool, &usage) && !usage.free;
  if (spare && !is_full) {
    lessor_set_pools(terms, pools, 2);
  } else {
    lessor_set_pool(terms, spare ? spare : pool);
  }
  free(spare);
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
  free(option.value);
  // The configuration declares this one, and its value consists of parts.
  mistake = lessor_encode_option("acme-profile", "{\"id\": 7, \"name\": \"a\"}", &option);
  if (mistake) return lessor_ignore(mistake);
  lessor_set_option(terms, option.code, option.value, option.octets);
  free(option.value);
  lessor_remove_option(terms, 3);
  return lessor_proceed();
}

void lessor_reply_options(lessor_request request, lessor_reply reply) {
  (void)request;
  lessor_option option;
  char *file = lessor_reply_boot_file(reply), *name = lessor_reply_server_name(reply);
  lessor_address server;
  if (*file && *name && lessor_reply_next_server(reply, &server)) {
    char *shown = lessor_show_address(server), *path = lessor_join(shown, "/", name, "/", file, NULL);
    lessor_reply_set_option(reply, 17, path, strlen(path));
    free(path);
    free(shown);
  }
  free(name);
  free(file);
  if (lessor_encode_option("captive-portal", "\"https://portal.example.net/\"", &option)) abort();
  lessor_reply_set_option(reply, option.code, option.value, option.octets);
  lessor_reply_remove_option(reply, 15);
  free(option.value);
}

void lessor_plan_lease_lookups(lessor_event event, lessor_plan plan) {
  char *line = lessor_event_circuit_id_text(event);
  if (*line) lessor_look_up(plan, "line", "subscribers", line);
  free(line);
}

void lessor_on_lease(lessor_event event) {
  lessor_address address;
  lessor_policy_types_method_lease_event_address(event, &address);
  bool is_granted = lessor_policy_types_method_lease_event_kind(event) ==
                    LESSOR_POLICY_TYPES_LEASE_EVENT_KIND_GRANTED;
  char *shown = lessor_show_address(address);
  char *host = lessor_event_host_name(event), *pool = lessor_event_pool_name(event);
  char *name = lessor_event_lookup_field(event, "line", "name");
  char *line = lessor_join(is_granted ? "granted " : "ended ", shown, " in ", pool, " to ", host, " of ",
                           name ? name : "nobody", NULL);
  lessor_log(line);
  free(line);
  free(name);
  free(pool);
  free(host);
  free(shown);
}
