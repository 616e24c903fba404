//! One request as an agent file describes it: where, with what, and as whom.

use super::auth::{Auth, Client, Grant, OAuth2};
use super::filters::Globals;
use super::request::{Method, Request};
use super::template::{Place, SECRET, Template};
use super::timing::length_us;
use minijinja::Value;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long all of a request may take where the agent file does not say.
const WITHIN: &str = "30s";
/// For how long a token counts where neither the merchant nor the agent file says.
const TOKEN_LIFETIME: &str = "5m";

/// How a request is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SendingTable {
    url: String,
    method: Option<MethodName>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    auth: Option<AuthTable>,
    within: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum MethodName {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum AuthTable {
    Token {
        header: Option<String>,
        value: String,
    },
    Basic {
        user: String,
        password: String,
    },
    Oauth2Password {
        token_url: String,
        user: String,
        password: String,
        client: Option<ClientTable>,
        scope: Option<String>,
        token_at: Option<String>,
        expires_at: Option<String>,
        lifetime: Option<String>,
    },
    Oauth2Client {
        token_url: String,
        client: ClientTable,
        scope: Option<String>,
        token_at: Option<String>,
        expires_at: Option<String>,
        lifetime: Option<String>,
    },
    RsaSigned {
        header: String,
        key: String,
    },
    Hashed {
        header: String,
        secret: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientTable {
    id: String,
    secret: String,
}

/// A request whose values are still to be put in.
#[derive(Clone)]
pub(super) struct Sending {
    method: Method,
    url: Template,
    headers: Vec<(String, Template)>,
    auth: AuthPlan,
    within: Duration,
}

/// An [`Auth`] whose values are still to be put in.
#[derive(Clone)]
enum AuthPlan {
    /// The same for every export.
    Fixed(Auth),
    Token {
        header: String,
        value: Template,
    },
    Basic {
        user: Template,
        password: Template,
    },
}

/// What a request's templates are compiled with: the names they may use.
pub(super) struct Compiling<'a> {
    pub(super) globals: &'a Globals,
    pub(super) known: &'a [&'a str],
}

impl Sending {
    /// Compiles a request; the key of what is wrong is one within its table.
    pub(super) fn compile(
        table: SendingTable,
        with: &Compiling<'_>,
    ) -> Result<Self, Vec<(String, String)>> {
        let mut mistakes = Vec::new();
        let mut wrong = |key: &str, words: String| mistakes.push((key.to_owned(), words));
        let url = with.template("url", &table.url, Place::Address);
        let url = url.map_err(|words| wrong("url", words)).ok();
        if !table.url.starts_with("https://") && !table.url.trim_start().starts_with("{{") {
            let words = "must begin with https:// or, so that test and live differ, with {{ secret('…-url') }}";
            wrong("url", words.to_owned());
        }
        let mut headers = Vec::new();
        for (name, value) in &table.headers {
            if !is_header(name) {
                wrong(
                    &format!("headers.{name}"),
                    "is not the name of a header".to_owned(),
                );
            }
            match with.template("header", value, Place::Header) {
                Ok(value) => headers.push((name.clone(), value)),
                Err(words) => wrong(&format!("headers.{name}"), words),
            }
        }
        let within = length_us(table.within.as_deref().unwrap_or(WITHIN));
        let within = within.map_err(|words| wrong("within", words)).ok();
        let auth = table.auth.map_or(Ok(AuthPlan::Fixed(Auth::None)), |auth| {
            AuthPlan::compile(auth, with)
        });
        let auth = auth
            .map_err(|(key, words)| wrong(&format!("auth.{key}"), words))
            .ok();
        match (url, within, auth) {
            (Some(url), Some(within_us), Some(auth)) if mistakes.is_empty() => Ok(Self {
                method: match table.method.unwrap_or(MethodName::Post) {
                    MethodName::Get => Method::Get,
                    MethodName::Post => Method::Post,
                    MethodName::Put => Method::Put,
                    MethodName::Patch => Method::Patch,
                    MethodName::Delete => Method::Delete,
                },
                url,
                headers,
                auth,
                within: Duration::from_micros(within_us.unsigned_abs()),
            }),
            _ => Err(mistakes),
        }
    }

    /// Whether it has a body.
    pub(super) fn has_body(&self) -> bool {
        !matches!(self.method, Method::Get | Method::Delete)
    }

    /// The request with these values, and with a body that is JSON.
    pub(super) fn request(&self, values: &Value, body: Option<String>) -> Result<Request, String> {
        let url = self
            .url
            .render(values)
            .map_err(|wrong| format!("the address: {wrong}"))?;
        let mut headers = Vec::with_capacity(self.headers.len() + 1);
        if body.is_some() {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        for (name, value) in &self.headers {
            let value = value
                .render(values)
                .map_err(|wrong| format!("the header {name}: {wrong}"))?;
            headers.push((name.clone(), value));
        }
        Ok(Request {
            method: self.method,
            url,
            headers,
            body,
            auth: self.auth.with(values)?,
            within: self.within,
        })
    }
}

impl Compiling<'_> {
    fn template(&self, name: &'static str, source: &str, place: Place) -> Result<Template, String> {
        Template::compile(name, source, place, self.globals, self.known)
    }

    /// A text that is the same for every export: it may hold secrets and nothing else.
    fn fixed(&self, key: &str, source: &str, place: Place) -> Result<String, (String, String)> {
        let template = Template::compile("text", source, place, self.globals, &[]);
        let text = template.and_then(|template| template.render(&Value::from(())));
        text.map_err(|wrong| (key.to_owned(), wrong))
    }

    fn client(&self, client: &ClientTable) -> Result<Client, (String, String)> {
        Ok(Client {
            id: self.fixed("client.id", &client.id, Place::Header)?,
            secret: self.fixed("client.secret", &client.secret, Place::Header)?,
        })
    }
}

impl AuthPlan {
    fn compile(table: AuthTable, with: &Compiling<'_>) -> Result<Self, (String, String)> {
        let named = |key: &str, text: String| match is_header(&text) {
            true => Ok(text),
            false => Err((
                key.to_owned(),
                format!("{text:?} is not the name of a header"),
            )),
        };
        let secret = |key: &str, text: String| {
            super::http::check_secret_name(&text)
                .map_err(|wrong| (key.to_owned(), wrong))
                .map(|()| text)
        };
        let template = |key: &str, text: &str| {
            let template = with.template("auth", text, Place::Header);
            template.map_err(|wrong| (key.to_owned(), wrong))
        };
        let oauth2 = |token_url: &str,
                      grant,
                      scope,
                      token_at: Option<String>,
                      expires_at: Option<String>,
                      lifetime: Option<String>| {
            let lifetime = lifetime.as_deref().unwrap_or(TOKEN_LIFETIME);
            let lifetime_us =
                length_us(lifetime).map_err(|wrong| ("lifetime".to_owned(), wrong))?;
            Ok(Self::Fixed(Auth::OAuth2(OAuth2 {
                token_url: with.fixed("token_url", token_url, Place::Address)?,
                grant,
                scope,
                token_at: token_at.unwrap_or_else(|| "access_token".to_owned()),
                expires_at: expires_at.unwrap_or_else(|| "expires_in".to_owned()),
                lifetime: Duration::from_micros(lifetime_us.unsigned_abs()),
            })))
        };
        match table {
            AuthTable::Token { header, value } => Ok(Self::Token {
                header: named(
                    "header",
                    header.unwrap_or_else(|| "Authorization".to_owned()),
                )?,
                value: template("value", &value)?,
            }),
            AuthTable::Basic { user, password } => Ok(Self::Basic {
                user: template("user", &user)?,
                password: template("password", &password)?,
            }),
            AuthTable::Oauth2Password {
                token_url,
                user,
                password,
                client,
                scope,
                token_at,
                expires_at,
                lifetime,
            } => {
                let grant = Grant::Password {
                    user: with.fixed("user", &user, Place::Header)?,
                    password: with.fixed("password", &password, Place::Header)?,
                    client: client
                        .as_ref()
                        .map(|client| with.client(client))
                        .transpose()?,
                };
                oauth2(&token_url, grant, scope, token_at, expires_at, lifetime)
            }
            AuthTable::Oauth2Client {
                token_url,
                client,
                scope,
                token_at,
                expires_at,
                lifetime,
            } => {
                let grant = Grant::ClientCredentials(with.client(&client)?);
                oauth2(&token_url, grant, scope, token_at, expires_at, lifetime)
            }
            AuthTable::RsaSigned { header, key } => Ok(Self::Fixed(Auth::Signed {
                header: named("header", header)?,
                key: secret("key", key)?,
            })),
            AuthTable::Hashed {
                header,
                secret: name,
            } => Ok(Self::Fixed(Auth::Hashed {
                header: named("header", header)?,
                secret: secret("secret", name)?,
            })),
        }
    }

    fn with(&self, values: &Value) -> Result<Auth, String> {
        let put = |template: &Template| {
            template
                .render(values)
                .map_err(|wrong| format!("the authentication: {wrong}"))
        };
        match self {
            Self::Fixed(auth) => Ok(auth.clone()),
            Self::Token { header, value } => Ok(Auth::Token {
                header: header.clone(),
                value: put(value)?,
            }),
            Self::Basic { user, password } => {
                let user = put(user)?;
                // What stands behind a colon would be taken for the password; that of a mark is none.
                if user.replace(SECRET, "").contains(':') {
                    return Err("the authentication: a user's name holds a colon".to_owned());
                }
                let password = put(password)?;
                Ok(Auth::Basic { user, password })
            }
        }
    }
}

fn is_header(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}
