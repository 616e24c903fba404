//! Addresses that lead inward, however they are written, and names that change their mind.

use crate::peer::{Peer, answer};
use crate::{Names, client, fetch, local};
use harmonia_gateway::http::Failed;
use std::sync::Arc;

/// Hosts that are this machine or its neighbourhood in disguise, each with what it is written as.
const HOSTS: &[&str] = &[
    // as decimal, octal and hexadecimal numbers, whole and in parts, and with parts left out
    "127.0.0.1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0X7F.0X0.0X0.0X1",
    "0177.0.0.1",
    "0177.0000.0000.0001",
    "00000177.1",
    "127.1",
    "127.0.1",
    "127.0x0.1",
    "127.0.0.1.",
    "127.000.000.001",
    "127.255.255.254",
    "127.0.0.2",
    "0",
    "0.0.0.0",
    "0x0",
    "00.0",
    "0.0.0.0.",
    // IPv6, and IPv4 within it
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
    "[2001:0:7f00:1::]",
    "[2001::ffff:80ff:fffe]",
    "[fe80::1]",
    "[fd00::1]",
    "[fd00:ec2::254]",
    "[fec0::1]",
    "[ff02::1]",
    "[::ffff:169.254.169.254]",
    // in letters that are read as others
    "127。0。0。1",
    "127．0．0．1",
    "１２７.0.0.1",
    "①②⑦.0.0.1",
    "%31%32%37.0.0.1",
    "0x7F.1",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    // by name
    "localhost",
    "LOCALHOST",
    "localhost.",
    "trap.test",
    "trap.test.",
    "both.test",
    "six.test",
    "mapped.test",
    "xn--bcher-kva.test",
    "bücher.test",
    // the neighbourhood
    "169.254.169.254",
    "0xA9FEA9FE",
    "2852039166",
    "0251.0376.0251.0376",
    "metadata.test",
    "10.0.0.1",
    "012.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
];

/// Whole addresses in which a host hides behind another; `{port}` is the trap's.
const ADDRESSES: &[&str] = &[
    "https://example.com@127.0.0.1:{port}/",
    "https://example.com:443@127.0.0.1:{port}/",
    "https://example.com%2F@127.0.0.1:{port}/",
    "https://example.com#@127.0.0.1:{port}/",
    "https://@127.0.0.1:{port}/",
    "https://:@127.0.0.1:{port}/",
    "https://example.com\\@127.0.0.1:{port}/",
    "https:\\\\127.0.0.1:{port}/",
    "https:///127.0.0.1:{port}/",
    "https:////127.0.0.1:{port}/",
    "https:127.0.0.1:{port}/",
    "https:/127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "ht\ttps://127.0.0.1:{port}/",
    "https://127.0.0.1\t:{port}/",
    "https://127.0.\n0.1:{port}/",
    " https://127.0.0.1:{port}/",
    "https://127.0.0.1:0{port}/",
    "https://127.0.0.1:{port}?@example.com/",
    "https://[::1]:{port}#.example.com",
    "https://[::1%25lo]:{port}/",
    "https://[fe80::1%lo]:{port}/",
    "HTTPS://127.0.0.1:{port}/",
    "hTTp://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "file:///etc/hostname",
    "gopher://127.0.0.1:{port}/_GET",
    "http+unix://%2Ftmp%2Fsocket/",
    "https://127.0.0.1 :{port}/",
    "https://127.0.0.1%00.example.com:{port}/",
    "https://127.0.0.1%2eexample.com:{port}/",
];

fn names() -> Arc<Names> {
    let names = Arc::new(Names::default());
    for name in [
        "localhost",
        "localhost.",
        "trap.test",
        "trap.test.",
        "xn--bcher-kva.test",
    ] {
        names.tell(name, &[&["127.0.0.1"]]);
    }
    names.tell("both.test", &[&["1.1.1.1", "127.0.0.1"]]);
    names.tell("six.test", &[&["::1"]]);
    names.tell("mapped.test", &[&["::ffff:127.0.0.1"]]);
    names.tell("metadata.test", &[&["169.254.169.254"]]);
    names
}

#[tokio::test]
async fn no_disguise_leads_inward() {
    let trap = Peer::answering(&answer("200 OK", "inside")).await;
    let port = trap.port();
    // Of the trap's very port on the other side too.
    let six = tokio::net::TcpListener::bind(("::1", port)).await;
    let client = client("", &names());
    let of_host = |scheme: &str, host: &&str| format!("{scheme}://{host}:{port}/");
    let mut tried: Vec<String> = HOSTS.iter().map(|host| of_host("https", host)).collect();
    tried.extend(HOSTS.iter().map(|host| of_host("http", host)));
    tried.extend(
        ADDRESSES
            .iter()
            .map(|address| address.replace("{port}", &port.to_string())),
    );
    assert!(HOSTS.len() + ADDRESSES.len() >= 60);
    for url in &tried {
        match fetch(&client, url).await {
            Err(Failed::Refused(_)) => {}
            // What is a name to no one.
            Err(Failed::NeverLeft(why)) => assert!(why.contains("looked up"), "{url}: {why}"),
            other => panic!("{url}: {other:?}"),
        }
    }
    assert_eq!(trap.connections(), 0);
    if let Ok(six) = six {
        let came = tokio::time::timeout(std::time::Duration::from_millis(50), six.accept()).await;
        assert!(came.is_err(), "somebody came by IPv6");
    }
    // The trap is one: whoever may go there gets there, by each way that leads to its address.
    let local = local();
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "127。0。0。1"] {
        let came = fetch(&local, &format!("http://{host}:{port}/")).await;
        assert_eq!(came.unwrap().body, "inside", "{host}");
    }
    assert_eq!(trap.connections(), 1);
}

#[tokio::test]
async fn what_is_allowed_is_allowed_alone() {
    let trap = Peer::answering(&answer("200 OK", "inside")).await;
    let port = trap.port();
    let client = client("trap.test,10.0.0.0/8", &names());
    let by_name = fetch(&client, &format!("http://trap.test:{port}/")).await;
    assert_eq!(by_name.unwrap().status, 200);
    for other in ["127.0.0.1", "localhost", "x.trap.test", "mapped.test"] {
        let refused = fetch(&client, &format!("https://{other}:{port}/")).await;
        assert!(refused.is_err(), "{other}");
    }
    assert_eq!(trap.connections(), 1);
    let open_line = fetch(&client, "http://1.1.1.1/").await.unwrap_err();
    let Failed::Refused(why) = open_line else {
        panic!("{open_line:?}");
    };
    assert!(why.contains("open line"), "{why}");
}

#[tokio::test]
async fn a_name_that_changes_its_mind_gains_nothing() {
    let meant = Peer::at("127.0.0.2", |stream, _| async move {
        serve_once(stream).await;
    })
    .await;
    let port = meant.port();
    let trap = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .unwrap();
    let names = Arc::new(Names::default());
    for round in 0..50 {
        let name = format!("rebind-{round}.test");
        names.tell(&name, &[&["127.0.0.2"], &["127.0.0.1"]]);
        let client = client("127.0.0.2", &names);
        let url = format!("http://{name}:{port}/");
        let asked = names.asked();
        // Looked up once, and connected to what was judged.
        assert_eq!(fetch(&client, &url).await.unwrap().status, 200);
        assert_eq!(names.asked(), asked + 1);
        // The next connection is judged by itself.
        assert!(matches!(
            fetch(&client, &url).await,
            Err(Failed::Refused(_))
        ));
        // One bad address among good ones is enough.
        names.tell(
            &name,
            &[&["127.0.0.2", "127.0.0.1"], &["127.0.0.1", "127.0.0.2"]],
        );
        for _ in 0..2 {
            assert!(matches!(
                fetch(&client, &url).await,
                Err(Failed::Refused(_))
            ));
        }
    }
    assert_eq!(meant.connections(), 50);
    let came = tokio::time::timeout(std::time::Duration::from_millis(50), trap.accept()).await;
    assert!(came.is_err(), "somebody came to the trap");
}

async fn serve_once(mut stream: tokio::net::TcpStream) {
    use tokio::io::AsyncWriteExt;
    if crate::peer::read_request(&mut stream).await.is_some() {
        let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let trap = Peer::answering(&answer("200 OK", "inside")).await;
    let client = local();
    for status in [300, 301, 302, 303, 305, 307, 308] {
        for to in [
            trap.url(),
            format!("//{}/", trap.address),
            "/other".to_owned(),
        ] {
            let headers = format!("Location: {to}\r\nRefresh: 0; url={to}");
            let peer = Peer::answering(&answer(&format!("{status} Moved\r\n{headers}"), "")).await;
            let answered = fetch(&client, &peer.url()).await.unwrap();
            assert_eq!(answered.status, status);
            assert_eq!(peer.connections(), 1);
        }
    }
    assert_eq!(trap.connections(), 0);
}
