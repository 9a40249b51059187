#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| monocloud_backend_node_fuzz::claims_templates::check(data));
