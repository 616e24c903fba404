//! A Redis behind TLS, whose certificate an authority of one's own signed: it is known by that, or it is
//! told nothing.

use crate::certificates::Certificates;
use crate::database::left_out;
use crate::fleet::Fleet;
use crate::server::Redis;
use crate::support::Place;

#[test]
fn a_redis_is_known_by_the_authority_of_its_certificate_or_told_nothing() {
    let Some(mut redis) = Redis::absent() else {
        return;
    };
    let Some(certificates) = Certificates::new() else {
        left_out("TLS to Redis: no openssl");
        return;
    };
    let Some(mut fleet) = Fleet::at(None) else {
        return;
    };
    redis.start_secure(&certificates);
    fleet.place = fleet.place.with("TXM_REDIS_URL", redis.secure_url());
    let alone = fleet.start(&["worker"]);
    alone.said("TXM_REDIS_CA_FILE", 1);
    alone.said("Redis is away", 1);
    assert!(!alone.stop().contains("Redis is there"));
    for (name, words) in [("other.pem", "Redis is away"), ("ca.pem", "Redis is there")] {
        let file = certificates.file(name).display().to_string();
        fleet.place = fleet.place.with("TXM_REDIS_CA_FILE", file);
        let worker = fleet.start(&["worker"]);
        worker.said(words, 1);
        worker.stop();
    }
    let nowhere = Place::new().with("TXM_REDIS_URL", redis.secure_url()).with(
        "TXM_REDIS_CA_FILE",
        certificates.file("server.key").display(),
    );
    let answer = nowhere.run(&["worker"]);
    assert_eq!(answer.code, Some(2), "{answer:?}");
    assert!(answer.err.contains("TXM_REDIS_CA_FILE="), "{answer:?}");
}
