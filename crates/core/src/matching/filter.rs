//! The vocabulary of matching rules: nine questions about one payment and one sale.

use super::reach::{LONGEST_DAY_US, SHORTEST_DAY_US};
use super::{Payment, Rules, Sale};
use crate::time::{DAY_US, Instant, MINUTE_US, Moment, Precision, Zone};

/// One filter of a rule. See `docs/agents.md` for the words an integration engineer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// The sale's payment provider is the payment's; a sale that does not know its own fits any.
    Provider,
    /// The auth codes are the same text.
    AuthCode,
    /// Both are on one local calendar day.
    Day,
    /// The two times come within the tolerance of each other.
    Time,
    /// The two instants are equal.
    ExactTime,
    /// First six and last four are those the payment's own feed gave.
    Dpan,
    /// The last four are those the payment's own feed gave.
    DpanLastFour,
    /// First six and last four are those of the identified user's card.
    Card,
    /// The last four are those of the identified user's card.
    LastFour,
}

impl Filter {
    /// The whole vocabulary.
    pub const ALL: [Self; 9] = [
        Self::Provider,
        Self::AuthCode,
        Self::Day,
        Self::Time,
        Self::ExactTime,
        Self::Dpan,
        Self::DpanLastFour,
        Self::Card,
        Self::LastFour,
    ];

    /// Its name in agent files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::AuthCode => "auth_code",
            Self::Day => "day",
            Self::Time => "time",
            Self::ExactTime => "exact_time",
            Self::Dpan => "dpan",
            Self::DpanLastFour => "dpan_last_four",
            Self::Card => "card",
            Self::LastFour => "last_four",
        }
    }

    /// The filter of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|filter| filter.as_str() == name)
    }

    /// Whether the payment has what this filter compares. One that does not apply is skipped, or
    /// hands over to the next alternative.
    pub fn applies(self, payment: &Payment) -> bool {
        match self {
            Self::AuthCode => payment.auth_code.is_some(),
            Self::Dpan => payment.digits.both().is_some(),
            Self::DpanLastFour => payment.digits.last_four.is_some(),
            Self::Provider
            | Self::Day
            | Self::Time
            | Self::ExactTime
            | Self::Card
            | Self::LastFour => true,
        }
    }

    /// Whether this sale passes, given that the filter applies.
    pub fn passes(self, rules: &Rules, payment: &Payment, sale: &Sale) -> bool {
        match self {
            Self::Provider => sale
                .provider
                .as_ref()
                .is_none_or(|name| *name == payment.provider),
            Self::AuthCode => known_equal(&sale.auth_code, &payment.auth_code),
            Self::Day => {
                rules.zone.local_day(sale.when.start) == rules.zone.local_day(payment.when.start)
            }
            Self::Time => gap_us(payment.when, sale.when, &rules.zone)
                .is_some_and(|gap| gap <= rules.tolerance_us),
            Self::ExactTime => sale.when.start == payment.when.start,
            Self::Dpan => known_equal(&sale.digits.both(), &payment.digits.both()),
            Self::DpanLastFour => known_equal(&sale.digits.last_four, &payment.digits.last_four),
            Self::Card => known_equal(&sale.digits.both(), &payment.user_card.both()),
            Self::LastFour => known_equal(&sale.digits.last_four, &payment.user_card.last_four),
        }
    }
}

/// What is not known never equals anything, not even another unknown.
fn known_equal<T: PartialEq>(left: &Option<T>, right: &Option<T>) -> bool {
    matches!((left, right), (Some(left), Some(right)) if left == right)
}

/// How far apart two moments are at the least, in microseconds, or `None` where a day is involved
/// and the two do not share it: a day asks whether the other is on it, and no tolerance stretches
/// that.
pub fn gap_us(one: Moment, other: Moment, zone: &Zone) -> Option<i64> {
    if one.has_time() && other.has_time() {
        let (first, second) = (span(one, zone), span(other, zone));
        return Some((first.0.0 - second.1.0).max(second.0.0 - first.1.0).max(0));
    }
    let share_it = match (one.has_time(), other.has_time()) {
        (false, true) => is_on(other, one.start, zone),
        (true, false) => is_on(one, other.start, zone),
        _ if one.start <= other.start => is_on(other, one.start, zone),
        _ => is_on(one, other.start, zone),
    };
    share_it.then_some(0)
}

/// Whether a moment may be on the day that begins at `start`. Most are told without a look at the
/// zone's table: a busy till that writes days only asks this of every sale for every payment.
fn is_on(moment: Moment, start: Instant, zone: &Zone) -> bool {
    let last = match moment.precision {
        Precision::Minute => moment.start.plus(MINUTE_US - 1),
        _ => moment.start,
    };
    let into_it = moment.start.0.saturating_sub(start.0);
    last >= start
        && into_it < LONGEST_DAY_US
        && (into_it < SHORTEST_DAY_US || moment.start < end_of_day(start, zone))
}

/// The first and the last instant a moment may mean, to the microsecond.
pub fn span(moment: Moment, zone: &Zone) -> (Instant, Instant) {
    let start = moment.start;
    let end = match moment.precision {
        Precision::Microsecond | Precision::Second => start,
        Precision::Minute => start.plus(MINUTE_US - 1),
        Precision::Day => end_of_day(start, zone).plus(-1),
    };
    (start, end)
}

/// Where the day that begins at `start` ends. It is local to the rules' zone, unless it was
/// written in another zone's midnight: then it is simply a day long.
fn end_of_day(start: Instant, zone: &Zone) -> Instant {
    let day = zone.local_day(start);
    if zone.midnight(day) == start {
        zone.next_midnight(day)
    } else {
        start.plus(DAY_US)
    }
}
