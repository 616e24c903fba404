//! One export on its way over HTTP: what is asked before, the request itself, and the tries that may
//! follow at once.

use super::merchants::Merchants;
use crate::ports::{Clock, Sent, Uids};
use harmonia_core::card::mask_card_numbers;
use harmonia_core::export::http::Http;
use harmonia_core::export::request::{Answer, Request};
use harmonia_core::export::{Checked, ExportTransaction, Found, Plan, Unmade, Verdict};
use harmonia_core::ids::{SchemeId, Slug};
use harmonia_core::ledger::Outcome;
use harmonia_core::time::Instant;
use std::time::Duration;

/// How often one attempt tries what surely did not arrive, or what the merchant failed at.
const TRIES_AT_ONCE: u32 = 3;
/// How long it rests before the second of them; twice as long before each that follows.
const FIRST_REST: Duration = Duration::from_millis(300);
/// How much of an answer is kept, in bytes.
const ANSWER_KEPT: usize = 2_000;

/// A merchant being told.
pub(super) struct Line<'a> {
    pub(super) merchants: &'a Merchants,
    pub(super) clock: &'a dyn Clock,
    pub(super) uids: Uids,
    pub(super) scheme: SchemeId,
    pub(super) slug: &'a Slug,
    pub(super) plan: &'a Plan,
    pub(super) http: &'a Http,
}

/// What came of an exchange, and what is kept of it.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) outcome: Outcome,
    pub(super) destination: String,
    pub(super) body: String,
    pub(super) response: Option<String>,
    pub(super) retry_after: Option<Duration>,
    /// Whether the merchant, asked, said that it has it already.
    pub(super) is_duplicate: bool,
}

impl Exchange {
    /// Nothing was exchanged.
    pub(super) fn none(outcome: Outcome) -> Self {
        Self {
            outcome,
            destination: "nowhere".to_owned(),
            body: String::new(),
            response: None,
            retry_after: None,
            is_duplicate: false,
        }
    }

    fn of(request: &Request, transaction: &ExportTransaction, outcome: Outcome) -> Self {
        Self {
            destination: masked(&request.url, transaction),
            body: masked(request.body.as_deref().unwrap_or_default(), transaction),
            ..Self::none(outcome)
        }
    }
}

/// What comes of asking before an export is sent.
pub(super) enum Asked {
    /// It goes on, with what was found.
    GoOn(Found),
    /// It does not.
    Stop(Exchange),
}

impl Line<'_> {
    /// Asks what is to be asked before an export is sent; of one whose request is frozen, only whether
    /// the merchant has it.
    pub(super) async fn ask(&self, transaction: &ExportTransaction, is_frozen: bool) -> Asked {
        let mut found = Found::new();
        let checks = self.http.checks.iter();
        for check in checks.filter(|check| !is_frozen || check.is_history()) {
            let secrets = &*self.merchants.secrets;
            let request = match self.plan.ask(check, transaction, &found, &secrets) {
                Ok(None) => continue,
                Ok(Some(request)) => request,
                Err(unmade) => {
                    return Asked::Stop(Exchange::none(Outcome::NotConfigured(words(&unmade))));
                }
            };
            self.merchants
                .pace(self.scheme, self.http.limits.per_second)
                .await;
            let sent = self.merchants.messenger.send(self.slug, &request).await;
            let mut exchange = Exchange::of(&request, transaction, Outcome::Delivered);
            exchange.outcome = match sent {
                Sent::Answered(answer) => {
                    exchange.response = Some(kept(&answer, transaction));
                    exchange.retry_after = answer.retry_after;
                    match self.plan.learn(check, transaction, &answer) {
                        Checked::GoOn(values) => {
                            found.extend(values);
                            continue;
                        }
                        Checked::Skip(reason) => {
                            exchange.is_duplicate = check.is_history();
                            Outcome::Skipped(reason)
                        }
                        Checked::Again(reason) => Outcome::Again(of_check(&check.name, &reason)),
                        Checked::Final(reason) => Outcome::Refused(of_check(&check.name, &reason)),
                    }
                }
                // To ask does nothing: it can be asked again.
                Sent::NeverLeft(reason) | Sent::MayHaveArrived(reason) => {
                    Outcome::Again(of_check(&check.name, &reason))
                }
                Sent::NotConfigured(what) => Outcome::NotConfigured(what),
            };
            return Asked::Stop(exchange);
        }
        Asked::GoOn(found)
    }

    /// Sends a request, and what surely did not arrive, or was not taken for now, a few times more. What
    /// may have arrived before is not sent after its time.
    pub(super) async fn send(
        &self,
        request: &Request,
        transaction: &ExportTransaction,
        not_after: Option<Instant>,
    ) -> Exchange {
        let other = self.http.failover(request);
        let mut rest = FIRST_REST;
        let mut is_other = false;
        let mut tries = 0;
        loop {
            let request = match &other {
                Some(other) if is_other => other,
                _ => request,
            };
            self.merchants
                .pace(self.scheme, self.http.limits.per_second)
                .await;
            if not_after.is_some_and(|end| self.clock.now() >= end) {
                let reason =
                    "the merchant's window for sending it once more was over before its turn";
                let outcome = Outcome::Unanswered(reason.to_owned());
                return Exchange::of(request, transaction, outcome);
            }
            tries += 1;
            let sent = self.merchants.messenger.send(self.slug, request).await;
            let mut exchange = Exchange::of(request, transaction, Outcome::Delivered);
            let may_try_on = match sent {
                Sent::Answered(answer) => {
                    exchange.outcome = match self.plan.judge(&answer) {
                        Verdict::Delivered => Outcome::Delivered,
                        Verdict::Again(reason) => Outcome::Again(reason),
                        Verdict::Final(reason) => Outcome::Refused(reason),
                    };
                    exchange.response = Some(kept(&answer, transaction));
                    exchange.retry_after = answer.retry_after;
                    let is_again = matches!(exchange.outcome, Outcome::Again(_));
                    is_again && answer.status >= 500 && answer.retry_after.is_none()
                }
                Sent::NeverLeft(reason) => {
                    exchange.outcome = Outcome::Again(format!("it did not leave: {reason}"));
                    is_other = !is_other;
                    true
                }
                Sent::MayHaveArrived(reason) => {
                    exchange.outcome = Outcome::Unanswered(reason);
                    false
                }
                Sent::NotConfigured(what) => {
                    exchange.outcome = Outcome::NotConfigured(what);
                    false
                }
            };
            if !may_try_on || tries >= TRIES_AT_ONCE {
                return exchange;
            }
            tokio::time::sleep(jittered(rest, self.uids)).await;
            rest *= 2;
        }
    }
}

/// From half of a rest to all of it, so that those who failed together do not come together again.
fn jittered(rest: Duration, uids: Uids) -> Duration {
    let random = uids.next().as_bytes()[0];
    rest / 2 + rest / 2 * u32::from(random) / 255
}

/// Why a request cannot be made, in words.
pub(super) fn words(unmade: &Unmade) -> String {
    unmade.to_string()
}

fn of_check(name: &str, reason: &str) -> String {
    format!("asked about {name}: {reason}")
}

fn kept(answer: &Answer, transaction: &ExportTransaction) -> String {
    let mut end = answer.body.len().min(ANSWER_KEPT);
    while !answer.body.is_char_boundary(end) {
        end -= 1;
    }
    let body = masked(&answer.body[..end], transaction);
    format!("{} {body}", answer.status).trim_end().to_owned()
}

/// A text without the member's credentials, and without card numbers.
fn masked(text: &str, transaction: &ExportTransaction) -> String {
    let mut text = text.to_owned();
    let credentials = transaction.credentials.as_ref();
    for value in credentials
        .and_then(|all| all.as_object())
        .into_iter()
        .flatten()
    {
        if let Some(value) = value.1.as_str().filter(|value| value.len() >= 4) {
            text = text.replace(value, "<credential>");
        }
    }
    mask_card_numbers(&text).unwrap_or(text)
}
