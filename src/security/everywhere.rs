//! A run of our tests in which every socket speaks CURVE: `--cfg highwater_curve_everywhere`, which no feature switches on.
//!
//! Owns: the key of all sockets that nobody has given a security. The end that accepts is the server, the other the client.

use highwater_curve::{Keypair, SecretKey};

use super::{Mechanism, Security};

impl Security {
    pub(super) fn everywhere() -> Self {
        let pair = Keypair::from_secret(SecretKey::from_bytes([7; 32]));
        Self::curve_server(&pair).anyone()
    }
}

impl Mechanism {
    /// What the end that connects speaks.
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
