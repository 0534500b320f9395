//! Checks whether this processor has the instructions that the cryptography needs.

/// Returns the processor features that are missing for the cryptography of TLS and signatures, or an empty
/// list. This cryptography is written in Rust with processor instructions, so that no C has to be compiled.
/// It supports only x86-64 and arm64, and needs features that these have since about 2014 and 2016.
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

/// Returns the processor features that are missing for the cryptography of TLS and signatures.
#[cfg(target_arch = "aarch64")]
pub fn lacks() -> Vec<&'static str> {
    use std::arch::is_aarch64_feature_detected as has;
    let wanted =
        [("neon", has!("neon")), ("aes", has!("aes")), ("pmull", has!("pmull")), ("sha2", has!("sha2"))];
    wanted.into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect()
}

/// Returns the reason why the cryptography of TLS and signatures does not run on this processor.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn lacks() -> Vec<&'static str> {
    vec!["cryptography for its architecture (supported: x86-64 and arm64)"]
}
