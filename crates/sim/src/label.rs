//! What the `fault` column of `truth.csv` says of a row: what went wrong, and whether the scheme's
//! rule can still tell.
//!
//! The column holds the fault's name. Where the rule decides otherwise than [`Fault::is_decidable`]
//! says of that fault (a till's wrong clock does no harm where auth codes are compared), that
//! follows after a colon: `clock_skew:decidable`, `missing_auth_code:undecidable`. A pair with
//! which nothing is wrong, but which no rule of the scheme can ever match, is marked `no_rule`.

use crate::fault::Fault;
use std::borrow::Cow;

const NO_RULE: &str = "no_rule";
const DECIDABLE: &str = "decidable";
const UNDECIDABLE: &str = "undecidable";

/// What is known of a row of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) fault: Option<Fault>,
    /// Whether the scheme's rule leads to the right answer.
    pub(crate) decidable: bool,
}

impl Label {
    /// Of a purchase of the example, where the fault alone tells.
    pub(crate) fn of(fault: Option<Fault>) -> Self {
        Self {
            fault,
            decidable: fault.is_none_or(Fault::is_decidable),
        }
    }

    /// As the column has it.
    pub(crate) fn text(self) -> Cow<'static, str> {
        if self == Self::of(self.fault) {
            return Cow::Borrowed(self.fault.map_or("", Fault::as_str));
        }
        let Some(fault) = self.fault else {
            return Cow::Borrowed(NO_RULE);
        };
        let decided = if self.decidable {
            DECIDABLE
        } else {
            UNDECIDABLE
        };
        Cow::Owned(format!("{fault}:{decided}"))
    }

    /// Reads what [`Label::text`] wrote.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::of(None));
        }
        if text == NO_RULE {
            return Ok(Self {
                fault: None,
                decidable: false,
            });
        }
        let unknown = || format!("no fault is {text:?}");
        let (name, decided) = text.split_once(':').unwrap_or((text, ""));
        let fault = Fault::from_name(name).ok_or_else(unknown)?;
        let decidable = match decided {
            "" => fault.is_decidable(),
            DECIDABLE => true,
            UNDECIDABLE => false,
            _ => return Err(unknown()),
        };
        Ok(Self {
            fault: Some(fault),
            decidable,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_read_as_it_was_written() {
        let faults = Fault::ALL.into_iter().map(Some).chain([None]);
        for fault in faults {
            for decidable in [true, false] {
                let label = Label { fault, decidable };
                assert_eq!(Label::parse(&label.text()), Ok(label));
            }
        }
        assert_eq!(Label::of(Some(Fault::ClockSkew)).text(), "clock_skew");
        for wrong in [
            "bad_luck",
            "tips:perhaps",
            ":decidable",
            "no_rule:decidable",
        ] {
            assert_eq!(Label::parse(wrong), Err(format!("no fault is {wrong:?}")));
        }
    }
}
