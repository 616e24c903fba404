//! What has a schedule: shops whose sales are looked for, and whose payments are given up, at times that
//! clocks change before, after and in the midst of.

use super::wall::Times;
use harmonia_core::agent::Agent;

const LONDON: &str = "Europe/London";
const NEW_YORK: &str = "America/New_York";

/// When each shop is looked for; below, when each gives up payments.
pub const LOOKS: [Times; 5] = [
    times("UTC", None, None),
    times(LONDON, Some(&[30]), None),
    times(NEW_YORK, Some(&[30]), Some(&[2])),
    times(LONDON, Some(&[30]), Some(&[1])),
    times("UTC", Some(&[30]), Some(&[2])),
];
pub const SWEEPS: [Times; 5] = [
    times(LONDON, Some(&[0, 15, 30, 45]), None),
    times(NEW_YORK, Some(&[0]), None),
    times(LONDON, Some(&[0, 30]), Some(&[1, 2, 13])),
    times(NEW_YORK, Some(&[30]), Some(&[1])),
    times("UTC", Some(&[30]), Some(&[1])),
];

const fn times(
    zone: &'static str,
    minutes: Option<&'static [i8]>,
    hours: Option<&'static [i8]>,
) -> Times {
    Times {
        zone,
        minutes,
        hours,
    }
}

/// Every schedule by its name.
pub fn schedules() -> impl Iterator<Item = (String, &'static Times)> {
    let looks = LOOKS.iter().enumerate();
    let sweeps = SWEEPS.iter().enumerate();
    looks
        .map(|(at, times)| (format!("look:shop-{at}"), times))
        .chain(sweeps.map(|(at, times)| (format!("sweep:shop-{at}"), times)))
}

/// Every shop.
pub fn shops() -> Vec<Agent> {
    let times = LOOKS.iter().zip(&SWEEPS).enumerate();
    times
        .map(|(at, (look, sweep))| shop(at, look, sweep))
        .collect()
}

fn shop(at: usize, look: &Times, sweep: &Times) -> Agent {
    let text = format!(
        r#"
        slug     = "shop-{at}"
        name     = "Shop {at}"
        role     = "loyalty-scheme"
        timezone = "Europe/London"

        [feeds.merchant]
        source = {{ kind = "files", path = "shop-{at}/", schedule = "{}" }}
        format = {{ kind = "csv", header = true }}

        [feeds.merchant.fields]
        transaction_id = "id"
        mid            = "mid"
        date           = "date"
        amount         = {{ from = "amount", unit = "minor" }}
        currency       = {{ value = "GBP" }}

        [matching]
        kind = "loyalty"

        [matching.default]
        keep = ["exact_time"]

        [sweep]
        after      = "2d"
        export     = "given-up"
        schedule   = "{}"
        feed_types = {{ visa = ["auth"] }}
        "#,
        look.cron(),
        sweep.cron()
    );
    Agent::parse(&format!("shop-{at}.toml"), &text).unwrap()
}
