//! Reading feeds into typed records, one thread: bytes and records a second.

use divan::counter::{BytesCount, ItemsCount};
use harmonia_core::feed::{Feed, MessageReader, Outcome, RawRecord};
use std::fmt::Write as _;

const RECORDS: usize = 200_000;

fn main() {
    divan::main();
}

/// The CSV of `iceland-bonus-card`: 13 columns, as the merchant sends it.
fn iceland() -> Vec<u8> {
    let mut text = String::from(
        "TransactionCardFirst6,TransactionCardLast4,TransactionCardExpiry,TransactionCardSchemeId,\
         TransactionCardScheme,TransactionStore_Id,TransactionTimestamp,TransactionAmountValue,\
         TransactionAmountUnit,TransactionCashbackValue,TransactionCashbackUnit,TransactionId,\
         TransactionAuthCode\n",
    );
    for number in 0..RECORDS {
        let second = number * 7 % 86_400;
        writeln!(
            text,
            "4{:05},{:04},01/30,2,Visa,mid-{}a,2026-06-{:02} {:02}:{:02}:{:02},{}.{:02},GBP,.00,GBP,\
             {:08x}-26ca-4b6a-a1a3-{:012x},{:06}",
            number * 31 % 100_000,
            number * 17 % 10_000,
            number % 97,
            1 + number % 30,
            second / 3600,
            second / 60 % 60,
            second % 60,
            number % 90,
            number % 100,
            number,
            number * 7919,
            number * 13 % 1_000_000
        )
        .unwrap();
    }
    text.into_bytes()
}

/// The TGX2 file of `mastercard-settled`: lines of 850 characters.
fn mastercard() -> Vec<u8> {
    let mut text = format!("{:<850}\n", "H");
    for number in 0..RECORDS {
        let minute = number * 7 % 1440;
        let mut line = [b' '; 850];
        let mut put = |at: usize, field: &str| {
            line[at..at + field.len()].copy_from_slice(field.as_bytes());
        };
        put(0, "D");
        put(21, &format!("token-{:012x}", number * 7919));
        put(102, &format!("202606{:02}", 1 + number % 30));
        put(451, &format!("mid-{}a", number % 97));
        put(500, &format!("place-{}", number % 97));
        put(518, &format!("{:012}", number % 9_000));
        put(563, &format!("{:02}{:02}", minute / 60, minute % 60));
        put(567, &format!("{:06}", number * 13 % 1_000_000));
        put(761, &format!("{number:09}"));
        text.push_str(std::str::from_utf8(&line).unwrap());
        text.push('\n');
    }
    writeln!(text, "{:<850}", "T").unwrap();
    text.into_bytes()
}

fn read_all(feed: &Feed, bytes: &[u8]) -> usize {
    let mut reader = feed.reader(bytes).unwrap();
    let mut raw = RawRecord::default();
    let mut taken = 0;
    while reader.next(&mut raw).unwrap() {
        taken += is_taken(&divan::black_box(feed.read(&raw)));
    }
    taken
}

fn is_taken(outcome: &Outcome) -> usize {
    usize::from(matches!(outcome, Outcome::Sale(_) | Outcome::Payment(_)))
}

fn file(bencher: divan::Bencher<'_, '_>, feed: &str, bytes: &[u8]) {
    let agents = harmonia_benches::agents();
    let feed = agents.iter().find_map(|agent| agent.feed(feed)).unwrap();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .counter(ItemsCount::new(RECORDS))
        .bench_local(|| {
            assert_eq!(read_all(feed, bytes), RECORDS);
        });
}

/// Messages, each read by itself, as they come from a queue.
fn messages(bencher: divan::Bencher<'_, '_>, feed: &str, messages: &[String]) {
    let agents = harmonia_benches::agents();
    let feed = agents.iter().find_map(|agent| agent.feed(feed)).unwrap();
    let bytes: usize = messages.iter().map(String::len).sum();
    let mut raw = RawRecord::default();
    bencher
        .counter(BytesCount::new(bytes))
        .counter(ItemsCount::new(messages.len()))
        .bench_local(|| {
            let mut taken = 0;
            for message in messages {
                let mut reader: MessageReader<'_> = feed.message(message.as_bytes()).unwrap();
                while reader.next(&mut raw).unwrap() {
                    taken += is_taken(&divan::black_box(feed.read(&raw)));
                }
            }
            assert_eq!(taken, messages.len());
        });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn iceland_csv(bencher: divan::Bencher<'_, '_>) {
    file(bencher, "iceland-bonus-card", &iceland());
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn mastercard_tgx2(bencher: divan::Bencher<'_, '_>) {
    file(bencher, "mastercard-settled", &mastercard());
}

/// With the pairs that the mapping reads.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn visa_settlement_small(bencher: divan::Bencher<'_, '_>) {
    let small: Vec<String> = (0..RECORDS)
        .map(|number| harmonia_benches::visa_settlement(number, false))
        .collect();
    messages(bencher, "visa-settlement", &small);
}

/// With all the pairs that the network sends.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn visa_settlement_whole(bencher: divan::Bencher<'_, '_>) {
    let whole: Vec<String> = (0..RECORDS)
        .map(|number| harmonia_benches::visa_settlement(number, true))
        .collect();
    messages(bencher, "visa-settlement", &whole);
}
