//! The engine's own HTTP client: TLS, proxies, time limits, and the reason for each fault of the network.
//!
//! Supports TLS 1.2 and 1.3, and keeps connections alive. Never follows a redirect and never reads more than
//! [`MAX_BODY_BYTES`]. An exchange ends at its time limit, or when its cancel signal fires.

use std::error::Error as StdError;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::Poll;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::CertificateError;
use tokio::runtime::Handle;

use crate::engine::error::{Failure, Reason};
use crate::engine::transport::no_proxy::NoProxy;
use crate::engine::transport::{CancelSignal, Done, HttpRequest, MAX_BODY_BYTES, Request, Response, Transport};

/// The divisor that gives the time limit of a connection, including TLS, from the time limit of the whole exchange. One
/// half is left for a second address, a second attempt, or the response.
const CONNECT_SHARE: u64 = 2;

/// The largest number of idle connections per host that are kept open for the next request.
const MAX_KEPT_CONNECTIONS: usize = 64;

/// The network settings: trusted authorities, client certificate and proxies. Certificates and keys are PEM text.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Network {
    /// Replace the system's authorities.
    pub authorities: Option<String>,
    /// Are added to the system's authorities (`NODE_EXTRA_CA_CERTS`).
    pub extra_authorities: Option<String>,
    /// Are used when the system has no authorities (Node's own list).
    pub fallback_authorities: Option<String>,
    /// The client certificate and its key (RFC 8705 §2).
    pub identity: Option<String>,
    pub https_proxy: Option<String>,
    pub http_proxy: Option<String>,
    pub no_proxy: Option<String>,
    /// The time limit of a whole exchange, in milliseconds.
    pub timeout_ms: u64,
}

impl Network {
    /// Shares equal settings of the process. The authorities can be hundreds of kilobytes of text, and an application may
    /// have thousands of clients.
    pub fn shared(self) -> Arc<Network> {
        static ALL: Mutex<Vec<Weak<Network>>> = Mutex::new(Vec::new());
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|network| network.strong_count() > 0);
        if let Some(same) = all.iter().filter_map(Weak::upgrade).find(|network| **network == self) {
            return same;
        }
        let network = Arc::new(self);
        all.push(Arc::downgrade(&network));
        network
    }
}

pub struct HttpClient {
    inner: Arc<Inner>,
    runtime: fn() -> Option<Handle>,
}

struct Inner {
    network: Arc<Network>,
    no_proxy: NoProxy,
    /// One client for each combination of client certificate and proxy. See [`Inner::client`].
    clients: [OnceLock<Result<reqwest::Client, Reason>>; 4],
}

impl HttpClient {
    /// Does no I/O. The first exchange creates the TLS configuration, on the runtime's thread.
    pub fn new(network: Arc<Network>, runtime: fn() -> Option<Handle>) -> Self {
        let no_proxy = NoProxy::parse(network.no_proxy.as_deref().unwrap_or_default());
        let inner = Inner { network, no_proxy, clients: Default::default() };
        HttpClient { inner: Arc::new(inner), runtime }
    }
}

impl Transport for HttpClient {
    fn send(&self, request: Request, done: Done) {
        let (Request::Http(request), Some(runtime)) = (request, (self.runtime)()) else {
            return done(Err(Reason::ConnectionFailed.into()));
        };
        let inner = Arc::clone(&self.inner);
        runtime.spawn(async move { done(inner.exchange(request).await) });
    }
}

impl Inner {
    async fn exchange(&self, request: HttpRequest) -> Result<Response, Failure> {
        let cancel_signal = request.cancel_signal.clone();
        let default_limit = Duration::from_millis(self.network.timeout_ms);
        let deadline = request.time_limit.map_or(default_limit, |limit| limit.min(default_limit));
        let exchange = pin!(tokio::time::timeout(deadline, self.exchange_with_retry(request)));
        let answer = match cancel_signal {
            None => exchange.await.ok(),
            Some(signal) => until_cancelled(signal, exchange).await.and_then(Result::ok),
        };
        answer.unwrap_or(Err(Reason::TimedOut.into()))
    }

    async fn exchange_with_retry(&self, request: HttpRequest) -> Result<Response, Failure> {
        let is_get = request.form.is_none();
        match self.exchange_once(request.clone()).await {
            // The server may have closed an idle connection. A GET is safe to retry.
            Err(failure) if is_get && failure.reason == Reason::ConnectionFailed => self.exchange_once(request).await,
            outcome => outcome,
        }
    }

    async fn exchange_once(&self, request: HttpRequest) -> Result<Response, Failure> {
        let client = self.client(request.presents_certificate, self.no_proxy.covers(&request.url))?;
        let mut builder = match request.form {
            Some(form) => client.post(request.url).body(form),
            None => client.get(request.url),
        };
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let mut answer = builder.send().await.map_err(|error| reason_of(&error))?;
        let headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        let status = answer.status();
        let mut response = Response::head(status.as_u16(), status.canonical_reason().unwrap_or_default(), headers);
        if answer.content_length().is_some_and(|length| length > MAX_BODY_BYTES as u64) {
            return Err(response.failure(Reason::BodyTooLarge));
        }
        while let Some(chunk) = answer.chunk().await.map_err(|error| reason_of(&error))? {
            if response.body.len() + chunk.len() > MAX_BODY_BYTES {
                response.body.clear();
                return Err(response.failure(Reason::BodyTooLarge));
            }
            response.body.extend_from_slice(&chunk);
        }
        Ok(response)
    }

    /// The client for a request. Redirects are not followed, so its URL alone decides whether it uses a proxy.
    fn client(&self, presents_certificate: bool, is_direct: bool) -> Result<&reqwest::Client, Reason> {
        let slot = self.clients.get(usize::from(presents_certificate) * 2 + usize::from(is_direct));
        let slot = slot.ok_or(Reason::Internal)?;
        slot.get_or_init(|| self.build(presents_certificate, is_direct)).as_ref().map_err(|reason| *reason)
    }

    fn build(&self, presents_certificate: bool, is_direct: bool) -> Result<reqwest::Client, Reason> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_rustls()
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .tls_certs_only(self.network.roots())
            .https_only(false)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_millis(self.network.timeout_ms / CONNECT_SHARE))
            .pool_max_idle_per_host(MAX_KEPT_CONNECTIONS)
            .dns_resolver(SystemResolver)
            .user_agent(concat!("monocloud-backend-node/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        if !is_direct {
            for proxy in self.network.proxies()? {
                builder = builder.proxy(proxy);
            }
        }
        if presents_certificate {
            let pem = self.network.identity.as_deref().ok_or(Reason::ClientCertificateRequired)?;
            builder = builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).map_err(|_| Reason::TlsFailed)?);
        }
        builder.build().map_err(|_| Reason::TlsFailed)
    }
}

/// The output of the future, or `None` if the exchange is cancelled first.
async fn until_cancelled<F: Future + Unpin>(mut signal: CancelSignal, mut future: F) -> Option<F::Output> {
    let mut cancelled = pin!(async move { while signal.changed().await.is_ok() {} });
    poll_fn(|context| match Pin::new(&mut future).poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => cancelled.as_mut().poll(context).map(|()| None),
    })
    .await
}

impl Network {
    fn roots(&self) -> Vec<reqwest::Certificate> {
        let parse = |pem: &Option<String>| {
            let pem = pem.as_deref().unwrap_or_default();
            reqwest::Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default()
        };
        if self.authorities.is_some() {
            return parse(&self.authorities);
        }
        let mut roots: Vec<_> = rustls_native_certs::load_native_certs()
            .certs
            .iter()
            .filter_map(|der| reqwest::Certificate::from_der(der).ok())
            .collect();
        if roots.is_empty() {
            roots = parse(&self.fallback_authorities);
        }
        roots.extend(parse(&self.extra_authorities));
        roots
    }

    fn proxies(&self) -> Result<Vec<reqwest::Proxy>, Reason> {
        let through = |proxy: Result<reqwest::Proxy, reqwest::Error>| proxy.map_err(|_| Reason::ConnectionFailed);
        let https = self.https_proxy.as_deref().map(|url| through(reqwest::Proxy::https(url)));
        let http = self.http_proxy.as_deref().map(|url| through(reqwest::Proxy::http(url)));
        https.into_iter().chain(http).collect()
    }
}

/// Whether a PEM text contains a certificate chain and a key that TLS can use.
pub fn is_identity(pem: &str) -> bool {
    reqwest::Identity::from_pem(pem.as_bytes()).is_ok_and(|identity| {
        reqwest::Client::builder().tls_backend_rustls().tls_certs_only([]).identity(identity).build().is_ok()
    })
}

/// Whether a PEM text contains at least one certificate.
pub fn has_certificates(pem: &str) -> bool {
    reqwest::Certificate::from_pem_bundle(pem.as_bytes()).is_ok_and(|all| !all.is_empty())
}

/// The system's resolver, with an error type of its own, so that [`reason_of`] recognizes it.
struct SystemResolver;

#[derive(Debug)]
struct HostNotFound;

impl std::fmt::Display for HostNotFound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("host not found")
    }
}

impl StdError for HostNotFound {}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await.map_err(|_| HostNotFound)?.collect();
            if found.is_empty() {
                return Err(HostNotFound.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The reason for a fault of the network. The first known cause in the error's chain decides.
fn reason_of(error: &reqwest::Error) -> Reason {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(reason) = reason_of_cause(error) {
            return reason;
        }
        cause = error.source();
    }
    if error.is_timeout() { Reason::TimedOut } else { Reason::ConnectionFailed }
}

fn reason_of_cause(error: &(dyn StdError + 'static)) -> Option<Reason> {
    if error.is::<HostNotFound>() {
        return Some(Reason::HostNotFound);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(reason_of_tls(error));
    }
    let error = error.downcast_ref::<std::io::Error>()?;
    match (error.kind(), error.get_ref()) {
        (std::io::ErrorKind::ConnectionRefused, _) => Some(Reason::ConnectionRefused),
        // `source` of an `io::Error` skips the error that it wraps.
        (_, Some(inner)) => reason_of_cause(inner),
        (_, None) => None,
    }
}

fn reason_of_tls(error: &rustls::Error) -> Reason {
    let rustls::Error::InvalidCertificate(problem) = error else {
        return Reason::TlsFailed;
    };
    match problem {
        CertificateError::UnknownIssuer => Reason::TlsUnknownAuthority,
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Reason::TlsCertificateExpired,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Reason::TlsWrongHost,
        _ => Reason::TlsFailed,
    }
}
