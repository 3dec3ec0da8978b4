// What the author of a policy in C includes: the names of the contract in short, and what C lacks
// for it: texts, addresses, settings.
//
// A policy implements the four functions of the first part. Compile it together with `lessor.c` and
// what lies in `generated/` (the README has the command). All that the contract has stands in
// `generated/policy.h`, under longer names.
//
// What this is not: a C library for the outside world. A policy has no files, no clock and no
// sockets; whatever uses them (`printf`, too) makes a component that the server refuses.

#ifndef LESSOR_H
#define LESSOR_H

#include "generated/policy.h"

typedef lessor_policy_types_borrow_request_t lessor_request;
typedef lessor_policy_types_borrow_terms_t lessor_terms;
typedef lessor_policy_types_verdict_t lessor_verdict;
typedef lessor_policy_types_ipv4_address_t lessor_address;

// What a policy implements.

// Called once for every instance, with what stands under `[settings]`. NULL if all is well;
// otherwise a sentence for the operator from `malloc`, and the server does not load the policy.
char *lessor_configure(const char *settings);
// A client looks for an offer.
lessor_verdict lessor_on_discover(lessor_request request, lessor_terms terms);
// A client takes an offer, verifies an address or extends a lease.
lessor_verdict lessor_on_request(lessor_request request, lessor_terms terms);
// A client that has an address asks for options. Of the terms, options count.
lessor_verdict lessor_on_inform(lessor_request request, lessor_terms terms);

// What it decides. Texts end with a zero octet and are copied.

// Go on.
lessor_verdict lessor_proceed(void);
// Stay silent, for this reason.
lessor_verdict lessor_ignore(const char *reason);
// Send a DHCPNAK where RFC 2131 allows one, for this reason.
lessor_verdict lessor_refuse(const char *reason);

// What it asks, and what it sets.

// Whether the message is a DHCPINFORM.
bool lessor_is_inform(lessor_request request);
// The circuit id as text, `hex:…` if it is none; from `malloc`, empty if there is none.
char *lessor_circuit_id_text(lessor_request request);
void lessor_set_pool(lessor_terms terms, const char *name);
void lessor_set_address(lessor_terms terms, lessor_address address);
void lessor_set_lease_time_secs(lessor_terms terms, uint32_t secs);
// `beyond` is LESSOR_REFUSE or LESSOR_REPLACE_OLDEST.
void lessor_set_subscriber(lessor_terms terms, const char *name, uint32_t leases_max, uint8_t beyond);
// False if the server does not take the option.
bool lessor_set_option(lessor_terms terms, uint8_t code, const void *value, size_t octets);
// Ask no policy behind this one about the request.
void lessor_set_final(lessor_terms terms);
// The pool that earlier policies or this call have set; from `malloc`, empty if there is none.
char *lessor_pool(lessor_terms terms);

#define LESSOR_REFUSE LESSOR_POLICY_TYPES_BEYOND_LIMIT_REFUSE
#define LESSOR_REPLACE_OLDEST LESSOR_POLICY_TYPES_BEYOND_LIMIT_REPLACE_OLDEST

// Texts.

// The texts one after the other, up to a NULL; from `malloc`.
char *lessor_join(const char *first, ...);
// Reads `192.0.2.1`; false if it is no address.
bool lessor_read_address(const char *text, lessor_address *address);

// Settings, which are JSON. The server made them: they are well-formed.

// A place in the settings where a value begins; NULL where there is none.
typedef const char *lessor_json;

// The value of a member of an object; NULL if there is no such member.
lessor_json lessor_json_member(lessor_json object, const char *name);
// Goes through an object or an array: `place` is the value itself at first. Gives the next value,
// and for an object its name (from `malloc`) in `name`, which may be NULL; NULL after the last.
lessor_json lessor_json_next(lessor_json *place, char **name);
// A text, from `malloc`; NULL if the value is none or has a zero octet in it.
char *lessor_json_text(lessor_json value);
// False if the value is no whole number of at most 32 bits.
bool lessor_json_u32(lessor_json value, uint32_t *number);
// False if the value is neither `true` nor `false`.
bool lessor_json_flag(lessor_json value, bool *flag);

#endif
