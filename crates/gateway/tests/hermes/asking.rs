//! How Hermes is asked, and asked again.

use crate::peer::{Peer, answer, read_request};
use crate::{BAKERY, CINEMA, card, hermes, once};
use harmonia_core::ids::SchemeId;
use harmonia_core::matching::OpenReason;
use harmonia_gateway::hermes::Patience;
use harmonia_journey::ports::Identity;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// A peer that answers each request by what `say` makes of its number and text, and keeps the texts.
async fn saying(
    say: impl Fn(usize, &str) -> String + Send + Sync + 'static,
) -> (Peer, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let (kept, say, count) = (
        Arc::clone(&asked),
        Arc::new(say),
        Arc::new(AtomicUsize::new(0)),
    );
    let peer = Peer::start(move |mut stream, _| {
        let (kept, say, count) = (Arc::clone(&kept), Arc::clone(&say), Arc::clone(&count));
        async move {
            while let Some(request) = read_request(&mut stream).await {
                let said = say(count.fetch_add(1, Ordering::SeqCst), &request);
                kept.lock().unwrap().push(request);
                if stream.write_all(said.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (peer, asked)
}

fn tokens(request: &str) -> Vec<String> {
    let body = request.split_once("\r\n\r\n").unwrap().1;
    let mut body: Value = serde_json::from_str(body).unwrap();
    serde_json::from_value(body["payment_cards"].take()).unwrap()
}

/// Everybody asked about has their token as their number.
fn truth(request: &str) -> String {
    let entry = |token: String| (token.clone(), json!({ "loyalty_id": token }));
    let body: serde_json::Map<String, Value> = tokens(request).into_iter().map(entry).collect();
    let head = "200 OK\r\nContent-Type: application/json; charset=utf-8";
    answer(head, &Value::from(body).to_string())
}

#[tokio::test]
async fn cards_are_asked_about_together_each_once_by_the_schemes_name() {
    let (peer, asked) = saying(|_, request| truth(request)).await;
    let hermes = hermes(&format!("{}base/", peer.url()), once());
    let mut cards: Vec<_> = (0..1200).map(|n| card(BAKERY, &format!("t{n}"))).collect();
    cards.extend([
        card(CINEMA, "t1"),
        card(BAKERY, "t1"),
        card(SchemeId(9), "t1"),
    ]);
    let answers = hermes.look_up(&cards).await.unwrap();
    assert_eq!(answers.len(), cards.len());
    for (card, answer) in cards.iter().zip(&answers) {
        match answer {
            Ok(link) => assert_eq!(link.loyalty_id.as_ref(), Some(&card.card_token.0)),
            Err(reason) => {
                assert_eq!((*reason, card.scheme), (OpenReason::NoScheme, SchemeId(9)));
            }
        }
    }
    let asked = asked.lock().unwrap();
    let mut sizes: Vec<usize> = asked.iter().map(|request| tokens(request).len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 200, 500, 500]);
    for request in asked.iter() {
        let slug = if tokens(request).len() == 1 {
            "cinema-mock"
        } else {
            "bakery"
        };
        let line = format!("POST /base/payment_cards/accounts/payment_card_user_info/{slug} HTTP");
        assert!(request.starts_with(&line), "{request}");
        let head = request.to_ascii_lowercase();
        assert!(
            head.contains("authorization: token hush-hush\r\n"),
            "{request}"
        );
        assert!(
            head.contains("content-type: application/json\r\n"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_scheme_it_does_not_know_keeps_its_payments_and_no_others_waiting() {
    let (peer, _) = saying(|_, request| match request.contains("bakery") {
        true => answer("404 Not Found\r\nContent-Type: text/html", "<html>"),
        false => truth(request),
    })
    .await;
    let hermes = hermes(&peer.url(), once());
    let cards = [card(BAKERY, "a"), card(CINEMA, "a")];
    let answers = hermes.look_up(&cards).await.unwrap();
    assert_eq!(answers[0], Err(OpenReason::NoScheme));
    assert!(answers[1].is_ok());
}

#[tokio::test]
async fn what_passes_is_asked_again_and_what_lasts_is_not() {
    let thrice = Patience { tries: 3, ..once() };
    let (peer, asked) = saying(|number, request| match number {
        0 => answer("503 Unavailable", ""),
        1 => truth(request).replace("200 OK", "200 OK\r\nContent-Encoding: gzip"),
        _ => truth(request),
    })
    .await;
    let hermes_one = hermes(&peer.url(), thrice);
    assert!(hermes_one.look_up(&[card(BAKERY, "a")]).await.unwrap()[0].is_ok());
    assert_eq!(asked.lock().unwrap().len(), 3);
    for (status, words) in [
        ("401 Unauthorized", "TXM_HERMES_TOKEN"),
        ("403 Forbidden", "TXM_HERMES_TOKEN"),
        ("301 Moved\r\nLocation: /other", "TXM_HERMES_URL"),
        ("400 Bad Request", "answers 400"),
    ] {
        let (peer, asked) = saying(move |_, _| answer(status, "hush-hush")).await;
        let hermes = hermes(&peer.url(), thrice);
        let why = hermes
            .look_up(&[card(BAKERY, "a")])
            .await
            .unwrap_err()
            .to_string();
        assert!(why.contains(words) && !why.contains("hush"), "{why}");
        assert_eq!(asked.lock().unwrap().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn who_fails_again_and_again_is_left_alone_and_then_tried_by_one() {
    let mut patience = once();
    patience.breaking.failures = 3;
    let well = Arc::new(AtomicUsize::new(0));
    let is_well = Arc::clone(&well);
    let (peer, asked) = saying(move |_, request| match is_well.load(Ordering::SeqCst) {
        0 => answer("500 Error", ""),
        _ => truth(request),
    })
    .await;
    let hermes = hermes(&peer.url(), patience);
    let cards = [card(BAKERY, "a")];
    for _ in 0..20 {
        hermes.look_up(&cards).await.unwrap_err();
    }
    assert_eq!(asked.lock().unwrap().len(), 3);
    well.store(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(410)).await;
    assert!(hermes.look_up(&cards).await.is_ok());
    assert!(hermes.look_up(&cards).await.is_ok());
    assert_eq!(asked.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn who_asks_to_be_left_alone_is() {
    let (peer, asked) = saying(|number, request| match number {
        0 => answer("429 Too Many\r\nRetry-After: 1", ""),
        _ => truth(request),
    })
    .await;
    let hermes = hermes(&peer.url(), Patience { tries: 3, ..once() });
    let (cards, begun) = ([card(BAKERY, "a")], Instant::now());
    while hermes.look_up(&cards).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(asked.lock().unwrap().len(), 2);
}
