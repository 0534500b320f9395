//! What cryptography needs of this processor.

/// What this processor lacks for the cryptography that TLS and signatures use here; nothing where it has everything. That
/// cryptography is Rust and the processor's own instructions, with no C to compile: it has code for x86-64 and arm64
/// alone, and asks for what these have since about 2014 and 2016.
#[cfg(target_arch = "x86_64")]
pub fn lacks() -> Vec<&'static str> {
    use std::arch::is_x86_feature_detected as has;
    let wanted = [
        ("aes", has!("aes")),
        ("pclmulqdq", has!("pclmulqdq")),
        ("ssse3", has!("ssse3")),
        ("avx", has!("avx")),
        ("avx2", has!("avx2")),
        ("adx", has!("adx")),
        ("bmi1", has!("bmi1")),
        ("bmi2", has!("bmi2")),
    ];
    wanted.into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect()
}

/// What this processor lacks for the cryptography that TLS and signatures use here.
#[cfg(target_arch = "aarch64")]
pub fn lacks() -> Vec<&'static str> {
    use std::arch::is_aarch64_feature_detected as has;
    let wanted =
        [("neon", has!("neon")), ("aes", has!("aes")), ("pmull", has!("pmull")), ("sha2", has!("sha2"))];
    wanted.into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect()
}

/// What this processor lacks for the cryptography that TLS and signatures use here.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn lacks() -> Vec<&'static str> {
    vec!["code for it: there is some for x86-64 and arm64"]
}
