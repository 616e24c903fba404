//! TLS by rustls with ring, for every client that speaks it.

/// Makes ring what rustls computes with, once a process; whoever was there before stays.
pub fn provide() {
    // An error says that there is a provider already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
