//! TLS by rustls with ring, and the system's CA certificates.

use reqwest::{ClientBuilder, Url};
use rustls::{ClientConfig, RootCertStore, crypto};

/// With ring as the process's provider, which reqwest takes up. A client that never speaks TLS needs no CA
/// certificates: it is given a backend that trusts nobody.
///
/// # Errors
/// What is missing.
pub(super) fn with_ring(builder: ClientBuilder, base: &Url) -> Result<ClientBuilder, String> {
    if base.scheme() == "https" {
        // An error says that a provider stands already: another client came first. No other than ring is
        // built into this workspace (deny.toml).
        if crypto::ring::default_provider().install_default().is_err()
            && crypto::CryptoProvider::get_default().is_none()
        {
            return Err("no cryptography provider can be installed".into());
        }
        return Ok(builder.tls_backend_rustls());
    }
    let trusts_nobody = ClientConfig::builder_with_provider(crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(builder.tls_backend_preconfigured(trusts_nobody))
}
