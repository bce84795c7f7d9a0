//! The proxy through which a socket connects.
//!
//! Owns: the address of the proxy, and the user and password for it.
//! Always true: the address is one that can be connected to; user and password have a length that SOCKS can carry.
//! Must not know: the protocol of the proxy.

use std::fmt;

use super::hexadecimal::{push_escaped, unescape};
use super::value::OptionalValue;
use super::{OptionError, OptionValue};
use crate::endpoint::{Endpoint, Transport};
use crate::transport::SocksCredentials;

/// A SOCKS 5 proxy: its address, and a user and password if it wants them.
///
/// As text, which the option `socks_proxy` takes by name, it is `host:port` or `user:password@host:port`. There a `:` in the user,
/// and a `%`, an `@` or a control character in either, is percent-encoded as in a URL (RFC 3986, 2.1): `%3A`, `%25`, `%40`. Other
/// characters may be.
///
/// ```
/// use highwater::{Context, Push, SocksProxy};
///
/// let proxy = SocksProxy::new("proxy.example.org:1080")?.login("alice", "secret")?;
/// let push = Push::builder(&Context::new()).socks_proxy(proxy).build();
/// # Ok::<(), highwater::OptionError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SocksProxy {
    at: Endpoint,
    credentials: Option<SocksCredentials>,
}

impl SocksProxy {
    /// The proxy at `address`, a `host:port`. A host name is looked up anew at every attempt to connect.
    ///
    /// # Errors
    ///
    /// [`OptionError::Invalid`]: this is no address to connect to.
    pub fn new(address: &str) -> Result<Self, OptionError> {
        format!("tcp://{address}")
            .parse()
            .ok()
            .filter(|at: &Endpoint| {
                at.transport() == Transport::Tcp && at.check_connect().is_ok() && !at.has_source()
            })
            .map(|at| Self {
                at,
                credentials: None,
            })
            .ok_or_else(invalid)
    }

    /// Logs in as `user`, should the proxy ask for it. Both travel in the clear.
    ///
    /// # Errors
    ///
    /// [`OptionError::Invalid`]: one of the two does not have 1 to 255 bytes.
    pub fn login(
        self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Result<Self, OptionError> {
        let (user, password) = (user.into(), password.into());
        let fits = |text: &str| (1..=255).contains(&text.len());
        if !fits(&user) || !fits(&password) {
            return Err(invalid());
        }
        Ok(Self {
            credentials: Some(SocksCredentials { user, password }),
            ..self
        })
    }

    /// The address of the proxy.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.at
    }

    pub(crate) fn credentials(&self) -> Option<&SocksCredentials> {
        self.credentials.as_ref()
    }
}

fn invalid() -> OptionError {
    OptionError::Invalid {
        name: "socks_proxy",
        expected: SocksProxy::EXPECTED,
    }
}

impl fmt::Debug for SocksProxy {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksProxy")
            .field("at", &self.at)
            .field("credentials", &self.credentials)
            .finish()
    }
}

impl OptionValue for SocksProxy {
    const EXPECTED: &'static str = "host:port, or user:password@host:port \
        (user and password of 1 to 255 bytes, a : or % or @ in them as %3A, %25, %40)";

    fn parse(text: &str) -> Option<Self> {
        match text.rsplit_once('@') {
            Some((login, address)) => {
                let (user, password) = login.split_once(':')?;
                let login = (decoded(user)?, decoded(password)?);
                Self::new(address).ok()?.login(login.0, login.1).ok()
            }
            None => Self::new(text).ok(),
        }
    }

    fn print(&self) -> String {
        let at = self.at.to_string();
        let address = at.strip_prefix("tcp://").unwrap_or(&at);
        match &self.credentials {
            Some(SocksCredentials { user, password }) => {
                format!("{}:{}@{address}", encoded(user), encoded(password))
            }
            None => address.to_owned(),
        }
    }
}

/// `text`, in which the characters that would end a user or a password, or would not stay on one line, are percent-encoded.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, ':' | '%' | '@') || character.is_control() {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                push_escaped(&mut encoded, byte);
            }
        } else {
            encoded.push(character);
        }
    }
    encoded
}

/// The reverse of [`encoded`], for any character; `None` if an escape is incomplete, or if that makes no text.
fn decoded(text: &str) -> Option<String> {
    String::from_utf8(unescape(text)?).ok()
}

impl OptionalValue for SocksProxy {
    const OR_NONE: &'static str = "host:port, or user:password@host:port \
        (user and password of 1 to 255 bytes, a : or % or @ in them as %3A, %25, %40), or none";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_reads_back_and_hides_its_password() {
        for text in ["127.0.0.1:1080", "[::1]:1080", "a:p%3Aq%40r@proxy:9"] {
            let proxy = SocksProxy::parse(text).expect("a good proxy");
            assert_eq!(proxy.print(), text);
            for secret in ["p:q", "p%3Aq"] {
                assert!(!format!("{proxy:?}").contains(secret), "{proxy:?}");
            }
        }
        for text in [
            "",
            "proxy",
            "*:1080",
            "proxy:0",
            ":b@proxy:9",
            "a:@proxy:9",
            "1.1.1.1:1;2.2.2.2:2",
            "a%:b@proxy:9",
            "a:b%4@proxy:9",
            "a:b%+4@proxy:9",
            "a:b%4\u{e9}@proxy:9",
            "a:b%FF@proxy:9",
        ] {
            assert_eq!(SocksProxy::parse(text), None, "{text}");
        }
    }
    #[test]
    fn each_user_and_password_reads_back() {
        let texts = [
            "a",
            ":",
            "::",
            "a:b",
            "@",
            "%",
            "%3A",
            "%25",
            "100%",
            "a@b:c%d",
            "\n\r\0",
            "\u{e9}\u{1f511}",
            " ",
            "none",
        ];
        for user in texts {
            for password in texts {
                let proxy = SocksProxy::new("proxy:9").expect("an address");
                let proxy = proxy.login(user, password).expect("they fit");
                let text = proxy.print();
                assert_eq!(SocksProxy::parse(&text), Some(proxy), "{text}");
                assert!(!text.contains(char::is_control), "{text}");
            }
        }
        let longest = ":".repeat(255);
        let proxy = SocksProxy::new("proxy:9").expect("an address");
        let proxy = proxy.login(&*longest, &*longest).expect("they fit");
        assert_eq!(SocksProxy::parse(&proxy.print()), Some(proxy));
    }

    #[test]
    fn what_need_not_be_encoded_may_be_either_way() {
        let proxy = SocksProxy::parse("a:p:q@r@proxy:9").expect("the last @ ends the password");
        assert_eq!(SocksProxy::parse("%61:p%3aq%40r@proxy:9"), Some(proxy));
    }
}
