// Assigns set-top boxes, recognized by their vendor class, addresses from a separate pool.

#include <lessor.h>
#include <stdlib.h>
#include <string.h>

// The hooks of this policy; sdk/hooks/ has all of them.
#include <hooks/on_discover.h>
#include <hooks/on_request.h>

enum { OPTIONS_MAX = 16 };

// The operator's [settings] in the sidecar file of the policy.
static char *vendor_class, *pool;
static lessor_option options[OPTIONS_MAX];
static size_t options_count;

// Called once before all hooks. An error refuses the reload and is shown to the operator.
char *lessor_configure(const char *settings) {
  vendor_class = lessor_json_text(lessor_json_member(settings, "vendor-class"));
  pool = lessor_json_text(lessor_json_member(settings, "pool"));
  if (!vendor_class || !pool)
    return lessor_join("write vendor-class = \"...\" and pool = \"...\" below [settings]", NULL);
  lessor_json place = lessor_json_member(settings, "options"), value;
  for (char *name; (value = lessor_json_next(&place, &name)); options_count++) {
    if (options_count == OPTIONS_MAX) return lessor_join("there are too many options", NULL);
    char *mistake = lessor_encode_option(name, value, &options[options_count]);
    if (mistake) return mistake;
  }
  return NULL;
}

static lessor_verdict decide(lessor_request request, lessor_terms terms) {
  policy_string_t found;
  if (lessor_policy_types_method_request_vendor_class(request, &found)) {
    size_t length = strlen(vendor_class);
    if (found.len >= length && !memcmp(found.ptr, vendor_class, length)) {
      lessor_set_pool(terms, pool);
      lessor_set_lease_time_secs(terms, 3600);
      for (size_t i = 0; i < options_count; i++)
        lessor_set_option(terms, options[i].code, options[i].value, options[i].octets);
    }
    policy_string_free(&found);
  }
  return lessor_proceed();
}

lessor_verdict lessor_on_discover(lessor_request request, lessor_terms terms) {
  return decide(request, terms);
}

// Called when the client accepts the offer and when it renews: make the same decision.
lessor_verdict lessor_on_request(lessor_request request, lessor_terms terms) {
  return decide(request, terms);
}
