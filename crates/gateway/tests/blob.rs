//! The blob inbox against folders, always, and against emulators of Azure and of S3 where `s/services`
//! has started them: `s/services start azurite s3`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use harmonia_core::ids::Slug;
use harmonia_core::time::Day;
use harmonia_gateway::blob::{BlobInbox, Places};
use harmonia_gateway::spool::Spool;
use harmonia_journey::ports::{Arrival, Inbox, InboxError};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const DAY: Day = Day(20_606);
const HOUR: Duration = Duration::from_secs(3600);
const MEBIBYTE: usize = 1024 * 1024;
/// The emulator's account and key, which its documentation prints.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A storage with an arriving and an archive container, seen from outside.
struct World {
    dsn: String,
    arriving: Arc<dyn ObjectStore>,
    archive: Arc<dyn ObjectStore>,
    places: Places,
    home: TempDir,
}

impl World {
    fn in_folders() -> Self {
        let home = tempfile::tempdir().unwrap();
        let base = home.path().join("blobs");
        let open = |name: &str| -> Arc<dyn ObjectStore> {
            std::fs::create_dir_all(base.join(name)).unwrap();
            Arc::new(LocalFileSystem::new_with_prefix(base.join(name)).unwrap())
        };
        Self {
            dsn: format!("file://{}", base.display()),
            arriving: open("in"),
            archive: open("done"),
            places: places("in", "done"),
            home,
        }
    }

    /// In containers of the emulator that only this call uses; `None`, said aloud, without one.
    fn in_azure(name: &str) -> Option<Self> {
        let Some(endpoint) = azurite() else {
            left_out(
                "the blob inbox was not tried against Azure's emulator: s/services start azurite, \
                 then eval \"$(s/services env)\"",
            );
            return None;
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unique = format!("{name}-{}", std::process::id());
        let places = places(&format!("in-{unique}"), &format!("done-{unique}"));
        let endpoint = format!("{endpoint}/{ACCOUNT}");
        let open = |container: &str| -> Arc<dyn ObjectStore> {
            make_container(&endpoint, container);
            let builder = MicrosoftAzureBuilder::new()
                .with_account(ACCOUNT)
                .with_access_key(KEY)
                .with_endpoint(endpoint.clone())
                .with_allow_http(true)
                .with_container_name(container);
            Arc::new(builder.build().unwrap())
        };
        Some(Self {
            dsn: format!("azure://{ACCOUNT}?endpoint={endpoint}&allow_http=true&secret=emulator"),
            arriving: open(&places.container),
            archive: open(&places.archive),
            places,
            home: tempfile::tempdir().unwrap(),
        })
    }

    /// In buckets of an emulator of S3 that only this call uses; `None`, said aloud, without one.
    fn in_s3(name: &str) -> Option<Self> {
        let Ok(endpoint) = std::env::var("HARMONIA_TEST_S3_ENDPOINT") else {
            left_out(
                "the blob inbox was not tried against an emulator of S3: s/services start s3, then \
                 eval \"$(s/services env)\"",
            );
            return None;
        };
        let _ = rustls::crypto::ring::default_provider().install_default();
        let unique = format!("{name}-{}", std::process::id());
        let places = places(&format!("in-{unique}"), &format!("done-{unique}"));
        let open = |bucket: &str| -> Arc<dyn ObjectStore> {
            make_bucket(&endpoint, bucket);
            let builder = AmazonS3Builder::new()
                .with_region("us-east-1")
                .with_access_key_id("key")
                .with_secret_access_key(KEY)
                .with_endpoint(endpoint.clone())
                .with_allow_http(true)
                .with_bucket_name(bucket);
            Arc::new(builder.build().unwrap())
        };
        Some(Self {
            dsn: format!("s3://us-east-1?endpoint={endpoint}&allow_http=true&secret=s3"),
            arriving: open(&places.container),
            archive: open(&places.archive),
            places,
            home: tempfile::tempdir().unwrap(),
        })
    }

    fn inbox(&self, settle: Duration, lease: Duration) -> BlobInbox {
        let slug = Slug::new("shop").unwrap();
        let spool = Spool::new(self.home.path(), 64 * MEBIBYTE as u64);
        let secret = |name: &str| {
            let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            Ok(match name {
                "emulator" => BTreeMap::from([pair("access_key", KEY)]),
                "s3" => {
                    BTreeMap::from([pair("access_key_id", "key"), pair("secret_access_key", KEY)])
                }
                other => panic!("{other} is no secret here"),
            })
        };
        let places = self.places.clone();
        BlobInbox::new(&self.dsn, secret, places, &slug, spool, (settle, lease)).unwrap()
    }

    async fn put(&self, name: &str, bytes: &[u8]) {
        let payload = PutPayload::from(bytes.to_vec());
        self.arriving.put(&Path::from(name), payload).await.unwrap();
    }

    async fn archived(&self, name: &str) -> Vec<u8> {
        let got = self.archive.get(&Path::from(name)).await.unwrap();
        got.bytes().await.unwrap().to_vec()
    }
}

fn places(container: &str, archive: &str) -> Places {
    Places {
        container: container.to_owned(),
        path: "shop/".to_owned(),
        archive: archive.to_owned(),
    }
}

/// Says what was not tried. Not with `eprintln!`, which a test that passes keeps to itself.
fn left_out(what: &str) {
    let line = format!("LEFT OUT: {what}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// Where the emulator that `s/services` started listens.
fn azurite() -> Option<String> {
    std::env::var("HARMONIA_TEST_BLOB_ENDPOINT").ok()
}

/// Containers are made by whoever runs a storage, so the library does not make them.
fn make_container(endpoint: &str, name: &str) {
    let script = "const crypto = require('crypto'), http = require('http');
const [endpoint, account, key, name] = process.argv.slice(1);
const date = new Date().toUTCString();
const path = new URL(endpoint).pathname + '/' + name;
const text = ['PUT', '', '', '', '', '', '', '', '', '', '', '', `x-ms-date:${date}`,
  'x-ms-version:2021-08-06', `/${account}${path}`, 'restype:container'].join('\\n');
const sign = crypto.createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest('base64');
const request = http.request(endpoint + '/' + name + '?restype=container', { method: 'PUT', headers: {
  'x-ms-date': date, 'x-ms-version': '2021-08-06', 'content-length': 0,
  authorization: `SharedKey ${account}:${sign}` } }, (response) => {
  process.exit([201, 409].includes(response.statusCode) ? 0 : response.statusCode % 255); });
request.end();";
    let made = Command::new("node")
        .args(["-e", script, endpoint, ACCOUNT, KEY, name])
        .status();
    assert!(made.unwrap().success(), "no container {name}");
}

/// Buckets likewise.
fn make_bucket(endpoint: &str, name: &str) {
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "PUT /{name} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200"),
        "no bucket {name}: {answer}"
    );
}

async fn look(inbox: &BlobInbox) -> Vec<Box<dyn Arrival>> {
    inbox.arrivals().await.unwrap()
}

async fn read(arrival: &dyn Arrival) -> Option<Vec<u8>> {
    let file = arrival.take().await.unwrap()?;
    let mut bytes = Vec::new();
    file.open().unwrap().read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

fn noise(count: usize) -> Vec<u8> {
    let byte = |index: usize| index.wrapping_mul(2_654_435_761).to_be_bytes()[4];
    (0..count).map(byte).collect()
}

/// Blobs are read, archived and set aside, large and small, and nothing is overwritten.
async fn a_whole_journey(world: World) {
    let inbox = world.inbox(Duration::ZERO, HOUR);
    let large = noise(20 * MEBIBYTE + 3);
    world.put("shop/b.csv", &large).await;
    world.put("shop/a b.csv", b"small").await;
    world.put("shop/c.csv.part", b"x").await;
    world.put("shopping/d.csv", b"x").await;
    let arrivals = look(&inbox).await;
    assert_eq!(arrivals.len(), 2);
    assert!(
        arrivals[0].source().ends_with("/shop/a b.csv"),
        "{}",
        arrivals[0].source()
    );
    assert_eq!(read(arrivals[0].as_ref()).await.unwrap(), b"small");
    assert!(read(arrivals[1].as_ref()).await.unwrap() == large);
    for arrival in &arrivals {
        arrival.archive(DAY).await.unwrap();
    }
    assert_eq!(
        world.archived(&format!("{DAY}/shop/a b.csv")).await,
        b"small"
    );
    assert!(world.archived(&format!("{DAY}/shop/b.csv")).await == large);
    // The same names again: archived beside, small and large; and one refused.
    world.put("shop/a b.csv", b"other").await;
    world.put("shop/b.csv", &large).await;
    for arrival in look(&inbox).await {
        read(arrival.as_ref()).await.unwrap();
        arrival.archive(DAY).await.unwrap();
    }
    assert_eq!(
        world.archived(&format!("{DAY}/shop/a b.csv.2")).await,
        b"other"
    );
    assert!(world.archived(&format!("{DAY}/shop/b.csv.2")).await == large);
    world.put("shop/e.csv", b"bad").await;
    let bad = look(&inbox).await.remove(0);
    read(bad.as_ref()).await.unwrap();
    bad.set_aside().await.unwrap();
    assert_eq!(world.archived("refused/shop/e.csv").await, b"bad");
    assert!(look(&inbox).await.is_empty());
}

/// Two importers never have one blob, and what a dead one had is taken again.
async fn one_importer_at_a_time(world: World) {
    let lease = Duration::from_secs(1);
    let (one, other) = (
        world.inbox(Duration::ZERO, lease),
        world.inbox(Duration::ZERO, lease),
    );
    world.put("shop/a.csv", b"a").await;
    let (ours, theirs) = (look(&one).await.remove(0), look(&other).await.remove(0));
    assert!(read(ours.as_ref()).await.is_some());
    // It is renewed for as long as its holder lives.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(read(theirs.as_ref()).await.is_none());
    ours.release().await.unwrap();
    assert!(read(theirs.as_ref()).await.is_some(), "it was given back");
    drop(theirs);
    let ours = look(&one).await.remove(0);
    assert!(
        read(ours.as_ref()).await.is_none(),
        "its holder has just died"
    );
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(read(ours.as_ref()).await.is_some(), "the lease has ended");
    ours.archive(DAY).await.unwrap();
    assert!(look(&other).await.is_empty());
    assert_eq!(world.archived(&format!("{DAY}/shop/a.csv")).await, b"a");
}

/// Of many who want one blob at the same moment, at most one has it.
async fn of_many_at_once_at_most_one_has_it(world: World) {
    world.put("shop/a.csv", b"a").await;
    for round in 0..5 {
        let inboxes: Vec<_> = (0..8).map(|_| world.inbox(Duration::ZERO, HOUR)).collect();
        let mut arrivals = Vec::new();
        for inbox in &inboxes {
            arrivals.push(look(inbox).await.remove(0));
        }
        let tasks = arrivals.into_iter().map(|arrival| {
            tokio::spawn(async move {
                let taken = arrival.take().await.unwrap().is_some();
                (taken, arrival)
            })
        });
        let mut holders = Vec::new();
        for task in tasks.collect::<Vec<_>>() {
            let (taken, arrival) = task.await.unwrap();
            if taken {
                holders.push(arrival);
            }
        }
        assert!(holders.len() <= 1, "{} in round {round}", holders.len());
        for holder in holders {
            holder.release().await.unwrap();
        }
    }
    let last = look(&world.inbox(Duration::ZERO, HOUR)).await.remove(0);
    assert!(
        read(last.as_ref()).await.is_some(),
        "nobody has it any more"
    );
}

/// A blob that is replaced while it is imported stays, and is imported again.
async fn a_changed_blob_stays(world: World) {
    let inbox = world.inbox(Duration::ZERO, HOUR);
    world.put("shop/a.csv", b"one").await;
    let arrival = look(&inbox).await.remove(0);
    assert_eq!(read(arrival.as_ref()).await.unwrap(), b"one");
    world.put("shop/a.csv", b"one, two").await;
    let error = arrival.archive(DAY).await.unwrap_err().to_string();
    assert!(error.contains("changed while"), "{error}");
    let again = look(&inbox).await.remove(0);
    assert_eq!(read(again.as_ref()).await.unwrap(), b"one, two");
    again.archive(DAY).await.unwrap();
    assert_eq!(
        world.archived(&format!("{DAY}/shop/a.csv")).await,
        b"one, two"
    );
}

#[tokio::test]
async fn folders_a_whole_journey() {
    a_whole_journey(World::in_folders()).await;
}

#[tokio::test]
async fn folders_one_importer_at_a_time() {
    one_importer_at_a_time(World::in_folders()).await;
}

#[tokio::test]
async fn folders_a_changed_blob_stays() {
    a_changed_blob_stays(World::in_folders()).await;
}

#[tokio::test]
async fn azure_a_whole_journey() {
    if let Some(world) = World::in_azure("journey") {
        a_whole_journey(world).await;
    }
}

#[tokio::test]
async fn azure_one_importer_at_a_time() {
    if let Some(world) = World::in_azure("lease") {
        one_importer_at_a_time(world).await;
    }
}

#[tokio::test]
async fn azure_a_changed_blob_stays() {
    if let Some(world) = World::in_azure("changed") {
        a_changed_blob_stays(world).await;
    }
}

#[tokio::test]
async fn s3_a_whole_journey() {
    if let Some(world) = World::in_s3("journey") {
        a_whole_journey(world).await;
    }
}

#[tokio::test]
async fn s3_one_importer_at_a_time() {
    if let Some(world) = World::in_s3("lease") {
        one_importer_at_a_time(world).await;
    }
}

#[tokio::test]
async fn s3_a_changed_blob_stays() {
    if let Some(world) = World::in_s3("changed") {
        a_changed_blob_stays(world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_of_many_at_once_at_most_one_has_it() {
    if let Some(world) = World::in_s3("many") {
        of_many_at_once_at_most_one_has_it(world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_of_many_at_once_at_most_one_has_it() {
    if let Some(world) = World::in_azure("many") {
        of_many_at_once_at_most_one_has_it(world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_of_many_at_once_at_most_one_has_it() {
    of_many_at_once_at_most_one_has_it(World::in_folders()).await;
}

#[tokio::test]
async fn a_file_that_is_being_written_is_left_alone() {
    let world = World::in_folders();
    world.put("shop/a.csv", b"a").await;
    assert!(look(&world.inbox(HOUR, HOUR)).await.is_empty());
    assert_eq!(look(&world.inbox(Duration::ZERO, HOUR)).await.len(), 1);
}

#[tokio::test]
async fn a_container_is_not_its_own_archive() {
    let world = World::in_folders();
    let slug = Slug::new("shop").unwrap();
    let spool = Spool::new(world.home.path(), 1);
    let none = |_: &str| Err(InboxError("no secret".to_owned()));
    let same = places("in", "in");
    let inbox = BlobInbox::new(&world.dsn, none, same, &slug, spool, (HOUR, HOUR));
    let error = inbox.err().unwrap().to_string();
    assert!(error.contains("TXM_BLOB_ARCHIVE_CONTAINER"), "{error}");
}
