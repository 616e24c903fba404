//! What comes at once: many small requests share their commits, each told its own.

use crate::client::Client;
use crate::serving::{JSON, Serving, counts, open_town, payment, sale, stored};
use crate::town::{PROVIDER, SCHEME};

#[test]
fn requests_that_come_together_share_commits_and_not_answers() {
    const SENDERS: usize = 16;
    const EACH: usize = 40;
    let place = open_town();
    let serving = Serving::start(&place);
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let mut client = Client::connect(serving.address);
            scope.spawn(move || {
                for number in 0..EACH {
                    // As many records as nobody else sends, one of them bad.
                    let records = 1 + (sender + number) % 5;
                    let mut body: Vec<_> = (0..records)
                        .map(|at| sale(&format!("{sender}-{number}-{at}")))
                        .collect();
                    body.push(
                        serde_json::json!({ "transaction_id": format!("{sender}-{number}") }),
                    );
                    let body = serde_json::to_vec(&body).unwrap();
                    client.request("POST", &format!("/txm/feeds/{SCHEME}"), &[JSON], &body);
                    let reply = client.reply().unwrap();
                    assert_eq!(reply.status, 200, "{reply:?}");
                    let told = reply.json();
                    assert_eq!(counts(&told), [records as u64, 0, 0, 1, 0]);
                    assert_eq!(told["refused"][0]["number"], records + 1);
                }
            });
        }
    });
    let sales: usize = (0..SENDERS * EACH)
        .map(|at| 1 + (at / EACH + at % EACH) % 5)
        .sum();
    assert_eq!(stored(&place), [sales, 0]);
    let commits = place.texts("SELECT DISTINCT match_group || '' FROM scheme_transaction");
    let commits = commits.len();
    println!("{} requests in {commits} commits", SENDERS * EACH);
    assert!(commits < SENDERS * EACH / 2, "{commits} commits");
    let line = format!("harmonia_push_commits_total {commits}");
    assert!(serving.metrics().contains(&line), "no {line}");
    place.ok(&["audit"]);
}

#[test]
fn one_request_that_is_wrong_does_not_trouble_the_others() {
    let place = open_town();
    let serving = Serving::start(&place);
    std::thread::scope(|scope| {
        for sender in 0..8 {
            let serving = &serving;
            scope.spawn(move || {
                for number in 0..10 {
                    let good = payment(&format!("{sender}-{number}")).to_string();
                    let (body, status) = match sender % 2 {
                        0 => (good, 200),
                        _ => (good[..good.len() - 5].to_owned(), 400),
                    };
                    assert_eq!(serving.push(PROVIDER, &[JSON], body).status, status);
                }
            });
        }
    });
    assert_eq!(stored(&place), [0, 40]);
}
