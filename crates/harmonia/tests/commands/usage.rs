//! Wrong usage: exit code 2, before anything was touched, and words that say what would be right.

use crate::support::Place;
use crate::{assert_has, assert_says};

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_would_be_right() {
    let place = Place::new();
    let cases: &[(&[&str], &[&str])] = &[
        (&[], &["Usage: harmonia"]),
        (&["fly"], &["unrecognized subcommand 'fly'"]),
        (&["import"], &["<AGENT>"]),
        (
            &["import", "nobody"],
            &[
                "there is no feed \"nobody\"",
                "example-loyalty-scheme",
                "visa-auth",
            ],
        ),
        (
            &["import", "visa"],
            &["visa has several feeds: name one of visa-auth, visa-refund, visa-settlement"],
        ),
        (
            &["import", "the-works"],
            &[
                "the-works arrives nowhere that could be watched",
                "name the files",
            ],
        ),
        (
            &["import", "visa-auth", "--once"],
            &["visa-auth does not arrive as files", "name the files"],
        ),
        (
            &["import", "itsu", "--format", "excel"],
            &["excel", "canonical"],
        ),
        (
            &["drain", "--timeout", "soon"],
            &["\"soon\" is not a duration: write 30s, 5m or 1h"],
        ),
        (
            &["matches", "--since", "yesterday"],
            &["\"yesterday\" is not a time: write 2026-06-02"],
        ),
        (
            &["exports", "list", "--status", "LOST"],
            &["LOST is not a state: use PENDING, IN_FLIGHT, DELIVERED"],
        ),
        (
            &["mids", "remove", "visa", "TERTIARY", "x"],
            &["TERTIARY", "use PRIMARY, SECONDARY or PSIMI"],
        ),
        (&["why", "refund", "x"], &["refund", "payment", "sale"]),
        (&["generate"], &["--out"]),
        (
            &["generate", "--out", "x", "--older-files"],
            &["only amex has an older file", "name a --scheme"],
        ),
        (&["demo", "-n", "0"], &["0", "1.."]),
    ];
    for (arguments, words) in cases {
        let answer = place.run(arguments);
        assert_says(&answer, 2, words);
        assert_eq!(answer.out, "", "{arguments:?}");
    }
}

#[test]
fn help_of_every_command_is_exit_code_0_and_names_settings_and_exit_codes() {
    let place = Place::new();
    let help = place.ok(&["--help"]);
    assert_has(
        &help,
        &[
            "TXM_DATA_DIR",
            "TXM_AGENTS_DIR",
            "Exit codes: 0 done; 1 failed; 2 wrong usage",
        ],
    );
    for command in [
        "demo",
        "run",
        "migrate",
        "import",
        "drain",
        "mids",
        "cards",
        "check",
        "why",
        "review",
        "claim",
        "lifecycle",
        "matches",
        "rejects",
        "exports",
        "generate",
        "status",
        "audit",
    ] {
        assert_has(&help, &[command]);
        assert_has(
            &place.ok(&[command, "--help"]),
            &["Usage: harmonia", "--json"],
        );
    }
    assert_has(&place.ok(&["--version"]), &["harmonia 0."]);
    assert!(
        !place.path("data").exists(),
        "asking for help creates nothing"
    );
}

#[test]
fn a_setting_that_is_wrong_is_named_and_nothing_begins() {
    for (name, value, words) in [
        (
            "TXM_FOO",
            "1",
            "TXM_FOO: there is no such setting; `harmonia --help` lists them",
        ),
        (
            "TXM_SENTRY_DSN",
            "https://hermes",
            "TXM_SENTRY_DSN: this build of Harmonia does not have",
        ),
        (
            "TXM_BATCH_SIZE",
            "0",
            "TXM_BATCH_SIZE=\"0\": write a whole number from 1 to 10000",
        ),
        (
            "TXM_LOG_JSON",
            "maybe",
            "TXM_LOG_JSON=\"maybe\": write true or false",
        ),
        (
            "TXM_LEASE_SECONDS",
            "long",
            "TXM_LEASE_SECONDS=\"long\": write a whole number",
        ),
    ] {
        let place = Place::new().with(name, value);
        assert_says(&place.run(&["status"]), 2, &[words]);
        assert!(!place.path("data").exists());
    }
}

#[test]
fn a_file_of_settings_fills_in_what_the_environment_lacks() {
    let place = Place::new();
    place.write(".env", "TXM_BATCH_SIZE=many\n");
    assert_says(&place.run(&["status"]), 2, &["TXM_BATCH_SIZE=\"many\""]);
    let place = Place::new().with("TXM_BATCH_SIZE", 100);
    place.write(".env", "TXM_BATCH_SIZE=many\n");
    place.ok(&["status"]);
}

#[test]
fn a_missing_folder_of_agents_is_an_error_that_names_its_setting() {
    let place = Place::new();
    let empty = place.path("nothing");
    let place = place.with("TXM_AGENTS_DIR", empty.display());
    for arguments in [&["drain"][..], &["check"], &["import", "itsu"], &["run"]] {
        assert_says(
            &place.run(arguments),
            1,
            &[empty.to_str().unwrap(), "Set TXM_AGENTS_DIR"],
        );
    }
    std::fs::create_dir(&empty).unwrap();
    assert_says(
        &place.run(&["drain"]),
        1,
        &["there are no agent files", "set TXM_AGENTS_DIR"],
    );
}
