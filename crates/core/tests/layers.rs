//! The plan of the house: imports go down only, and the wings never see each other.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::process::Command;

/// Each crate's floor. A crate may use those on lower floors only.
const FLOORS: [(&str, u8); 9] = [
    ("harmonia-core", 0),
    ("harmonia-journey", 1),
    ("harmonia-store", 2),
    ("harmonia-gateway", 2),
    ("harmonia-web", 2),
    ("harmonia-sim", 1),
    ("harmonia-trials", 1),
    ("harmonia", 3),
    ("harmonia-benches", 4),
];

/// What core must never link: it does no IO, asks no clock and draws no random numbers.
const NOT_IN_CORE: [&str; 6] = [
    "tokio",
    "rusqlite",
    "reqwest",
    "rand",
    "getrandom",
    "async-trait",
];

#[test]
fn imports_go_down_only() {
    let floors: BTreeMap<&str, u8> = FLOORS.into();
    for (name, dependencies) in workspace() {
        let Some(floor) = floors.get(name.as_str()) else {
            panic!("{name} has no floor: add it here and to ARCHITECTURE.md");
        };
        for dependency in dependencies {
            if let Some(below) = floors.get(dependency.as_str()) {
                assert!(
                    below < floor,
                    "{name} (floor {floor}) uses {dependency} (floor {below})"
                );
            }
            let is_pure = name != "harmonia-core" || !NOT_IN_CORE.contains(&dependency.as_str());
            assert!(is_pure, "core must stay pure and uses {dependency}");
        }
    }
}

/// Every crate of the workspace with what it uses, tests apart.
fn workspace() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &serde_json::Value| value["name"].as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let used = dependencies
                .filter(|dependency| dependency["kind"].is_null())
                .map(name);
            (name(package), used.collect())
        })
        .collect()
}
