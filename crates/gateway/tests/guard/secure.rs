//! TLS, by authorities that are trusted, and the proxy.

use crate::peer::{Peer, answer, read_request};
use crate::{Names, SHORT, fetch};
use harmonia_core::outbound::Allowed;
use harmonia_core::secret::Secret;
use harmonia_gateway::http::{Failed, HttpClient, HttpOptions, Resolver};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

/// An authority, and a peer whose certificate for `shop.test` it signed.
async fn behind_tls() -> (Peer, tempfile::NamedTempFile) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["shop.test".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let peer = Peer::start(move |stream, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let mut asked = vec![0; 4096];
            while matches!(stream.read(&mut asked).await, Ok(read) if read > 0) {
                let _ = stream
                    .write_all(answer("200 OK", "over TLS").as_bytes())
                    .await;
            }
        }
    })
    .await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, authority.pem().as_bytes()).unwrap();
    (peer, file)
}

fn client(allowed: &str, ca_file: Option<PathBuf>, proxy: Option<String>) -> HttpClient {
    let names = Names::default();
    names.tell("shop.test", &[&["127.0.0.1"]]);
    names.tell("other.test", &[&["127.0.0.1"]]);
    names.tell("public.test", &[&["1.1.1.1"]]);
    let resolver: Arc<dyn Resolver> = Arc::new(names);
    HttpClient::new(HttpOptions {
        allowed: Allowed::parse(allowed).unwrap(),
        ca_file,
        proxy: proxy.map(Secret::new),
        resolver,
        limits: SHORT,
    })
    .unwrap()
}

#[tokio::test]
async fn a_peer_is_known_by_its_certificate_or_told_nothing() {
    let (peer, authority) = behind_tls().await;
    let port = peer.port();
    let trusting = client("shop.test,other.test", Some(authority.path().into()), None);
    let url = format!("https://shop.test:{port}/");
    for _ in 0..3 {
        assert_eq!(fetch(&trusting, &url).await.unwrap().body, "over TLS");
    }
    assert_eq!(peer.connections(), 1);
    // Of another name, or vouched for by nobody.
    let other = fetch(&trusting, &format!("https://other.test:{port}/")).await;
    assert!(matches!(other, Err(Failed::NeverLeft(_))), "{other:?}");
    let doubting = fetch(&client("shop.test", None, None), &url)
        .await
        .unwrap_err();
    let Failed::NeverLeft(why) = doubting else {
        panic!("{doubting:?}");
    };
    assert!(why.contains("UnknownIssuer"), "{why}");
}

#[test]
fn a_file_of_authorities_that_is_none_is_refused() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    for path in [empty.path().to_owned(), "/nowhere/ca.pem".into()] {
        let options = HttpOptions {
            ca_file: Some(path),
            ..HttpOptions::default()
        };
        let wrong = HttpClient::new(options).err().unwrap();
        assert!(wrong.contains("TXM_HTTP_CA_FILE"), "{wrong}");
    }
}

#[tokio::test]
async fn a_proxy_is_told_an_address_and_shown_what_it_asks_for() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let proxy = Peer::start(move |mut stream, _| {
        let seen = Arc::clone(&seen);
        async move {
            let request = read_request(&mut stream).await.unwrap();
            seen.lock().unwrap().push(request);
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
        }
    })
    .await;
    let inside = Peer::answering(&answer("200 OK", "direct")).await;
    let through = format!("http://us:hush%21@{}", proxy.address);
    let client = client("shop.test", None, Some(through));
    let failed = fetch(&client, "https://public.test/").await.unwrap_err();
    let Failed::NeverLeft(why) = &failed else {
        panic!("{failed:?}");
    };
    assert!(
        why.contains("answers 403") && !why.contains("hush"),
        "{why}"
    );
    let request = asked.lock().unwrap().remove(0);
    assert!(request.starts_with("CONNECT 1.1.1.1:443 HTTP/1.1\r\nHost: 1.1.1.1:443\r\n"));
    // us:hush!
    assert!(
        request.contains("Proxy-Authorization: Basic dXM6aHVzaCE=\r\n"),
        "{request}"
    );
    // What leads inward is refused here, not there; what is allowed is gone to without the proxy.
    let inward = fetch(&client, "https://other.test/").await;
    assert!(matches!(inward, Err(Failed::Refused(_))), "{inward:?}");
    let direct = fetch(&client, &format!("http://shop.test:{}/", inside.port())).await;
    assert_eq!(direct.unwrap().body, "direct");
    assert_eq!(proxy.connections(), 1);
    for wrong in [
        "http://",
        "https://proxy:1",
        "http://proxy:1/path",
        "http://:hush@:1",
    ] {
        let options = HttpOptions {
            proxy: Some(Secret::new(wrong)),
            ..HttpOptions::default()
        };
        let told = HttpClient::new(options).err().unwrap();
        assert!(
            told.contains("TXM_HTTP_PROXY") && !told.contains("hush"),
            "{told}"
        );
    }
}
