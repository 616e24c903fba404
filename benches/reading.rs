//! Reading feeds into typed records, one thread: bytes a second.

use divan::counter::BytesCount;
use harmonia_core::feed::{Feed, Outcome, RawRecord};
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

fn read_all(feed: &Feed, bytes: &[u8]) -> usize {
    let mut reader = feed.reader(bytes).unwrap();
    let mut raw = RawRecord::default();
    let mut taken = 0;
    while reader.next(&mut raw).unwrap() {
        taken += usize::from(matches!(
            divan::black_box(feed.read(&raw)),
            Outcome::Sale(_)
        ));
    }
    taken
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn iceland_csv(bencher: divan::Bencher<'_, '_>) {
    let agents = harmonia_benches::agents();
    let feed = agents
        .iter()
        .find_map(|agent| agent.feed("iceland-bonus-card"))
        .unwrap();
    let bytes = iceland();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| {
            assert_eq!(read_all(feed, &bytes), RECORDS);
        });
}
