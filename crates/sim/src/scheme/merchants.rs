//! The merchants: what each one's tills write, and which rule its agent file matches by.
//!
//! The simulator plays these merchants and so knows them by name, which the product's code never
//! does. Rules are told here a second time, in words of the simulator's own, so that the truth does
//! not depend on the code that it is there to judge.

use super::clocks::Clock;
use super::field::Field;
use super::format::Format;
use super::format::json::Json;

/// A loyalty scheme.
pub(super) struct Scheme {
    /// As its agent file names it.
    pub(super) slug: &'static str,
    pub(super) name: &'static str,
    /// What its names are marked with.
    pub(super) letter: char,
    /// What its tills report; nothing, where payments are accepted alone.
    pub(super) till: Option<TillFeed>,
    /// How far apart times may be, in seconds.
    pub(super) tolerance_seconds: i64,
    /// The rule for each network.
    pub(super) rules: [Rule; 3],
    /// The clock that one network writes this merchant's authorisations by.
    pub(super) visa_auth_clock: Clock,
}

/// The feed of a merchant's sales.
pub(super) struct TillFeed {
    pub(super) extension: &'static str,
    pub(super) clock: Clock,
    pub(super) format: Format,
    pub(super) place: Place,
    /// What is sold for less is not in the feed's interest and never sold here.
    pub(super) least_minor: i64,
    /// What the till calls the cards of each network; nothing where it does not take them.
    pub(super) card_words: [&'static [&'static str]; 3],
    /// Whether the till knows what was given on top of the bill.
    pub(super) has_gratuity: bool,
    /// What the hash is of that is the transaction's id; empty where the till's own id is.
    pub(super) hashed_id: &'static [Field],
}

/// How a till says where it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// By the MID of the card's network.
    Mid,
    /// By the location, which stands for all its MIDs.
    Location,
    /// By a number whose first four characters are the location.
    Till,
}

/// By what a payment's sale is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Auth code and local day; without an auth code on the payment, time.
    CodeOrTime,
    /// Time, and first six and last four where the payment has them.
    TimeAndDigits,
    /// Time, and last four where the payment has them.
    TimeAndLastFour,
    /// The very instant, whatever the network.
    ExactTime,
    /// Nothing: it is never matched with a sale.
    None,
}

/// The scheme of that slug.
pub(super) fn scheme(slug: &str) -> Option<&'static Scheme> {
    SCHEMES.iter().find(|scheme| scheme.slug == slug)
}

/// All schemes but the example.
pub(super) static SCHEMES: [Scheme; 13] = [
    Scheme {
        slug: "iceland-bonus-card",
        name: "Iceland Bonus Card",
        letter: 'i',
        till: Some(TillFeed {
            card_words: [
                &["Visa", "Visa Debit", "Electron", "Visa CPC"],
                &[
                    "MasterCard/MasterCard One",
                    "MasterCard Debit",
                    "Maestro",
                    "EDC/Maestro (INT) / Laser",
                    "Mastercard One",
                ],
                &["Amex"],
            ],
            ..table(Clock::London, &ICELAND)
        }),
        tolerance_seconds: 60,
        rules: [Rule::CodeOrTime, Rule::CodeOrTime, Rule::TimeAndDigits],
        visa_auth_clock: Clock::Utc,
    },
    Scheme {
        slug: "wasabi-club",
        name: "Wasabi Club",
        letter: 'w',
        till: Some(TillFeed {
            card_words: [
                &["Visa", "Visa Debit", "Visa (Enhanced Management Info"],
                &[
                    "Mastercard",
                    "Debit Mastercard",
                    "Maestro",
                    "Compliments Card",
                ],
                &["American Express"],
            ],
            ..table(Clock::London, &WASABI)
        }),
        tolerance_seconds: 180,
        rules: [Rule::CodeOrTime, Rule::CodeOrTime, Rule::TimeAndDigits],
        visa_auth_clock: Clock::Utc,
    },
    Scheme {
        slug: "itsu",
        name: "itsu",
        letter: 'u',
        till: Some(TillFeed {
            place: Place::Location,
            least_minor: 500,
            ..table(Clock::Utc, &ITSU)
        }),
        tolerance_seconds: 180,
        rules: [Rule::CodeOrTime, Rule::CodeOrTime, Rule::None],
        visa_auth_clock: Clock::London,
    },
    Scheme {
        slug: "tgi-fridays",
        name: "TGI Fridays",
        letter: 't',
        till: Some(TillFeed {
            has_gratuity: true,
            hashed_id: &[
                ISO_UTC,
                Field::Mid,
                Field::BillPounds,
                Field::Id,
                Field::GratuityPounds,
            ],
            ..table(Clock::Utc, &TGI_FRIDAYS)
        }),
        tolerance_seconds: 180,
        rules: [Rule::CodeOrTime, Rule::CodeOrTime, Rule::TimeAndDigits],
        visa_auth_clock: Clock::London,
    },
    Scheme {
        slug: "costa",
        name: "Costa",
        letter: 'c',
        till: Some(messages(Json::Object(&COSTA))),
        tolerance_seconds: 60,
        rules: [Rule::CodeOrTime, Rule::CodeOrTime, Rule::TimeAndDigits],
        visa_auth_clock: Clock::Utc,
    },
    Scheme {
        slug: "slim-chickens",
        name: "Slim Chickens",
        letter: 's',
        till: Some(TillFeed {
            place: Place::Location,
            least_minor: 750,
            card_words: [
                &["VISA", "Visa Debit"],
                &["MASTERCARD", "Debit Mastercard"],
                &[],
            ],
            ..messages(Json::Object(&SLIM_CHICKENS))
        }),
        tolerance_seconds: 120,
        rules: [Rule::None; 3],
        visa_auth_clock: Clock::Utc,
    },
    Scheme {
        slug: "stonegate",
        name: "Stonegate",
        letter: 'g',
        till: Some(TillFeed {
            place: Place::Location,
            card_words: [
                &["VS", "Visa Debit"],
                &["MC", "EMV MCARD", "Maestro"],
                &["AX", "Amex"],
            ],
            hashed_id: &[
                ISO_UTC,
                Field::AuthCode,
                Field::Account,
                Field::Pounds,
                Field::Id,
            ],
            ..messages(Json::Object(&STONEGATE))
        }),
        tolerance_seconds: 180,
        rules: [Rule::CodeOrTime, Rule::CodeOrTime, Rule::TimeAndLastFour],
        visa_auth_clock: Clock::London,
    },
    Scheme {
        slug: "harvey-nichols",
        name: "Harvey Nichols",
        letter: 'h',
        till: Some(TillFeed {
            extension: "json",
            clock: Clock::London,
            place: Place::Till,
            format: Format::JsonDocument("transactions", Json::Object(&HARVEY_NICHOLS)),
            ..messages(Json::Raw(""))
        }),
        tolerance_seconds: 0,
        rules: [Rule::ExactTime; 3],
        visa_auth_clock: Clock::Utc,
    },
    spotted("bpl-trenette", "Trenette", 'r', Clock::Utc),
    spotted("bpl-viator", "Viator", 'v', Clock::Utc),
    spotted("bpl-cortado", "Cortado", 'o', Clock::Utc),
    spotted("the-works", "The Works", 'k', Clock::London),
    spotted("squaremeal", "SquareMeal", 'q', Clock::Utc),
];

const fn spotted(
    slug: &'static str,
    name: &'static str,
    letter: char,
    visa_auth_clock: Clock,
) -> Scheme {
    Scheme {
        slug,
        name,
        letter,
        till: None,
        tolerance_seconds: 0,
        rules: [Rule::None; 3],
        visa_auth_clock,
    }
}

const fn table(clock: Clock, columns: &'static [(&'static str, Field)]) -> TillFeed {
    TillFeed {
        extension: "csv",
        clock,
        format: Format::Csv(columns),
        place: Place::Mid,
        least_minor: 1,
        card_words: [&["visa"], &["mastercard"], &["amex"]],
        has_gratuity: false,
        hashed_id: &[],
    }
}

const fn messages(shape: Json) -> TillFeed {
    TillFeed {
        extension: "jsonl",
        format: Format::JsonLines(shape),
        ..table(Clock::Utc, &[])
    }
}

const ISO: Field = Field::Time("%Y-%m-%dT%H:%M:%S");
const ISO_UTC: Field = Field::Time("%Y-%m-%dT%H:%M:%S+00:00");

static ICELAND: [(&str, Field); 13] = [
    ("TransactionCardFirst6", Field::FirstSix),
    ("TransactionCardLast4", Field::LastFour),
    ("TransactionCardExpiry", Field::Fixed("01/80")),
    ("TransactionCardSchemeId", Field::Fixed("1")),
    ("TransactionCardScheme", Field::CardWord),
    ("TransactionStore_Id", Field::Mid),
    ("TransactionTimestamp", Field::Time("%Y-%m-%d %H:%M:%S")),
    ("TransactionAmountValue", Field::Pounds),
    ("TransactionAmountUnit", Field::Fixed("GBP")),
    ("TransactionCashbackValue", Field::Fixed(".00")),
    ("TransactionCashbackUnit", Field::Fixed("GBP")),
    ("TransactionId", Field::Id),
    ("TransactionAuthCode", Field::AuthCode),
];

static WASABI: [(&str, Field); 13] = [
    ("Store No_", Field::Location),
    ("Entry No_", Field::Fixed("16277")),
    ("Transaction No_", Field::Fixed("123456789")),
    ("Tender Type", Field::Fixed("3")),
    ("Amount", Field::Pounds),
    ("Card Number", Field::MaskedCard),
    ("Card Type Name", Field::CardWord),
    ("Auth_code", Field::AuthCode),
    ("Authorisation Ok", Field::Fixed("1")),
    ("Date", Field::Time("%d/%m/%Y")),
    ("Time", Field::Time("%H:%M:%S")),
    ("EFT Merchant No_", Field::Mid),
    ("Receipt No_", Field::Id),
];

static ITSU: [(&str, Field); 12] = [
    ("transaction_id", Field::Id),
    ("payment_card_type", Field::CardWord),
    ("payment_card_first_six", Field::Fixed("")),
    ("payment_card_last_four", Field::LastFour),
    ("amount", Field::Pounds),
    ("currency_code", Field::Fixed("GBP")),
    ("auth_code", Field::AuthCode),
    ("date", ISO_UTC),
    ("merchant_identifier", Field::Fixed("")),
    ("retailer_location_id", Field::Location),
    ("transaction_data", Field::Fixed("")),
    ("customer_id", Field::Fixed("")),
];

static TGI_FRIDAYS: [(&str, Field); 11] = [
    ("transaction_id", Field::Id),
    ("payment_card_type", Field::CardWord),
    ("payment_card_first_six", Field::FirstSix),
    ("payment_card_last_four", Field::LastFour),
    ("amount", Field::BillPounds),
    ("gratuity_amount", Field::GratuityPounds),
    ("currency_code", Field::Fixed("GBP")),
    ("auth_code", Field::AuthCode),
    ("date", ISO_UTC),
    ("merchant_identifier", Field::Mid),
    ("retailer_location_id", Field::Location),
];

static COSTA: [(&str, Json); 11] = [
    ("transaction_id", Json::Text(Field::Id)),
    ("payment_card_type", Json::Text(Field::CardWord)),
    ("payment_card_first_six", Json::Text(Field::FirstSix)),
    ("payment_card_last_four", Json::Text(Field::LastFour)),
    ("amount", Json::Number(Field::Pounds)),
    ("currency_code", Json::Raw("\"GBP\"")),
    ("auth_code", Json::Text(Field::AuthCode)),
    ("date", Json::TaggedDate(ISO_UTC)),
    ("merchant_identifier", Json::Text(Field::Mid)),
    ("metadata", Json::Raw("{}")),
    (
        "items_ordered",
        Json::Raw(r#""{\"products\":[{\"id\":\"2\"}]}""#),
    ),
];

static SLIM_CHICKENS: [(&str, Json); 8] = [
    ("transaction_id", Json::Text(Field::Id)),
    ("payment_card_type", Json::Text(Field::CardWord)),
    ("payment_card_last_four", Json::Text(Field::LastFour)),
    ("amount", Json::Number(Field::Pence)),
    ("currency_code", Json::Raw("\"GBP\"")),
    ("auth_code", Json::Text(Field::AuthCode)),
    ("date", Json::TaggedEpoch(Field::Epoch)),
    ("retailer_location_id", Json::Text(Field::Location)),
];

static STONEGATE_ACCOUNT: [(&str, Json); 1] = [("AccountID", Json::Text(Field::Account))];

static STONEGATE: [(&str, Json); 10] = [
    ("transaction_id", Json::Text(Field::Id)),
    ("payment_card_type", Json::Text(Field::CardWord)),
    ("payment_card_first_six", Json::Text(Field::FirstSix)),
    ("payment_card_last_four", Json::Text(Field::LastFour)),
    ("amount", Json::Text(Field::Pounds)),
    ("currency_code", Json::Raw("\"GBP\"")),
    ("auth_code", Json::Text(Field::AuthCode)),
    ("date", Json::TaggedDate(ISO_UTC)),
    ("retailer_location_id", Json::Text(Field::Location)),
    ("metadata", Json::Object(&STONEGATE_ACCOUNT)),
];

static HARVEY_NICHOLS_AMOUNT: [(&str, Json); 2] = [
    ("value", Json::Number(Field::Pounds)),
    ("unit", Json::Raw("\"GBP\"")),
];

static HARVEY_NICHOLS_CARD: [(&str, Json); 1] = [("scheme", Json::Text(Field::CardWord))];

static HARVEY_NICHOLS: [(&str, Json); 7] = [
    ("id", Json::Text(Field::Id)),
    ("alt_id", Json::Text(Field::Id)),
    ("store_id", Json::Text(Field::Till)),
    ("timestamp", Json::Text(ISO)),
    ("amount", Json::Object(&HARVEY_NICHOLS_AMOUNT)),
    ("auth_code", Json::Text(Field::AuthCode)),
    ("card", Json::Object(&HARVEY_NICHOLS_CARD)),
];
