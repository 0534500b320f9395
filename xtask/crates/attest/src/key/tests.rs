//! Keys that openssl made only for these tests.

use proptest::prelude::*;

use super::*;

const PKCS8: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnXJML+nfd8iQ7l/P
1x6aINL+rilWXjvK4xjg90QbwJShRANCAAQOx/QxKwhYTlgNToXRquUGHYlMrbu6
kpW2QlV7gi266X5EAw7/SBbvkObUhOuqhe8w2fuebKsDriafp2E1l9B6
-----END PRIVATE KEY-----
";
const SEC1: &str = "\
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIJ1yTC/p33fIkO5fz9cemiDS/q4pVl47yuMY4PdEG8CUoAoGCCqGSM49
AwEHoUQDQgAEDsf0MSsIWE5YDU6F0arlBh2JTK27upKVtkJVe4Ituul+RAMO/0gW
75Dm1ITrqoXvMNn7nmyrA64mn6dhNZfQeg==
-----END EC PRIVATE KEY-----
";
const SEC1_WITH_PARAMETERS: &str = "\
-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIG390qJvHlZ2/lij0ZpejkdvrXMQcsWPKY0TVLUb1RFeoAoGCCqGSM49
AwEHoUQDQgAE9Z+UXeljZpsmq5h8cuCqzAvDN+5RFEeH/CahPoEuXwSqbWHxkl71
nL/xOvv/qO+OKu6RDmeCLXb3D123Ek9mEA==
-----END EC PRIVATE KEY-----
";
const PUBLIC: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEDsf0MSsIWE5YDU6F0arlBh2JTK27
upKVtkJVe4Ituul+RAMO/0gW75Dm1ITrqoXvMNn7nmyrA64mn6dhNZfQeg==
-----END PUBLIC KEY-----
";
const OTHER: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJhDIzzFXhNd+GOBg
B5WSdKQP0nIut4M7MdPdK60fpKGhRANCAARkCJCOl7nwvTX/HElC8mzXYEe1tECn
cXhw5RcIj+aZcMa/jB7b7oaR2GgBS7Yoa/4C2rwiDc3FVAaXYOXvA5Sk
-----END PRIVATE KEY-----
";
const P384: &str = "\
-----BEGIN PRIVATE KEY-----
MIG2AgEAMBAGByqGSM49AgEGBSuBBAAiBIGeMIGbAgEBBDAVWzip80aCtVfb35cy
2iUZiyD2vCP/iq7u9ey0epQfUvrRLtKqJmXsvKK006R8MYahZANiAAQ547yDVz06
i8hZ9NyJVv6GPYLvL/bJuxEEC10NKfpKkOK0beSEphX8CGRhMoNoGH1QkPyS7o80
CDEu+sGGLUBeY+eIpvhApK1AoLncasJw3GuFHV1GtTji0FXQEvWe4CA=
-----END PRIVATE KEY-----
";
const P384_PUBLIC: &str = "\
-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEOeO8g1c9OovIWfTciVb+hj2C7y/2ybsR
BAtdDSn6SpDitG3khKYV/AhkYTKDaBh9UJD8ku6PNAgxLvrBhi1AXmPniKb4QKSt
QKC53GrCcNxrhR1dRrU44tBV0BL1nuAg
-----END PUBLIC KEY-----
";
const ED25519: &str = "\
-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEICBrELMHlne/GvSDuOxV/WaLNbq6ETphSLaXPqN1gtpV
-----END PRIVATE KEY-----
";

/// Returns a key that signs in tests.
pub(crate) fn key() -> PrivateKey {
    PrivateKey::from_pem(PKCS8, "the key of the tests").unwrap()
}

/// Returns another key.
pub(crate) fn other_key() -> PrivateKey {
    PrivateKey::from_pem(OTHER, "the key of the tests").unwrap()
}

#[test]
fn both_forms_of_a_key_are_read() {
    let keys = [PKCS8, SEC1].map(|pem| PrivateKey::from_pem(pem, "k").unwrap().public().to_pem());
    assert_eq!(keys, [PUBLIC, PUBLIC]);
    assert!(PrivateKey::from_pem(SEC1_WITH_PARAMETERS, "k").is_ok());
    assert_eq!(PublicKey::from_pem(PUBLIC, "k").unwrap(), *key().public());
    assert_ne!(key().public(), other_key().public());
}

#[test]
fn openssl_and_this_agree() {
    // openssl pkey -pubin -in a.pub -outform DER | openssl dgst -sha256 -binary | base64
    assert_eq!(key().public().hint(), "g2K+gW+wC6LU319A90wW3R2KNMkj73btncQEj9PaVvw=");
    // openssl dgst -sha256 -sign a.pem
    let signature =
        "MEUCIQCVG7N0tEdJwj8jCpta2Yys5emH6t0jc4A4fxcw64+vyQIgKAr1H3Mp1QeAqpFySVMvQdESIQHMz7FPWRdFDzdITtU=";
    let signature = BASE64_STANDARD.decode(signature).unwrap();
    assert!(key().public().verifies(&[b"what ", b"is signed"], &signature));
    assert!(!key().public().verifies(&[b"what is signed."], &signature));
    assert!(!other_key().public().verifies(&[b"what is signed"], &signature));
}

#[test]
fn a_secret_shows_itself_by_the_name_of_its_public_key() {
    assert_eq!(format!("{:?}", key()), format!("PrivateKey({})", key().public().hint()));
}

#[test]
fn what_cannot_sign_says_why() {
    let encrypted = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    for (text, why) in [
        (PUBLIC.to_owned(), "the file k cannot sign: it is a public key; a private key is needed"),
        (P384.to_owned(), "the file k cannot sign: the key is not on the curve P-256"),
        (ED25519.to_owned(), "the file k cannot sign: the key is not on the curve P-256"),
        (String::new(), "the file k cannot sign: it contains no private key in PEM"),
        ("<html>".to_owned(), "the file k cannot sign: it contains no private key in PEM"),
        (PKCS8[..90].to_owned(), "the file k cannot sign: the private key in it is cut off or damaged"),
        (encrypted("ENCRYPTED PRIVATE KEY"), "the file k cannot sign: the private key in it is encrypted"),
        (
            encrypted("ENCRYPTED SIGSTORE PRIVATE KEY"),
            "the file k cannot sign: the private key in it is encrypted",
        ),
    ] {
        let error = PrivateKey::from_pem(&text, "the file k").unwrap_err();
        assert_eq!(error.what, why);
        assert!(!error.help.is_empty(), "{error:?}");
        assert!(!format!("{error:?}").contains(&PKCS8[40..80]));
    }
}

#[test]
fn what_cannot_verify_says_why() {
    for (text, why) in [
        (PKCS8, "the file k cannot verify: it is a private key; the public key is needed"),
        (SEC1, "the file k cannot verify: it is a private key; the public key is needed"),
        (P384_PUBLIC, "the file k cannot verify: the key is not on the curve P-256"),
        ("", "the file k cannot verify: it contains no public key in PEM"),
    ] {
        assert_eq!(PublicKey::from_pem(text, "the file k").unwrap_err().what, why);
    }
}

proptest! {
    #[test]
    fn a_signature_is_that_of_one_message_and_one_key(message in proptest::collection::vec(any::<u8>(), 0..200), cut in any::<usize>()) {
        let signature = key().sign(&[&message]).unwrap();
        let (head, tail) = message.split_at(cut % (message.len() + 1));
        prop_assert!(key().public().verifies(&[head, tail], &signature));
        prop_assert!(!key().public().verifies(&[&message, b"x"], &signature));
        prop_assert!(!other_key().public().verifies(&[&message], &signature));
    }

    #[test]
    fn a_damaged_key_is_an_error(at in 0..PKCS8.len(), with in any::<u8>()) {
        let mut bytes = PKCS8.as_bytes().to_vec();
        bytes[at] = with & 0x7f;
        let _ = PrivateKey::from_pem(std::str::from_utf8(&bytes).unwrap(), "k");
        let _ = PublicKey::from_pem(std::str::from_utf8(&bytes).unwrap(), "k");
    }

    #[test]
    fn a_damaged_signature_is_none(at in any::<usize>(), bit in 0..8_u8) {
        let mut signature = key().sign(&[b"m"]).unwrap();
        let at = at % signature.len();
        signature[at] ^= 1 << bit;
        prop_assert!(!key().public().verifies(&[b"m"], &signature));
    }
}

#[test]
fn a_made_key_signs_and_is_another_each_time() {
    let [one, other] = [(), ()].map(|()| PrivateKey::generate_pem().unwrap());
    assert_ne!(one, other);
    assert!(one.lines().all(|line| line.len() <= 64), "{one}");
    let [one, other] = [one, other].map(|text| PrivateKey::from_pem(&text, "made").unwrap());
    let signature = one.sign(&[b"x"]).unwrap();
    assert!(one.public().verifies(&[b"x"], &signature) && !other.public().verifies(&[b"x"], &signature));
}
