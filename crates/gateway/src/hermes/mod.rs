//! Hermes, the service that knows whose card each token is.
//!
//! It may be slow, away, or wrong, and none of that may make a payment somebody else's: an answer is
//! read strictly (`answer`), and what it does not say for certain is not known. What it cannot be asked
//! now is asked again by the journey, which keeps the payments until then; a breaker keeps all of
//! them from asking at once.

mod answer;
mod breaker;

pub use breaker::Breaking;

use crate::http::{
    Answered, Call, Failed, HttpClient, HttpOptions, Target, TargetHost, retry_after,
};
use async_trait::async_trait;
use breaker::Breaker;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use harmonia_core::card::CardToken;
use harmonia_core::changes::CardInScheme;
use harmonia_core::identify::{Answer, CardLink};
use harmonia_core::ids::{SchemeId, Slug, SlugFormat};
use harmonia_core::matching::OpenReason;
use harmonia_core::secret::Secret;
use harmonia_journey::ports::{Identity, IdentityError, Uids};
use hyper::Method;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant, SystemTime};
use tracing::warn;

/// Where cards are asked about; the scheme's slug follows.
const PATH: &str = "/payment_cards/accounts/payment_card_user_info/";
/// So many cards are asked about at a time.
const CARDS: usize = 500;
/// So many requests for one batch are under way at a time.
const AT_ONCE: usize = 4;
/// The most of an answer: for each card, and beside them.
const CARD_BYTES: usize = 8 * 1024;
const BESIDE_BYTES: usize = 64 * 1024;

/// Which Hermes, and how it is asked.
#[derive(Clone, Debug)]
pub struct HermesOptions {
    /// Its address, without a path of its own.
    pub url: String,
    /// What it knows us by.
    pub token: Option<Secret>,
    /// The schemes that it knows by another name.
    pub formatted: Vec<Slug>,
    /// What it calls those.
    pub format: SlugFormat,
    /// How much is borne.
    pub patience: Patience,
}

/// How long it is waited for, and how often it is asked again.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long one answer may take.
    pub answer: Duration,
    /// How often it is asked, before all is left to the journey.
    pub tries: u32,
    /// The longest pause before the second try; twice as long before the third.
    pub pause: Duration,
    /// When it is left alone.
    pub breaking: Breaking,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(10),
            tries: 3,
            pause: Duration::from_millis(300),
            breaking: Breaking {
                failures: 6,
                rest: Duration::from_secs(5),
                most: Duration::from_secs(60),
            },
        }
    }
}

/// Hermes, as a source of identities.
pub struct Hermes {
    client: HttpClient,
    options: HermesOptions,
    authorization: Option<HeaderValue>,
    schemes: HashMap<SchemeId, Slug>,
    breaker: Breaker,
}

/// What came of asking once.
enum Asked {
    /// It answered about these cards.
    Said(HashMap<CardToken, CardLink>),
    /// It knows no such scheme.
    NoScheme,
}

/// Why there is no answer that can be used.
struct Fault {
    why: String,
    /// For how long it asks to be left alone.
    alone: Option<Duration>,
    /// Whether it may be another answer the next time.
    passing: bool,
}

impl Hermes {
    /// Hermes for these schemes. Its own host is allowed, wherever that is.
    ///
    /// # Errors
    /// Says which setting is wrong, and nothing of what it holds.
    pub fn new(
        mut http: HttpOptions,
        mut options: HermesOptions,
        schemes: HashMap<SchemeId, Slug>,
    ) -> Result<Self, String> {
        let url = options.url.trim_end_matches('/').to_owned();
        let target = Target::parse(&url).map_err(|why| format!("TXM_HERMES_URL: {why}"))?;
        if url.contains(['?', '#']) {
            return Err("TXM_HERMES_URL: it must end with its host or path".to_owned());
        }
        match &target.host {
            TargetHost::Name(name) => http.allowed.allow_name(name),
            TargetHost::Address(address) => http.allowed.allow_address(*address),
        }
        let header = |token: &Secret| {
            let value = HeaderValue::from_str(&format!("Token {}", token.reveal()));
            let mut value = value.map_err(|_| "TXM_HERMES_TOKEN: it holds what no header can")?;
            value.set_sensitive(true);
            Ok::<_, String>(value)
        };
        let authorization = options.token.as_ref().map(header).transpose()?;
        options.url = url;
        Ok(Self {
            client: HttpClient::new(http)?,
            breaker: Breaker::new(options.patience.breaking),
            authorization,
            schemes,
            options,
        })
    }

    /// What Hermes calls a scheme.
    fn slug(&self, scheme: SchemeId) -> Option<String> {
        let slug = self.schemes.get(&scheme)?;
        Some(match self.options.formatted.contains(slug) {
            true => self.options.format.of(slug),
            false => slug.to_string(),
        })
    }

    /// Asks about some cards of a scheme, several times if need be.
    async fn ask(&self, ask: Ask) -> Result<(Ask, Asked), IdentityError> {
        let mut tries = 0;
        loop {
            self.breaker.ask(Instant::now()).map_err(|wait| {
                IdentityError(format!(
                    "Hermes failed again and again: left alone for {wait:.1?}"
                ))
            })?;
            let fault = match self.ask_once(&ask).await {
                Ok(asked) => {
                    self.breaker.succeeded();
                    return Ok((ask, asked));
                }
                Err(fault) => fault,
            };
            self.breaker.failed(Instant::now(), jitter(), fault.alone);
            tries += 1;
            if tries >= self.options.patience.tries || !fault.passing || fault.alone.is_some() {
                return Err(IdentityError(format!("Hermes: {}", fault.why)));
            }
            let longest = self.options.patience.pause * (1 << (tries - 1).min(8));
            tokio::time::sleep(longest.mul_f64(jitter())).await;
        }
    }

    async fn ask_once(&self, ask: &Ask) -> Result<Asked, Fault> {
        let Ask { slug, tokens, .. } = ask;
        let mut headers = vec![
            (ACCEPT, HeaderValue::from_static("application/json")),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ];
        headers.extend(
            self.authorization
                .clone()
                .map(|value| (AUTHORIZATION, value)),
        );
        let body = serde_json::json!({ "payment_cards": tokens }).to_string();
        let call = Call {
            method: Method::POST,
            url: &format!("{}{PATH}{slug}", self.options.url),
            headers,
            body: Some(Bytes::from(body)),
            within: self.options.patience.answer,
            body_limit: BESIDE_BYTES + CARD_BYTES * tokens.len(),
        };
        let answered = self
            .client
            .send(call)
            .await
            .map_err(|failed| match failed {
                Failed::NeverLeft(why) | Failed::MayHaveArrived(why) => Fault::passing(why),
                Failed::Refused(why) => Fault::lasting(why),
            })?;
        match answered.status {
            200 => {}
            404 => return Ok(Asked::NoScheme),
            status => return Err(Fault::of_status(status, &answered)),
        }
        check_kind(&answered)?;
        let asked: HashSet<&str> = tokens.iter().map(|token| token.0.as_str()).collect();
        let mut said = answer::read(&answered.body, &asked).map_err(Fault::passing)?;
        if let (count, Some(why)) = said.unusable {
            warn!(
                scheme = slug,
                count,
                of = tokens.len(),
                why,
                "what Hermes says of cards cannot be used"
            );
        }
        let links = tokens.iter().filter_map(|token| {
            let link = said.links.remove(token.0.as_str())?;
            Some((token.clone(), link))
        });
        Ok(Asked::Said(links.collect()))
    }
}

/// An answer that is not JSON, is packed, or has no end is none.
fn check_kind(answered: &Answered) -> Result<(), Fault> {
    let header = |name| {
        let value = answered.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    };
    let kind = header(CONTENT_TYPE).split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Fault::passing(
            "its answer is not application/json".to_owned(),
        ));
    }
    if !matches!(header(CONTENT_ENCODING), "" | "identity") {
        return Err(Fault::passing("its answer is packed, unasked".to_owned()));
    }
    if answered.cut {
        return Err(Fault::passing("its answer is too long".to_owned()));
    }
    Ok(())
}

impl Fault {
    fn passing(why: String) -> Self {
        Self {
            why,
            alone: None,
            passing: true,
        }
    }

    fn lasting(why: String) -> Self {
        Self {
            passing: false,
            ..Self::passing(why)
        }
    }

    fn of_status(status: u16, answered: &Answered) -> Self {
        let why = match status {
            300..=399 => format!(
                "it answers {status} and points elsewhere, which is not followed: put the right \
                 address into TXM_HERMES_URL"
            ),
            401 | 403 => format!("it answers {status}: put the right token into TXM_HERMES_TOKEN"),
            _ => format!("it answers {status}"),
        };
        let header = answered.headers.get(RETRY_AFTER);
        let header = header.and_then(|value| value.to_str().ok());
        let asks = matches!(status, 429 | 503);
        Self {
            why,
            alone: header
                .filter(|_| asks)
                .and_then(|value| retry_after(value, SystemTime::now())),
            passing: status >= 500 || status == 429 || status == 408,
        }
    }
}

/// Of 0 to 1, another each time.
fn jitter() -> f64 {
    f64::from((Uids.next().as_u128() & 0xffff_ffff) as u32) / f64::from(u32::MAX)
}

/// What one request asks: cards of one scheme, each once.
struct Ask {
    scheme: SchemeId,
    /// What Hermes calls the scheme.
    slug: String,
    tokens: Vec<CardToken>,
}

impl Hermes {
    /// What is to be asked about cards. A scheme without an agent file has no name that Hermes could know.
    fn asks(&self, cards: &[CardInScheme]) -> Vec<Ask> {
        let mut by_scheme: HashMap<SchemeId, HashSet<&CardToken>> = HashMap::new();
        for card in cards {
            by_scheme
                .entry(card.scheme)
                .or_default()
                .insert(&card.card_token);
        }
        let mut asks = Vec::new();
        for (scheme, tokens) in by_scheme {
            let Some(slug) = self.slug(scheme) else {
                continue;
            };
            let tokens: Vec<&CardToken> = tokens.into_iter().collect();
            asks.extend(tokens.chunks(CARDS).map(|tokens| Ask {
                scheme,
                slug: slug.clone(),
                tokens: tokens.iter().copied().cloned().collect(),
            }));
        }
        asks
    }
}

#[async_trait]
impl Identity for Hermes {
    async fn look_up(&self, cards: &[CardInScheme]) -> Result<Vec<Answer>, IdentityError> {
        let asks = self.asks(cards);
        let nameless = |card: &CardInScheme| !self.schemes.contains_key(&card.scheme);
        let asking: Vec<_> = asks.into_iter().map(|ask| self.ask(ask)).collect();
        let asking = futures_util::stream::iter(asking).buffer_unordered(AT_ONCE);
        let asked: Vec<(Ask, Asked)> = asking.try_collect().await?;
        let mut links = HashMap::new();
        let mut unknown = HashSet::new();
        for (ask, asked) in asked {
            match asked {
                Asked::Said(said) => {
                    let said = said.into_iter();
                    links.extend(said.map(|(token, link)| ((ask.scheme, token), link)));
                }
                Asked::NoScheme => {
                    unknown.insert(ask.scheme);
                }
            }
        }
        let of = |card: &CardInScheme| {
            let link = links.get(&(card.scheme, card.card_token.clone()));
            match link {
                Some(link) => Ok(CardLink::clone(link)),
                None if unknown.contains(&card.scheme) || nameless(card) => {
                    Err(OpenReason::NoScheme)
                }
                None => Err(OpenReason::Unidentified),
            }
        };
        Ok(cards.iter().map(of).collect())
    }
}
