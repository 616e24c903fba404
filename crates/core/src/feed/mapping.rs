//! What a record means: from columns to a payment or a sale.
//!
//! A [`Mapping`] is the `[feeds.….fields]` of an agent file, compiled. Records that the agent file
//! skips are told apart first, so that a row that is none of ours is never rejected for how it is
//! written. Then each field is read by its rule, and the first that cannot be rejects the record.

use super::Outcome;
use super::join::{Id, JoinContext};
use super::mask;
use super::record::RawRecord;
use super::rules::{AmountRule, DateRule, Extra, ProviderRule, SkipRule, missing_column};
use super::text::{Column, Stop, TextRule, is_bare_number, keep, keep_id};
use crate::card::{CardDigits, CardToken, Digits};
use crate::export::batch::unguarded;
use crate::money::{Currency, Money};
use crate::problem::{Quoted, Reject, RejectReason};
use crate::time::Moment;
use crate::transaction::{AnswerRecord, FeedType, Identifiers, PaymentRecord, Place, SaleRecord};
use compact_str::CompactString;
use uuid::Uuid;

/// The compiled rules of one feed.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) feed_type: FeedType,
    /// What the mapping reads, in the order of their numbers.
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) skip: Vec<SkipRule>,
    /// Amounts below this many minor units are skipped.
    pub(crate) skip_amount_below: Option<i64>,
    pub(crate) transaction_id: Id,
    pub(crate) settlement_key: Id,
    pub(crate) mid: Option<TextRule>,
    /// A column holding a JSON list of MIDs.
    pub(crate) mids: Option<Column>,
    pub(crate) secondary_mid: Option<TextRule>,
    pub(crate) psimi: Option<TextRule>,
    pub(crate) location_id: Option<TextRule>,
    pub(crate) date: DateRule,
    pub(crate) amount: AmountRule,
    pub(crate) currency: TextRule,
    pub(crate) payment_provider: Option<ProviderRule>,
    pub(crate) card_token: Option<TextRule>,
    pub(crate) auth_code: Option<TextRule>,
    pub(crate) approval_code: Option<TextRule>,
    pub(crate) first_six: Option<TextRule>,
    pub(crate) last_four: Option<TextRule>,
    pub(crate) extra: Extra,
    /// Of an answer: which export it answers, and what it says.
    pub(crate) export_uid: Option<TextRule>,
    pub(crate) result: Option<TextRule>,
}

/// A column or path that the mapping reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    /// Wanted as JSON, and not as the text it stands for.
    pub(crate) json: bool,
}

impl Mapping {
    /// What the record means.
    pub(crate) fn read(&self, raw: &RawRecord) -> Outcome {
        if let Some(fault) = &raw.fault {
            return Outcome::Rejected(fault.clone());
        }
        let outcome = match self.feed_type {
            FeedType::Auth | FeedType::Settled | FeedType::Refund => {
                self.payment(raw).map(Outcome::Payment)
            }
            FeedType::Merchant => self.sale(raw).map(Outcome::Sale),
            FeedType::Answer => self.answer(raw).map(Outcome::Answer),
        };
        match outcome {
            Ok(outcome) => outcome,
            Err(Stop::Skip) => Outcome::Skipped,
            Err(Stop::Reject(reject)) => Outcome::Rejected(reject),
        }
    }

    /// Whether the record has no id of its own, so that its occurrences must be counted.
    pub(crate) fn lacks_id(&self, raw: &RawRecord) -> bool {
        let key_lacks_it = match &self.settlement_key {
            Id::Join(join) => join.needs_replacement(raw),
            Id::Text(_) | Id::None => false,
        };
        key_lacks_it || self.transaction_id.lacks(raw)
    }

    /// The record's moment, by the clock of a scheme where the feed has one for it.
    pub(crate) fn moment_for_scheme(&self, raw: &RawRecord, scheme: &str) -> Option<Moment> {
        let (_, zone) = self
            .date
            .zone_of_scheme
            .iter()
            .find(|(slug, _)| slug.as_str() == scheme)?;
        self.date.read(raw, zone).ok()
    }

    /// The record's ids that look like card numbers and are none: what is stored of the record
    /// keeps them whole; of one that was `placed`, its MIDs too, which are onboarded then. Asked
    /// only where something looks like a card number at all.
    pub(crate) fn ids_like_card_numbers<'a>(
        &'a self,
        raw: &'a RawRecord,
        placed: bool,
    ) -> Vec<&'a str> {
        let long = |id: &'a Id| match id {
            Id::Text(rule) if rule.long_number => Some(rule),
            _ => None,
        };
        let places = [
            &self.mid,
            &self.secondary_mid,
            &self.psimi,
            &self.location_id,
        ];
        let rules = places.into_iter().flatten().filter(|_| placed);
        let rules = rules.chain(long(&self.transaction_id));
        let rules = rules.chain(long(&self.settlement_key));
        rules
            .filter_map(|rule| rule.read(raw).ok().flatten())
            .filter(|text| is_bare_number(text) && mask::holds_card_number(text))
            .collect()
    }

    fn payment(&self, raw: &RawRecord) -> Result<PaymentRecord, Stop> {
        self.skip(raw)?;
        let amount = self.amount(raw)?;
        let when = self.date.read(raw, &self.date.zone)?;
        let identifiers = self.identifiers(raw)?;
        let token = required(self.card_token.as_ref(), raw, "card_token")?;
        let context = JoinContext {
            when,
            zone: &self.date.zone,
        };
        let transaction_id = self.transaction_id.read(raw, &context)?;
        let settlement_key = match &self.settlement_key {
            Id::Join(join) => Some(join.read(raw, &context)?),
            Id::Text(rule) if rule.long_number => optional_id(Some(rule), raw)?,
            Id::Text(rule) => optional(Some(rule), raw)?,
            Id::None => None,
        };
        Ok(PaymentRecord {
            settlement_key,
            transaction_id,
            identifiers,
            when,
            amount,
            card_token: CardToken(token),
            auth_code: optional(self.auth_code.as_ref(), raw)?,
            approval_code: optional(self.approval_code.as_ref(), raw)?,
            digits: self.digits(raw)?,
            extra: self
                .extra
                .read(raw, &|| self.ids_like_card_numbers(raw, false))?,
        })
    }

    fn sale(&self, raw: &RawRecord) -> Result<SaleRecord, Stop> {
        self.skip(raw)?;
        let payment_provider = match &self.payment_provider {
            Some(rule) => rule.read(raw)?,
            None => None,
        };
        let amount = self.amount(raw)?;
        let when = self.date.read(raw, &self.date.zone)?;
        let context = JoinContext {
            when,
            zone: &self.date.zone,
        };
        Ok(SaleRecord {
            transaction_id: self.transaction_id.read(raw, &context)?,
            place: self.place(raw)?,
            payment_provider,
            when,
            amount,
            auth_code: optional(self.auth_code.as_ref(), raw)?,
            digits: self.digits(raw)?,
            extra: self
                .extra
                .read(raw, &|| self.ids_like_card_numbers(raw, false))?,
        })
    }

    /// The ids are as a spreadsheet was given them: without the apostrophe of a text that could have
    /// been taken for a formula.
    fn answer(&self, raw: &RawRecord) -> Result<AnswerRecord, Stop> {
        self.skip(raw)?;
        let id = match &self.transaction_id {
            Id::Text(rule) if rule.long_number => optional_id(Some(rule), raw)?,
            Id::Text(rule) => optional(Some(rule), raw)?,
            Id::Join(_) | Id::None => None,
        };
        let transaction_id = id.map(|id| unguarded(&id).into());
        let export_uid = match optional(self.export_uid.as_ref(), raw)? {
            None => None,
            Some(text) => Some(Uuid::try_parse(&text).map_err(|_| {
                let column = self.export_uid.as_ref().map_or("", TextRule::column);
                let detail = format!("{text:?} is not the uid of an export, which is a UUID");
                Reject::field(RejectReason::BadText, column, detail)
            })?),
        };
        if export_uid.is_none() && transaction_id.is_none() {
            return Err(missing(self.export_uid.as_ref(), "export_uid"));
        }
        Ok(AnswerRecord {
            export_uid,
            transaction_id,
            result: required(self.result.as_ref(), raw, "result")?,
        })
    }

    fn skip(&self, raw: &RawRecord) -> Result<(), Stop> {
        for rule in &self.skip {
            if rule.holds(raw) {
                return Err(Stop::Skip);
            }
        }
        Ok(())
    }

    fn amount(&self, raw: &RawRecord) -> Result<Money, Stop> {
        let minor = self.amount.read(raw)?;
        if self.skip_amount_below.is_some_and(|least| minor < least) {
            return Err(Stop::Skip);
        }
        let minor = if self.feed_type == FeedType::Refund {
            -minor.abs()
        } else {
            minor
        };
        let code = self.currency.read(raw)?.unwrap_or_default();
        let currency = currency(code).ok_or_else(|| {
            let reason = if code.is_empty() {
                RejectReason::Missing
            } else {
                RejectReason::BadCurrency
            };
            let detail = format!(
                "{} is not an ISO 4217 currency code such as GBP",
                Quoted(code)
            );
            Reject::field(reason, self.currency.column(), detail)
        })?;
        Ok(Money { minor, currency })
    }

    fn identifiers(&self, raw: &RawRecord) -> Result<Identifiers, Stop> {
        let identifiers = Identifiers {
            primary: optional_id(self.mid.as_ref(), raw)?,
            secondary: optional_id(self.secondary_mid.as_ref(), raw)?,
            psimi: optional_id(self.psimi.as_ref(), raw)?,
        };
        if identifiers == Identifiers::default() {
            return Err(missing(self.mid.as_ref(), "mid"));
        }
        Ok(identifiers)
    }

    fn place(&self, raw: &RawRecord) -> Result<Place, Stop> {
        let mut place = Place {
            location: optional_id(self.location_id.as_ref(), raw)?,
            mids: Vec::new(),
        };
        if let Some(mid) = optional_id(self.mid.as_ref(), raw)? {
            place.mids.push(mid);
        }
        if let Some(column) = &self.mids {
            add_mids(column, raw, &mut place.mids)?;
        }
        if place.location.is_none() && place.mids.is_empty() {
            let rule = self.mid.as_ref().or(self.location_id.as_ref());
            return Err(missing(rule, "mid"));
        }
        Ok(place)
    }

    fn digits(&self, raw: &RawRecord) -> Result<CardDigits, Stop> {
        Ok(CardDigits {
            first_six: card_digits(self.first_six.as_ref(), raw, |whole| &whole[..6])?,
            last_four: card_digits(self.last_four.as_ref(), raw, |whole| {
                &whole[whole.len() - 4..]
            })?,
        })
    }
}

/// A currency code, in any case.
fn currency(code: &str) -> Option<Currency> {
    if code.len() != 3 {
        return None;
    }
    Currency::new(code).or_else(|| Currency::new(&code.to_ascii_uppercase()))
}

fn optional(rule: Option<&TextRule>, raw: &RawRecord) -> Result<Option<CompactString>, Stop> {
    kept(rule, raw, keep)
}

/// A merchant identifier or a place: always an id, and often a long number.
fn optional_id(rule: Option<&TextRule>, raw: &RawRecord) -> Result<Option<CompactString>, Stop> {
    kept(rule, raw, keep_id)
}

/// What a rule gives for a record, if `keep` takes it.
fn kept(
    rule: Option<&TextRule>,
    raw: &RawRecord,
    keep: impl Fn(&str, &str) -> Result<CompactString, Stop>,
) -> Result<Option<CompactString>, Stop> {
    let Some(rule) = rule else {
        return Ok(None);
    };
    let text = rule.read(raw)?;
    text.map(|text| keep(text, rule.column())).transpose()
}

fn required(rule: Option<&TextRule>, raw: &RawRecord, name: &str) -> Result<CompactString, Stop> {
    optional(rule, raw)?.ok_or_else(|| missing(rule, name))
}

fn missing(rule: Option<&TextRule>, name: &str) -> Stop {
    match rule.map(TextRule::column) {
        None | Some("") => missing_column(name),
        Some(column) => missing_column(column),
    }
}

/// Reads digits of a card. Blanks, and digits hidden behind `*`, `x`, `X` or `#`, are none; where
/// the whole card number stands, `part` of it is taken and the rest forgotten.
fn card_digits<const N: usize>(
    rule: Option<&TextRule>,
    raw: &RawRecord,
    part: impl Fn(&str) -> &str,
) -> Result<Option<Digits<N>>, Stop> {
    let Some(rule) = rule else {
        return Ok(None);
    };
    let Some(text) = rule.read(raw)? else {
        return Ok(None);
    };
    if let Some(digits) = Digits::new(text) {
        return Ok(Some(digits));
    }
    if mask::is_whole_number(text) {
        return Ok(Digits::new(part(text)));
    }
    let hidden = |byte: u8| matches!(byte, b'*' | b'x' | b'X' | b'#');
    let placeholder = text
        .bytes()
        .all(|byte| hidden(byte) || byte.is_ascii_digit())
        && text.bytes().any(hidden);
    if placeholder {
        return Ok(None);
    }
    // The value is not repeated: it may be more of a card number than may be shown.
    let detail = format!("not {N} digits of a card, nor blank, nor masked");
    Err(Reject::field(RejectReason::BadDigits, rule.column(), detail).into())
}

fn add_mids(column: &Column, raw: &RawRecord, mids: &mut Vec<CompactString>) -> Result<(), Stop> {
    let Some(json) = raw.value(column.index) else {
        return Ok(());
    };
    let Ok(list) = serde_json::from_str::<Vec<CompactString>>(json) else {
        let detail = "must be a list of texts";
        return Err(Reject::field(RejectReason::WrongShape, &column.name, detail).into());
    };
    for mid in list {
        let mid = mid.trim_ascii();
        if mid.is_empty() {
            continue;
        }
        let mid = keep_id(mid, &column.name)?;
        if !mids.contains(&mid) {
            mids.push(mid);
        }
    }
    Ok(())
}
