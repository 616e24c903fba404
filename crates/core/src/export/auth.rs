//! How a merchant knows that a request is ours: described by data, with secrets by name.

/// How a request is authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
}
