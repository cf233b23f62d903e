#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fulfil_fuzz::key_files::check(data));
