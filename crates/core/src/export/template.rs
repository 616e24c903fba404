//! The templates and expressions of an agent file, compiled once.
//!
//! Where a value is written decides how: into JSON through `tojson`, into an address percent-encoded, into
//! a header as it is. So no value can become part of what surrounds it. A secret is only a mark for where
//! it belongs, `<secret:name>`, which nothing encodes.

use super::filters;
use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value, escape_formatter};
use std::sync::Arc;

/// How much work one body may be: a template that loops is stopped.
const RENDER_FUEL: u64 = 50_000;

/// What begins the mark of a secret.
pub(super) const SECRET: &str = "<secret:";

/// The mark of a secret.
pub fn secret_mark(name: &str) -> String {
    format!("{SECRET}{name}>")
}

/// Where a template's values are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Into a JSON document, or a text in which everything may stand.
    Document,
    /// Into an address.
    Address,
    /// Into the value of a header, or a user's name.
    Header,
}

/// A text with values in it.
#[derive(Clone)]
pub(super) struct Template {
    environment: Arc<Environment<'static>>,
    name: &'static str,
}

impl Template {
    /// Compiles a text in which the names `known` stand for values; `name` is what messages call it.
    pub(super) fn compile(
        name: &'static str,
        source: &str,
        place: Place,
        globals: &filters::Globals,
        known: &[&str],
    ) -> Result<Self, String> {
        let mut environment = environment(globals);
        match place {
            Place::Document => environment.set_formatter(|out, state, value| {
                if value.is_none() {
                    return Err(wrong("a value is null: `tojson` writes it as one"));
                }
                escape_formatter(out, state, value)
            }),
            Place::Address => environment.set_formatter(|out, _, value| {
                let text = filters::percent_encoded(&written(value)?);
                let text = if value.is_safe() {
                    value.to_string()
                } else {
                    text
                };
                out.write_str(&text).map_err(Error::from)
            }),
            Place::Header => environment.set_formatter(|out, _, value| {
                let text = written(value)?;
                out.write_str(&text).map_err(Error::from)
            }),
        }
        environment
            .add_template_owned(name, source.to_owned())
            .map_err(|error| error.to_string())?;
        let template = environment
            .get_template(name)
            .map_err(|error| error.to_string())?;
        let asked = template.undeclared_variables(false);
        unknown(&environment, asked, known).map_or(Ok(()), Err)?;
        Ok(Self {
            environment: Arc::new(environment),
            name,
        })
    }

    /// The text with these values.
    pub(super) fn render(&self, values: &Value) -> Result<String, String> {
        let template = self.environment.get_template(self.name);
        template
            .and_then(|template| template.render(values))
            .map_err(|error| error.to_string())
    }
}

fn wrong(words: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, words.to_owned())
}

/// A value as it stands in a line: known, and without what would end the line.
fn written(value: &Value) -> Result<String, Error> {
    match value.kind() {
        ValueKind::Undefined | ValueKind::None => Err(wrong("a value is not known")),
        ValueKind::Number | ValueKind::Bool => Ok(value.to_string()),
        ValueKind::String => {
            let text = value.to_string();
            if text.contains(|c: char| c.is_control()) {
                return Err(wrong("a value holds what no line can hold"));
            }
            Ok(text)
        }
        _ => Err(wrong("a value is no text")),
    }
}

/// An expression, of which it is asked whether it holds or what it gives. What it asks of and is not
/// there is nothing, so that an answer of another form than was thought is one to which it does not hold.
#[derive(Clone)]
pub(super) struct Expression {
    environment: Arc<Environment<'static>>,
}

/// The two templates an expression is made into: a template is compiled once, and an expression of the
/// library's would borrow from its environment.
const HOLDS: &str = "holds";
const GIVES: &str = "gives";

impl Expression {
    /// Compiles an expression of the names `known`.
    pub(super) fn compile(
        source: &str,
        globals: &filters::Globals,
        known: &[&str],
    ) -> Result<Self, String> {
        let mut environment = environment(globals);
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        let compiled = environment.compile_expression(source);
        let asked = compiled
            .map(|expression| expression.undeclared_variables(false))
            .map_err(|error| error.to_string())?;
        unknown(&environment, asked, known).map_or(Ok(()), Err)?;
        for (name, text) in [
            (HOLDS, format!("{{% if {source} %}}1{{% endif %}}")),
            (GIVES, format!("{{{{ ({source}) | tojson }}}}")),
        ] {
            let added = environment.add_template_owned(name, text);
            added.map_err(|error| error.to_string())?;
        }
        Ok(Self {
            environment: Arc::new(environment),
        })
    }

    /// Whether it holds for these values. What cannot be asked of them does not hold.
    pub(super) fn holds(&self, values: &Value) -> bool {
        self.rendered(HOLDS, values).is_ok_and(|text| text == "1")
    }

    /// What it gives for these values; null where it is nothing.
    pub(super) fn gives(&self, values: &Value) -> Result<serde_json::Value, String> {
        let text = self.rendered(GIVES, values)?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    fn rendered(&self, name: &str, values: &Value) -> Result<String, String> {
        let template = self.environment.get_template(name);
        template
            .and_then(|template| template.render(values))
            .map_err(|error| error.to_string())
    }
}

/// An environment in which what is not there is an error, with the filters of exports.
pub(super) fn environment(globals: &filters::Globals) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(RENDER_FUEL));
    filters::add(&mut environment, globals);
    environment
}

/// What is wrong with names that are asked for: `None` where there are all of them.
pub(super) fn unknown(
    environment: &Environment<'_>,
    asked: impl IntoIterator<Item = String>,
    known: &[&str],
) -> Option<String> {
    let is_global = |name: &str| environment.globals().any(|(known, _)| known == name);
    let is_known = |name: &str| known.contains(&name) || is_global(name);
    let mut unknown: Vec<String> = asked.into_iter().filter(|name| !is_known(name)).collect();
    if unknown.is_empty() {
        return None;
    }
    unknown.sort();
    Some(format!(
        "there is no {} to tell of: there are {}",
        unknown.join(", "),
        known.join(", ")
    ))
}
