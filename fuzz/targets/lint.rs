#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| driftwise_fuzz::lint::check(data));
