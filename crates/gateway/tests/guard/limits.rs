//! Peers that do not come to an end.

use crate::peer::{Peer, answer, read_request};
use crate::{fetch, get, local};
use harmonia_gateway::http::{Call, Failed};
use std::io::Write;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// Begins an answer, and goes on with pieces, one each `pause`, until nobody listens.
async fn endless(begin: &'static str, piece: &str, pause: Duration) -> Peer {
    let piece = piece.to_owned();
    Peer::start(move |mut stream, _| {
        let piece = piece.clone();
        async move {
            read_request(&mut stream).await;
            if stream.write_all(begin.as_bytes()).await.is_err() {
                return;
            }
            while stream.write_all(piece.as_bytes()).await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        }
    })
    .await
}

/// That a request is given up within the time it may take, as one that may have arrived.
async fn gives_up(peer: &Peer, most: Duration) -> String {
    let begun = Instant::now();
    let failed = fetch(&local(), &peer.url()).await.unwrap_err();
    assert!(
        begun.elapsed() < most,
        "{failed:?} after {:?}",
        begun.elapsed()
    );
    match failed {
        Failed::MayHaveArrived(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn headers_that_trickle_or_never_end_are_given_up() {
    let second = Duration::from_secs(1);
    let slow = endless("HTTP/1.1 200 OK\r\nX: ", "x", Duration::from_millis(20)).await;
    gives_up(&slow, second).await;
    let silent = endless("", "", Duration::from_millis(20)).await;
    gives_up(&silent, second).await;
    let no_time = Duration::ZERO;
    let long = endless("HTTP/1.1 200 OK\r\nX: ", &"x".repeat(8192), no_time).await;
    let why = gives_up(&long, second).await;
    assert!(why.contains("too large"), "{why}");
    let many = endless("HTTP/1.1 200 OK\r\n", &"X: x\r\n".repeat(1000), no_time).await;
    gives_up(&many, second).await;
    let headers = "\r\nX: x".repeat(101);
    let too_many = Peer::answering(&answer(&format!("200 OK{headers}"), "")).await;
    let why = gives_up(&too_many, second).await;
    assert!(why.contains("too large"), "{why}");
    let informed = endless("", "HTTP/1.1 103 Early Hints\r\n\r\n", no_time).await;
    gives_up(&informed, second).await;
    let no_http = endless("", "SSH-2.0-OpenSSH_9.2\r\n", no_time).await;
    gives_up(&no_http, second).await;
}

#[tokio::test]
async fn a_body_is_cut_at_its_limit_and_one_that_trickles_is_given_up() {
    let small = "8\r\nxxxxxxxx\r\n";
    let piece = "x".repeat(8192);
    let chunk = format!("2000\r\n{piece}\r\n");
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let plain = "HTTP/1.1 200 OK\r\n\r\n";
    let claimed = "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n";
    let client = local();
    for (begin, piece) in [(chunked, &chunk), (plain, &piece), (claimed, &piece)] {
        let peer = endless(begin, piece, Duration::ZERO).await;
        match fetch(&client, &peer.url()).await {
            Ok(answered) => assert!(answered.cut && answered.body.len() == 64 * 1024),
            // A length that no body can have.
            Err(Failed::MayHaveArrived(_)) if begin == claimed => {}
            other => panic!("{other:?}"),
        }
        // Such a connection is not used again.
        let again = fetch(&client, &peer.url()).await;
        assert!(again.is_ok() || begin == claimed);
        assert_eq!(peer.connections(), 2);
    }
    // Each piece comes before the silence is too long, but the whole takes too much time.
    let slow = endless(chunked, small, Duration::from_millis(100)).await;
    gives_up(&slow, Duration::from_millis(3600)).await;
    let stuck = endless(chunked, "", Duration::from_millis(100)).await;
    gives_up(&stuck, Duration::from_secs(1)).await;
    let short = Peer::start(|mut stream, _| async move {
        read_request(&mut stream).await;
        let cut = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nxxx";
        let _ = stream.write_all(cut.as_bytes()).await;
    })
    .await;
    let why = gives_up(&short, Duration::from_secs(1)).await;
    assert!(why.contains("broke off"), "{why}");
}

#[tokio::test]
async fn what_is_packed_stays_packed() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1024 * 1024];
    for _ in 0..64 {
        bomb.write_all(&zeros).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let packed = bomb.len();
    let peer = Peer::start(move |mut stream, _| {
        let bomb = bomb.clone();
        async move {
            let asked = read_request(&mut stream).await.unwrap();
            assert!(
                !asked.to_ascii_lowercase().contains("accept-encoding"),
                "{asked}"
            );
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                bomb.len()
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&bomb).await;
        }
    })
    .await;
    let url = peer.url();
    let call = Call {
        body_limit: 1024 * 1024,
        ..get(&url)
    };
    let answered = local().send(call).await.unwrap();
    assert_eq!(answered.body.len(), packed);
}

#[tokio::test]
async fn a_request_cannot_be_made_to_say_two_things() {
    let peer = Peer::answering(&answer("200 OK", "")).await;
    let url = peer.url();
    for name in [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "expect",
    ] {
        let mut call = get(&url);
        call.headers = vec![(name.parse().unwrap(), "1".parse().unwrap())];
        let sent = local().send(call).await;
        assert!(matches!(sent, Err(Failed::Refused(_))), "{name}");
    }
    assert_eq!(peer.connections(), 0);
}
