//! A shop that is known to three networks, its feeds on queues of their own, and `harmonia run`.

use crate::broker::Broker;
use crate::signal::terminate;
use crate::support::Place;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(120);
/// The shop, as `mids import` takes it.
const MIDS: &str = "visa,shop-1,primary,costa,place-1,,Costa,,,a\n\
                    amex,shop-1,primary,costa,place-1,,Costa,,,a\n";
/// The queues, as the agent files name them.
const QUEUES: [&str; 7] = [
    "visa-auth",
    "visa-settlement",
    "visa-refund",
    "amex-auth",
    "amex-settlement",
    "tx-costa-harmonia",
    "amex-file",
];

/// One installation, fed by queues whose names nobody else has.
pub struct Town {
    /// Its files and database.
    pub place: Place,
    /// The broker.
    pub broker: Broker,
    prefix: String,
}

/// `harmonia run`, killed when the test ends.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Town {
    /// With queues of which the names begin so.
    pub fn new(broker: Broker, prefix: &str) -> Self {
        let prefix = format!("{prefix}-{}", std::process::id());
        let place = Place::new();
        for agent in ["visa", "amex", "costa"] {
            place.write(&format!("agents/{agent}.toml"), agent_file(agent, &prefix));
        }
        let agents = place.path("agents").display().to_string();
        let place = place
            .with("TXM_AGENTS_DIR", agents)
            .with("TXM_AMQP_DSN", &broker.address);
        place.ok(&["mids", "import", &place.write("mids.csv", MIDS)]);
        Self {
            place,
            broker,
            prefix,
        }
    }

    /// This town with a setting.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.place = self.place.with(name, value);
        self
    }

    /// A queue of its own.
    pub fn queue(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Makes a queue and fills it.
    pub fn publish(&self, queue: &str, messages: &[impl AsRef<[u8]>]) {
        let queue = self.queue(queue);
        if self.broker.waiting(&queue).is_none() {
            self.broker.declare(&queue, &[]);
        }
        self.broker.publish(&queue, messages);
    }

    /// Starts `harmonia run`, whose log goes to a file.
    pub fn start(&self) -> Running {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.place.path("log"))
            .unwrap();
        let mut command = self.place.command(&["run"]);
        Running(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// What has been logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.place.path("log")).unwrap()
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> usize {
        let query = format!("SELECT CAST(count(*) AS TEXT) FROM {table}");
        self.place.texts(&query)[0].parse().unwrap()
    }

    /// Waits until a table has so many rows.
    #[track_caller]
    pub fn wait_for(&self, table: &str, count: usize) {
        self.wait(
            || self.count(table) >= count,
            || format!("{} of {count} in {table}", self.count(table)),
        );
        assert_eq!(self.count(table), count, "{table}");
    }

    /// Waits until something holds.
    #[track_caller]
    pub fn wait(&self, holds: impl Fn() -> bool, otherwise: impl Fn() -> String) {
        let deadline = Instant::now() + PATIENCE;
        while !holds() {
            assert!(
                Instant::now() < deadline,
                "{}; the log:\n{}",
                otherwise(),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it as an operator does, and wants it to have left nothing in its queues.
    #[track_caller]
    pub fn stop(&self, mut running: Running) {
        terminate(&running.0);
        let status = running.0.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
        for queue in QUEUES.map(|queue| self.queue(queue)) {
            if let Some((waiting, _)) = self.broker.waiting(&queue) {
                assert_eq!(waiting, 0, "messages are left in {queue}");
            }
        }
        self.place.ok(&["audit"]);
        assert!(
            !self.log().contains(self.broker.password()),
            "the password is in the log"
        );
    }

    /// Takes its queues away.
    pub fn leave(self) {
        let queues = QUEUES.map(|queue| self.queue(queue));
        self.broker.delete(&queues);
    }
}

impl Running {
    /// Ends it as a power cut does.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// An agent file of this repository, with the names of its queues begun anew.
fn agent_file(agent: &str, prefix: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents");
    let text = std::fs::read_to_string(folder.join(format!("{agent}.toml"))).unwrap();
    assert!(text.contains("queue = \""));
    text.replace("queue = \"", &format!("queue = \"{prefix}-"))
}

/// A settled Visa payment.
pub fn visa_settlement(number: usize, mid: &str) -> String {
    let pairs = [
        ("Transaction.VipTransactionId", format!("settled-{number}")),
        ("Transaction.MerchantCardAcceptorId", mid.to_owned()),
        (
            "Transaction.SettlementAmount",
            format!("{}.99", number % 90),
        ),
        ("Transaction.MerchantDateTimeGMT", time(number, "T")),
        ("Transaction.AuthCode", format!("{:06}", number % 1_000_000)),
    ];
    visa(&pairs)
}

/// An authorised Visa payment.
pub fn visa_auth(number: usize) -> String {
    let pairs = [
        ("Transaction.VipTransactionId", format!("auth-{number}")),
        ("Transaction.MerchantCardAcceptorId", "shop-1".to_owned()),
        (
            "Transaction.TransactionAmount",
            format!("{}.99", number % 90),
        ),
        ("Transaction.TimeStampYYMMDD", time(number, "T")),
    ];
    visa(&pairs)
}

fn visa(pairs: &[(&str, String)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!(r#"{{"Key": "{key}", "Value": "{value}"}}"#))
        .collect();
    let pairs = pairs.join(", ");
    format!(r#"{{"ExternalUserId": "token-1", "MessageElementsCollection": [{pairs}]}}"#)
}

/// A settled American Express payment.
pub fn amex_settlement(number: usize) -> String {
    format!(
        r#"{{"transactionId": "amex-{number}", "transactionDate": "{}", "transactionAmount": "10.99",
             "cardToken": "token-2", "merchantNumber": "shop-1", "approvalCode": "1",
             "dpan": "371234XXXXX6781", "currencyCode": "826"}}"#,
        time(number, " ")
    )
    .replace('\n', " ")
}

/// A sale of the shop.
pub fn costa(number: usize) -> String {
    format!(
        r#"{{"transaction_id": "sale-{number}", "payment_card_type": "visa", "amount": 10.99,
             "payment_card_first_six": "412345", "payment_card_last_four": "6789",
             "currency_code": "GBP", "auth_code": "666666", "merchant_identifier": "shop-1",
             "date": {{"__type__": "datetime", "__value__": "{}+00:00"}}}}"#,
        time(number, "T")
    )
    .replace('\n', " ")
}

fn time(number: usize, between: &str) -> String {
    let second = number % 86_400;
    format!(
        "2026-06-02{between}{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}
