// The header for policies in C: short names for the contract, and functions for texts, addresses
// and settings.
//
// A policy implements the four functions of the first part. Compile it together with `lessor.c` and
// the files in `generated/` (the README has the command). `generated/policy.h` has the whole
// contract under longer names.
//
// This is not a general C library. A policy has no files, no clock and no sockets; the server
// refuses a component that uses them (even with `printf`).

#ifndef LESSOR_H
#define LESSOR_H

#include "generated/policy.h"

typedef lessor_policy_types_borrow_request_t lessor_request;
typedef lessor_policy_types_borrow_terms_t lessor_terms;
typedef lessor_policy_types_verdict_t lessor_verdict;
typedef lessor_policy_types_ipv4_address_t lessor_address;

// Functions that a policy implements.

// Called once for each instance, with the contents of `[settings]` as JSON. Returns NULL on
// success, or a sentence for the operator, allocated with `malloc`; the server then does not load
// the policy.
char *lessor_configure(const char *settings);
// Called when a client sends a DISCOVER.
lessor_verdict lessor_on_discover(lessor_request request, lessor_terms terms);
// Called when a client accepts an offer, verifies an address or extends a lease.
lessor_verdict lessor_on_request(lessor_request request, lessor_terms terms);
// Called when a client that has an address asks for options. Of the terms, only options apply.
lessor_verdict lessor_on_inform(lessor_request request, lessor_terms terms);

// Verdicts. Texts end with a zero octet and are copied.

// Calls the next policy and answers under the terms.
lessor_verdict lessor_proceed(void);
// Sends no answer, for this reason.
lessor_verdict lessor_ignore(const char *reason);
// Sends a DHCPNAK where RFC 2131 allows one, and otherwise no answer, for this reason.
lessor_verdict lessor_refuse(const char *reason);

// The request and the terms.

// Whether the message is a DHCPINFORM.
bool lessor_is_inform(lessor_request request);
// The circuit id as text, or `hex:…` if it is not text; empty if there is none. From `malloc`.
char *lessor_circuit_id_text(lessor_request request);
void lessor_set_pool(lessor_terms terms, const char *name);
void lessor_set_address(lessor_terms terms, lessor_address address);
void lessor_set_lease_time_secs(lessor_terms terms, uint32_t secs);
// `beyond` is LESSOR_REFUSE or LESSOR_REPLACE_OLDEST.
void lessor_set_subscriber(lessor_terms terms, const char *name, uint32_t leases_max, uint8_t beyond);
// Returns false if the server refuses the option.
bool lessor_set_option(lessor_terms terms, uint8_t code, const void *value, size_t octets);
// Makes the terms final: later policies are not called for the request.
void lessor_set_final(lessor_terms terms);
// The pool that earlier policies or this call have set; empty if there is none. From `malloc`.
char *lessor_pool(lessor_terms terms);

#define LESSOR_REFUSE LESSOR_POLICY_TYPES_BEYOND_LIMIT_REFUSE
#define LESSOR_REPLACE_OLDEST LESSOR_POLICY_TYPES_BEYOND_LIMIT_REPLACE_OLDEST

// Texts.

// Concatenates the texts up to a NULL. From `malloc`.
char *lessor_join(const char *first, ...);
// Parses an address such as `192.0.2.1`. Returns false if the text is not an address.
bool lessor_read_address(const char *text, lessor_address *address);

// Settings are JSON. The server writes them, so they are well-formed.

// A position in the settings at which a value begins, or NULL if there is no value.
typedef const char *lessor_json;

// Returns the value of a member of an object, or NULL if there is no such member.
lessor_json lessor_json_member(lessor_json object, const char *name);
// Iterates over an object or an array; `place` is initially the value itself. Returns the next
// value, or NULL after the last. For an object, sets `name`, which may be NULL, to the member's
// name (from `malloc`).
lessor_json lessor_json_next(lessor_json *place, char **name);
// Returns a text from `malloc`, or NULL if the value is not a text or contains a zero octet.
char *lessor_json_text(lessor_json value);
// Returns false if the value is not a whole number of at most 32 bits.
bool lessor_json_u32(lessor_json value, uint32_t *number);
// Returns false if the value is neither `true` nor `false`.
bool lessor_json_flag(lessor_json value, bool *flag);

#endif
