//! The card networks, as their feeds are: which there are, and what each writes.

use super::clocks::Clock;
use super::field::Field;
use super::format::Format;
use super::format::fixed_width::Column;
use super::format::json::Json;

/// A card network.
pub(super) struct Network {
    /// As its agent file names it.
    pub(super) slug: &'static str,
    /// What its MIDs are marked with.
    pub(super) letter: char,
    /// First digits of numbers reserved for tests.
    pub(super) issuers: &'static [&'static str],
    /// Whether it has ids of locations and merchants besides MIDs.
    pub(super) has_further_identifiers: bool,
    pub(super) auth: PaymentFeed,
    pub(super) settled: PaymentFeed,
    pub(super) refund: Option<PaymentFeed>,
    /// The settlements once more, as they were sent before.
    pub(super) older: Option<PaymentFeed>,
}

/// One feed of a network.
pub(super) struct PaymentFeed {
    /// As the command line names it; also the folder.
    pub(super) name: &'static str,
    pub(super) extension: &'static str,
    pub(super) clock: Clock,
    pub(super) format: Format,
    /// Whether its records have an auth code that counts.
    pub(super) has_code: bool,
    /// Whether they have the card's first six and last four.
    pub(super) has_digits: bool,
    /// Whether ids have nine characters, and are followed by the local day where they are stored.
    pub(super) short_ids: bool,
}

/// All networks, in the order of [`super::merchants::Scheme::rules`].
pub(super) static NETWORKS: [Network; 3] = [VISA, MASTERCARD, AMEX];

const VISA: Network = Network {
    slug: "visa",
    letter: 'V',
    issuers: &["400000", "424242", "411111", "445566"],
    has_further_identifiers: true,
    auth: visa("visa-auth", Format::JsonLines(Json::Object(&VISA_AUTH))),
    settled: visa(
        "visa-settlement",
        Format::JsonLines(Json::Object(&VISA_SETTLEMENT)),
    ),
    refund: Some(visa(
        "visa-refund",
        Format::JsonLines(Json::Object(&VISA_REFUND)),
    )),
    older: None,
};

const MASTERCARD: Network = Network {
    slug: "mastercard",
    letter: 'M',
    issuers: &["510510", "555555", "222300", "545454"],
    has_further_identifiers: true,
    auth: PaymentFeed {
        name: "mastercard-auth",
        extension: "jsonl",
        clock: Clock::London,
        format: Format::JsonLines(Json::Object(&MASTERCARD_AUTH)),
        has_code: false,
        has_digits: false,
        short_ids: true,
    },
    settled: tgx2("mastercard-settled"),
    refund: Some(tgx2("mastercard-refund")),
    older: None,
};

const AMEX: Network = Network {
    slug: "amex",
    letter: 'A',
    issuers: &["340000", "371234", "378282"],
    has_further_identifiers: false,
    auth: amex(
        "amex-auth",
        Clock::Phoenix,
        false,
        Format::JsonLines(Json::Object(&AMEX_AUTH)),
    ),
    settled: amex(
        "amex-settlement",
        Clock::London,
        true,
        Format::JsonLines(Json::Object(&AMEX_SETTLEMENT)),
    ),
    refund: None,
    older: Some(PaymentFeed {
        extension: "dat",
        ..amex("amex-file", Clock::London, false, Format::Piped(&AMEX_FILE))
    }),
};

const fn visa(name: &'static str, format: Format) -> PaymentFeed {
    PaymentFeed {
        name,
        extension: "jsonl",
        clock: Clock::Utc,
        format,
        has_code: true,
        has_digits: false,
        short_ids: false,
    }
}

const fn tgx2(name: &'static str) -> PaymentFeed {
    PaymentFeed {
        name,
        extension: "dat",
        clock: Clock::LondonMinute,
        format: Format::FixedWidth(&TGX2),
        has_code: true,
        has_digits: false,
        short_ids: true,
    }
}

const fn amex(name: &'static str, clock: Clock, has_digits: bool, format: Format) -> PaymentFeed {
    PaymentFeed {
        name,
        extension: "jsonl",
        clock,
        format,
        has_code: false,
        has_digits,
        short_ids: false,
    }
}

const ISO: Field = Field::Time("%Y-%m-%dT%H:%M:%S");
const ISO_UTC: Field = Field::Time("%Y-%m-%dT%H:%M:%S+00:00");
const SPACED: Field = Field::Time("%Y-%m-%d %H:%M:%S");

/// Keys may be in any order, and some senders leave a blank behind one.
static VISA_AUTH_ELEMENTS: [(&str, Json); 14] = [
    ("Transaction.BillingAmount", Json::Text(Field::Pounds)),
    ("Transaction.TimeStampYYMMDD", Json::Text(ISO)),
    ("Transaction.MerchantCardAcceptorId", Json::Text(Field::Mid)),
    ("Transaction.MerchantAcquirerBin", Json::Raw("\"3423432\"")),
    ("Transaction.TransactionAmount", Json::Text(Field::Pounds)),
    ("Transaction.VipTransactionId ", Json::Text(Field::Id)),
    (
        "Transaction.VisaMerchantName",
        Json::Raw("\"Example Shop\""),
    ),
    ("Transaction.VisaMerchantId", Json::Text(Field::Psimi)),
    ("Transaction.VisaStoreName", Json::Raw("\"Example Shop\"")),
    ("Transaction.VisaStoreId", Json::Text(Field::SecondaryMid)),
    ("Transaction.SettlementDate", Json::Raw("\"\"")),
    ("Transaction.SettlementAmount", Json::Raw("0")),
    ("Transaction.AuthCode", Json::Optional(Field::AuthCode)),
    ("Transaction.PanLastFour", Json::Text(Field::LastFour)),
];

static VISA_SETTLEMENT_ELEMENTS: [(&str, Json); 14] = [
    ("Transaction.VipTransactionId", Json::Text(Field::Id)),
    (
        "Transaction.BillingAmount",
        Json::Text(Field::AuthorisedPounds),
    ),
    ("Transaction.TimeStampYYMMDD", Json::Text(ISO_UTC)),
    ("Transaction.MerchantCardAcceptorId", Json::Text(Field::Mid)),
    ("Transaction.MerchantAcquirerBin", Json::Raw("\"3423432\"")),
    (
        "Transaction.TransactionAmount",
        Json::Text(Field::AuthorisedPounds),
    ),
    (
        "Transaction.VisaMerchantName",
        Json::Raw("\"Example Shop\""),
    ),
    ("Transaction.VisaMerchantId", Json::Text(Field::Psimi)),
    ("Transaction.VisaStoreName", Json::Raw("\"Example Shop\"")),
    ("Transaction.VisaStoreId", Json::Text(Field::SecondaryMid)),
    ("Transaction.SettlementAmount", Json::Text(Field::Pounds)),
    (
        "Transaction.SettlementCurrencyCodeNumeric",
        Json::Raw("826"),
    ),
    ("Transaction.MerchantDateTimeGMT ", Json::Text(ISO)),
    ("Transaction.AuthCode", Json::Optional(Field::AuthCode)),
];

static VISA_REFUND_ELEMENTS: [(&str, Json); 10] = [
    (
        "ReturnTransaction.DateTime",
        Json::Text(Field::Time("%-m/%-d/%Y %-I:%M:%S %p")),
    ),
    (
        "ReturnTransaction.CardAcceptorIdCode",
        Json::Text(Field::Mid),
    ),
    ("ReturnTransaction.AcquirerBIN", Json::Raw("\"3423432\"")),
    ("ReturnTransaction.Amount", Json::Text(Field::Pounds)),
    ("ReturnTransaction.VipTransactionId", Json::Text(Field::Id)),
    ("ReturnTransaction.SettlementId", Json::Text(Field::Id)),
    ("ReturnTransaction.VisaMerchantId", Json::Text(Field::Psimi)),
    (
        "ReturnTransaction.VisaStoreId",
        Json::Text(Field::SecondaryMid),
    ),
    ("ReturnTransaction.AcquirerCurrencyCode", Json::Raw("826")),
    (
        "ReturnTransaction.AuthCode",
        Json::Optional(Field::AuthCode),
    ),
];

static VISA_AUTH: [(&str, Json); 4] = [
    ("ExternalUserId", Json::Text(Field::Token)),
    (
        "MessageElementsCollection",
        Json::KeyValues(&VISA_AUTH_ELEMENTS),
    ),
    ("MessageId", Json::Raw("\"12345678\"")),
    ("MessageName", Json::Raw("\"AuthMessage\"")),
];

static VISA_SETTLEMENT: [(&str, Json); 4] = [
    ("ExternalUserId", Json::Text(Field::Token)),
    (
        "MessageElementsCollection",
        Json::KeyValues(&VISA_SETTLEMENT_ELEMENTS),
    ),
    ("MessageId", Json::Raw("\"12345678\"")),
    ("MessageName", Json::Raw("\"SettlementMessage\"")),
];

static VISA_REFUND: [(&str, Json); 4] = [
    ("ExternalUserId", Json::Text(Field::Token)),
    (
        "MessageElementsCollection",
        Json::KeyValues(&VISA_REFUND_ELEMENTS),
    ),
    ("MessageId", Json::Raw("\"12345678\"")),
    ("MessageName", Json::Raw("\"ReturnMessage\"")),
];

static MASTERCARD_AUTH: [(&str, Json); 6] = [
    ("third_party_id", Json::Text(Field::Id)),
    ("time", Json::Text(SPACED)),
    ("amount", Json::Text(Field::Pounds)),
    ("currency_code", Json::Raw("\"GBP\"")),
    ("payment_card_token", Json::Text(Field::Token)),
    ("mid", Json::Text(Field::Mid)),
];

static TGX2: [Column; 9] = [
    text(21, 30, Field::Token),
    text(102, 8, Field::Time("%Y%m%d")),
    text(451, 15, Field::Mid),
    text(500, 12, Field::SecondaryMid),
    text(512, 6, Field::Psimi),
    Column {
        start: 518,
        length: 12,
        field: Field::Pence,
        zeros: true,
    },
    text(563, 4, Field::Time("%H%M")),
    text(567, 6, Field::AuthCode),
    text(761, 9, Field::Id),
];

const fn text(start: usize, length: usize, field: Field) -> Column {
    Column {
        start,
        length,
        field,
        zeros: false,
    }
}

/// Without the detail identifier, with which every line of data begins.
static AMEX_FILE: [Field; 8] = [
    Field::Fixed("AADP0050"),
    Field::Id,
    Field::Time("%Y-%m-%d"),
    Field::Pounds,
    Field::Token,
    Field::Mid,
    Field::Time("%Y-%m-%d-%H.%M.%S"),
    Field::Fixed("alias"),
];

static AMEX_AUTH: [(&str, Json); 7] = [
    ("transaction_id", Json::Text(Field::Id)),
    ("offer_id", Json::Text(Field::Id)),
    ("transaction_time", Json::Text(SPACED)),
    ("transaction_amount", Json::Text(Field::Pounds)),
    ("cm_alias", Json::Text(Field::Token)),
    ("merchant_number", Json::Text(Field::Mid)),
    ("approval_code", Json::Text(Field::AuthCode)),
];

static AMEX_SETTLEMENT: [(&str, Json); 11] = [
    ("transactionId", Json::Text(Field::Id)),
    ("offerId", Json::Text(Field::Id)),
    ("transactionDate", Json::Text(SPACED)),
    ("transactionAmount", Json::Text(Field::Pounds)),
    ("cardToken", Json::Text(Field::Token)),
    ("merchantNumber", Json::Text(Field::Mid)),
    ("approvalCode", Json::Text(Field::AuthCode)),
    ("dpan", Json::Text(Field::MaskedDpan)),
    ("partnerId", Json::Raw("\"AADP0050\"")),
    ("recordId", Json::Text(Field::Id)),
    ("currencyCode", Json::Raw("\"840\"")),
];
