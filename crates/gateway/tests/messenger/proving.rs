//! How a merchant knows that a request is ours.

use crate::peer::answer;
use crate::{echo, merchant, messenger, request, send};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use harmonia_core::export::auth::{Auth, Client, Grant, OAuth2};
use harmonia_journey::ports::Sent;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rsa::pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn header<'a>(told: &'a str, name: &str) -> Vec<&'a str> {
    let values = told.lines().filter_map(|line| line.split_once(": "));
    values
        .filter(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .collect()
}

#[tokio::test]
async fn by_a_token_a_password_or_a_hash() {
    let (peer, told) = echo().await;
    let messenger = messenger(&[("token", "hush-token"), ("password", "hush:ü word")]);
    let url = format!("{}2.0/redeem?x=1", peer.url());
    let text = |text: &str| text.to_owned();
    for (auth, name, value) in [
        (
            Auth::Token {
                header: text("Authorization"),
                value: text("Token <secret:token>"),
            },
            "authorization",
            text("Token hush-token"),
        ),
        (
            Auth::Basic {
                user: text("email-channel"),
                password: text("<secret:password>"),
            },
            "authorization",
            format!(
                "Basic {}",
                BASE64_STANDARD.encode("email-channel:hush:ü word")
            ),
        ),
        (
            Auth::Hashed {
                header: text("X-EES-AUTH-HASH"),
                secret: text("token"),
            },
            "x-ees-auth-hash",
            // printf '/2.0/redeem?x=1{"a": "hush-token"}hush-token' | sha256sum
            text("9ddffb22a02d2727407b7d4a5e6ca85f5618f641281e976f4fa7a23e85e6f1f9"),
        ),
    ] {
        let order = request(&url, r#"{"a": "<secret:token>"}"#, auth);
        let sent = send(&messenger, &order).await;
        let Sent::Answered(answer) = &sent else {
            panic!("{sent:?}");
        };
        let told = told.lock().unwrap().pop().unwrap();
        assert_eq!(header(&told, name), [value]);
        assert!(
            !answer.body.contains("hush") && !answer.body.contains("aHVzaDr"),
            "{answer:?}"
        );
    }
    let wrong = Auth::Basic {
        user: text("a:b"),
        password: text("c"),
    };
    let sent = send(&messenger, &request(&url, "{}", wrong)).await;
    assert!(matches!(sent, Sent::NotConfigured(_)), "{sent:?}");
}

#[tokio::test]
async fn by_a_signature_of_what_is_sent() {
    let key = rsa::RsaPrivateKey::new(&mut rand::thread_rng(), 2048).unwrap();
    let public = key.to_public_key().to_pkcs1_der().unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.as_bytes());
    let new = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    let old = key.to_pkcs1_pem(LineEnding::CRLF).unwrap();
    let cut = &new[..new.len() / 2];
    let messenger = messenger(&[
        ("new", &new),
        ("old", &old),
        ("cut", cut),
        ("none", "hush"),
        ("token", "hush-token"),
    ]);
    let (peer, told) = echo().await;
    let by = |key: &str| Auth::Signed {
        header: "X-Signature".to_owned(),
        key: key.to_owned(),
    };
    for name in ["new", "old"] {
        let sent = send(
            &messenger,
            &request(&peer.url(), r#"["<secret:token>"]"#, by(name)),
        )
        .await;
        assert!(matches!(sent, Sent::Answered(_)), "{sent:?}");
        let told = told.lock().unwrap().pop().unwrap();
        let signature = BASE64_STANDARD
            .decode(header(&told, "x-signature")[0])
            .unwrap();
        public.verify(br#"["hush-token"]"#, &signature).unwrap();
    }
    for name in ["cut", "none", "missing"] {
        let sent = send(&messenger, &request(&peer.url(), "[]", by(name))).await;
        assert!(
            matches!(&sent, Sent::NotConfigured(why) if !why.contains("hush")),
            "{sent:?}"
        );
    }
    assert!(told.lock().unwrap().is_empty());
}

fn oauth2(token_url: String, grant: Grant) -> Auth {
    Auth::OAuth2(OAuth2 {
        token_url,
        grant,
        scope: None,
        token_at: "access_token".to_owned(),
        expires_at: "expires_in".to_owned(),
        lifetime: Duration::from_secs(60),
    })
}

fn password() -> Grant {
    Grant::Password {
        user: "us".to_owned(),
        password: "<secret:password>".to_owned(),
        client: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_a_token_that_is_fetched_once_and_again_when_it_is_refused() {
    let fetched = Arc::new(AtomicUsize::new(0));
    let refused = Arc::new(AtomicUsize::new(usize::MAX));
    let (count, bad) = (Arc::clone(&fetched), Arc::clone(&refused));
    let (peer, told) = merchant(move |request| {
        if request.starts_with("POST /token") {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let token = format!(r#"{{"access_token": "hush-{number}", "expires_in": "3600"}}"#);
            return answer("200 OK", &token);
        }
        let old = format!("Bearer hush-{}", bad.load(Ordering::SeqCst));
        match header(request, "authorization")[0] == old {
            true => answer("401 Unauthorized", request),
            false => answer("200 OK", request),
        }
    })
    .await;
    let messenger = Arc::new(messenger(&[("password", "p&ss w=rd")]));
    let auth = oauth2(format!("{}token", peer.url()), password());
    let order = request(&format!("{}order", peer.url()), "{}", auth);
    let many: Vec<_> = (0..20)
        .map(|_| {
            let (messenger, order) = (Arc::clone(&messenger), order.clone());
            tokio::spawn(async move { send(&messenger, &order).await })
        })
        .collect();
    for one in many {
        let sent = one.await.unwrap();
        assert!(
            matches!(&sent, Sent::Answered(answer) if answer.status == 200),
            "{sent:?}"
        );
        assert!(!format!("{sent:?}").contains("hush"), "{sent:?}");
    }
    assert_eq!(fetched.load(Ordering::SeqCst), 1);
    let form = told.lock().unwrap()[0]
        .rsplit("\r\n")
        .next()
        .unwrap()
        .to_owned();
    assert_eq!(
        form,
        "grant_type=password&username=us&password=p%26ss%20w%3Drd"
    );
    // Refused once: thrown away, and another is fetched for the same request.
    refused.store(1, Ordering::SeqCst);
    let sent = send(&messenger, &order).await;
    assert!(
        matches!(&sent, Sent::Answered(answer) if answer.status == 200),
        "{sent:?}"
    );
    assert_eq!(fetched.load(Ordering::SeqCst), 2);
    // Refused again, with one that is new: that is the merchant's answer.
    refused.store(2, Ordering::SeqCst);
    let third = fetched.load(Ordering::SeqCst) + 1;
    let order_count = told.lock().unwrap().len();
    let sent = send(&messenger, &order).await;
    assert!(
        matches!(&sent, Sent::Answered(answer) if answer.status == 200),
        "{sent:?}"
    );
    assert_eq!(fetched.load(Ordering::SeqCst), third);
    assert_eq!(told.lock().unwrap().len(), order_count + 3);
}

#[tokio::test]
async fn a_token_that_expires_is_fetched_anew_and_one_that_is_new_and_refused_is_told() {
    let (peer, told) = merchant(|request| match request.starts_with("POST /token") {
        true => answer(
            "200 OK",
            r#"{"access_token": "hush-token", "expires_in": 0}"#,
        ),
        false => answer("401 Unauthorized", "who?"),
    })
    .await;
    let messenger = messenger(&[("id", "client&1"), ("secret", "hush")]);
    let client = Client {
        id: "<secret:id>".to_owned(),
        secret: "<secret:secret>".to_owned(),
    };
    let auth = oauth2(
        format!("{}token", peer.url()),
        Grant::ClientCredentials(client),
    );
    let order = request(&format!("{}order", peer.url()), "{}", auth);
    for _ in 0..2 {
        let sent = send(&messenger, &order).await;
        assert!(
            matches!(&sent, Sent::Answered(answer) if answer.status == 401),
            "{sent:?}"
        );
    }
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 4);
    let form = "grant_type=client_credentials&client_id=client%261&client_secret=hush";
    assert!(told[0].ends_with(form), "{}", told[0]);
}

#[tokio::test]
async fn without_a_token_nothing_is_sent() {
    for (said, lasts) in [
        (answer("401 Unauthorized", "hush-hush"), true),
        (answer("400 Bad Request", "{}"), true),
        (answer("500 Error", "hush-hush"), false),
        (answer("200 OK", "{\"token\": \"hush-hush\"}"), false),
        (answer("200 OK", "{\"access_token\": 1}"), false),
        (answer("200 OK", "<html>hush-hush"), false),
        (answer("302 Found\r\nLocation: /hush-hush", ""), false),
        (String::new(), false),
    ] {
        let (tokens, _) = merchant(move |_| said.clone()).await;
        let (peer, told) = echo().await;
        let messenger = messenger(&[("password", "hush-hush")]);
        let auth = oauth2(tokens.url(), password());
        let mut order = request(&peer.url(), "{}", auth);
        order.within = Duration::from_millis(500);
        let sent = send(&messenger, &order).await;
        match (&sent, lasts) {
            (Sent::NotConfigured(why), true) | (Sent::NeverLeft(why), false) => {
                assert!(!why.contains("hush"), "{why}");
            }
            _ => panic!("{sent:?}"),
        }
        assert!(told.lock().unwrap().is_empty());
    }
}
