//! Encrypted files: with keys made here, and as GnuPG encrypts them where it is installed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use harmonia_core::ids::Slug;
use harmonia_core::time::Day;
use harmonia_gateway::files::FolderInbox;
use harmonia_gateway::pgp::{Keys, Opening};
use harmonia_gateway::spool::Spool;
use harmonia_journey::ports::{Inbox, Readable};
use pgp::composed::{
    ArmorOptions, EncryptionCaps, KeyType, MessageBuilder, SecretKeyParamsBuilder, SignedSecretKey,
    SubkeyParamsBuilder,
};
use pgp::crypto::aead::{AeadAlgorithm, ChunkSize};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::types::CompressionAlgorithm;
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

    fn inbox(&self, secret: &str, limit: usize) -> Opening {
        let slug = Slug::new("shop").unwrap();
        let base = self.0.path().to_owned();
        let folder = FolderInbox::new(base, "shop", &slug, Duration::ZERO);
        let spool = Spool::new(self.0.path(), limit as u64);
        Opening::new(Box::new(folder), Keys::read(secret).unwrap(), spool)
    }

    /// What comes of the only file there is: its bytes, or why it is refused. Then it is put away.
    async fn taken(&self, secret: &str) -> Result<Vec<u8>, String> {
        self.taken_within(secret, 64 * MEBIBYTE).await
    }

    async fn taken_within(&self, secret: &str, limit: usize) -> Result<Vec<u8>, String> {
        let arrival = self
            .inbox(secret, limit)
            .arrivals()
            .await
            .unwrap()
            .remove(0);
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
    }
    let _ = Command::new("gpgconf")
        .arg("--homedir")
        .arg(home.path())
        .args(["--kill", "all"])
        .output();
}
