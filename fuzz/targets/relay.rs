#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sabir_gateway::testing::fuzz_relay(data));
