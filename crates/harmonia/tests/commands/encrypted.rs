//! Files that come encrypted, and signed: what is taken, what is refused, and what the log says.
//!
//! The fixtures were written by GnuPG. `ours.asc` is a private key that was made for them and opens
//! nothing else; each of the others is the same sale.

use crate::support::{Answer, Place};
use crate::town::{SCHEME, town};
use crate::{assert_has, assert_says, only_file_in};
use std::path::Path;

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pgp");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The town, whose merchant's files come as `decrypt` says.
fn encrypting(decrypt: &str) -> Place {
    let place = town();
    let agents = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
    let name = format!("{SCHEME}.toml");
    let text = std::fs::read_to_string(agents.join(&name)).unwrap();
    let source = r#"source = { kind = "files", "#;
    assert!(text.contains(source), "{text}");
    let with = text.replace(source, &format!("{source}decrypt = {decrypt}, "));
    place.write(&format!("agents/{name}"), with);
    place.write("secrets/our-pgp", fixture("ours.asc"));
    place.write("secrets/shop-public", fixture("shop-public.asc"));
    let (agents, secrets) = (place.path("agents"), place.path("secrets"));
    place
        .with("TXM_AGENTS_DIR", agents.display())
        .with("TXM_SECRETS_PATH", secrets.display())
}

/// Has a file arrive.
fn arrives(place: &Place, name: &str, bytes: impl AsRef<[u8]>) -> Answer {
    place.write(&format!("files/imports/{SCHEME}/{name}"), bytes);
    place.run(&["import", SCHEME, "--once"])
}

const SIGNED: &str = r#"{ key = "our-pgp", signed_by = "shop-public" }"#;

#[test]
fn a_file_that_its_merchant_signed_is_taken() {
    let place = encrypting(SIGNED);
    let answer = arrives(&place, "a.dat.asc", fixture("signed-by-shop.asc"));
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    assert_has(
        &answer.err,
        &["its signature is good", "shop@example.com", "a.dat.asc"],
    );
    let sales = place.texts("SELECT transaction_id FROM scheme_transaction");
    assert_eq!(sales, ["sale-1"]);
}

#[test]
fn what_lacks_the_signature_is_refused_with_whose_was_wanted_and_what_was_found() {
    let plain = "shop-1\u{1f}sale-1\u{1f}2026-06-02T12:00:00Z\u{1f}100\u{1f}10";
    for (bytes, found) in [
        (fixture("signed-by-other.asc"), "it was signed by key "),
        (fixture("unsigned.asc"), "it is signed by nobody"),
        (plain.to_owned(), "it is no encrypted OpenPGP message"),
    ] {
        let place = encrypting(SIGNED);
        let answer = arrives(&place, "a.dat", bytes);
        assert_eq!(answer.code, Some(1), "{answer:#?}");
        assert!(only_file_in(&place, &format!("files/refused/{SCHEME}")).ends_with("a.dat"));
        let told = place.texts("SELECT state || ': ' || refusal FROM import_file_log");
        let wanted = "REFUSED: the file must be signed by shop@example.com ";
        assert!(told[0].starts_with(wanted), "{told:?}");
        assert_has(&told[0], &["(secret shop-public), and ", found]);
        assert!(place.texts("SELECT id FROM scheme_transaction").is_empty());
    }
}

#[test]
fn without_a_key_to_check_a_signature_by_it_is_taken_and_the_log_says_so() {
    let place = encrypting(r#""our-pgp""#);
    let answer = arrives(&place, "a.dat", fixture("signed-by-other.asc"));
    assert_eq!(answer.code, Some(0), "{answer:#?}");
    assert_has(&answer.err, &["its signature was not checked", "signed_by"]);
    let answer = arrives(&place, "b.dat", fixture("unsigned.asc"));
    assert_has(&answer.err, &["nobody signed it"]);
}

#[test]
fn a_passphrase_is_not_another_key() {
    let place = encrypting(r#""our-pgp""#);
    let answer = arrives(&place, "a.dat.asc", fixture("passphrase.asc"));
    assert_eq!(answer.code, Some(1), "{answer:#?}");
    let words = "encrypted with a passphrase, not to a key: ask the sender to encrypt to ";
    assert_has(&answer.out, &["REFUSED", words]);
}

#[test]
fn keys_that_cannot_be_used_are_named_before_anything_is_read() {
    let place = encrypting(r#"{ key = "our-pgp", signed_by = "our-pgp" }"#);
    let answer = arrives(&place, "a.dat", fixture("signed-by-shop.asc"));
    assert_says(
        &answer,
        2,
        &["the secret our-pgp", SCHEME, "no public key in ASCII armor"],
    );
    assert!(!answer.err.contains("PRIVATE KEY"), "{answer:#?}");
    let place = encrypting(r#"{ signed_by = "shop-public", sign = 1 }"#);
    let answer = place.run(&["check"]);
    assert_eq!(answer.code, Some(1));
    let words = [
        "source.decrypt: the key `key` is missing",
        "source.decrypt.sign: there is no such key here: use `key`, `signed_by`",
    ];
    assert_has(&answer.out, &words);
}
