//! `mqtts://`: certificates into a rustls configuration.

use std::path::Path;
use std::sync::Arc;

use rumqttc::tokio_rustls::rustls::crypto::CryptoProvider;
use rumqttc::tokio_rustls::rustls::pki_types::pem::PemObject;
use rumqttc::tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rumqttc::tokio_rustls::rustls::{ClientConfig, RootCertStore};
use rumqttc::{TlsConfiguration, Transport};

use super::options::{Address, BrokerOptions};
use crate::mqtt::Error;

/// Where operating systems keep the certificates they trust, as one PEM file: Debian and Ubuntu, Fedora, Alpine and macOS.
const SYSTEM_BUNDLES: [&str; 3] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// TCP, or TLS with the files of the settings, read now so that a mistake is found at start.
///
/// # Errors
/// [`Error::BrokerSetting`] with key `tls` names the file and what is wrong with it.
pub(super) fn transport(options: &BrokerOptions, address: &Address) -> Result<Transport, Error> {
    if !address.is_tls {
        return Ok(Transport::tcp());
    }
    let config = client_config(options)?;
    Ok(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(config))))
}

fn client_config(options: &BrokerOptions) -> Result<ClientConfig, Error> {
    let mistake = |reason: String| options.mistake("tls", reason);
    // Pitfall 16: rumqttc is built without a provider of its own and would panic; the binary installs one at start.
    let provider = CryptoProvider::get_default()
        .ok_or_else(|| mistake("mqtts:// needs a rustls crypto provider; the program must install one at start".to_owned()))?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| mistake(error.to_string()))?
        .with_root_certificates(roots(options)?);
    match (&options.tls.certificate, &options.tls.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(options, certificate)?;
            let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| mistake(format!("key `{}`: {error}", key.display())))?;
            builder.with_client_auth_cert(chain, key_der).map_err(|error| mistake(error.to_string()))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn roots(options: &BrokerOptions) -> Result<RootCertStore, Error> {
    let file = match &options.tls.ca {
        Some(file) => file.as_path(),
        None => SYSTEM_BUNDLES.iter().map(Path::new).find(|file| file.exists()).ok_or_else(|| {
            options
                .mistake("tls", "no certificates of the operating system found; set `ca` to the file that signs the broker's certificate")
        })?,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(options, file)?);
    if added == 0 {
        return Err(options.mistake("tls", format!("`{}` holds no usable certificate", file.display())));
    }
    Ok(roots)
}

fn certificates(options: &BrokerOptions, file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| options.mistake("tls", format!("certificate file `{}`: {error}", file.display())))
}
