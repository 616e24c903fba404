//! Matching once more, written from what the filters mean and from nothing else: no index, no reach,
//! no table of a zone's transitions, no rule that was compiled. Every sale is looked at for every
//! payment, every filter is asked in its own words, and times are sets of whole microseconds.

use harmonia_core::card::CardDigits;
use harmonia_core::matching::{Payment, Sale};
use harmonia_core::time::{Instant, Moment, Precision};
use jiff::tz::TimeZone;

/// One entry of `keep` or `break_tie`: alternatives of filters by name.
pub type Step = Vec<Vec<&'static str>>;

/// A scheme's rules as its agent file writes them.
#[derive(Clone, Debug)]
pub struct Written {
    pub zone: &'static str,
    pub tolerance_s: i64,
    pub window_h: i64,
    /// The rule of each provider that has one.
    pub rules: Vec<(&'static str, Rule)>,
}

#[derive(Clone, Debug)]
pub struct Rule {
    pub keep: Vec<Step>,
    pub break_tie: Vec<Step>,
}

impl Written {
    /// The `[matching]` table.
    pub fn toml(&self) -> String {
        let steps = |steps: &[Step]| {
            let step = |step: &Step| {
                let all: Vec<String> = step.iter().map(|filters| filters.join("+")).collect();
                format!("\"{}\"", all.join(" | "))
            };
            let steps: Vec<String> = steps.iter().map(step).collect();
            steps.join(", ")
        };
        let mut text = format!(
            "timezone = \"{}\"\ntolerance = \"{}s\"\nwindow = \"{}h\"\n",
            self.zone, self.tolerance_s, self.window_h
        );
        for (provider, rule) in &self.rules {
            text.push_str(&format!(
                "[{provider}]\nkeep = [{}]\nbreak_tie = [{}]\n",
                steps(&rule.keep),
                steps(&rule.break_tie)
            ));
        }
        text
    }

    pub fn rule(&self, payment: &Payment) -> Option<&Rule> {
        let named = |name: &str| self.rules.iter().find(|(provider, _)| *provider == name);
        let own = named(payment.provider.as_str()).or_else(|| named("default"));
        own.map(|(_, rule)| rule)
    }

    /// Same scheme (whose MID lists these are), a MID in common, same amount and currency, imported
    /// no further apart than the window.
    pub fn is_candidate(&self, payment: &Payment, sale: &Sale) -> bool {
        let apart = (payment.imported_at.0 - sale.imported_at.0).abs();
        payment.mid_sets.iter().any(|set| set.id == sale.mid_set)
            && payment.amount.minor == sale.amount.minor
            && payment.amount.currency == sale.amount.currency
            && apart <= self.window_h * 3_600_000_000
    }

    /// Whether a sale passes a step; a step that the payment lacks something for passes everything.
    pub fn passes_step(&self, step: &Step, payment: &Payment, sale: &Sale) -> bool {
        let usable = |filters: &&Vec<&'static str>| filters.iter().all(|name| has(payment, name));
        match step.iter().find(usable) {
            Some(filters) => filters.iter().all(|name| self.passes(name, payment, sale)),
            None => true,
        }
    }

    pub fn passes(&self, name: &str, payment: &Payment, sale: &Sale) -> bool {
        match name {
            "provider" => match &sale.provider {
                Some(provider) => provider.as_str() == payment.provider.as_str(),
                None => true,
            },
            "auth_code" => same(&payment.auth_code, &sale.auth_code),
            "day" => date(self.zone, payment.when.start) == date(self.zone, sale.when.start),
            "time" => self.come_near(payment.when, sale.when),
            "exact_time" => payment.when.start == sale.when.start,
            "dpan" => same(&six_four(payment.digits), &six_four(sale.digits)),
            "dpan_last_four" => same(&payment.digits.last_four, &sale.digits.last_four),
            "card" => same(&six_four(payment.user_card), &six_four(sale.digits)),
            "last_four" => same(&payment.user_card.last_four, &sale.digits.last_four),
            other => panic!("no such filter: {other}"),
        }
    }

    /// Whether some microsecond that the one may mean is within the tolerance of one that the other
    /// may mean; where a day is all that is known, whether both can be one moment.
    fn come_near(&self, one: Moment, other: Moment) -> bool {
        let apart = self.apart(one, other);
        let whole_days = [one, other].iter().any(|m| m.precision == Precision::Day);
        if whole_days {
            apart == 0
        } else {
            apart <= self.tolerance_s * 1_000_000
        }
    }

    /// The least distance between a microsecond of the one and one of the other.
    pub fn apart(&self, one: Moment, other: Moment) -> i64 {
        let (a, b) = (microseconds(self.zone, one), microseconds(self.zone, other));
        if a.1 < b.0 {
            b.0 - a.1
        } else if b.1 < a.0 {
            a.0 - b.1
        } else {
            0
        }
    }
}

/// Whether the payment has what a filter needs on it.
pub fn has(payment: &Payment, name: &str) -> bool {
    match name {
        "auth_code" => payment.auth_code.is_some(),
        "dpan" => payment.digits.first_six.is_some() && payment.digits.last_four.is_some(),
        "dpan_last_four" => payment.digits.last_four.is_some(),
        _ => true,
    }
}

fn same<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
    one.is_some() && other.is_some() && one == other
}

fn six_four(digits: CardDigits) -> Option<String> {
    Some(format!("{}{}", digits.first_six?, digits.last_four?))
}

fn local(zone: &str, instant: Instant) -> jiff::Zoned {
    let timestamp = jiff::Timestamp::from_microsecond(instant.0).unwrap();
    timestamp.to_zoned(TimeZone::get(zone).unwrap())
}

fn date(zone: &str, instant: Instant) -> jiff::civil::Date {
    local(zone, instant).date()
}

/// The first and the last microsecond that a moment may mean.
fn microseconds(zone: &str, moment: Moment) -> (i64, i64) {
    let first = moment.start.0;
    match moment.precision {
        Precision::Microsecond | Precision::Second => (first, first),
        Precision::Minute => (first, first + 59_999_999),
        Precision::Day => {
            let next = midnight(zone, date(zone, moment.start).tomorrow().unwrap());
            (first, next.0 - 1)
        }
    }
}

/// The first instant of a date.
pub fn midnight(zone: &str, date: jiff::civil::Date) -> Instant {
    let noon = date.at(12, 0, 0, 0);
    let noon = noon.to_zoned(TimeZone::get(zone).unwrap()).unwrap();
    Instant(noon.start_of_day().unwrap().timestamp().as_microsecond())
}

/// What becomes of a payment.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It has this sale; so many were left by all of `keep`, and by each tie-breaker needed.
    Matched(i64, Vec<u32>),
    NoRule,
    NoSale,
    Ambiguous,
}

/// What a payment found at its turn.
pub struct Turn<'a> {
    pub outcome: Outcome,
    /// Every sale of its MID and amount, within the window, that nobody had taken.
    pub candidates: Vec<&'a Sale>,
}

/// Decides payment after payment against every sale.
pub fn decide<'a>(written: &Written, payments: &[Payment], sales: &'a [Sale]) -> Vec<Turn<'a>> {
    let mut taken = Vec::new();
    let mut turns = Vec::new();
    for payment in payments {
        let is_candidate =
            |sale: &&Sale| !taken.contains(&sale.id) && written.is_candidate(payment, sale);
        let candidates: Vec<&Sale> = sales.iter().filter(is_candidate).collect();
        let outcome = match written.rule(payment) {
            None => Outcome::NoRule,
            Some(rule) => decide_one(written, rule, payment, candidates.clone()),
        };
        if let Outcome::Matched(sale, _) = &outcome {
            let sale = sales.iter().find(|one| one.id.0 == *sale);
            taken.extend(sale.map(|sale| sale.id));
        }
        turns.push(Turn {
            outcome,
            candidates,
        });
    }
    turns
}

fn decide_one(written: &Written, rule: &Rule, payment: &Payment, mut left: Vec<&Sale>) -> Outcome {
    let mut kept = Vec::new();
    for step in &rule.keep {
        left.retain(|sale| written.passes_step(step, payment, sale));
    }
    kept.push(left.len() as u32);
    for step in &rule.break_tie {
        if left.len() > 1 {
            let chosen: Vec<&Sale> = left
                .iter()
                .copied()
                .filter(|sale| written.passes_step(step, payment, sale))
                .collect();
            if !chosen.is_empty() {
                left = chosen;
            }
            kept.push(left.len() as u32);
        }
    }
    match left.as_slice() {
        [] => Outcome::NoSale,
        [sale] => Outcome::Matched(sale.id.0, kept),
        _ => Outcome::Ambiguous,
    }
}
