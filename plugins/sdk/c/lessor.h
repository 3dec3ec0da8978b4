// The header for policies in C: short names for the contract.
//
// A policy implements `lessor_configure`, and for each of its hooks it includes a header of hooks/ and
// implements the function that the header declares. Compile it together with the other files of this
// folder (the README has the command). `generated/policy.h` has the whole contract under longer names.
//
// This is not a general C library. A policy has no files, no clock and no sockets; the server
// refuses a component that uses them (even with `printf`).

#ifndef LESSOR_H
#define LESSOR_H

#include "generated/policy.h"
#include "json.h"
#include "options.h"
#include "text.h"

typedef lessor_policy_types_borrow_request_t lessor_request;
typedef lessor_policy_types_borrow_terms_t lessor_terms;
typedef lessor_policy_types_borrow_lookup_plan_t lessor_plan;
typedef lessor_policy_types_borrow_reply_t lessor_reply;
typedef lessor_policy_types_borrow_lease_event_t lessor_event;
typedef lessor_policy_types_verdict_t lessor_verdict;
typedef lessor_policy_types_ipv4_address_t lessor_address;

// A policy implements this function. It is called once for each instance, with the contents of
// `[settings]` as JSON. Returns NULL on success, or a sentence for the operator, allocated with
// `malloc`; the server then does not load the policy.
char *lessor_configure(const char *settings);

// Verdicts. Texts end with a zero octet and are copied.

// Calls the next policy and answers under the terms.
lessor_verdict lessor_proceed(void);
// Sends no answer, for this reason.
lessor_verdict lessor_ignore(const char *reason);
// Sends a DHCPNAK where RFC 2131 allows one, and otherwise no answer, for this reason.
lessor_verdict lessor_refuse(const char *reason);

// The request.

// Whether the message is a DHCPINFORM.
bool lessor_is_inform(lessor_request request);
// Whether a BOOTP client sent the message. Its hook is `on-discover`.
bool lessor_is_bootp(lessor_request request);
// The circuit id as text, or `hex:…` if it is not text; empty if there is none. From `malloc`.
char *lessor_circuit_id_text(lessor_request request);
// Whether the message belongs to the class of this name in the server's configuration.
bool lessor_is_in_class(lessor_request request, const char *name);

// How full a pool is: its fields are `total`, `leased` and `free`.
typedef lessor_policy_types_pool_usage_t lessor_pool_usage;
// Returns false if the client's network has no pool of this name.
bool lessor_count_pool(lessor_request request, const char *name, lessor_pool_usage *usage);

// Lookups.

// Plans a lookup of `key` in a source of the server; hooks read the answer under `name`. Returns false
// if the server refuses it.
bool lessor_look_up(lessor_plan plan, const char *name, const char *source, const char *key);
// A field of the row that the lookup found, from `malloc`; NULL if there is none.
char *lessor_lookup_field(lessor_request request, const char *name, const char *field);

// The terms.

void lessor_set_pool(lessor_terms terms, const char *name);
// Takes the address from the first of these pools, at most 8, that has a free one.
void lessor_set_pools(lessor_terms terms, const char *const *names, size_t count);
void lessor_set_address(lessor_terms terms, lessor_address address);
void lessor_set_lease_time_secs(lessor_terms terms, uint32_t secs);
// When the client extends its lease with this server (T1), and with any server (T2).
void lessor_set_renewal_time_secs(lessor_terms terms, uint32_t secs);
void lessor_set_renewal_fraction(lessor_terms terms, double fraction);
void lessor_set_rebinding_time_secs(lessor_terms terms, uint32_t secs);
void lessor_set_rebinding_fraction(lessor_terms terms, double fraction);
// What the client boots, and from where. An empty name or 0.0.0.0 sends none.
void lessor_set_next_server(lessor_terms terms, lessor_address address);
void lessor_set_server_name(lessor_terms terms, const char *name);
void lessor_set_boot_file(lessor_terms terms, const char *name);
// `beyond` is LESSOR_REFUSE or LESSOR_REPLACE_OLDEST.
void lessor_set_subscriber(lessor_terms terms, const char *name, uint32_t leases_max, uint8_t beyond);
// Returns false if the server refuses the option. `lessor_encode_option` returns the code and the value
// of an option by its name.
bool lessor_set_option(lessor_terms terms, uint8_t code, const void *value, size_t octets);
bool lessor_remove_option(lessor_terms terms, uint8_t code);
// Makes the terms final: later policies are not called for the request.
void lessor_set_final(lessor_terms terms);
// The pool that earlier policies or this call have set; empty if there is none. From `malloc`.
char *lessor_pool(lessor_terms terms);

#define LESSOR_REFUSE LESSOR_POLICY_TYPES_BEYOND_LIMIT_REFUSE
#define LESSOR_REPLACE_OLDEST LESSOR_POLICY_TYPES_BEYOND_LIMIT_REPLACE_OLDEST

// The reply.

// What the client boots and from where. The texts are from `malloc`, and empty if the reply does not say.
char *lessor_reply_boot_file(lessor_reply reply);
char *lessor_reply_server_name(lessor_reply reply);
// Returns false if the reply names no server.
bool lessor_reply_next_server(lessor_reply reply, lessor_address *address);
// The next two return false if the server refuses the change.
bool lessor_reply_set_option(lessor_reply reply, uint8_t code, const void *value, size_t octets);
bool lessor_reply_remove_option(lessor_reply reply, uint8_t code);

// Lease events. Texts are from `malloc`, and empty if the server does not know them.

// The circuit id as text, as of a request.
char *lessor_event_circuit_id_text(lessor_event event);
char *lessor_event_host_name(lessor_event event);
// The pool that the address belongs to.
char *lessor_event_pool_name(lessor_event event);
// A field of the row that a lookup of `hooks/plan_lease_lookups.h` found, from `malloc`; NULL if there is
// none.
char *lessor_event_lookup_field(lessor_event event, const char *name, const char *field);

// Addresses.

// Parses an address such as `192.0.2.1`. Returns false if the text is not an address.
bool lessor_read_address(const char *text, lessor_address *address);
// Writes an address. From `malloc`.
char *lessor_show_address(lessor_address address);

// Writes a line into the server's log. The sidecar file of the policy must grant `log`.
void lessor_log(const char *line);

#endif
