//! The issuer from outside: real sockets, a real store, real keys; only time is made up.

mod agent_keys;
mod api_keys;
mod assertions;
mod attacks;
mod audit;
mod command_line;
mod discovery;
mod enrolment;
#[cfg(target_os = "linux")]
mod full_disk;
mod fuzz;
mod harness;
mod key_material;
mod key_states;
mod keys;
mod keys_command_line;
mod logs;
mod proving;
mod publication;
mod routes;
mod service;
mod setup;
mod setup_command_line;
mod setup_lint;
mod setup_pages;
mod setup_requests;
mod setup_state;
mod sign_in;
mod tenancy;
mod tokens;
