//! The issuer's speed, each statement beside its limit in the same run; a missed limit fails the run. docs/benchmarks.md says
//! what is measured, and how.
//!
//! `cargo bench -p driftwise-issuer` runs everything, `cargo bench -p driftwise-issuer -- rs256 jwks` what is named.

#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]

mod agent;
mod client;
mod cpu;
mod issuer;
mod key_set;
mod memory;
mod raw;
mod refusals;
mod tokens;
mod verdict;

use std::process::ExitCode;

/// The issuer's: the constant that its key set is compared with is served with the same.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NAMES: [&str; 5] = ["rs256", "es256", "jwks", "refusals", "memory"];

fn main() -> ExitCode {
    // cargo passes --bench to what it benches.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    if let [word, address, size] = &args[..]
        && word == key_set::CONSTANT
    {
        let (address, size) = (address.parse().expect("an address"), size.parse().expect("a size"));
        serve_constant(address, size);
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) = args.iter().find(|arg| !NAMES.contains(&arg.as_str())) {
        println!("there is no bench {unknown}; there are {NAMES:?}");
        return ExitCode::FAILURE;
    }
    runtime.block_on(async {
        for name in NAMES.into_iter().filter(|name| args.is_empty() || args.iter().any(|arg| arg == name)) {
            println!("{name}");
            match name {
                "rs256" => tokens::rs256().await,
                "es256" => tokens::es256().await,
                "jwks" => key_set::run().await,
                "refusals" => refusals::run().await,
                _ => memory::run().await,
            }
        }
    });
    match verdict::missed() {
        0 => ExitCode::SUCCESS,
        missed => {
            println!("{missed} limits were missed");
            ExitCode::FAILURE
        }
    }
}

/// The yardstick of the key set, on as many threads as the issuer has.
fn serve_constant(address: std::net::SocketAddr, size: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(key_set::serve_constant(address, size));
}
