// How the functions of hooks are exported. The headers in hooks/ use this, policies do not.
//
// Each macro declares the function that a policy implements and exports it under its name in the
// contract.

#ifndef LESSOR_SHAPES_H
#define LESSOR_SHAPES_H

#include "lessor.h"

#define LESSOR_PLAN(hook, name)                                                              \
  void lessor_##hook(lessor_request request, lessor_plan plan);                              \
  __attribute__((export_name(name))) void lessor_export_##hook(int32_t request, int32_t plan) { \
    lessor_call_plan(lessor_##hook, request, plan);                                          \
  }

#define LESSOR_PLAN_EVENT(hook, name)                                                        \
  void lessor_##hook(lessor_event event, lessor_plan plan);                                  \
  __attribute__((export_name(name))) void lessor_export_##hook(int32_t event, int32_t plan) { \
    lessor_call_plan_event(lessor_##hook, event, plan);                                      \
  }

#define LESSOR_DECIDE(hook, name)                                                            \
  lessor_verdict lessor_##hook(lessor_request request, lessor_terms terms);                  \
  __attribute__((export_name(name))) void *lessor_export_##hook(int32_t request, int32_t terms) { \
    return lessor_call_decide(lessor_##hook, request, terms);                                \
  }                                                                                          \
  __attribute__((export_name("cabi_post_" name))) void lessor_end_##hook(void *verdict) {    \
    lessor_end_decide(verdict);                                                              \
  }

#define LESSOR_EDIT(hook, name)                                                              \
  void lessor_##hook(lessor_request request, lessor_reply reply);                            \
  __attribute__((export_name(name))) void lessor_export_##hook(int32_t request, int32_t reply) { \
    lessor_call_edit(lessor_##hook, request, reply);                                         \
  }

#define LESSOR_TELL(hook, name)                                                              \
  void lessor_##hook(lessor_event event);                                                    \
  __attribute__((export_name(name))) void lessor_export_##hook(int32_t event) {              \
    lessor_call_tell(lessor_##hook, event);                                                  \
  }

void lessor_call_plan(void (*hook)(lessor_request, lessor_plan), int32_t request, int32_t plan);
void lessor_call_plan_event(void (*hook)(lessor_event, lessor_plan), int32_t event, int32_t plan);
void *lessor_call_decide(lessor_verdict (*hook)(lessor_request, lessor_terms), int32_t request,
                         int32_t terms);
void lessor_end_decide(void *verdict);
void lessor_call_edit(void (*hook)(lessor_request, lessor_reply), int32_t request, int32_t reply);
void lessor_call_tell(void (*hook)(lessor_event), int32_t event);

#endif
