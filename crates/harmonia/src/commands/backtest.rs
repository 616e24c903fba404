//! `harmonia backtest`: what a changed agent file's rules would have made of the past.

use crate::cli::BacktestArgs;
use crate::output::{Failure, Printer, Progress, grouped, or_dash, table};
use crate::wiring::{Wiring, parse_agent};
use harmonia_core::agent::{Agent, Role};
use harmonia_core::ids::{PaymentId, SaleId};
use harmonia_core::matching::Rules;
use harmonia_core::matching::backtest::{
    Change, Comparison, Difference, Miss, Report, Standing, Tally, Truth, backtest,
};
use harmonia_core::money::{Major, Money};
use harmonia_core::time::Instant;
use harmonia_journey::backtest::load;
use harmonia_journey::ports::{HistoryScope, Side, Store, StoreError};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Runs the changed rules over the past and says what would differ.
pub async fn run(
    wiring: &Wiring,
    printer: &Printer,
    args: &BacktestArgs,
) -> Result<ExitCode, Failure> {
    let (since, until) = range(args)?;
    let changed = agent_of(&args.agent)?;
    if changed.role != Role::LoyaltyScheme {
        return Err(Failure::new(format!(
            "{} is a payment provider's file, which has no rules of matching: name a loyalty \
             scheme's",
            args.agent.display()
        )));
    }
    let store = wiring.inquiry().await?;
    let Some(scheme) = store.scheme(&changed.slug).await? else {
        return Err(Failure::new(format!(
            "the scheme {} is not registered in this database, so it has no past: is the `slug` of \
             {} right, and TXM_DATA_DIR set to the data you mean?",
            changed.slug,
            args.agent.display()
        )));
    };
    let file = format!("{}.toml", changed.slug);
    let in_force = agent_of(&wiring.settings.agents_dir.join(file))?;
    let (in_force, changed_rules) = (in_force.matching.as_ref(), changed.matching.as_ref());
    let scope = HistoryScope {
        scheme,
        since,
        until,
        window_us: window_us(in_force).max(window_us(changed_rules)),
    };
    let progress = Progress::start("reading the past", None);
    let history = load(store.as_ref(), scope, &|rows| progress.at(rows)).await?;
    progress.done();
    let progress = Progress::start("deciding it again", None);
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let report = backtest(history, in_force, changed_rules, threads, args.limit);
    progress.done();
    let told = Told::of(changed.slug.as_str(), report, store.as_ref()).await?;
    printer.print(&told, || told.shown())?;
    Ok(ExitCode::SUCCESS)
}

fn range(args: &BacktestArgs) -> Result<(Instant, Instant), Failure> {
    let since = args.since.unwrap_or(Instant(i64::MIN));
    let until = args.until.unwrap_or(Instant(i64::MAX));
    if since >= until {
        return Err(Failure::usage(
            "there is no time between --since and --until: name a later --until",
        ));
    }
    Ok((since, until))
}

fn agent_of(path: &Path) -> Result<Agent, Failure> {
    parse_agent(path)?.map_err(|complaints| {
        let lines: Vec<String> = complaints.iter().map(ToString::to_string).collect();
        Failure::new(lines.join("\n"))
    })
}

fn window_us(rules: Option<&Rules>) -> i64 {
    rules.map_or(0, |rules| rules.window_us)
}

/// The report as it is printed.
#[derive(Debug, Serialize)]
struct Told {
    scheme: String,
    payments: Tally,
    unidentified: Tally,
    sales: u64,
    against_history: Comparison,
    against_in_force: Comparison,
    forced: Tally,
    truth_in_force: Truth,
    truth_changed: Truth,
    differences: Vec<ToldDifference>,
    misses: Vec<ToldMiss>,
}

/// A payment or a sale: its row, and its own id.
#[derive(Clone, Debug, Serialize)]
struct Named {
    id: i64,
    transaction_id: String,
}

#[derive(Debug, Serialize)]
struct ToldDifference {
    change: Change,
    payment: Named,
    amount: Money,
    old_sale: Option<Named>,
    new_sale: Option<Named>,
    before: String,
    after: String,
    /// Whether the rules in force would do the same today.
    in_force_too: bool,
    because: Vec<String>,
    /// Who would have the old sale.
    rival: Option<Named>,
    evidence: Option<serde_json::Value>,
}

#[derive(Debug, Serialize)]
struct ToldMiss {
    payment: Named,
    sale: Named,
    new_sale: Option<Named>,
    after: String,
    because: Vec<String>,
    rival: Option<Named>,
}

impl Told {
    async fn of(scheme: &str, report: Report, store: &dyn Store) -> Result<Self, StoreError> {
        let names = Names::of(&report, store).await?;
        Ok(Self {
            scheme: scheme.to_owned(),
            payments: report.payments,
            unidentified: report.unidentified,
            sales: report.sales,
            against_history: report.against_history,
            against_in_force: report.against_in_force,
            forced: report.forced,
            truth_in_force: report.truth_in_force,
            truth_changed: report.truth_changed,
            differences: report
                .differences
                .into_iter()
                .map(|one| names.difference(one))
                .collect(),
            misses: report
                .misses
                .into_iter()
                .map(|one| names.miss(one))
                .collect(),
        })
    }

    fn shown(&self) -> String {
        let mut rows = table(&["", "against history", "", "against the rules in force", ""]);
        let (history, in_force) = (&self.against_history, &self.against_in_force);
        for (what, one, other) in [
            ("won: open, would match", &history.won, &in_force.won),
            (
                "lost: matched, would be open",
                &history.lost,
                &in_force.lost,
            ),
            (
                "changed: would match otherwise",
                &history.changed,
                &in_force.changed,
            ),
            ("same: would match as it did", &history.same, &in_force.same),
            ("open, and would be", &history.open, &in_force.open),
            (
                "ambiguous before",
                &history.ambiguous_before,
                &in_force.ambiguous_before,
            ),
            (
                "ambiguous after",
                &history.ambiguous_after,
                &in_force.ambiguous_after,
            ),
        ] {
            rows.add_row([
                what.to_owned(),
                grouped(one.count),
                money(one),
                grouped(other.count),
                money(other),
            ]);
        }
        let mut text = format!(
            "{}: {} payments ({}) against {} sales\n",
            self.scheme,
            grouped(self.payments.count),
            money(&self.payments),
            grouped(self.sales)
        );
        if self.unidentified.count > 0 {
            let (count, sum) = (grouped(self.unidentified.count), money(&self.unidentified));
            text.push_str(&format!(
                "left out: {count} payments ({sum}) whose card is not known\n"
            ));
        }
        text.push_str(&rows.to_string());
        text.push('\n');
        text.push_str(&self.truth_shown());
        for one in &self.differences {
            text.push_str(&one.shown());
        }
        for one in &self.misses {
            text.push_str(&one.shown());
        }
        text
    }

    fn truth_shown(&self) -> String {
        if self.forced.count == 0 {
            return "no match was made by a person: precision and recall are not known\n"
                .to_owned();
        }
        let mut text = format!(
            "by the {} matches that people made ({}):\n",
            grouped(self.forced.count),
            money(&self.forced)
        );
        for (name, truth) in [
            ("rules in force", &self.truth_in_force),
            ("changed rules", &self.truth_changed),
        ] {
            let share = |share: Option<f64>| or_dash(share.map(|share| format!("{share:.4}")));
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "  {name}: {} reproduced, {} contradicted, {} missed; precision {}, recall {}",
                grouped(truth.reproduced),
                grouped(truth.contradicted),
                grouped(truth.missed),
                share(truth.precision),
                share(truth.recall)
            );
        }
        text
    }
}

impl ToldDifference {
    fn shown(&self) -> String {
        let change = match self.change {
            Change::Won => "won",
            Change::Lost => "lost",
            Change::Changed => "changed",
        };
        let mut text = format!(
            "{change} {} ({}), {}: {}{} → {}{}\n",
            self.payment.transaction_id,
            self.payment.id,
            self.amount,
            self.before,
            sale_shown(self.old_sale.as_ref()),
            self.after,
            sale_shown(self.new_sale.as_ref())
        );
        if self.in_force_too {
            text.push_str(
                "  not by the change: the rules in force would decide so today as well\n",
            );
        }
        text.push_str(&because_shown(&self.because, self.rival.as_ref()));
        if let Some(evidence) = &self.evidence {
            text.push_str(&format!("  evidence {evidence}\n"));
        }
        text
    }
}

impl ToldMiss {
    fn shown(&self) -> String {
        format!(
            "a person matched {} ({}) with sale {} ({}); now {}{}\n{}",
            self.payment.transaction_id,
            self.payment.id,
            self.sale.transaction_id,
            self.sale.id,
            self.after,
            sale_shown(self.new_sale.as_ref()),
            because_shown(&self.because, self.rival.as_ref())
        )
    }
}

fn sale_shown(sale: Option<&Named>) -> String {
    sale.map_or_else(String::new, |sale| {
        format!(" with {} ({})", sale.transaction_id, sale.id)
    })
}

fn because_shown(because: &[String], rival: Option<&Named>) -> String {
    let mut lines: Vec<String> = because.iter().map(|line| format!("  {line}\n")).collect();
    lines.extend(rival.map(|rival| format!("  that is {} ({})\n", rival.transaction_id, rival.id)));
    lines.concat()
}

fn money(tally: &Tally) -> String {
    let sums = tally.amount_minor.iter();
    let sums: Vec<String> = sums
        .map(|(currency, minor)| format!("{currency} {}", Major(*minor)))
        .collect();
    sums.join(", ")
}

/// The providers' own ids of what is shown.
struct Names {
    payments: BTreeMap<i64, String>,
    sales: BTreeMap<i64, String>,
}

impl Names {
    async fn of(report: &Report, store: &dyn Store) -> Result<Self, StoreError> {
        let (mut payments, mut sales) = (Vec::new(), Vec::new());
        for one in &report.differences {
            payments.extend([Some(one.payment), one.rival].into_iter().flatten());
            sales.extend([one.before, one.after].into_iter().filter_map(sale_of));
        }
        for one in &report.misses {
            payments.extend([Some(one.payment), one.rival].into_iter().flatten());
            sales.extend([Some(one.sale), sale_of(one.after)].into_iter().flatten());
        }
        let payments: Vec<i64> = payments.into_iter().map(|id| id.0).collect();
        let sales: Vec<i64> = sales.into_iter().map(|id| id.0).collect();
        let payments = store.transaction_ids(Side::Payment, &payments).await?;
        let sales = store.transaction_ids(Side::Sale, &sales).await?;
        Ok(Self {
            payments: payments.into_iter().collect(),
            sales: sales.into_iter().collect(),
        })
    }

    fn payment(&self, PaymentId(id): PaymentId) -> Named {
        named(&self.payments, id)
    }

    fn sale(&self, SaleId(id): SaleId) -> Named {
        named(&self.sales, id)
    }

    fn difference(&self, one: Difference) -> ToldDifference {
        ToldDifference {
            change: one.change,
            payment: self.payment(one.payment),
            amount: one.amount,
            old_sale: sale_of(one.before).map(|id| self.sale(id)),
            new_sale: sale_of(one.after).map(|id| self.sale(id)),
            before: standing(one.before),
            after: standing(one.after),
            in_force_too: one.in_force == one.after,
            because: one.because,
            rival: one.rival.map(|id| self.payment(id)),
            evidence: one
                .evidence
                .and_then(|evidence| serde_json::from_str(&evidence).ok()),
        }
    }

    fn miss(&self, one: Miss) -> ToldMiss {
        ToldMiss {
            payment: self.payment(one.payment),
            sale: self.sale(one.sale),
            new_sale: sale_of(one.after).map(|id| self.sale(id)),
            after: standing(one.after),
            because: one.because,
            rival: one.rival.map(|id| self.payment(id)),
        }
    }
}

fn named(names: &BTreeMap<i64, String>, id: i64) -> Named {
    Named {
        id,
        transaction_id: names.get(&id).cloned().unwrap_or_default(),
    }
}

fn sale_of(standing: Standing) -> Option<SaleId> {
    match standing {
        Standing::Matched(sale) => sale,
        Standing::Open(_) => None,
    }
}

fn standing(standing: Standing) -> String {
    match standing {
        Standing::Matched(Some(_)) => "matched".to_owned(),
        Standing::Matched(None) => "accepted on sight".to_owned(),
        Standing::Open(Some(reason)) => format!("open, {reason}"),
        Standing::Open(None) => "open, its turn has not come".to_owned(),
    }
}
