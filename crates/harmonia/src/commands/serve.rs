//! `harmonia serve`: the HTTP API alone, until stopped. Others do the work it takes in.

use super::run::{stop_on_signals, stopped};
use crate::output::{Failure, Printer};
use crate::wiring::Wiring;
use harmonia_journey::Journey;
use std::process::ExitCode;

#[cfg(feature = "web")]
pub use with_api::bind;
#[cfg(not(feature = "web"))]
pub use without_api::bind;

/// Serves until SIGTERM or Ctrl-C; then finishes the requests in hand.
pub async fn run(wiring: &Wiring, printer: &Printer) -> Result<ExitCode, Failure> {
    let (_keep, stop) = stop_on_signals();
    let Some(journey) = wiring.endless_journey(&stop).await? else {
        return stopped(printer);
    };
    let Some(server) = bind(wiring, &journey).await? else {
        return Err(Failure::usage(
            "this build of Harmonia does not have the HTTP API: build it with the feature web",
        ));
    };
    server.run(stop).await;
    stopped(printer)
}

#[cfg(feature = "web")]
mod with_api {
    use super::{Failure, Journey, Wiring};
    use harmonia_core::settings::Settings;
    use harmonia_web::{Options, Server, Service};

    /// A server that has its address.
    pub async fn bind(wiring: &Wiring, journey: &Journey) -> Result<Option<Server>, Failure> {
        let settings = &wiring.settings;
        let options = Options {
            listen: settings.listen,
            metrics_listen: settings.metrics_listen,
            prefix: settings.url_prefix.clone(),
            auth: settings.api_auth,
            body_limit_bytes: settings.push_limit_bytes,
            most_records: settings.push_records,
            services: services(settings),
        };
        let server = Server::bind(journey.clone(), options);
        server.await.map(Some).map_err(Failure::new)
    }

    fn services(settings: &Settings) -> Vec<Service> {
        let store = match settings.postgres_uri.as_deref() {
            Some(uri) => Service {
                name: "postgres",
                dsn: without_password(uri),
                address: Some(address(uri)),
            },
            None => Service {
                name: "sqlite",
                dsn: format!("sqlite://{}", settings.data_dir.display()),
                address: None,
            },
        };
        let broker = settings.amqp_dsn.as_deref().map(|dsn| Service {
            name: "amqp",
            dsn: without_password(dsn),
            address: Some(address(dsn)),
        });
        let redis = settings.redis_url.as_deref().map(|url| Service {
            name: "redis",
            dsn: without_password(url),
            address: Some(address(url)),
        });
        [store].into_iter().chain(redis).chain(broker).collect()
    }

    /// A DSN with neither password nor query.
    fn without_password(dsn: &str) -> String {
        let (scheme, rest) = dsn.split_once("://").unwrap_or(("", dsn));
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let shown = match rest.rsplit_once('@') {
            None => rest.to_owned(),
            Some((login, host)) => match login.split(':').next().unwrap_or_default() {
                "" => host.to_owned(),
                user => format!("{user}@{host}"),
            },
        };
        format!("{scheme}://{shown}")
    }

    /// The host and port that a DSN names.
    fn address(dsn: &str) -> String {
        let (scheme, rest) = dsn.split_once("://").unwrap_or(("", dsn));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let has_port = host
            .rsplit(']')
            .next()
            .is_some_and(|rest| rest.contains(':'));
        match (has_port, scheme) {
            (true, _) => host.to_owned(),
            (false, "amqps") => format!("{host}:5671"),
            (false, "postgres" | "postgresql") => format!("{host}:5432"),
            (false, "redis" | "rediss") => format!("{host}:6379"),
            (false, _) => format!("{host}:5672"),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_dsn_is_shown_without_its_secrets() {
            for (dsn, shown, at) in [
                (
                    "amqp://me:secret@host:1/%2f?x=secret",
                    "amqp://me@host:1/%2f",
                    "host:1",
                ),
                (
                    "amqps://me:se@cret@host/v",
                    "amqps://me@host/v",
                    "host:5671",
                ),
                (
                    "postgres://me:secret@host/db",
                    "postgres://me@host/db",
                    "host:5432",
                ),
                ("redis://:secret@host/0", "redis://host/0", "host:6379"),
                ("rediss://host:1", "rediss://host:1", "host:1"),
                ("amqp://[::1]/v", "amqp://[::1]/v", "[::1]:5672"),
                ("host", "://host", "host:5672"),
            ] {
                assert_eq!(without_password(dsn), shown);
                assert_eq!(address(dsn), at);
            }
        }
    }
}

#[cfg(not(feature = "web"))]
mod without_api {
    use super::{Failure, Journey, Wiring};
    use harmonia_journey::drive::Stop;

    /// No server: this build has none.
    pub enum Server {}

    impl Server {
        /// Never called.
        pub async fn run(self, _: Stop) {
            match self {}
        }
    }

    /// Nothing to bind.
    pub async fn bind(_: &Wiring, _: &Journey) -> Result<Option<Server>, Failure> {
        Ok(None)
    }
}
