#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sabir_wire::testing::fuzz_deframe(data));
