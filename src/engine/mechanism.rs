//! The mechanism of a connection: what a socket was told to speak, and the secrets of one handshake.
//!
//! Owns: the cookie key of this I/O thread.
//! Always true: the random bytes of a handshake are the system's, and are used for no other; without them there is no
//! handshake.
//! Must not know: who may come in.

use std::io;

use super::EndpointConfig;
use crate::security::Mechanism;
#[cfg(feature = "curve")]
use crate::security::NoRandomness;
#[cfg(feature = "curve")]
use crate::zmtp::{ClientSeeds, CookieJar, CurveClient, CurveLimits, CurveServer, ServerSeeds};
use crate::zmtp::{Handshake, HandshakeConfig};

/// Makes handshakes.
#[derive(Debug, Default)]
pub(super) struct Mechanisms {
    /// Once there has been a server of CURVE.
    #[cfg(feature = "curve")]
    cookies: Option<CookieJar>,
}

impl Mechanisms {
    /// A handshake of a connection of this endpoint.
    ///
    /// # Errors
    ///
    /// The system gives no random bytes.
    pub(super) fn handshake(
        &mut self,
        config: HandshakeConfig,
        endpoint: &EndpointConfig,
        accepted: bool,
    ) -> io::Result<Handshake> {
        let mechanism = endpoint.options.security.mechanism();
        #[cfg(highwater_curve_everywhere)]
        let connecting = mechanism.connecting().filter(|_| !accepted);
        #[cfg(highwater_curve_everywhere)]
        let mechanism = connecting.as_ref().unwrap_or(mechanism);
        // The role is the socket's, whichever end it is of a connection.
        let _ = accepted;
        Ok(match mechanism {
            Mechanism::Null => Handshake::new(config),
            Mechanism::PlainClient { user, password } => {
                Handshake::plain_client(config, user.clone(), password.clone())
            }
            Mechanism::PlainServer => Handshake::plain_server(config),
            #[cfg(feature = "curve")]
            Mechanism::CurveClient { pair, server } => {
                let seeds = ClientSeeds {
                    transient: random_bytes()?,
                    vouch: random_bytes()?,
                };
                let client = CurveClient::new(pair.clone(), *server, &seeds, limits(endpoint));
                Handshake::curve_client(config, client)
            }
            #[cfg(feature = "curve")]
            Mechanism::CurveServer { pair } => {
                let seeds = ServerSeeds {
                    transient: random_bytes()?,
                    welcome: random_bytes()?,
                    cookie: random_bytes()?,
                };
                let server =
                    CurveServer::new(pair.clone(), self.cookie_key()?, seeds, limits(endpoint));
                Handshake::curve_server(config, server)
            }
        })
    }

    #[cfg(feature = "curve")]
    fn cookie_key(&mut self) -> io::Result<highwater_curve::SharedKey> {
        let now = std::time::Instant::now();
        let fresh = random_bytes()?;
        let jar = self
            .cookies
            .get_or_insert_with(|| CookieJar::new(fresh, now));
        Ok(jar.key(now, || fresh))
    }
}

/// Strict: a counter that is skipped ends the connection, since no peer skips one by itself.
#[cfg(feature = "curve")]
fn limits(endpoint: &EndpointConfig) -> CurveLimits {
    CurveLimits {
        max_frame: endpoint.options.max_message_size,
        allows_gaps: false,
    }
}

#[cfg(feature = "curve")]
fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    highwater_curve::random_bytes().map_err(|refused: NoRandomness| io::Error::other(refused))
}
