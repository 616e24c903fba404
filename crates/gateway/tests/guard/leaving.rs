//! What never left is told from what may have arrived: the first may be sent again, the second may not.

use crate::peer::{Peer, answer, read_request};
use crate::{client, fetch, get, local};
use harmonia_gateway::http::{Call, Failed};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn without_a_connection_nothing_left() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let failed = fetch(&local(), &format!("http://{address}/?key=hush"))
        .await
        .unwrap_err();
    assert!(
        matches!(&failed, Failed::NeverLeft(why) if !why.contains("hush")),
        "{failed:?}"
    );
    let unknown = fetch(&local(), "https://nowhere.test/").await.unwrap_err();
    assert!(matches!(unknown, Failed::NeverLeft(_)), "{unknown:?}");
    // A peer that takes no connection: its backlog is full, or nobody is there. TEST-NET is allowed here.
    let away = client("192.0.2.0/24", &Arc::default());
    let failed = fetch(&away, "http://192.0.2.1/").await.unwrap_err();
    assert!(matches!(failed, Failed::NeverLeft(_)), "{failed:?}");
    // TLS that is none: nothing of the request was said.
    let plain = Peer::answering(&answer("400 Bad Request", "")).await;
    let failed = fetch(&local(), &plain.url().replace("http", "https"))
        .await
        .unwrap_err();
    assert!(matches!(failed, Failed::NeverLeft(_)), "{failed:?}");
}

#[tokio::test]
async fn what_was_read_by_a_peer_that_does_not_answer_may_have_arrived() {
    for reset in [false, true] {
        let peer = Peer::start(move |mut stream, _| async move {
            read_request(&mut stream).await;
            if reset {
                let _ = socket2_linger(&stream);
            }
        })
        .await;
        let failed = fetch(&local(), &peer.url()).await.unwrap_err();
        assert!(matches!(failed, Failed::MayHaveArrived(_)), "{failed:?}");
        assert_eq!(peer.connections(), 1);
    }
}

/// Ends a connection by a reset.
fn socket2_linger(stream: &tokio::net::TcpStream) -> std::io::Result<()> {
    #[expect(deprecated, reason = "a linger of nothing does not wait")]
    stream.set_linger(Some(Duration::ZERO))
}

#[tokio::test]
async fn a_connection_that_was_ended_while_it_waited_is_not_used() {
    let served = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&served);
    // Ends each connection after one answer, without having said so.
    let peer = Peer::start(move |mut stream, _| {
        let count = Arc::clone(&count);
        async move {
            if read_request(&mut stream).await.is_some() {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = stream.write_all(answer("200 OK", "").as_bytes()).await;
            }
        }
    })
    .await;
    let client = local();
    for _ in 0..100 {
        assert_eq!(fetch(&client, &peer.url()).await.unwrap().status, 200);
        // So that its end has come.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(served.load(Ordering::SeqCst), 100);
}

#[tokio::test]
async fn a_connection_that_ends_on_the_next_request_is_not_tried_again() {
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    // Answers the first request of each connection, takes the second, and says nothing.
    let peer = Peer::start(move |mut stream, _| {
        let count = Arc::clone(&count);
        async move {
            for turn in 0..2 {
                if read_request(&mut stream).await.is_none() {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                if turn == 0 {
                    let _ = stream.write_all(answer("200 OK", "").as_bytes()).await;
                }
            }
        }
    })
    .await;
    let client = local();
    for round in 1..=20 {
        assert_eq!(fetch(&client, &peer.url()).await.unwrap().status, 200);
        let failed = fetch(&client, &peer.url()).await.unwrap_err();
        assert!(matches!(failed, Failed::MayHaveArrived(_)), "{failed:?}");
        assert_eq!(read.load(Ordering::SeqCst), round * 2);
    }
}

#[tokio::test]
async fn what_is_told_is_what_the_peer_saw() {
    // Ends connections at every moment of a request, so that both outcomes come about: whatever is told to
    // have never left was never seen.
    let seen: Arc<Mutex<HashSet<String>>> = Arc::default();
    let kept = Arc::clone(&seen);
    let peer = Peer::start(move |mut stream, number| {
        let kept = Arc::clone(&kept);
        async move {
            match number % 4 {
                0 => return,
                1 => tokio::time::sleep(Duration::from_micros(50)).await,
                _ => {}
            }
            let Some(request) = read_request(&mut stream).await else {
                return;
            };
            let body = request.rsplit('\n').next().unwrap().to_owned();
            kept.lock().unwrap().insert(body.clone());
            if number % 4 == 3 {
                let _ = stream.write_all(answer("200 OK", &body).as_bytes()).await;
            }
        }
    })
    .await;
    let client = local();
    let (mut answered, mut uncertain) = (0, 0);
    for number in 0..400 {
        let url = peer.url();
        let body = format!("request {number}");
        let call = Call {
            method: "POST".parse().unwrap(),
            body: Some(body.clone().into()),
            ..get(&url)
        };
        match client.send(call).await {
            Ok(found) => {
                assert_eq!(found.body, body);
                answered += 1;
            }
            Err(Failed::MayHaveArrived(_)) => uncertain += 1,
            Err(Failed::NeverLeft(_)) => assert!(!seen.lock().unwrap().contains(&body)),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(answered >= 90 && uncertain >= 90, "{answered} {uncertain}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_share_connections() {
    let peer = Peer::answering(&answer("200 OK", "fine")).await;
    let client = local();
    let senders: Vec<_> = (0..50)
        .map(|_| {
            let (client, url) = (client.clone(), peer.url());
            tokio::spawn(async move {
                for _ in 0..40 {
                    assert_eq!(fetch(&client, &url).await.unwrap().body, "fine");
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    assert!(peer.connections() <= 100, "{}", peer.connections());
}
