#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sabir_pickle::testing::fuzz_transcode(data));
