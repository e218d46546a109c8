//! Hands the fuzzer's bytes to [`bowline_fuzz::line`], which judges.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bowline_fuzz::line(data));
