//! CURVE as the default of every socket, for test runs with `--cfg highwater_curve_everywhere`. No feature enables it.
//!
//! Owns: the key of all sockets that are given no security. The accepting end is the server, the connecting end the client.

use highwater_curve::{Keypair, SecretKey};

use super::{Mechanism, Security};

impl Security {
    pub(super) fn everywhere() -> Self {
        let pair = Keypair::from_secret(SecretKey::from_bytes([7; 32]));
        Self::curve_server(&pair).anyone()
    }
}

impl Mechanism {
    /// The mechanism of the connecting end.
    pub(crate) fn connecting(&self) -> Option<Self> {
        match self {
            Self::CurveServer { pair } => Some(Self::CurveClient {
                pair: pair.clone(),
                server: pair.public(),
            }),
            _ => None,
        }
    }
}
