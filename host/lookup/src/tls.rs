//! TLS connections and the certificates to trust. All sources use one library with one set of
//! algorithms.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::SourceProblem;

/// Trusts the certificates in a file (as PEM), or those that the system trusts.
///
/// # Errors
/// If there are no certificates to trust.
pub(crate) fn client(ca: Option<(&Path, &[u8])>) -> Result<ClientConfig, SourceProblem> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some((path, pem)) => {
            let refuse = |found: String| SourceProblem::Secret {
                path: path.to_owned(),
                found,
                wanted: "certificates as PEM (-----BEGIN CERTIFICATE-----)",
            };
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let added = certificate
                    .map_err(|error| error.to_string())
                    .and_then(|certificate| roots.add(certificate).map_err(|e| e.to_string()));
                added.map_err(|error| refuse(format!("something else: {error}")))?;
            }
            if roots.is_empty() {
                return Err(refuse("no certificate".to_owned()));
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            let (added, _) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                let message = "this system trusts no certificates: install ca-certificates, or set \
                               ca-file";
                return Err(SourceProblem::Tls(message.to_owned()));
            }
        }
    }
    trusting(roots)
}

/// Trusts these certificates only.
///
/// # Errors
/// If the library supports no version of TLS.
pub(crate) fn trusting(roots: RootCertStore) -> Result<ClientConfig, SourceProblem> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| SourceProblem::Tls(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The provider of algorithms and random numbers.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
