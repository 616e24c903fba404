//! How a merchant knows that a request is ours: described by data, with secrets by name.
//!
//! A secret stands in these texts as it does in a [`Request`](super::request::Request): as
//! `<secret:name>`, until the moment of sending.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// How a request is authenticated. A name or a password may be a member's own: none of its values is shown
/// where it is printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// By one header, as `Authorization: Token <secret:shop-token>`.
    Token {
        /// The header's name.
        header: String,
        /// Its whole value.
        value: String,
    },
    /// By HTTP's basic scheme.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// By a token that is fetched first, and used until it expires: `Authorization: Bearer …`.
    OAuth2(OAuth2),
    /// By a signature of the body as it is sent: RSASSA-PKCS1-v1_5 with SHA-256, in Base64.
    Signed {
        /// The header that carries it.
        header: String,
        /// The name of the secret that is the private key, in PEM.
        key: String,
    },
    /// By `sha256(path + body + secret)` in lower-case hexadecimal.
    Hashed {
        /// The header that carries it.
        header: String,
        /// The name of the secret.
        secret: String,
    },
}

/// Where a token comes from (RFC 6749).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OAuth2 {
    /// Where it is fetched: a POST with a form.
    pub token_url: String,
    /// By what it is fetched.
    pub grant: Grant,
    /// The `scope` of the form, where there is one.
    pub scope: Option<String>,
    /// The key of the answer's JSON that holds the token.
    pub token_at: String,
    /// The key that says for how many seconds it counts.
    pub expires_at: String,
    /// For how long it counts where the answer does not say.
    pub lifetime: Duration,
}

/// By what a token is fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grant {
    /// `grant_type=password` with `username` and `password`.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: String,
        /// The client, where the merchant wants to know it too.
        client: Option<Client>,
    },
    /// `grant_type=client_credentials`.
    ClientCredentials(Client),
}

/// Who fetches a token: `client_id` and `client_secret` of the form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, header) = match self {
            Self::None => return f.write_str("None"),
            Self::Basic { .. } => ("Basic", None),
            Self::OAuth2(_) => ("OAuth2", None),
            Self::Token { header, .. } => ("Token", Some(header)),
            Self::Signed { header, .. } => ("Signed", Some(header)),
            Self::Hashed { header, .. } => ("Hashed", Some(header)),
        };
        let mut shown = f.debug_struct(name);
        if let Some(header) = header {
            shown.field("header", header);
        }
        shown.finish_non_exhaustive()
    }
}

impl Auth {
    /// The same with other texts, and with other names where it holds the name of a secret.
    pub(super) fn with_texts(
        &self,
        text: &dyn Fn(&str) -> String,
        name: &dyn Fn(&str) -> String,
    ) -> Self {
        match self {
            Self::None => Self::None,
            Self::Token { header, value } => Self::Token {
                header: header.clone(),
                value: text(value),
            },
            Self::Basic { user, password } => Self::Basic {
                user: text(user),
                password: text(password),
            },
            Self::OAuth2(oauth2) => Self::OAuth2(oauth2.with_texts(text)),
            Self::Signed { header, key } => Self::Signed {
                header: header.clone(),
                key: name(key),
            },
            Self::Hashed { header, secret } => Self::Hashed {
                header: header.clone(),
                secret: name(secret),
            },
        }
    }
}

impl OAuth2 {
    fn with_texts(&self, text: &dyn Fn(&str) -> String) -> Self {
        let other = |client: &Client| Client {
            id: text(&client.id),
            secret: text(&client.secret),
        };
        Self {
            token_url: text(&self.token_url),
            grant: match &self.grant {
                Grant::Password {
                    user,
                    password,
                    client,
                } => Grant::Password {
                    user: text(user),
                    password: text(password),
                    client: client.as_ref().map(other),
                },
                Grant::ClientCredentials(client) => Grant::ClientCredentials(other(client)),
            },
            ..self.clone()
        }
    }
}
