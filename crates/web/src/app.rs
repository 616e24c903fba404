//! The routes, and what every handler has at hand.

use crate::auth::Keys;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::{config, feeds, health, metrics, status};
use axum::Router;
use axum::http::{Method, StatusCode, header};
use axum::routing::{get, post, put};
use harmonia_journey::Journey;
use harmonia_journey::push::Pushes;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// So many of the largest bodies may be in memory at once; whoever sends more is told to wait.
const BODIES_AT_ONCE: u64 = 8;
/// So many may ask the store at once, besides what is being pushed.
const ASKING_AT_ONCE: usize = 4;
/// Memory for bodies is counted in pieces of this many bytes.
pub const BUDGET_UNIT: u64 = 1024;

/// How it is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where metrics are; with the rest where nothing else is said.
    pub metrics_listen: Option<SocketAddr>,
    /// What the paths of the API begin with, such as `/txm`; may be empty.
    pub prefix: String,
    /// Whether a key is asked for.
    pub auth: bool,
    /// The most bytes of a body, packed and unpacked.
    pub body_limit_bytes: u64,
    /// The most records of one request.
    pub most_records: usize,
    /// What else there is, besides Harmonia itself.
    pub services: Vec<Service>,
}

/// Something that Harmonia needs: its database, a broker.
#[derive(Clone, Debug)]
pub struct Service {
    /// What it is.
    pub name: &'static str,
    /// Where it is, without passwords.
    pub dsn: String,
    /// Host and port, by which it can be seen whether it is there; the store itself has none.
    pub address: Option<String>,
}

/// What every handler has at hand.
pub struct App {
    pub journey: Journey,
    pub options: Options,
    pub pushes: Pushes,
    pub keys: Keys,
    pub metrics: Metrics,
    /// Memory for bodies.
    pub budget: Arc<Semaphore>,
    /// Who may ask the store: a few at once. Each has a connection of its own there, with a cache.
    pub asking: Arc<Semaphore>,
}

impl App {
    /// Around a journey.
    pub fn new(journey: Journey, options: Options) -> Self {
        let most = options.body_limit_bytes * BODIES_AT_ONCE / BUDGET_UNIT;
        let budget = usize::try_from(most).unwrap_or(usize::MAX);
        let asking = Arc::new(Semaphore::new(ASKING_AT_ONCE));
        Self {
            pushes: Pushes::new(journey.clone()),
            keys: Keys::new(&journey, options.auth, Arc::clone(&asking)),
            asking,
            metrics: Metrics::default(),
            budget: Arc::new(Semaphore::new(budget.min(Semaphore::MAX_PERMITS))),
            journey,
            options,
        }
    }
}

/// All routes, those of metrics among them unless they have a listener of their own.
pub fn routes(app: &Arc<App>) -> Router {
    let under_prefix = Router::new()
        .route("/feeds/{agent}", post(feeds::push))
        .route("/config/keys", get(config::list))
        .route("/config/keys/{key}", put(config::put))
        .route("/status", get(status::status));
    let mut routes = match app.options.prefix.as_str() {
        "" => under_prefix,
        prefix => Router::new().nest(prefix, under_prefix),
    };
    routes = routes
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready));
    if app.options.metrics_listen.is_none() {
        routes = routes.route("/metrics", get(metrics::metrics));
    }
    finished(routes, app)
}

/// The routes of the listener for metrics alone.
pub fn routes_of_metrics(app: &Arc<App>) -> Router {
    finished(Router::new().route("/metrics", get(metrics::metrics)), app)
}

fn finished(routes: Router<Arc<App>>, app: &Arc<App>) -> Router {
    routes
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_so)
        .with_state(Arc::clone(app))
}

async fn nothing_here() -> Problem {
    Problem::not_found("no-such-path", "there is nothing at this path")
}

async fn not_so(method: Method) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "This path is used otherwise",
        format!(
            "{} is not for this path: the header {} says what is",
            if method == Method::POST {
                "POST"
            } else {
                "this method"
            },
            header::ALLOW
        ),
    )
}
