//! The cryptography of CurveZMQ: keys, boxes, Z85 and certificate files.
//!
//! This crate is a part of `highwater` (feature `curve`) and has no interface of its own that is kept stable.
//!
//! Owns: X25519 keys and their text forms, XSalsa20-Poly1305 boxes with the subkey of a direction derived once, and the
//! files in which czmq and pyzmq keep keys.
//! Always true: no primitive is written here except Salsa20 and Poly1305 in vectors, which are tested against other
//! implementations at each length and width of vector. Secrets have neither `Debug` nor `Display` and are wiped when
//! dropped. Tags and secrets are compared in constant time, and a plaintext is given out only after its tag was found right.
//! Must not know: the wire format, sockets, clocks. Randomness is drawn in [`Keypair::generate`] and [`random_bytes`]
//! alone, files are touched in `files` alone.
//! Source: RFC 26/CurveZMQ, RFC 32/Z85, the NaCl paper "Cryptography in NaCl".

mod boxes;
mod certificate;
mod files;
mod keys;
mod random;
mod tags;
mod together;
mod vectors;
mod z85;
mod zpl;

pub use boxes::{BoxKey, Forged, Kernel, SharedKey, TAG};
pub use certificate::{Certificate, CertificateError};
pub use files::{CertificateFileError, CertificateFileFlaw, FileNames};
pub use keys::{KeyError, Keypair, PublicKey, SecretKey, SecretText};
pub use random::{NoRandomness, random_bytes};
pub use z85::{Z85Error, decode as z85_decode, encode as z85_encode};
pub use zpl::{ZplError, ZplFlaw};
