//! What nginx is configured with: one server, in a directory of its own, that ends with its client.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use reporter::kernel_tools::{TLS_HEADER, UPSTREAM_HEADER};

use crate::conductor::kernel::ports::PORT;
use crate::plan::{CipherSuite, Tls, TlsEnd, TlsVersion};

/// The name in the certificates beside the address: nginx compares the certificate of a proxied server with a name, and not with an address
/// (`ngx_ssl_check_host`). RFC 6761 §6.2 keeps `.test` out of the DNS.
pub(super) const CERTIFICATE_NAME: &str = "linerate.test";

/// The name of the file, as the client asks for it.
pub(super) const FILE: &str = "file";

/// What nginx listens with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listener {
    Plain,
    Tls(Tls),
}

/// Where nginx has the file from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Its own directory.
    File,
    /// Another server over plain HTTP.
    Plain(SocketAddr),
    /// Another server over TLS.
    Tls(SocketAddr, Tls),
}

/// The words of the command, in a directory with `nginx.conf`.
pub(super) fn command(directory: &str) -> Vec<String> {
    ["nginx", "-p", directory, "-c", "nginx.conf"].map(str::to_owned).to_vec()
}

/// `nginx.conf`. Paths are relative to the directory.
pub(super) fn configuration(address: IpAddr, listener: Listener, source: Source) -> String {
    let mut server = String::new();
    let listen = SocketAddr::new(address, PORT);
    match listener {
        Listener::Plain => writeln_to(&mut server, &format!("listen {listen};")),
        Listener::Tls(tls) => {
            writeln_to(&mut server, &format!("listen {listen} ssl;"));
            tls_server(&mut server, tls);
        }
    }
    match source {
        Source::File => writeln_to(&mut server, "root www;"),
        Source::Plain(from) => proxy(&mut server, &format!("http://{from}")),
        Source::Tls(from, tls) => {
            proxy(&mut server, &format!("https://{from}"));
            tls_client(&mut server, tls.suite);
        }
    }
    // One process, which ends with its parent in any way: a worker would outlive a master that is killed, and keep the port. The paths below are those of modules that are always there; elsewhere they need root.
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\nevents {{ worker_connections 64; }}\nhttp {{\n\
         access_log off;\ndefault_type application/octet-stream;\nsendfile on;\ntcp_nopush on;\n\
         client_body_temp_path tmp/body;\nproxy_temp_path tmp/proxy;\nfastcgi_temp_path tmp/fastcgi;\nuwsgi_temp_path tmp/uwsgi;\n\
         scgi_temp_path tmp/scgi;\nserver {{\n{server}}}\n}}\n"
    )
}

fn writeln_to(text: &mut String, line: &str) {
    let _ = writeln!(text, "{line}");
}

/// Each transfer makes a full handshake: no session is kept.
fn tls_server(text: &mut String, Tls { at, suite }: Tls) {
    writeln_to(text, "ssl_certificate cert.pem;\nssl_certificate_key key.pem;\nssl_session_cache off;\nssl_session_tickets off;");
    writeln_to(text, &format!("ssl_protocols {};", suite.version().openssl_name()));
    writeln_to(text, &format!("add_header {TLS_HEADER} \"$ssl_protocol $ssl_cipher\";"));
    match (suite.version(), at) {
        (TlsVersion::V12, _) => writeln_to(text, &format!("ssl_ciphers {suite};")),
        // curl offers one suite only. A proxy offers all of TLS 1.3, so that the server chooses. `ssl_conf_command` needs nginx 1.19.4.
        (TlsVersion::V13, TlsEnd::Dpu) => writeln_to(text, &format!("ssl_conf_command Ciphersuites {suite};")),
        (TlsVersion::V13, _) => {}
    }
    if at.needs_kernel_tls() {
        // nginx 1.21.4 with OpenSSL 3 built with enable-ktls.
        writeln_to(text, "ssl_conf_command Options KTLS;");
    }
}

/// No part of the file is written to a disk on the way. The proxy of the client's side reports how long its connection took.
fn proxy(text: &mut String, to: &str) {
    writeln_to(
        text,
        &format!(
            "location / {{ proxy_pass {to}; }}\nproxy_http_version 1.1;\nproxy_buffer_size 64k;\nproxy_buffers 16 64k;\n\
             proxy_busy_buffers_size 128k;\nproxy_max_temp_file_size 0;"
        ),
    );
}

/// The server's certificate is verified, always.
fn tls_client(text: &mut String, suite: CipherSuite) {
    writeln_to(
        text,
        &format!(
            "proxy_ssl_verify on;\nproxy_ssl_trusted_certificate trusted.pem;\nproxy_ssl_name {CERTIFICATE_NAME};\n\
             proxy_ssl_session_reuse off;\nproxy_ssl_protocols {};",
            suite.version().openssl_name()
        ),
    );
    if suite.version() == TlsVersion::V12 {
        writeln_to(text, &format!("proxy_ssl_ciphers {suite};"));
    }
    writeln_to(text, &format!("add_header {UPSTREAM_HEADER} $upstream_connect_time;"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 18, 0, 1));

    fn tls(at: TlsEnd, name: &str) -> Tls {
        Tls { at, suite: CipherSuite::ALL.into_iter().find(|suite| suite.name() == name).unwrap() }
    }

    #[test]
    fn a_certificate_is_verified_and_no_session_is_kept() {
        let suite = tls(TlsEnd::Dpu, "ECDHE-ECDSA-AES128-GCM-SHA256");
        let inner = configuration(ADDRESS, Listener::Plain, Source::Tls("198.18.0.2:15201".parse().unwrap(), suite));
        assert!(inner.contains("proxy_ssl_verify on;") && inner.contains("proxy_ssl_name linerate.test;"), "{inner}");
        assert!(inner.contains("proxy_pass https://198.18.0.2:15201;") && inner.contains("proxy_ssl_session_reuse off;"), "{inner}");
        let outer = configuration(ADDRESS, Listener::Tls(suite), Source::Plain("198.18.0.3:15201".parse().unwrap()));
        assert!(outer.contains("listen 198.18.0.1:15201 ssl;") && outer.contains("ssl_session_tickets off;"), "{outer}");
        assert!(outer.contains("ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;") && outer.contains("ssl_protocols TLSv1.2;"), "{outer}");
    }

    #[test]
    fn the_kernel_encrypts_only_where_the_plan_asks_for_it() {
        let with = |at| configuration(ADDRESS, Listener::Tls(tls(at, "TLS_AES_128_GCM_SHA256")), Source::File);
        assert!(!with(TlsEnd::Endpoint).contains("KTLS"));
        assert!(with(TlsEnd::EndpointKtls).contains("Options KTLS") && with(TlsEnd::EndpointInline).contains("Options KTLS"));
        assert!(configuration(ADDRESS, Listener::Plain, Source::File).contains("root www;"));
    }
}
