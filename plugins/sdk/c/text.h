// Texts, which end with a zero octet.

#ifndef LESSOR_TEXT_H
#define LESSOR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Concatenates the texts up to a NULL. From `malloc`.
char *lessor_join(const char *first, ...);
// Parses an address such as `192.0.2.1`. Returns false if the text is not an address.
bool lessor_read_octets(const char *text, uint8_t octets[4]);
// Aborts if there is no memory: the server ends the call and reports the fault to the operator.
void *lessor_allocate(size_t octets);

#endif
