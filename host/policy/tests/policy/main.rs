//! Tests of the policy host with real components: the guests under `tests/guests`, and components
//! generated from descriptions of interfaces.

mod boot_terms;
mod by_hand;
mod capabilities;
mod chain;
mod classes;
mod common;
mod compiling;
mod contract;
mod declared;
mod faults;
mod final_terms;
mod frozen;
mod keeping;
mod loading;
mod logged;
mod lookups;
mod pools;
mod ready;
mod recipes;
mod rounds;
mod scripts;
mod scripts_fail_closed;
mod shadows;
