// Assigns set-top boxes, recognized by their vendor class, addresses from a separate pool.

#include <lessor.h>
#include <stdlib.h>
#include <string.h>

// The operator's [settings] in the sidecar file of the policy.
static char *vendor_class, *pool;

// Called once before all hooks. An error refuses the reload and is shown to the operator.
char *lessor_configure(const char *settings) {
  lessor_json value = lessor_json_member(settings, "vendor-class");
  vendor_class = value ? lessor_json_text(value) : NULL;
  value = lessor_json_member(settings, "pool");
  pool = value ? lessor_json_text(value) : NULL;
  if (!vendor_class || !pool)
    return lessor_join("write vendor-class = \"...\" and pool = \"...\" below [settings]", NULL);
  return NULL;
}

static lessor_verdict decide(lessor_request request, lessor_terms terms) {
  policy_string_t found;
  if (lessor_policy_types_method_request_vendor_class(request, &found)) {
    size_t length = strlen(vendor_class);
    if (found.len >= length && !memcmp(found.ptr, vendor_class, length)) {
      lessor_set_pool(terms, pool);
      lessor_set_lease_time_secs(terms, 3600);
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

// A client that has an address requests options: this policy sets none.
lessor_verdict lessor_on_inform(lessor_request request, lessor_terms terms) {
  (void)request, (void)terms;
  return lessor_proceed();
}
