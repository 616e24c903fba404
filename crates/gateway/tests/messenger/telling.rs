//! What a merchant is told, and what is told of it.

use crate::peer::{Peer, answer, read_request};
use crate::{echo, merchant, messenger, request, send};
use harmonia_core::export::auth::Auth;
use harmonia_journey::ports::Sent;
use std::time::Duration;

const KEY: &str = "s3cr3t \"key\"/ü";

#[tokio::test]
async fn secrets_are_put_in_by_the_rules_of_their_place_and_never_come_back() {
    let (peer, told) = echo().await;
    let messenger = messenger(&[("key", KEY), ("plain", "hush-hush-hush")]);
    let url = format!("{}orders/<secret:key>?key=<secret:key>", peer.url());
    let mut order = request(
        &url,
        r#"{"key": "<secret:key>", "id": "<secret:"}"#,
        Auth::None,
    );
    order
        .headers
        .push(("X-Key".to_owned(), "is <secret:plain>".to_owned()));
    let Sent::Answered(answer) = send(&messenger, &order).await else {
        panic!("not answered");
    };
    let told = told.lock().unwrap().remove(0);
    let encoded = "s3cr3t%20%22key%22%2F%C3%BC";
    assert!(
        told.starts_with(&format!("POST /orders/{encoded}?key={encoded} HTTP/1.1")),
        "{told}"
    );
    assert!(told.contains("is hush-hush-hush\r\n"), "{told}");
    assert!(
        told.ends_with(r#"{"key": "s3cr3t \"key\"/ü", "id": "<secret:"}"#),
        "{told}"
    );
    // The merchant said all of it back.
    assert!(
        answer
            .body
            .contains("POST /orders/<secret:key>?key=<secret:key> HTTP")
    );
    assert!(answer.body.contains("is <secret:plain>"));
    assert!(
        answer
            .body
            .ends_with(r#"{"key": "<secret:key>", "id": "<secret:"}"#)
    );
    assert!(
        !answer.body.contains("s3cr3t") && !answer.body.contains("hush"),
        "{}",
        answer.body
    );
    // In a form, as a form has it.
    order.headers[0].1 = "application/x-www-form-urlencoded".to_owned();
    order.body = Some("a=<secret:key>".to_owned());
    send(&messenger, &order).await;
    let (peer_two, told) = echo().await;
    order.url = peer_two.url();
    send(&messenger, &order).await;
    assert!(told.lock().unwrap()[0].ends_with(&format!("\r\n\r\na={encoded}")));
}

#[tokio::test]
async fn an_address_may_begin_with_a_secret() {
    let (peer, told) = echo().await;
    let base = format!("http://{}/base", peer.address);
    let messenger = messenger(&[("shop-url", &base)]);
    let sent = send(
        &messenger,
        &request("<secret:shop-url>/x", "{}", Auth::None),
    )
    .await;
    assert!(matches!(sent, Sent::Answered(_)), "{sent:?}");
    assert!(told.lock().unwrap()[0].starts_with("POST /base/x HTTP"));
    let hidden = crate::messenger(&[("shop-url", "https://hidden.example.invalid")]);
    let sent = send(&hidden, &request("<secret:shop-url>/x", "{}", Auth::None)).await;
    assert!(matches!(sent, Sent::NeverLeft(_)), "{sent:?}");
    assert!(!format!("{sent:?}").contains("hidden"), "{sent:?}");
}

#[tokio::test]
async fn what_lacks_a_secret_or_an_address_waits_for_somebody() {
    let (peer, told) = echo().await;
    let messenger = messenger(&[("key", KEY), ("line", "two\nlines")]);
    let missing = request(
        &peer.url(),
        r#"{"a": "<secret:key> <secret:other>"}"#,
        Auth::None,
    );
    let mut split = request(&peer.url(), "{}", Auth::None);
    split
        .headers
        .push(("X-Key".to_owned(), "<secret:line>".to_owned()));
    let inward = request("https://169.254.169.254/latest", "{}", Auth::None);
    for (request, words) in [
        (missing, "there is no secret other"),
        (
            request("", "{}", Auth::None),
            "does not begin with https://",
        ),
        (split, "X-Key cannot stand in one"),
        (inward, "TXM_HTTP_ALLOW"),
    ] {
        let sent = send(&messenger, &request).await;
        let Sent::NotConfigured(why) = &sent else {
            panic!("{sent:?}");
        };
        let words = words.split(' ').next_back().unwrap();
        assert!(
            why.contains(words) && !why.contains("s3cr3t") && !why.contains("lines"),
            "{why}"
        );
    }
    assert!(told.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_came_of_it_is_told_as_it_was() {
    let messenger = messenger(&[]);
    let (busy, _) = merchant(|_| answer("429 Busy\r\nRetry-After: 120", "later")).await;
    let Sent::Answered(told) = send(&messenger, &request(&busy.url(), "{}", Auth::None)).await
    else {
        panic!("not answered");
    };
    assert_eq!((told.status, told.body.as_str()), (429, "later"));
    assert_eq!(told.retry_after, Some(Duration::from_secs(120)));
    let hung = Peer::start(|mut stream, _| async move {
        read_request(&mut stream).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let mut patient = request(&hung.url(), "{}", Auth::None);
    patient.within = Duration::from_millis(200);
    let sent = send(&messenger, &patient).await;
    assert!(matches!(sent, Sent::MayHaveArrived(_)), "{sent:?}");
    let url = hung.url();
    drop(hung);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let sent = send(&messenger, &request(&url, "{}", Auth::None)).await;
    assert!(matches!(sent, Sent::NeverLeft(_)), "{sent:?}");
}
