//! What is made from the list of settings must not be stale: `.env.example`.
//! `UPDATE_DOCS=1 cargo test -p harmonia-core --test settings` writes it anew.

use std::path::Path;

#[test]
fn the_example_environment_names_every_setting() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.env.example");
    let wanted = harmonia_core::settings::env_example();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        found, wanted,
        ".env.example is stale: run with UPDATE_DOCS=1"
    );
}
