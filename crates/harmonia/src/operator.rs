//! Who is at the keyboard: the name under which the audit log keeps what a command changed.

use crate::output::Failure;
use clap::Args;
use harmonia_core::changes::AuditEntry;

/// Who changes something.
#[derive(Debug, Args)]
pub struct OperatorArgs {
    /// Your name, which the audit log keeps [default: the user you are logged in as]
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
}

impl OperatorArgs {
    /// The name.
    ///
    /// # Errors
    /// [`Failure`] when it is empty.
    pub fn name(&self) -> Result<Box<str>, Failure> {
        name(self.operator.as_deref())
    }

    /// What is done, for the audit log.
    ///
    /// # Errors
    /// [`Failure`] when the name is empty.
    pub fn did(
        &self,
        action: &'static str,
        detail: serde_json::Value,
    ) -> Result<AuditEntry, Failure> {
        Ok(AuditEntry {
            operator: self.name()?,
            action,
            detail,
        })
    }
}

/// The name that is given, or that of the login.
///
/// # Errors
/// [`Failure`] when it is empty.
pub fn name(given: Option<&str>) -> Result<Box<str>, Failure> {
    let name = given.map_or_else(logged_in, str::to_owned);
    match name.trim() {
        "" => Err(Failure::usage(
            "--operator is empty: say whose name the audit log is to keep",
        )),
        name => Ok(name.into()),
    }
}

/// The name under which a person is logged in, or where the system has none, its number.
fn logged_in() -> String {
    let named = ["USER", "LOGNAME"].into_iter().find_map(|name| {
        let name = std::env::var(name).ok()?;
        (!name.trim().is_empty()).then_some(name)
    });
    named.unwrap_or_else(|| {
        let own =
            std::fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own));
        own.map_or_else(|_| "unknown".to_owned(), |uid| format!("uid {uid}"))
    })
}
