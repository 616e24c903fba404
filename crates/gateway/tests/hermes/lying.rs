//! The kinds of fault, each again and again: 20 calls of each, any number by `HARMONIA_HERMES_CALLS`.
//!
//! Wherever a fault leaves room for it, it carries the identity of somebody else: who reads carelessly
//! takes it.

use crate::peer::{Peer, answer, read_request};
use crate::{BAKERY, CINEMA, card, hermes, once};
use harmonia_core::ids::SchemeId;
use harmonia_core::matching::OpenReason;
use harmonia_gateway::hermes::Patience;
use harmonia_journey::ports::{Identity, IdentityError};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What is wrong with what a peer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    NullsAndMissing,
    NotAsked,
    Twice,
    WrongTypes,
    TooLarge,
    Truncated,
    WrongOrder,
    Slow,
    ServerError,
    Garbage,
    Empty,
    Html,
    Redirect,
    WrongKind,
    OtherCase,
}

const ALL: [Fault; 15] = [
    Fault::NullsAndMissing,
    Fault::NotAsked,
    Fault::Twice,
    Fault::WrongTypes,
    Fault::TooLarge,
    Fault::Truncated,
    Fault::WrongOrder,
    Fault::Slow,
    Fault::ServerError,
    Fault::Garbage,
    Fault::Empty,
    Fault::Html,
    Fault::Redirect,
    Fault::WrongKind,
    Fault::OtherCase,
];

/// What must come of it.
#[derive(PartialEq, Eq)]
enum Outcome {
    /// All are known, as they are.
    Known,
    /// Some are known, as they are; the others are not.
    Some,
    /// Nothing is known of any, for now.
    Nothing,
}

impl Fault {
    fn outcome(self) -> Outcome {
        match self {
            Self::WrongOrder => Outcome::Known,
            Self::NullsAndMissing | Self::WrongTypes => Outcome::Some,
            _ => Outcome::Nothing,
        }
    }
}

/// Whose a card really is: a number made of the scheme's name and the token.
fn number(slug: &str, token: &str) -> String {
    format!("{slug}/{token}")
}

fn identity(slug: &str, token: &str) -> Value {
    json!({
        "loyalty_id": number(slug, token), "scheme_account_id": 7, "user_id": 8,
        "credentials": { "card_number": number(slug, token) }, "payment_card_account_id": 9,
        "card_information": { "first_six": "400000", "last_four": "0002", "expiry_month": 1,
                              "expiry_year": 2030 },
    })
}

/// An object as text, so that a key may stand twice.
fn object(entries: &[(String, Value)]) -> String {
    let mut text = String::from("{");
    for (at, (key, value)) in entries.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}{}: {value}", Value::from(key.as_str()));
    }
    text + "}"
}

const JSON: &str = "200 OK\r\nContent-Type: application/json";

/// What the peer says, in the pieces and with the pauses in which it says it.
fn said(fault: Fault, request: &str, turn: usize) -> Vec<String> {
    let slug = request
        .split(' ')
        .nth(1)
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap();
    let body = request.split_once("\r\n\r\n").unwrap().1;
    let body: Value = serde_json::from_str(body).unwrap();
    let tokens: Vec<&str> = body["payment_cards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token.as_str().unwrap())
        .collect();
    let right: Vec<(String, Value)> = tokens
        .iter()
        .map(|token| ((*token).to_owned(), identity(slug, token)))
        .collect();
    // Each has the identity of the one behind it.
    let mut wrong = right.clone();
    let count = wrong.len();
    for (at, entry) in wrong.iter_mut().enumerate() {
        entry.1 = match count {
            1 => identity(slug, "stranger"),
            _ => right[(at + 1) % count].1.clone(),
        };
    }
    let whole = |text: String| vec![answer(JSON, &text)];
    match fault {
        Fault::NullsAndMissing => {
            let mut some = right;
            for (at, (_, entry)) in some.iter_mut().enumerate() {
                match (at + turn) % 4 {
                    0 => *entry = Value::Null,
                    1 => *entry = json!({ "loyalty_id": null, "user_id": 8 }),
                    2 => *entry = json!({}),
                    _ => {}
                }
            }
            some.truncate(count - turn % 2);
            whole(object(&some))
        }
        Fault::NotAsked => {
            let mut more = wrong;
            more.push((format!("stranger-{turn}"), identity(slug, "stranger")));
            let by = turn % more.len();
            more.rotate_left(by);
            whole(object(&more))
        }
        Fault::Twice => {
            let mut twice = right;
            twice.insert(turn % (count + 1), wrong[turn % count].clone());
            whole(object(&twice))
        }
        Fault::WrongTypes => {
            let bad = [
                json!([number(slug, "stranger"), 7, 8]),
                json!(number(slug, "stranger")),
                json!({ "loyalty_id": number(slug, "stranger"), "user_id": "8" }),
                json!({ "loyalty_id": [number(slug, "stranger")] }),
                json!({ "loyalty_id": number(slug, "stranger"), "scheme_account_id": 7.5 }),
                json!({ "loyalty_id": number(slug, "stranger"), "card_information": [] }),
                json!({ "loyalty_id": number(slug, "stranger"), "credentials": 1 }),
            ];
            let mut some = right;
            some[turn % count].1 = bad[turn % bad.len()].clone();
            whole(object(&some))
        }
        Fault::TooLarge => {
            let padding = " ".repeat(1024 * 1024);
            whole(format!("{}{padding}", object(&wrong)))
        }
        Fault::Truncated => {
            let text = object(&wrong);
            // Within the length that is said, or short of it.
            let mut end = (turn * 13 + 1) % text.len();
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            match turn % 2 {
                0 => whole(text[..end].to_owned()),
                _ => vec![answer(JSON, &text)[..answer(JSON, "").len() + end].to_owned()],
            }
        }
        Fault::WrongOrder => {
            let mut turned = right;
            turned.reverse();
            let by = turn % count;
            turned.rotate_left(by);
            whole(object(&turned))
        }
        Fault::Slow => {
            let text = answer(JSON, &object(&right));
            let (first, second) = text.split_at(turn * 7 % text.len());
            vec![first.to_owned(), second.to_owned()]
        }
        Fault::ServerError => {
            let status = ["500", "501", "502", "503", "504", "507", "520"][turn % 7];
            let head = format!("{status} Wrong\r\nContent-Type: application/json");
            vec![answer(&head, &object(&wrong))]
        }
        Fault::Garbage => {
            let noise = |at: usize| char::from((at * 31 + turn * 17) as u8 % 95 + 32);
            let noise: String = (0..200).map(noise).collect();
            whole(format!(
                "{}{noise}",
                if turn.is_multiple_of(2) { "" } else { "{\"" }
            ))
        }
        Fault::Empty => match turn % 3 {
            0 => whole(String::new()),
            1 => vec!["HTTP/1.1 204 No Content\r\nContent-Type: application/json\r\n\r\n".into()],
            _ => vec![String::new()],
        },
        Fault::Html => {
            let html = format!("<html><body>{}</body></html>", object(&wrong));
            let head = match turn % 2 {
                0 => "200 OK\r\nContent-Type: text/html",
                _ => JSON,
            };
            vec![answer(head, &html)]
        }
        Fault::Redirect => {
            let status = ["301", "302", "303", "307", "308"][turn % 5];
            let head =
                format!("{status} Moved\r\nLocation: /elsewhere\r\nContent-Type: application/json");
            vec![answer(&head, &object(&wrong))]
        }
        Fault::WrongKind => {
            let kind = [
                "\r\nContent-Type: text/plain",
                "\r\nContent-Type: application/octet-stream",
                "\r\nContent-Type: application/jsonp",
                "",
            ][turn % 4];
            vec![answer(&format!("200 OK{kind}"), &object(&wrong))]
        }
        Fault::OtherCase => {
            let mut other = wrong;
            for (token, _) in &mut other {
                *token = match turn % 3 {
                    0 => token.to_uppercase(),
                    1 => format!("{token} "),
                    _ => format!("\u{200b}{token}"),
                };
            }
            whole(object(&other))
        }
    }
}

async fn serve(mut stream: TcpStream, fault: Fault, mut turn: usize) {
    while let Some(request) = read_request(&mut stream).await {
        let pieces = said(fault, &request, turn);
        let is_whole = pieces.len() == 1 && !matches!(fault, Fault::Truncated | Fault::Empty);
        for (at, piece) in pieces.iter().enumerate() {
            if at > 0 {
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            if stream.write_all(piece.as_bytes()).await.is_err() {
                return;
            }
        }
        if !is_whole {
            return;
        }
        turn += 1;
    }
}

fn calls() -> usize {
    match std::env::var("HARMONIA_HERMES_CALLS") {
        Ok(calls) => calls.parse().unwrap(),
        Err(_) => 20,
    }
}

/// That of one call no card is anybody else's; how many are known.
fn check(
    asked: &[(SchemeId, String)],
    answers: Result<Vec<harmonia_core::identify::Answer>, IdentityError>,
    fault: Fault,
) {
    let outcome = fault.outcome();
    let answers = match answers {
        Err(why) => {
            assert!(outcome == Outcome::Nothing, "{fault:?}: {why}");
            let why = why.to_string();
            assert!(
                !why.contains("stranger") && !why.contains("bakery/"),
                "{fault:?}: {why}"
            );
            return;
        }
        Ok(answers) => answers,
    };
    assert!(outcome != Outcome::Nothing, "{fault:?}: {answers:?}");
    assert_eq!(answers.len(), asked.len());
    let mut known = 0;
    for ((scheme, token), answer) in asked.iter().zip(answers) {
        let slug = if *scheme == BAKERY {
            "bakery"
        } else {
            "cinema-mock"
        };
        let link = match answer {
            Ok(link) => link,
            Err(reason) => {
                assert_eq!(reason, OpenReason::Unidentified);
                assert!(outcome == Outcome::Some, "{fault:?}: {token} is not known");
                continue;
            }
        };
        known += usize::from(link.loyalty_id.is_some());
        let number = number(slug, token);
        if let Some(loyalty_id) = link.loyalty_id {
            assert_eq!(loyalty_id, number, "{fault:?}: a wrong identity");
            let credentials = json!({ "card_number": number }).to_string();
            assert_eq!(link.credentials.as_deref(), Some(credentials.as_str()));
        } else {
            assert_eq!((link.scheme_account_id, link.credentials), (None, None));
        }
    }
    assert!(
        known == asked.len() || outcome == Outcome::Some,
        "{fault:?}: {known}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_it_answers_nobody_becomes_somebody_else() {
    let calls = calls();
    for fault in ALL {
        let patience = Patience {
            answer: match fault {
                Fault::Slow => Duration::from_millis(100),
                _ => Duration::from_secs(10),
            },
            ..once()
        };
        // Of each connection another turn, and of each of its requests.
        let peer = Peer::start(move |stream, number| serve(stream, fault, number * 7)).await;
        let hermes = hermes(&peer.url(), patience);
        for call in 0..calls {
            let mut asked = Vec::new();
            for at in 0..1 + call % 5 {
                asked.push((BAKERY, format!("token-{call}-{at}")));
                asked.push((CINEMA, format!("token-{call}-{at}")));
            }
            let cards: Vec<_> = asked
                .iter()
                .map(|(scheme, token)| card(*scheme, token))
                .collect();
            check(&asked, hermes.look_up(&cards).await, fault);
        }
    }
}
