//! Harmonia's own format, which every feed takes beside its own: JSON with plain names and minor
//! units. It is a mapping like any that an agent file describes, written in code because it
//! belongs to no agent.

use super::fields::answer_of_nothing;
use super::format::Columns;
use super::section::Findings;
use super::texts::Numbering;
use crate::feed::parts::{
    Alternative, AmountRule, DateFormat, DateRule, Extra, Format, Id, Mapping, Origin, Plan,
    ProviderRule, Take, TextRule, Unit,
};
use crate::time::Zone;
use crate::transaction::FeedType;
use std::sync::Arc;

/// The canonical format of a type of feed; `zone` is that of bare dates and times.
pub(super) fn plan(feed_type: FeedType, zone: &Arc<Zone>) -> Plan {
    let format = Format::Json { path: Vec::new() };
    Plan::new(format, mapping(feed_type, zone), None)
}

fn mapping(feed_type: FeedType, zone: &Arc<Zone>) -> Mapping {
    let findings = Findings::default();
    let columns = Columns {
        names: None,
        json: true,
    };
    let numbering = Numbering::new(columns, &findings);
    let column = |name: &str| numbering.column(name, "");
    let text = |names: &[&str]| TextRule {
        alternatives: names
            .iter()
            .map(|name| Alternative {
                from: Origin::Column(column(name)),
                digits: None,
                take: Take::All,
                nothing: Vec::new(),
                lookup: None,
            })
            .collect(),
        long_number: false,
    };
    if feed_type == FeedType::Answer {
        let mut mapping = Mapping {
            transaction_id: Id::Text(text(&["transaction_id"])),
            export_uid: Some(text(&["export_uid"])),
            result: Some(text(&["result"])),
            ..answer_of_nothing(zone)
        };
        mapping.wanted = numbering.into_wanted();
        return mapping;
    }
    let payment = feed_type.is_payment();
    let of_payment = |names: &[&str]| payment.then(|| text(names));
    let of_sale = |names: &[&str]| (!payment).then(|| text(names));
    let mut mapping = Mapping {
        feed_type,
        wanted: Vec::new(),
        skip: Vec::new(),
        skip_amount_below: None,
        transaction_id: Id::Text(text(&["transaction_id"])),
        settlement_key: of_payment(&["settlement_key"]).map_or(Id::None, Id::Text),
        mid: of_payment(&["mid.primary", "mid"]),
        mids: (!payment).then(|| numbering.json_column("mids", "")),
        secondary_mid: of_payment(&["mid.secondary"]),
        psimi: of_payment(&["mid.psimi"]),
        location_id: of_sale(&["location_id"]),
        date: DateRule {
            columns: vec![column("date")],
            format: DateFormat::Iso,
            zone: Arc::clone(zone),
            zone_of_scheme: Vec::new(),
        },
        amount: AmountRule {
            columns: vec![column("amount")],
            unit: Unit::Minor,
        },
        currency: text(&["currency"]),
        payment_provider: of_sale(&["payment_provider"]).map(|text| ProviderRule {
            text,
            known: Vec::new(),
        }),
        card_token: of_payment(&["card_token"]),
        auth_code: Some(text(&["auth_code"])),
        approval_code: of_payment(&["approval_code"]),
        first_six: Some(text(&["first_six"])),
        last_four: Some(text(&["last_four"])),
        extra: Extra::Whole(numbering.json_column("extra", "")),
        export_uid: None,
        result: None,
    };
    mapping.wanted = numbering.into_wanted();
    mapping
}
