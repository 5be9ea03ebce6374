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

/// TCP, or TLS with the files of the settings, read now so that a mistake is found before the first connection.
///
/// # Errors
/// [`Error::BrokerSetting`] names the setting, the file and what is wrong with it.
pub(super) fn transport(options: &BrokerOptions, address: &Address) -> Result<Transport, Error> {
    if address.is_tls {
        let config = client_config(options, &SYSTEM_BUNDLES.map(Path::new))?;
        return Ok(Transport::tls_with_config(TlsConfiguration::Rustls(Arc::new(config))));
    }
    let files =
        [("ca_file", &options.tls.ca_file), ("certificate_file", &options.tls.certificate_file), ("key_file", &options.tls.key_file)];
    // Somebody who names certificates believes that the connection is encrypted.
    match files.into_iter().find(|(_, file)| file.is_some()) {
        Some((key, _)) => Err(options.mistake(key, "is for encrypted connections, and `url` begins with mqtt:// instead of mqtts://")),
        None => Ok(Transport::tcp()),
    }
}

/// `system_bundles` are looked for in this order when the settings name no `ca_file`.
fn client_config(options: &BrokerOptions, system_bundles: &[&Path]) -> Result<ClientConfig, Error> {
    let roots = match &options.tls.ca_file {
        Some(file) => chosen_roots(options, file)?,
        None => system_roots(options, system_bundles)?,
    };
    // Pitfall 16: rumqttc is built without a provider of its own and would panic; the binary installs one at start.
    let provider = CryptoProvider::get_default()
        .ok_or_else(|| options.mistake("url", "mqtts:// needs a rustls crypto provider; the program must install one at start"))?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| options.mistake("url", error.to_string()))?
        .with_root_certificates(roots);
    match (&options.tls.certificate_file, &options.tls.key_file) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(options, "certificate_file", certificate)?;
            let key_der = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| options.mistake("key_file", format!("no private key can be read from {}: {error}", key.display())))?;
            builder.with_client_auth_cert(chain, key_der).map_err(|error| {
                options.mistake("key_file", format!("{} does not go with {}: {error}", key.display(), certificate.display()))
            })
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

/// The certificates of `ca_file`. Each must be usable: it was put there on purpose.
fn chosen_roots(options: &BrokerOptions, file: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1..).zip(certificates(options, "ca_file", file)?) {
        roots
            .add(certificate)
            .map_err(|error| options.mistake("ca_file", format!("certificate {number} in {} is not usable: {error}", file.display())))?;
    }
    Ok(roots)
}

/// The certificates that the operating system trusts; among so many, some may be of a kind that rustls does not know.
fn system_roots(options: &BrokerOptions, bundles: &[&Path]) -> Result<RootCertStore, Error> {
    let file = bundles.iter().find(|file| file.exists()).ok_or_else(|| {
        let names: Vec<_> = bundles.iter().map(|file| file.display().to_string()).collect();
        let reason = format!("must be set: this system has no list of trusted certificates (looked for {})", names.join(", "));
        options.mistake("ca_file", reason)
    })?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(options, "ca_file", file)?);
    if added == 0 {
        return Err(options.mistake("ca_file", format!("must be set: the system's {} holds no usable certificate", file.display())));
    }
    Ok(roots)
}

/// At least one certificate.
fn certificates(options: &BrokerOptions, key: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| options.mistake(key, format!("{} cannot be read: {error}", file.display())))?;
    if certificates.is_empty() {
        return Err(options.mistake(key, format!("{} holds no certificate in PEM form", file.display())));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::client::tests::tls::{certificates_in, install_provider};

    #[test]
    fn the_system_s_certificates_are_trusted_when_no_file_is_named() {
        install_provider();
        let folder = tempfile::tempdir().unwrap();
        certificates_in(folder.path());
        let options = BrokerOptions::new("kommune", "mqtts://broker.example", "c", ["#"]);
        let (nowhere, bundle) = (folder.path().join("nowhere"), folder.path().join("ca.crt"));
        assert_eq!(system_roots(&options, &[&nowhere, &bundle]).unwrap().len(), 1);
        assert!(client_config(&options, &[&nowhere, &bundle]).is_ok());
        let without = system_roots(&options, &[&nowhere]).unwrap_err().to_string();
        assert!(without.starts_with("broker `kommune`, setting `ca_file`: must be set") && without.contains("nowhere"), "{without}");
        let empty = folder.path().join("server.ext");
        assert!(system_roots(&options, &[&empty]).unwrap_err().to_string().contains("server.ext"));
    }
}
