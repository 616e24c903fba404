//! Encrypted files: with keys made here, and as GnuPG encrypts them where it is installed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use harmonia_core::ids::Slug;
use harmonia_core::time::Day;
use harmonia_gateway::files::FolderInbox;
use harmonia_gateway::pgp::{Keys, Opening, Signers};
use harmonia_gateway::spool::Spool;
use harmonia_journey::ports::{Inbox, Readable};
use pgp::composed::{
    ArmorOptions, EncryptionCaps, KeyType, MessageBuilder, SecretKeyParamsBuilder, SignedSecretKey,
    SubkeyParamsBuilder, SubpacketConfig,
};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{Subpacket, SubpacketData};
use pgp::types::{
    CompressionAlgorithm, Duration as Seconds, KeyDetails, Password, StringToKey, Timestamp,
};
use rand::thread_rng;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const MEBIBYTE: usize = 1024 * 1024;

fn key(passphrase: Option<&str>) -> SignedSecretKey {
    let mut subkey = SubkeyParamsBuilder::default();
    subkey
        .key_type(KeyType::ECDH(ECCCurve::Curve25519Legacy))
        .can_encrypt(EncryptionCaps::All)
        .passphrase(passphrase.map(str::to_owned));
    let mut key = SecretKeyParamsBuilder::default();
    key.key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(true)
        .primary_user_id("Shop <shop@example.com>".into())
        .passphrase(passphrase.map(str::to_owned))
        .subkeys(vec![subkey.build().unwrap()]);
    key.build().unwrap().generate(thread_rng()).unwrap()
}

fn armored(key: &SignedSecretKey) -> String {
    key.to_armored_string(ArmorOptions::default()).unwrap()
}

/// As SEIPD version 1, which GnuPG writes, compressed.
fn encrypted(key: &SignedSecretKey, bytes: &[u8]) -> Vec<u8> {
    let mut message = MessageBuilder::from_bytes("", bytes.to_vec())
        .seipd_v1(thread_rng(), SymmetricKeyAlgorithm::AES256);
    message.compression(CompressionAlgorithm::ZLIB);
    let public = key.to_public_key();
    message
        .encrypt_to_key(thread_rng(), &public.public_subkeys[0])
        .unwrap();
    message.to_vec(thread_rng()).unwrap()
}

/// As version 2, with authenticated chunks, in ASCII armor.
fn sealed_text(key: &SignedSecretKey, bytes: &[u8]) -> String {
    let mut message = MessageBuilder::from_bytes("", bytes.to_vec()).seipd_v2(
        thread_rng(),
        SymmetricKeyAlgorithm::AES256,
        AeadAlgorithm::Ocb,
        ChunkSize::default(),
    );
    let public = key.to_public_key();
    message
        .encrypt_to_key(thread_rng(), &public.public_subkeys[0])
        .unwrap();
    message
        .to_armored_string(thread_rng(), ArmorOptions::default())
        .unwrap()
}

/// Says what was not tried. Not with `eprintln!`, which a test that passes keeps to itself.
fn left_out(what: &str) {
    let line = format!("LEFT OUT: {what}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

fn noise(count: usize) -> Vec<u8> {
    let byte = |index: usize| index.wrapping_mul(2_654_435_761).to_be_bytes()[4];
    (0..count).map(byte).collect()
}

/// A feed's folder.
struct World(TempDir);

impl World {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(base.path().join("imports/shop")).unwrap();
        Self(base)
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.0.path().join("imports/shop").join(name), bytes).unwrap();
    }

    fn has(&self, path: &str) -> bool {
        self.0.path().join(path).exists()
    }

    fn inbox(&self, keys: Keys, limit: usize) -> Opening {
        let slug = Slug::new("shop").unwrap();
        let base = self.0.path().to_owned();
        let folder = FolderInbox::new(base, "shop", &slug, Duration::ZERO);
        let spool = Spool::new(self.0.path(), limit as u64);
        Opening::new(Box::new(folder), keys, spool)
    }

    /// What comes of the only file there is: its bytes, or why it is refused. Then it is put away.
    async fn taken(&self, secret: &str) -> Result<Vec<u8>, String> {
        self.taken_within(secret, 64 * MEBIBYTE).await
    }

    async fn taken_within(&self, secret: &str, limit: usize) -> Result<Vec<u8>, String> {
        self.taken_by(Keys::read(secret).unwrap(), limit).await
    }

    async fn taken_by(&self, keys: Keys, limit: usize) -> Result<Vec<u8>, String> {
        let inbox = self.inbox(keys, limit);
        let arrival = inbox.arrivals().await.unwrap().remove(0);
        let file = arrival.take().await.unwrap().unwrap();
        assert_eq!(file.source(), arrival.source());
        if let Some(refusal) = file.refusal() {
            assert!(
                read(&file) == std::fs::read(file.source()).unwrap(),
                "as it came"
            );
            arrival.set_aside().await.unwrap();
            return Err(refusal.to_string());
        }
        let bytes = read(&file);
        arrival.archive(Day(20_606)).await.unwrap();
        Ok(bytes)
    }
}

fn read(file: &Arc<dyn Readable>) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.open().unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn what_is_encrypted_is_decrypted_and_the_rest_is_left_as_it_is() {
    let (world, key) = (World::new(), key(None));
    let secret = armored(&key);
    let plain = noise(5 * MEBIBYTE + 1);
    for (name, bytes) in [
        ("a.csv", encrypted(&key, &plain)),
        ("a.csv.pgp", encrypted(&key, &plain)),
        ("a.csv.ASC", sealed_text(&key, &plain).into_bytes()),
        (
            "a.csv",
            format!("\n{}", sealed_text(&key, &plain)).into_bytes(),
        ),
        ("a.csv", plain.clone()),
    ] {
        world.put(name, bytes);
        assert!(world.taken(&secret).await.unwrap() == plain, "{name}");
    }
    // What is archived is what came.
    assert!(world.has("archives/2026-06-02/shop/a.csv.pgp"));
    let spool = std::fs::read_dir(world.0.path().join("spool")).unwrap();
    assert_eq!(spool.count(), 0, "plaintext never has a name");
}

#[tokio::test]
async fn what_cannot_be_decrypted_is_refused() {
    let (world, ours, theirs) = (World::new(), key(None), key(None));
    let secret = armored(&ours);
    let whole = encrypted(&ours, &noise(MEBIBYTE));
    world.put("a.csv", encrypted(&theirs, b"x"));
    let refusal = world.taken(&secret).await.unwrap_err();
    assert!(refusal.contains("another key"), "{refusal}");
    assert!(world.has("refused/shop/a.csv"));
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        ("cut short", whole[..whole.len() - 30].to_vec()),
        ("cut at its head", whole[..20].to_vec()),
        ("changed in the middle", changed(whole.len() / 2)),
        ("changed at its very end", changed(whole.len() - 1)),
        ("not a message", b"id,mid\n1,2\n".to_vec()),
        ("empty", Vec::new()),
    ];
    for (what, bytes) in cases {
        world.put("b.pgp", bytes);
        let refusal = world.taken(&secret).await.err();
        let refusal = refusal.unwrap_or_else(|| panic!("{what} was taken"));
        assert!(
            refusal.contains("cannot be decrypted: it is damaged"),
            "{what}: {refusal}"
        );
    }
    let text = sealed_text(&ours, &noise(MEBIBYTE));
    world.put("c.asc", &text[..text.len() / 2]);
    assert!(world.taken(&secret).await.is_err());
    // A small file that grows without end.
    world.put("d.pgp", encrypted(&ours, &vec![0; 20 * MEBIBYTE]));
    let refusal = world.taken_within(&secret, MEBIBYTE).await.unwrap_err();
    assert!(refusal.contains("TXM_FETCH_LIMIT_MB"), "{refusal}");
}

#[tokio::test]
async fn keys_come_alone_several_at_once_or_with_a_passphrase() {
    let (world, one, locked) = (World::new(), key(None), key(Some("open sesame")));
    world.put("a.csv", encrypted(&one, b"x"));
    let both = format!("{}\n{}", armored(&key(None)), armored(&one));
    assert_eq!(world.taken(&both).await.unwrap(), b"x");
    let secret = |passphrase: &str| {
        serde_json::json!({"private_key": armored(&locked), "passphrase": passphrase}).to_string()
    };
    world.put("a.csv", encrypted(&locked, b"y"));
    assert_eq!(world.taken(&secret("open sesame")).await.unwrap(), b"y");
    let wrong = |secret: &str| Keys::read(secret).err().unwrap();
    assert!(wrong(&secret("hunter2")).contains("does not open"));
    assert!(wrong("hunter2").contains("no private key"));
    assert!(!wrong("{\"private_key\": hunter2").contains("hunter2"));
}

#[tokio::test]
async fn what_has_only_a_passphrase_is_told_as_such() {
    let (world, ours) = (World::new(), key(None));
    let with_passphrase = |name: &str, also_to: Option<&SignedSecretKey>| {
        let mut message = MessageBuilder::from_bytes("", &b"x"[..])
            .seipd_v1(thread_rng(), SymmetricKeyAlgorithm::AES256);
        let stretched = StringToKey::new_default(thread_rng());
        message
            .encrypt_with_password(stretched, &Password::from("hunter2"))
            .unwrap();
        if let Some(key) = also_to {
            let public = key.to_public_key();
            message
                .encrypt_to_key(thread_rng(), &public.public_subkeys[0])
                .unwrap();
        }
        world.put(name, message.to_vec(thread_rng()).unwrap());
    };
    let fingerprint = format!("{:X}", ours.primary_key.fingerprint());
    // By its ending, and by how it begins.
    for name in ["a.csv.gpg", "a.csv"] {
        with_passphrase(name, None);
        let refusal = world.taken(&armored(&ours)).await.unwrap_err();
        let wanted = format!(
            "the file cannot be decrypted: it was encrypted with a passphrase, not to a key: ask the \
             sender to encrypt to {fingerprint}"
        );
        assert_eq!(refusal, wanted);
    }
    with_passphrase("a.csv", Some(&ours));
    assert_eq!(world.taken(&armored(&ours)).await.unwrap(), b"x");
    with_passphrase("a.csv", Some(&key(None)));
    let refusal = world.taken(&armored(&ours)).await.unwrap_err();
    assert!(refusal.contains("for another key"), "{refusal}");
    assert!(refusal.contains(&fingerprint), "{refusal}");
}

/// Encrypted to `to`, compressed, signed by `by`, with whatever else the signature says.
fn signed(
    to: &SignedSecretKey,
    by: &[&SignedSecretKey],
    bytes: &[u8],
    more: Vec<SubpacketData>,
) -> Vec<u8> {
    let mut message = MessageBuilder::from_bytes("", bytes.to_vec())
        .seipd_v1(thread_rng(), SymmetricKeyAlgorithm::AES256);
    message.compression(CompressionAlgorithm::ZIP);
    for key in by {
        let mut hashed = vec![
            SubpacketData::IssuerFingerprint(key.primary_key.fingerprint()),
            SubpacketData::SignatureCreationTime(Timestamp::now()),
        ];
        hashed.retain(|one| {
            let is_other = |other| std::mem::discriminant(one) != std::mem::discriminant(other);
            more.iter().all(is_other)
        });
        hashed.extend(more.iter().cloned());
        let hashed = hashed
            .into_iter()
            .map(|data| Subpacket::regular(data).unwrap());
        let said = SubpacketConfig::UserDefined {
            hashed: hashed.collect(),
            unhashed: Vec::new(),
        };
        message.sign_with_subpackets(
            &key.primary_key,
            Password::empty(),
            HashAlgorithm::Sha256,
            said,
        );
    }
    let public = to.to_public_key();
    message
        .encrypt_to_key(thread_rng(), &public.public_subkeys[0])
        .unwrap();
    message.to_vec(thread_rng()).unwrap()
}

fn public(key: &SignedSecretKey) -> String {
    let key = key.to_public_key();
    key.to_armored_string(ArmorOptions::default()).unwrap()
}

#[tokio::test]
async fn a_signature_that_is_asked_for_must_be_there_good_and_of_the_right_key() {
    let (world, ours, shop, other) = (World::new(), key(None), key(None), key(None));
    let taken = async |asked: &str, bytes: Vec<u8>| {
        world.put("a.csv", bytes);
        let signers = Signers::read("shop-public", asked).unwrap();
        let keys = Keys::read(&armored(&ours)).unwrap().signed_by(signers);
        world.taken_by(keys, 64 * MEBIBYTE).await
    };
    let plain = noise(3 * MEBIBYTE);
    let asked = public(&shop);
    let by = |keys: &[&SignedSecretKey]| signed(&ours, keys, &plain, Vec::new());
    assert!(taken(&asked, by(&[&shop])).await.unwrap() == plain);
    assert!(taken(&asked, by(&[&other, &shop])).await.unwrap() == plain);
    let either = format!("{}\n{asked}", public(&other));
    assert!(taken(&either, by(&[&shop])).await.unwrap() == plain);

    let fingerprint = |key: &SignedSecretKey| format!("{:X}", key.primary_key.fingerprint());
    let expected = format!(
        "the file must be signed by Shop <shop@example.com> {} (secret shop-public), and ",
        fingerprint(&shop)
    );
    let made = |at: u32| {
        vec![SubpacketData::SignatureCreationTime(Timestamp::from_secs(
            at,
        ))]
    };
    let mut over = made(1_000_000_000);
    over.push(SubpacketData::SignatureExpirationTime(Seconds::from_secs(
        60,
    )));
    let claimed = vec![SubpacketData::IssuerFingerprint(
        shop.primary_key.fingerprint(),
    )];
    let cases = [
        (
            "it is signed by nobody".to_owned(),
            encrypted(&ours, &plain),
        ),
        (
            "it is no encrypted OpenPGP message".to_owned(),
            plain.clone(),
        ),
        (
            format!("it was signed by key {}", fingerprint(&other)),
            by(&[&other]),
        ),
        (
            format!(
                "key {} signed something else than this file",
                fingerprint(&shop)
            ),
            signed(&ours, &[&other], &plain, claimed),
        ),
        (
            format!("the signature by key {} has expired", fingerprint(&shop)),
            signed(&ours, &[&shop], &plain, over),
        ),
    ];
    for (found, bytes) in cases {
        let refusal = taken(&asked, bytes).await.unwrap_err();
        let rest = refusal.strip_prefix(&expected);
        let rest = rest.unwrap_or_else(|| panic!("{found}: {refusal}"));
        assert!(rest.contains(&found), "{found}: {rest}");
    }
    // Nobody asks: it is taken from whoever signed it.
    world.put("a.csv", by(&[&other]));
    assert!(world.taken(&armored(&ours)).await.unwrap() == plain);

    let wrong = |secret: &str| Signers::read("shop-public", secret).err().unwrap();
    for secret in [
        armored(&shop),
        "hunter2".to_owned(),
        asked[..200].to_owned(),
    ] {
        let error = wrong(&secret);
        assert!(error.contains("no public key in ASCII armor"), "{error}");
    }
}

#[tokio::test]
async fn what_gnupg_encrypts_is_decrypted() {
    if Command::new("gpg").arg("--version").output().is_err() {
        left_out("no gpg on this machine, so nothing that it encrypts was tried");
        return;
    }
    let (world, home) = (World::new(), tempfile::tempdir().unwrap());
    let gpg = |arguments: &[&str], home: &Path| -> Vec<u8> {
        let output = Command::new("gpg")
            .args([
                "--batch",
                "--quiet",
                "--trust-model",
                "always",
                "--passphrase",
                "",
            ])
            .args(["--pinentry-mode", "loopback", "--homedir"])
            .arg(home)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output.stdout
    };
    let plain = noise(3 * MEBIBYTE);
    let file = home.path().join("plain.csv");
    std::fs::write(&file, &plain).unwrap();
    let file = file.to_str().unwrap();
    for (kind, user) in [
        ("future-default", "curve@example.com"),
        ("rsa2048", "rsa@example.com"),
    ] {
        let usage = if kind == "rsa2048" {
            "encrypt,sign"
        } else {
            "default"
        };
        gpg(
            &["--quick-generate-key", user, kind, usage, "never"],
            home.path(),
        );
        let secret = gpg(&["--armor", "--export-secret-keys", user], home.path());
        let secret = String::from_utf8(secret).unwrap();
        for arguments in [
            &["--encrypt"][..],
            &["--armor", "--encrypt"],
            &["--sign", "--encrypt"],
        ] {
            let arguments = [arguments, &["-u", user, "-r", user, "-o", "-", file]].concat();
            world.put("a.csv", gpg(&arguments, home.path()));
            assert!(
                world.taken(&secret).await.unwrap() == plain,
                "{user} {arguments:?}"
            );
        }
        // Signed by the key, then by a subkey that is there for it alone.
        let public = || {
            let key = gpg(&["--armor", "--export", user], home.path());
            Signers::read("shop-public", &String::from_utf8(key).unwrap()).unwrap()
        };
        let to_sign = [
            "--sign",
            "--encrypt",
            "-u",
            user,
            "-r",
            user,
            "-o",
            "-",
            file,
        ];
        let taken = async |signers: Signers| {
            let keys = Keys::read(&secret).unwrap().signed_by(signers);
            world.taken_by(keys, 64 * MEBIBYTE).await
        };
        let before = public();
        world.put("a.csv", gpg(&to_sign, home.path()));
        assert!(taken(public()).await.unwrap() == plain, "{user}");
        let listed = gpg(&["--with-colons", "--list-keys", user], home.path());
        let listed = String::from_utf8(listed).unwrap();
        let fingerprint = listed
            .lines()
            .find(|line| line.starts_with("fpr:"))
            .unwrap();
        let fingerprint = fingerprint.split(':').nth(9).unwrap();
        gpg(
            &["--quick-add-key", fingerprint, "ed25519", "sign", "never"],
            home.path(),
        );
        let by_subkey = gpg(&to_sign, home.path());
        world.put("a.csv", &by_subkey);
        assert!(taken(public()).await.unwrap() == plain, "{user}");
        world.put("a.csv", &by_subkey);
        let refusal = taken(before).await.unwrap_err();
        assert!(refusal.contains("it was signed by key"), "{refusal}");
        if kind == "rsa2048" {
            let weak = ["--digest-algo", "SHA1", "--allow-weak-digest-algos"];
            let by_key = format!("{fingerprint}!");
            let to_sign = [
                "--sign",
                "--encrypt",
                "-u",
                &by_key,
                "-r",
                user,
                "-o",
                "-",
                file,
            ];
            world.put("a.csv", gpg(&[&weak[..], &to_sign].concat(), home.path()));
            let refusal = taken(public()).await.unwrap_err();
            assert!(refusal.contains("with SHA-256 or better"), "{refusal}");
        }
        let signers = public();
        assert!(signers.wanted().contains(user) && signers.wanted().contains(fingerprint));
    }
    let symmetric = ["--symmetric", "--passphrase", "hunter2", "-o", "-", file];
    world.put("a.csv", gpg(&symmetric, home.path()));
    let refusal = world.taken(&armored(&key(None))).await.unwrap_err();
    assert!(
        refusal.contains("with a passphrase, not to a key"),
        "{refusal}"
    );
    let _ = Command::new("gpgconf")
        .arg("--homedir")
        .arg(home.path())
        .args(["--kill", "all"])
        .output();
}
