//! TLS to the server: it is known by its authority, or it is told nothing.

use crate::certificates::Certificates;
use crate::cluster::Cluster;
use crate::database::{Database, left_out};
use crate::support::Place;

fn behind_tls() -> Option<(Cluster, Certificates)> {
    let cluster = Cluster::new()?;
    let Some(certificates) = Certificates::new() else {
        left_out("TLS to PostgreSQL: no openssl");
        return None;
    };
    cluster.secure(
        &certificates.file("server.pem"),
        &certificates.file("server.key"),
    );
    Some((cluster, certificates))
}

#[test]
fn a_server_is_known_by_the_authority_of_its_certificate_or_told_nothing() {
    let Some((cluster, certificates)) = behind_tls() else {
        return;
    };
    let uri = cluster.uri();
    let authority = certificates.file("ca.pem");
    let full = format!(
        "{uri}?sslmode=verify-full&sslrootcert={}",
        authority.display()
    );
    let place = Place::new().with("TXM_POSTGRES_URI", &full);
    place.ok(&["demo", "-n", "200"]);
    place.ok(&["audit"]);
    let spoken =
        "SELECT string_agg(DISTINCT ssl::text, ',') FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let in_the_clear = Database::on(&uri);
    assert_eq!(
        in_the_clear.texts(spoken),
        ["false"],
        "the other way is there as well"
    );
    // What is meant where nothing is said is TLS, where the server has it: of an unknown authority too.
    let other = certificates.file("other.pem");
    let unknown = format!("{uri}?sslrootcert={}", other.display());
    for uri in [&uri, &format!("{uri}?sslmode=require"), &unknown] {
        for command in [&["status"][..], &["run"]] {
            let answer = Place::new().with("TXM_POSTGRES_URI", uri).run(command);
            assert_eq!(answer.code, Some(1), "{uri}: {answer:?}");
            assert!(
                answer.err.contains("sslrootcert=/path/to/ca.pem"),
                "{answer:?}"
            );
            assert!(!answer.err.contains("harmonia:harmonia"), "{answer:?}");
        }
    }
    let clear = format!("{uri}?sslmode=disable");
    Place::new()
        .with("TXM_POSTGRES_URI", clear)
        .ok(&["migrate", "--status"]);
    let none = format!("{uri}?sslrootcert=/no/such/file.pem");
    let answer = Place::new().with("TXM_POSTGRES_URI", none).run(&["status"]);
    assert!(answer.err.contains("/no/such/file.pem"), "{answer:?}");
}
